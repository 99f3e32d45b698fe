"""GGUF files as llama.cpp's converter and ``llama-quantize`` write them: exact bytes, tensor by tensor.

The 16-bit file comes first: ggml-org/llama.cpp ``conversion/base.py`` ``prepare_tensors`` keeps vectors, norms, routers
and other small tensors 32-bit, and ``conversion/deepseek.py`` splits MLA's ``attn_kv_b`` in two. Then
``llama-quantize`` picks a type for each remaining tensor (``gguf_mix``) and falls back where rows do not divide.

Block sizes: ``ggml/src/ggml-common.h`` (``block_*`` structures), as in gguf-py ``constants.py`` ``GGML_QUANT_SIZES``.
Fallbacks: ``src/llama-quant.cpp`` ``tensor_type_fallback`` at 007dbbf3 (2026-10).

Without an importance matrix unless the scheme says otherwise, as ``llama-quantize`` runs when given none. The choice
changes bytes only of Q4_0, Q5_0, IQ4_NL, IQ4_XS and IQ3_XXS. Types that *require* a matrix are laid out by the same
rules, which is what ``llama-quantize --dry-run`` prints; IQ3_XXS is the one whose size then differs (4 % for an 8B
model).

Layers are those of the language model: files that carry prediction heads besides (MTP) count these too, which may move
a type by a layer.

Vision and audio towers are no part of this file: they go to a second one, the ``mmproj``, 16-bit whatever the type of
the first. Their rows are returned too, so that what a runtime loads can be summed; ``checkpoint_bytes`` leaves them
out.
"""

from __future__ import annotations

from vramfit.model import LatentAttention, Tensor, tensors
from vramfit.quantization import Stored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Scheme

UNIFORM = {"F32": "F32", "F16": "F16", "BF16": "BF16", "Q8_0": "F16"}
"""File types without a mix, and how they keep what is never quantized: three that the converter writes itself, and
llama-quantize's Q8_0, from which no rule departs."""

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


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Store every tensor of the text model under the file type, and the towers' as the ``mmproj`` file holds them."""
    text: list[Tensor] = []
    towers: list[Tensor] = []
    for tensor in tensors(model):
        if tensor.name == "attn_kv_b.weight":
            text += _split_latent(model, tensor)
        else:
            (text if tensor.part == "text" else towers).append(tensor)
    rows = _text(model, text, scheme)
    clip = model.vision is not None and model.vision.kind == "clip"
    if model.vision is not None and clip:
        towers = _as_llava_keeps(towers, model.vision.layers)
    rows += [_tower(tensor, clip) for tensor in towers]
    return tuple(rows)


def _text(model: Model, text: list[Tensor], scheme: Scheme) -> list[Stored]:
    """Rows of the model's own file."""
    file_type = scheme.settings["type"]
    if file_type not in UNIFORM:
        from vramfit.quantization.gguf_mix import mixed

        return mixed(model, text, file_type, scheme.settings.get("imatrix", False))
    kept = {"float32": "F32", "float": UNIFORM[file_type]}
    return [stored(tensor, kept.get(kept_class(tensor), file_type), tensor.layers) for tensor in text]


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


def _split_latent(model: Model, tensor: Tensor) -> list[Tensor]:
    """MLA's ``attn_kv_b`` as the two tensors GGUF stores, one matrix per head each."""
    for group in model.layers:
        for mixer in group.mixers:
            if isinstance(mixer, LatentAttention) and group.indices[0] in tensor.layers:
                key = (mixer.nope_dim, mixer.kv_rank, mixer.heads)
                value = (mixer.kv_rank, mixer.value_dim, mixer.heads)
                return [
                    Tensor("attn_k_b.weight", key, tensor.layers, linear=True),
                    Tensor("attn_v_b.weight", value, tensor.layers, linear=True),
                ]
    return [tensor]


def _as_llava_keeps(towers: list[Tensor], layers: int) -> list[Tensor]:
    """A CLIP tower without what LLaVA does not read: it takes the output of the last layer but one.

    ``tools/mtmd/legacy-models/convert_image_encoder_to_gguf.py`` leaves out the last layer and the norm behind it, and
    a LLaVA 1.5 7B ``mmproj`` so comes to the 595.49 MiB that github.com/ollama/ollama/issues/2706 shows.
    """
    kept = []
    for tensor in towers:
        if tensor.part == "vision" and tensor.copies == layers:
            kept.append(Tensor(tensor.name, tensor.shape, part="vision", linear=tensor.linear, copies=layers - 1))
        elif not tensor.name.startswith("v.post_ln."):
            kept.append(tensor)
    return kept


def _tower(tensor: Tensor, legacy: bool) -> Stored:
    """A tensor of the ``mmproj`` file: vectors and position tables 32-bit, the rest 16-bit.

    ``conversion/base.py`` ``prepare_tensors``; the ``legacy`` script of the CLIP towers narrows position tables too.
    """
    # One number for a whole network stands for its matrices, though it looks like a vector.
    whole = tensor.part == "component" or tensor.name.endswith(".unmodelled")
    table = ".position_embd" in tensor.name and not legacy
    kind = "F32" if table or (is_vector(tensor.shape) and not whole) else "F16"
    return Stored(tensor, kind, tensor_bytes(kind, tensor.elements), tensor.layers)
