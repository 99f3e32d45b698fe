"""GPUs that SGLang starts on, by scheme.

SGLang 0.5.23 ``srt``: ``get_min_capability`` of each method in ``layers/quantization``, which ``model_loader/loader.py``
compares with the card, and ``rocm_supported_quantization`` of ``configs/model_config.py``.
"""

from __future__ import annotations

from vramfit.engines.support import (
    OLD_INTEL_PROBLEM,
    OLD_INTEL_SOURCE,
    Rule,
    accelerators,
    amd_but,
    anything,
    below,
    of,
    old_intel,
    since_capability,
)

METHODS = "sglang 0.5.23 srt/layers/quantization get_min_capability"
REGISTRY = "sglang 0.5.23 srt/layers/quantization/__init__.py BASE_QUANTIZATION_METHODS"
REGISTERED = (0, 5, 23)
"""Release of which the registry of methods was read."""
ROCM = "sglang 0.5.23 srt/configs/model_config.py rocm_supported_quantization"

RULES = (
    Rule(
        "it supports CUDA from compute capability 7.5",
        "sglang 0.5.23 srt/model_executor/model_runner_components/load_model_utils.py",
        below(7, 5),
    ),
    Rule("FP8, compressed-tensors and MXFP4 need compute capability 8.0", METHODS, below(8, 0),
         ("fp8", "compressed_tensors", "mxfp4")),
    # FlashInfer's paged kernel for FP8 fails there, and Triton has no fp8e4nv.
    Rule("no attention has an FP8 cache below compute capability 8.0",
         "flashinfer-ai/flashinfer issue 3620; vllm-project/vllm pull request 47949 (comment of 17 July 2026)", below(8, 0),
         caches=("fp8", "fp8_e4m3", "fp8_e5m2")),
    # From 8.0 on --fp4-gemm-backend marlin runs the weights alone; without the flag a checkpoint of ModelOpt is refused.
    # One of compressed-tensors is served so by itself (compressed_tensors.py), but a scheme does not say which it is.
    Rule(
        "NVFP4 needs Blackwell, or --fp4-gemm-backend marlin which no key states",
        "sglang 0.5.23 srt/layers/quantization/modelopt_quant.py process_weights_after_loading",
        below(10, 0),
        ("nvfp4",),
    ),
    # Releases before are not read: 0.5.10 still loaded all three.
    Rule("torchao and fbgemm's FP8 are not among its methods", REGISTRY, anything, ("torchao",), since=REGISTERED),
    Rule("torchao and fbgemm's FP8 are not among its methods", REGISTRY, anything, schemes=("fbgemm_fp8",), since=REGISTERED),
    Rule("of its kernels for GPTQ only Marlin's is left, which needs compute capability 8.0",
         "sglang 0.5.23 srt/layers/quantization/__init__.py, gptq/gptq.py GPTQMarlinConfig.get_min_capability",
         below(8, 0), ("gptq",), since=REGISTERED),
    Rule("NVFP4 has no kernel on Intel's GPUs",
         "sglang 0.5.23 srt/layers/quantization/modelopt_quant.py; compressed_tensors.py _check_scheme_supported",
         of("intel"), ("nvfp4",)),
    Rule("8-bit integers have no kernel on Intel's GPUs",
         "sglang 0.5.23 srt/layers/quantization/compressed_tensors/compressed_tensors.py (no XPU kernel implementation)",
         of("intel"), schemes=("w8a8",)),
    Rule("the weights of w4a16 are packed for Marlin, which is CUDA's",
         "sglang 0.5.23 srt/layers/quantization/compressed_tensors/schemes/compressed_tensors_wNa16.py gptq_marlin_repack",
         of("amd"), schemes=("w4a16",)),
    Rule("GPTQ, bitsandbytes, torchao and NVFP4 are not among its methods on ROCm", ROCM, of("amd"),
         ("gptq", "bitsandbytes", "torchao", "nvfp4")),
    Rule("8-bit integers are multiplied by a CUDA kernel, int8_scaled_mm",
         "sglang 0.5.23 srt/layers/quantization/compressed_tensors/schemes/compressed_tensors_w8a8_int8.py", of("amd"),
         schemes=("w8a8",)),
    Rule("its kernel for 8-bit integers has no code for compute capability 10.0 and later",
         "sgl-project/sglang sgl-kernel/csrc/gemm/int8_gemm_kernel.cu (No implemented int8_scaled_mm)",
         since_capability(10, 0), schemes=("w8a8",)),
    Rule(
        "MXFP4 on AMD needs gfx950",
        "sglang 0.5.23 srt/layers/quantization/__init__.py; sgl-project/sglang issue 17190",
        amd_but("gfx95"),
        ("mxfp4",),
    ),
    Rule("its ROCm kernels build for gfx942 and gfx950 alone", "sgl-project/sglang sgl-kernel/setup_rocm.py at 01b582cb",
         amd_but("gfx942", "gfx950")),
    Rule(OLD_INTEL_PROBLEM, OLD_INTEL_SOURCE, old_intel),
    Rule("it has no code for Gaudi and TPUs in this package", "sglang 0.5.23 srt/platforms", accelerators),
)  # fmt: skip
"""Reasons why SGLang does not start, in the order in which they are named."""
