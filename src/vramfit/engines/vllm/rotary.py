"""Tables of rotary angles, which vLLM computes for every position and keeps beside the weights.

A table has a row of sines and cosines for each position that the model supports, in the model's 16 bits
(``layers/rotary_embedding/base.py`` ``_compute_cos_sin_cache``). Equal layers share it. "Model loading took" in the log
includes it. Read in vLLM 0.19.0 and 0.33.0.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit.model.architecture import Attention
from vramfit.model.mixers import LatentAttention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vramfit.engines.positions import Scaling
    from vramfit.engines.servers import ServerKeys
    from vramfit.model import Model

PARTIAL = {
    "gpt_neox": 0.25, "gptj": 0.25, "stablelm": 0.25, "qwen3_next": 0.25, "qwen3_5_text": 0.25, "qwen3_5_moe_text": 0.25,
    "phi": 0.5, "persimmon": 0.5, "nemotron": 0.5, "glm": 0.5, "glm4": 0.5, "glm4v_text": 0.5, "glm_ocr_text": 0.5,
    "glm4_moe": 0.5, "glm4v_moe_text": 0.5, "minimax": 0.5, "minimax_m2": 0.5, "minimax_m3": 0.5, "zaya": 0.5,
    "mimo_v2_flash": 0.334, "phi4mm": 0.75,
}  # fmt: skip
"""Shares of a head's width that are rotated, by ``model_type``, where it is not the whole: ``partial_rotary_factor``,
``rotary_pct`` or ``rotary_dim / head_dim`` of the configurations (transformers 5.23.0 ``configuration_*.py``; vLLM's
``models/glm4_moe.py``, ``transformers_utils/configs/qwen3_5.py``). ``rotary_embedding/__init__.py`` ``get_rope`` multiplies
the head's width by them."""
UNROTATED = ("bloom", "mpt", "jamba", "nemotron_h", "kimi_linear")
"""Kinds of models by ``model_type`` whose attention has no rotary embedding (vLLM's ``models/bloom.py``, ``mpt.py``,
``jamba.py``, ``nemotron_h.py``, ``kimi_linear.py``)."""
LINEAR = {"gemma3_text": 8}
"""Factors of linearly scaled positions, by ``model_type``: the table of full layers has a row for each position times the
factor (``linear_scaling_rope.py`` ``_compute_cos_sin_cache``). Gemma 3 scales those of its sizes that read images
(``rope_scaling`` of google/gemma-3-4b-it, 12b, 27b)."""
YARN_UNSCALED_SINCE = (0, 30)
"""First release in which YaRN's factor extends no context, because ``max_position_embeddings`` is taken to contain it
(vllm-project/vllm PR 56446, merged on 2026-09-11); before, the trained positions times the factor are the longest."""
EXTENDED = ("", "su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling", "mrope", "default")
"""Kinds of RoPE scaling whose factor ``max_position_embeddings`` contains (``_get_and_verify_max_len``)."""
SEVERAL_POSITIONS = 4
"""Factor of the number of positions in multimodal rotary embeddings (``layers/rotary_embedding/mrope.py``)."""
UNCOUNTED = ("llama4_text",)
"""Kinds of models by ``model_type`` whose tables do not count as loaded: Llama 4 Scout's 10,485,760 positions would take
2.50 GiB, which its start-up logs do not contain (vLLM 0.19.0 in jgchn/llm-d-planner, branch accuracy)."""


def longest_context(keys: ServerKeys) -> Callable[[Model, Scaling], int]:
    """Rule for the longest context of a model with a stated RoPE scaling, in the release that a deployment states.

    Source: ``config/model.py`` ``_get_and_verify_max_len``.
    """
    from vramfit.engines.vllm.release import release

    numbers = release(keys).numbers

    def longest(model: Model, stated: Scaling) -> int:
        base = stated.positions or model.context
        if stated.kind == "yarn" and numbers < YARN_UNSCALED_SINCE:
            return int((stated.original or base) * stated.factor)
        scaled = stated.kind not in EXTENDED and "gemma3" not in (model.architecture.model_type or "")
        return int(base * stated.factor) if scaled else base

    return longest


@per_model
def rotary_bytes(model: Model) -> int:
    """Bytes of the 16-bit sines and cosines of every position, for each head width and each kind of layer.

    The result is 0 for a model with a learned position table or without positions, and for tables that do not
    count as loaded.
    """
    kind = model.architecture.model_type or ""
    if model.traits.positions or kind in (*UNROTATED, *UNCOUNTED):
        return 0
    share = PARTIAL.get(kind, 1.0)
    widths = set()
    for group in model.layers:
        for mixer in group.mixers:
            if isinstance(mixer, Attention) and mixer.kind in ("full", "sliding", "chunked"):
                widths.add((int(mixer.head_dim * share), mixer.kind))
            elif isinstance(mixer, LatentAttention):
                widths.add((mixer.rope_dim, "full"))
    # If the patches of a tower span two frames, tokens have positions in time, height and width.
    several = model.vision is not None and model.vision.frames == 2
    positions = model.context * (SEVERAL_POSITIONS if several else 1)
    scale = 1 if model.vision is None else LINEAR.get(kind, 1)
    return sum(2 * width * positions * (scale if layers == "full" else 1) for width, layers in widths)
