"""Attention of SGLang that has no kernel for a model with an FP8 cache on a card.

Models with latents or attention sinks are Triton's below Hopper (SGLang 0.5.23 ``srt/arg_groups/model_override_base.py``
``get_default_attn_backend``, ``model_overrides/gpt_oss.py``), whose ``fp8e4nv`` needs compute capability 8.9 (vllm-project/vllm
issue 7714: "fp8e4nv data type is not supported on CUDA arch < 89"); ``fp8_e5m2`` compiles on every card.
"""

from __future__ import annotations

from vramfit.engines.attention_rules import LATENTS, SINKS, first, of_attention
from vramfit.engines.support import Rule, below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.engines.sglang import Cards, SGLangKeys

TRITON = "sglang 0.5.23 srt/arg_groups/model_override_base.py get_default_attn_backend; vllm-project/vllm issue 7714"
E4M3 = ("fp8", "fp8_e4m3")

RULES = {
    LATENTS: Rule("Triton attends to latents below Hopper, and has FP8 caches in e4m3 from compute capability 8.9", TRITON,
                  below(8, 9), caches=E4M3),
    SINKS: Rule("Triton attends with sinks below Hopper, and has FP8 caches in e4m3 from compute capability 8.9", TRITON,
                below(8, 9), caches=E4M3),
}  # fmt: skip
"""Rules on cards and cache types, by the property of a model that each is about."""


def refusal(job: Job[Cards, SGLangKeys]) -> str | None:
    """Reason why no kernel attends for the job's model with its cache type; None if one does."""
    if not job.traits.refusals:
        return None
    return first(RULES, job.traits.refusals, of_attention(job.model), job.scheme)
