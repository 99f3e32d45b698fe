"""Many deployments at once: GPUs that an engine cannot tell apart share one estimate.

An engine says what of a GPU its estimates read (``engines.Engine``): a few traits, and a share of the runtime's own,
which is added. So a model is estimated once per kind of GPU, by the function that every check calls, and then held
against what each GPU offers. What comes out is what ``verdict.judge`` says of each deployment by itself.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import record, replace
from vramfit.engines import Share, engine
from vramfit.errors import VramfitError
from vramfit.hardware import usable_bytes
from vramfit.model import parameters
from vramfit.quantization import SCHEMES
from vramfit.quantization.quality import REFERENCE, quality, quality_rank
from vramfit.verdict import word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, TypedDict

    from vramfit.engines import Deployment, Estimate
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.workload import Workload

    class Cell(TypedDict):
        """The verdict on one deployment, as a check gives it; plain data, since a sweep makes hundreds of thousands."""

        verdict: str
        required_bytes: int | None
        """The expected need over all GPUs."""
        usable_bytes: int | None
        """What the GPUs offer together, others' reserve taken off, and no more than the engine lets itself have."""
        headroom_bytes: int | None
        """On the tightest GPU; negative for a deficit."""
        error: dict[str, str | None] | None
        """Why there is no verdict: code, message and hint."""


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


@record
class _Need:
    """What GPUs of one kind must hold beside the runtime's share, in bytes per GPU."""

    expected: tuple[int, ...]
    high: tuple[int, ...]
    host_headroom_bytes: int | None
    bare: Estimate


class Sweep:
    """Sets of GPUs to be held against many models in one engine, for all models with one workload."""

    def __init__(self, sets: Sequence[tuple[Gpu, ...]], engine_name: str, work: Workload) -> None:
        self._engine = engine(engine_name)
        self._declared = hasattr(self._engine, "gpu_traits")
        self._work = work
        self.refused: VramfitError | None = None
        """The first reason why a cell has no answer."""
        self._alike: list[_Alike] = []
        numbers: dict[tuple[object, ...], int] = {}
        self._number = [self._add(gpus, numbers) for gpus in sets]

    def _add(self, gpus: tuple[Gpu, ...], numbers: dict[tuple[object, ...], int]) -> int:
        work = self._work
        traits: tuple[object, ...]
        if self._declared:
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

    def judge(self, deployment: Deployment, wanted: Sequence[int] | None = None) -> list[Cell]:
        """The answer for each of the ``wanted`` sets, or for all, in the place of the deployment's own GPUs.

        Sets that are alike share one cell.
        """
        chosen = self._number if wanted is None else [self._number[index] for index in wanted]
        kinds: dict[tuple[object, ...], _Need | Cell] = {}
        found: dict[int, Cell] = {}
        for number in set(chosen):
            alike = self._alike[number]
            need = kinds.get(alike.traits)
            if need is None:
                need = kinds[alike.traits] = self._need(deployment, alike)
            found[number] = self._held_against(alike, deployment, need) if isinstance(need, _Need) else need
        return [found[number] for number in chosen]

    def _need(self, deployment: Deployment, alike: _Alike) -> _Need | Cell:
        """The estimate for one kind of GPUs, without the runtime's share of them."""
        try:
            estimate = self._engine.estimate(replace(deployment, gpus=alike.gpus))
        except VramfitError as error:
            self.refused = self.refused or error
            return refusal(error)
        pairs = list(zip(estimate.gpus, alike.shares, strict=True))
        ram = self._work.ram_bytes
        devices = [
            replace(
                device,
                overhead_bytes=device.overhead_bytes - share.expected,
                low_bytes=device.low_bytes - share.low,
                high_bytes=device.high_bytes - share.high,
            )
            for device, share in pairs
        ]
        return _Need(
            tuple([device.total_bytes for device in devices]),
            tuple([device.high_bytes for device in devices]),
            None if ram is None else ram - estimate.host.total_bytes,
            replace(estimate, gpus=tuple(devices)),
        )

    def _held_against(self, alike: _Alike, deployment: Deployment, need: _Need) -> Cell:
        budgets = need.bare.budget_bytes
        if self._declared:
            budgets = self._engine.budgets(alike.gpus, deployment.model, self._work, need.bare)
        required = offered = 0
        headroom = certain = None
        for index, (usable, share) in enumerate(zip(alike.usable, alike.shares, strict=True)):
            limit = usable
            if budgets is not None and budgets[index] + share.expected < usable:
                limit = budgets[index] + share.expected
            total = need.expected[index] + share.expected
            required += total
            offered += limit
            room, surely = limit - total, limit - need.high[index] - share.high
            if headroom is None or room < headroom:
                headroom = room
            if certain is None or surely < certain:
                certain = surely
        if headroom is None or certain is None:
            raise AssertionError("a set of GPUs has at least one")
        return {
            "verdict": word(headroom, certain, need.host_headroom_bytes),
            "required_bytes": required,
            "usable_bytes": offered,
            "headroom_bytes": headroom,
            "error": None,
        }


@per_model
def ladder(model: Model, engine_name: str, labels: tuple[str, ...], sixteen_bit: bool) -> tuple[Scheme, ...]:
    """The table's schemes that an engine loads, best measured quality first, of those with one of ``labels``.

    What the model was released in is the first and of more bits nothing is gained. Of a 16-bit release that is the
    engine's 16-bit form, which ``sixteen_bit`` leaves in.
    """
    families = engine(engine_name).FAMILIES
    size = parameters(model)
    found = []
    released = False
    for scheme in SCHEMES.values():
        if scheme.family in families and scheme.id not in REFERENCE:
            label, _ = quality(scheme.id, size, model.dtype)
            released = released or label == "reference"
            if label in labels:
                found.append((quality_rank(scheme.id, size, model.dtype), scheme))
    ranked = [scheme for _, scheme in sorted(found, key=lambda pair: pair[0])]
    if sixteen_bit and not released:
        ranked.insert(0, SCHEMES[engine(engine_name).SCHEME_OF_CLASS["fp16"]])
    return tuple(ranked)


def refusal(error: VramfitError) -> Cell:
    """The cell of a deployment that cannot be answered for."""
    told: dict[str, Any] = {"code": error.code, "message": error.message, "hint": error.hint}
    return {"verdict": "unknown", "required_bytes": None, "usable_bytes": None, "headroom_bytes": None, "error": told}
