"""GGUF files as llama.cpp's converter and ``llama-quantize`` write them: exact bytes, tensor by tensor.

The 16-bit file comes first: ggml-org/llama.cpp ``conversion/base.py`` ``prepare_tensors`` keeps vectors, norms, routers
and other small tensors 32-bit, and ``conversion/deepseek.py`` splits MLA's ``attn_kv_b`` in two. Then
``llama-quantize`` picks a type for each remaining tensor (``gguf_mix``) and falls back where rows do not divide
(``gguf_types``).

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

from vramfit.model import Attention, Experts, LatentAttention, LinearAttention, Tensor, tensors
from vramfit.quantization import Stored
from vramfit.quantization.gguf_mix import DEFAULTS, EMBEDDING, SMALLEST, Facts, everywhere, head, rule, tensor_class
from vramfit.quantization.gguf_types import BLOCKS, fitting_type, tensor_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.model import Model
    from vramfit.quantization import Scheme
    from vramfit.quantization.gguf_mix import Rule

PLAIN = ("F32", "F16", "BF16")
"""File types the converter writes itself; no mix applies."""

SEVENTY_LAYERS = 80
"""Layers of what llama.cpp calls a 70B (``src/models/llama.cpp``, ``qwen2.cpp``, ``deci.cpp``: ``LLM_TYPE_70B``)."""

UNTYPED_TOWERS = ("qwen2-vl", "qwen2.5-vl")
"""Vision towers whose language model is converted to ``qwen2vl``, for which llama.cpp states no type."""


def store(model: Model, scheme: Scheme) -> tuple[Stored, ...]:
    """Every tensor of the text model under the file type, and the towers' as the ``mmproj`` file holds them."""
    text: list[Tensor] = []
    towers: list[Tensor] = []
    for tensor in tensors(model):
        if tensor.name == "attn_kv_b.weight":
            text += _split_latent(model, tensor)
        else:
            (text if tensor.part == "text" else towers).append(tensor)
    stored = _text(model, text, scheme.settings["type"], scheme.settings.get("imatrix", False))
    clip = model.vision is not None and model.vision.kind == "clip"
    if model.vision is not None and clip:
        towers = _as_llava_keeps(towers, model.vision.layers)
    stored += [_tower(tensor, clip) for tensor in towers]
    return tuple(stored)


def _text(model: Model, text: list[Tensor], file_type: str, imatrix: bool) -> list[Stored]:
    """The rows of the model's own file."""
    default = DEFAULTS[file_type]
    plain = file_type in PLAIN
    wide = file_type if plain else "F16"
    facts = _facts(model, text, imatrix)
    by_layer = facts.experts > 1 and file_type not in SMALLEST
    stored: list[Stored] = []
    for tensor in text:
        kind = "float32" if _is_vector(tensor.shape) else tensor_class(tensor.name)
        if kind == "float32":
            stored.append(_stored(tensor, "F32", tensor.layers))
        elif kind == "float" or plain:
            stored.append(_stored(tensor, wide, tensor.layers))
        elif kind == "head" or (kind == "embedding" and facts.tied):
            stored.append(_stored(tensor, head(file_type, tensor.shape[0], BLOCKS[default][0], facts), tensor.layers))
        elif file_type == "MXFP4_MOE":
            stacked = len(tensor.shape) > 2 and tensor.shape[2] > 1
            stored.append(_stored(tensor, "MXFP4" if stacked else "Q8_0", tensor.layers))
        elif kind == "embedding":
            stored.append(_stored(tensor, EMBEDDING.get(file_type, default), tensor.layers))
        else:
            chosen = rule(kind, file_type, facts)
            if not chosen or chosen[0][1] is everywhere:
                stored.append(_stored(tensor, chosen[0][0] if chosen else default, tensor.layers))
            else:
                counts = _counts(tensor, kind, text, model.layer_count, by_layer)
                stored += _mixed(tensor, chosen, default, counts)
    return stored


def _stored(tensor: Tensor, kind: str, layers: tuple[int, ...]) -> Stored:
    """A tensor in the wanted type, or in what replaces it where rows do not divide."""
    kind = fitting_type(kind, tensor.shape[0])
    return Stored(tensor, kind, tensor_bytes(kind, tensor.elements), layers)


def _mixed(tensor: Tensor, chosen: Rule, default: str, counts: tuple[Sequence[int], int]) -> list[Stored]:
    """The rows of a tensor whose type varies over its layers, one for each type."""
    found: dict[str, list[int]] = {}
    numbers, total = counts
    for layer, number in zip(tensor.layers, numbers, strict=True):
        found.setdefault(_chosen(chosen, number, total) or default, []).append(layer)
    return [_stored(tensor, kind, tuple(layers)) for kind, layers in found.items()]


def _chosen(chosen: Rule, number: int, total: int) -> str | None:
    """The type a rule names for tensor ``number`` of ``total``, or None."""
    for kind, where in chosen:
        if where(number, total):
            return kind
    return None


def _counts(tensor: Tensor, kind: str, text: list[Tensor], layers: int, by_layer: bool) -> tuple[Sequence[int], int]:
    """The number ``i`` of the tensor in each of its layers, and the ``n`` that rules compare it with.

    ``i`` counts the tensors of a class through the file, which is ordered by layer, then name. In a mixture of experts
    it is the number of the layer itself (``by_layer``), though not for values, nor under the smallest file types.
    """
    family = [other for other in text if not _is_vector(other.shape) and tensor_class(other.name) == kind]
    total = sum([len(other.layers) for other in family]) if kind == "value" else layers
    if by_layer and kind != "value":
        return tensor.layers, total
    if len(family) == 1:
        return range(len(tensor.layers)), total
    order = sorted([(layer, other.name) for other in family for layer in other.layers])
    own = {(layer, tensor.name) for layer in tensor.layers}
    return [i for i, place in enumerate(order) if place in own], total


def _is_vector(shape: tuple[int, ...]) -> bool:
    """Whether ggml counts fewer than two dimensions: trailing extents of 1 are none."""
    return len(shape) < 2 or max(shape[1:]) == 1


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
    kind = "F32" if table or (_is_vector(tensor.shape) and not whole) else "F16"
    return Stored(tensor, kind, tensor_bytes(kind, tensor.elements), tensor.layers)


def _facts(model: Model, text: list[Tensor], imatrix: bool) -> Facts:
    """What the mix asks of the model. Its GGUF architecture is read off its blocks: no record carries that name."""
    traits = model.traits
    counts = [g.feed_forward.count for g in model.layers if isinstance(g.feed_forward, Experts)]
    group, grouped = _group(model)
    # LLM_TYPE_70B: llama with grouped heads, and qwen2 (biased projections) with any.
    seventy = model.layer_count == SEVENTY_LAYERS and not counts and (grouped or bool(traits.get("qkv_bias")))
    if model.vision is not None and model.vision.kind in UNTYPED_TOWERS:
        seventy = False
    # LLM_ARCH_FALCON alone fuses unbiased query, key and value under LayerNorms that have biases.
    falcon = bool(traits.get("fused_qkv") and traits.get("norm_bias") and not traits.get("qkv_bias"))
    return Facts(
        experts=counts[0] if counts else 0,
        group=group,
        tied="output.weight" not in [tensor.name for tensor in text],
        seventy=seventy and not falcon,
        falcon=falcon,
        imatrix=imatrix,
    )


def _group(model: Model) -> tuple[int, bool]:
    """Query heads per key-value head of layer 0, and whether that is more than one anywhere in the model.

    Files of hybrid models give key-value heads layer by layer, 0 where a state replaces the cache (Jamba, LFM2, Kimi
    Linear); those with gated delta nets give one number for all layers (``conversion/qwen.py``).
    """
    ratios = {
        index: mixer.heads // mixer.kv_heads
        for group in model.layers
        for mixer in group.mixers
        if isinstance(mixer, Attention) and mixer.kv_heads
        for index in group.indices[:1]
    }
    if not ratios:
        return 0, False
    first = next((g for g in model.layers if 0 in g.indices), None)
    uniform = first is not None and any(
        isinstance(mixer, LinearAttention) and mixer.kind == "gated_delta_net" for mixer in first.mixers
    )
    here = next(iter(ratios.values())) if uniform else ratios.get(0, 0)
    return here, max(ratios.values()) > 1
