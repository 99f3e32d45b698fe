"""Source of a model that is not in the catalogue."""

from __future__ import annotations

from vramfit._record import Record


class Origin(Record):
    """Source of a model that is not in the catalogue, and the limits of what could be read from it."""

    kind: str
    """Kind of file that the weights are known from: ``gguf``, ``safetensors`` or ``config``."""
    store: str
    """Place that the files are in: ``disk``, ``huggingface``, ``llama.cpp``, ``ollama``, ``lmstudio`` or ``url``."""
    path: str | None = None
    """Path of the file or directory on this disk."""
    repository: str | None = None
    """Repository on the Hugging Face Hub, ``org/name``."""
    revision: str | None = None
    commit: str | None = None
    file: str | None = None
    """Name of the file in the repository, if one of several is meant."""
    quant: str | None = None
    """Quantization in the file's name, which selects it among the files of the repository."""
    tag: str | None = None
    """Name of the model in Ollama."""
    projector: str | None = None
    """Path of the projector's file on this disk."""
    base: str | None = None
    """Repository or directory of the model that an adapter goes on; None for a model."""
    files: tuple[str, ...] = ()
    """Names of the files that were read."""
    knowledge: str = "known"
    """Knowledge of the model: ``known`` (the architecture is), ``standard`` (the cache follows the general rule) or
    ``unknown`` (the cache is unknown too)."""
    gap: str | None = None
    """Reason why the memory cannot be estimated: weights or cache are unknown; None if both are known."""
    stored_gap: str | None = None
    """Reason why it is unknown how the weights are stored; None if it is known."""
    notes: tuple[str, ...] = ()
    """Notes on the reading for the report, one line each."""
