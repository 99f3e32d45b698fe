"""Parameters of a pipeline's components that stay in 16 bits whatever they are quantized to.

They are shares and counts of classes, by the beginnings of the descriptions that the catalogue has of components.
"""

from __future__ import annotations

CAST = {
    "AuraFlow": 0.335, "CogVideoX": 0.142, "CogView4": 0.111, "FluxTransformer2DModel": 0.273, "GlmImage": 0.117,
    "HunyuanImage": 0.291, "HunyuanVideo15": 0.346, "HunyuanVideoTransformer": 0.291, "LongCatImage": 0.273, "Lumina2": 0.103,
    "Mochi": 0.272, "OvisImage": 0.199, "SD3": 0.337, "Wan": 0.016, "BriaFiboTransformer": 0.269,
}  # fmt: skip
"""Share of a denoiser's parameters that a layer-wise cast leaves in 16 bits: those of modules called ``norm``, which are the
modulations of many classes (diffusers 0.42.1 ``hooks/layerwise_casting.py`` ``DEFAULT_SKIP_MODULES_PATTERN`` and each class's
``_skip_layerwise_casting_patterns``, counted by building the classes). FLUX.1 in FP8 has 23.68 GiB loaded where all its
layers in 8 bits would come to 20.6 (derekl35/diffusers-quantization-benchmarks). Classes that are not here leave under 2 %."""

EMBEDDINGS = {
    "T5-XXL": 131_596_288, "UMT5-XXL": 1_050_148_864, "Qwen2.5-VL 7B": 1_089_994_752, "Qwen3 4B": 388_956_160,
    "Qwen3 8B": 1_244_659_712, "Qwen3 1.7B": 311_164_928, "Qwen3-VL 8B": 1_244_659_712, "Qwen3-VL 4B": 388_956_160,
    "Gemma 2 2B": 589_824_000, "Gemma 3 12B": 1_006_878_720, "Mistral Small 3 24B": 1_342_177_280,
    "Llama 3.1 8B": 1_050_673_152, "Llama 3 8B": 525_336_576, "GLM-4 9B": 620_756_992, "Pile-T5-XL": 65_798_144,
}  # fmt: skip
"""Parameters of a text encoder's embeddings and head, which no quantizer replaces: vocabulary times width, twice where the
head is a matrix of its own (config.json of each)."""

UNCONVERTED = {"T5-XXL": 1_006_632_960, "UMT5-XXL": 1_006_632_960, "Pile-T5-XL": 251_658_240}
"""Parameters of T5's second feed-forward matrices (``wo``), which quantizers leave out (transformers 5.24.0
``models/t5/modeling_t5.py`` ``_keep_in_fp32_modules``, ``quantizers/base.py``). They stay in the model's type, and releases
before 5 held them in 32 bits: FLUX.1 and T5 in NF4 have 12.58 GiB loaded, of which 3.75 are these (derekl35's benchmarks)."""


def cast_share(description: str | None) -> float:
    """Share of the denoiser of a description that a layer-wise cast leaves in 16 bits."""
    return _of(CAST, description)


def embeddings_of(description: str | None) -> int:
    """Parameters of a text encoder's embeddings and head; 0 where they are not known."""
    return int(_of(EMBEDDINGS, description))


def unconverted_of(description: str | None) -> int:
    """Parameters of a text encoder that quantizers leave out beside its embeddings."""
    return int(_of(UNCONVERTED, description))


def _of(table: dict[str, float] | dict[str, int], description: str | None) -> float:
    """Value of the longest name that the description begins with; 0 for none."""
    named = [name for name in table if (description or "").startswith(name)]
    return table[max(named, key=len)] if named else 0
