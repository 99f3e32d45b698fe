"""GPUs that vLLM starts on, by scheme and cache type.

vLLM 0.33.0: ``get_min_capability`` of each method in ``model_executor/layers/quantization``, ``supported_quantization`` of
each platform in ``platforms``, the kernels that ``model_executor/kernels/linear`` tries by platform, and the architectures
inside of the wheels' ``_C`` libraries; earlier releases by the same files of their wheels. What depends on a model's
attention as well stands in ``attention``.
"""

from __future__ import annotations

from vramfit.engines.support import (
    INT4_MISSING,
    INT4_PROBLEM,
    INT4_SOURCE,
    OLD_INTEL_PROBLEM,
    OLD_INTEL_SOURCE,
    Rule,
    accelerators,
    amd_but,
    anything,
    below,
    not_of,
    of,
    old_intel,
    since_capability,
    targets,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.support import Test
    from vramfit.hardware import Gpu

METHODS = "vllm 0.33.0 model_executor/layers/quantization"
KERNELS = "vllm 0.33.0 model_executor/kernels/linear"
BACKENDS = "vllm 0.33.0 v1/attention/backends"
TPU = "tpu-inference 0.32.0 platforms/tpu_platform.py supported_quantization"
TPU_SCHEMES = "tpu-inference 0.32.0 layers/vllm/quantization/compressed_tensors/compressed_tensors.py get_scheme"
XPU = "vllm 0.33.0 platforms/xpu.py supported_quantization"
METAL = (
    "vllm-project/vllm-metal vllm_metal/platform.py at 211a1e4; vllm docs/getting_started/installation/gpu.apple.inc.md"
)
GAUDI = "vllm-project/vllm-gaudi vllm_gaudi/platform.py supported_quantization at 091bbadd"
FP8_CACHES = ("fp8", "fp8_e4m3", "fp8_e5m2")
PACKED_CACHES = (
    "int8", "fp8_per_token_head", "int4_per_token_head", "nvfp4", "turboquant_k8v4", "turboquant_4bit_nc",
    "turboquant_k3v4_nc", "turboquant_3bit_nc",
)  # fmt: skip
"""Cache types with scales beside the values."""
BLACKWELL_MAJOR, THOR_MAJOR = 10, 11
"""Major numbers of the compute capabilities of Blackwell in data centres and of Jetson Thor."""


def intel_gpus(gpu: Gpu) -> bool:
    """Test for Intel's GPUs, without Gaudi."""
    return gpu.vendor == "intel" and not accelerators(gpu)


def gaudi(gpu: Gpu) -> bool:
    """Test for every Gaudi."""
    return gpu.vendor == "intel" and accelerators(gpu)


def not_major(*majors: int) -> Test:
    """Test for CUDA cards whose compute capability has another major number."""
    return lambda gpu: gpu.compute_capability is not None and gpu.compute_capability[0] not in majors


RULES = (
    Rule("it supports CUDA from compute capability 7.0", "vllm-project/vllm issue 1374; platforms/cuda.py", below(7, 0)),
    Rule("its wheels from 0.20 on have code for compute capability 7.5 and later",
         "architectures in the wheels' _C libraries: sm_70 in vllm 0.12.0 to 0.19.1, not in 0.20.0 to 0.33.0",
         below(7, 5), since=(0, 20)),
    Rule("its kernels for AWQ need compute capability 7.5",
         f"{METHODS}/auto_awq.py get_min_capability; 0.9.2 to 0.22.1 awq.py", below(7, 5), ("awq",)),
    Rule("its kernels for FP8 need compute capability 7.5", f"{METHODS}/fp8.py get_min_capability", below(7, 5),
         ("fp8", "nvfp4", "compressed_tensors", "torchao")),
    Rule("its kernels for FP8 need compute capability 8.0 before 0.14",
         "vllm 0.9.2 to 0.13.0 quantization/fp8.py get_min_capability (80; 75 in 0.14.1)", below(8, 0), ("fp8",),
         until=(0, 14)),
    Rule("its kernels for NVFP4 need compute capability 8.0 before 0.14",
         "vllm 0.9.2 to 0.13.0 quantization/modelopt.py get_min_capability (80; 75 in 0.14.1)", below(8, 0), ("nvfp4",),
         until=(0, 14)),
    Rule("its kernels for FP8 with scales by channels need compute capability 8.0 before 0.16",
         "vllm 0.15.1 compressed_tensors/schemes/compressed_tensors_w8a16_fp8.py get_min_capability (80; 75 in 0.16.0)",
         below(8, 0), schemes=("fp8-channel",), until=(0, 16)),
    Rule("its kernels for w4a16 need compute capability 8.0 before 0.12",
         "vllm 0.11.2 compressed_tensors/schemes/compressed_tensors_wNa16.py get_min_capability (80; 75 in 0.12.0)",
         below(8, 0), schemes=("w4a16",), until=(0, 12)),
    Rule("its kernels for fbgemm's FP8 need compute capability 8.0", f"{METHODS}/fbgemm_fp8.py get_min_capability",
         below(8, 0), schemes=("fbgemm_fp8",)),
    Rule("MXFP4 needs bfloat16, from compute capability 8.0",
         f"{METHODS}/mxfp4.py get_min_capability; vllm-project/vllm issue 23203", below(8, 0), ("mxfp4",)),
    Rule("its kernel for 8-bit integers refuses compute capability 10.0 and later, and is chosen before Triton's",
         "vllm-project/vllm issue 54311; csrc/quantization/w8a8/cutlass/c3x/scaled_mm_helper.hpp (Int8 not supported on SM)",
         since_capability(10, 0), schemes=("w8a8",)),
    # Before, FlashInfer's did, down to 7.5 (0.13.0 to 0.22.1 flashinfer.py supports_compute_capability).
    Rule("no attention backend has an FP8 cache below compute capability 8.0",
         f"{BACKENDS}/flashinfer.py, triton_attn.py; vllm-project/vllm pull requests 44403 and 47949", below(8, 0),
         caches=FP8_CACHES, since=(0, 22)),
    Rule("its FP8 caches with a scale per token and head need compute capability 8.9",
         f"{BACKENDS}/triton_attn.py TritonAttentionImpl", below(8, 9), caches=("fp8_per_token_head",)),
    Rule("caches in bfloat16 need compute capability 8.0", f"{BACKENDS}/triton_attn.py TritonAttentionImpl", below(8, 0),
         caches=("bf16",)),
    Rule("its NVFP4 caches need compute capability 8.0", f"{BACKENDS}/flashinfer.py _nvfp4_kv_on_fa2", below(8, 0),
         caches=("nvfp4",)),
    Rule("its NVFP4 caches have no kernel for compute capability 11.0",
         f"{BACKENDS}/flashinfer.py supports_kv_cache_dtype", lambda gpu: (gpu.compute_capability or (0,))[0] == THOR_MAJOR,
         caches=("nvfp4",)),
    Rule("its NVFP4 caches need compute capability 10.x before 0.31",
         "vllm 0.21.0 and 0.30.0 v1/attention/backends/flashinfer.py supports_kv_cache_dtype", not_major(BLACKWELL_MAJOR),
         caches=("nvfp4",), until=(0, 31)),
    Rule("NVFP4 caches are FlashInfer's, which runs on NVIDIA's GPUs alone",
         f"{BACKENDS}/flashinfer.py supported_kv_cache_dtypes; no other backend lists them", not_of("nvidia"),
         caches=("nvfp4",)),
    Rule("it has no caches of this type before 0.20", "vllm 0.19.0 and 0.21.0 config/cache.py CacheDType", anything,
         caches=PACKED_CACHES, until=(0, 20)),
    Rule("ROCm builds are for gfx90a, gfx942, gfx950, gfx1100, gfx1101, gfx1150, gfx1151, gfx1200 and gfx1201",
         "vllm docs/getting_started/installation/gpu.rocm.inc.md at 06d0369d; vllm-project/vllm issues 33811, 22458",
         amd_but("gfx90a", "gfx942", "gfx950", "gfx1100", "gfx1101", "gfx1150", "gfx1151", "gfx1200", "gfx1201")),
    # FP8 with scales by blocks is Triton's, which unpacks it: it runs on a W7900 (vllm-project/vllm issue 52663).
    Rule("FP8 with scales by tensors or channels needs gfx942, gfx950 or gfx12 on AMD",
         f"{KERNELS}/scaled_mm/pytorch.py, rocm.py; vllm-project/vllm issue 51021, pull request 52985",
         amd_but("gfx942", "gfx950", "gfx12"), schemes=("fp8", "fp8-channel", "fbgemm_fp8")),
    Rule(INT4_PROBLEM, INT4_SOURCE, INT4_MISSING, schemes=("torchao-int4",)),
    # From 0.28 on bitsandbytes is a plug-in, which registers itself on every platform (vllm-bnb-plugin 0.0.3 __init__.py;
    # quantization/utils.py asks for bitsandbytes 0.49.2 on ROCm).
    Rule("bitsandbytes is not among its methods on ROCm before 0.12",
         "vllm 0.11.2 and 0.12.0 platforms/rocm.py supported_quantization", of("amd"), ("bitsandbytes",), until=(0, 12)),
    Rule("bitsandbytes is not among its methods on AMD's Instinct before 0.17",
         "vllm 0.16.0 and 0.17.1 platforms/rocm.py supported_quantization", targets("gfx9"), ("bitsandbytes",),
         until=(0, 17)),
    Rule("NVFP4, bitsandbytes and torchao are not among its methods on Intel's GPUs", XPU, intel_gpus,
         ("nvfp4", "bitsandbytes", "torchao")),
    Rule("fbgemm's FP8 is not among its methods on Intel's GPUs", XPU, intel_gpus, schemes=("fbgemm_fp8",)),
    Rule("its kernel for whole numbers on Intel's GPUs takes 4 bits", f"{KERNELS}/mixed_precision/xpu.py", intel_gpus,
         schemes=("gptq-int8",)),
    Rule(OLD_INTEL_PROBLEM, OLD_INTEL_SOURCE, old_intel),
    # The plug-in also loads checkpoints of MLX's, which are schemes of the engine mlx.
    Rule("its plug-in for Apple's GPUs loads 16-bit and AWQ checkpoints", METAL, of("apple"),
         ("fp8", "gptq", "compressed_tensors", "bitsandbytes", "mxfp4", "nvfp4", "torchao")),
    Rule("its plug-in for Apple's GPUs has caches in 16 bits", METAL, of("apple"), caches=(*FP8_CACHES, *PACKED_CACHES)),
    Rule("its plug-in runs on Gaudi 2 and 3",
         "vllm-project/vllm-gaudi docs/getting_started/installation.md at 091bbadd; docs.vllm.ai v0.10.0 quantization/inc",
         lambda gpu: gpu.architecture == "Gaudi"),
    Rule("its methods on Gaudi are FP8, Neural Compressor's, AWQ, GPTQ, compressed-tensors and gpt-oss's MXFP4", GAUDI, gaudi,
         ("nvfp4", "bitsandbytes", "torchao")),
    Rule("fbgemm's FP8 is not among its methods on Gaudi", GAUDI, gaudi, schemes=("fbgemm_fp8",)),
    Rule("GPTQ, bitsandbytes and torchao are not among its methods on TPUs", TPU, of("google"),
         ("gptq", "bitsandbytes", "torchao")),
    Rule("fbgemm's FP8 is not among its methods on TPUs", TPU, of("google"), schemes=("fbgemm_fp8",)),
    Rule("compressed-tensors has no scheme for 4-bit weights with 16-bit activations on TPUs", TPU_SCHEMES, of("google"),
         schemes=("w4a16",)),
)  # fmt: skip
"""Reasons why vLLM does not start, in the order in which they are named."""
