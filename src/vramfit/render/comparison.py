"""Two deployments side by side, in every format."""

from __future__ import annotations

from vramfit.render.account import verdict_span
from vramfit.render.csv import row_of
from vramfit.render.markdown import escape as escaped
from vramfit.render.page import Column
from vramfit.render.plain import escape
from vramfit.render.words import spare
from vramfit.units import GIB, gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from vramfit.render.fields import Object
    from vramfit.render.page import Page

COLUMNS = ("kind", "name", "unit", "a", "b", "difference")
"""Columns of a line for pipes; ``kind`` is ``word``, ``key`` or ``figure``."""
SIDES = ("A", "B")
KNOWN = ("model", "gpu", "engine", "quant")
"""Keys that a word says already."""
LEAST = GIB // 200
"""Bytes below which two decimals of a GiB would be zeros."""
UNDIVIDED = ("tensor_parallel", "pipeline_parallel", "data_parallel", "nodes")


def lines(style: str, report: Object, *, header: bool = True) -> Iterator[str]:
    """Lines of a comparison as Markdown, or with a row for each word, key and figure as CSV or for pipes."""
    if style == "markdown":
        yield from _markdown(report)
        return
    write = row_of(style)
    if header:
        yield write(COLUMNS)
    rows = [("word", one["name"], "", one["a"], one["b"], None) for one in report["words"]]
    rows += [("key", one["key"], "", one["a"], one["b"], None) for one in report["keys"]]
    rows += [("figure", one["name"], one["unit"], one["a"], one["b"], one["difference"]) for one in report["figures"]]
    for row in rows:
        yield write([escape(_raw(value)) for value in row])


def _raw(value: Any) -> str:
    """Value as it is for a program: empty where it is unknown or no key."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def shown(value: Any, unit: str = "", *, signed: bool = False) -> str:
    """Value for people: GiB for bytes, commas between thousands, a dash for what is not known."""
    if value is None:
        return "\N{EN DASH}"
    if unit == "bytes":
        text = gib(abs(value), 2 if abs(value) >= LEAST or not value else 4)
    elif isinstance(value, bool | str | list):
        return _raw(value)
    else:
        text = f"{abs(value):,.3g}" if isinstance(value, float) and abs(value) < 100 else f"{abs(value):,.0f}"
    sign = "-" if value < 0 else "+" if signed and value else ""
    return sign + text


def _rows(report: Object) -> list[tuple[str, str, str, str]]:
    """Figures that at least one side has, with the unit in the name where it is not the size's own."""
    found = []
    for one in report["figures"]:
        if one["a"] is None and one["b"] is None:
            continue
        known = one["unit"] == "bytes" or one["unit"] in one["name"]
        name = one["name"] if known else f"{one['name']}, {one['unit']}"
        same = one["difference"] == 0
        change = "same" if same else shown(one["difference"], one["unit"], signed=True)
        found.append((name, shown(one["a"], one["unit"]), shown(one["b"], one["unit"]), change))
    return found


def _labels(report: Object) -> Iterator[tuple[str, tuple[str, str], str]]:
    """Name of each side, its verdict with a style, and the room that it leaves."""
    for side, one in zip(SIDES, report["deployments"], strict=True):
        room = one["headroom_bytes"]
        yield f"{side}: {one['name']}", verdict_span(one["verdict"]), "" if room is None else f", {spare(room)}"


def _changed(report: Object) -> list[tuple[str, str, str]]:
    """Words that differ, then the keys that do; a key that a word says already is left out."""
    words = [(one["name"], shown(one["a"]), shown(one["b"])) for one in report["words"] if one["differs"]]
    keys = [one for one in report["keys"] if one["key"] not in KNOWN and not _alone(one)]
    return words + [(one["key"], shown(one["a"]), shown(one["b"])) for one in keys]


def _alone(key: Object) -> bool:
    """True if a key that one side's engine lacks says one GPU or one machine on the other side."""
    return key["key"] in UNDIVIDED and {key["a"], key["b"]} == {None, 1}


def draw(page: Page, report: Object) -> None:
    """Draw both sides, what differs between them, and what that costs."""
    for label, verdict, room in _labels(report):
        page.prose((f"{label}  ", "bold"), verdict, room)
    page.blank()
    changed = _changed(report)
    if changed:
        page.line(("What differs", "bold"))
        columns = [list(column) for column in zip(*changed, strict=True)]
        page.table([
            Column(heading, [*cells], right=False) for heading, cells in zip(("", *SIDES), columns, strict=True)
        ])  # fmt: skip
    else:
        page.line(("Nothing differs in the keys.", "bold"))
    page.blank()
    page.line(("What it costs", "bold"))
    columns = [list(column) for column in zip(*_rows(report), strict=True)]
    headings = ("", *SIDES, "B - A")
    page.table([
        Column(heading, [*cells], right=bool(heading)) for heading, cells in zip(headings, columns, strict=True)
    ])  # fmt: skip


def _markdown(report: Object) -> Iterator[str]:
    for label, (verdict, _), room in _labels(report):
        yield f"- {escaped(f'{label}: {verdict}{room}')}"
    yield ""
    changed = _changed(report)
    if changed:
        yield f"| What differs | {' | '.join(SIDES)} |"
        yield "|---|---|---|"
        for row in changed:
            yield f"| {' | '.join([escaped(cell) for cell in row])} |"
        yield ""
    yield f"| What it costs | {' | '.join(SIDES)} | B - A |"
    yield "|---|---:|---:|---:|"
    for figures in _rows(report):
        yield f"| {' | '.join([escaped(cell) for cell in figures])} |"
