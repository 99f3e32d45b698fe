"""The use case of a matrix: many models against many GPUs, a verdict per pair and quantization.

Rows come one by one, model after model, so that the whole catalogue can be written as it is answered.
"""

from __future__ import annotations

from vramfit import __version__
from vramfit._record import record
from vramfit.engines import engine
from vramfit.engines.resolve import default_platform, deployments, quants
from vramfit.errors import UnsupportedScheme, VramfitError
from vramfit.model import parameters
from vramfit.sweep import Sweep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from vramfit.engines import Deployment
    from vramfit.engines.resolve import Catalogue
    from vramfit.hardware import Gpu
    from vramfit.sweep import Judged


FORMAT_VERSION = "1.0"


@record
class Column:
    """A set of GPUs, or why it cannot be answered for."""

    name: str
    """``2xrtx3090``: the id with its count."""
    gpus: tuple[Gpu, ...]
    problem: VramfitError | None


@record
class Row:
    """One model in one quantization against every set of GPUs."""

    model: str
    """Catalogue id."""
    engine: str | None
    """None where the model cannot be answered for."""
    quant: str | None
    """The scheme's id, None likewise."""
    precision: str
    """The scheme's class; where there is no scheme, what was asked for."""
    cells: tuple[Judged | VramfitError, ...]
    """In the order of the columns; equal cells are often one object."""


def columns(names: Sequence[str], catalogue: Catalogue) -> tuple[Column, ...]:
    """The sets of GPUs that ``names`` mean; raises ``UnknownGpu`` or ``AmbiguousName``.

    A GPU whose memory is not known is a column too: its cells say so.
    """
    found: dict[str, Column] = {}
    for name in names:
        try:
            gpus = catalogue.gpus(name)
        except VramfitError as error:
            if error.exit_code == UnsupportedScheme.exit_code:
                raise
            found.setdefault(name, Column(name, (), error))
            continue
        one = gpus[0].id if len(gpus) == 1 else f"{len(gpus)}x{gpus[0].id}"
        found.setdefault(one, Column(one, gpus, None))
    return tuple(found.values())


class _Table:
    """The columns by what resolving a request makes of them, with a sweep for each engine met so far."""

    def __init__(self, asked: Sequence[Column], request: Mapping[str, Any], catalogue: Catalogue) -> None:
        self.asked = asked
        self.catalogue = catalogue
        self.parts: dict[tuple[str, int], list[int]] = {}
        """Numbers of columns by the platform that they get, and what else resolving reads of them."""
        # Ollama's defaults follow the GPUs: each column is a part of its own then.
        alone = "engine" in request and hasattr(engine(request["engine"]), "defaults")
        for number, column in enumerate(asked):
            if column.problem is None:
                platform = request.get("platform") or default_platform(column.gpus)
                self.parts.setdefault((platform, number if alone else -1), []).append(number)
        self._sweeps: dict[tuple[str, int, str], Sweep] = {}

    def sweep(self, part: tuple[str, int], deployment: Deployment) -> Sweep:
        """The sweep over the columns of a part, to which the deployment belongs."""
        known = self._sweeps.get((*part, deployment.engine))
        if known is None:
            sets = [self.asked[number].gpus for number in self.parts[part]]
            known = self._sweeps[*part, deployment.engine] = Sweep(sets, deployment.engine, deployment.workload)
        return known


def rows(
    request: Mapping[str, Any], asked: Sequence[Column], models: Sequence[str], catalogue: Catalogue
) -> Iterator[Row]:
    """The rows of every model, as they are ready.

    ``request`` has deployment keys but for ``gpu`` and ``model``; ``quant`` in it is a tuple, left out for the three
    classes. Raises ``VramfitError`` for a request that means nothing to any model, and for an unknown model.
    """
    table = _Table(asked, request, catalogue)
    refused: list[Row] = []
    answered = False
    for name in models:
        for row in _rows(request, table, name):
            answered = answered or any(not isinstance(cell, VramfitError) for cell in row.cells)
            if not answered:
                refused.append(row)
                continue
            yield from refused
            refused.clear()
            yield row
    if refused:
        raise next(cell for row in refused for cell in row.cells if isinstance(cell, VramfitError))


def _rows(request: Mapping[str, Any], table: _Table, name: str) -> Iterator[Row]:
    """The rows of one model."""
    model = table.catalogue.model(name)
    for word in request.get("quant") or quants(None, request.get("task", "inference")):
        cells: list[Any] = [column.problem for column in table.asked]
        found: Deployment | None = None
        for part, numbers in table.parts.items():
            judged: Sequence[Judged | VramfitError]
            try:
                (found,) = deployments({**request, "quant": word}, table.asked[numbers[0]].gpus, model)
            except UnsupportedScheme:
                raise
            except VramfitError as error:
                judged = [error] * len(numbers)
            else:
                judged = table.sweep(part, found).judge(found)
            for number, cell in zip(numbers, judged, strict=True):
                cells[number] = cell
        if found is None:
            yield Row(model.id, request.get("engine"), None, word, tuple(cells))
        else:
            yield Row(model.id, found.engine, found.scheme.id, found.scheme.precision, tuple(cells))


def matrix(
    request: Mapping[str, Any], gpus: Sequence[str], models: Sequence[str], catalogue: Catalogue
) -> dict[str, Any]:
    """The whole answer as plain data; ``rows`` in it is a generator (see ``row_object``).

    The first row is worked out before anything is returned: raises what ``columns`` and ``rows`` raise.
    """
    asked = columns(gpus, catalogue)
    known = {model.id: model for model in [catalogue.model(name) for name in models]}
    found = rows(request, asked, list(known), catalogue)
    first = next(found)
    return {
        "format_version": FORMAT_VERSION,
        "vramfit_version": __version__,
        "gpus": [_gpu_object(column) for column in asked],
        "models": [
            {"id": model.id, "name": model.name, "parameters": parameters(model), "max_context": model.context}
            for model in known.values()
        ],
        "rows": _objects(first, found),
    }


def _objects(first: Row, others: Iterator[Row]) -> Iterator[dict[str, Any]]:
    yield row_object(first)
    for row in others:
        yield row_object(row)


def row_object(row: Row) -> dict[str, Any]:
    """A row as plain data; cells that are one object in the row are one object here."""
    made: dict[int, dict[str, Any]] = {}
    cells = []
    for cell in row.cells:
        told = made.get(id(cell))
        if told is None:
            told = made[id(cell)] = _cell_object(cell)
        cells.append(told)
    return {"model": row.model, "engine": row.engine, "class": row.precision, "quant": row.quant, "cells": cells}


def _cell_object(cell: Judged | VramfitError) -> dict[str, Any]:
    if isinstance(cell, VramfitError):
        error = {"code": cell.code, "message": cell.message, "hint": cell.hint}
        return {
            "verdict": "unknown", "required_bytes": None, "usable_bytes": None, "headroom_bytes": None, "error": error
        }  # fmt: skip
    return {
        "verdict": cell.verdict,
        "required_bytes": cell.required_bytes,
        "usable_bytes": cell.usable_bytes,
        "headroom_bytes": cell.headroom_bytes,
        "error": None,
    }


def _gpu_object(column: Column) -> dict[str, Any]:
    first = column.gpus[0] if column.gpus else None
    return {
        "id": column.name,
        "name": None if first is None else first.name,
        "count": len(column.gpus) or 1,
        "marketed_gb": None if first is None else first.marketed_gb,
        "memory_bytes": None if first is None else first.memory_bytes,
    }
