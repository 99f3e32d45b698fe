"""Bytes of a pipeline's components as they are loaded."""

from __future__ import annotations

from vramfit.engines.diffusers.components import ENCODER_BITS, QUANTIZED, is_decoder, is_denoiser, is_text_encoder
from vramfit.engines.diffusers.decoders import WIDE, decoder_of
from vramfit.engines.diffusers.kept import cast_share, embeddings_of, unconverted_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.diffusers.traits import Traits
    from vramfit.engines.interface import Job
    from vramfit.engines.pipelines import PipelineKeys


def component_bytes(job: Job[Traits, PipelineKeys]) -> dict[str, int]:
    """Bytes of each component as it is loaded, text encoders in the form that is asked of them."""
    bits = ENCODER_BITS.get(job.keys.text_encoder)
    described = {one.name: one.architecture for one in job.model.components}
    found = {}
    for row in job.checkpoint.stored:
        name, elements = row.tensor.name, row.tensor.elements
        found[name] = row.total_bytes
        if is_decoder(name) and decodes_wide(job):
            found[name] = 2 * WIDE * elements
        if bits is not None and is_text_encoder(name):
            kept = embeddings_of(described[name])
            kept += unconverted_of(described[name]) if job.traits.quantizes else 0
            found[name] = min(row.total_bytes, round((elements - kept) * bits / 8) + 2 * kept)
    return found


def decodes_wide(job: Job[Traits, PipelineKeys]) -> bool:
    """True if the VAE is in 32 bits."""
    wide = decoder_of(job.model).wide
    return job.traits.quantizes and ("*" in wide or job.scheme.id in wide)


def least_share(job: Job[Traits, PipelineKeys]) -> float:
    """Share of a denoiser in FP8 where all of its layers are in 8 bits: as torchao quantizes it, and not by a cast."""
    shares = [cast_share(one.architecture) for one in job.model.components if is_denoiser(one.name)]
    return 1 / (1 + max(shares, default=0)) if job.traits.quantizes and job.scheme.family == "fp8" else 1


def wider_bytes(job: Job[Traits, PipelineKeys]) -> int:
    """Bytes by which matrices that bitsandbytes leaves out of the text encoders are larger in 32 bits than in 16."""
    encoders = [one for one in job.model.components if is_text_encoder(one.name)]
    return sum([2 * unconverted_of(one.architecture) for one in encoders]) if job.keys.text_encoder in QUANTIZED else 0


def quantized_bytes(job: Job[Traits, PipelineKeys], sizes: dict[str, int]) -> int:
    """Bytes of the components that bitsandbytes quantizes, which it does on the GPU.

    They are there together until components take turns, unless a script loads them into RAM: FLUX.1 and T5 in NF4 take
    12.38 GiB then, and no more later (huggingface.co/datasets/derekl35/diffusers-quantization-benchmarks).
    """
    return sum(
        [size for name, size in sizes.items()
         if (is_denoiser(name) and job.scheme.family == "bitsandbytes")
         or (is_text_encoder(name) and job.keys.text_encoder in QUANTIZED)]
    )  # fmt: skip
