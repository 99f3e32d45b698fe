"""``vramfit list``: the catalogue's GPUs and models, the quantization schemes and the engines."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from vramfit.catalogue.filters import SORT_KEYS
from vramfit.cli.output import Color, Extra, Format, Json, NoHeader, colour_of, guarded, opened, style_of, write_lines
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

Words = list[str] | None
Text = str | None

_SORTED = "smallest or earliest first, by "
SortGpus = Annotated[Text, typer.Option("--sort", metavar="KEY", help=_SORTED + ", ".join(SORT_KEYS["gpus"]))]
SortModels = Annotated[Text, typer.Option("--sort", metavar="KEY", help=_SORTED + ", ".join(SORT_KEYS["models"]))]
SortQuants = Annotated[Text, typer.Option("--sort", metavar="KEY", help=_SORTED + ", ".join(SORT_KEYS["quants"]))]
Reverse = Annotated[bool, typer.Option("--reverse", help="the other way round")]
Search = Annotated[Text, typer.Option("--search", metavar="TEXT", help="id, name or repository contains this")]
Since = Annotated[Text, typer.Option("--since", metavar="DATE", help="released since 2024, 2024-06 or 2024-06-30")]


def register(app: typer.Typer) -> None:
    """Add ``list`` and its four commands."""
    listing = typer.Typer(help="List GPUs, models, quantization schemes or engines.")
    for name, command in (("gpus", _gpus), ("models", _models), ("quants", _quants), ("engines", _engines)):
        listing.command(name)(command)
    app.add_typer(listing, name="list")


def _gpus(
    vendor: Annotated[Words, typer.Option(metavar="WORD", help="nvidia, amd, intel, apple, google; repeatable")] = None,
    segment: Annotated[
        Words,
        typer.Option(
            metavar="WORD", help="consumer, workstation, datacenter, laptop, embedded, apu, apple; repeatable"
        ),
    ] = None,
    family: Annotated[
        Words, typer.Option(metavar="WORD", help="architecture or family: ada, rdna, hopper; repeatable")
    ] = None,
    min_memory: Annotated[Text, typer.Option(metavar="SIZE", help="at least this on the box, for example 24GB")] = None,
    max_memory: Annotated[Text, typer.Option(metavar="SIZE", help="at most this on the box")] = None,
    max_price: Annotated[float | None, typer.Option(metavar="USD", help="launch price at most")] = None,
    since: Since = None,
    search: Search = None,
    here: Annotated[bool, typer.Option("--here", help="the GPUs of this machine, and what it was asked")] = False,
    sort: SortGpus = None,
    reverse: Reverse = False,
    as_json: Json = False,
    style: Format = None,
    no_header: NoHeader = False,
    color: Color = "auto",
    extra: Extra = None,
) -> None:
    """GPUs: memory on the box, memory a program gets, bandwidth, price."""

    def select() -> list[Any]:
        from vramfit.catalogue import filters
        from vramfit.catalogue.names import normalise
        from vramfit.entries.listing import gpu_objects

        least, most = filters.marketed_gb(min_memory), filters.marketed_gb(max_memory)
        found: list[Any] = list(gpu_objects(opened(extra)))
        chosen = filters.words(found, ("vendor",), vendor, "vendor")
        chosen = _both(chosen, filters.words(found, ("segment",), segment, "segment"))
        chosen = _both(chosen, filters.words(found, ("architecture", "family"), family, "family"))
        chosen = filters.between(chosen, ("marketed_gb",), least, most)
        chosen = filters.between(chosen, ("price_usd",), None, max_price)
        chosen = filters.searched(filters.since(chosen, since), search, normalise)
        return filters.ordered("gpus", chosen, sort, reverse=reverse)

    if here:
        narrowed = (vendor, segment, family, min_memory, max_memory, max_price, since, search, sort)
        _print_machine(
            any(option is not None for option in narrowed) or reverse, as_json, style, no_header, color, extra
        )
    _print("gpus", select, as_json, style, no_header, color)


def _models(
    family: Annotated[Words, typer.Option(metavar="WORD", help="family: llama-3.1, or all of qwen; repeatable")] = None,
    modality: Annotated[
        Words, typer.Option(metavar="WORD", help="text, code, vision-language, embedding, …; repeatable")
    ] = None,
    min_parameters: Annotated[Text, typer.Option(metavar="N", help="at least this, counted or as named: 7B")] = None,
    max_parameters: Annotated[Text, typer.Option(metavar="N", help="at most this, counted or as named: 13B")] = None,
    since: Since = None,
    search: Search = None,
    here: Annotated[
        bool, typer.Option("--here", help="what this disk holds: the Hub's cache, llama.cpp, Ollama, …")
    ] = False,
    sort: SortModels = None,
    reverse: Reverse = False,
    as_json: Json = False,
    style: Format = None,
    no_header: NoHeader = False,
    color: Color = "auto",
    extra: Extra = None,
) -> None:
    """Models: parameters, counted tensor by tensor, and the longest context."""

    def select() -> list[Any]:
        from vramfit.catalogue import filters
        from vramfit.catalogue.names import normalise_model
        from vramfit.entries.listing import model_objects

        least, most = filters.parameter_count(min_parameters), filters.parameter_count(max_parameters)
        found: list[Any] = list(model_objects(opened(extra)))
        chosen = filters.words(found, ("family",), family, "family")
        chosen = _both(chosen, filters.words(found, ("modality",), modality, "modality"))
        # A "13B" model of 13.35 billion is meant by --max-parameters 13B: its name counts as well as its tensors.
        size = ("parameters", "nominal_parameters")
        chosen = _both(filters.between(chosen, size, least, None), filters.between(chosen, size, None, most))
        chosen = filters.searched(filters.since(chosen, since), search, normalise_model)
        return filters.ordered("models", chosen, sort, reverse=reverse)

    def on_disk() -> list[Any]:
        from vramfit.cli.here import here_objects

        narrowed = (family, modality, min_parameters, max_parameters, since, sort)
        if any(option is not None for option in narrowed):
            raise UsageError("--here lists what the stores say, which is no more than names and sizes", "use --search")
        found = [one for one in here_objects() if search is None or search.lower() in one["id"].lower()]
        return found[::-1] if reverse else found

    if here:
        _print("here", on_disk, as_json, style, no_header, color)
    else:
        _print("models", select, as_json, style, no_header, color)


def _quants(
    precision: Annotated[Words, typer.Option("--class", metavar="WORD", help="fp16, int8, int4; repeatable")] = None,
    family: Annotated[Words, typer.Option(metavar="WORD", help="gguf, bitsandbytes, gptq, …; repeatable")] = None,
    engine: Annotated[Text, typer.Option(metavar="WORD", help="only what this engine loads")] = None,
    sort: SortQuants = None,
    reverse: Reverse = False,
    as_json: Json = False,
    style: Format = None,
    no_header: NoHeader = False,
    color: Color = "auto",
    extra: Extra = None,
) -> None:
    """Quantization schemes, with their bits per weight on Llama 3.1 8B."""

    def select() -> list[Any]:
        from vramfit.catalogue import filters
        from vramfit.engines import engine as check_engine
        from vramfit.entries.listing import quant_objects

        if engine is not None:
            check_engine(engine)
        found: list[Any] = list(quant_objects(opened(extra)))
        chosen = filters.words(found, ("class",), precision, "class")
        chosen = _both(chosen, filters.words(found, ("family",), family, "family"))
        chosen = [one for one in chosen if engine is None or engine in one["engines"]]
        return filters.ordered("quants", chosen, sort, reverse=reverse)

    _print("quants", select, as_json, style, no_header, color)


def _engines(as_json: Json = False, style: Format = None, no_header: NoHeader = False, color: Color = "auto") -> None:
    """Engines, and what each can be asked for."""

    def select() -> list[Any]:
        from vramfit.entries.listing import engine_objects

        return engine_objects()

    _print("engines", select, as_json, style, no_header, color)


def _both(one: list[Any], other: list[Any]) -> list[Any]:
    """Members of both lists, in the order of the first."""
    ids = {o["id"] for o in other}
    return [o for o in one if o["id"] in ids]


def _print_machine(narrowed: bool, as_json: bool, style: str | None, no_header: bool, color: str, extra: Words) -> None:
    """Print this machine and leave with the exit code; ``narrowed`` is true where the catalogue's options are given."""

    def run() -> None:
        from vramfit.cli.list_here import write_here

        chosen, colour = style_of(as_json, style), colour_of(color)
        if narrowed:
            raise UsageError("--here lists all GPUs of this machine", "leave the other options out")
        write_here(opened(extra), chosen, colour=colour, header=not no_header)

    guarded(run, as_json=as_json or style in ("json", "ndjson"))


def _print(
    kind: str, select: Callable[[], list[Any]], as_json: bool, style: str | None, no_header: bool, color: str
) -> None:
    def run() -> None:
        from vramfit.render import listing

        chosen, colour = style_of(as_json, style), colour_of(color)
        objects = select()
        if chosen == "table":
            listing.print_list(kind, objects, stream=sys.stdout, colour=colour, header=not no_header)
        else:
            write_lines(chosen, listing.lines(chosen, kind, objects, header=not no_header))

    guarded(run, as_json=as_json or style in ("json", "ndjson"))
