"""SGLang: vLLM's layers, a pool of tokens, and a static share of what is free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.samples import Catalogue
from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.sglang.estimate import Plan, cache_type
from vramfit.engines.sglang.static import Rank, StaticPool
from vramfit.errors import UsageError
from vramfit.units import GIB, MIB

if TYPE_CHECKING:
    from vramfit.engines import Estimate


def estimated(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> Estimate:
    """The estimate of a request: Llama 3.1 8B in fp16 on an RTX 4090 unless it says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "fp16", "engine": "sglang", **request}
    return estimate(resolve(parse_request(raw), Catalogue(changes))[0])


def test_weights_are_those_of_vllm() -> None:
    """The layers are the same code, and the tables of rotary angles twice as wide: 131,072 positions of 128."""
    raw = {"gpu": "2xrtx4090", "model": "llama-3.1-8b", "quant": "awq", "engine": "vllm"}
    other = estimate(resolve(parse_request(raw), Catalogue())[0])
    found = estimated(gpu="2xrtx4090", quant="awq").gpus[0].weights_bytes
    assert other.gpus[0].weights_bytes == found - 2 * 128 * 131_072


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (131_072 * 4096, {}),
        # Tokens, not blocks.
        (131_072 * 3 * 101, {"context": 101, "parallel": 3}),
        (65_536 * 4096, {"kv_cache_type": "fp8"}),
        (131_072 * 4096 // 8, {"gpu": "8xrtx4090"}),
        (4 * 576 * 2 * 4096, {"model": "latent", "gpu": "8xrtx4090"}),
        # Windows share the pool of the full layers, and keep every token.
        (12 * 4096 * 131_072, {"model": "sliding", "context": 131_072}),
        # Seven slots of three for each request and one, of 0.9 parts in 1.9.
        (int(7 * 64 * (2 * 15_360 + 4 * 81_920) * 1.9 / 0.9) + 1, {"model": "recurrent", "context": 8, "parallel": 2}),
        (
            int(7 * 64 * (2 * 15_360 + 4 * 81_920) * 1.25 / 0.25) + 1,
            {"model": "recurrent", "context": 8, "parallel": 2, "mamba_full_memory_ratio": 0.25},
        ),
        # Copies divide the requests, rounded up.
        (131_072 * 2 * 4096, {"gpu": "4xrtx4090", "data_parallel": 4, "parallel": 5}),
    ],
)
def test_kv_cache(expected: int, request_: dict[str, Any]) -> None:
    """Every token in a slot of its own."""
    assert expected == estimated(**request_).gpus[0].kv_cache_bytes


def test_the_share_holds_weights_and_cache() -> None:
    """A share of what context and process leave free; the rest may take what the rest takes."""
    found = estimated(gpu_memory_utilization=0.8)
    device = found.gpus[0]
    pool = found.pool
    assert isinstance(pool, StaticPool)
    free = 24_080 * MIB - 440 * MIB - 90 * MIB
    assert (round(0.8 * free) + device.compute_bytes + device.overhead_bytes,) == pool.limits([24_080 * MIB])
    assert 0.8 == found.settings["gpu_memory_utilization"]
    assert found.settings["max_batched_tokens"] == 4096
    rank = Rank(
        90 * MIB,
        device.weights_bytes,
        device.kv_cache_bytes,
        0,
        device.compute_bytes + device.overhead_bytes - 530 * MIB,
    )
    assert (rank,) == pool.ranks


def test_what_is_decided() -> None:
    """Requests at once only where they are stated, which captures no larger batch either."""
    found = estimated(gpu="2xrtx4090", max_num_seqs=16, parallel=2)
    assert {
        "tensor_parallel": 2, "pipeline_parallel": 1, "data_parallel": None, "nodes": 1, "max_num_seqs": 16,
        "max_batched_tokens": 4096,
        "gpu_memory_utilization": round(1 - (512 + 6144 + 256 + 2 * 16 + 400) / 24_564, 3),
    } == found.settings  # fmt: skip
    assert isinstance(found.plan, Plan)
    assert (16, 50) == (found.plan.captured.batch, found.plan.captured.prefill_steps)


def test_a_release_of_the_past() -> None:
    """0.4.8 keeps 2.8 GiB and 0.1 a rank on 24 GB, in steps of 2,048 tokens, without graphs of prefill."""
    found = estimated(engine_version="0.4.8.post1")
    assert round(1 - 2.9 * 1024 / 24_564, 3) == found.settings["gpu_memory_utilization"]
    assert 2048 == found.settings["max_batched_tokens"]
    assert (
        8 * 50 * MIB
        == estimated(max_batched_tokens=2048).gpus[0].overhead_bytes - found.gpus[0].overhead_bytes + 8 * 8 * MIB
    )


def test_copies_of_the_attention_layers_divide_a_step() -> None:
    """Each has its part of the tokens, and all of the attention."""
    one, all_ = (
        estimated(gpu="4xrtx4090", model="mixtral-8x7b", context=1024),
        estimated(gpu="4xrtx4090", model="mixtral-8x7b", context=1024, data_parallel=4, expert_parallel=True),
    )
    assert isinstance(all_.plan, Plan)
    assert 1024 == all_.plan.step_tokens
    assert one.gpus[0].weights_bytes < all_.gpus[0].weights_bytes
    assert 4 * one.gpus[0].kv_cache_bytes == all_.gpus[0].kv_cache_bytes
    assert "4 copies of the attention layers, each with a cache and requests of its own" in all_.assumptions


def test_weights_in_ram() -> None:
    """``--cpu-offload-gb`` moves them from each GPU, and every step reads them back."""
    here, there = estimated(), estimated(cpu_offload="4GiB", gpu="2xrtx4090")
    half = estimated(gpu="2xrtx4090").gpus[0].weights_bytes
    assert half - 4 * GIB == there.gpus[0].weights_bytes
    assert 8 * GIB == there.host.weights_bytes == there.host.total_bytes == there.streamed_bytes
    assert 0 == here.host.total_bytes == here.streamed_bytes


def test_the_cache_may_be_ended() -> None:
    """``max_total_tokens`` limits what more requests can have, and not the need."""
    found = estimated(max_total_tokens=5000, parallel=2, context=4096)
    assert 131_072 * 2 * 4096 == found.gpus[0].kv_cache_bytes
    assert isinstance(found.pool, StaticPool)
    assert 131_072 * 5000 == found.pool.ranks[0].most_cache_bytes
    device = found.gpus[0]
    limit = device.weights_bytes + 131_072 * 5000 + device.compute_bytes + device.overhead_bytes
    assert (limit,) == found.pool.limits([24_080 * MIB])


@pytest.mark.parametrize(
    "request_",
    [
        {"gpu_layers": 10},
        {"kv_cache_type": "fp8", "kv_cache_type_v": "f16"},
        {"kv_cache_memory": "4GiB"},
        {"swap_space": "4GiB"},
        {"gpu": "3xrtx4090", "data_parallel": 2},
        {"data_parallel": 2},
        {"max_num_seqs": 1, "parallel": 2},
    ],
)
def test_what_sglang_does_not_do(request_: dict[str, Any]) -> None:
    """Said instead of left out."""
    with pytest.raises(UsageError):
        estimated(**request_)


def test_not_on_apple() -> None:
    """An engine for Apple's GPUs is named instead."""
    with pytest.raises(UsageError, match="Apple"):
        estimated({"rtx4090": {"vendor": "apple"}})


@pytest.mark.parametrize(
    ("expected", "indexer", "stated", "eight_bit"),
    [
        ("fp8", 128, "f16", True), ("f16", 128, "f16", False), ("f16", None, "f16", True), ("fp8_e5m2", 128, "fp8_e5m2", True),
    ],
)  # fmt: skip
def test_sparse_latents_in_8_bits(expected: str, indexer: int | None, stated: str, eight_bit: bool) -> None:
    """What ``auto`` means on Blackwell (``_dsa_kv_cache_dtype_default``)."""
    from tests.samples import model

    mla = {"query_rank": 1536, "kv_rank": 512, "nope_dim": 128, "rope_dim": 64, "value_dim": 128}
    of = model("latent", mla=mla if indexer is None else {**mla, "indexer_dim": indexer, "indexer_heads": 64})
    assert expected == cache_type(of, stated, eight_bit)
