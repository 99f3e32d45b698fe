"""Models that llama.cpp and Ollama have no code for: what makes sound of a speech model's tokens.

No architecture is listed: an entry of the catalogue without a GGUF name may have one by now.
"""

from __future__ import annotations

from vramfit.engines.architectures import Registry

REGISTRY = Registry("ggml-org/llama.cpp src/llama-arch.cpp at 00395eb")
