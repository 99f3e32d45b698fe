"""Components of a pipeline: their roles, and their bytes under a scheme.

Quantization replaces the matrices of the denoiser; text encoders and the VAE stay in 16 bits unless they are quantized by
themselves, and the VAE is published in 16 or 32 bits (diffusers 0.42.1 ``quantizers/pipe_quant_config.py``).
Which parameters no quantizer touches stands in ``kept``.
"""

from __future__ import annotations

from vramfit.engines.diffusers.kept import cast_share
from vramfit.errors import UnsupportedScheme
from vramfit.quantization.checkpoint import Checkpoint, Stored

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model, Tensor
    from vramfit.quantization import Scheme

DENOISERS = ("transformer", "unet", "prior", "decoder")
"""Beginnings of the names of components that run at every step."""
TEXT_ENCODERS = ("text_encoder",)
DECODERS = ("vae", "audio_vae", "vocoder")

BITS = {
    "int8": 8.0, "nf4": 4.127, "fp4": 4.127, "fp8": 8.0, "torchao-int8": 8.0, "torchao-int4": 4.5, "nvfp4": 4.5,
    "Q8_0": 8.5, "Q6_K": 6.5625, "Q5_1": 6.0, "Q5_0": 5.5, "Q5_K": 5.5, "Q4_1": 5.0, "Q4_0": 4.5, "Q4_K": 4.5,
    "IQ4_XS": 4.25, "IQ4_NL": 4.5, "Q3_K": 3.4375, "Q2_K": 2.625, "nf4-single": 4.5, "fp4-single": 4.5,
    "Q3_K_M": 3.7, "Q4_K_M": 5.0, "Q5_K_M": 5.73, "F16": 16.0, "BF16": 16.0,
    "quanto-int8": 8.0, "quanto-fp8": 8.0, "quanto-int4": 4.25, "svdq-int4": 4.5, "svdq-fp4": 4.7,
}  # fmt: skip
"""Bits of a weight by the beginning of a scheme's id: those of GGUF's blocks (ggml ``ggml-common.h``), of NF4 with one
scale for 64 weights or two (QLoRA, arXiv 2305.14314), of a byte with a scale for each row or matrix. The medium mixes
are those of Qwen-Image (9.68, 13.1 and 14.9 GB, city96/Qwen-Image-gguf), which have most matrices of more bits."""
LESS_OF_MIX = 0.1
"""Share by which other files of a medium mix are smaller: 18.7 GB of FLUX.2 dev in Q4_K_M (orabazes/FLUX.2-dev-GGUF)."""
QUANTIZED_SHARE = 0.99
"""Share of a denoiser's parameters in the matrices that are quantized; norms, embeddings and the last projection stay in
16 bits. FLUX.1 in GGUF comes to 8.57 bits in Q8_0 and 4.6 in Q4_K_S by its files (city96/FLUX.1-dev-gguf)."""
ENCODER_BITS = {"fp8": BITS["fp8"], "int8": BITS["int8"], "nf4": BITS["nf4"]}
"""Bits of a weight of the text encoders in each form of them that is quantized; the others are as published."""
QUANTIZED = ("int8", "nf4")
"""Forms of the text encoders that bitsandbytes makes."""
SVDQUANT = (
    "FluxTransformer2DModel",
    "QwenImageTransformer2DModel",
    "ZImageTransformer2DModel",
    "SanaTransformer2DModel",
)
"""Classes of denoisers that nunchaku has kernels for (nunchaku-tech/nunchaku at 3a3cc3d ``nunchaku/__init__.py``)."""
KINDS = {16: "F16", 32: "F32"}


def is_denoiser(name: str) -> bool:
    """True for a component that runs at every step."""
    return name.startswith(DENOISERS)


def is_text_encoder(name: str) -> bool:
    """True for a component that reads the prompt, once."""
    return name.startswith(TEXT_ENCODERS)


def is_decoder(name: str) -> bool:
    """True for a component that makes the pixels or the sound of the result, at the end."""
    return name.startswith(DECODERS)


def checkpoint(model: Model, scheme: Scheme, casts: bool) -> Checkpoint:
    """Components as they are stored: the denoiser in the scheme, the others in 16 bits.

    ``casts`` is True where FP8 is a cast of the layers while they are loaded, which leaves some of them in 16 bits.
    Raises ``UnsupportedScheme`` for SVDQuant of a denoiser that nunchaku does not have.
    """
    from vramfit.model import tensors

    classes = [(one.architecture or "").split(" ")[0] for one in model.components if is_denoiser(one.name)]
    if scheme.family == "svdquant" and not {*classes} <= {*SVDQUANT}:
        raise UnsupportedScheme(f"nunchaku has no {' or '.join(classes)}", "use fp8, nf4 or Q4_K_M")
    kept = {one.name: cast_share(one.architecture) for one in model.components} if casts else {}
    return Checkpoint(
        model, scheme, tuple([_stored(tensor, scheme, kept.get(tensor.name, 0)) for tensor in tensors(model)])
    )


def bits_of(scheme: Scheme) -> float:
    """Bits of a parameter of the denoiser on average; raises ``UnsupportedScheme`` for a scheme without a figure here."""
    if scheme.family == "plain":
        return 8.0 * int(str(scheme.settings["bytes"]))
    named = [name for name in BITS if scheme.id.startswith(name)]
    if not named:
        raise UnsupportedScheme(f"pipelines are not quantized as {scheme.id}", "use bf16, fp8, int8, nf4 or Q4_K_M")
    return QUANTIZED_SHARE * BITS[max(named, key=len)] + (1 - QUANTIZED_SHARE) * 16


def _stored(tensor: Tensor, scheme: Scheme, cast_kept: float) -> Stored:
    plain = bits_of(scheme) if scheme.family == "plain" else 16.0
    bits = bits_of(scheme) if is_denoiser(tensor.name) else plain
    if scheme.family == "fp8" and is_denoiser(tensor.name) and cast_kept:
        bits = (1 - cast_kept) * BITS["fp8"] + cast_kept * 16
    kind = KINDS.get(round(bits), scheme.id) if bits == round(bits) else scheme.id
    return Stored(tensor, kind, round(tensor.elements * bits / 8), tensor.layers)
