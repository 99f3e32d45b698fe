"""GGUF files whose names state the type of each part of a mixture, as antirez/ds4 names those of DeepSeek V4.

``DeepSeek-V4-Flash-IQ2XXS-w2Q2K-AProjQ8-SExpQ8-OutQ8-chat-v2.gguf`` has routed experts in IQ2_XXS, their down projections
in Q2_K, attention, shared experts and head in Q8_0; ``Q4KExperts-F16HC-F16Compressor-F16Indexer-Q8Attn-Q8Shared-Q8Out``
says the type before the part. All other matrices are in F16 (antirez/ds4 at 8d57664: ``weights_validate_layout`` in
ds4.c, gguf-tools/README.md).
"""

from __future__ import annotations

from vramfit.quantization.gguf_layout import is_vector, stored
from vramfit.quantization.schemes import SCHEMES, Scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from vramfit.quantization import Stored

TYPES = {
    "q8": "Q8_0", "q4k": "Q4_K", "q2k": "Q2_K", "iq2xxs": "IQ2_XXS", "q4": "Q4_K", "q3k": "Q3_K", "q5k": "Q5_K", "q6k": "Q6_K",
    "iq3xxs": "IQ3_XXS", "iq2xs": "IQ2_XS", "iq2s": "IQ2_S", "iq1m": "IQ1_M", "iq1s": "IQ1_S", "f16": "F16", "bf16": "BF16",
}  # fmt: skip
"""Types as such names write them, in small letters."""
EXPERTS, DOWN = "experts", "down"
BEFORE = {"w2": DOWN, "aproj": "attention", "sexp": "shared", "out": "output"}
"""Parts by the word before their type."""
BEHIND = {
    "experts": EXPERTS, "attn": "attention", "shared": "shared", "out": "output", "hc": "hc", "compressor": "compressor",
    "indexer": "indexer",
}  # fmt: skip
"""Parts by the word behind their type."""
FEWEST = 3
"""Words that a name has at least, so that no other name is read so."""
REST = "F16"
JOINER = "-"


def run_of(words: list[str]) -> list[str]:
    """The first run of words, in small letters, that state types of parts; empty where fewer than three do."""
    found: list[str] = []
    for word in [*words, ""]:
        if _part(word) is not None:
            found.append(word)
        elif len(found) >= FEWEST:
            return found
        else:
            found = []
    return []


def read(name: str) -> Scheme | None:
    """Scheme of words that state types of parts, joined by dashes; None for any other name."""
    words = name.strip().lower().split(JOINER)
    parts = dict([part for word in words if (part := _part(word)) is not None])
    if len(words) < FEWEST or len(parts) != len(words) or EXPERTS not in parts:
        return None
    experts = parts[EXPERTS]
    base = SCHEMES[{"Q4_K": "Q4_K_S", "Q3_K": "Q3_K_S", "Q5_K": "Q5_K_S"}.get(experts, experts)]
    settings = {**base.settings, "imatrix": True, "parts": parts}
    return Scheme(JOINER.join(words).upper(), "gguf", base.precision, "GGUF: types by part, as the name says", settings)


def retyped(rows: Iterable[Stored], parts: Mapping[str, str]) -> list[Stored]:
    """Rows of a 16-bit file with the matrices of each part in its type."""
    return [
        row if is_vector(row.tensor.shape) else stored(row.tensor, _type(row.tensor.name, parts), row.layers)
        for row in rows
    ]


def _part(word: str) -> tuple[str, str] | None:
    """Part and type that a word states."""
    if word in TYPES and word.startswith(("iq", "q2", "q3", "q4k")):
        return EXPERTS, TYPES[word]
    for before, part in BEFORE.items():
        if word.startswith(before) and word[len(before) :] in TYPES:
            return part, TYPES[word[len(before) :]]
    for behind, part in BEHIND.items():
        if word.endswith(behind) and word[: -len(behind)] in TYPES:
            return part, TYPES[word[: -len(behind)]]
    return None


def _type(tensor: str, parts: Mapping[str, str]) -> str:
    """Type of a matrix by its name."""
    part = "rest"
    if "_exps." in tensor:
        part = DOWN if "down" in tensor and DOWN in parts else EXPERTS
    elif "_shexp." in tensor:
        part = "shared"
    elif tensor == "output.weight":
        part = "output"
    elif tensor.startswith("attn_"):
        part = "attention"
    return parts.get(part, REST)
