"""Machines that the GPUs of a server are in: their number, and the division of a model that suits it."""

from __future__ import annotations

from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.hardware import Gpu

GPUS_PER_MACHINE = 8
"""Number of GPUs of a usual server."""
SUPERCHIPS = {"gb200": 4, "gb300": 4}
"""Number of GPUs of a machine of one rack whose machines share one NVLink, by the card's id (NVIDIA GB200 NVL72 and GB300
NVL72 data sheets: 18 trays of 4)."""
NAMES = ("FIRST_MACHINE", "SECOND_MACHINE", "THIRD_MACHINE", "FOURTH_MACHINE")
"""Placeholders for the addresses of machines, which only the user knows."""


def spread(gpus: Sequence[Gpu], nodes: int | None) -> tuple[int, int]:
    """Numbers of machines of the GPUs, and of pipeline stages by default.

    Layers are split inside a machine and stages lie across machines, since a split sums twice per layer over the link.
    Where machines have one GPU each, or share an NVLink, layers are split over all of them. Raises ``UsageError`` if
    ``nodes`` does not divide the GPUs.
    """
    count = len(gpus)
    if nodes is not None:
        if count % nodes:
            raise UsageError(
                f"{count} GPUs are not in {nodes} equal machines", "the number of GPUs must be a multiple of nodes"
            )
        machines = nodes
    else:
        machines, left = divmod(count, _gpus_each(gpus[0]))
        machines = 1 if left or not machines else machines
    across = gpus[0].id in SUPERCHIPS or machines == count
    return machines, 1 if across else machines


def _gpus_each(gpu: Gpu) -> int:
    """Usual number of such GPUs in a machine: one if it is a machine by itself (Jetson, GB10)."""
    return 1 if gpu.unified and gpu.segment == "embedded" else SUPERCHIPS.get(gpu.id, GPUS_PER_MACHINE)


def names(count: int) -> list[str]:
    """Placeholders for the addresses of so many machines."""
    return [*NAMES[:count], *[f"MACHINE_{number}" for number in range(len(NAMES) + 1, count + 1)]]
