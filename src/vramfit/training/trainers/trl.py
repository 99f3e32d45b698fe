"""TRL's SFTTrainer."""

from __future__ import annotations

from vramfit.training.profile import Trainer

TRAINER = Trainer("trl", "TRL", "trl 1.16.0", upcasts_norms=False, upcasts_embeddings=False, head_bytes=6, plain_losses={"gpt_bigcode": (8, 18)}, gathered_bytes=14, scheme="nf4-single")
