"""Single GPUs on which the runtime takes equal shares, by what they offer: where one comparison settles many verdicts."""

from __future__ import annotations

from bisect import bisect_left

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.engines.interface import Estimate
    from vramfit.sweep.cells import Run

    Figures = tuple[int, int, int, int | None]
    """Figures of one GPU that a comparison needs: the runtime's expected share and its largest; the bytes that the GPU
    offers, less the reserve; and the memory that it shares with the CPU, None if it shares none or if that is not known."""


class Band(Record):
    """Single GPUs with one share of the runtime."""

    share_bytes: int
    """Expected share of the runtime."""
    most_bytes: int
    """Largest share of the runtime."""
    stopped: bool
    """True if the engine does not start on them."""
    machine_bytes: int | None
    """Memory that they share with the CPU; None if they share none, if it is not known, or if nothing is in the host."""
    offers: tuple[int, ...]
    """Usable bytes, rising."""
    numbers: tuple[tuple[int, ...], ...]
    """Numbers of the sets that offer each of these."""

    def runs(self, need: Estimate) -> list[Run]:
        """Cells of an estimate, one for each of ``offers``, each as ``verdict.judge`` would make it."""
        (device,) = need.gpus
        required = device.total_bytes + self.share_bytes
        offers, machine = self.offers, self.machine_bytes
        end = len(offers)
        if self.stopped:
            return [("unsupported", required, offers, 0, end)]
        if machine is not None and max(0, machine - required) < need.host.total_bytes:
            return [("exceeds", required, offers, 0, end)]
        holding = bisect_left(offers, required)
        certain = bisect_left(offers, device.high_bytes + self.most_bytes, holding)
        found: list[Run] = []
        if holding:
            found.append(("exceeds", required, offers, 0, holding))
        if holding < certain:
            found.append(("tight", required, offers, holding, certain))
        if certain < end:
            found.append(("fits", required, offers, certain, end))
        return found


def bands(singles: Iterable[tuple[int, Figures, bool]], with_host: bool) -> tuple[Band, ...]:
    """Bands of single GPUs, each with the number of its set and True if the engine does not start on it.

    ``with_host`` keeps those apart that share their memory with the CPU, for a need that has something in the host.
    """
    found: dict[tuple[int, int, bool, int | None], dict[int, list[int]]] = {}
    for number, (share, most, limit, machine), stopped in singles:
        key = (share, most, stopped, machine if with_host else None)
        found.setdefault(key, {}).setdefault(limit, []).append(number)
    made = []
    for key, by_offer in found.items():
        offers = sorted(by_offer)
        made.append(Band(*key, tuple(offers), tuple([tuple(by_offer[limit]) for limit in offers])))
    return tuple(made)
