"""Split of every matrix over all GPUs: what each has, and what llama.cpp refuses to split so."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.llamacpp.asking import catalogue_model, estimated
from vramfit.engines.llamacpp.tensor import _part
from vramfit.errors import UsageError
from vramfit.model.architecture import Attention, FeedForward

TENSOR: dict[str, Any] = {"gpus": 2, "split_mode": "tensor"}


@pytest.mark.parametrize("name", ["llama-3.1-8b", "qwen3-30b-a3b", "gemma-3-4b"])
def test_equal_parts(name: str) -> None:
    """Each of two GPUs has half of matrices and caches, and the norms and routers whole; RAM has what it had."""
    alone, found = estimated(name), estimated(name, **TENSOR)
    first, second = found.gpus
    assert (first.weights_bytes, first.kv_cache_bytes, first.compute_bytes) == (
        second.weights_bytes, second.kv_cache_bytes, second.compute_bytes,
    )  # fmt: skip
    assert 2 * first.kv_cache_bytes == alone.gpus[0].kv_cache_bytes
    twice = 2 * first.weights_bytes - alone.gpus[0].weights_bytes
    assert 0 < twice < 0.01 * alone.gpus[0].weights_bytes
    assert alone.gpus[0].compute_bytes / 2 < first.compute_bytes < alone.gpus[0].compute_bytes
    assert alone.host.weights_bytes == found.host.weights_bytes


def test_parts_as_asked() -> None:
    """``-ts 3,1`` gives the first GPU three quarters, and one GPU alone is not split."""
    found = estimated("llama-3.1-8b", **TENSOR, tensor_split=(3.0, 1.0))
    assert found.gpus[0].kv_cache_bytes == 3 * found.gpus[1].kv_cache_bytes
    assert found.gpus[0].weights_bytes == pytest.approx(3 * found.gpus[1].weights_bytes, rel=0.001)
    assert found.gpus[0].compute_bytes > found.gpus[1].compute_bytes
    assert estimated("llama-3.1-8b", split_mode="tensor").gpus == estimated("llama-3.1-8b").gpus


def test_a_part_of_the_layers() -> None:
    """Layers that are not offloaded stay in RAM whole."""
    alone, found = estimated("llama-3.1-8b", gpu_layers=17), estimated("llama-3.1-8b", gpu_layers=17, **TENSOR)
    assert alone.host.weights_bytes == found.host.weights_bytes
    assert alone.host.kv_cache_bytes == found.host.kv_cache_bytes == 2 * found.gpus[0].kv_cache_bytes


def test_nothing_is_left_to_fit() -> None:
    """``--fit`` does not run (``docs/multi-gpu.md``): auto is all, and the report says what the mode is."""
    found = estimated("llama-3.1-8b", **TENSOR, gpu_layers="auto")
    assert found.settings["gpu_layers"] == "all"
    assert estimated("llama-3.1-8b", **TENSOR).gpus == found.gpus
    assert any("experimental in llama.cpp" in text for text in found.assumptions)


@pytest.mark.parametrize(
    ("message", "name", "work"),
    [
        ("not implemented for deepseek2", "deepseek-v2-lite", {}),
        ("not implemented for mamba2", "mamba2-2.7b", {}),
        ("only with flash attention", "llama-3.1-8b", {"flash_attention": False}),
        ("elsewhere", "llama-3.1-8b", {"override_tensor": ("attn=CPU",)}),
        ("elsewhere", "llama-3.1-8b", {"kv_offload": False}),
        ("with sycl", "llama-3.1-8b", {"backend": "sycl"}),
    ],
)
def test_what_is_refused(message: str, name: str, work: dict[str, Any]) -> None:
    """Architectures that are left out, attention that is not fused, and what is not modelled."""
    with pytest.raises(UsageError, match=message):
        estimated(name, **TENSOR, **work)


@pytest.mark.parametrize(
    ("heads", "kv_heads", "width", "vocabulary", "share"),
    [
        (32, 8, 14_336, 128_256, 1.0),
        (16, 4, 7168, 64_128, 0.5),
        (10, 3, 4301, 38_477, 0.3),  # 9.6, 2.4, 4300.8 and 38,476.8
        (1, 1, 144, 1283, 0.01),
    ],
)
def test_a_part_has_whole_heads_and_columns(
    heads: int, kv_heads: int, width: int, vocabulary: int, share: float
) -> None:
    """Rounded up, so that no part is left out."""
    made = _part(catalogue_model("llama-3.1-8b"), share)
    (group,) = made.layers
    mixer, network = group.mixers[0], group.feed_forward
    assert isinstance(mixer, Attention)
    assert isinstance(network, FeedForward)

    assert (mixer.heads, mixer.kv_heads, network.width, made.vocab) == (heads, kv_heads, width, vocabulary)


def test_the_host_has_one_buffer_for_all_parts() -> None:
    alone, found = estimated("llama-3.1-8b", outputs="batch"), estimated("llama-3.1-8b", **TENSOR, outputs="batch")
    assert 0 < found.host.compute_bytes <= alone.host.compute_bytes
