"""torchtune."""

from __future__ import annotations

from vramfit.training.profile import Trainer

TRAINER = Trainer("torchtune", "torchtune", "torchtune 0.6.1", adapted_input_bytes=0, adapter_bytes=2,
                  upcasts_norms=False, upcasts_embeddings=False, logit_bytes=4,
                  defaults={"full": {"optimizer": "paged_adamw8bit", "optimizer_in_backward": True}})
