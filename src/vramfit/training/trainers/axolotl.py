"""axolotl."""

from __future__ import annotations

from vramfit.training.profile import Trainer

TRAINER = Trainer("axolotl", "axolotl", "axolotl", upcasts_embeddings=False)
