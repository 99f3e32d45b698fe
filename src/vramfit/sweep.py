"""Many deployments at once, with one estimate for all GPUs that an engine cannot tell apart.

An estimate reads nothing of the GPUs but the traits of the engine's view of them (``engines.interface``), and what the
runtime takes of each is added. So a model is estimated once for each kind of GPUs, by the function that every check
calls, and then held against what each GPU offers. Each cell is what ``verdict.judge`` says of the deployment by itself.
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.engines import engine
from vramfit.engines.interface import Job, Share
from vramfit.engines.machine import check_machine
from vramfit.errors import VramfitError
from vramfit.model import parameters
from vramfit.quantization import SCHEMES
from vramfit.quantization.quality import REFERENCE, quality, quality_rank, size_class
from vramfit.verdict import host_room, machine_bytes, word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypedDict

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.workload.common import Workload

    class Cell(TypedDict):
        """Verdict on one deployment, equal to a check's; plain data, since a sweep makes hundreds of thousands."""

        verdict: str
        required_bytes: int | None
        """Expected need over all GPUs."""
        usable_bytes: int | None
        """Sum of what the GPUs offer, without the reserve for other programs, and no more than the engine allows
        itself."""
        headroom_bytes: int | None
        """Bytes left on the tightest GPU; negative for a deficit."""
        error: dict[str, str | None] | None
        """Reason why there is no verdict: code, message and hint."""

    Figures = tuple[int, int, int, int | None]
    """Figures of one GPU that a comparison needs: the runtime's expected share; the bytes that it offers, less the
    reserve; these less the largest share of the runtime; and the memory that it shares with the CPU, None if it shares
    none or if that is not known."""
    Group = tuple[Figures, bool, tuple[int, ...]]
    """Figures of GPUs, True if the engine does not start on them, and the numbers of the sets that are one of these."""


NO_SHARE = Share(0, 0, 0)


class _Alike(Record):
    """Sets of GPUs that get the same cell for every model."""

    gpu_count: int
    traits: object
    """Facts of the GPUs that the engine's estimate reads."""
    shares: tuple[Share, ...]
    offered: tuple[int, ...]
    """Bytes that each GPU offers a program."""
    unified: tuple[int, ...]
    """Numbers of the GPUs that share the machine's memory."""
    machine_bytes: int | None
    """Memory that these GPUs share with the CPU; None if there are none, or if it is not known."""
    hardware: tuple[tuple[str, str | None, str | None], ...]
    """Vendor, compute target and architecture of each GPU, which decide whether the engine starts on them."""


class _Kind(Record):
    """Kinds of sets that have one estimate in common."""

    first: _Alike
    others: tuple[int, ...]
    """Numbers of the sets that are compared device by device."""
    singles: tuple[tuple[int, Figures], ...]
    """Numbers of the sets that are one GPU, and what a comparison needs of it."""
    groups: dict[str, tuple[Group, ...]]
    """Singles that get the same cell, by scheme, once they were asked for."""


class _Plan(Record):
    """Order in which the sets of one wish are estimated and compared."""

    chosen: tuple[int, ...]
    """Number of the kind of sets that each wanted set belongs to."""
    refused: dict[int, Cell]
    """Cells of those that the engine does not run on, by number."""
    apart: VramfitError | None
    """First reason why GPUs of a set are not of one machine with this platform."""
    kinds: tuple[_Kind, ...]


MOST_PLANS = 64
"""Number of plans that are remembered: a matrix asks for the same few lists of sets again and again."""


class Sweep:
    """Sets of GPUs to be compared with many models, for one engine and one workload."""

    def __init__(self, sets: Sequence[tuple[Gpu, ...]], engine_name: str, work: Workload) -> None:
        self._engine = engine(engine_name)
        self._work = work
        self.refused: VramfitError | None = None
        """First reason why a cell has no answer."""
        self._alike: list[_Alike | Cell] = []
        self._apart: dict[int, VramfitError] = {}
        """Reasons why GPUs are not of one machine with this platform, which come before what a model is refused for."""
        self._gpus: dict[object, tuple[Gpu, ...]] = {}
        """GPUs of each kind of hardware."""
        self._refusals: dict[object, str | None] = {}
        """Reasons why the engine does not start, by hardware and scheme."""
        numbers: dict[object, int] = {}
        self._number = [self._add(gpus, numbers) for gpus in sets]
        self._plans: dict[tuple[int, ...] | None, _Plan] = {}

    def _add(self, gpus: tuple[Gpu, ...], numbers: dict[object, int]) -> int:
        """Number of the kind of GPUs that a set belongs to, or of the reason why the engine refuses it."""
        work = self._work
        try:
            check_machine(gpus, work.platform, self._engine.spans_machines)
        except VramfitError as error:
            number = self._numbered((error.message, error.hint), refusal(error), numbers)
            self._apart[number] = error
            return number
        try:
            view = self._engine.view(gpus, work)
        except VramfitError as error:
            self.refused = self.refused or error
            return self._numbered((error.message, error.hint), refusal(error), numbers)
        offered = self._engine.offered_on(gpus, work)
        unified = tuple([index for index, gpu in enumerate(gpus) if gpu.unified])
        machine = machine_bytes(gpus, work) if unified else None
        hardware = tuple([(gpu.vendor, gpu.compute_target, gpu.architecture) for gpu in gpus])
        self._gpus.setdefault(hardware, gpus)
        alike = _Alike(len(gpus), view.traits, view.shares, offered, unified, machine, hardware)
        return self._numbered(alike, alike, numbers)

    def _numbered(self, key: object, found: _Alike | Cell, numbers: dict[object, int]) -> int:
        """Number of what is known by ``key``, a new one if it was not met before."""
        number = numbers.setdefault(key, len(self._alike))
        if number == len(self._alike):
            self._alike.append(found)
        return number

    def judge(self, deployment: Deployment, wanted: Sequence[int] | None = None) -> list[Cell]:
        """Cell of the deployment for each of the ``wanted`` sets of GPUs, or for all, instead of its own GPUs.

        Sets of one kind share one cell.
        """
        plan = self._plan(None if wanted is None else tuple(wanted))
        chosen = plan.chosen
        self.refused = self.refused or plan.apart
        try:
            self._engine.check(deployment.checkpoint, self._work)
        except VramfitError as error:
            self.refused = self.refused or error
            cell = refusal(error)
            return [self._alike[number] if number in self._apart else cell for number in chosen]  # type: ignore[misc]
        found = {**plan.refused}
        scheme = deployment.scheme
        for kind in plan.kinds:
            need = self._need(deployment, kind.first)
            others = kind.others
            if isinstance(need, dict):
                found.update(dict.fromkeys([*others, *[single[0] for single in kind.singles]], need))
                continue
            if kind.singles and need.pool is None and need.refusal is None and not need.idle:
                groups = kind.groups.get(scheme.id)
                if groups is None:
                    groups = kind.groups[scheme.id] = self._groups(kind, scheme)
                _compare_singles(groups, need, found)
            else:
                others = (*others, *[single[0] for single in kind.singles])
            for number in others:
                alike = self._alike[number]
                assert isinstance(alike, _Alike)
                found[number] = self._compare(alike, need, scheme)
        return list(map(found.__getitem__, chosen))

    def _plan(self, wanted: tuple[int, ...] | None) -> _Plan:
        """Plan for the wanted sets, by number, or for all."""
        known = self._plans.get(wanted)
        if known is not None:
            return known
        chosen = tuple(self._number if wanted is None else [self._number[index] for index in wanted])
        refused: dict[int, Cell] = {}
        kinds: dict[tuple[object, ...], list[tuple[int, _Alike]]] = {}
        for number in set(chosen):
            alike = self._alike[number]
            if isinstance(alike, _Alike):
                kinds.setdefault((alike.gpu_count, alike.traits), []).append((number, alike))
            else:
                refused[number] = alike
        if len(self._plans) >= MOST_PLANS:
            self._plans.clear()
        apart = next((self._apart[number] for number in chosen if number in self._apart), None)
        plan = _Plan(chosen, refused, apart, tuple([self._kind(alike) for alike in kinds.values()]))
        self._plans[wanted] = plan
        return plan

    def _kind(self, members: list[tuple[int, _Alike]]) -> _Kind:
        """Kind of these sets, with their numbers; nothing is single where the size of the host's memory is stated."""
        singles = []
        reserve = self._work.reserve_bytes
        for number, alike in members:
            if alike.gpu_count == 1 and self._work.ram_bytes is None:
                (share,), limit = alike.shares, alike.offered[0] - reserve
                singles.append((number, (share.expected, limit, limit - share.high, alike.machine_bytes)))
        alone = {single[0] for single in singles}
        others = tuple([number for number, _ in members if number not in alone])
        return _Kind(members[0][1], others, tuple(singles), {})

    def _groups(self, kind: _Kind, scheme: Scheme) -> tuple[Group, ...]:
        """Single GPUs of a kind in groups that get the same cell with the scheme."""
        found: dict[tuple[Figures, bool], list[int]] = {}
        for number, figures in kind.singles:
            alike = self._alike[number]
            stopped = isinstance(alike, _Alike) and self._unsupported(alike, scheme)
            found.setdefault((figures, stopped), []).append(number)
        return tuple([(figures, stopped, tuple(numbers)) for (figures, stopped), numbers in found.items()])

    def _unsupported(self, alike: _Alike, scheme: Scheme) -> bool:
        """Return True if the engine does not start with the scheme on that hardware."""
        key = (alike.hardware, scheme.id)
        if key not in self._refusals:
            self._refusals[key] = self._engine.unsupported(self._gpus[alike.hardware], scheme, self._work)
        return self._refusals[key] is not None

    def _need(self, deployment: Deployment, alike: _Alike) -> Estimate | Cell:
        """Estimate for one kind of GPUs, without the runtime's share of each."""
        try:
            job: Job[object, object] = Job(deployment.checkpoint, self._work, alike.traits, alike.gpu_count)
            return self._engine.estimate(job)
        except VramfitError as error:
            self.refused = self.refused or error
            return refusal(error)

    def _compare(self, alike: _Alike, need: Estimate, scheme: Scheme) -> Cell:
        work, unified = self._work, alike.unified
        pool = need.pool
        required = together = shared = short = 0
        headroom = certain = None
        rooms: list[int] = []
        if pool is not None and pool.reads_free:
            pool = replace(pool, context_bytes=tuple([share.expected for share in alike.shares]))
        limits = None if pool is None else pool.limits(alike.offered, work.reserve_bytes)
        for index, device in enumerate(need.gpus):
            share = NO_SHARE if index in need.idle else alike.shares[index]
            limit = alike.offered[index] - work.reserve_bytes
            total = device.total_bytes + share.expected
            if limits is not None and pool is not None and limits[index] + share.expected < limit:
                limit = pool.stretched(limits[index] + share.expected, limit, total, device.kv_cache_bytes)
            required += total
            if unified and index in unified:
                shared += total
            together += limit
            room, surely = limit - total, limit - device.high_bytes - share.high
            rooms.append(room)
            if headroom is None or room < headroom:
                headroom = room
            if certain is None or surely < certain:
                certain = surely
        if headroom is None or certain is None:
            raise AssertionError("a set of GPUs has at least one")
        if pool is not None:
            short = pool.short_bytes(alike.offered, work.reserve_bytes) or pool.lacking_bytes(rooms)
        if short:
            headroom = min(headroom, -short)
        host = None
        if alike.machine_bytes is not None or work.ram_bytes is not None:
            host = host_room(work, alike.machine_bytes, need.host.total_bytes, shared)
        refused = need.refusal is not None or self._unsupported(alike, scheme)
        verdict = "unsupported" if refused else word(headroom, certain, host)
        return {
            "verdict": verdict,
            "required_bytes": required,
            "usable_bytes": together,
            "headroom_bytes": headroom,
            "error": None,
        }


def _compare_singles(groups: tuple[Group, ...], need: Estimate, found: dict[int, Cell]) -> None:
    """Put the cells of single GPUs into ``found``, as ``Sweep._compare`` would make them: one cell for each group."""
    (device,) = need.gpus
    total, high, host = device.total_bytes, device.high_bytes, need.host.total_bytes
    for (share, limit, certain, machine), stopped, numbers in groups:
        required = total + share
        headroom = limit - required
        short = headroom < 0 or (machine is not None and max(0, machine - required) < host)
        cell: Cell = {
            "verdict": "unsupported" if stopped else "exceeds" if short else "fits" if certain >= high else "tight",
            "required_bytes": required,
            "usable_bytes": limit,
            "headroom_bytes": headroom,
            "error": None,
        }
        for number in numbers:
            found[number] = cell


_ladders: dict[tuple[object, ...], tuple[Scheme, ...]] = {}
"""Ladders made so far, by all that they depend on: models of one class of sizes and one type share theirs."""


def ladder(model: Model, engine_name: str, labels: tuple[str, ...], sixteen_bit: bool) -> tuple[Scheme, ...]:
    """Schemes that an engine loads and whose quality label is one of ``labels``, best measured quality first.

    The scheme that the model was released in comes first, and more bits than it has gain nothing. For a 16-bit release
    that is the engine's 16-bit form, which ``sixteen_bit`` leaves in.
    """
    size = parameters(model)
    key = (engine_name, labels, sixteen_bit, size_class(size), model.dtype)
    known = _ladders.get(key)
    if known is None:
        known = _ladders[key] = _ladder(size, model.dtype, engine_name, labels, sixteen_bit)
    return known


def _ladder(size: int, dtype: str, engine_name: str, labels: tuple[str, ...], sixteen_bit: bool) -> tuple[Scheme, ...]:
    """Ladder of a model of that many parameters, released in that type."""
    families = engine(engine_name).families
    found = []
    released = False
    for scheme in SCHEMES.values():
        if scheme.family in families and scheme.id not in REFERENCE:
            label, _ = quality(scheme.id, size, dtype)
            released = released or label == "reference"
            if label in labels:
                found.append((quality_rank(scheme.id, size, dtype), scheme))
    ranked = [scheme for _, scheme in sorted(found, key=lambda pair: pair[0])]
    if sixteen_bit and not released:
        ranked.insert(0, SCHEMES[engine(engine_name).scheme_of_class["fp16"]])
    return tuple(ranked)


def refusal(error: VramfitError) -> Cell:
    """Cell of a deployment that has no answer, with the error as its reason."""
    reason: dict[str, str | None] = {"code": error.code, "message": error.message, "hint": error.hint}
    return {"verdict": "unknown", "required_bytes": None, "usable_bytes": None, "headroom_bytes": None, "error": reason}
