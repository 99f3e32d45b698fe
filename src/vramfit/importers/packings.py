"""Packed forms of weights in safetensors files, one function each: what shape and type the pieces stand for.

A quantized matrix is several tensors of one module: the packed numbers, scales, zero points, an order of inputs. Each
function here gets them by the last word of their name and answers the element type and the logical shape, rows first, or
None where the pieces are not what it knows. Bytes are none of its business: a packed tensor has all its pieces' bytes.

The layouts are those of the writers: AutoGPTQ and GPTQModel ``nn_modules/qlinear``, AutoAWQ ``modules/linear``,
compressed-tensors ``compressors``, bitsandbytes ``functional.py`` ``QuantState``, NVIDIA/Model-Optimizer
``torch/export/quant_utils.py``, transformers ``integrations/mxfp4.py``, ml-explore/mlx ``mlx/ops.cpp``, pytorch/ao
``prototype/safetensors``, mobiusml/hqq ``core/quantize.py``, exllamav2 ``linear.py``, exllamav3 ``quant/exl3.py``,
Vahe1994/AQLM ``inference.py``. Element types are named as in ``vramfit.quantization``.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vramfit.importers.header import Raw

    Shape = tuple[int, ...]
    Answer = tuple[str, Shape] | None

FLOAT8 = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
INTEGERS = ("I32", "U32", "I16", "U16", "I8", "U8", "I64", "U64")
WORD_BITS = {"I32": 32, "U32": 32, "I16": 16, "U16": 16, "I8": 8, "U8": 8, "I64": 64, "U64": 64}
SCALES = ("weight_scale", "weight_scale_inv", "scale", "weight_scales", "scales", "scale_inv", "weight._scale")
"""Names of the scales of a weight that keeps its own name."""

AFFINE_GROUPS = (64, 32, 128)
"""Groups that MLX's affine mode takes, its default first."""

MXFP4_BLOCK, NVFP4_BLOCK = 32, 16
AQLM_AXIS = 3
"""Axis of AQLM's code books (book, code, output group, input group) that holds the inputs of a group."""


class Module(Record):
    """The pieces of one module's weight, and how to look into a small one."""

    pieces: Mapping[str, Raw]
    bits: int | None
    """Bits of a weight as the model's configuration states them for this module, where it does."""
    group: int | None
    method: str
    """``quant_method`` of the configuration, or nothing."""
    content: Callable[[Raw], bytes | None]
    """Reads a piece's own bytes; None where that is not possible."""


def unpack(module: Module) -> Answer:
    """Type and shape of what the pieces stand for; None where no packing is recognised."""
    for piece, rule in RULES:
        if piece in module.pieces:
            return rule(module)
    return None


def _bitsandbytes_4bit(module: Module) -> Answer:
    """Two weights to a byte, flat, in words of any type; the JSON of the quantization state has the shape."""
    weight = module.pieces.get("weight")
    state, kind = None, ""
    for word in ("nf4", "fp4"):
        found = module.pieces.get(f"weight.quant_state.bitsandbytes__{word}")
        if found is not None:
            state, kind = found, word
    if weight is None or state is None:
        return None
    elements = 2 * weight.stored_bytes
    shape = _stated_shape(module.content(state))
    # An odd number of weights leaves half a byte unused.
    return kind, shape if shape and 0 <= elements - _product(shape) <= 1 else (elements,)


def _stated_shape(text: bytes | None) -> Shape:
    """``shape`` of a quantization state, () where it cannot be read."""
    if text is None:
        return ()
    import json

    try:
        shape = json.loads(text)["shape"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()
    right = isinstance(shape, list) and all(type(extent) is int and extent > 0 for extent in shape)
    return tuple(shape) if right else ()


def _gptq_or_awq(module: Module) -> Answer:
    """GPTQ packs inputs (rows of ``qweight``), AWQ outputs (its columns); ``scales`` has one column per output."""
    packed, scales = module.pieces["qweight"], module.pieces.get("scales")
    zeros, order = module.pieces.get("qzeros"), module.pieces.get("g_idx")
    word = WORD_BITS.get(packed.dtype)
    if word is None or scales is None or len(packed.shape) < 2 or len(scales.shape) < 2:
        return None
    lead, (rows, columns), outputs = packed.shape[:-2], packed.shape[-2:], scales.shape[-1]
    if columns == outputs:
        if order is not None and order.shape and order.shape[-1] and rows * word % order.shape[-1] == 0:
            return _named("gptq", rows * word // order.shape[-1], (*lead, outputs, order.shape[-1]))
        bits = module.bits
        if bits is None and zeros is not None and outputs:
            bits = zeros.shape[-1] * word // outputs
        return _named("gptq", bits, (*lead, outputs, rows * word // bits)) if bits else None
    if columns and columns * word % outputs == 0:
        return _named("awq", columns * word // outputs, (*lead, outputs, rows))
    if rows == scales.shape[-2] and module.bits:
        # AWQ's GEMV layout: outputs first, inputs packed.
        return _named("awq", module.bits, (*lead, rows, columns * word // module.bits))
    return None


def _compressed(module: Module) -> Answer:
    """compressed-tensors: integers packed along the inputs with the shape beside them, or 4-bit floats two to a byte."""
    packed = module.pieces["weight_packed"]
    scale = module.pieces.get("weight_scale")
    if packed.dtype == "U8" and scale is not None and packed.shape:
        shape = (*packed.shape[:-1], 2 * packed.shape[-1])
        return _four_bit_float(shape, scale)
    word = WORD_BITS.get(packed.dtype)
    if word is None or len(packed.shape) < 2:
        return None
    stated = module.pieces.get("weight_shape")
    shape = _integers(module.content(stated), stated.dtype) if stated is not None else ()
    bits = module.bits
    if len(shape) == 2 and shape[0] == packed.shape[-2] and shape[1]:
        # The row is rounded up to whole words; the bits that fill it are the largest that do.
        bits = bits or packed.shape[-1] * word // shape[1]
        return _named("int", bits, (*packed.shape[:-2], *shape))
    if not bits:
        return None
    return _named("int", bits, (*packed.shape[:-1], packed.shape[-1] * (word // bits)))


def _blocks(module: Module) -> Answer:
    """MXFP4 as gpt-oss stores it: rows of blocks of 16 bytes, an exponent for each block."""
    blocks, scales = module.pieces["blocks"], module.pieces.get("scales")
    if blocks.dtype != "U8" or scales is None or len(blocks.shape) < 3 or blocks.shape[:-1] != scales.shape:
        return None
    return "MXFP4", (*blocks.shape[:-2], 2 * blocks.shape[-2] * blocks.shape[-1])


def _exl2(module: Module) -> Answer:
    """ExLlamaV2: bits differ by group; the permutation has one entry for each input."""
    packed = module.pieces["q_weight"]
    order = module.pieces.get("q_invperm") or module.pieces.get("q_perm")
    if packed.dtype != "I32" or len(packed.shape) != 2:
        return None
    if order is None or len(order.shape) != 1:
        return None
    return "exl2", (packed.shape[1], order.shape[0])


def _exl3(module: Module) -> Answer:
    """ExLlamaV3: tiles of 16 x 16 weights, ``trellis[in / 16, out / 16, 16 * bits]``."""
    tiles = module.pieces["trellis"]
    if tiles.dtype not in ("I16", "U16") or len(tiles.shape) < 3:
        return None
    lead, (inputs, outputs) = tiles.shape[:-3], tiles.shape[-3:-1]
    return "exl3", (*lead, 16 * outputs, 16 * inputs)


def _hqq(module: Module) -> Answer:
    """HQQ: packed in an order of its own, shape and bits in tensors beside it."""
    packed = module.pieces["W_q"]
    if packed.dtype not in WORD_BITS:
        return None
    stated, width = module.pieces.get("shape"), module.pieces.get("nbits")
    bits = module.bits
    if width is not None:
        numbers = _integers(module.content(width), width.dtype)
        bits = numbers[0] if len(numbers) == 1 else bits
    shape = _integers(module.content(stated), stated.dtype) if stated is not None else ()
    if not bits or not 0 < bits <= 8:
        return None
    if len(shape) >= 2 and 0 < _product(shape) * bits <= 8 * packed.stored_bytes + 8 * max(shape):
        return _named("hqq", bits, shape)
    # Three bits are packed ten to a word of 32, and the last rows are padded: without the shape nothing is exact.
    return None if bits == 3 else _named("hqq", bits, (8 * packed.stored_bytes // bits,))


def _torchao(module: Module) -> Answer:
    """torchao: the fields of a tensor subclass under names of their own; int4 is packed two to a byte."""
    data, scale = module.pieces["qdata"], module.pieces.get("scale")
    if data.dtype in FLOAT8:
        return "FP8", data.shape
    if data.dtype in ("U8", "I8") and scale is not None and data.shape and scale.shape:
        if data.dtype == "U8" or module.bits == 4:
            return "int4", (*data.shape[:-1], 2 * data.shape[-1])
        return "int8", data.shape
    return None


def _aqlm(module: Module) -> Answer:
    """AQLM: a code for each group of inputs, its length an axis of the code books."""
    codes, books = module.pieces["codes"], module.pieces.get("codebooks")
    if codes.dtype not in WORD_BITS or books is None or len(books.shape) != 4 or len(codes.shape) < 2:
        return None
    outputs, inputs = books.shape[AQLM_AXIS - 1], books.shape[AQLM_AXIS]
    return "aqlm", (codes.shape[0] * outputs, codes.shape[1] * inputs)


def _quanto(module: Module) -> Answer:
    """optimum-quanto: the data under the weight's own name, packed where below 8 bits."""
    data = module.pieces["weight._data"]
    if data.dtype in FLOAT8:
        return "FP8", data.shape
    if data.dtype not in ("U8", "I8") or not data.shape:
        return None
    if data.dtype == "I8":
        return "int8", data.shape
    bits = module.bits or 4
    return _named("int", bits, (data.shape[0] * 8 // bits, *data.shape[1:]))


def _weight(module: Module) -> Answer:
    """A weight that kept its name: told apart by its element type and its scales."""
    weight = module.pieces["weight"]
    if "SCB" in module.pieces and weight.dtype == "I8":
        return "int8", weight.shape
    scale = next((module.pieces[name] for name in SCALES if name in module.pieces), None)
    if weight.dtype in FLOAT8:
        return "FP8", weight.shape
    if scale is None or not weight.shape:
        return None
    if weight.dtype == "U32":
        return _mlx(module, weight, scale)
    if weight.dtype == "F4":
        return _four_bit_float(weight.shape, scale)
    if weight.dtype in ("U8", "I8"):
        return _bytes(module, weight, scale)
    return None


def _bytes(module: Module, weight: Raw, scale: Raw) -> Answer:
    """Bytes of a weight: one number each, or two 4-bit ones, or four ternary ones."""
    if module.method == "bitnet" and weight.dtype == "U8" and _product(scale.shape) == 1:
        return "ternary", (4 * weight.shape[0], *weight.shape[1:])
    doubled = (*weight.shape[:-1], 2 * weight.shape[-1])
    if len(scale.shape) == len(weight.shape):
        found = _four_bit_float(doubled, scale)
        exponents = scale.dtype in ("F8_E8M0", "U8")
        if found is not None and (weight.dtype == "U8" or exponents):
            return found
        if weight.dtype == "U8" and len(weight.shape) > 1 and scale.shape[-2] == 2 * weight.shape[-2]:
            # ModelOpt's int4 AWQ packs two outputs to a byte.
            return "int4", (*weight.shape[:-2], 2 * weight.shape[-2], weight.shape[-1])
        if weight.dtype == "U8" and scale.shape[-1] and doubled[-1] % scale.shape[-1] == 0 and module.bits == 4:
            return "int4", doubled
    return ("int8", weight.shape) if weight.dtype == "I8" else None


def _four_bit_float(shape: Shape, scale: Raw) -> Answer:
    """NVFP4 or MXFP4, by how many weights share a scale."""
    if not scale.shape or not scale.shape[-1] or scale.shape[:-1] != shape[:-1]:
        return None
    block = shape[-1] // scale.shape[-1]
    if block == NVFP4_BLOCK and scale.dtype in FLOAT8:
        return "NVFP4", shape
    if block == MXFP4_BLOCK and scale.dtype in ("U8", "F8_E8M0"):
        return "MXFP4", shape
    return None


def _mlx(module: Module, weight: Raw, scale: Raw) -> Answer:
    """MLX: words of 32 bits along the inputs, a scale per group, and a bias per group where the mode is affine."""
    words, groups = weight.shape[-1], scale.shape[-1] if scale.shape else 0
    if not words or not groups or weight.shape[:-1] != scale.shape[:-1]:
        return None
    affine = "biases" in module.pieces
    if module.bits:
        bits: int | None = module.bits
    else:
        sizes = AFFINE_GROUPS if affine else (MXFP4_BLOCK, NVFP4_BLOCK)
        widths = [words * 32 // (groups * size) for size in sizes if words * 32 % (groups * size) == 0]
        bits = next((width for width in widths if width in (2, 3, 4, 5, 6, 8)), None)
    if not bits:
        return None
    shape = (*weight.shape[:-1], words * 32 // bits)
    if affine:
        return _named("affine", bits, shape)
    block = shape[-1] // groups
    return {4: "nvfp4" if block == NVFP4_BLOCK else "mxfp4", 8: "mxfp8"}.get(bits, f"int{bits}"), shape


RULES: tuple[tuple[str, Callable[[Module], Answer]], ...] = (
    ("weight.absmax", _bitsandbytes_4bit),
    ("qweight", _gptq_or_awq),
    ("weight_packed", _compressed),
    ("blocks", _blocks),
    ("q_weight", _exl2),
    ("trellis", _exl3),
    ("W_q", _hqq),
    ("qdata", _torchao),
    ("codes", _aqlm),
    ("weight._data", _quanto),
    ("weight", _weight),
)
"""The piece that marks each packing; the first that is there decides."""


def _named(family: str, bits: int | None, shape: Shape) -> Answer:
    """A type with its bits in the name, where they can be."""
    return (f"{family}{bits}", shape) if bits and 1 <= bits <= 8 else None


def _integers(text: bytes | None, dtype: str) -> tuple[int, ...]:
    """Whole numbers of a small tensor, () where it could not be read or holds others."""
    width = WORD_BITS.get(dtype, 0) // 8
    if not text or not width:
        return ()
    numbers = [int.from_bytes(text[i : i + width], "little", signed=True) for i in range(0, len(text), width)]
    return tuple(numbers) if min(numbers) > 0 else ()


def _product(shape: Shape) -> int:
    product = 1
    for extent in shape:
        product *= extent
    return product
