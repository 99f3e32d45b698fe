"""LLaMA-Factory."""

from __future__ import annotations

from vramfit.training.profile import Trainer

TRAINER = Trainer("llama-factory", "LLaMA-Factory", "llamafactory 0.9.5", upcasts_embeddings=False)
