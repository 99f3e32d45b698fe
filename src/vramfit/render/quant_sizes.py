"""Sizes of a model under every scheme: a table for people, a row per scheme for the row formats.

JSON and NDJSON carry the whole entry with its ``quants``, as ``entry`` writes it.
"""

from __future__ import annotations

import shutil

from vramfit.render import entry
from vramfit.render.listing import Shown, markdown_rows, rows
from vramfit.units import gb, gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

    from vramfit.render.fields import Object


def lines(style: str, shown: Object, *, header: bool = True) -> Iterator[str]:
    """Lines of the model's schemes in a text format."""
    if style in ("json", "ndjson"):
        yield from entry.lines(style, shown)
    elif style == "markdown":
        yield from markdown_rows(COLUMNS, shown["quants"])
    else:
        yield from rows(style, shown["quants"], header=header)


def print_sizes(shown: Object, *, stream: TextIO, colour: bool, header: bool = True) -> None:
    """Draw the model's schemes on a terminal."""
    from vramfit.render import model_entry
    from vramfit.render.page import Column, Page

    quants = shown["quants"]
    page = Page(shutil.get_terminal_size((80, 24)).columns, stream.encoding or "ascii", colour=colour)
    if header:
        page.prose((shown["name"], "bold"))
        page.prose((model_entry.subtitle(shown), "dim"))
        page.blank()
    columns = [
        Column(column.heading if header else "", [column.text(one) or "–" for one in quants], column.right, column.drop)
        for column in COLUMNS
    ]
    page.table(columns, indent=0, wrap=-1)
    if header:
        for note in _notes(quants):
            page.blank()
            page.prose((note, "dim"))
    stream.write(page.drawn())


def _notes(quants: list[Object]) -> Iterator[str]:
    second = {one["towers_file_bytes"] for one in quants} - {None}
    if second:
        sizes = [gib(size) for size in (min(second), max(second))]
        yield (
            "The size of a GGUF file is that of the language model. The towers are a second file of "
            f"{' to '.join(dict.fromkeys(sizes))}; bits are over both."
        )
    if any(one["requires_imatrix"] for one in quants):
        yield "* llama-quantize makes it with an importance matrix only."


def _scheme(one: Object) -> str:
    return f"{one['scheme']}{'*' if one['requires_imatrix'] else ''}"


def _gib(one: Object) -> str:
    size = one["checkpoint_bytes"]
    return "" if size is None else gib(size)


def _gb(one: Object) -> str:
    size = one["checkpoint_bytes"]
    return "" if size is None else gb(size, 2)


def _bits(one: Object) -> str:
    return "" if one["bits_per_weight"] is None else f"{one['bits_per_weight']:.2f}"


def _loaded_by(one: Object) -> str:
    """Engines that load it, or the reason why there is no size."""
    return one["reason"] or ", ".join(one["engines"])


COLUMNS = (
    Shown("scheme", _scheme, right=False),
    Shown("family", lambda one: str(one["family"]), right=False, drop=1),
    Shown("class", lambda one: str(one["class"]), right=False, drop=2),
    Shown("checkpoint", _gib),
    Shown("decimal", _gb),
    Shown("bits", _bits),
    Shown("loaded by", _loaded_by, right=False),
)
