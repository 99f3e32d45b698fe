"""Part of a model that a tensor of a Hugging Face checkpoint belongs to, and whether training touches it, by its name.

Names of modules are conventions, not a format: those below are of the models that transformers 5.24, vLLM 0.33 and the
published checkpoints of both use. A name that says nothing is text.
"""

from __future__ import annotations

ADAPTER = frozenset(
    ("lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B", "lora_magnitude_vector", "modules_to_save")
)
"""Words of names in PEFT's adapters."""

MTP = frozenset(("mtp", "mtp_block", "mtp_layers", "eagle", "nextn", "model_mtp", "mtp_head", "draft"))
"""Words before the layer's number that name prediction heads, which run only with speculative decoding."""

MTP_INNER = frozenset(("eh_proj", "enorm", "hnorm", "shared_head"))
"""Modules that only prediction heads have (DeepSeek-V3 and those that follow it)."""

AUDIO = frozenset((
    "audio", "speech", "sound", "whisper", "acoustic", "audio_tower", "audio_encoder", "audio_model", "audio_embed",
    "audio_projection", "embed_audio", "audio_tokenizer", "speech_encoder", "speech_projector", "feature_extractor",
))  # fmt: skip
PROJECTOR = frozenset((
    "multi_modal_projector", "mm_projector", "projector", "merger", "connector", "aligner", "vision_projection",
    "embed_vision", "deepstack_merger_list", "patch_merger", "mlp1", "perceiver_resampler", "vit_large_projector",
    "visual_projection", "qformer", "language_projection", "image_newline", "resampler",
))  # fmt: skip
VISION = frozenset((
    "vision", "visual", "vit", "vision_tower", "vision_model", "vision_encoder", "image_encoder", "img_encoder",
    "vpm", "vision_embed_tokens", "sam_model", "vision_language_adapter", "image_tower", "vision_backbone",
))  # fmt: skip
"""Words before the layer's number, or parts of words, by what they name; a projector inside a tower is a projector."""

BUFFERS = frozenset((
    "running_mean", "running_var", "num_batches_tracked", "position_ids", "final_logits_bias", "inv_freq",
    "e_score_correction_bias", "expert_bias", "balancing_biases", "router_bias", "token_type_ids", "layer_scalar", "tid2eid",
    "relative_position_index", "global_mean", "global_invstd", "cluster_size", "embed_avg", "inited",
    "weight_integer", "bias_integer", "weight_scaling_factor", "bias_scaling_factor", "fc_scaling_factor",
    "act_fn.beta", "act_fn.eps",
    "act_scaling_factor", "shift", "codebook.embed", "x_min", "x_max", "k_scale", "v_scale", "q_scale", "prob_scale", "kv_scale",
))  # fmt: skip
"""Last words of names of what is saved and not trained: batch statistics, selection biases, tables, 8-bit scales."""

TRAINED = ("moe_statics.e_score_correction_bias", "experts.e_score_correction_bias")
"""Ends of names that are like a buffer's and yet parameters (ERNIE 4.5, Laguna)."""

LAYER_WORDS = frozenset((
    "layers", "layer", "h", "blocks", "block", "blk", "resblocks", "decoder_layers", "encoder_layers", "groups",
))  # fmt: skip
"""Words before the number of a layer."""


def part_of(name: str, layers: int | None = None) -> str:
    """The part of the model a tensor belongs to (``FileTensor.part``).

    ``layers`` is the number of layers of the language model where it is known: numbered layers beyond it are
    prediction heads.
    """
    words = name.split(".")
    if not ADAPTER.isdisjoint(words):
        return "adapter"
    number = next((i for i, word in enumerate(words) if word.isdecimal()), len(words))
    before = words[:number] if number < len(words) else words[:-1] or words
    if not MTP.isdisjoint(before):
        return "mtp"
    if _holds(before, AUDIO):
        return "audio"
    if not PROJECTOR.isdisjoint(words):
        return "projector"
    if _holds(before, VISION):
        return "vision"
    if layers is not None and number < len(words):
        beyond = len(words[number]) < 8 and int(words[number]) >= layers
        inner = not MTP_INNER.isdisjoint(words[number + 1 :])
        if before[-1:] == ["layers"] and (beyond or inner):
            return "mtp"
    return "text"


def is_buffer(name: str) -> bool:
    """True if a tensor is saved but not trained."""
    head, _, last = name.rpartition(".")
    if last == "bias":
        # A router's bias that nothing trains is named like any other in a few models: ``mlp.gate.bias``.
        return head.endswith((".mlp.gate", ".ffn.gate")) and not head.endswith("router.gate")
    if last in BUFFERS:
        return not name.endswith(TRAINED)
    return f"{head.rpartition('.')[2]}.{last}" in BUFFERS


def _holds(words: list[str], known: frozenset[str]) -> bool:
    """Return True if a word is one of the known ones, or made of one and others: ``siglip_vision_tower``."""
    return not (known.isdisjoint(words) and known.isdisjoint("_".join(words).split("_")))
