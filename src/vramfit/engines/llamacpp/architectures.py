"""Models that llama.cpp and Ollama have no code for: what makes sound of a speech model's tokens.

No architecture is listed: an entry of the catalogue without a GGUF name may have one by now.
"""

from __future__ import annotations

from vramfit.engines.architectures import Registry

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model

REGISTRY = Registry("ggml-org/llama.cpp src/llama-arch.cpp at 00395eb")

UNNAMED = (
    "no name that GGUF files have for the architecture of {} was found: see that your build converts and loads it before you"
    " download anything"
)


def remarks(model: Model) -> tuple[str, ...]:
    """Remark on a model of the catalogue whose architecture no GGUF file is known to have; none for a file's own."""
    named = model.architecture.gguf is not None or model.origin is not None or not model.layers
    return () if named else (UNNAMED.format(model.name),)
