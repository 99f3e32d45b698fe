"""``vramfit show``: one GPU or one model, whole."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from vramfit.cli.output import Color, Extra, Format, Json, NoHeader, colour_of, guarded, opened, style_of, write_lines
from vramfit.errors import UsageError

KINDS = ("gpu", "model")


def register(app: typer.Typer) -> None:
    """Add ``show``."""
    app.command("show")(_show)


def _show(
    name: Annotated[list[str], typer.Argument(metavar="ID", help="GPU or model, as people write it: l4, m4 max 128gb")],
    kind: Annotated[str | None, typer.Option(metavar="WORD", help="gpu or model, where a name is both")] = None,
    as_json: Json = False,
    style: Format = None,
    no_header: NoHeader = False,
    color: Color = "auto",
    extra: Extra = None,
) -> None:
    """One GPU or model: every figure, what follows from it, and where it comes from."""

    def run() -> None:
        from vramfit.catalogue.entry import entry_object
        from vramfit.render import entry

        chosen, colour = style_of(as_json, style), colour_of(color)
        if kind not in (None, *KINDS):
            raise UsageError(f'kind: "{kind}" is not a valid value', f"expected one of: {', '.join(KINDS)}")
        found = entry_object(opened(extra), " ".join(name), kind)
        if chosen == "table":
            entry.print_entry(found, stream=sys.stdout, colour=colour)
        else:
            write_lines(chosen, entry.lines(chosen, found, header=not no_header))

    guarded(run, as_json=as_json or style in ("json", "ndjson"))
