"""Lists of GPUs, models, quantization schemes and engines, in every format.

A list is plain objects with the same keys. For people, columns in the field's units; for programs, the objects
themselves, or their scalars in the row formats. A terminal too narrow for all columns loses some whole.
"""

from __future__ import annotations

import shutil

from vramfit._record import Record
from vramfit.render import plain
from vramfit.render.csv import row
from vramfit.render.fields import cell
from vramfit.render.json import dumps
from vramfit.render.markdown import escape
from vramfit.units import billions, gib, rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TextIO

    from vramfit.render.fields import Object


FORMAT_VERSION = "1.0"
KEYS = {"here": "models"}
"""Keys under which kinds of lists stand in JSON, where that is not their own name."""
_ENDING_IN_PROSE = ("quants", "engines")


class Shown(Record):
    """Column of a list for people."""

    heading: str
    text: Callable[[Object], str]
    """Function giving the text of an object's cell; empty for unknown."""
    right: bool = True
    drop: int = 0
    """Priority for leaving the column out on a narrow terminal, the highest first; 0 stays."""


def lines(style: str, kind: str, objects: Sequence[Object], *, header: bool = True) -> Iterator[str]:
    """Lines of the list in a text format; ``kind`` is ``gpus``, ``models``, ``quants`` or ``engines``."""
    if style == "json":
        yield dumps({"format_version": FORMAT_VERSION, KEYS.get(kind, kind): list(objects)})
    elif style == "ndjson":
        for one in objects:
            yield dumps(one, None)
    elif style == "markdown":
        yield from markdown_rows(COLUMNS[kind], objects)
    else:
        yield from rows(style, objects, header=header)


def rows(style: str, objects: Sequence[Object], *, header: bool = True) -> Iterator[str]:
    """``plain`` or ``csv``: a row per object, a column per key; lists are joined with commas, mappings left out."""
    columns = [key for key, value in objects[0].items() if not isinstance(value, dict)] if objects else []
    if header and columns:
        yield "\t".join(columns) if style == "plain" else row(columns)
    for one in objects:
        values = [scalar(one[key]) for key in columns]
        yield "\t".join(map(plain.escape, values)) if style == "plain" else row(values)


def print_list(kind: str, objects: Sequence[Object], *, stream: TextIO, colour: bool, header: bool = True) -> None:
    """Draw the list on a terminal, and the number of its rows."""
    from vramfit.render.page import Column, Page

    page = Page(shutil.get_terminal_size((80, 24)).columns, stream.encoding or "ascii", colour=colour)
    if objects:
        columns = []
        for shown in COLUMNS[kind]:
            cells = [shown.text(one) or "–" for one in objects]
            heading = shown.heading if header else ""
            spans: list[Any] = [(text, "bold") for text in cells] if shown is COLUMNS[kind][0] else list(cells)
            columns.append(Column(heading, spans, shown.right, shown.drop))
        page.table(columns, indent=0, wrap=-1 if kind in _ENDING_IN_PROSE else None)
    if header:
        page.blank()
        page.prose((counted(kind, len(objects)), "dim"))
    stream.write(page.drawn())


def counted(kind: str, count: int) -> str:
    """``331 GPUs``, ``1 model``, ``no models``."""
    name = {"gpus": "GPU", "models": "model", "here": "model", "quants": "scheme", "engines": "engine"}[kind]
    return f"{count or 'no'} {name}{'' if count == 1 else 's'}"


def scalar(value: Any) -> str:
    """Text of a value in one field of a row."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else cell(value)


def markdown_rows(columns: Sequence[Shown], objects: Sequence[Object]) -> Iterator[str]:
    """A Markdown table of columns for people."""
    cells = [[escape(column.text(one)) for column in columns] for one in objects]
    yield "| " + " | ".join(column.heading.replace("\n", " ") for column in columns) + " |"
    yield "| " + " | ".join("--:" if column.right else ":--" for column in columns) + " |"
    for texts in cells:
        yield "| " + " | ".join(texts) + " |"


def _gb(one: Object) -> str:
    size = one["marketed_gb"]
    return "shared" if size is None else f"{size:g} GB"


def _size(key: str) -> Callable[[Object], str]:
    return lambda one: "" if one[key] is None else gib(one[key], 1)


def _plain(key: str) -> Callable[[Object], str]:
    return lambda one: scalar(one[key])


def _listed(key: str) -> Callable[[Object], str]:
    return lambda one: ", ".join(one[key] or ())


def _bandwidth(one: Object) -> str:
    speed = one["bandwidth_bytes_per_second"]
    return "" if speed is None else rate(speed)


def _dollars(one: Object) -> str:
    return "" if one["price_usd"] is None else f"${one['price_usd']:,}"


def _rent(one: Object) -> str:
    return "" if one["rent_usd_per_hour"] is None else f"${one['rent_usd_per_hour']:.2f}/h"


def _active(one: Object) -> str:
    return "" if one["active_parameters"] == one["parameters"] else billions(one["active_parameters"])


def _context(one: Object) -> str:
    return "" if not one["max_context"] else f"{one['max_context']:,}"


def _bits(one: Object) -> str:
    return "" if one["bits_per_weight"] is None else f"{one['bits_per_weight']:.2f}"


COLUMNS: dict[str, tuple[Shown, ...]] = {
    "gpus": (
        Shown("id", _plain("id"), right=False),
        Shown("memory", _gb),
        Shown("usable", _size("usable_bytes"), drop=1),
        Shown("bandwidth", _bandwidth, drop=2),
        Shown("architecture", _plain("architecture"), right=False, drop=5),
        Shown("released", _plain("released"), right=False, drop=3),
        Shown("price", _dollars, drop=4),
        Shown("rent", _rent, drop=6),
        Shown("name", _plain("name"), right=False, drop=7),
    ),
    "models": (
        Shown("id", _plain("id"), right=False),
        Shown("parameters", lambda one: billions(one["parameters"])),
        Shown("active", _active, drop=3),
        Shown("context", _context, drop=2),
        Shown("modality", _plain("modality"), right=False, drop=4),
        Shown("released", _plain("released"), right=False, drop=1),
        Shown("licence", _plain("licence"), right=False, drop=6),
        Shown("name", _plain("name"), right=False, drop=5),
    ),
    "here": (
        Shown("id", _plain("id"), right=False),
        Shown("size", _size("size_bytes")),
        Shown("quant", _plain("quant"), right=False, drop=1),
        Shown("kind", _plain("kind"), right=False, drop=3),
        Shown("store", _plain("store"), right=False, drop=2),
        Shown("what is wrong", _plain("broken"), right=False, drop=4),
    ),
    "quants": (
        Shown("id", _plain("id"), right=False),
        Shown("class", _plain("class"), right=False),
        Shown("bits", _bits),
        Shown("quality", _plain("quality"), right=False, drop=1),
        Shown("engines", _listed("engines"), right=False, drop=2),
        Shown("what it is", _plain("name"), right=False),
    ),
    "engines": (
        Shown("id", _plain("id"), right=False),
        Shown("modelled", lambda one: "yes" if one["modelled"] else "not yet", right=False),
        Shown("tasks", _listed("tasks"), right=False, drop=1),
        Shown("cache types", _listed("cache_types"), right=False, drop=2),
        Shown("quants", _listed("quant_families"), right=False),
    ),
}
"""Columns for people, by list."""
