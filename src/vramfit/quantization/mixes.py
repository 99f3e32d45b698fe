"""Mixes that publishers make of GGUF types for each model: the stock type that a file comes nearest to, and its size.

A file of which the catalogue knows the size (``Model.files``) weighs that; of any other the ratio to a stock type is
taken that published files of such models have (``mixes_measured``), with its interval.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.quantization import Stored
from vramfit.quantization.gguf_layout import RELEASED, stored, tensor_bytes
from vramfit.quantization.mixes_measured import (
    BARTOWSKI_2026,
    IK_BITS,
    UNSLOTH,
    UNSLOTH_ENDS,
    UNSLOTH_HYBRID_2026,
    UNSLOTH_MXFP4_2026,
)
from vramfit.quantization.publishers import DYNAMIC, NAMES, OWN, RECIPES_SINCE, WITH_HEAD
from vramfit.quantization.spelling import IMATRIX_MARK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypeVar

    from vramfit.model import Model
    from vramfit.quantization import Scheme

    T = TypeVar("T")

UNKNOWN = (0.93, 1.02, 1.1)
"""Ratios of a publisher's mix of which no size is known: the widest of the others."""
PUBLISHED_SPREAD = 0.015
"""Share by which a file may differ from the published size: publishers replace files (Qwen3.8-27B's UD-Q4_K_XL by 2 %)."""
HEADER_BYTES = 44
"""Bytes of a file's metadata for each entry of the vocabulary, its text above all: 24 (Gemma) to 65 (gpt-oss)."""
KINDS = ("dense", "hybrid", "sparse", "sparse-2026")
"""Kinds of models, those next to each other nearest."""
UNSLOTH_NAME, BARTOWSKI_NAME, IK_NAME, PLUS_NAME = OWN["unsloth"], OWN["bartowski"], NAMES["ik"], NAMES["plus"]
PLUS = (0.97, 1.04, 1.12)
"""Ratios of K-quants with ``_P`` behind their name, of which no size is known: assumed as those of ``UD`` files."""
ENDS = ("token_embd.weight", "output.weight")
FLOATS = ("F32", "F16", "BF16")
NGRAMS = "per_layer_token_embd.weight"
"""Name of the table of n-grams of models that have one, which is looked up by row."""
NGRAM_TYPE, NGRAM_BITS, K_QUANT_ROW = "IQ4_NL", "1234", 256
"""Type of that table in Unsloth's ``UD`` files of so many bits, where its rows are no multiple of what K-quants store:
28.8 GB of UD-Q4_K_XL and of UD-Q2_K_XL of Qwen3.8-Flash-Next, whose rows have 160 elements (ggml-org/llama.cpp pull request
27742; Tanguille/cluster pull request 4764). Files of more bits are not known."""


class Mix(Record):
    """Mix of a publisher for a model."""

    base: str
    """Stock type whose layout the mix is taken to have."""
    low: float
    expected: float
    """Ratio of the file's quantized tensors to those of ``base``; of those between the ends, where ``ends`` is given."""
    high: float
    ends: str | None = None
    """Type of embedding and head, where it is none of the base's."""
    published_bytes: int | None = None
    """Size of the published file's tensors, where it is known."""
    has_heads: bool = False
    """True if that file has a prediction head (MTP) behind the model's layers."""
    ngrams: str | None = None
    """Type of the table of n-grams, where it is none of the base's."""


def kind_of(model: Model) -> str:
    """Kind of a model as far as publishers' mixes differ by it: ``dense``, ``hybrid``, ``sparse`` or ``sparse-2026``."""
    if model.has_experts:
        return "sparse-2026" if is_recent(model) else "sparse"
    return "hybrid" if is_hybrid(model) else "dense"


def is_recent(model: Model) -> bool:
    """True if a model came out when publishers had their present recipes; an unknown month counts as recent."""
    return (model.released or RECIPES_SINCE) >= RECIPES_SINCE


@per_model
def mix_of(model: Model, scheme: Scheme) -> Mix | None:
    """Mix of a publisher's scheme for a model; None for a scheme that is laid out alike for every model."""
    mix = scheme.settings.get("mix")
    if mix is None:
        return None
    publisher, label = mix
    kind = kind_of(model)
    base, low, expected, high = _ratios(model, scheme, publisher, label)
    ends = scheme.settings.get("ends", (None,))[0]
    if publisher == UNSLOTH_NAME and scheme.id.startswith(DYNAMIC):
        ends = UNSLOTH_ENDS.get(label, {}).get(kind)
        ngrams = NGRAM_TYPE if label.lstrip("IQ")[:1] in NGRAM_BITS else None
    else:
        ngrams = None
    for name, size in model.files:
        plain = name.removesuffix(WITH_HEAD)
        if plain == scheme.id:
            return Mix(base, low, expected, high, ends, size - HEADER_BYTES * model.vocab, plain != name, ngrams)
    return Mix(base, low, expected, high, ends, ngrams=ngrams)


def _ratios(model: Model, scheme: Scheme, publisher: str, label: str) -> tuple[str, float, float, float]:
    """Stock type and ratios of a publisher's mix for a model."""
    kind, stock = kind_of(model), str(scheme.settings["type"])
    if publisher == IK_NAME:
        own = _bits(model, stock)
        low, expected, high = _nearest(IK_BITS[label], kind)
        return stock, low / own, expected / own, high / own
    if publisher == UNSLOTH_NAME and scheme.id.startswith(DYNAMIC):
        return _nearest(UNSLOTH[label], kind) if label in UNSLOTH else (stock, *UNKNOWN)
    if publisher == PLUS_NAME:
        return stock, *PLUS
    recent = is_recent(model)
    if publisher == BARTOWSKI_NAME and recent and label in BARTOWSKI_2026:
        return stock, *_nearest(BARTOWSKI_2026[label], kind.partition("-")[0])
    if publisher == UNSLOTH_NAME and recent and label == "MXFP4_MOE":
        return stock, *UNSLOTH_MXFP4_2026
    if publisher == UNSLOTH_NAME and recent and label in UNSLOTH_HYBRID_2026 and is_hybrid(model):
        return stock, *UNSLOTH_HYBRID_2026[label]
    return stock, 1.0, 1.0, 1.0


def _nearest(rows: Mapping[str, T], kind: str) -> T:
    """Row of a kind of model, or of the kind nearest to it."""
    return rows[min(rows, key=lambda one: abs(KINDS.index(one) - KINDS.index(kind)))]


def is_hybrid(model: Model) -> bool:
    """True if layers of the model have gated delta nets in place of attention."""
    return "gated_delta_net" in [mixer.kind for group in model.layers for mixer in group.mixers]


def _bits(model: Model, stock: str) -> float:
    """Bits per weight of the model's own file in a stock type made with an importance matrix, towers left out."""
    from vramfit.quantization import bits_per_weight, derive, find_scheme

    return bits_per_weight(derive(model, find_scheme(f"{IMATRIX_MARK}-{stock}")).stored, ("text",))


def spread(model: Model, scheme: Scheme) -> tuple[float, float]:
    """Shares by which the weights of a publisher's file may be less and more than expected; 0 for other schemes."""
    mix = mix_of(model, scheme)
    if "apex" in scheme.settings:
        from vramfit.quantization.gguf_apex import SPREAD

        return SPREAD, SPREAD
    if mix is None:
        return 0.0, 0.0
    if mix.published_bytes is not None:
        return PUBLISHED_SPREAD, PUBLISHED_SPREAD
    return 1 - mix.low / mix.expected, mix.high / mix.expected - 1


def as_mixed(model: Model, rows: list[Stored], mix: Mix) -> list[Stored]:
    """Rows of the model's own file in a publisher's mix, made from those of the mix's base."""
    if mix.ends is not None:
        rows = [stored(row.tensor, mix.ends, row.layers) if row.tensor.name in ENDS else row for row in rows]
    rows = [_with_ngrams(row, mix) for row in rows]
    kept = (*FLOATS, *(() if mix.ends is None else (mix.ends,)))
    fixed = [
        row.type in kept
        or (row.type == RELEASED and mix.base != "MXFP4_MOE")
        or (row.tensor.name == NGRAMS and row.type == mix.ngrams)
        for row in rows
    ]
    ratio = mix.expected
    if mix.published_bytes is not None:
        free_bytes = sum([row.total_bytes for row, same in zip(rows, fixed, strict=True) if not same])
        kept_bytes = sum([row.total_bytes for row, same in zip(rows, fixed, strict=True) if same])
        ratio = (mix.published_bytes - kept_bytes) / (free_bytes + (head_of(model, rows) if mix.has_heads else 0))
    return [
        row if same else Stored(row.tensor, row.type, round(row.bytes_each * ratio), row.layers)
        for row, same in zip(rows, fixed, strict=True)
    ]


def _with_ngrams(row: Stored, mix: Mix) -> Stored:
    """Row of a mix, in its type of a table of n-grams if it is one that K-quants cannot store."""
    tensor = row.tensor
    if mix.ngrams is None or tensor.name != NGRAMS or tensor.shape[0] % K_QUANT_ROW == 0:
        return row
    return stored(tensor, mix.ngrams, row.layers)


def head_bytes(model: Model, scheme: Scheme, stored_rows: tuple[Stored, ...]) -> int:
    """Bytes of the prediction head that a publisher's file has beside the model's layers; 0 for a file without one."""
    mix = mix_of(model, scheme)
    if mix is None or not mix.has_heads:
        return 0
    return head_of(model, stored_rows)


def head_of(model: Model, rows: Sequence[Stored]) -> int:
    """Bytes of a prediction head: a layer like the last one, and a matrix that joins embedding and hidden state."""
    last = model.layer_count - 1
    layer = sum([row.bytes_each for row in rows if last in row.layers and row.tensor.part == "text"])
    return layer + tensor_bytes("Q8_0", 2 * model.hidden * model.hidden)
