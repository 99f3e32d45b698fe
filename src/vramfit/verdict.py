"""Verdict on a deployment: its estimate compared with what the devices offer."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines import engine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate

LEVELS = {"fits": 2, "tight": 1, "exceeds": 0}
"""Rank of each verdict. A deployment asks for at least ``fits`` or ``tight``."""


class Verdict(Record):
    """Answer to the question whether a deployment fits."""

    word: str
    """``fits`` if even the high estimate is within every device, ``tight`` if the expected one is, else ``exceeds``."""
    headroom_bytes: int
    """Usable minus expected bytes on the tightest GPU; negative for a deficit."""
    usable_bytes: tuple[int, ...]
    """Bytes usable on each GPU: without the reserve for other programs, and no more than the engine allows itself."""
    host_headroom_bytes: int | None
    """Host memory left; None when the host's size was not given."""

    def reaches(self, level: str) -> bool:
        """True if the verdict is at least as good as ``level``."""
        return LEVELS[self.word] >= LEVELS[level]


def judge(deployment: Deployment, estimate: Estimate) -> Verdict:
    """Judge per device, as the contract says: a model split over GPUs fits only if every share fits."""
    work, runtime = deployment.workload, engine(deployment.engine)
    offered = [runtime.offered_bytes(gpu, work) for gpu in deployment.gpus]
    usable = tuple([size - work.reserve_bytes for size in offered])
    if estimate.pool is not None:
        limits = estimate.pool.limits(offered)
        usable = tuple([min(pair) for pair in zip(usable, limits, strict=True)])
    pairs = tuple(zip(estimate.gpus, usable, strict=True))
    headroom = min([limit - device.total_bytes for device, limit in pairs])
    certain = min([limit - device.high_bytes for device, limit in pairs])
    host_headroom = None if work.ram_bytes is None else work.ram_bytes - estimate.host.total_bytes
    return Verdict(word(headroom, certain, host_headroom), headroom, usable, host_headroom)


def word(headroom_bytes: int, certain_bytes: int, host_headroom_bytes: int | None) -> str:
    """Word of the verdict, from what the expected and the high need leave on the tightest GPU and in the host.

    ``host_headroom_bytes`` is None when the host's size is unknown, which counts against nothing.
    """
    if headroom_bytes < 0 or (host_headroom_bytes is not None and host_headroom_bytes < 0):
        return "exceeds"
    return "fits" if certain_bytes >= 0 else "tight"
