"""GPUs that CTranslate2 computes on, by the type of its weights."""

from __future__ import annotations

from vramfit.engines.support import Rule, anything, below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.hardware import Gpu

TYPES = "OpenNMT/CTranslate2 0d8bcd36 docs/quantization.md and src/types.cc resolve_compute_type"


def without_int8(gpu: Gpu) -> bool:
    """Test for CUDA cards without products of 8-bit integers: those below 6.1, and 6.2."""
    own = gpu.compute_capability
    return own is not None and (own < (6, 1) or own == (6, 2))


def foreign(gpu: Gpu) -> bool:
    """Test for GPUs of vendors that it has no back end for: all but NVIDIA's, AMD's, and those known by memory alone."""
    return gpu.vendor not in ("nvidia", "amd", "custom")


RULES = (
    Rule("CTranslate2 has no back end but CUDA and HIP", "OpenNMT/CTranslate2 0d8bcd36 README.md and src/cuda", foreign),
    Rule("CTranslate2 quantizes Whisper to 8 bits at least: its 4-bit AWQ is for language models", TYPES, anything,
         families=("awq",)),
    Rule("CTranslate2 computes in 16-bit floats from compute capability 7.0 on", TYPES, below(7, 0), schemes=("fp16",)),
    Rule("CTranslate2 computes in bfloat16 from compute capability 8.0 on", TYPES, below(8, 0), schemes=("bf16",)),
    Rule("CTranslate2 computes with 8-bit integers on compute capability 6.1 and from 7.0 on", TYPES, without_int8,
         families=("ctranslate2",)),
)  # fmt: skip
"""Reasons why CTranslate2 does not start, in the order in which they are named."""
