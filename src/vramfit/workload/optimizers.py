"""Optimizers by what they keep, and the names that frameworks have for them."""

from __future__ import annotations

OPTIMIZERS = ("adamw", "adamw8bit", "adamw4bit", "paged_adamw", "paged_adamw8bit", "ademamix", "ademamix8bit", "adafactor",
              "adagrad", "rmsprop", "sgd", "lion", "lion8bit", "paged_lion", "paged_lion8bit", "lora_fa")  # fmt: skip
"""Optimizers by what they keep (``memory.training``)."""


def optimizer_name(raw: str) -> str:
    """An optimizer's name without what says only who implements it: ``adamw8bit`` of ``adamw_bnb_8bit``.

    transformers 5.23.0 ``training_args.py`` ``OptimizerNames``, and the class names of torch and bitsandbytes.
    """
    name = raw.lower().replace("-", "").replace("_", "").replace(" ", "")
    paged, name = name.startswith("paged"), name.removeprefix("paged")
    for word in ("torch", "bnb", "hf", "apex", "fused", "npu", "xla", "anyprecision", "32bit"):
        name = name.replace(word, "")
    bits = name[-4:] if name.endswith(("8bit", "4bit")) else ""
    name = {"adam": "adamw", "lorafa": "lora_fa"}.get(name.removesuffix(bits), name.removesuffix(bits))
    return f"{'paged_' if paged else ''}{name}{bits}"
