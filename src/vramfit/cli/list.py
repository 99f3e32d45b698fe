"""``vramfit list``: the catalogue's GPUs and models, the quantization schemes and the engines."""

from __future__ import annotations

from vramfit.catalogue.filters import SORT_KEYS
from vramfit.cli.check import catalogue_of
from vramfit.cli.options import LIST_OPTIONS
from vramfit.cli.printing import answered, print_lines
from vramfit.errors import UsageError
from vramfit.workload.keys import Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_SEARCH = Key("search", "text", "id, name or repository contains this")
_SINCE = Key("since", "text", "released since 2024, 2024-06 or 2024-06-30")
_REVERSE = Key("reverse", "switch", "the other way round")


def _sort(kind: str) -> Key:
    return Key("sort", "text", f"smallest or earliest first, by {', '.join(SORT_KEYS[kind])}")


OPTIONS: dict[str, tuple[Key, ...]] = {
    "gpus": (
        Key("vendor", "texts", "nvidia, amd, intel, apple, google; repeatable"),
        Key("segment", "texts", "consumer, workstation, datacenter, laptop, embedded, apu, apple; repeatable"),
        Key("family", "texts", "architecture or family: ada, rdna, hopper; repeatable"),
        Key("min_memory", "text", "at least this on the box, for example 24GB"),
        Key("max_memory", "text", "at most this on the box"),
        Key("max_price", "number", "launch price in USD at most", minimum=0, maximum=1e9),
        _SINCE,
        _SEARCH,
        Key("here", "switch", "the GPUs of this machine, and what it was asked"),
        _sort("gpus"),
        _REVERSE,
        *LIST_OPTIONS,
    ),
    "models": (
        Key("family", "texts", "family: llama-3.1, or all of qwen; repeatable"),
        Key("modality", "texts", "text, code, vision-language, embedding, …; repeatable"),
        Key("min_parameters", "text", "at least this, counted or as named: 7B"),
        Key("max_parameters", "text", "at most this, counted or as named: 13B"),
        _SINCE,
        _SEARCH,
        Key("here", "switch", "what this disk holds: the Hub's cache, llama.cpp, Ollama, …"),
        _sort("models"),
        _REVERSE,
        *LIST_OPTIONS,
    ),
    "quants": (
        Key("precision", "texts", "fp16, int8, int4; repeatable", flags=("--class",)),
        Key("family", "texts", "gguf, bitsandbytes, gptq, …; repeatable"),
        Key("engine", "text", "only what this engine loads"),
        _sort("quants"),
        _REVERSE,
        *LIST_OPTIONS,
    ),
    "engines": tuple([key for key in LIST_OPTIONS if key.name != "catalogue"]),
}
"""Options by what is listed."""


def run(values: Mapping[str, Any], kind: str) -> int:
    """List one kind of entries from raw option values; returns the exit code."""

    def tell(style: str, given: Mapping[str, Any]) -> int:
        if "here" in given:
            return _HERE[kind](style, given)
        return _print(kind, style, _SELECT[kind](given), given)

    return answered(values, OPTIONS[kind], tell)


def _print(kind: str, style: str, objects: list[Any], given: Mapping[str, Any]) -> int:
    from vramfit.render import listing

    if style == "table":
        from vramfit.cli.printing import colour_of, paged

        with paged(given) as stream:
            listing.print_list(kind, objects, stream=stream, colour=colour_of(given), header="no_header" not in given)
    else:
        print_lines(style, listing.lines(style, kind, objects, header="no_header" not in given))
    return 0


def _gpus(given: Mapping[str, Any]) -> list[Any]:
    from vramfit.catalogue import filters
    from vramfit.catalogue.names import normalise
    from vramfit.entries.listing import gpu_objects

    least, most = filters.marketed_gb(given.get("min_memory")), filters.marketed_gb(given.get("max_memory"))
    found: list[Any] = list(gpu_objects(catalogue_of(given)))
    chosen = filters.words(found, ("vendor",), given.get("vendor"), "vendor")
    chosen = _both(chosen, filters.words(found, ("segment",), given.get("segment"), "segment"))
    chosen = _both(chosen, filters.words(found, ("architecture", "family"), given.get("family"), "family"))
    chosen = filters.between(chosen, ("marketed_gb",), least, most)
    chosen = filters.between(chosen, ("price_usd",), None, given.get("max_price"))
    chosen = filters.searched(filters.since(chosen, given.get("since")), given.get("search"), normalise)
    return filters.ordered("gpus", chosen, given.get("sort"), reverse="reverse" in given)


def _models(given: Mapping[str, Any]) -> list[Any]:
    from vramfit.catalogue import filters
    from vramfit.catalogue.names import normalise_model
    from vramfit.entries.listing import model_objects

    least, most = (
        filters.parameter_count(given.get("min_parameters")),
        filters.parameter_count(given.get("max_parameters")),
    )
    found: list[Any] = list(model_objects(catalogue_of(given)))
    chosen = filters.words(found, ("family",), given.get("family"), "family")
    chosen = _both(chosen, filters.words(found, ("modality",), given.get("modality"), "modality"))
    # A "13B" model of 13.35 billion is meant by --max-parameters 13B: its name counts as well as its tensors.
    size = ("parameters", "nominal_parameters")
    chosen = _both(filters.between(chosen, size, least, None), filters.between(chosen, size, None, most))
    chosen = filters.searched(filters.since(chosen, given.get("since")), given.get("search"), normalise_model)
    return filters.ordered("models", chosen, given.get("sort"), reverse="reverse" in given)


def _quants(given: Mapping[str, Any]) -> list[Any]:
    from vramfit.catalogue import filters
    from vramfit.engines import engine as check_engine
    from vramfit.entries.listing import quant_objects

    engine = given.get("engine")
    if engine is not None:
        check_engine(engine)
    found: list[Any] = list(quant_objects(catalogue_of(given)))
    chosen = filters.words(found, ("class",), given.get("precision"), "class")
    chosen = _both(chosen, filters.words(found, ("family",), given.get("family"), "family"))
    chosen = [one for one in chosen if engine is None or engine in one["engines"]]
    return filters.ordered("quants", chosen, given.get("sort"), reverse="reverse" in given)


def _engines(_given: Mapping[str, Any]) -> list[Any]:
    from vramfit.entries.listing import engine_objects

    return engine_objects()


def _machine(style: str, given: Mapping[str, Any]) -> int:
    """Print the GPUs of this machine."""
    from vramfit.cli.list_here import write_here
    from vramfit.cli.printing import colour_of

    printing = {key.name for key in LIST_OPTIONS}
    if set(given) - printing - {"here"}:
        raise UsageError("--here lists all GPUs of this machine", "leave the other options out")
    write_here(
        catalogue_of(given),
        style,
        colour=colour_of(given),
        header="no_header" not in given,
    )
    return 0


def _on_disk(style: str, given: Mapping[str, Any]) -> int:
    """Print the models that this disk holds."""
    from vramfit.cli.here import here_objects

    printing = {key.name for key in LIST_OPTIONS}
    if set(given) - printing - {"here", "search", "reverse"}:
        raise UsageError("--here lists what the stores say, which is no more than names and sizes", "use --search")
    search = given.get("search")
    found = [one for one in here_objects() if search is None or search.lower() in one["id"].lower()]
    return _print("here", style, found[::-1] if "reverse" in given else found, given)


_SELECT: Mapping[str, Callable[[Mapping[str, Any]], list[Any]]] = {
    "gpus": _gpus, "models": _models, "quants": _quants, "engines": _engines,
}  # fmt: skip
_HERE: Mapping[str, Callable[[str, Mapping[str, Any]], int]] = {"gpus": _machine, "models": _on_disk}


def _both(one: list[Any], other: list[Any]) -> list[Any]:
    """Members of both lists, in the order of the first."""
    ids = {o["id"] for o in other}
    return [o for o in one if o["id"] in ids]
