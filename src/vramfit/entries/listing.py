"""One object per GPU, model, quantization scheme and engine, as ``list`` prints them.

Plain data in the contract's order: ids and the fields scripts rely on first, what was added later behind. Bytes and
parameters are integers, null is unknown.
"""

from __future__ import annotations

from vramfit.hardware import gpu_from_facts, usable_bytes
from vramfit.units import GB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.catalogue.lookup import Catalogue
    from vramfit.catalogue.rows import ModelRow

EXAMPLE_MODEL = "llama-3.1-8b"
"""Model for which bits per weight are given: they differ a little from model to model."""


def gpu_objects(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Objects of all GPUs, in the catalogue's order."""
    return [gpu_object(facts) for facts in catalogue.gpu_entries()]


def gpu_object(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Object of one GPU in ``list gpus``; ``usable_bytes`` are those on ``usable_platform``."""
    memory_mib, bandwidth = facts["memory_mib"], facts["bandwidth_gb_s"]
    platform = usual_platform(facts)
    rents = [rent["usd_per_hour"] for rent in facts["rents"] if rent["gpus"] == 1]
    return {
        "id": facts["id"],
        "name": facts["name"],
        "vendor": facts["vendor"],
        "marketed_gb": facts["vram_gb"],
        "memory_bytes": None if memory_mib is None else memory_mib * MIB,
        "usable_bytes": None if memory_mib is None else usable_bytes(gpu_from_facts(facts), platform),
        "bandwidth_bytes_per_second": None if bandwidth is None else round(bandwidth * GB),
        "usable_platform": platform,
        "segment": facts["segment"],
        "family": facts.get("family"),
        "architecture": facts["architecture"],
        "memory_type": facts["memory_type"],
        "unified": facts["unified"],
        "cores": facts["cores"],
        "core_unit": facts["core_unit"],
        "compute_target": facts["compute_target"],
        "released": facts["released"],
        "price_usd": facts["price_usd"],
        "rent_usd_per_hour": min(rents, default=None),
        "confidence": facts["confidence"],
    }


def usual_platform(facts: Mapping[str, Any]) -> str:
    """Platform as a check takes it: ``macos`` for Apple's GPUs, ``linux`` for all others."""
    return "macos" if facts["vendor"] == "apple" else "linux"


def model_objects(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Objects of all models, in the catalogue's order."""
    rows, entries = catalogue.model_rows(), catalogue.model_entries()
    return [model_object(row, facts) for row, facts in zip(rows, entries, strict=True)]


def model_object(row: ModelRow, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Object of one model in ``list models``."""
    from vramfit.model import nominal_billions

    stated = nominal_billions(row.name)
    return {
        "id": row.id,
        "name": row.name,
        "family": row.family,
        "modality": row.modality,
        "parameters": row.parameters,
        "active_parameters": row.active_parameters,
        "max_context": row.context,
        "nominal_parameters": None if stated is None else round(stated * 1e9),
        "architecture": facts.get("architecture"),
        "dtype": facts.get("dtype"),
        "released": row.released,
        "licence": facts.get("licence"),
        "hf": list(facts.get("hf") or ()),
        "ollama": list(facts.get("ollama") or ()),
    }


def quant_objects(catalogue: Catalogue) -> list[dict[str, Any]]:
    """Objects of all schemes of the table, with their bits per weight on one well-known model."""
    from vramfit.engines import engine, names
    from vramfit.errors import VramfitError
    from vramfit.quantization import SCHEMES, bits_per_weight, store
    from vramfit.quantization.quality import quality
    from vramfit.quantization.schemes import aliases

    model = catalogue.model(EXAMPLE_MODEL)
    objects = []
    for scheme in SCHEMES.values():
        try:
            bits: float | None = round(bits_per_weight(store(model, scheme)), 4)
        except VramfitError:
            bits = None
        label, evidence = quality(scheme.id, 8_000_000_000)
        objects.append(
            {
                "id": scheme.id,
                "name": scheme.summary,
                "class": scheme.precision,
                "family": scheme.family,
                "bits_per_weight": bits,
                "bits_per_weight_model": EXAMPLE_MODEL,
                "quality": label,
                "quality_evidence": evidence,
                "engines": [name for name in names() if engine(name).loads(scheme)],
                "requires_imatrix": scheme.requires_imatrix,
                "aliases": list(aliases(scheme)),
            }
        )
    return objects


def engine_objects() -> list[dict[str, Any]]:
    """Objects of all engines, with their options."""
    from vramfit.engines import engine, names

    objects = []
    for name in names():
        module = engine(name)
        objects.append(
            {
                "id": name,
                "modelled": True,
                "classes": dict(module.scheme_of_class),
                "quant_families": list(module.families),
                "cache_types": list(module.cache_types),
                "tasks": list(module.tasks),
            }
        )
    return objects
