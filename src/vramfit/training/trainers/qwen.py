"""finetune.py of QwenLM/Qwen."""

from __future__ import annotations

from vramfit.training.profile import Trainer

TRAINER = Trainer("qwen", "Qwen", "QwenLM/Qwen finetune.py", logit_bytes=10, upcast_logit_bytes=6, adapted_input_bytes=2, upcasts_norms=False, upcasts_packed=True, bucket_elements=2 * 10**8, saved_module_bytes=11,
    defaults={"full": {"sharding": "zero3"}, "lora": {"sharding": "zero2"}})
