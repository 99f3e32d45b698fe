"""Types of the tensors of a GGUF file: the mixes behind names such as ``Q4_K_M``.

A file type names a *default*; ``llama-quantize`` departs from it where bits matter most. These are its rules, written
as tables instead of branches: ggml-org/llama.cpp ``src/llama-quant.cpp`` at 007dbbf3 (2026-10), functions
``llama_tensor_get_type_impl``, ``llama_ftype_get_default_type``, ``tensor_get_category`` and
``tensor_allows_quantization``. A rule is a tuple of ``(type, where)``: the first whose ``where(i, n)`` holds decides,
and the default type where none does. ``i`` counts the tensors of the class in file order and ``n`` is what it is
compared with: the number of layers, for values the number of tensors of the class.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.model import Attention, Experts
from vramfit.quantization.gguf_layout import (
    BLOCKS,
    RELEASED,
    as_released,
    is_vector,
    kept_class,
    stored,
    tensor_class,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vramfit.model import Model, Tensor
    from vramfit.quantization import Stored

    Where = Callable[[int, int], bool]
    Rule = tuple[tuple[str, Where], ...]

SEVENTY_LAYERS = 80
"""Number of layers of what llama.cpp calls a 70B, in the architectures that have one (``LLM_TYPE_70B``):
``src/models/qwen2.cpp``, ``deci.cpp``, and ``llama.cpp`` where heads share keys and values."""


class Facts(Record):
    """Facts of a model that the rules depend on."""

    experts: int
    """Experts per layer; 0 in a dense model."""
    group: int
    """Query heads per key-value head in the first layer; 0 where that layer has no cache of its own."""
    tied: bool
    """True if the file has no ``output.weight``: the embedding then takes the head's rule."""
    seventy: bool
    """True if llama.cpp calls the model ``LLM_TYPE_70B``."""
    falcon: bool
    """True if the file's architecture is ``falcon``."""
    imatrix: bool
    """True if quantized with an importance matrix."""


def everywhere(i: int, n: int) -> bool:
    """Select every layer."""
    return True


def first_eighth(i: int, n: int) -> bool:
    """Select the first eighth of the layers."""
    return i < n // 8


def first_sixteenth(i: int, n: int) -> bool:
    """Select the first sixteenth of the layers."""
    return i < n // 16


def first_two(i: int, n: int) -> bool:
    """Select the first two tensors."""
    return i < 2


def first_four(i: int, n: int) -> bool:
    """Select the first four tensors."""
    return i < 4


def middle(i: int, n: int) -> bool:
    """Select all but the first and the last eighth of the layers."""
    return n // 8 <= i < 7 * n // 8


def more_bits(i: int, n: int) -> bool:
    """Select the first and the last eighth of the layers, and every third layer between them."""
    return i < n // 8 or i >= 7 * n // 8 or (i - n // 8) % 3 == 2


def _all(kind: str) -> Rule:
    return ((kind, everywhere),)


DEFAULTS: dict[str, str] = {
    "F32": "F32", "F16": "F16", "BF16": "BF16", "Q8_0": "Q8_0", "Q6_K": "Q6_K",
    "Q5_K_M": "Q5_K", "Q5_K_S": "Q5_K", "Q5_1": "Q5_1", "Q5_0": "Q5_0",
    "Q4_K_M": "Q4_K", "Q4_K_S": "Q4_K", "Q4_1": "Q4_1", "Q4_0": "Q4_0", "IQ4_NL": "IQ4_NL", "IQ4_XS": "IQ4_XS",
    "Q3_K_L": "Q3_K", "Q3_K_M": "Q3_K", "Q3_K_S": "Q3_K", "Q2_K": "Q2_K", "Q2_K_S": "Q2_K",
    "IQ3_M": "IQ3_S", "IQ3_S": "IQ3_S", "IQ3_XS": "IQ3_S", "IQ3_XXS": "IQ3_XXS",
    "IQ2_M": "IQ2_S", "IQ2_S": "IQ2_XS", "IQ2_XS": "IQ2_XS", "IQ2_XXS": "IQ2_XXS",
    "IQ1_M": "IQ1_M", "IQ1_S": "IQ1_S", "TQ2_0": "TQ2_0", "TQ1_0": "TQ1_0", "MXFP4_MOE": "MXFP4",
}  # fmt: skip
"""Default tensor type of each file type."""

SMALLEST = ("IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ1_S", "IQ1_M")
"""File types with a set of rules of their own."""

HEAD_Q5 = (*SMALLEST, "IQ3_XXS")
"""File types whose head is ``Q5_K`` instead of ``Q6_K``."""

EMBEDDING: dict[str, str] = {
    "IQ2_XXS": "Q2_K", "IQ2_XS": "Q2_K", "IQ1_S": "Q2_K", "IQ1_M": "Q2_K",
    "IQ2_S": "IQ3_S", "IQ2_M": "IQ3_S", "IQ3_XXS": "IQ3_S", "TQ1_0": "Q4_K", "TQ2_0": "Q4_K",
}  # fmt: skip
"""Type of the embedding of an untied model."""

VALUE: dict[str, Rule] = {
    "Q2_K": _all("Q3_K"), "IQ3_M": _all("Q4_K"), "Q3_K_L": _all("Q5_K"),
    "Q3_K_M": (("Q5_K", first_two), ("Q4_K", everywhere)),
    "Q4_K_S": (("Q5_K", first_four),), "Q4_K_M": (("Q6_K", more_bits),), "Q5_K_M": (("Q6_K", more_bits),),
    "IQ2_S": _all("IQ3_S"), "IQ2_M": _all("IQ3_S"), "IQ2_XXS": _all("Q2_K"), "IQ2_XS": _all("Q2_K"),
    "IQ1_S": _all("Q2_K"), "IQ1_M": _all("Q2_K"),
}  # fmt: skip
"""Rules of ``attn_v`` and the fused ``attn_qkv`` and ``attn_kv_b``."""

GROUPED_VALUE: dict[str, str] = {
    "Q2_K": "Q4_K", "Q2_K_S": "Q4_K", "IQ3_XXS": "Q4_K", "IQ3_XS": "Q4_K", "IQ3_S": "Q4_K",
    "IQ4_NL": "Q5_K", "IQ4_XS": "Q5_K",
} | dict.fromkeys(SMALLEST, "Q4_K")  # fmt: skip
"""Type of these where at least four query heads share a value head, which makes the tensor cheap."""

OUTPUT: dict[str, str] = {
    "Q2_K": "Q3_K", "IQ3_XXS": "IQ3_S", "Q3_K_M": "Q4_K", "Q3_K_L": "Q5_K", "IQ3_M": "Q4_K",
    "IQ1_S": "IQ2_XXS", "IQ1_M": "IQ2_XXS", "IQ2_S": "IQ3_S", "IQ2_M": "IQ3_S",
}  # fmt: skip
"""Type of ``attn_output``."""

OUTPUT_Q5_OF_EIGHT = (
    *SMALLEST, "Q2_K", "Q3_K_S", "Q3_K_M", "Q4_K_S", "Q4_K_M", "IQ3_XXS", "IQ3_XS", "IQ3_S", "IQ3_M",
    "IQ4_NL", "IQ4_XS",
)  # fmt: skip
"""File types whose ``attn_output`` is ``Q5_K`` in a model of eight experts, where attention is a small part."""

QUERY_KEY: dict[str, str] = {"IQ3_XS": "IQ3_XXS", "IQ3_XXS": "IQ2_S"}
"""Type of ``attn_q`` and ``attn_k``."""

DOWN: dict[str, Rule] = {
    "Q2_K": _all("Q3_K"), "Q2_K_S": (("Q4_K", first_eighth),),
    "Q3_K_M": (("Q5_K", first_sixteenth), ("Q4_K", everywhere)), "Q3_K_L": _all("Q5_K"),
    "Q4_K_S": (("Q5_K", first_eighth),), "Q4_K_M": (("Q6_K", more_bits),), "Q5_K_M": (("Q6_K", more_bits),),
    "IQ3_M": (("Q4_K", first_eighth),),
    "IQ2_S": (("IQ3_S", first_eighth),), "IQ2_M": (("IQ3_S", first_eighth),), "IQ2_XXS": (("Q2_K", first_eighth),),
    "IQ2_XS": (("Q2_K", first_eighth),), "IQ1_S": (("Q2_K", first_eighth),), "IQ1_M": (("Q2_K", first_eighth),),
}  # fmt: skip
"""Rules of ``ffn_down``, experts' included."""

DOWN_WITHOUT_IMATRIX: dict[str, Rule] = {
    "IQ3_XXS": (("Q4_K", first_eighth), ("Q3_K", everywhere)),
    "IQ4_NL": (("Q5_K", first_eighth),), "IQ4_XS": (("Q5_K", first_eighth),),
}  # fmt: skip

DOWN_WITH_IMATRIX: dict[str, Rule] = {"Q4_0": (("Q4_1", first_eighth),), "Q5_0": (("Q5_1", first_eighth),)}

DOWN_OF_FALCON: dict[str, Rule] = {
    "Q3_K_M": (("Q5_K", first_sixteenth), ("Q4_K", more_bits)), "Q3_K_L": _all("Q4_K"), "Q4_K_S": (),
    "Q4_K_M": (("Q6_K", first_sixteenth), ("Q5_K", more_bits)),
}  # fmt: skip


def head(file_type: str, row: int, block: int, facts: Facts) -> str:
    """Type of the output head, or of a tied embedding, with rows of ``row`` and a default of ``block`` elements."""
    default = DEFAULTS[file_type]
    if file_type == "MXFP4_MOE" or facts.falcon or row % block:
        return "Q8_0"
    if file_type in HEAD_Q5:
        return "Q5_K"
    return default if default == "Q8_0" else "Q6_K"


def rule(kind: str, file_type: str, facts: Facts) -> Rule:
    """The rule of a class of tensors (``tensor_class``), other than embedding and head; empty for the default."""
    smallest, eight = file_type in SMALLEST, facts.experts == 8
    if kind == "value":
        return _value(file_type, facts)
    if kind == "down":
        return _down(file_type, facts)
    if kind in ("gate", "up"):
        return (("IQ3_XXS", middle),) if file_type == "IQ3_XS" else ()
    chosen = None
    if kind == "key" and eight:
        chosen = "Q4_K" if smallest else "Q8_0"
    elif kind in ("query", "key"):
        chosen = QUERY_KEY.get(file_type)
    elif kind == "output":
        if eight:
            chosen = "Q5_K" if file_type in OUTPUT_Q5_OF_EIGHT else None
        elif facts.falcon and not smallest:
            chosen = "Q4_K" if file_type == "Q3_K_L" else None
        else:
            chosen = OUTPUT.get(file_type)
    return _all(chosen) if chosen else ()


def _value(file_type: str, facts: Facts) -> Rule:
    smallest = file_type in SMALLEST
    if facts.experts == 8 and not smallest:
        return _all("Q8_0")
    grouped = facts.group >= 4 or (smallest and facts.experts >= 4)
    found = VALUE.get(file_type, ())
    if grouped and file_type in GROUPED_VALUE:
        found = _all(GROUPED_VALUE[file_type])
    elif file_type == "IQ3_XXS" and not facts.imatrix:
        found = _all("IQ3_S")
    if facts.seventy and not smallest:
        # Eight query heads to a value head: five bits there cost next to nothing.
        found = (*found, (DEFAULTS[file_type], everywhere))
        found = tuple(("Q5_K" if kind in ("Q3_K", "Q4_K") else kind, where) for kind, where in found)
    return found


def _down(file_type: str, facts: Facts) -> Rule:
    if facts.falcon and file_type in DOWN_OF_FALCON:
        return DOWN_OF_FALCON[file_type]
    if file_type == "IQ3_M" and facts.experts == 8:
        return (("Q4_K", first_eighth), ("Q4_K", more_bits))
    by_matrix = DOWN_WITH_IMATRIX if facts.imatrix else DOWN_WITHOUT_IMATRIX
    return by_matrix.get(file_type) or DOWN.get(file_type, ())


def mixed(model: Model, text: list[Tensor], file_type: str, imatrix: bool) -> list[Stored]:
    """The rows of the model's own file under a file type that ``llama-quantize`` writes."""
    default = DEFAULTS[file_type]
    facts = _facts(model, text, imatrix)
    by_layer = facts.experts > 1 and file_type not in SMALLEST
    rows: list[Stored] = []
    for tensor in text:
        kind = kept_class(tensor)
        if as_released(model, tensor, default):
            rows.append(stored(tensor, RELEASED, tensor.layers))
        elif kind == "float32":
            rows.append(stored(tensor, "F32", tensor.layers))
        elif kind == "float":
            rows.append(stored(tensor, "F16", tensor.layers))
        elif kind == "head" or (kind == "embedding" and facts.tied):
            rows.append(stored(tensor, head(file_type, tensor.shape[0], BLOCKS[default][0], facts), tensor.layers))
        elif file_type == "MXFP4_MOE":
            stacked = len(tensor.shape) > 2 and tensor.shape[2] > 1
            rows.append(stored(tensor, "MXFP4" if stacked else "Q8_0", tensor.layers))
        elif kind == "embedding":
            rows.append(stored(tensor, EMBEDDING.get(file_type, default), tensor.layers))
        else:
            chosen = rule(kind, file_type, facts)
            if not chosen or chosen[0][1] is everywhere:
                rows.append(stored(tensor, chosen[0][0] if chosen else default, tensor.layers))
            else:
                counts = _counts(tensor, kind, text, model.layer_count, by_layer)
                rows += _varied(tensor, chosen, default, counts)
    return rows


def _varied(tensor: Tensor, chosen: Rule, default: str, counts: tuple[Sequence[int], int]) -> list[Stored]:
    """The rows of a tensor whose type varies over its layers, one for each type."""
    found: dict[str, list[int]] = {}
    numbers, total = counts
    for layer, number in zip(tensor.layers, numbers, strict=True):
        found.setdefault(_chosen(chosen, number, total) or default, []).append(layer)
    return [stored(tensor, kind, tuple(layers)) for kind, layers in found.items()]


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
    family = [other for other in text if not is_vector(other.shape) and tensor_class(other.name) == kind]
    total = sum([len(other.layers) for other in family]) if kind == "value" else layers
    if by_layer and kind != "value":
        return tensor.layers, total
    if len(family) == 1:
        return range(len(tensor.layers)), total
    # A layer may have two of a name: ERNIE 4.5 VL has experts for text and for images in one.
    order = sorted([(layer, other.name, number) for number, other in enumerate(family) for layer in other.layers])
    return [i for i, (_, _, number) in enumerate(order) if family[number] is tensor], total


def _facts(model: Model, text: list[Tensor], imatrix: bool) -> Facts:
    """Facts of the model, and of the architecture that its file names, on which the mix depends."""
    counts = [g.feed_forward.count for g in model.layers if isinstance(g.feed_forward, Experts)]
    group, grouped = _group(model)
    architecture = model.architecture.gguf
    seventy = architecture in ("qwen2", "deci") or (architecture == "llama" and grouped)
    return Facts(
        experts=counts[0] if counts else 0,
        group=group,
        tied="output.weight" not in [tensor.name for tensor in text],
        seventy=seventy and model.layer_count == SEVENTY_LAYERS,
        falcon=architecture == "falcon",
        imatrix=imatrix,
    )


def _group(model: Model) -> tuple[int, bool]:
    """Number of query heads per key-value head of layer 0, and whether there is more than one anywhere in the model.

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
    uniform = first is not None and any(mixer.kind == "gated_delta_net" for mixer in first.mixers)
    here = next(iter(ratios.values())) if uniform else ratios.get(0, 0)
    return here, max(ratios.values()) > 1
