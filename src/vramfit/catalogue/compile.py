"""Compiles ``data/*.yaml`` into the one binary file that ``compiled`` reads: the slow path, run once per change."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from typing import Any

from pydantic import ValidationError

from vramfit.catalogue import derive
from vramfit.catalogue.container import pack
from vramfit.catalogue.names import normalise
from vramfit.catalogue.schema_errors import faults_of
from vramfit.catalogue.schema_gpus import validate_gpus
from vramfit.catalogue.spellings import gpu_aliases, model_aliases
from vramfit.catalogue.strict_yaml import Document, Fault, load_catalogue_yaml
from vramfit.errors import CatalogueError


def compile_directory(directory: str, key: object) -> bytes:
    """The compiled file of ``gpus.yaml`` and ``models.yaml`` in ``directory``.

    ``key`` is stored with it to tell later whether it is fresh. Raises ``CatalogueError`` naming file, line and
    column. A missing ``models.yaml`` gives a catalogue without models.
    """
    gpus = read_document(os.path.join(directory, "gpus.yaml"))
    models_path = os.path.join(directory, "models.yaml")
    models = read_document(models_path) if os.path.exists(models_path) else None
    return pack(key, sections(gpu_facts(gpus), model_facts(models) if models else []))


def read_document(path: str) -> Document:
    """Parse a catalogue file; raises ``CatalogueError`` when it cannot be read or is not strict YAML."""
    try:
        with open(path, "rb") as file:
            text = file.read()
    except OSError as error:
        raise CatalogueError(f"{path} cannot be read: {error.strerror}") from None
    return load_catalogue_yaml(text, path)


def gpu_facts(document: Document) -> list[dict[str, Any]]:
    """The compiled facts of a GPU file's entries; raises ``CatalogueError`` for the first fault in its shape."""
    data = _mapping(document)
    try:
        entries = validate_gpus(data)
    except ValidationError as error:
        raise _first(faults_of(document, error)) from None
    sources, field_sources = data.get("sources", {}), data.get("field_sources", {})
    return [derive.facts(entry, sources, field_sources) for entry in entries]


def model_facts(document: Document) -> list[dict[str, Any]]:
    """The compiled facts of a model file's entries; raises ``CatalogueError`` for the first fault in its shape."""
    if find_spec("vramfit.catalogue.schema_models") is None:
        return []
    from vramfit.catalogue.schema_models import validate_models

    try:
        return list(validate_models(_mapping(document)))
    except ValidationError as error:
        raise _first(faults_of(document, error)) from None


def sections(gpus: list[dict[str, Any]], models: list[dict[str, Any]]) -> dict[str, object]:
    """The sections of a compiled file (see ``compiled.Catalogue`` for their readers)."""
    result: dict[str, object] = {
        "gpu_aliases": gpu_aliases(gpus).settled(),
        "model_aliases": model_aliases(models).settled(),
        "gpu_rows": tuple(_gpu_row(gpu) for gpu in gpus),
        "model_rows": tuple(_model_row(model) for model in models),
        "driver_names": _grouped(
            (normalise(name), gpu["id"]) for gpu in gpus for name in [gpu["name"], *gpu["driver_names"]]
        ),
        "pci_ids": _grouped((pci, gpu["id"]) for gpu in gpus for pci in gpu["pci"]),
    }
    for kind, entries in (("gpu", gpus), ("model", models)):
        for entry in entries:
            result[f"{kind}:{entry['id']}"] = entry
    return result


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
        gpu["usable_mib"].get("linux"),
        gpu["bandwidth_gb_s"],
        gpu["price_usd"],
        min(rents, default=None),
    )


def _model_row(facts: Mapping[str, Any]) -> tuple[Any, ...]:
    """Values of ``compiled.ModelRow``, in its order."""
    from vramfit.model import active_parameters, model_from_facts, parameters

    model = model_from_facts(facts)
    return (
        facts["id"],
        facts["name"],
        facts.get("family"),
        facts.get("modality"),
        parameters(model),
        active_parameters(model),
        facts.get("max_context"),
        facts.get("released"),
    )


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    groups: dict[str, dict[str, None]] = {}
    for key, entry in pairs:
        groups.setdefault(key, {})[entry] = None
    return {key: tuple(entries) for key, entries in sorted(groups.items())}


def _mapping(document: Document) -> dict[str, Any]:
    if not isinstance(document.data, dict):
        raise _first([document.fault((), "a mapping is expected at the top of the file")])
    return document.data


def _first(faults: list[Fault]) -> CatalogueError:
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return CatalogueError(f"{faults[0]._replace(hint=None)}{more}", faults[0].hint)
