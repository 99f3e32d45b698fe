"""Hugging Face transformers with PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import MODELS, Catalogue
from vramfit.engines import DeviceMemory, Estimate, estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.errors import CannotTell, UsageError
from vramfit.units import MIB


def estimated(**request: Any) -> Estimate:
    """The estimate of a request: Llama 2 7B in fp16 on an RTX 4090 unless it says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-2-7b", "quant": "fp16", "engine": "transformers", **request}
    return estimate(resolve(parse_request(raw), Catalogue())[0])


def test_llama_2_7b_whole() -> None:
    """Every figure worked out from config.json, the CUDA context apart.

    The cache grows by concatenation, so at the last step one layer's old and new cache exist side by side; what the
    allocator reserves beyond that is 3 % of cache and activations.
    """
    weights = 2 * 6_738_415_616
    cache = 32 * 2 * 4096 * 2 * 4096
    compute = 2 * (4 * 4096 + 3 * 11008) * 4096
    overhead = 440 * MIB + 9 * MIB + round(0.03 * (cache + compute)) + cache // 32
    low = weights + cache + compute // 2 + round(0.45 * 440 * MIB)
    high = weights + cache + round(1.35 * compute) + 704 * MIB + 9 * MIB + round(0.12 * (cache + compute)) + cache // 32
    read = weights - 2 * 32000 * 4096 - 2 * 4096
    found = estimated()
    assert (DeviceMemory("gpu0", weights, cache, compute, overhead, low, high, read),) == found.gpus
    assert DeviceMemory("host", 0, 0, 0, 0, 0, 0) == found.host
    assert weights == found.checkpoint_bytes
    assert {"gpu_layers": "all"} == found.settings
    assert 0 == found.streamed_bytes


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (524_288 * 4096, {}),
        (524_288, {"context": 1}),
        (3 * 524_288 * 1000, {"context": 1000, "parallel": 3}),
        (2 * 524_288 * 4096, {"kv_cache_type": "f32"}),
        (3 * 262_144 * 4096, {"kv_cache_type": "f32", "kv_cache_type_v": "f16"}),
        (131_072 * 4096, {"model": "llama-3.1-8b"}),
        # Two of twelve layers keep every token, ten their last 1023 (``DynamicSlidingWindowLayer``).
        ((2 * 8192 + 10 * 1023) * 4096, {"model": "sliding", "context": 8192}),
        ((2 + 10) * 512 * 4096, {"model": "sliding", "context": 512}),
        # MLA caches the latent and the rotary key: 576 elements a layer and token.
        (4 * 576 * 2 * 4096, {"model": "latent"}),
        # Mamba keeps no tokens: its convolution, all four columns of the kernel, in 16 bits and its state in fp32.
        (64 * (2 * 20_480 + 4 * 81_920), {"model": "recurrent"}),
        (2 * 64 * (2 * 20_480 + 4 * 81_920), {"model": "recurrent", "context": 8, "parallel": 2}),
    ],
)
def test_kv_cache(expected: int, request_: dict[str, Any]) -> None:
    """Exactly the tokens held, layer by layer: nothing is rounded up."""
    assert expected == estimated(**request_).gpus[0].kv_cache_bytes


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        # int8: each projection's 32-bit products of the widest matrix exist before they are scaled back.
        (4096 * 11008 * 4, {"quant": "int8"}),
        # 4-bit: one matrix at a time is unpacked to 16 bits.
        (2 * 4096 * 11008, {"quant": "nf4"}),
        (32 * 4096 * 4096 * 6, {"flash_attention": "off"}),
    ],
)
def test_what_adds_to_the_activations(expected: int, request_: dict[str, Any]) -> None:
    """Beside the plain fp16 forward pass under SDPA."""
    plain = estimated().gpus[0].compute_bytes
    assert expected == estimated(**request_).gpus[0].compute_bytes - plain


def test_images_are_read_before_the_text() -> None:
    """The tower's activations and the prefill's do not exist at once: the larger counts."""
    short = estimated(model="llava-1.5-7b", context=1, images=8).gpus[0].compute_bytes
    assert 8 * 577 * 2 * (4 * 1024 + 2 * 4096) == short
    long = estimated(model="llava-1.5-7b", context=4096, images=8).gpus[0].compute_bytes
    assert estimated(model="llava-1.5-7b", context=4096, images=0).gpus[0].compute_bytes == long


def test_offloaded_layers_are_streamed() -> None:
    """With 20 of 32 layers on the GPU, twelve lie in RAM and cross PCIe for every token, one at a time."""
    layer = 2 * (4 * 4096**2 + 3 * 4096 * 11008 + 2 * 4096)
    whole, part = estimated(), estimated(gpu_layers=20)
    assert 12 * layer == part.host.weights_bytes == part.streamed_bytes == part.host.total_bytes
    assert 12 * layer == whole.gpus[0].weights_bytes - part.gpus[0].weights_bytes
    assert layer == part.gpus[0].compute_bytes - whole.gpus[0].compute_bytes
    assert 20 * whole.gpus[0].kv_cache_bytes == 32 * part.gpus[0].kv_cache_bytes
    assert {"gpu_layers": 20} == part.settings
    assert whole.checkpoint_bytes == part.checkpoint_bytes


def test_more_layers_than_there_are_is_all() -> None:
    """llama.cpp's habit of ``-ngl 99`` is understood."""
    assert estimated() == estimated(gpu_layers=99)


def test_what_transformers_cannot_do() -> None:
    """No automatic layer count, and no experts alone in RAM."""
    with pytest.raises(CannotTell):
        estimated(gpu_layers="auto")
    with pytest.raises(UsageError):
        estimated(model="mixtral-8x7b", cpu_moe_layers=4)


def test_context_of_the_card_s_generation() -> None:
    """A Blackwell context is larger (RTX 5090: 0.60-0.64 GiB in pytorch/pytorch issue logs), and so is its workspace."""
    ada, blackwell = estimated().gpus[0], estimated(gpu="rtx5090").gpus[0]
    assert (630 - 440 + 32 - 9) * MIB == blackwell.overhead_bytes - ada.overhead_bytes
    assert ada.weights_bytes == blackwell.weights_bytes


def test_two_gpus_share_the_layers() -> None:
    """Whole layers in order, each with its cache; the embedding on the first, the head on the last."""
    one, two = estimated(), estimated(gpu="2xrtx3090")
    first, second = two.gpus
    assert ("gpu0", "gpu1") == (first.device, second.device)
    assert one.gpus[0].weights_bytes == first.weights_bytes + second.weights_bytes
    assert one.gpus[0].kv_cache_bytes == first.kv_cache_bytes + second.kv_cache_bytes
    assert first.kv_cache_bytes == second.kv_cache_bytes == one.gpus[0].kv_cache_bytes // 2
    assert 2 * 4096 == abs(first.weights_bytes - second.weights_bytes)
    assert first.compute_bytes == second.compute_bytes == one.gpus[0].compute_bytes


def test_training_replicates() -> None:
    """Data parallel: every GPU holds the whole model and its optimizer, and buckets of its gradients."""
    one, two = estimated(task="lora", quant="bf16"), estimated(task="lora", quant="bf16", gpu="2xrtx4090")
    assert 2 == len(two.gpus)
    assert {one.gpus[0].compute_bytes + 4 * 39_976_960} == {gpu.compute_bytes for gpu in two.gpus}
    assert {one.gpus[0].weights_bytes} == {gpu.weights_bytes for gpu in two.gpus}
    assert 2 * 6_738_415_616 + 16 * 39_976_960 == one.gpus[0].weights_bytes
    assert 0 == one.gpus[0].kv_cache_bytes
    assert 2 * 6_738_415_616 == one.checkpoint_bytes


@pytest.mark.parametrize(
    ("said", "request_"),
    [
        ("filled by one prefill without chunking", {}),
        ("the tokens of one image", {"model": "llava-1.5-7b"}),
        ("the tokens of 3 images", {"model": "llava-1.5-7b", "images": 3}),
        ("quantized on load; the output head and embeddings stay 16-bit", {"quant": "int8"}),
        ("quantized on load, vision tower included; the output head", {"model": "llava-1.5-7b", "quant": "int8"}),
        ('device_map="auto"', {"gpu": "2xrtx3090"}),
        ("copied over PCIe for every token", {"gpu_layers": 1}),
        ("rank-16 adapters", {"task": "lora", "quant": "bf16"}),
        ("1 sample of 2,048 tokens", {"task": "lora", "quant": "bf16"}),
    ],
)
def test_assumptions_are_told(said: str, request_: dict[str, Any]) -> None:
    """What was taken for granted stands in the report, in words, and once."""
    assert 1 == sum(said in line for line in estimated(**request_).assumptions)


REQUESTS = st.fixed_dictionaries(
    {
        "gpu": st.sampled_from(["rtx4090", "2xrtx3090", "3xrtx3060-12gb"]),
        "model": st.sampled_from(sorted(MODELS)),
        "quant": st.sampled_from(["fp16", "bf16", "fp32", "int8", "nf4", "fp4"]),
        "context": st.integers(1, 2**20),
        "parallel": st.integers(1, 64),
        "gpu_layers": st.one_of(st.just("all"), st.integers(0, 80)),
        "flash_attention": st.sampled_from(["on", "off"]),
    }
)


@given(REQUESTS)
def test_every_byte_is_somewhere(request_: dict[str, Any]) -> None:
    """Weights over all devices are the checkpoint, parts are never negative, and the interval holds the total."""
    found = estimated(**request_)
    devices = (*found.gpus, found.host)
    assert found.checkpoint_bytes == sum(device.weights_bytes for device in devices)
    for device in devices:
        parts = (device.weights_bytes, device.kv_cache_bytes, device.compute_bytes, device.overhead_bytes)
        assert min(parts) >= 0
        assert 0 <= device.low_bytes <= device.total_bytes <= device.high_bytes
        assert 0 <= device.read_bytes <= device.weights_bytes + found.checkpoint_bytes


@given(REQUESTS, st.integers(1, 2**16), st.integers(1, 8))
def test_asking_more_never_needs_less(request_: dict[str, Any], tokens: int, sequences: int) -> None:
    """A longer context and more sequences both grow the need of every GPU."""
    before = [gpu.total_bytes for gpu in estimated(**request_).gpus]
    longer = {**request_, "context": request_["context"] + tokens}
    wider = {**request_, "parallel": request_["parallel"] + sequences}
    for more in (longer, wider):
        assert all(a <= b.total_bytes for a, b in zip(before, estimated(**more).gpus, strict=True))


@given(REQUESTS)
def test_fewer_layers_on_the_gpu_never_need_more_of_it(request_: dict[str, Any]) -> None:
    """But for the one layer that is staged while it is copied."""
    full = estimated(**{**request_, "gpu_layers": "all"})
    part = estimated(**request_)
    staged = part.gpus[0].compute_bytes - full.gpus[0].compute_bytes
    assert (0 < staged <= part.host.weights_bytes) if part.host.weights_bytes else staged == 0
    assert [gpu.compute_bytes for gpu in full.gpus[1:]] == [gpu.compute_bytes for gpu in part.gpus[1:]]
    assert sum(g.weights_bytes for g in part.gpus) <= sum(g.weights_bytes for g in full.gpus)
