"""Where a model that the catalogue does not describe comes from."""

from __future__ import annotations

from vramfit._record import Record


class Origin(Record):
    """Where a model that the catalogue does not describe was read, and what that leaves open."""

    kind: str
    """``gguf``, ``safetensors`` or ``config``: what its weights are known from."""
    store: str
    """Whose files they are: ``disk``, ``huggingface``, ``llama.cpp``, ``ollama``, ``lmstudio`` or ``url``."""
    path: str | None = None
    """File or directory on this disk."""
    repository: str | None = None
    """``org/name`` in the Hub."""
    revision: str | None = None
    commit: str | None = None
    file: str | None = None
    """The file in the repository, where one of several is meant."""
    quant: str | None = None
    """Quantization that the file's name states: what picks it among those of the repository."""
    tag: str | None = None
    """The model's name for Ollama."""
    projector: str | None = None
    """Path of the projector's file on this disk."""
    base: str | None = None
    """Repository or directory of the model that an adapter goes on; None for a model."""
    files: tuple[str, ...] = ()
    """Files that were read."""
    knowledge: str = "known"
    """``known``: its architecture; ``standard``: the cache by the general rule; ``unknown``: not even that."""
    gap: str | None = None
    """Why the memory cannot be told: weights or cache are not known; None where both are."""
    stored_gap: str | None = None
    """Why it is not known how the weights are stored, where that is so."""
    notes: tuple[str, ...] = ()
    """What a report says of the reading, one line each."""
