"""``vramfit import``: an entry for a file of one's own, of a model that is in no catalogue."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vramfit.cli.manual import with_examples
from vramfit.cli.output import Extra, Output, Quiet, Verbose, guarded, into, opened
from vramfit.cli.printing import print_lines
from vramfit.errors import CannotTell, CatalogueError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.catalogue.importing import Imported
    from vramfit.model import Model

SOURCE = "import"
"""Beginning of the key of an entry's source, which its id follows: a file may hold several entries."""
OWN_ENTRY = (
    "write an entry by hand: `vramfit catalogue schema models` has its fields, `vramfit catalogue lint FILE` checks it"
)
"""Hint where an entry of another architecture's traits would answer wrongly."""
ENDLESS = 1 << 20
"""Context of an entry of a model whose files state none, since it keeps a state of one size: that of Mamba's entries."""
WHOLE_CONTEXT = "its encoder is taken to read as many tokens as the context"
"""Note of an entry whose file leaves open how much its encoder reads."""
FALLBACK = "llama"
"""Architecture whose traits are the ground where the model's own is none of the catalogue's."""


def register(app: typer.Typer) -> None:
    """Add ``import``."""
    app.command("import", help=with_examples("import"))(_import)


def _import(
    reference: Annotated[str, typer.Argument(metavar="REF", help="a file, directory, repository or tag, as in -m")],
    offline: Annotated[bool, typer.Option("--offline", help="read from this disk alone")] = False,
    timeout: Annotated[
        str | None, typer.Option(metavar="N", help="seconds a server may be silent [default: 10]")
    ] = None,
    extra: Extra = None,
    output: Output = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Print an entry that gives the same answers as the reference, to be kept in a catalogue file of your own."""

    def run() -> None:
        catalogue = opened(extra, offline=offline, timeout=timeout, quiet=quiet)
        model = catalogue.model(reference)
        if model.origin is None:
            raise UsageError(f"{reference} is in the catalogue as {model.id}", f"see `vramfit show {model.id}`")
        if model.origin.base is not None:
            raise CannotTell(
                f"{reference} is an adapter, whose matrices no entry can state", f"name its base: {model.origin.base}"
            )
        lines = entry_lines(model, catalogue.reading(reference)).splitlines()
        if verbose:
            from vramfit.cli.console import tell
            from vramfit.model import parameters

            place = model.origin.repository or model.origin.path or model.origin.tag or reference
            commit = f" at {model.origin.commit}" if model.origin.commit else ""
            tell(sys.stderr, [f"read: {place}{commit}, {parameters(model):,} parameters"])
        with into(output):
            print_lines("plain", lines)

    guarded(run, as_json=False)


def entry_lines(model: Model, found: Imported | None = None) -> str:
    """Text of an overlay file with the model's entry; raises ``CannotTell`` where none gives the same model.

    The entry states the figures of an architecture of the catalogue, or the fields of the configuration that was read.
    """
    from vramfit.importers.configured_entry import configured_facts

    try:
        if model.gap is not None:
            raise CannotTell(f"the memory of {model.name} cannot be told: {model.gap}", OWN_ENTRY)
        return _by_figures(model)
    except CannotTell:
        facts = None if found is None else configured_facts(found)
        note = None if model.gap is None else WHOLE_CONTEXT
        text = None if facts is None else _text(model, {**facts, "context": _context(model), "note": note})
        built = None if text is None else _built(model, text)
        if text is None or built is None or not _alike(built, model, caches_too=model.gap is None):
            raise
        return text


def _by_figures(model: Model) -> str:
    """Text with an entry of one of the catalogue's architectures; raises ``CannotTell`` where none has the model's tensors."""
    from vramfit.catalogue.files import source_directory
    from vramfit.curation.overlay import Layers
    from vramfit.importers.entry import facts_of, traits_of

    facts = {**facts_of(model), "context": _context(model)}
    architectures = Layers(source_directory()).written["models"]["architectures"]
    for architecture, traits in _candidates(model, architectures, traits_of(model)):
        text = _text(model, {**facts, "architecture": architecture, **({"traits": traits} if traits else {})})
        built = _built(model, text)
        if built is not None and _alike(built, model):
            return text
    raise CannotTell(
        f"no architecture of the catalogue has the tensors of {model.name}", "give the file itself as --model"
    )


def _context(model: Model) -> int | None:
    """Longest context that an entry states; None for a model without layers."""
    return model.context or (ENDLESS if model.layers else None)


def _built(model: Model, text: str) -> Model | None:
    """Model that the entry of a text gives; None where the text has a fault."""
    from vramfit.catalogue.files import source_directory
    from vramfit.curation.configured import model_of
    from vramfit.curation.overlay import Layers

    layers = Layers(source_directory())
    try:
        layers.lay("import", text.encode())
        return model_of({k: v for k, v in layers.facts["models"][entry_id(model)].items() if k != "counted"})
    except (CatalogueError, ValueError):
        return None


def entry_id(model: Model) -> str:
    """Id in the catalogue's form: small letters, digits, dots and dashes."""
    low = "".join([c if c.isascii() and (c.isalnum() or c == ".") else "-" for c in model.name.lower()])
    return "-".join([part for part in low.split("-") if part]).strip(".") or "model"


def _candidates(
    model: Model, architectures: dict[str, dict[str, Any]], own: dict[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Architectures that may be the model's, each with the traits that the entry must state itself."""
    stated = model.architecture
    named = [
        name
        for name, one in architectures.items()
        if stated.model_type in (one.get("model_types") or ()) or stated.gguf in (one.get("gguf_names") or ())
    ]
    for name in named:
        yield name, {}
    for name in (*named, FALLBACK):
        above = {key: value for key, value in architectures[name].items() if key not in ("model_types", "gguf_names")}
        yield name, {**dict.fromkeys([key for key in above if key not in own]), **own}


def _alike(one: Model, other: Model, *, caches_too: bool = True) -> bool:
    """True if two models have the same parameters and equal caches, which are not known of every file."""
    from vramfit.memory.kv_cache import caches
    from vramfit.model import parameters

    if parameters(one) != parameters(other) or not caches_too:
        return parameters(one) == parameters(other)
    return sorted(map(repr, caches(one))) == sorted(map(repr, caches(other)))


def _text(model: Model, facts: dict[str, Any]) -> str:
    """Text of the overlay file: a family and a source of its own, and the entry."""
    import json

    origin = model.origin
    assert origin is not None
    where = origin.repository or origin.path or origin.tag or model.id
    commit = f" at {origin.commit}" if origin.commit else ""
    kept = {name: value for name, value in facts.items() if value not in (None, [], {})}
    own = entry_id(model)
    source, family = f"{SOURCE}-{own}", f"imported-{own}"
    entry = {"id": own, "name": model.name, "family": family, **kept, "sources": [source]}
    if origin.repository is not None and "/" in origin.repository:
        entry["hf"] = [origin.repository]
    # A document of its own, so that it can be appended to a file.
    lines = ["---", "sources:", f"  {source}: {json.dumps(f'{where}{commit}, read by vramfit import')}", "families:"]
    lines += [f"  {family}: {{modality: {model.modality}}}", "models:"]
    for number, (name, value) in enumerate(entry.items()):
        lines.append(f"  {'- ' if number == 0 else '  '}{name}: {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"
