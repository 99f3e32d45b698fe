"""Architectures that SGLang has no code for, and whose class in transformers is not compatible with it either."""

from __future__ import annotations

from vramfit.engines.architectures import Registry

REGISTRY = Registry(
    "sglang 0.5.23 srt/models, srt/model_loader/utils.py; transformers 5.24.0 _supports_attention_backend",
    lacking=("bloom", "falcon", "jamba", "minimax", "mpt", "t5", "zamba2"),
)
