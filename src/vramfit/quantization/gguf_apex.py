"""GGUF files of mixtures that mudler makes by position of the layer (APEX): exact by the recipe that the project publishes.

Routed experts of the first and last five layers are in one type, of the five next to them in another, of the middle in a
third; shared experts and token mixers likewise have one type at the ends and one between (mudler/apex-quant
``scripts/generate_config.sh`` at 9d3eac2). What the recipe does not name, embedding and head above all, has the type that
llama-quantize was called with, which nobody states: with those of ``BASES`` Qwen3.5-35B-A3B comes to 21.2 GiB as Quality, 23.6
as Balanced, 15.4 as Compact and 12.6 as Mini, where the README at a84d43e, of an earlier recipe, has 21.3, 23.6, 16.1 and 12.2,
and to 10.8 as Nano (10.88: magnus919.com on Qwen3.6-35B-A3B, 2026-05). An ``I`` before the grade says how it was calibrated.
"""

from __future__ import annotations

from vramfit.errors import UnsupportedScheme
from vramfit.quantization.gguf_layout import is_vector, stored
from vramfit.quantization.schemes import SCHEMES, Scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.model import Model
    from vramfit.quantization import Stored

APEX = "apex"
PROFILES: dict[str, tuple[str, str, str, str, str, str, str]] = {
    "quality": ("Q6_K", "Q5_K", "IQ4_XS", "Q8_0", "Q8_0", "Q6_K", "Q6_K"),
    "balanced": ("Q6_K", "Q5_K", "Q5_K", "Q8_0", "Q8_0", "Q6_K", "Q6_K"),
    "compact": ("Q4_K", "Q3_K", "Q3_K", "Q6_K", "Q6_K", "Q4_K", "Q4_K"),
    "mini": ("Q3_K", "Q3_K", "IQ2_S", "Q5_K", "Q4_K", "Q4_K", "Q3_K"),
    "nano": ("Q3_K", "IQ2_S", "IQ2_XXS", "Q5_K", "Q4_K", "Q4_K", "Q3_K"),
    "micro": ("Q3_K", "IQ2_XS", "IQ1_M", "Q5_K", "Q4_K", "Q4_K", "Q3_K"),
}
"""Types of routed experts at the edge, near it and in the middle, of shared experts at the edge and between, and of token mixers
at the edge and between, by grade."""
BASES = {
    "quality": "Q6_K",
    "balanced": "Q6_K",
    "compact": "Q4_K_M",
    "mini": "Q4_K_M",
    "nano": "Q4_K_M",
    "micro": "Q4_K_M",
}
"""Types that llama-quantize is taken to be called with."""
SPREAD = 0.05
"""Share by which a file may differ: the largest difference above."""
EDGE, NEAR, EDGE_MIXERS = 5, 10, 3
"""Layers from either end that count as edge, or as near it, and as edge for token mixers."""
MIXERS = (
    "attn_q.", "attn_k.", "attn_v.", "attn_output.", "attn_gate.", "attn_qkv.", "ssm_alpha.", "ssm_beta.", "ssm_out.",
)  # fmt: skip


def read(name: str) -> Scheme | None:
    """Scheme of ``APEX-I-Quality`` and its like; None for any other name."""
    words = name.strip().lower().replace("_", "-").split("-")
    grade = words[-1]
    if words[0] != APEX or grade not in PROFILES or words[1:-1] not in ([], ["i"]):
        return None
    base = SCHEMES[BASES[grade]]
    settings = {**base.settings, "imatrix": True, APEX: grade}
    return Scheme("-".join(words).upper(), "gguf", base.precision, f"GGUF: types by layer, APEX {grade}", settings)


def check(model: Model) -> None:
    """Raise ``UnsupportedScheme`` for a model without experts, for which no recipe is published."""
    if not model.has_experts:
        raise UnsupportedScheme(
            f"no recipe of APEX is published for {model.name}, which has no experts",
            "say what its file weighs: --file-size 12GB",
        )


def retyped(model: Model, rows: Iterable[Stored], grade: str) -> list[Stored]:
    """Rows of a file in the base type, with those that the recipe names in the types that it gives their layers."""
    found: list[Stored] = []
    for row in rows:
        if is_vector(row.tensor.shape) or not _types(row.tensor.name, 0, model.layer_count, grade):
            found.append(row)
            continue
        layers: dict[str, list[int]] = {}
        for layer in row.layers:
            layers.setdefault(_types(row.tensor.name, layer, model.layer_count, grade), []).append(layer)
        found += [stored(row.tensor, kind, tuple(own)) for kind, own in layers.items()]
    return found


def _types(tensor: str, layer: int, count: int, grade: str) -> str:
    """Type of a tensor in a layer; empty for one that the recipe does not name."""
    edge_expert, near_expert, expert, edge_shared, shared, edge_mixer, mixer = PROFILES[grade]
    from_end = min(layer, count - 1 - layer)
    if "_exps." in tensor:
        return edge_expert if from_end < EDGE else near_expert if from_end < NEAR else expert
    if "_shexp." in tensor:
        return edge_shared if from_end < EDGE else shared
    if tensor.startswith(MIXERS):
        return edge_mixer if from_end < EDGE_MIXERS else mixer
    return ""
