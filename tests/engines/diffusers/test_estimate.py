"""Memory of a pipeline by its turns: modes of offloading, forms of the text encoders, sizes of what is made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.command import report
from vramfit.engines import estimate
from vramfit.engines.diffusers.estimate import VAE_FRAMES, VAE_PIXEL
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.errors import CannotTell, UsageError
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate

TRANSFORMER, TEXT, VAE = 64_446_562_304, 48_022_722_560, 168_092_230
"""Bytes of FLUX.2 dev's components in 16 bits."""
FP8 = round(32_223_281_152 * 8.08 / 8)
NF4 = round(32_223_281_152 * (0.99 * 4.127 + 0.16) / 8)
TEXT_INT8, TEXT_NF4 = 24_011_361_280, round(24_011_361_280 * 4.127 / 8)
STEP = 20 * 2 * 6144 * 64 * 64
"""Bytes of a step at 1024x1024: 20 results of 6,144 elements in 16 bits for each of 64 x 64 patches."""
DECODED = 3500 * 1024 * 1024


def estimated(**request: Any) -> Estimate:
    """The estimate of a request: FLUX.2 dev in bf16 on an RTX 4090 unless it says otherwise."""
    raw = {"gpu": "rtx4090", "model": "flux.2-dev", "quant": "bf16", "engine": "diffusers", **request}
    return estimate(resolve(parse_request(raw), open_catalogue())[0])


@pytest.mark.parametrize(
    ("weights", "activations", "in_ram", "request_"),
    [
        (TRANSFORMER + TEXT + VAE, DECODED, 0, {}),
        (TRANSFORMER + TEXT + VAE, DECODED, 0, {"component_offload": "none"}),
        (TRANSFORMER, STEP, TEXT + VAE, {"component_offload": "model"}),
        (round(TRANSFORMER * 0.1), STEP, TRANSFORMER + TEXT + VAE - round(TRANSFORMER * 0.1), {"component_offload": "group"}),
        # Layer by layer the largest turn is the VAE's, which is whole.
        (VAE, DECODED, TRANSFORMER + TEXT, {"component_offload": "sequential"}),
        (TRANSFORMER + VAE, DECODED, TEXT, {"text_encoder": "ram"}),
        (TRANSFORMER, STEP, TEXT + VAE, {"text_encoder": "ram", "component_offload": "model"}),
        (TRANSFORMER + TEXT_INT8 + VAE, DECODED, 0, {"text_encoder": "int8"}),
        (TRANSFORMER + TEXT_NF4 + VAE, DECODED, 0, {"text_encoder": "nf4"}),
        (FP8 + TEXT + VAE, DECODED, 0, {"quant": "fp8"}),
        # The text encoder of 16 bits is larger than the denoiser of 8.
        (TEXT, 0, FP8 + VAE, {"quant": "fp8", "component_offload": "model"}),
        (FP8, STEP, TEXT_NF4 + VAE, {"quant": "fp8", "component_offload": "model", "text_encoder": "nf4"}),
        (NF4, STEP, TEXT_NF4 + VAE, {"quant": "nf4", "component_offload": "model", "text_encoder": "nf4"}),
        # bitsandbytes moves no component of 8 bits, and no blocks.
        (FP8 + TEXT, 0, VAE, {"quant": "int8", "component_offload": "model"}),
        (TRANSFORMER + TEXT_INT8, STEP, VAE, {"component_offload": "model", "text_encoder": "int8"}),
        (FP8 + TEXT_INT8 + VAE, DECODED, 0, {"quant": "int8", "component_offload": "model", "text_encoder": "int8"}),
        (NF4, STEP, TEXT + VAE, {"quant": "nf4", "component_offload": "group"}),
        (TEXT_NF4, 0, TRANSFORMER + VAE, {"component_offload": "group", "text_encoder": "nf4"}),
        # ComfyUI moves what it needs by itself, and its components of 8 bits as well.
        (TRANSFORMER, STEP, TEXT + VAE, {"engine": "comfyui"}),
        (FP8, STEP, TEXT_INT8 + VAE, {"engine": "comfyui", "quant": "fp8", "text_encoder": "int8"}),
        (TRANSFORMER + TEXT + VAE, DECODED, 0, {"engine": "comfyui", "component_offload": "none"}),
    ],
)  # fmt: skip
def test_weights_and_activations_of_the_largest_turn(
    weights: int, activations: int, in_ram: int, request_: dict[str, Any]
) -> None:
    found = estimated(**request_)
    (gpu,) = found.gpus

    assert (gpu.weights_bytes, gpu.compute_bytes, found.host.weights_bytes) == (weights, activations, in_ram)
    assert gpu.low_bytes <= gpu.total_bytes <= gpu.high_bytes


@pytest.mark.parametrize(
    ("activations", "request_"),
    [
        (DECODED, {}),
        (3500 * 512 * 512, {"output_size": "512x512"}),
        (3500 * 2048 * 1024, {"output_size": "2048x1024"}),
        # A video is decoded a few frames at a time, and its step has all of them, four in a token.
        (40 * 2 * 5120 * 80 * 45 * 21, {"model": "wan2.2-t2v-a14b"}),
        (40 * 2 * 5120 * 80 * 45 * 21, {"model": "wan2.2-t2v-a14b", "frames": 81, "output_size": "1280x720"}),
        (40 * 2 * 5120 * 80 * 45 * 33, {"model": "wan2.2-t2v-a14b", "frames": 129}),
        (VAE_PIXEL * 480 * 272 * VAE_FRAMES, {"model": "wan2.2-t2v-a14b", "frames": 5, "output_size": "480x272"}),
        (VAE_PIXEL * 480 * 272 * 2, {"model": "wan2.2-t2v-a14b", "frames": 2, "output_size": "480x272"}),
        # A U-Net has no single width: its activations are within those of the VAE.
        (DECODED, {"model": "sdxl-base"}),
    ],
)  # fmt: skip
def test_activations_by_what_is_made(activations: int, request_: dict[str, Any]) -> None:
    assert estimated(**request_).gpus[0].compute_bytes == activations


def test_only_the_first_gpu_is_used() -> None:
    found = estimated(gpu="2xrtx4090")

    assert found.idle == (1,)
    assert [gpu.weights_bytes for gpu in found.gpus] == [TRANSFORMER + TEXT + VAE, 0]
    assert "a pipeline runs on one GPU; the others stay idle" in found.assumptions


@pytest.mark.parametrize(
    ("reason", "request_"),
    [
        ("bitsandbytes", {"quant": "nf4", "component_offload": "sequential"}),
        ("bitsandbytes", {"text_encoder": "nf4", "component_offload": "sequential"}),
        ("", {"component_offload": "sequential"}),
        ("", {"quant": "Q4_K_M", "component_offload": "sequential"}),
        ("", {"engine": "comfyui", "text_encoder": "nf4", "component_offload": "sequential"}),
    ],
)
def test_bitsandbytes_does_not_start_layer_by_layer(reason: str, request_: dict[str, Any]) -> None:
    refusal = estimated(**request_).refusal

    assert (refusal or "").startswith(reason)
    assert bool(refusal) is bool(reason)


def test_a_language_model_is_no_pipeline() -> None:
    with pytest.raises(CannotTell, match="no pipeline"):
        estimated(model="qwen3-8b")


@pytest.mark.parametrize(
    ("gib", "request_"),
    [
        # One GPU, README of Tencent-Hunyuan/HunyuanVideo: 60 GB for 720x1280x129, 45 GB for 544x960x129.
        (60e9, {"model": "hunyuanvideo", "gpu": "a100-sxm4-80gb", "output_size": "1280x720", "frames": 129,
                "component_offload": "model"}),
        (45e9, {"model": "hunyuanvideo", "gpu": "a100-sxm4-80gb", "output_size": "960x544", "frames": 129,
                "component_offload": "model"}),
        # huggingface.co/blog, SDXL in fp16: 21.7 GB for four images, 10.7 beside the weights for one of 1280x1280.
        (19.6e9, {"model": "sdxl-base", "quant": "fp16", "output_size": "1280x1280"}),
        # SceneWorks issue 1608: Wan2.2 A14B in Q4 at 1280x720x81, layer by layer.
        (22.1 * 2**30, {"model": "wan2.2-t2v-a14b", "gpu": "rtx5090", "quant": "Q4_K_M", "component_offload": "sequential"}),
    ],
)  # fmt: skip
def test_measured_totals_are_within_the_bounds(gib: float, request_: dict[str, Any]) -> None:
    (row,) = report(*_arguments({"gpu": "rtx4090", "quant": "bf16", "engine": "diffusers", **request_})).estimates

    assert row["required_bytes"]["low"] <= gib <= row["required_bytes"]["high"]


def _arguments(request: dict[str, Any]) -> list[str]:
    return [text for key, value in request.items() for text in (f"--{key.replace('_', '-')}", str(value))]


@pytest.mark.parametrize(
    ("keys", "kind", "message"),
    [
        ({"parallel": 2}, CannotTell, "makes 2 at once is not modelled"),
        ({"gpu_layers": 3}, UsageError, "diffusers places components, not layers"),
        ({"gpu_layers": 3, "engine": "comfyui"}, UsageError, "comfyui places components"),
        ({"engine": None, "batch": 512}, CannotTell, "is a pipeline, which llama.cpp does not run"),
        ({"engine": None, "max_num_seqs": 4}, CannotTell, "is a pipeline, which vllm does not run"),
    ],
)
def test_keys_of_language_models_are_refused(keys: dict[str, Any], kind: type[Exception], message: str) -> None:
    """A yes that passes over them would be to another question."""
    with pytest.raises(kind, match=message):
        estimated(**keys)


def test_a_key_of_pipelines_chooses_their_engine() -> None:
    assert estimated(engine=None, component_offload="group") == estimated(component_offload="group")
