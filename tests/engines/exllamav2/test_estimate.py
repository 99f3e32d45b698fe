"""ExLlamaV2: caches of every kind, scratch and the embedding in system RAM, against reports of what was allocated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import terms
from vramfit.errors import UsageError
from vramfit.sources import open_catalogue
from vramfit.units import MIB

if TYPE_CHECKING:
    from vramfit.engines import Estimate


def estimated(**request: Any) -> Estimate:
    """The estimate of a request: Llama 3.1 8B at 4 bits on an RTX 4090 unless it says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "exl2-4.0", "engine": "exllamav2", **request}
    return estimate(resolve(parse_request(raw), open_catalogue())[0])


PAIR = 2 * 1024 * 2
"""Bytes of K and V of a token of Llama 3.1 8B in one layer, in 16 bits, into which a quantized cache is unpacked."""
LAYERS = 32


@pytest.mark.parametrize(
    ("each", "pair", "request_"),
    [
        (2 * 1024 * 2, 0, {}),
        (2 * 1024 * 1, PAIR, {"kv_cache_type": "fp8"}),
        (2 * (1024 + 64), PAIR, {"kv_cache_type": "q8"}),
        (1024 + 512 + 2 * 64, PAIR, {"kv_cache_type": "q6"}),  # K in 8 bits, V in 4
        (2 * (512 + 64), PAIR, {"kv_cache_type": "q4_0"}),
    ],
)
@pytest.mark.parametrize(("context", "parallel"), [(4096, 1), (1000, 3)])
def test_kv_cache(each: int, pair: int, request_: dict[str, Any], context: int, parallel: int) -> None:
    found = estimated(context=context, parallel=parallel, **request_)

    assert context * parallel * (LAYERS * each + pair) == sum(gpu.kv_cache_bytes for gpu in found.gpus)


def test_every_device_unpacks_its_own_layers() -> None:
    one, two = (sum(gpu.kv_cache_bytes for gpu in estimated(gpu=gpu, kv_cache_type="q4").gpus) for gpu in
                ("rtx4090", "2xrtx4090"))  # fmt: skip

    assert two - one == 4096 * PAIR


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        # 14,336 x 4,096 in 16 bits and 2,048 tokens of a state and two networks' sides; the head of 128,256 rows is more
        (2 * 4096 * 128256 + 2 * 2048 * (2 * 4096 + 2 * 4096 + 2048), {}),
        (2 * 4096 * 128256 + 2 * 100 * (2 * 4096 + 2 * 4096 + 2048), {"context": 100}),
        # one expert of eight; the head of 32,000 rows is less
        (
            2 * 14336 * 4096 + 2 * 2048 * (2 * 4096 + 2 * 14336 + 8) + 2 * 2048 * (2 * 4096 + 2 * 4096 + 2048),
            {"model": "mixtral-8x7b", "quant": "exl2-3.0"},
        ),
    ],
)
def test_scratch(expected: int, request_: dict[str, Any]) -> None:
    assert expected == estimated(**request_).gpus[0].compute_bytes


MEASURED = (
    # oobabooga/textgen pull request 5645: Llama 2 7B in 16 bits, the cache in 16, 8 and 4
    (15162, {"model": "llama-2-7b", "quant": "fp16"}),
    (14202, {"model": "llama-2-7b", "quant": "fp16", "kv_cache_type": "fp8"}),
    (13882, {"model": "llama-2-7b", "quant": "fp16", "kv_cache_type": "q4"}),
    # turboderp-org/exllamav2 issue 339: Smaug 72B at 3 bits and 8k on three RTX 4090
    (53210, {"model": "smaug-72b", "quant": "exl2-3.0", "context": 8192, "gpu": "3xrtx4090"}),
)


@pytest.mark.parametrize(("mib", "request_"), MEASURED)
def test_reports(mib: int, request_: dict[str, Any]) -> None:
    """Within 5 % of what was read, and inside of the interval, with the context of the process."""
    deployment = resolve(parse_request({"gpu": "rtx3090", "engine": "exllamav2", **request_}), open_catalogue())[0]
    found = estimate(deployment)
    expected = sum(gpu.total_bytes for gpu in found.gpus) / MIB

    assert mib == pytest.approx(expected, rel=0.055)
    assert sum(gpu.low_bytes for gpu in found.gpus) <= mib * MIB <= sum(gpu.high_bytes for gpu in found.gpus)


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ("exllamav2 runs on NVIDIA and AMD GPUs", {"gpu": "arcb580"}),
        ("exllamav2 is answered with every layer on the GPUs", {"gpu_layers": 3}),
        ("exllamav2 has one setting for K and V", {"kv_cache_type": "q8", "kv_cache_type_v": "q4"}),
        ("exllamav2 has no cache type int5", {"kv_cache_type": "q5"}),
        ("exllamav2 has no code for the layers of DeepSeek V2 Lite 16B", {"model": "deepseek-v2-lite"}),
        ("exllamav2 has no code for the layers of Mamba-2 2.7B", {"model": "mamba2-2.7b"}),
    ],
)
def test_what_exllamav2_does_not_do(message: str, request_: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        estimated(**request_)
    assert message == caught.value.message


@pytest.mark.parametrize(("images", "tower"), [(0, False), (1, True)])
def test_a_tower_is_loaded_for_images_alone(images: int, tower: bool) -> None:
    found, text = (
        estimated(model="gemma-3-4b", images=count, gpu="rtx4090").gpus[0].weights_bytes for count in (images, 0)
    )

    assert (found > text) is tower


def test_sliding_layers_cache_everything() -> None:
    found = estimated(model="gemma-3-4b", images=0, context=8192)

    assert 34 * 8192 * 2 * 4 * 256 * 2 == found.gpus[0].kv_cache_bytes
    assert "sliding-window layers cache every token" in found.assumptions


def test_a_gpu_without_a_layer_has_the_head_s_scratch_alone() -> None:
    """Nothing passes through the last of more GPUs than there is a use for; of the head 2**29 elements are unpacked at once."""
    raw = {"gpu": "40xrtx4090", "model": "gemma-3-4b", "quant": "exl2-4.0", "engine": "exllamav2", "images": 0}
    found = [
        one.inputs
        for one in terms(resolve(parse_request(raw), open_catalogue())[0])
        if one.part == "compute" and one.device in ("gpu38", "gpu39")
    ]

    assert [{"scratch_bytes": 2 * 2**29}] * 2 == found
