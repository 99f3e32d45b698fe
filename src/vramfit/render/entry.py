"""Page of one catalogue entry for people, its JSON object for programs, its fields one per line for the rest.

The page is made of labelled paragraphs, so that it reads the same on a narrow terminal; what is unknown is left out.
"""

from __future__ import annotations

import shutil

from vramfit.render import plain
from vramfit.render.csv import row
from vramfit.render.json import dumps
from vramfit.render.listing import FORMAT_VERSION, scalar
from vramfit.render.markdown import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any, TextIO

    from vramfit.render.fields import Object

    Paragraphs = Iterable[tuple[str, list[str]]]
    """Labels, each with the lines that stand behind it."""

LABEL_WIDTH = 12


def lines(style: str, entry: Object, *, header: bool = True) -> Iterator[str]:
    """Lines of the entry in a text format; the row formats have a field per row, its path dotted."""
    document = {"format_version": FORMAT_VERSION, **entry}
    if style == "json":
        yield dumps(document)
    elif style == "ndjson":
        yield dumps(document, None)
    elif style == "markdown":
        yield "| field | value |"
        yield "| :-- | :-- |"
        for field, value in flat(entry):
            yield f"| {escape(field)} | {escape(value)} |"
    else:
        if header:
            yield "field\tvalue" if style == "plain" else row(("field", "value"))
        for field, value in flat(entry):
            yield f"{plain.escape(field)}\t{plain.escape(value)}" if style == "plain" else row((field, value))


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Dotted path and text of every scalar; a list of scalars is one, joined with commas."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from flat(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple) and any(isinstance(item, dict | list) for item in value):
        for number, item in enumerate(value):
            yield from flat(item, f"{path}.{number}")
    else:
        yield path, scalar(value)


def print_entry(entry: Object, *, stream: TextIO, colour: bool) -> None:
    """Draw the entry on a terminal."""
    from vramfit.render import gpu_entry, model_entry
    from vramfit.render.page import Page

    sheet = gpu_entry if entry["kind"] == "gpu" else model_entry
    page = Page(shutil.get_terminal_size((80, 24)).columns, stream.encoding or "ascii", colour=colour)
    page.prose((entry["name"], "bold"))
    page.prose((sheet.subtitle(entry), "dim"))
    page.blank()
    _draw(page, sheet.paragraphs(entry))
    if entry.get("note"):
        _draw(page, [("Note", [entry["note"]])])
    page.blank()
    _draw(page, _sources(entry))
    stream.write(page.drawn())


def _draw(page: Any, paragraphs: Paragraphs) -> None:
    for label, texts in paragraphs:
        for number, text in enumerate(text for text in texts if text):
            page.prose(text, label=(label if number == 0 else "", "dim"), hang=LABEL_WIDTH)


def _sources(entry: Object) -> Iterator[tuple[str, list[str]]]:
    """Sources of the entry, then those that the page refers to by key, then the keys of single fields."""
    own = {source["key"] for source in entry["sources"]}
    others = (source for source in entry.get("references") or () if source["key"] not in own)
    yield "Sources", [_source(source) for source in (*entry["sources"], *others)]
    by_field = (entry.get("field_sources") or {}).items()
    origins = [f"{field} from {', '.join(source['key'] for source in refs)}" for field, refs in by_field]
    yield "By field", ["; ".join(origins)]


def _source(source: Object) -> str:
    """Key, name and address, or the place within it."""
    where = source.get("url") or source.get("detail")
    return f"{source['key']}: {source['name']}{f' ({where})' if where else ''}"
