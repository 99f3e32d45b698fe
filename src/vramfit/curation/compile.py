"""Compilation of ``data/*.yaml`` into the one binary file that ``compiled`` reads: the slow path, run once per
change."""

from __future__ import annotations

import os

from pydantic import ValidationError

from vramfit._record import fields
from vramfit.catalogue.files import read_bytes
from vramfit.catalogue.names import normalise
from vramfit.catalogue.rows import GpuRow, ModelRow
from vramfit.curation import derive
from vramfit.curation.packing import pack
from vramfit.curation.schema_errors import faults_of, model_faults
from vramfit.curation.schema_gpus import validate_gpus
from vramfit.curation.schema_models import InvalidModelsError, validate_models
from vramfit.curation.spellings import gpu_aliases, model_aliases, model_contexts
from vramfit.curation.strict_yaml import load_catalogue_yaml
from vramfit.errors import CatalogueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from vramfit.curation.strict_yaml import Document, Fault


PRICE, MODALITY = fields(GpuRow).index("price_usd"), fields(ModelRow).index("modality")


def compile_directory(directory: str, key: object) -> bytes:
    """Compile ``gpus.yaml`` and ``models.yaml`` in ``directory`` into the bytes of a file.

    ``key`` is stored with it to tell later whether it is fresh. Raises ``CatalogueError`` naming file, line and column.
    A missing ``models.yaml`` gives a catalogue without models.
    """
    gpus = read_document(os.path.join(directory, "gpus.yaml"))
    models_path = os.path.join(directory, "models.yaml")
    models = read_document(models_path) if os.path.exists(models_path) else None
    sources = {"sources": _mapping(gpus).get("sources", {})}
    if models:
        sources["model_sources"] = {key: {"name": name} for key, name in _mapping(models).get("sources", {}).items()}
    return pack_entries(key, gpu_facts(gpus), model_facts(models) if models else [], sources)


def read_document(path: str) -> Document:
    """Parse a catalogue file; raises ``CatalogueError`` when it cannot be read or is not strict YAML."""
    return load_catalogue_yaml(read_bytes(path), path)


def gpu_facts(document: Document) -> list[dict[str, Any]]:
    """Compile the facts of a GPU file's entries; raises ``CatalogueError`` for the first fault in its shape."""
    data = _mapping(document)
    try:
        entries = validate_gpus(data)
    except ValidationError as error:
        raise refusal(faults_of(document, error)) from None
    if faults := incomplete(document, entries):
        raise refusal(faults)
    sources, field_sources = data.get("sources", {}), data.get("field_sources", {})
    return [derive.facts(entry, sources, field_sources) for entry in entries]


def incomplete(document: Document, entries: list[dict[str, Any]]) -> list[Fault]:
    """Merged GPU entries that name no known family, or lack what every entry needs."""
    families = document.data.get("families", {})
    faults = []
    for number, entry in enumerate(entries):
        family = entry.get("family")
        if family is not None and family not in families:
            faults.append(document.fault(("gpus", number, "family"), f'there is no family "{family}"'))
            continue
        missing = [field for field in ("vendor", "segment") if entry.get(field) is None]
        problem = "is missing, in the entry and in its family"
        faults += [document.fault(("gpus", number, field), problem) for field in missing]
    return faults


def model_facts(document: Document) -> list[dict[str, Any]]:
    """Compile the facts of a model file's entries; raises ``CatalogueError`` for the first fault in its shape."""
    try:
        return validate_models(_mapping(document))
    except InvalidModelsError as error:
        raise refusal(model_faults(document, error)) from None


def pack_entries(
    key: object,
    gpus: list[dict[str, Any]],
    models: list[dict[str, Any]],
    sources: Mapping[str, object],
    warnings: tuple[str, ...] = (),
) -> bytes:
    """Pack entries into the bytes of a compiled file (see ``compiled.Catalogue`` for the readers of its parts).

    ``warnings`` say which of the user's own files were left out, and why.
    """
    gpu_rows = tuple(_gpu_row(gpu) for gpu in gpus)
    model_rows = tuple(_model_row(model) for model in models)
    sections = {
        "warnings": warnings,
        "gpu_rows": gpu_rows,
        "model_rows": model_rows,
        # What remedies look for, apart, so that the rows of all need not be decoded for it.
        "for_sale": tuple(sorted([row for row in gpu_rows if row[PRICE] is not None], key=lambda row: row[PRICE])),
        **{
            f"models/{modality}": tuple([row for row in model_rows if row[MODALITY] == modality])
            for modality in {row[MODALITY] for row in model_rows}
        },
        "offers": tuple(sorted([o for gpu in gpus for o in _offers(gpu)], key=lambda offer: (offer[2] > 1, offer[0]))),
        **sources,
    }
    gpu_numbers = {gpu["id"]: number for number, gpu in enumerate(gpus)}
    model_numbers = {model["id"]: number for number, model in enumerate(models)}
    named = [(normalise(name), gpu["id"]) for gpu in gpus for name in [gpu["name"], *gpu["driver_names"]]]
    pci_ids = _grouped((pci, gpu["id"]) for gpu in gpus for pci in gpu["pci"])
    tables: dict[str, dict[str, object]] = {
        "gpu_aliases": _numbered(gpu_aliases(gpus).settled(), gpu_numbers),
        "model_aliases": _numbered(model_aliases(models).settled(), model_numbers),
        "model_contexts": dict(model_contexts(models)),
        "driver_names": _numbered(_grouped(named), gpu_numbers),
        "pci_ids": _numbered(pci_ids, gpu_numbers),
    }
    from vramfit.curation.configured import model_of
    from vramfit.model import packed

    built = [packed.pack(model_of(model)) for model in models]
    return pack(key, sections, tables, {"gpu": gpus, "model": built, "model_entry": models})


def _numbered(table: Mapping[str, tuple[str, ...]], numbers: Mapping[str, int]) -> dict[str, object]:
    """Table with record numbers for ids: one number, or a tuple where a key is ambiguous."""
    return {
        key: numbers[ids[0]] if len(ids) == 1 else tuple(numbers[entry] for entry in ids) for key, ids in table.items()
    }


def _gpu_row(gpu: Mapping[str, Any]) -> tuple[Any, ...]:
    """Values of ``compiled.GpuRow``, in its order."""
    rents = [rent["usd_per_hour"] for rent in gpu["rents"] if rent["gpus"] == 1]
    return (
        gpu["id"],
        gpu["name"],
        gpu["vendor"],
        gpu["segment"],
        gpu["vram_gb"],
        gpu["memory_mib"],
        gpu["bandwidth_gb_s"],
        gpu["price_usd"],
        min(rents, default=None),
    )


def _offers(gpu: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Values of ``compiled.Offer``, in its order, for each rent of a GPU with memory of its own."""
    return [
        (
            rent["usd_per_hour"],
            gpu["id"],
            rent["gpus"],
            rent["provider"],
            rent.get("instance"),
            rent["as_of"],
            rent["gpus"] * gpu["memory_mib"],
        )
        for rent in gpu["rents"]
        if gpu["memory_mib"] is not None
    ]


def _model_row(facts: Mapping[str, Any]) -> tuple[Any, ...]:
    """Values of ``compiled.ModelRow``, in its order."""
    from vramfit.curation.configured import model_of
    from vramfit.model import active_parameters, parameters

    model = model_of(facts)
    return (
        facts["id"],
        facts["name"],
        facts.get("family"),
        model.modality,
        parameters(model),
        active_parameters(model),
        facts.get("context"),
        facts.get("released"),
    )


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, dict[str, None]] = {}
    for key, entry in pairs:
        groups.setdefault(key, {})[entry] = None
    return {key: tuple(entries) for key, entries in sorted(groups.items())}


def _mapping(document: Document) -> dict[str, Any]:
    if not isinstance(document.data, dict):
        raise refusal([document.fault((), "a mapping is expected at the top of the file")])
    return document.data


def refusal(faults: list[Fault]) -> CatalogueError:
    """Error of a file with these faults: the first one, and the number of the others."""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return CatalogueError(f"{faults[0]._replace(hint=None)}{more}", faults[0].hint)
