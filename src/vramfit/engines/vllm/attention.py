"""Attention backends that vLLM has for a model and a cache type on a card; where it has none, it does not start.

vLLM asks each backend of a platform whether it takes the head width, the cache type, latents, attention sinks and images
that are attended to in both directions, and raises "No valid attention backend found" if none does (0.33.0
``platforms/cuda.py`` ``_get_backend_priorities``, ``v1/attention/backend.py`` ``validate_configuration``). Triton's takes
all of them, but refuses FP8 caches below compute capability 8.9; on 8.0 to 8.8 such a cache is FlashInfer's. The rules
hold for every release: before Triton's backend refused, its kernels did not compile (vllm-project/vllm issue 26431).
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit.engines.attention_rules import CHOOSES, LATENTS, SINKS, first, head_widths, of_attention
from vramfit.engines.support import Rule, amd_but, any_of, below, of
from vramfit.engines.vllm.element_types import refuses_float16
from vramfit.engines.vllm.support import BACKENDS, FP8_CACHES, THOR_MAJOR, not_major

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.vllm import Cards
    from vramfit.model import Model

FLASHINFER_WIDTHS = frozenset((64, 128, 256, 512))
"""Widths of heads that FlashInfer attends to; 512 from 0.27.1 on (``flashinfer.py`` ``get_supported_head_sizes``)."""
NARROW = 64
"""Width of heads of which FlashInfer's second kernel misreads an NVFP4 cache."""
IN_BOTH_DIRECTIONS = ("bagel", "gemma3", "molmo2", "moondream3", "paligemma", "gemma3_text", "gemma", "gemma2")
"""Models whose images are attended to in both directions, by ``model_type``; Gemma 3 and PaliGemma by that of their text
models as well (``transformers_utils/model_arch_config_convertor.py`` ``MM_PREFIX_LM_MODELS``)."""
TURBOQUANT = ("turboquant_k8v4", "turboquant_4bit_nc", "turboquant_k3v4_nc", "turboquant_3bit_nc")

BOTH = "attends to images both ways"
OTHER_WIDTHS = "heads of another width"
NARROW_OR_SINKS = "narrow heads or sinks"
LATENTS_IN_E5M2 = "latents in fp8_e5m2"
SINKS_IN_TURBOQUANT = "sinks in TurboQuant"
FLOAT16 = "not in float16"

RULES = {
    CHOOSES: Rule(
        "its kernels for latent attention to chosen tokens need compute capability 9.x, 10.x or 12.x, and on AMD CDNA 3",
        f"{BACKENDS}/mla and models/deepseek_v4/sparse_mla.py supports_compute_capability; platforms/rocm.py",
        any_of(not_major(9, 10, 12), amd_but("gfx942", "gfx950", "gfx12"))),
    SINKS: Rule(
        "attention sinks have no backend with an FP8 cache below compute capability 8.9",
        f"{BACKENDS}/flashinfer.py supports_sink, triton_attn.py", below(8, 9), caches=FP8_CACHES),
    LATENTS: Rule(
        "latent attention has no backend with an FP8 cache below compute capability 8.9",
        f"{BACKENDS}/mla/triton_mla.py TritonMLAImpl", below(8, 9), caches=FP8_CACHES),
    LATENTS_IN_E5M2: Rule(
        "no backend keeps latents in fp8_e5m2", f"{BACKENDS}/mla supported_kv_cache_dtypes", of("nvidia"),
        caches=("fp8_e5m2",)),
    OTHER_WIDTHS: Rule(
        "FP8 caches below compute capability 8.9 are FlashInfer's, which takes heads of 64, 128, 256 and 512 elements",
        f"{BACKENDS}/flashinfer.py get_supported_head_sizes, triton_attn.py", below(8, 9), caches=FP8_CACHES),
    BOTH: Rule(
        "FP8 caches below compute capability 8.9 are FlashInfer's, which does not attend to images in both directions",
        f"{BACKENDS}/flashinfer.py, triton_attn.py supports_mm_prefix; serving without images starts", below(8, 9),
        caches=FP8_CACHES),
    NARROW_OR_SINKS: Rule(
        "NVFP4 caches of heads of 64 elements, or with attention sinks, need compute capability 10.x",
        f"{BACKENDS}/flashinfer.py supports_combination", not_major(10, THOR_MAJOR), caches=("nvfp4",)),
    SINKS_IN_TURBOQUANT: Rule(
        "TurboQuant's backend has no attention sinks", f"{BACKENDS}/turboquant_attn.py (supports_sink is not overridden)",
        of("nvidia", "amd"), caches=TURBOQUANT),
    FLOAT16: Rule(
        "the model runs in bfloat16 or float32, and kernels of this scheme in 16 bits, which need compute capability 8.0",
        "vllm 0.33.0 config/model.py _FLOAT16_NOT_SUPPORTED_MODELS; get_supported_act_dtypes of the method", below(8, 0),
        families=("awq", "gptq", "fp8", "nvfp4")),
}  # fmt: skip
"""Rules on cards and cache types, by the property of a model that each is about."""


def refusal(job: Job[Cards, ServerKeys]) -> str | None:
    """Reason why no backend attends for the job's model, or none that its scheme multiplies for; None if one does."""
    if not job.traits.refusals:
        return None
    known = properties(job.model)
    if not job.workload.images:
        known -= {BOTH}
    return first(RULES, job.traits.refusals, known, job.scheme)


@per_model
def properties(model: Model) -> frozenset[str]:
    """Properties of a model that ``RULES`` are about."""
    found = set(of_attention(model))
    widths = head_widths(model)
    if LATENTS in found:
        found.add(LATENTS_IN_E5M2)
    if SINKS in found:
        found |= {SINKS_IN_TURBOQUANT, NARROW_OR_SINKS}
    if NARROW in widths:
        found.add(NARROW_OR_SINKS)
    if widths - FLASHINFER_WIDTHS:
        found.add(OTHER_WIDTHS)
    if model.vision is not None and model.architecture.model_type in IN_BOTH_DIRECTIONS:
        found.add(BOTH)
    if refuses_float16(model):
        found.add(FLOAT16)
    return frozenset(found)
