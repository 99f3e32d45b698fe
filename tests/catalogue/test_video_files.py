"""Names of files and repositories of video models, and refusals of those without weights or an entry."""

from __future__ import annotations

import pytest

from vramfit.catalogue.video_files import video_reading, words_of
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.errors import AmbiguousName, UnknownModel
from vramfit.sources import open_catalogue

OPENED = open_catalogue()


@pytest.mark.parametrize(
    ("name", "model", "scheme", "engine"),
    [
        ("Wan2_2-T2V-A14B-HIGH_fp8_e4m3fn_scaled_KJ.safetensors", "wan2.2-t2v-a14b", "fp8", "comfyui"),
        ("Wan2_2-I2V-A14B-LOW_fp8_e4m3fn_scaled_KJ.safetensors", "wan2.2-i2v-a14b", "fp8", "comfyui"),
        ("wan2.2_t2v_high_noise_14B_fp8_scaled.safetensors", "wan2.2-t2v-a14b", "fp8", "comfyui"),
        ("wan2.2_i2v_low_noise_14B_fp16.safetensors", "wan2.2-i2v-a14b", "bf16", "comfyui"),
        ("wan2.2_ti2v_5B_fp16.safetensors", "wan2.2-ti2v-5b", "bf16", "comfyui"),
        ("wan2.2_ti2v_5B_fp16", "wan2.2-ti2v-5b", "bf16", "diffusers"),
        ("wan2.1-i2v-14b-480p-Q4_K_M.gguf", "wan2.1-i2v-14b", "Q4_K_M", "comfyui"),
        ("wan2.1-t2v-14b-Q8_0.gguf", "wan2.1-t2v-14b", "Q8_0", "comfyui"),
        ("Wan2.2-T2V-A14B-HighNoise-Q4_K_M.gguf", "wan2.2-t2v-a14b", "Q4_K_M", "comfyui"),
        ("wan2.1_i2v_720p_14B_fp8_e4m3fn.safetensors", "wan2.1-i2v-14b", "fp8", "comfyui"),
        ("Wan2_1-VACE_module_14B_fp8_e4m3fn", "wan2.1-vace-14b", "fp8", "diffusers"),
        ("Wan2_2-Animate-14B_fp8_e4m3fn_scaled_KJ.safetensors", "wan2.2-animate-14b", "fp8", "comfyui"),
        ("wan2.2_s2v_14B_fp8_scaled.safetensors", "wan2.2-s2v-14b", "fp8", "comfyui"),
        ("hunyuanvideo1.5_480p_i2v_cfg_distilled_fp8_scaled.safetensors", "hunyuanvideo-1.5", "fp8", "comfyui"),
        ("hunyuan_video_t2v_720p_bf16.safetensors", "hunyuanvideo", "bf16", "comfyui"),
        ("hunyuan-video-t2v-720p-Q4_K_M.gguf", "hunyuanvideo", "Q4_K_M", "comfyui"),
        ("hunyuan_video_720_cfgdistill_fp8_e4m3fn.safetensors", "hunyuanvideo", "fp8", "comfyui"),
        ("ltx-2-19b-dev-fp8.safetensors", "ltx-2-19b", "fp8", "comfyui"),
        ("ltx-2-19b-dev-fp4.safetensors", "ltx-2-19b", "nvfp4", "comfyui"),
        ("ltx-2.3-22b-dev-fp8.safetensors", "ltx-2.3-22b", "fp8", "comfyui"),
        ("Lightricks/LTX-2.3-fp8", "ltx-2.3-22b", "fp8", "diffusers"),
        ("ltxv-13b-0.9.8-distilled-fp8.safetensors", "ltx-video-13b", "fp8", "comfyui"),
        ("ltxv-2b-0.9.8-distilled-fp8.safetensors", "ltx-video", "fp8", "comfyui"),
        ("mochi_preview_fp8_scaled.safetensors", "mochi-1", "fp8", "comfyui"),
    ],
)
def test_files_state_their_model_scheme_and_engine(name: str, model: str, scheme: str, engine: str) -> None:
    (found,) = resolve(parse_request({"gpu": "rtx4090", "model": name}), OPENED)

    assert (found.model.id, found.scheme.id, found.engine) == (model, scheme, engine)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("ltx-2-19b-distilled.safetensors", "ltx-2-19b"),
        ("ltx-video-2b-v0.9.5.safetensors", "ltx-video"),
        ("Kandinsky 5 Lite", "kandinsky-5.0-t2v-lite"),
        ("Kandinsky 5 Pro", "kandinsky-5.0-t2v-pro"),
        ("kandinsky5pro_t2v_sft_5s", "kandinsky-5.0-t2v-pro"),
        ("SkyReels-V2-T2V-14B-720P", "skyreels-v2-14b"),
        ("FastWan2.2-TI2V-5B", "wan2.2-ti2v-5b"),
        ("FastVideo/FastWan2.1-T2V-1.3B-Diffusers", "wan2.1-t2v-1.3b"),
        ("Wan-AI/Wan2.2-Animate-14B", "wan2.2-animate-14b"),
    ],
)
def test_names_without_a_scheme_mean_three_classes(name: str, model: str) -> None:
    found = resolve(parse_request({"gpu": "rtx4090", "model": name}), OPENED)

    assert [one.model.id for one in found] == [model] * 3


def test_an_engine_that_is_asked_goes_before_the_files() -> None:
    (found,) = resolve(
        parse_request({"gpu": "rtx4090", "model": "wan2.1-t2v-14b-Q8_0.gguf", "engine": "diffusers"}), OPENED
    )

    assert (found.engine, found.scheme.id) == ("diffusers", "Q8_0")


@pytest.mark.parametrize(
    ("name", "several"),
    [
        ("wan2.2", ("wan2.2-t2v-a14b", "wan2.2-ti2v-5b", "wan2.2-i2v-a14b")),
        ("wan", ("wan2.1-t2v-14b", "wan2.2-t2v-a14b")),
        ("VACE", ("wan2.1-vace-14b", "wan2.1-vace-1.3b", "wan2.2-vace-fun-a14b")),
    ],
)
def test_a_series_is_asked_back(name: str, several: tuple[str, ...]) -> None:
    with pytest.raises(AmbiguousName, match="is not one model") as raised:
        OPENED.model(name)

    assert [one for one in several if one not in raised.value.message] == []


@pytest.mark.parametrize("name", ["wan 2.5", "Wan2.6", "Sora 2", "Veo 3", "Kling 2.6", "Seedance 2", "Hailuo 02"])
def test_models_without_published_weights_are_refused_by_name(name: str) -> None:
    with pytest.raises(UnknownModel, match="weights are not published") as raised:
        OPENED.model(name)

    assert "wan2.2-t2v-a14b" in (raised.value.hint or "")


@pytest.mark.parametrize(
    "name",
    ["LTX-2.5", "Cosmos 3 Nano", "nvidia/Cosmos3-Super", "MAGI-1", "Step-Video-T2V", "Open-Sora 2", "LongCat-Video", "SeedVR2",
     "seedvr2_ema_7b_fp16.safetensors", "FlashVSR", "AnimateDiff", "FramePackI2V_HY_fp8_e4m3fn.safetensors", "Helios", "SVD",
     "Ovi", "Ovi-11B-fp8.safetensors", "SkyReels-V3", "HunyuanVideo-Avatar"],
)  # fmt: skip
def test_models_without_an_entry_are_refused_by_name(name: str) -> None:
    with pytest.raises(UnknownModel, match="has no entry") as raised:
        OPENED.model(name)

    assert "folder of its pipeline" in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Kijai/Wan2_2-T2V-A14B-LOW_fp8.safetensors", ["wan2.2", "t2v", "a14b", "low", "fp8"]),
        ("hunyuan_video_1.5_720p", ["hunyuanvideo", "1.5", "720p"]),
        ("wan 2.1 t2v", ["wan2.1", "t2v"]),
    ],
)
def test_words(name: str, words: list[str]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize(
    "name", ["wan2.2_t2v_lightx2v_4steps_lora_v1.safetensors", "wan2.9-t2v-14b-fp8", "ltx-unknown"]
)
def test_no_reading(name: str) -> None:
    assert video_reading(name, lambda run: run in ("wan2.2-t2v-a14b", "wan2.1-t2v-14b", "ltx-2-19b")) is None
