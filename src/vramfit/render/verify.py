"""Figures of a log beside an estimate's, in every format, and the measurement row as YAML."""

from __future__ import annotations

from vramfit.render.csv import row_of
from vramfit.render.json import dumps
from vramfit.render.plain import escape
from vramfit.units import GIB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

COLUMNS = ("name", "device", "unit", "logged", "low", "expected", "high", "error", "inside")
"""Fields of a figure, in order."""
HEADINGS = ("figure", "device", "log", "vramfit", "low", "high", "error", "")
SIGNS = {True: "inside", False: "OUTSIDE", None: ""}


def lines(style: str, report: dict[str, Any], *, header: bool = True) -> Iterator[str]:
    """Lines of a report on a log in one of the formats."""
    if style in ("json", "ndjson"):
        yield dumps(report, 2 if style == "json" else None)
    elif style in ("plain", "csv"):
        write = row_of(style)
        if header:
            yield write(COLUMNS)
        for figure in report["figures"]:
            yield write([_cell(figure[name]) for name in COLUMNS])
    elif style == "markdown":
        yield from _markdown(report)
    else:
        yield from _table(report)


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return escape(str(value))


def _shown(figure: dict[str, Any], name: str) -> str:
    """Number of a figure for people: MiB below a GiB, GiB above, tokens and requests as they are."""
    value = figure[name]
    if value is None:
        return "\N{EN DASH}"
    if figure["unit"] == "tokens":
        return f"{value:,}"
    if figure["unit"] == "requests":
        return f"{value:,.2f}x"
    return f"{value / GIB:,.2f} GiB" if figure["logged"] >= GIB else f"{value / MIB:,.2f} MiB"


def _rows(report: dict[str, Any]) -> list[tuple[str, ...]]:
    found = []
    for figure in report["figures"]:
        error = "\N{EN DASH}" if figure["error"] is None else f"{figure['error']:+.1%}"
        numbers = [_shown(figure, name) for name in ("logged", "expected", "low", "high")]
        found.append((figure["name"], figure["device"] or "", *numbers, error, SIGNS[figure["inside"]]))
    return found


def _head(report: dict[str, Any]) -> str:
    """Line on what was compared: engine, version, model, quantization and GPUs."""
    gpus = report["gpus"]
    cards = f"{len(gpus)}x{gpus[0]}" if len(gpus) > 1 and len(set(gpus)) == 1 else ", ".join(gpus)
    version = f" {report['engine_version']}" if report["engine_version"] else ""
    return escape(f"{report['engine']}{version}: {report['model']['name']}, {report['quant']}, on {cards}")


def _summary(report: dict[str, Any]) -> str:
    judged = [figure["inside"] for figure in report["figures"] if figure["inside"] is not None]
    if not judged:
        return "none of the figures has bounds in the estimate"
    return f"{sum(judged)} of {len(judged)} figures with bounds are inside of them"


def _table(report: dict[str, Any]) -> Iterator[str]:
    yield _head(report)
    keys = " ".join([f"{name}={value}" for name, value in report["deployment"].items() if name != "quant"])
    yield escape(f"asked with {keys}")
    yield ""
    rows = [HEADINGS, *_rows(report)]
    widths = [max([len(row[column]) for row in rows]) for column in range(len(HEADINGS))]
    for row in rows:
        cells = [
            text.ljust(width) if column < 2 else text.rjust(width)
            for column, (text, width) in enumerate(zip(row[:-1], widths, strict=False))
        ]
        yield "  ".join([*cells, row[-1]]).rstrip()
    yield ""
    yield _summary(report)
    yield from [escape(f"note: {note}") for note in report["notes"]]


def _markdown(report: dict[str, Any]) -> Iterator[str]:
    from vramfit.render.markdown import escape as escaped

    yield escaped(_head(report))
    yield ""
    yield "| " + " | ".join(HEADINGS) + " |"
    yield "|---|---|" + "---:|" * 5 + "---|"
    for row in _rows(report):
        yield "| " + " | ".join([escaped(text) for text in row]) + " |"
    yield ""
    yield escaped(_summary(report))


def measurement(measured: dict[str, Any]) -> str:
    """YAML of a measurement row, whose scalars are written as JSON, which is YAML too."""
    lines: list[str] = []
    for name, value in measured.items():
        if isinstance(value, dict):
            lines.append(f"{name}:")
            lines += [f"  {key}: {dumps(one, None)}" for key, one in value.items()]
        elif isinstance(value, list):
            lines.append(f"{name}:")
            lines += [f"- {dumps(one, None)}" for one in value]
        else:
            lines.append(f"{name}: {dumps(value, None)}")
    return "\n".join(lines) + "\n"
