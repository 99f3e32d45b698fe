"""GPUs that vLLM starts on, by scheme and cache type.

vLLM 0.33.0: ``get_min_capability`` of each method in ``model_executor/layers/quantization``, ``supported_quantization`` of
each platform in ``platforms``, the architectures inside of the wheels' ``_C`` libraries.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit.engines.support import (
    INT4_MISSING,
    INT4_PROBLEM,
    INT4_SOURCE,
    Rule,
    accelerators,
    amd_but,
    anything,
    below,
    described,
    of,
    since_capability,
)
from vramfit.hardware import kinds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.hardware import Gpu
    from vramfit.model import Model

TPU = "tpu-inference 0.32.0 platforms/tpu_platform.py supported_quantization"
XPU = "vllm 0.33.0 platforms/xpu.py supported_quantization"
ROCM = "vllm 0.33.0 platforms/rocm.py supported_quantization"
FP8_CACHES = ("fp8", "fp8_e4m3", "fp8_e5m2")
PACKED_CACHES = (
    "int8", "fp8_per_token_head", "int4_per_token_head", "nvfp4", "turboquant_k8v4", "turboquant_4bit_nc",
    "turboquant_k3v4_nc", "turboquant_3bit_nc",
)  # fmt: skip
"""Cache types with scales beside the values."""
BLACKWELL_MAJOR = 10
"""Major number of the compute capability of Blackwell in data centres."""

RULES = (
    Rule("it supports CUDA from compute capability 7.0", "vllm-project/vllm issue 1374; platforms/cuda.py", below(7, 0)),
    Rule(
        "its wheels have code for compute capability 7.5 and later",
        "vllm 0.33.0 wheel _C; docs.vllm.ai v0.15.1 and v0.31.0 installation/gpu",
        below(7, 5),
        # Documentation of 0.15.1 still lists Volta, and nothing read of later ones does.
        since=(0, 16),
    ),
    Rule(
        "its kernels for AWQ need compute capability 7.5",
        "vllm 0.33.0 quantization/auto_awq.py get_min_capability",
        below(7, 5),
        ("awq",),
    ),
    Rule(
        "its kernels for FP8 need compute capability 7.5",
        "vllm 0.33.0 quantization/fp8.py get_min_capability",
        below(7, 5),
        ("fp8", "nvfp4", "compressed_tensors", "torchao"),
    ),
    Rule(
        "its kernels for fbgemm's FP8 need compute capability 8.0",
        "vllm 0.33.0 quantization/fbgemm_fp8.py get_min_capability",
        below(8, 0),
        schemes=("fbgemm_fp8",),
    ),
    Rule(
        "MXFP4 needs bfloat16, from compute capability 8.0",
        "vllm 0.33.0 quantization/mxfp4.py get_min_capability; vllm-project/vllm issue 23203",
        below(8, 0),
        ("mxfp4",),
    ),
    Rule(
        "its kernel for 8-bit integers refuses compute capability 10.0 and later, and is chosen before Triton's",
        "vllm-project/vllm issue 54311; csrc/quantization/w8a8/cutlass/c3x/scaled_mm_helper.hpp (Int8 not supported on SM)",
        since_capability(10, 0),
        schemes=("w8a8",),
    ),
    Rule(
        "no attention backend has an FP8 cache below compute capability 8.0",
        "vllm 0.33.0 v1/attention/backends/flashinfer.py, triton_attn.py, flash_attn.py",
        below(8, 0),
        caches=FP8_CACHES,
    ),
    Rule(
        "its NVFP4 caches need compute capability 8.0",
        "vllm 0.33.0 v1/attention/backends/flashinfer.py _nvfp4_kv_on_fa2",
        below(8, 0),
        caches=("nvfp4",),
    ),
    Rule(
        "its NVFP4 caches need compute capability 10.x before 0.31",
        "vllm 0.21.0 and 0.30.0 v1/attention/backends/flashinfer.py supports_kv_cache_dtype",
        lambda gpu: gpu.compute_capability is not None and gpu.compute_capability[0] != BLACKWELL_MAJOR,
        caches=("nvfp4",),
        until=(0, 31),
    ),
    Rule(
        "NVFP4 caches are FlashInfer's, which does not run on AMD",
        "vllm 0.33.0 v1/attention/backends/flashinfer.py supported_kv_cache_dtypes",
        of("amd"),
        caches=("nvfp4",),
    ),
    Rule(
        "it has no caches of this type before 0.20",
        "vllm 0.19.0 and 0.21.0 config/cache.py CacheDType",
        anything,
        caches=PACKED_CACHES,
        until=(0, 20),
    ),
    Rule(
        "ROCm builds are for gfx90a, gfx942, gfx950, gfx1100, gfx1101, gfx115x and gfx120x",
        "docs.vllm.ai installation/gpu.rocm.inc.md; vllm-project/vllm issues 33811, 22458",
        amd_but("gfx90a", "gfx942", "gfx950", "gfx1100", "gfx1101", "gfx115", "gfx120"),
    ),
    Rule(
        "FP8 on AMD needs gfx942, gfx950 or gfx12",
        "vllm 0.33.0 kernels/linear/scaled_mm/pytorch.py; vllm-project/vllm issue 51021",
        amd_but("gfx942", "gfx950", "gfx12"),
        ("fp8",),
    ),
    Rule(INT4_PROBLEM, INT4_SOURCE, INT4_MISSING, schemes=("torchao-int4",)),
    Rule("bitsandbytes is not among its methods on ROCm", ROCM, of("amd"), ("bitsandbytes",)),
    Rule("NVFP4, bitsandbytes and torchao are not among its methods on Intel's GPUs", XPU,
         lambda gpu: gpu.vendor == "intel" and not accelerators(gpu), ("nvfp4", "bitsandbytes", "torchao")),
    Rule("the first Gaudi has no FP8", "docs.vllm.ai v0.10.0 quantization/inc",
         lambda gpu: gpu.architecture == "Gaudi", ("fp8",)),
    Rule("its methods on Gaudi are Neural Compressor's FP8, AWQ, GPTQ and compressed-tensors",
         "docs.vllm.ai/projects/gaudi", lambda gpu: gpu.vendor == "intel" and accelerators(gpu),
         ("nvfp4", "mxfp4", "bitsandbytes", "torchao")),
    Rule("GPTQ, bitsandbytes and torchao are not among its methods on TPUs", TPU, of("google"),
         ("gptq", "bitsandbytes", "torchao")),
)  # fmt: skip
"""Reasons why vLLM does not start, in the order in which they are named."""

SPARSE = Rule(
    "its kernels for latent attention to chosen tokens need compute capability 9.x, 10.x or 12.x",
    "vllm 0.33.0 v1/attention/backends/mla and models/deepseek_v4/sparse_mla.py supports_compute_capability",
    lambda gpu: gpu.compute_capability is not None and gpu.compute_capability[0] not in (9, BLACKWELL_MAJOR, 12),
)
"""Reason why models that choose the tokens which their latent attention reads start on data-centre cards from Hopper on, and
on Blackwell's others: DeepSeek-V3.2, DeepSeek-V4, GLM-5. vLLM raises "No valid attention backend found" elsewhere (0.27.1
and 0.33.0 ``platforms/cuda.py``); forks with kernels of their own exist (vllm-project/vllm pull request 40899)."""


def sparse_refusal(gpus: tuple[Gpu, ...]) -> str | None:
    """Reason why no such model starts on the GPUs; None if it does, or if their compute capability is not known."""
    for gpu in kinds(gpus):
        if SPARSE.holds(gpu):
            return f"{SPARSE.problem}, and this is {described(gpu)} ({SPARSE.source})"
    return None


@per_model
def chooses_tokens(model: Model) -> bool:
    """True if an indexer chooses the tokens that a layer's latent attention reads."""
    kept = [mixer.cache((0,), model.hidden) for group in model.layers for mixer in group.mixers]
    return any(cache is not None and cache.index_width and cache.kind in ("latent", "compressed") for cache in kept)
