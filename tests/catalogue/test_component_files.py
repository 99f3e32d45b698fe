"""Names of denoisers' files, of repositories that hold them, and of fine-tunes, as people have them."""

from __future__ import annotations

import pytest

from tests.command import report, vramfit
from vramfit.catalogue.component_files import denoiser_readings


def first(name: str) -> tuple[str, str, str]:
    """Model, scheme and engine that a name is answered with."""
    row = report("--gpu", "rtx5090", "--model", name).estimates[0]
    return row["model"]["id"], row["quant"]["scheme"], row["engine"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("flux1-dev-Q4_K_S.gguf", ("flux.1-dev", "Q4_K_S", "comfyui")),
        ("flux1-dev-fp8.safetensors", ("flux.1-dev", "fp8", "comfyui")),
        ("flux1-krea-dev_fp8_scaled.safetensors", ("flux.1-dev", "fp8", "comfyui")),
        ("flux1-dev-kontext_fp8_scaled.safetensors", ("flux.1-dev", "fp8", "comfyui")),
        ("flux2_dev_fp8mixed.safetensors", ("flux.2-dev", "fp8", "comfyui")),
        ("flux-2-klein-9b-fp8", ("flux.2-klein-9b", "fp8", "diffusers")),
        ("qwen_image_fp8_e4m3fn", ("qwen-image", "fp8", "diffusers")),
        ("qwen_image_edit_2511_bf16.safetensors", ("qwen-image", "bf16", "comfyui")),
        ("Qwen-Image-Edit-2509-Q4_K_M.gguf", ("qwen-image", "Q4_K_M", "comfyui")),
        ("z_image_turbo_bf16.safetensors", ("z-image-turbo", "bf16", "comfyui")),
        ("z_image_turbo-Q6_K.gguf", ("z-image-turbo", "Q6_K", "comfyui")),
        ("hidream_i1_full_fp8.safetensors", ("hidream-i1", "fp8", "comfyui")),
        ("sd3.5_large_fp8_scaled.safetensors", ("sd3.5-large", "fp8", "comfyui")),
        ("sd_xl_base_1.0_0.9vae.safetensors", ("sdxl-base", "fp16", "comfyui")),
        ("juggernautXL_v9Rundiffusionphoto2.safetensors", ("sdxl-base", "fp16", "comfyui")),
        ("ponyDiffusionV6XL_v6StartWithThisOne.safetensors", ("sdxl-base", "fp16", "comfyui")),
        ("realisticVisionV60B1_v51VAE.safetensors", ("sd-1.5", "bf16", "comfyui")),
        ("chroma-unlocked-v50-Q8_0.gguf", ("chroma1-hd", "Q8_0", "comfyui")),
        ("cosmos_predict2_2B_t2i.safetensors", ("cosmos-predict2-2b-text2image", "bf16", "comfyui")),
        ("sd3_medium_incl_clips_t5xxlfp8.safetensors", ("sd3-medium", "fp16", "comfyui")),
        ("flux.1-lite-8B.safetensors", ("flux.1-lite-8b", "bf16", "comfyui")),
        ("svdq-int4_r32-qwen-image", ("qwen-image", "svdq-int4", "diffusers")),
        ("svdq-fp4_r128-qwen-image-edit-2509.safetensors", ("qwen-image", "svdq-fp4", "comfyui")),
        ("nunchaku-tech/nunchaku-flux.1-dev", ("flux.1-dev", "svdq-int4", "diffusers")),
        ("diffusers/FLUX.2-dev-bnb-4bit", ("flux.2-dev", "nf4", "diffusers")),
        ("Pony", ("sdxl-base", "fp16", "diffusers")),
        ("Illustrious-XL-v1.0", ("sdxl-base", "fp16", "diffusers")),
        ("NoobAI-XL", ("sdxl-base", "fp16", "diffusers")),
        ("Chroma", ("chroma1-hd", "bf16", "diffusers")),
        ("Lumina 2", ("lumina-image-2", "bf16", "diffusers")),
        ("zai-org/GLM-Image", ("glm-image", "bf16", "diffusers")),
        ("meituan-longcat/LongCat-Image-Edit", ("longcat-image", "bf16", "diffusers")),
    ],
)
def test_a_file_means_its_model_scheme_and_engine(name: str, found: tuple[str, str, str]) -> None:
    assert first(name) == found


@pytest.mark.parametrize("name", ["Sana", "PixArt", "Cosmos-Predict2", "FLUX", "flux dev", "klein", "Kijai/flux-fp8"])
def test_a_word_of_a_series_is_not_one_model(name: str) -> None:
    assert "is not one model" in vramfit("check", "rtx5090", name).err


@pytest.mark.parametrize("name", ["fp8_scaled.safetensors", "svdq-int4_r32.safetensors"])
def test_words_of_packaging_alone_mean_no_model(name: str) -> None:
    assert f"no file or directory {name}" in vramfit("check", "rtx5090", name).err


def test_readings_of_a_name_of_one_word() -> None:
    assert list(denoiser_readings("fp8", is_file=True, by_svdquant=False)) == [("fp8", {"family": "plain"})]
    assert list(denoiser_readings("svdq-int4_r32", is_file=False, by_svdquant=True)) == []
