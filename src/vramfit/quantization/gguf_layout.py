"""Layout of GGUF files: classes of tensors by their names, blocks of each type, and the type that fits a row.

Block sizes: ``ggml/src/ggml-common.h`` (``block_*`` structures), as in gguf-py ``constants.py`` ``GGML_QUANT_SIZES``.
Classes and fallbacks: ggml-org/llama.cpp ``src/llama-quant.cpp`` ``tensor_allows_quantization``,
``tensor_get_category`` and ``tensor_type_fallback`` at 007dbbf3 (2026-10).
"""

from __future__ import annotations

from vramfit.quantization.checkpoint import Stored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor

CLASSES = (
    ("attn_qkv.weight", "value"), ("attn_kv_b.weight", "value"), ("attn_v.weight", "value"), ("attn_k.weight", "key"),
    ("attn_q.weight", "query"), ("attn_output.weight", "output"), ("ffn_up", "up"), ("ffn_gate", "gate"),
    ("ffn_down", "down"),
)  # fmt: skip
"""Part of a tensor's name and the class it makes; the first that occurs decides."""

NEVER = (
    "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel", "per_layer_model_proj",
    "ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight", "indexer.q_proj.weight", "attn_rel_b.weight",
    "time_mix_first.weight", "time_mix_w0.weight", "time_mix_w1.weight", "time_mix_w2.weight", "time_mix_v0.weight",
    "time_mix_v1.weight", "time_mix_v2.weight", "time_mix_a0.weight", "time_mix_a1.weight", "time_mix_a2.weight",
    "time_mix_g1.weight", "time_mix_g2.weight", "time_mix_decay_w1.weight", "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight", ".position_embd", ".rel_pos", ".patch_embd", ".patch_merger",
)  # fmt: skip
"""Parts of the names of weights that are never quantized: tiny, or sensitive as a router is."""

FLOAT32 = (
    "ffn_gate_inp", "position_embd.weight", "token_types.weight", "ssm_conv1d", "shortconv.conv.weight",
    "time_mix_first.weight", "time_mix_w1.weight", "time_mix_w2.weight", "time_mix_decay_w",
    "time_mix_lerp_fused.weight", "altup_correct_coef.weight", "altup_predict_coef.weight", "indexer.proj.weight",
    "_norm.weight",
)  # fmt: skip
"""Parts of the names of weights the converter writes as 32-bit floats (``conversion/base.py`` ``prepare_tensors``)."""

BLOCKS: dict[str, tuple[int, int]] = {
    "F32": (1, 4), "F16": (1, 2), "BF16": (1, 2), "F64": (1, 8), "I8": (1, 1), "I16": (1, 2), "I32": (1, 4),
    "I64": (1, 8), "Q8_1": (32, 36), "Q8_K": (256, 292), "Q1_0": (128, 18), "Q2_0": (64, 18),
    "Q4_0": (32, 18), "Q4_1": (32, 20), "Q5_0": (32, 22), "Q5_1": (32, 24), "Q8_0": (32, 34),
    "Q2_K": (256, 84), "Q3_K": (256, 110), "Q4_K": (256, 144), "Q5_K": (256, 176), "Q6_K": (256, 210),
    "IQ1_S": (256, 50), "IQ1_M": (256, 56), "IQ2_XXS": (256, 66), "IQ2_XS": (256, 74), "IQ2_S": (256, 82),
    "IQ3_XXS": (256, 98), "IQ3_S": (256, 110), "IQ4_NL": (32, 18), "IQ4_XS": (256, 136),
    "TQ1_0": (256, 54), "TQ2_0": (256, 66), "MXFP4": (32, 17), "NVFP4": (64, 36),
}  # fmt: skip
"""Elements and bytes of one block of each type. The parts of a block (scales, minimums, quants) are in the source.

Those of today's ggml are all here; ``gguf_types`` has the numbers that files write for them.
"""

FALLBACKS: dict[str, str] = {
    "IQ1_S": "IQ4_NL", "IQ1_M": "IQ4_NL", "IQ2_XXS": "IQ4_NL", "IQ2_XS": "IQ4_NL", "IQ2_S": "IQ4_NL",
    "IQ3_XXS": "IQ4_NL", "IQ3_S": "IQ4_NL", "IQ4_XS": "IQ4_NL",
    "Q2_K": "Q4_0", "Q3_K": "Q4_0", "TQ1_0": "Q4_0", "TQ2_0": "Q4_0",
    "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}  # fmt: skip
"""Type with blocks of 32 that replaces one with blocks of 256."""


RELEASED = "MXFP4"
"""Type of the experts of a model that was released with them in it."""


def as_released(model: Model, tensor: Tensor, default: str) -> bool:
    """True if files with a ``default`` type keep the tensor in the 4 bits that it was released in: its experts' matrices.

    Of gpt-oss every file keeps them (``gguf``). Of models that were released with other matrices in FP8 (DeepSeek-V4)
    those of no fewer bits do, and smaller ones are made from experts in 16 bits: unsloth/DeepSeek-V4-Flash-GGUF has 162
    GB as UD-Q8_K_XL, 155 as UD-Q4_K_XL and 103 as UD-IQ3_XXS (unsloth.ai/docs/models/deepseek-v4, July 2026).
    """
    if not is_stacked(tensor):
        return False
    if model.dtype == "mxfp4":
        return True
    return model.dtype == "fp8" and model.traits.expert_dtype == RELEASED.lower() and _bits(default) >= _bits(RELEASED)


def is_stacked(tensor: Tensor) -> bool:
    """True if the tensor holds the matrices of several experts."""
    return len(tensor.shape) > 2 and tensor.shape[2] > 1 and tensor.name.endswith(".weight")


def _bits(kind: str) -> float:
    """Bits of an element of a type."""
    elements, size = BLOCKS[kind]
    return 8 * size / elements


def kept_class(tensor: Tensor) -> str:
    """Class of any tensor (``tensor_class``); one with fewer than two dimensions stays 32-bit."""
    return "float32" if is_vector(tensor.shape) else tensor_class(tensor.name)


def stored(tensor: Tensor, kind: str, layers: tuple[int, ...]) -> Stored:
    """Store a tensor in the wanted type, or in the one that replaces it where rows do not divide."""
    kind = fitting_type(kind, tensor.shape[0])
    return Stored(tensor, kind, tensor_bytes(kind, tensor.elements), layers)


def is_vector(shape: tuple[int, ...]) -> bool:
    """True if ggml counts fewer than two dimensions: trailing extents of 1 are none."""
    return len(shape) < 2 or max(shape[1:]) == 1


_classes: dict[str, str] = {}


def tensor_class(name: str) -> str:
    """Class of a tensor of two dimensions or more.

    ``head``, ``embedding``, ``value``, ``key``, ``query``, ``output``, ``up``, ``gate``, ``down``, ``other``;
    ``float32`` and ``float`` for what is never quantized.
    """
    known = _classes.get(name)
    if known is None:
        known = _classes[name] = _classify(name)
    return known


def _classify(name: str) -> str:
    if name == "output.weight":
        return "head"
    if name in ("token_embd.weight", "per_layer_token_embd.weight"):
        return "embedding"
    whole = ("position_embd.weight", "token_types.weight")
    if not name.endswith("weight") or name in whole or _holds(name, NEVER):
        return "float32" if not name.endswith(".weight") or _holds(name, FLOAT32) else "float"
    for part, kind in CLASSES:
        if part in name:
            return kind
    return "other"


def _holds(name: str, parts: tuple[str, ...]) -> bool:
    for part in parts:  # noqa: SIM110  (half the time of any() over a generator)
        if part in name:
            return True
    return False


def fitting_type(kind: str, row: int) -> str:
    """Type to store where ``kind`` is wanted: another where rows of ``row`` elements are no multiple of its block.

    ``F16`` is the last resort. llama-quantize stops with an error where a type of block 32 itself does not divide the
    row (nothing is defined for it); 16-bit is then what a user who excludes the tensor gets.
    """
    if row % BLOCKS[kind][0] == 0:
        return kind
    kind = FALLBACKS.get(kind, "F16")
    return kind if row % BLOCKS[kind][0] == 0 else "F16"


def tensor_bytes(kind: str, elements: int) -> int:
    """Bytes of ``elements`` elements, a whole number of blocks."""
    per_block, size = BLOCKS[kind]
    return elements // per_block * size
