"""A folder of a model's files as a model: its configuration, the headers of its weights, or both.

What a folder holds decides what is read: weights in safetensors with a configuration beside them, a configuration
alone, weights alone, Mistral's ``params.json``, or GGUF files, of which one is then chosen as llama.cpp chooses.
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.engines import engine, engine_of_family, names
from vramfit.errors import InputError, UsageError
from vramfit.importers.config.language import SHELLS, VISION
from vramfit.importers.config.model import read_config
from vramfit.importers.counts import refuse_senseless_counts
from vramfit.importers.gguf_choice import choose_gguf
from vramfit.importers.imported import Imported, assemble, count, idle_notes
from vramfit.importers.packed import logical_header, reader
from vramfit.importers.pipeline_import import INDEX, import_pipeline
from vramfit.importers.place import folder_below
from vramfit.importers.quant_config import (
    FLOATS8,
    SIDE_FILES,
    block_of,
    cache_type_of,
    expert_type_of,
    method_of,
    scheme_of,
    settings_of,
    stored_scheme,
)
from vramfit.importers.roles import layer_count, stored_rows
from vramfit.importers.safetensors import find_files, parse, read_set
from vramfit.importers.sentence import MODULES, read_modules
from vramfit.importers.source import printable
from vramfit.model.architecture import FeedForward, Layers, Model
from vramfit.model.build import nominal_billions
from vramfit.model.traits import Architecture, Traits
from vramfit.quantization import STORED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.importers.config.model import Configured
    from vramfit.importers.header import Header
    from vramfit.importers.place import Place
    from vramfit.importers.sentence import Modules
    from vramfit.importers.source import Folder
    from vramfit.model.origin import Origin
    from vramfit.quantization import Scheme, Stored

CONFIG = "config.json"
MISTRAL = "params.json"
SAFETENSORS = ".safetensors"
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
"""Files with the settings of the processor of images, the one of transformers before 5 first."""
PICKLES = (".bin", ".pt", ".pth", ".ckpt")
LONGEST_CONFIG_BYTES = 1 << 24
"""Bytes of the longest configuration that is read: ModelOpt's lists of 22,000 layers take 2 MB."""
MOST_LISTED = 4
"""Files that are named where nothing can be read."""
INNER = ("ffn_up.weight", "ffn_gate.weight", "ffn_up_exps.weight", "ffn_gate_exps.weight", "ffn_gate_up.weight")
"""Matrices whose outputs are the inner width of a layer's network."""
NO_CONFIG = "there is no config.json beside its weights"


class Parts(Record):
    """Settings and tensors that a folder states of a model."""

    config: Mapping[str, Any] | None
    settings: Mapping[str, Any]
    """Quantization settings; empty where there are none."""
    processor: Mapping[str, Any]
    """Settings of the processor of images; empty where there are none."""
    header: Header | None
    files: tuple[str, ...]
    """Files that were read."""
    notes: tuple[str, ...]
    beside: tuple[Stored, ...] = ()
    """Weights of modules behind the transformer, in files of their own (sentence-transformers)."""


def import_folder(place: Place, identity: str, origin: Origin) -> Imported | str:
    """The model of a folder or of one of its files, or the name of the GGUF file that the folder means.

    Raises:
        UsageError: there is nothing in it that describes a model.
        InputError: a file cannot be read or contradicts itself.
    """
    here = place.folder.names()
    file = place.file
    if file in (None, INDEX) and INDEX in here:
        index = read_settings(place.folder, INDEX)
        return import_pipeline(index, lambda part: folder_below(place, part), identity, _name(place, None), origin)
    modules = None
    if file is None and MODULES in here:
        modules = read_modules(place.folder, lambda part: folder_below(place, part))
        if modules.transformer:
            place = replace(place, folder=folder_below(place, modules.transformer))
            here = place.folder.names()
    weights = any(name.endswith(SAFETENSORS) for name in here)
    if file is None and CONFIG not in here and MISTRAL not in here and not weights:
        choice = choose_gguf(here)
        if choice is None:
            raise _nothing(place.folder, here)
        return choice.model
    parts = _parts(place.folder, file, here, modules)
    name = _name(place, parts.config)
    if parts.config is None:
        return _bare(parts, identity, name, origin)
    refuse_senseless_counts(parts.config, parts.files[0])
    found = _described(parts, parts.config, read_config(parts.config, identity, name, parts.processor), origin)
    return replace(found, config=parts.config, processor=parts.processor)


def _parts(folder: Folder, file: str | None, here: tuple[str, ...], modules: Modules | None) -> Parts:
    """Read a folder: of a configuration named by itself only that, of weights the configuration beside them too."""
    files: list[str] = []
    beside = () if modules is None else modules.rows
    more = () if modules is None or not beside else modules.files
    config: Mapping[str, Any] | None = None
    named = file if file is not None and file.endswith(".json") and not file.endswith(".index.json") else None
    for name in (named,) if named is not None else (CONFIG, MISTRAL):
        if name in here or name == named:
            config = read_settings(folder, name)
            files.append(name)
            break
    if config is not None and "model_type" not in config and "architectures" not in config and "dim" in config:
        from vramfit.importers.mistral import as_config

        config = as_config(config)
    side: Mapping[str, Any] = {}
    for name in SIDE_FILES:
        if name in here and (config is None or not settings_of(config, {})):
            side = read_settings(folder, name)
            files.append(name)
            break
    settings = settings_of(config or {}, side)
    processor: Mapping[str, Any] = {}
    settings_file = next((name for name in PROCESSORS if named is None and name in here), None)
    if (
        settings_file is not None
        and config is not None
        and any(isinstance(config.get(name), dict) for name in (*VISION, *SHELLS))
    ):
        processor = read_settings(folder, settings_file)
        files.append(settings_file)
    if named is not None or not any(name.endswith(SAFETENSORS) for name in here):
        pickled = _pickled(here) if named is None else ()
        return Parts(config, settings, processor, None, (*files, *more), pickled, beside)
    header, notes = _header(folder, file, settings, config)
    read = () if header is None else tuple([one.name for one in header.files])
    return Parts(config, settings, processor, header, (*files, *read, *more), notes, beside)


def _header(
    folder: Folder, file: str | None, settings: Mapping[str, Any], config: Mapping[str, Any] | None
) -> tuple[Header | None, tuple[str, ...]]:
    """The header of the weights; none where shards are missing and a configuration can answer instead."""
    from vramfit.importers.config.language import language_model
    from vramfit.importers.config.model import layers_of
    from vramfit.importers.config.section import Section

    chosen, missing, total = find_files(folder)
    if file is not None and file.endswith(SAFETENSORS) and file not in chosen:
        chosen, missing, total = (file,), (), None
    if missing:
        note = f"{printable(missing[0])} is missing, one of {len(chosen) + len(missing)} files"
        if config is None:
            raise InputError(note, "download all files into one folder")
        return None, (f"{note}: weights are worked out from config.json",)
    raw = read_set(folder, chosen, total)
    layers = layers_of(language_model(Section(config)).section) if config is not None else 0
    header = logical_header(raw, reader(folder, chosen), settings, layers or None)
    return header, (*header.notes, *idle_notes(header))


def _described(parts: Parts, config: Mapping[str, Any], found: Configured, origin: Origin) -> Imported:
    """A model with a configuration: caches by it, weights by the header, or by its class where there is none."""
    header, notes = parts.header, [*origin.notes, *parts.notes, *found.notes]
    knowledge, gap = found.knowledge, found.caches_reason
    if header is None and found.tensors is None:
        knowledge, gap = "unknown", found.tensors_reason or gap
    origin = replace(
        origin,
        kind="config" if header is None else header.format,
        files=parts.files,
        knowledge=knowledge,
        gap=gap,
        notes=tuple(notes),
    )
    model = replace(found.model, origin=origin)
    experts = expert_type_of(config, parts.settings)
    if experts is not None:
        block = block_of(parts.settings)
        model = replace(model, dtype=FLOATS8, traits=replace(model.traits, expert_dtype=experts, weight_block=block))
    keys = _cache_keys(parts.settings)
    if header is None:
        own = (*(found.tensors or ()), *[row.tensor for row in parts.beside if found.tensors])
        count(model, own)
        scheme = scheme_of(parts.settings) if parts.settings else None
        if parts.settings and scheme is None:
            note = (
                f"its config.json says quant_method '{printable(method_of(parts.settings))}', which is not known here"
            )
            model = replace(model, origin=replace(origin, stored_gap=note))
            count(model, own)
            keys["quant"] = STORED
        listed = None
        if scheme is not None and found.tensors:
            from vramfit.importers.kept_layers import checkpoint_of

            listed = checkpoint_of(model, scheme, parts.settings, parts.files[0])
        return Imported(model, {**keys, **_engine_keys(scheme)}, listed)
    rows = (*stored_rows(header), *parts.beside)
    if not model.layers:
        model = replace(model, layers=_bare_layers(rows))
    scheme = stored_scheme(header, parts.settings)
    checkpoint = assemble(model, rows, scheme, header.files[0].name)
    stated = scheme if parts.settings or scheme.family != "plain" else None
    return Imported(model, {**keys, **_engine_keys(stated)}, checkpoint)


def _bare(parts: Parts, identity: str, name: str, origin: Origin) -> Imported:
    """Weights without a configuration: their bytes, and no cache."""
    header = parts.header
    if header is None:
        raise InputError(f"{printable(identity)} describes no model", "name a folder with config.json or weights")
    origin = replace(
        origin, kind=header.format, files=parts.files, knowledge="unknown", gap=NO_CONFIG, notes=parts.notes
    )
    rows = (*stored_rows(header), *parts.beside)
    widths = [row.tensor.shape for row in rows if row.tensor.name == "token_embd.weight" and len(row.tensor.shape) == 2]
    hidden, vocab = widths[0] if widths else (0, 0)
    model = Model(
        id=identity,
        name=name,
        family="unknown",
        modality="text",
        hidden=hidden,
        vocab=vocab,
        tied=not any(row.tensor.name == "output.weight" for row in rows),
        context=0,
        dtype="bf16",
        layers=_bare_layers(rows),
        traits=Traits(),
        architecture=Architecture(),
        vision=None,
        audio=None,
        nominal_billions=nominal_billions(name),
        origin=origin,
    )
    scheme = stored_scheme(header, parts.settings)
    checkpoint = assemble(model, rows, scheme, header.files[0].name)
    stated = scheme if scheme.family != "plain" else None
    return Imported(model, _engine_keys(stated), checkpoint)


def _bare_layers(rows: Sequence[Stored]) -> tuple[Layers, ...]:
    """Layers of which nothing is known but their networks' widths, which are those of the matrices."""
    widths = dict.fromkeys(range(layer_count(tuple(rows))), 0)
    for row in rows:
        if row.tensor.name in INNER and len(row.tensor.shape) > 1:
            for layer in row.layers:
                widths[layer] = max(widths[layer], row.tensor.shape[1])
    groups: dict[int, list[int]] = {}
    for layer, width in widths.items():
        groups.setdefault(width, []).append(layer)
    return tuple([Layers(tuple(same), (), FeedForward(width) if width else None) for width, same in groups.items()])


def _engine_keys(scheme: Scheme | None) -> dict[str, str]:
    """The scheme that a checkpoint is in, with the engine that loads it."""
    if scheme is None:
        return {}
    usual = engine_of_family(scheme.family)
    order = [usual, *[name for name in names() if name != usual]]
    runtime = next((name for name in order if scheme.family in engine(name).families), usual)
    return {"quant": scheme.id, "engine": runtime}


def _cache_keys(settings: Mapping[str, Any]) -> dict[str, str]:
    """The type of cache that a checkpoint was calibrated for: ModelOpt's, which servers heed by themselves."""
    kind = cache_type_of(settings)
    return {"kv_cache_type": kind} if kind and method_of(settings).lower().startswith("modelopt") else {}


def read_settings(folder: Folder, name: str) -> dict[str, Any]:
    """JSON object of a configuration file; raises ``InputError`` where it is none, or too long for one."""
    source = folder.open(name)
    text = source.read(0, LONGEST_CONFIG_BYTES)
    if len(text) == LONGEST_CONFIG_BYTES:
        raise InputError(f"{source.name} is too long to read", "download it again")
    return parse(text, source.name, strict=False)


def _name(place: Place, config: Mapping[str, Any] | None) -> str:
    """Name of the model in reports: its repository, or its folder."""
    if place.repository is not None:
        return place.repository.rpartition("/")[2]
    stated = (config or {}).get("_name_or_path")
    if isinstance(stated, str) and stated and not stated.startswith((".", "/")) and stated.isprintable():
        return printable(stated.rpartition("/")[2])
    import os

    return printable(os.path.basename(os.path.abspath(getattr(place.folder, "path", None) or place.folder.name)))


def _pickled(here: tuple[str, ...]) -> tuple[str, ...]:
    """A note where the weights are in files that cannot be looked into without running them."""
    if any(name.endswith(PICKLES) for name in here):
        return ("its weights are pickles, which are not opened: their sizes are worked out from config.json",)
    return ()


def _nothing(folder: Folder, here: tuple[str, ...]) -> UsageError:
    shown = ", ".join([printable(name) for name in here[:MOST_LISTED]])
    more = f", … ({len(here) - MOST_LISTED} more)" if len(here) > MOST_LISTED else ""
    found = f"found {shown}{more}" if here else "it is empty"
    return UsageError(
        f"nothing vramfit can read in {folder.name}: {found}", "a model has config.json, *.safetensors or *.gguf"
    )
