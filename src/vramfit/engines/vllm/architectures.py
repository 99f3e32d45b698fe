"""Architectures that vLLM has no code for; what it does not register itself runs by way of transformers' attention backends."""

from __future__ import annotations

from vramfit.engines.architectures import Registry

REGISTRY = Registry(
    "vllm 0.33.0 model_executor/models/registry.py",
    # T5 has no attention backend in transformers 5.24.0, and encoder-decoders but Whisper went with the first engine.
    lacking=("t5",),
    dropped=(
        ("mllama_text_model", (0, 11)),
        ("qwen", (0, 24)),
        ("baichuan", (0, 24)),
        ("minimax", (0, 24)),
        ("mpt", (0, 29)),
    ),
)
