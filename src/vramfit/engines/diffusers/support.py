"""Refusals of a pipeline whatever its memory: a scheme without kernels for a GPU, a mode of offloading that a scheme lacks."""

from __future__ import annotations

from vramfit.engines.diffusers.components import QUANTIZED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.diffusers.traits import Traits
    from vramfit.engines.interface import Job
    from vramfit.engines.pipelines import PipelineKeys

SEQUENTIAL = "bitsandbytes does not run layer by layer from RAM (huggingface/diffusers issue 10800)"
SVDQUANT_ON = {"int4": ((7, 5), (8, 0), (8, 6), (8, 9)), "fp4": ((12, 0), (12, 1))}
"""Compute capabilities with kernels of SVDQuant, by its kind (nunchaku-tech/nunchaku at 3a3cc3d
``docs/source/installation/installation.rst`` and ``faq/model.rst``)."""
SVDQUANT_NVIDIA = (
    "nunchaku runs on GPUs of NVIDIA's alone (nunchaku-tech/nunchaku docs/source/installation/installation.rst)"
)
SVDQUANT_ELSE = {
    "int4": "nunchaku has INT4 for Turing, Ampere and Ada; svdq-fp4 is for the RTX 50 (docs/source/faq/model.rst)",
    "fp4": "nunchaku has FP4 for the RTX 50; svdq-int4 is for Turing, Ampere and Ada (docs/source/faq/model.rst)",
}


def refused_sequential(job: Job[Traits, PipelineKeys], offload: str, fixed: tuple[str, ...]) -> str | None:
    """Reason for which a pipeline does not run layer by layer from RAM; None where it does, or is not asked to."""
    return SEQUENTIAL if offload == "sequential" and "bitsandbytes" in families(job) and fixed else None


def svdquant_refusal(job: Job[Traits, PipelineKeys]) -> str | None:
    """Reason for which a GPU has no kernels of SVDQuant's scheme; None where it has, and for other schemes."""
    capability, kind = job.traits.capability, str(job.scheme.settings.get("type"))
    if job.scheme.family != "svdquant":
        return None
    if job.traits.other_vendor:
        return SVDQUANT_NVIDIA
    fitting = SVDQUANT_ON.get(kind, ())
    return None if capability is None or capability in fitting else SVDQUANT_ELSE[kind]


def families(job: Job[Traits, PipelineKeys]) -> tuple[str, ...]:
    """Families of the denoiser's scheme and of that of the text encoders."""
    return (job.scheme.family, "bitsandbytes" if job.keys.text_encoder in QUANTIZED else "plain")
