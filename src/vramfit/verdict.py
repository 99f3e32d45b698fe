"""Verdict on a deployment: its estimate compared with what the devices offer."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines import engine
from vramfit.hardware import usable_bytes
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.pool import Pool
    from vramfit.hardware import Gpu
    from vramfit.workload.common import Workload

LEVELS = {"fits": 2, "tight": 1, "exceeds": 0, "unsupported": -1}
"""Rank of each verdict. A deployment asks for at least ``fits`` or ``tight``."""
RUNS = ("fits", "tight")
"""Verdicts on deployments that run."""


class Verdict(Record):
    """Answer to the question whether a deployment fits."""

    word: str
    """``fits`` if even the high estimate is within every device, ``tight`` if the expected one is, else ``exceeds``;
    ``unsupported`` if the engine does not start it whatever the memory."""
    headroom_bytes: int
    """Usable minus expected bytes on the tightest GPU; negative for a deficit."""
    usable_bytes: tuple[int, ...]
    """Bytes usable on each GPU: without the reserve for other programs, and no more than the engine allows itself."""
    host_headroom_bytes: int | None
    """Host memory left, less what GPUs that share it take; None when the host's size is not known."""
    refusal: str | None = None
    """Reason why the engine does not start, where the need alone does not say it; None if it starts."""

    def reaches(self, level: str) -> bool:
        """True if the verdict is at least as good as ``level``."""
        return LEVELS[self.word] >= LEVELS[level]


def judge(deployment: Deployment, estimate: Estimate) -> Verdict:
    """Judge per device, as the contract says: a model split over GPUs fits only if every share fits."""
    work, runtime = deployment.workload, engine(deployment.engine)
    offered = runtime.offered_on(deployment.gpus, work)
    usable = tuple([size - work.reserve_bytes for size in offered])
    pool = estimate.pool
    if pool is not None:
        limits = [min(pair) for pair in zip(usable, pool.limits(offered, work.reserve_bytes), strict=True)]
        triples = zip(limits, usable, estimate.gpus, strict=True)
        usable = tuple(
            [pool.stretched(limit, most, gpu.total_bytes, gpu.kv_cache_bytes) for limit, most, gpu in triples]
        )
    pairs = tuple(zip(estimate.gpus, usable, strict=True))
    headroom = min([limit - device.total_bytes for device, limit in pairs])
    certain = min([limit - device.high_bytes for device, limit in pairs])
    refusal = estimate.refusal
    if pool is not None:
        left = [limit - device.total_bytes for device, limit in pairs]
        short, reason = _at_the_start(runtime.title, pool, offered, work.reserve_bytes, left)
        refusal = refusal or reason
        if short:
            headroom = min(headroom, -short)
    shared = sum(
        [device.total_bytes for device, gpu in zip(estimate.gpus, deployment.gpus, strict=True) if gpu.unified]
    )
    machine = machine_bytes(deployment.gpus, work)
    host_headroom = host_room(work, machine, estimate.host.total_bytes, shared)
    kind = word(headroom, certain, host_headroom) if estimate.refusal is None else "unsupported"
    return Verdict(kind, headroom, usable, host_headroom, refusal)


def _at_the_start(
    title: str, pool: Pool, offered: Sequence[int], reserve_bytes: int, left: Sequence[int]
) -> tuple[int, str | None]:
    """Bytes that are short when an engine starts and the reason for it; 0 and None if it starts.

    ``left`` has the bytes that the need leaves of each GPU. Where the need itself is not met and what exists for a moment
    is short too, the need is the reason, and none is given.
    """
    short = pool.short_bytes(offered, reserve_bytes)
    if not short:
        lacking = pool.lacking_bytes(left)
        return lacking, pool.spare_reason if lacking else None
    if pool.starting_short_bytes(offered, reserve_bytes) == short:
        reason = f"while {title} starts, {gib(short)} more than each card has is taken {pool.starting_text}"
        return short, reason if min(left) >= 0 else None
    return short, pool.reason(title, offered, reserve_bytes)


def machine_bytes(gpus: Sequence[Gpu], work: Workload) -> int | None:
    """Memory that CPU and GPUs share, less the reserve; None if the GPUs have memory of their own, or it is not known.

    It is that of the device where the device comes with it (Apple, Jetson, boards). An integrated GPU that may have all
    of the memory that is known of it leaves the machine's to ``ram``.
    """
    machine = 0
    for gpu in gpus:
        if not gpu.unified:
            continue
        known = gpu.memory_bytes
        if gpu.segment == "apu":
            if work.ram_bytes is None and usable_bytes(gpu, work.platform) >= known:
                return None
            known = max(known, work.ram_bytes or 0)
        machine += known - work.reserve_bytes
    return machine or None


def host_room(work: Workload, machine: int | None, host_bytes: int, shared_bytes: int) -> int | None:
    """Bytes of host memory that are left; None when its size is not known.

    ``machine`` is the memory that CPU and GPUs share, of which the GPUs take ``shared_bytes``.
    """
    rooms = [] if work.ram_bytes is None else [work.ram_bytes - host_bytes]
    if machine is not None:
        rooms.append(max(0, machine - shared_bytes) - host_bytes)
    return min(rooms, default=None)


def word(headroom_bytes: int, certain_bytes: int, host_headroom_bytes: int | None) -> str:
    """Word of the verdict, from what the expected and the high need leave on the tightest GPU and in the host.

    ``host_headroom_bytes`` is None when the host's size is unknown, which counts against nothing.
    """
    if headroom_bytes < 0 or (host_headroom_bytes is not None and host_headroom_bytes < 0):
        return "exceeds"
    return "fits" if certain_bytes >= 0 else "tight"
