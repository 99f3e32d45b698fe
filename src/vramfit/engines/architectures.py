"""Architectures of models that an engine has code for, whatever the GPUs.

An architecture is the ``model_type`` of the configuration that gives the language model's sizes. An engine's folder says
which ones its package registers, or which ones it lacks where it runs others by way of transformers; a model whose
architecture no file names is not refused.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model

SPEECH = "text-to-speech"


class Registry(Record):
    """Architectures that a package registers, or lacks."""

    source: str
    """Package, version and file in which they were read."""
    known: frozenset[str] | None = None
    """Architectures with code; None for all but the ones it lacks."""
    lacking: tuple[str, ...] = ()
    """Architectures that no release has code for."""
    dropped: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """Architectures that older releases had code for, each with the first release that has none."""
    speaks: bool = False
    """True if packages for the same arrays turn a speech model's tokens into sound."""


def missing(model: Model, registry: Registry, release: tuple[int, ...] | None = None) -> str | None:
    """Reason why a package has no code for a model, with the source; None if it has, and where nobody can tell.

    ``release`` is the release that a deployment states; None is the newest.
    """
    source = f"({registry.source})"
    if model.modality == SPEECH and model.audio is not None and not registry.speaks:
        return (
            f"it has no code for the parts of {model.name} that make sound: the package of its makers runs it {source}"
        )
    kind = model.architecture.model_type
    if kind is None:
        return None
    since = dict(registry.dropped).get(kind)
    if since is not None and (release is None or release >= since):
        first = ".".join(map(str, since))
        return f"it has no code for {kind}, the architecture of {model.name}, since release {first} {source}"
    if kind in registry.lacking or (registry.known is not None and kind not in registry.known):
        return f"it has no code for {kind}, the architecture of {model.name} {source}"
    return None
