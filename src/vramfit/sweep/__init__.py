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
from vramfit.sweep.bands import bands
from vramfit.sweep.cells import Part, refusal
from vramfit.verdict import host_room, machine_bytes, word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.hardware import Gpu
    from vramfit.quantization import Scheme
    from vramfit.sweep.bands import Band, Figures
    from vramfit.sweep.cells import Cell, Run
    from vramfit.workload.common import Workload

    Judged = tuple[Part, tuple[int, ...]]
    """Distinct cells of a deployment, and for each wanted set the number of its own; the numbers are one tuple for many
    deployments."""


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
    hardware: tuple[tuple[str, str | None, str | None, str | None], ...]
    """Vendor, compute target, architecture and generation of each GPU, which decide whether the engine starts on them."""


class _Kind(Record):
    """Kinds of sets that have one estimate in common."""

    first: _Alike
    others: tuple[int, ...]
    """Numbers of the sets that are compared device by device."""
    singles: tuple[tuple[int, Figures], ...]
    """Numbers of the sets that are one GPU, and what a comparison needs of it."""
    bands: dict[tuple[str, bool], tuple[Band, ...]]
    """Singles in bands, by scheme and whether the host holds something, once they were asked for."""


class _Plan(Record):
    """Order in which the sets of one wish are estimated and compared."""

    chosen: tuple[int, ...]
    """Number of the kind of sets that each wanted set belongs to."""
    refused: dict[int, Cell]
    """Cells of those that the engine does not run on, by number."""
    apart: VramfitError | None
    """First reason why GPUs of a set are not of one machine with this platform."""
    kinds: tuple[_Kind, ...]
    places: dict[tuple[object, ...], tuple[int, ...]]
    """Numbers of the cells of the wanted sets, by how the kinds of sets were compared."""


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
        hardware = tuple([(gpu.vendor, gpu.compute_target, gpu.architecture, _generation(gpu)) for gpu in gpus])
        self._gpus.setdefault(hardware, gpus)
        alike = _Alike(len(gpus), view.traits, view.shares, offered, unified, machine, hardware)
        return self._numbered(alike, alike, numbers)

    def _numbered(self, key: object, found: _Alike | Cell, numbers: dict[object, int]) -> int:
        """Number of what is known by ``key``, a new one if it was not met before."""
        number = numbers.setdefault(key, len(self._alike))
        if number == len(self._alike):
            self._alike.append(found)
        return number

    def judge(self, deployment: Deployment, wanted: Sequence[int] | None = None) -> Judged:
        """Judge the deployment on each of the ``wanted`` sets of GPUs, or on all, instead of its own GPUs."""
        plan = self._plan(None if wanted is None else tuple(wanted))
        self.refused = self.refused or plan.apart
        try:
            self._engine.check(deployment.checkpoint, self._work)
        except VramfitError as error:
            self.refused = self.refused or error
            return self._refused(plan, error)
        runs: list[Run] = []
        others: list[Cell] = list(plan.refused.values())
        of_runs: list[tuple[int, ...]] = []  # numbers of the sets that have each cell
        of_others: list[tuple[int, ...]] = [(number,) for number in plan.refused]
        steps: list[object] = []
        for kind in plan.kinds:
            need = self._need(deployment, kind.first)
            if isinstance(need, dict):
                others.append(need)
                of_others.append((*kind.others, *[single[0] for single in kind.singles]))
                steps.append("refused")
                continue
            alone = kind.others
            if kind.singles and need.pool is None and need.refusal is None and not need.idle:
                of_kind = self._bands(kind, deployment.scheme, need.host.total_bytes > 0)
                for band in of_kind:
                    runs += band.runs(need)
                    of_runs += band.numbers
                steps.append(id(of_kind))
            else:
                alone = (*alone, *[single[0] for single in kind.singles])
                steps.append("each")
            for number in alone:
                alike = self._alike[number]
                assert isinstance(alike, _Alike)
                others.append(self._compare(alike, need, deployment.scheme))
                of_others.append((number,))
        key = tuple(steps)
        if key not in plan.places:
            plan.places[key] = _places(plan.chosen, (*of_runs, *of_others))
        return Part(runs, others), plan.places[key]

    def _refused(self, plan: _Plan, error: VramfitError) -> Judged:
        """Judge a deployment that the engine refuses on any GPU."""
        apart = [number for number in dict.fromkeys(plan.chosen) if number in self._apart]
        others: list[Cell] = [refusal(error), *[refusal(self._apart[number]) for number in apart]]
        if () not in plan.places:
            rest = tuple([number for number in plan.chosen if number not in self._apart])
            plan.places[()] = _places(plan.chosen, (rest, *[(number,) for number in apart]))
        return Part([], others), plan.places[()]

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
        plan = _Plan(chosen, refused, apart, tuple([self._kind(alike) for alike in kinds.values()]), {})
        self._plans[wanted] = plan
        return plan

    def _kind(self, members: list[tuple[int, _Alike]]) -> _Kind:
        """Kind of these sets, with their numbers; nothing is single where the size of the host's memory is stated."""
        singles = []
        reserve = self._work.reserve_bytes
        for number, alike in members:
            if alike.gpu_count == 1 and self._work.ram_bytes is None:
                (share,), limit = alike.shares, alike.offered[0] - reserve
                singles.append((number, (share.expected, share.high, limit, alike.machine_bytes)))
        alone = {single[0] for single in singles}
        others = tuple([number for number, _ in members if number not in alone])
        return _Kind(members[0][1], others, tuple(singles), {})

    def _bands(self, kind: _Kind, scheme: Scheme, with_host: bool) -> tuple[Band, ...]:
        """Single GPUs of a kind in bands, for a scheme and a need that has something in the host or nothing."""
        known = kind.bands.get((scheme.id, with_host))
        if known is None:
            singles = []
            for number, figures in kind.singles:
                alike = self._alike[number]
                singles.append((number, figures, isinstance(alike, _Alike) and self._unsupported(alike, scheme)))
            known = kind.bands[scheme.id, with_host] = bands(singles, with_host)
        return known

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
            found = self._engine.estimate(job)
        except VramfitError as error:
            self.refused = self.refused or error
            return refusal(error)
        lacking = None if found.refusal is not None else self._engine.lacks(deployment.model, self._work)
        return found if lacking is None else replace(found, refusal=lacking)

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


def _generation(gpu: Gpu) -> str | None:
    """Date of an Intel GPU, of whose integrated ones rules tell generations apart by it."""
    return gpu.released if gpu.vendor == "intel" else None


def _places(chosen: Sequence[int], cells: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """Number of the cell of each of the ``chosen`` sets; ``cells`` has the numbers of the sets of each cell."""
    found = {number: place for place, numbers in enumerate(cells) for number in numbers}
    return tuple([found[number] for number in chosen])
