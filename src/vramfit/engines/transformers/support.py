"""GPUs that transformers starts on, by scheme: what PyTorch's and bitsandbytes' wheels have code for, and quantizers."""

from __future__ import annotations

from vramfit.engines.support import (
    INT4_MISSING,
    INT4_PROBLEM,
    INT4_SOURCE,
    Rule,
    accelerators,
    below,
    not_of,
    of,
    targets,
)

RULES = (
    Rule("no PyTorch wheel has code below compute capability 5.0", "pytorch/pytorch issue 172352", below(5, 0)),
    Rule("the wheels of bitsandbytes have code for compute capability 6.0 and later",
         "bitsandbytes 0.50.2 wheel; documentation of 0.48.1", below(6, 0), ("bitsandbytes",)),
    Rule("fbgemm's FP8 needs compute capability 9.0", "transformers 5.24.0 quantizers/quantizer_fbgemm_fp8.py",
         below(9, 0), schemes=("fbgemm_fp8",)),
    Rule("fbgemm's FP8 needs CUDA or XPU", "transformers 5.24.0 quantizers/quantizer_fbgemm_fp8.py",
         not_of("nvidia", "intel"), schemes=("fbgemm_fp8",)),
    Rule("fbgemm's FP8 needs CUDA or XPU", "transformers 5.24.0 quantizers/quantizer_fbgemm_fp8.py",
         accelerators, schemes=("fbgemm_fp8",)),
    Rule("the ROCm libraries of bitsandbytes have no code for gfx900 and gfx906",
         "bitsandbytes 0.50.2 wheel libbitsandbytes_rocm72.so, libbitsandbytes_rocm715.so",
         targets("gfx900", "gfx906"), ("bitsandbytes",)),
    Rule("bitsandbytes has no back end for TPUs",
         "bitsandbytes documentation of 0.50.2, installation; transformers 5.24.0 validate_bnb_backend_availability",
         of("google"), ("bitsandbytes",)),
    Rule(INT4_PROBLEM, INT4_SOURCE, INT4_MISSING, schemes=("torchao-int4",)),
)  # fmt: skip
"""Reasons why transformers does not start, in the order in which they are named."""
