"""``vramfit show``: one GPU or one model, whole."""

from __future__ import annotations

from vramfit.cli.check import catalogue_of
from vramfit.cli.options import LIST_OPTIONS, OUTPUT_OPTIONS
from vramfit.cli.printing import answered, colour_of, paged, print_lines
from vramfit.errors import UsageError
from vramfit.workload.keys import Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.catalogue import Catalogue

OPTIONS: tuple[Key, ...] = (
    Key("kind", "choice", "gpu or model, where a name is both", choices=("gpu", "model")),
    Key("quants", "switch", "what a model's checkpoint weighs under every quantization scheme"),
    *LIST_OPTIONS,
    *[key for key in OUTPUT_OPTIONS if key.name in ("offline", "timeout")],
)


def run(values: Mapping[str, Any]) -> int:
    """Show one entry from raw option values; returns the exit code."""
    return answered(values, OPTIONS, _tell)


def _tell(style: str, given: Mapping[str, Any]) -> int:
    from vramfit.entries.entry import entry_object
    from vramfit.render import entry

    if "id" not in given:
        raise UsageError("no GPU or model was named", "vramfit show rtx4090, or vramfit show llama-3.1-8b")
    catalogue = catalogue_of(given)
    found = entry_object(catalogue, " ".join(given["id"]), given.get("kind"))
    header = "no_header" not in given
    if "quants" in given:
        _sizes(catalogue, found, style, given)
    elif style == "table":
        with paged(given) as stream:
            entry.print_entry(found, stream=stream, colour=colour_of(given))
    else:
        print_lines(style, entry.lines(style, found, header=header))
    return 0


def _sizes(catalogue: Catalogue, found: dict[str, Any], style: str, given: Mapping[str, Any]) -> None:
    """Print a model's size under every scheme; raises ``UsageError`` for a GPU."""
    from vramfit.entries.quant_sizes import quant_sizes
    from vramfit.render import quant_sizes as rendered

    if found["kind"] != "model":
        raise UsageError(f"--quants is for models, and {found['id']} is a GPU", "leave --quants out, or name a model")
    shown, header = {**found, "quants": quant_sizes(catalogue.model(found["id"]))}, "no_header" not in given
    if style == "table":
        with paged(given) as stream:
            rendered.print_sizes(shown, stream=stream, colour=colour_of(given), header=header)
    else:
        print_lines(style, rendered.lines(style, shown, header=header))
