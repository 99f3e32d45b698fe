"""Unsloth."""

from __future__ import annotations

from vramfit.training.profile import Trainer
from vramfit.units import MIB

TRAINER = Trainer("unsloth", "Unsloth", "unsloth 2026.10.9", fused_loss=True, chunk_share=0.5, host_checkpoints=True, adapted_input_bytes=0, extra_bytes=4,
  upcasts_norms=False, upcasts_embeddings=False, fixed_bytes=665 * MIB, uneven_share=0.01, slack_share=0.13, defaults={task: {"optimizer": "adamw8bit"} for task in ("full", "lora", "qlora")})
