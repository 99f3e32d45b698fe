"""Models that this disk holds, of all stores, for ``list models --here``."""

from __future__ import annotations

from vramfit.importers import hub_cache, llamacpp_cache, lm_studio, ollama_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.stores import Found

ROOMS = (
    (hub_cache.directories, hub_cache.models_in),
    (llamacpp_cache.directories, llamacpp_cache.models_in),
    (ollama_store.directories, ollama_store.models_in),
    (lm_studio.directories, lm_studio.models_in),
)
"""Stores: where each is looked for, and what lists it."""


def models_here() -> tuple[Found, ...]:
    """The models of the Hub's cache, of llama.cpp, of Ollama and of LM Studio, each file once, in this order.

    Nothing is opened but manifests; a folder that cannot be read holds nothing.
    """
    found: list[Found] = []
    seen: set[tuple[str, ...]] = set()
    for directories, models_in in ROOMS:
        for directory in directories():
            for model in models_in(directory):
                key = (model.reference, *model.paths)
                if key not in seen:
                    seen.add(key)
                    found.append(model)
    return tuple(found)
