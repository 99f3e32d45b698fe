"""``vramfit show``: one GPU or one model, whole."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vramfit.cli.output import Color, Extra, Format, Json, NoHeader, colour_of, guarded, opened, style_of, write_lines
from vramfit.errors import UsageError

if TYPE_CHECKING:
    from vramfit.catalogue import Catalogue

KINDS = ("gpu", "model")


def register(app: typer.Typer) -> None:
    """Add ``show``."""
    app.command("show")(_show)


def _show(
    name: Annotated[list[str], typer.Argument(metavar="ID", help="GPU or model, as people write it: l4, m4 max 128gb")],
    kind: Annotated[str | None, typer.Option(metavar="WORD", help="gpu or model, where a name is both")] = None,
    quants: Annotated[
        bool, typer.Option("--quants", help="what a model's checkpoint weighs under every quantization scheme")
    ] = False,
    as_json: Json = False,
    style: Format = None,
    no_header: NoHeader = False,
    color: Color = "auto",
    offline: Annotated[bool, typer.Option("--offline", help="read models from this disk alone")] = False,
    timeout: Annotated[
        str | None, typer.Option(metavar="N", help="seconds a server may be silent [default: 10]")
    ] = None,
    extra: Extra = None,
) -> None:
    """One GPU or model: every figure, what follows from it, and where it comes from."""

    def run() -> None:
        from vramfit.entries.entry import entry_object
        from vramfit.render import entry

        chosen, colour = style_of(as_json, style), colour_of(color)
        if kind not in (None, *KINDS):
            raise UsageError(f'kind: "{kind}" is not a valid value', f"expected one of: {', '.join(KINDS)}")
        catalogue = opened(extra, offline=offline, timeout=timeout)
        found = entry_object(catalogue, " ".join(name), kind)
        if quants:
            _sizes(catalogue, found, chosen, colour=colour, header=not no_header)
        elif chosen == "table":
            entry.print_entry(found, stream=sys.stdout, colour=colour)
        else:
            write_lines(chosen, entry.lines(chosen, found, header=not no_header))

    guarded(run, as_json=as_json or style in ("json", "ndjson"))


def _sizes(catalogue: Catalogue, found: dict[str, Any], style: str, *, colour: bool, header: bool) -> None:
    """Print a model's size under every scheme; raises ``UsageError`` for a GPU."""
    from vramfit.entries.quant_sizes import quant_sizes
    from vramfit.render import quant_sizes as rendered

    if found["kind"] != "model":
        raise UsageError(f"--quants is for models, and {found['id']} is a GPU", "leave --quants out, or name a model")
    shown = {**found, "quants": quant_sizes(catalogue.model(found["id"]))}
    if style == "table":
        rendered.print_sizes(shown, stream=sys.stdout, colour=colour, header=header)
    else:
        write_lines(style, rendered.lines(style, shown, header=header))
