"""GPUs that transformers starts on, by scheme: what PyTorch's and bitsandbytes' wheels have code for, and quantizers.

Where a quantizer has no kernels for a card, some unpack the weights instead (``Transformers.unpacks``).
"""

from __future__ import annotations

from vramfit.engines.support import (
    INT4_MISSING,
    INT4_PROBLEM,
    INT4_SOURCE,
    OLD_AMD,
    OLD_AMD_PROBLEM,
    OLD_AMD_SOURCE,
    OLD_INTEL_PROBLEM,
    OLD_INTEL_SOURCE,
    Rule,
    accelerators,
    amd_but,
    below,
    not_of,
    of,
    old_intel,
)

BITSANDBYTES = "bitsandbytes-foundation/bitsandbytes docs/source/installation.mdx at 95f9af30"

RULES = (
    Rule("no PyTorch wheel has code below compute capability 5.0", "pytorch/pytorch issue 172352", below(5, 0)),
    Rule(OLD_AMD_PROBLEM, OLD_AMD_SOURCE, OLD_AMD),
    Rule(OLD_INTEL_PROBLEM, OLD_INTEL_SOURCE, old_intel),
    Rule("the wheels of bitsandbytes have code for compute capability 6.0 and later",
         f"bitsandbytes 0.50.2 wheel; {BITSANDBYTES}", below(6, 0), ("bitsandbytes",)),
    Rule("bitsandbytes multiplies 8-bit integers from compute capability 7.5",
         f"{BITSANDBYTES} (LLM.int8()), issue 529", below(7, 5), schemes=("int8",)),
    Rule("fbgemm's FP8 needs compute capability 9.0", "transformers 5.24.0 quantizers/quantizer_fbgemm_fp8.py",
         below(9, 0), schemes=("fbgemm_fp8",)),
    Rule("fbgemm's FP8 needs CUDA or XPU", "transformers 5.24.0 quantizers/quantizer_fbgemm_fp8.py",
         not_of("nvidia", "intel"), schemes=("fbgemm_fp8",)),
    Rule("fbgemm's FP8 needs CUDA or XPU", "transformers 5.24.0 quantizers/quantizer_fbgemm_fp8.py",
         accelerators, schemes=("fbgemm_fp8",)),
    Rule("the ROCm libraries of bitsandbytes have code for gfx908, gfx90a, gfx94x, gfx950, RDNA 2 and later",
         f"{BITSANDBYTES} (ROCm 7.14.0); bitsandbytes 0.50.2 wheel",
         amd_but("gfx908", "gfx90a", "gfx94", "gfx95", "gfx103", "gfx11", "gfx12"), ("bitsandbytes",)),
    Rule("bitsandbytes has no back end for TPUs",
         "bitsandbytes documentation of 0.50.2, installation; transformers 5.24.0 validate_bnb_backend_availability",
         of("google"), ("bitsandbytes",)),
    Rule(INT4_PROBLEM, INT4_SOURCE, INT4_MISSING, schemes=("torchao-int4",)),
)  # fmt: skip
"""Reasons why transformers does not start, in the order in which they are named."""
