"""Many deployments at once: GPUs that an engine cannot tell apart share one estimate.

An engine says what of a GPU its estimates read (``engines``): a few traits, and a share of the runtime's own,
which is added. So a model is estimated once per kind of GPU, by the function that every check calls, and then held
against what each GPU offers. What comes out is what ``verdict.judge`` says of each deployment by itself.
"""

from __future__ import annotations

from vramfit._record import record, replace
from vramfit.engines import Share, engine
from vramfit.errors import VramfitError
from vramfit.hardware import usable_bytes
from vramfit.verdict import word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines import Deployment, DeviceMemory, Estimate
    from vramfit.hardware import Gpu
    from vramfit.workload import Workload


@record
class Judged:
    """The verdict on one deployment, as a check gives it."""

    verdict: str
    required_bytes: int
    """The expected need over all GPUs."""
    usable_bytes: int
    """What the GPUs offer together, others' reserve taken off, and no more than the engine lets itself have."""
    headroom_bytes: int
    """On the tightest GPU; negative for a deficit."""


@record
class _Alike:
    """Sets of GPUs that get the same answer to everything."""

    gpus: tuple[Gpu, ...]
    """One of the sets."""
    traits: tuple[object, ...]
    """How many they are, and what of them the engine's estimate reads."""
    shares: tuple[Share, ...]
    usable: tuple[int, ...]
    """Bytes each GPU offers, others' reserve taken off."""


class Sweep:
    """Sets of GPUs to be held against many models in one engine, all with the settings of one workload.

    Of the workload only what the models share counts here: the platform and what others hold of the GPUs.
    """

    def __init__(self, sets: Sequence[tuple[Gpu, ...]], engine_name: str, work: Workload) -> None:
        self._engine = engine(engine_name)
        self._alike: list[_Alike] = []
        numbers: dict[tuple[object, ...], int] = {}
        self._number = [self._add(gpus, work, numbers) for gpus in sets]

    def _add(self, gpus: tuple[Gpu, ...], work: Workload, numbers: dict[tuple[object, ...], int]) -> int:
        traits: tuple[object, ...]
        if hasattr(self._engine, "gpu_traits"):
            traits = (len(gpus), *self._engine.gpu_traits(gpus, work))
            shares = tuple([self._engine.runtime_share(gpu, work) for gpu in gpus])
        else:
            # Kept alive in ``_Alike``, so that their identity is never another's.
            traits, shares = tuple([id(gpu) for gpu in gpus]), (Share(0, 0, 0),) * len(gpus)
        usable = tuple([usable_bytes(gpu, work.platform) - work.reserve_bytes for gpu in gpus])
        # Budgets read a card's reported memory beside what it offers.
        key = (traits, shares, usable, *[gpu.memory_bytes for gpu in gpus])
        number = numbers.setdefault(key, len(self._alike))
        if number == len(self._alike):
            self._alike.append(_Alike(gpus, traits, shares, usable))
        return number

    def judge(self, deployment: Deployment) -> list[Judged | VramfitError]:
        """The answer for each set of GPUs in the place of the deployment's own, or why there is none."""
        kinds: dict[tuple[object, ...], Estimate | VramfitError] = {}
        found: list[Judged | VramfitError] = []
        for alike in self._alike:
            bare = kinds.get(alike.traits)
            if bare is None:
                bare = kinds[alike.traits] = self._bare(deployment, alike)
            found.append(bare if isinstance(bare, VramfitError) else self._held_against(alike, deployment, bare))
        return [found[number] for number in self._number]

    def _bare(self, deployment: Deployment, alike: _Alike) -> Estimate | VramfitError:
        """The estimate for one kind of GPUs, without the runtime's share of them."""
        try:
            estimate = self._engine.estimate(replace(deployment, gpus=alike.gpus))
        except VramfitError as error:
            return error
        devices = tuple([_without(device, share) for device, share in zip(estimate.gpus, alike.shares, strict=True)])
        return replace(estimate, gpus=devices)

    def _held_against(self, alike: _Alike, deployment: Deployment, bare: Estimate) -> Judged:
        work = deployment.workload
        budgets = bare.budget_bytes
        if hasattr(self._engine, "gpu_traits"):
            budgets = self._engine.budgets(alike.gpus, deployment.model, work, bare)
        required = offered = 0
        rooms, certain = [], []
        for number, (device, share, usable) in enumerate(zip(bare.gpus, alike.shares, alike.usable, strict=True)):
            limit = usable if budgets is None else min(usable, budgets[number] + share.expected)
            total = device.total_bytes + share.expected
            required += total
            offered += limit
            rooms.append(limit - total)
            certain.append(limit - device.high_bytes - share.high)
        headroom = min(rooms)
        host = None if work.ram_bytes is None else work.ram_bytes - bare.host.total_bytes
        return Judged(word(headroom, min(certain), host), required, offered, headroom)


def _without(device: DeviceMemory, share: Share) -> DeviceMemory:
    return replace(
        device,
        overhead_bytes=device.overhead_bytes - share.expected,
        low_bytes=device.low_bytes - share.low,
        high_bytes=device.high_bytes - share.high,
    )
