"""Models for these tests, written as the figures of their config.json."""

from __future__ import annotations

from typing import Any

from vramfit.model import Model, model_from_facts
from vramfit.quantization import Stored, find_scheme, store


def build(identifier: str = "model", **facts: Any) -> Model:
    """A model of the given catalogue facts."""
    return model_from_facts({"id": identifier, "name": identifier, "family": identifier, **facts})


def dense(**facts: Any) -> Model:
    """A small Llama of 16 layers with every width a multiple of 256, but for what ``facts`` change."""
    usual = {"layers": 16, "hidden": 512, "ffn": 1024, "heads": 8, "kv_heads": 8, "vocab": 1024}
    return build(**{**usual, **facts})


def stored(model: Model, scheme: str) -> tuple[Stored, ...]:
    """The rows of ``model`` under a scheme named as users name it."""
    return store(model, find_scheme(scheme))


def types(model: Model, scheme: str, tensor: str) -> dict[str, tuple[int, ...]]:
    """Layers of each type of one tensor; ``()`` for one that stands alone."""
    return {row.type: row.layers for row in stored(model, scheme) if row.tensor.name == tensor}


def text_bytes(model: Model, scheme: str) -> int:
    """Bytes of the language model."""
    return sum(row.total_bytes for row in stored(model, scheme) if row.tensor.part == "text")
