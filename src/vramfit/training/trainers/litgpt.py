"""LitGPT."""

from __future__ import annotations

from vramfit.training.profile import Trainer

TRAINER = Trainer("litgpt", "LitGPT", "litgpt 0.5.13", logit_bytes=4, upcast_logit_bytes=4, adapted_input_bytes=0, adapter_bytes=2, upcasts_norms=False,
                  upcasts_embeddings=False, norm_bytes=5, quantized_input_bytes=2, keeps_gathered=True)
