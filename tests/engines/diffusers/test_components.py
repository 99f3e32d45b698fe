"""Stored components: bits of each scheme against published files, and which of the components a scheme replaces."""

from __future__ import annotations

import pytest

from tests.catalogued import catalogue
from vramfit.engines.diffusers.components import bits_of, checkpoint, is_denoiser, is_text_encoder
from vramfit.errors import UnsupportedScheme
from vramfit.quantization.schemes import SCHEMES

GB = 10**9
FLUX_TRANSFORMER = 11_901_408_320


@pytest.mark.parametrize(
    ("scheme", "bits"),
    [
        ("bf16", 16.0),
        ("fp16", 16.0),
        ("fp32", 32.0),
        ("int8", 0.99 * 8 + 0.16),
        ("fp8", 0.99 * 8 + 0.16),
        ("fp8-block", 0.99 * 8 + 0.16),
        ("nf4", 0.99 * 4.127 + 0.16),
        ("nf4-single", 0.99 * 4.5 + 0.16),
        ("fp4-single", 0.99 * 4.5 + 0.16),
        ("torchao-int4", 0.99 * 4.5 + 0.16),
        ("nvfp4", 0.99 * 4.5 + 0.16),
        ("Q8_0", 0.99 * 8.5 + 0.16),
        ("Q4_K_S", 0.99 * 4.5 + 0.16),
        ("IQ4_XS", 0.99 * 4.25 + 0.16),
        ("IQ4_NL", 0.99 * 4.5 + 0.16),
    ],
)
def test_bits_of_a_denoiser(scheme: str, bits: float) -> None:
    assert bits_of(SCHEMES[scheme]) == pytest.approx(bits, abs=1e-9)


@pytest.mark.parametrize("scheme", ["w4a16", "IQ2_XXS", "TQ1_0", "exl3-4.0"])
def test_schemes_without_a_figure(scheme: str) -> None:
    with pytest.raises(UnsupportedScheme, match=scheme):
        bits_of(SCHEMES[scheme])


@pytest.mark.parametrize(
    ("scheme", "size"),
    [
        ("Q2_K", 4.03),
        ("Q3_K_S", 5.23),
        ("Q4_0", 6.79),
        ("Q4_K_S", 6.81),
        ("Q4_1", 7.53),
        ("Q5_0", 8.27),
        ("Q5_K_S", 8.29),
        ("Q5_1", 9.01),
        ("Q6_K", 9.86),
        ("Q8_0", 12.7),
    ],
)
def test_files_of_flux_1_dev(scheme: str, size: float) -> None:
    """Files of city96/FLUX.1-dev-gguf, in GB; ours is never below them, and at most two in a hundred above."""
    ours = FLUX_TRANSFORMER * bits_of(SCHEMES[scheme]) / 8 / GB

    assert size <= ours <= 1.02 * size


@pytest.mark.parametrize(
    ("scheme", "size"),
    [("Q2_K", 11.0), ("Q3_K_M", 14.5), ("Q4_K_M", 18.7), ("Q5_K_M", 22.7), ("Q6_K", 26.7), ("Q8_0", 34.5)],
)
def test_files_of_flux_2_dev(scheme: str, size: float) -> None:
    """Files of orabazes/FLUX.2-dev-GGUF, in GB: its medium mixes are up to a tenth smaller than ours."""
    ours = 32_223_281_152 * bits_of(SCHEMES[scheme]) / 8 / GB

    assert size <= ours <= (1.11 if scheme.endswith("_M") else 1.02) * size


@pytest.mark.parametrize(
    ("scheme", "size"),
    [
        ("Q2_K", 7.06), ("Q3_K_S", 8.95), ("Q3_K_M", 9.68), ("Q4_0", 11.9), ("Q4_K_S", 12.1), ("Q4_K_M", 13.1),
        ("Q5_K_S", 14.1), ("Q5_K_M", 14.9), ("Q6_K", 16.8),
    ],
)  # fmt: skip
def test_files_of_qwen_image(scheme: str, size: float) -> None:
    """Files of city96/Qwen-Image-gguf, in GB."""
    assert 20_430_401_088 * bits_of(SCHEMES[scheme]) / 8 / GB == pytest.approx(size, rel=0.03)


def test_a_scheme_replaces_the_denoisers_alone() -> None:
    """FLUX.2 dev in FP8: text encoder and VAE stay in 16 bits, and the fp32 of all of them doubles."""
    model = catalogue().model("flux.2-dev")

    def sizes(scheme: str) -> dict[str, int]:
        return {row.tensor.name: row.total_bytes for row in checkpoint(model, SCHEMES[scheme], casts=True).stored}

    assert sizes("bf16") == {"transformer": 64_446_562_304, "text_encoder": 48_022_722_560, "vae": 168_092_230}
    assert sizes("fp32") == {name: 2 * size for name, size in sizes("bf16").items()}
    assert sizes("fp8") == {
        "transformer": round(32_223_281_152 * 8.08 / 8), "text_encoder": 48_022_722_560, "vae": 168_092_230,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("model", "known"),
    [("flux.1-dev", True), ("qwen-image", True), ("z-image-turbo", True), ("sana-1.6b", True), ("flux.2-dev", False),
     ("sdxl-base", False), ("hidream-i1", False)],
)  # fmt: skip
def test_nunchaku_has_some_denoisers(model: str, known: bool) -> None:
    if known:
        assert checkpoint(catalogue().model(model), SCHEMES["svdq-int4"], casts=True).stored
        return
    with pytest.raises(UnsupportedScheme, match="nunchaku has no"):
        checkpoint(catalogue().model(model), SCHEMES["svdq-int4"], casts=True)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("transformer", "denoiser"),
        ("transformer_2", "denoiser"),
        ("unet", "denoiser"),
        ("prior", "denoiser"),
        ("decoder", "denoiser"),
        ("text_encoder", "text"),
        ("text_encoder_3", "text"),
        ("vae", ""),
        ("vocoder", ""),
    ],
)
def test_roles(name: str, role: str) -> None:
    assert (is_denoiser(name), is_text_encoder(name)) == (role == "denoiser", role == "text")
