"""Use case of a matrix: many models against many GPUs, a verdict per pair and quantization.

Rows come one by one, model after model, so that the whole catalogue can be written as it is answered.
"""

from __future__ import annotations

from vramfit import __version__
from vramfit._record import Record
from vramfit.engines import engine, engine_of_family
from vramfit.engines.quants import quants
from vramfit.engines.resolve import deployments, drafted, engine_name, kinds_of_sets, with_stated
from vramfit.engines.supplied import offering
from vramfit.errors import UnsupportedScheme, UsageError, VramfitError
from vramfit.model import parameters
from vramfit.quantization.quality import LABELS, quality_of
from vramfit.sweep import Sweep
from vramfit.sweep.cells import Cells, Layout, Part, refusal
from vramfit.sweep.ladder import ladder
from vramfit.verdict import LEVELS
from vramfit.workload.common import SPECULATING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vramfit.engines.interface import Deployment
    from vramfit.engines.resolve import Catalogue
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.report.amounts import Object
    from vramfit.sweep import Judged
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Request

FORMAT_VERSION = "1.0"
BEST = "best"
"""Value of ``quant`` that takes, for each set of GPUs, the best-measured scheme that reaches the level."""
BEST_FAMILY = "gguf"
"""Family whose schemes are tried for ``BEST`` where no engine is requested: it has the most measured steps."""
MEASURED = ("reference", *LABELS)
NO_SCHEME = {"class": None, "quant": None, "quality": None}


MOST_LAYOUTS = 256
"""Number of layouts of rows that are remembered: most rows have one of a few."""


class Column(Record):
    """A set of GPUs, or the reason why it has no answer."""

    name: str
    """Id with its count: ``2xrtx3090``."""
    gpus: tuple[Gpu, ...]
    problem: VramfitError | None


def matrix(request: Request, gpus: Sequence[str], models: Sequence[str], catalogue: Catalogue) -> Object:
    """Compose the matrix as plain data, in which ``rows`` is a generator.

    ``request`` has typed deployment keys but for ``gpu`` and ``model``; ``quant`` in it is a tuple, left out for the
    three classes. A row is one model in one quantization: ``model``, ``engine``, ``class``, ``quant``, ``quality`` and
    ``cells``, one for each of ``gpus`` in order, equal cells often one object; a deployment without an answer is a cell
    with its error. For ``best`` each cell has a quantization of its own, and the three stand in the cells.

    Nothing is estimated before the first row. Raises ``VramfitError`` for an unknown GPU or model, and for a request of
    which no cell at all has an answer.
    """
    table = _Table(columns(gpus, catalogue), request, catalogue)
    known: dict[tuple[object, ...], str] = {}
    for name in models:
        model = catalogue.model(name)
        known.setdefault((model.id, *catalogue.stated(name).items()), name)
    rows = _answered(table, list(known.values()))
    first = next(rows)
    described = {model.id: model for model in map(catalogue.model, known.values())}
    return {
        "format_version": FORMAT_VERSION,
        "vramfit_version": __version__,
        "gpus": [_gpu_object(column) for column in table.columns],
        "models": [
            {"id": model.id, "name": model.name, "parameters": parameters(model), "max_context": model.context}
            for model in described.values()
        ],
        "rows": _chained(first, rows),
    }


def columns(names: Sequence[str], catalogue: Catalogue) -> tuple[Column, ...]:
    """Sets of GPUs that ``names`` mean, each once; raises ``UnknownGpu`` or ``AmbiguousName``.

    A GPU whose memory is not known is a column too, and its cells give the reason.
    """
    found: dict[str, Column] = {}
    for name in names:
        try:
            gpus = catalogue.gpus(name)
        except UsageError:
            raise
        except VramfitError as error:
            found.setdefault(name, Column(name, (), error))
            continue
        one = gpus[0].id if len(gpus) == 1 else f"{len(gpus)}x{gpus[0].id}"
        found.setdefault(one, Column(one, gpus, None))
    return tuple(found.values())


class _Table:
    """Columns of a matrix and the request, with a sweep for each engine and workload met so far."""

    def __init__(self, asked: tuple[Column, ...], request: Request, catalogue: Catalogue) -> None:
        self.columns = asked
        self._request = request
        self._catalogue = catalogue
        self._refused = {
            place: refusal(column.problem) for place, column in enumerate(asked) if column.problem is not None
        }
        """Cells of the columns that have no answer for any model, by their place."""
        self._alike: dict[tuple[int, ...], tuple[int, ...]] = {}
        """Places of the numbered sets in a part of one cell."""
        self._layouts: dict[tuple[tuple[int, int], ...], tuple[Layout, list[tuple[int, ...]]]] = {}
        """Layouts of rows, by the identity of the places in each part and the number of its cells, and these places."""
        self._sets = [column.gpus for column in asked if column.problem is None]
        usable = request.get("usable")
        if usable is not None:
            self._sets = [offering(gpus, usable) for gpus in self._sets]
        self._places = [number for number, column in enumerate(asked) if column.problem is None]
        self._fixed: Iterable[Sequence[int]] | None = None
        """Sets grouped by the deployment that resolving makes of them, where the groups are the same for every
        model."""
        self._sweeps: dict[tuple[str, Workload], Sweep] = {}
        self.refused = next((column.problem for column in asked if column.problem is not None), None)
        """First reason why a cell has no answer."""

    def rows(self, name: str) -> Iterator[Object]:
        """Rows of one model."""
        model, stated = self._catalogue.model(name), self._catalogue.stated(name)
        asked = self._request.get("quant") or ((stated["quant"],) if "quant" in stated else None)
        for word in asked or quants(self._request, self._request.get("task", "inference")):
            request = with_stated({**self._request, "quant": None if word == BEST else word}, stated)
            yield self._best(request, model) if word == BEST else self._row(request, word, model)

    def _row(self, request: Request, word: str, model: Model) -> Object:
        judged: list[tuple[Sequence[int], Judged]] = []
        found: Deployment | None = None
        for numbers in self._kinds(request, model):
            part, resolved = self._judged(request, numbers, model)
            found = found or resolved
            judged.append((numbers, part))
        if found is None:
            quant = {"engine": request.get("engine"), "class": word, "quant": None, "quality": None}
        else:
            quant = {"engine": found.engine, **_scheme(found.scheme, model)}
        parts = [*[part for _, (part, _) in judged], Part([], list(self._refused.values()))]
        return {"model": model.id, **quant, "cells": Cells(parts, self._layout(judged))}

    def _layout(self, judged: Sequence[tuple[Sequence[int], Judged]]) -> Layout:
        """Layout of a row of these parts, with the numbers of their sets, and of the columns without an answer."""
        key = tuple([(id(places), part.count) for _, (part, places) in judged])
        known = self._layouts.get(key)
        if known is not None:
            return known[0]
        columns = [0] * len(self.columns)
        before = 0
        for numbers, (part, places) in judged:
            for number, place in zip(numbers, places, strict=True):
                columns[self._places[number]] = before + place
            before += part.count
        for at, place in enumerate(self._refused, before):
            columns[place] = at
        if len(self._layouts) >= MOST_LAYOUTS:
            self._layouts.clear()
        layout = Layout(tuple(columns))
        self._layouts[key] = layout, [places for _, (_, places) in judged]
        return layout

    def _best(self, request: Request, model: Model) -> Object:
        """Row with the best scheme for each set of GPUs; where none reaches the level, the one that comes nearest."""
        name = request.get("engine") or engine_of_family(BEST_FAMILY)
        level = LEVELS[request.get("level", "tight")]
        cells: list[Object | None] = [None] * len(self.columns)
        for place, one in self._refused.items():
            cells[place] = {**one, **NO_SCHEME}
        waiting = set(range(len(self._sets)))
        for scheme in ladder(model, name, MEASURED, True):
            asked = {**request, "engine": name, "quant": scheme.id}
            quant = _scheme(scheme, model)
            for kind in self._kinds(asked, model):
                wanted = [number for number in kind if number in waiting]
                if not wanted:
                    continue
                part, places = self._judged(asked, wanted, model)[0]
                judged = part.cells()
                made: dict[int, Object] = {}
                for number, cell in zip(wanted, map(judged.__getitem__, places), strict=True):
                    place = self._places[number]
                    reached = LEVELS.get(cell["verdict"], -1) >= level
                    best = cells[place]
                    if reached or best is None or _room(cell["headroom_bytes"]) > _room(best["headroom_bytes"]):
                        own = NO_SCHEME if cell["error"] else quant
                        cells[place] = made.setdefault(id(cell), {**cell, **own})
                    if reached:
                        waiting.remove(number)
            if not waiting:
                break
        return {"model": model.id, "engine": name, "cells": cells}

    def _judged(self, request: Request, numbers: Sequence[int], model: Model) -> tuple[Judged, Deployment | None]:
        """Cells of the numbered sets, and the deployment of the first; None where it is refused."""
        try:
            (found,) = deployments(request, self._sets[numbers[0]], model)
            if not SPECULATING.isdisjoint(request):
                (found,) = drafted(request, (found,), self._catalogue)
        except UnsupportedScheme:
            raise
        except VramfitError as error:
            self.refused = self.refused or error
            places = self._alike.setdefault(tuple(numbers), (0,) * len(numbers))
            return (Part([], [refusal(error)]), places), None
        sweep = self._sweep(found)
        judged = sweep.judge(found, numbers)
        self.refused = self.refused or sweep.refused
        return judged, found

    def _kinds(self, request: Request, model: Model) -> Iterable[Sequence[int]]:
        if engine(engine_name(request)).follows_gpus:
            return kinds_of_sets(request, self._sets, model)
        if self._fixed is None:
            self._fixed = kinds_of_sets(request, self._sets, model)
        return self._fixed

    def _sweep(self, deployment: Deployment) -> Sweep:
        key = (deployment.engine, deployment.workload)
        known = self._sweeps.get(key)
        if known is None:
            known = self._sweeps[key] = Sweep(self._sets, *key)
        return known


def _scheme(scheme: Scheme, model: Model) -> Object:
    label, _ = quality_of(model, scheme, parameters(model))
    return {"class": scheme.precision, "quant": scheme.id, "quality": label}


def _room(headroom_bytes: int | None) -> float:
    """Headroom by which cells are compared; minus infinity where there is none."""
    return float("-inf") if headroom_bytes is None else headroom_bytes


def _answered(table: _Table, names: Sequence[str]) -> Iterator[Object]:
    """Rows of all models, kept back until one cell has an answer; raises the first reason where none ever has."""
    pending: list[Object] = []
    answered = False
    for name in names:
        for row in table.rows(name):
            answered = answered or any(cell["error"] is None for cell in row["cells"])
            if not answered:
                pending.append(row)
                continue
            yield from pending
            pending.clear()
            yield row
    if pending and table.refused is not None:
        raise table.refused


def _chained(first: Object, others: Iterator[Object]) -> Iterator[Object]:
    yield first
    yield from others


def _gpu_object(column: Column) -> Object:
    first = column.gpus[0] if column.gpus else None
    return {
        "id": column.name,
        "name": None if first is None else first.name,
        "count": len(column.gpus) or 1,
        "marketed_gb": None if first is None else first.marketed_gb,
        "memory_bytes": None if first is None else first.memory_bytes,
    }
