"""Lists of a machine's GPUs, with what was asked of whom, in every format."""

from __future__ import annotations

import shutil

from vramfit.render.json import dumps
from vramfit.render.listing import FORMAT_VERSION, Shown, counted, markdown_rows, rows
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

    from vramfit.render.fields import Object


def lines(style: str, found: Object, *, header: bool = True) -> Iterator[str]:
    """Lines of a machine in a text format; the row formats have its GPUs alone."""
    if style == "json":
        yield dumps({"format_version": FORMAT_VERSION, **found})
    elif style == "ndjson":
        for one in found["gpus"]:
            yield dumps(one, None)
    elif style == "markdown":
        yield from markdown_rows(COLUMNS, found["gpus"])
    else:
        yield from rows(style, found["gpus"], header=header)


def print_machine(found: Object, *, stream: TextIO, colour: bool, header: bool = True) -> None:
    """Draw a machine on a terminal: its GPUs, its memory and driver, what was asked of whom, and notes."""
    from vramfit.render.page import Column, Page

    page = Page(shutil.get_terminal_size((80, 24)).columns, stream.encoding or "ascii", colour=colour)
    columns = []
    for shown in COLUMNS:
        cells = [shown.text(one) or "–" for one in found["gpus"]]
        columns.append(Column(shown.heading if header else "", list(cells), shown.right, shown.drop))
    page.table(columns, indent=0)
    if header:
        page.blank()
        page.prose((f"{counted('gpus', len(found['gpus']))}; {_surroundings(found['machine'])}", "dim"))
    for one in found["gpus"]:
        if one["free_bytes"] is None and one["unknown_because"]:
            page.prose(f"{one['name']}: what is free is not known, since {one['unknown_because']}")
    for note in found["machine"]["notes"]:
        page.prose(note)
    page.blank()
    page.line(("asked", "bold"))
    for probe in found["machine"]["asked"]:
        page.prose(f"{probe['source']}: {probe['outcome']}", indent=2)
    stream.write(page.drawn())


def _surroundings(machine: Object) -> str:
    """RAM, its kind, the driver and the platform, as far as they are known."""
    total, available = machine["ram_bytes"], machine["ram_available_bytes"]
    ram = "RAM unknown" if total is None else f"{gib(total, 1)} RAM"
    if total is not None and available is not None:
        ram += f", {gib(available, 1)} available"
    parts = [ram, machine["ram_kind"], machine["driver"] and f"driver {machine['driver']}", machine["platform"]]
    return ", ".join([part for part in parts if part])


def _size(key: str) -> Callable[[Object], str]:
    return lambda one: "" if one[key] is None else gib(one[key], 1)


def _name(one: Object) -> str:
    words = [word for word, stated in (("display", one["display"]), ("divided by MIG", one["mig_enabled"])) if stated]
    return f"{one['name']} ({', '.join(words)})" if words else str(one["name"])


COLUMNS: tuple[Shown, ...] = (
    Shown("GPU", lambda one: str(one["index"])),
    Shown("name", _name, right=False),
    Shown("memory", _size("memory_bytes")),
    Shown("in use", _size("used_bytes"), drop=1),
    Shown("free", _size("free_bytes")),
    Shown("id", lambda one: one["id"] or "", right=False),
    Shown("PCI", lambda one: one["pci_address"] or "", right=False, drop=3),
    Shown("by", lambda one: str(one["source"]), right=False, drop=2),
)
"""Columns for people."""
