"""Cards and schemes that TensorRT-LLM runs.

Source: NVIDIA/TensorRT-LLM ``docs/source/features/quantization.md`` at 09d4c79 ("Hardware Support Matrix") and
``docs/source/supported-hardware.md`` at 8f2e263 (from Ampere on). Per-row exceptions name their own source.
"""

from __future__ import annotations

from vramfit.engines.cuda import ADA, BLACKWELL, HOPPER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.quantization import Scheme

AMPERE = (8, 0)
MATRIX = "TensorRT-LLM docs/source/features/quantization.md"
HARDWARE = "TensorRT-LLM docs/source/supported-hardware.md"
LEAST = {"fp8": ADA, "nvfp4": BLACKWELL, "mxfp4": HOPPER}
"""Lowest compute capability with kernels for a family of schemes. MXFP4 runs on Hopper with 16-bit activations
(``_torch/model_config.py`` ``get_mxfp4_quant_algo``), which the matrix does not list."""
BELOW = {"awq": BLACKWELL, "gptq": BLACKWELL, "compressed_tensors": BLACKWELL}
"""Compute capability from which on there are no kernels for a family any more: weights of 4 bits with 16-bit activations,
and INT8."""
CLASSIC = "compressed_tensors"
"""Family that only the TensorRT back end runs (``--backend tensorrt``, until 1.2): INT8 weights and activations."""
NAMES = {"fp8": "FP8", "nvfp4": "NVFP4", "mxfp4": "MXFP4", "awq": "AWQ", "gptq": "GPTQ", "compressed_tensors": "INT8"}


def unsupported(scheme: Scheme, capability: tuple[int, int] | None, dtype: str) -> str | None:
    """Reason, with its source, why the engine has no kernels for a scheme on a card; None if it has.

    ``dtype`` is the element type of the model's release, since FP8 of a release in FP8 has scales by blocks. A card
    without a capability is taken to run everything.
    """
    if capability is None:
        return None
    if capability < AMPERE:
        return f"it runs on Ampere cards and later ({HARDWARE})"
    name = NAMES.get(scheme.family)
    if capability < LEAST.get(scheme.family, AMPERE):
        return f"it has no {name} kernels for compute capability {capability[0]}.{capability[1]} ({MATRIX})"
    if scheme.family in BELOW and capability >= BELOW[scheme.family]:
        return f"it has no {name} kernels for Blackwell ({MATRIX})"
    blocks = scheme.family == "fp8" and (dtype == "fp8" or scheme.settings["scale"] == "block")
    if blocks and capability < HOPPER:
        return f"it has no kernels for FP8 with scales by blocks on Ada Lovelace ({MATRIX})"
    return None
