"""vLLM's pool of blocks: a stated size, what must be left at the start, contexts and swap space that it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.samples import Catalogue
from vramfit.answer import Answer, answer
from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.vllm.pool import Caches
from vramfit.errors import UsageError
from vramfit.sources import open_catalogue
from vramfit.units import GIB, MIB

if TYPE_CHECKING:
    from vramfit.engines import Estimate

HYBRID: dict[str, Any] = {
    "layers": 8, "pattern": "3*mamba full", "heads": 16, "kv_heads": 2, "head_dim": 256, "ffn": 4096, "context": 65_536,
}  # fmt: skip
BLOCK = 2 * 96 * 2048
"""Bytes of a block of the hybrid: two layers, 96 tokens that hold a state of 194,560 bytes."""


def answered(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> Answer:
    """The answer to a request: Llama 3.1 8B in fp16 on an RTX 4090 unless it says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "fp16", "engine": "vllm", **request}
    return answer(resolve(parse_request(raw), Catalogue(changes))[0])


def estimated(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> Estimate:
    """The estimate of such a request."""
    return answered(changes, **request).estimate


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        # Whole blocks of 16 tokens for each sequence.
        (131_072 * 4096, {}),
        (131_072 * 16, {"context": 1}),
        (131_072 * 3 * 112, {"context": 100, "parallel": 3}),
        (65_536 * 4096, {"kv_cache_type": "fp8"}),
        # int8 carries a float32 scale for each K and V head.
        ((65_536 + 32 * 2 * 8 * 4) * 4096, {"kv_cache_type": "int8"}),
        (144 * 8 * 32 * 4096, {"kv_cache_type": "nvfp4"}),
        # A model in 32 bits has such a cache, unless another is asked for.
        (2 * 131_072 * 4096, {"quant": "fp32"}),
        (131_072 * 4096, {"quant": "fp32", "kv_cache_type": "bf16"}),
        # Heads are divided, and repeated when there are more ranks than heads.
        (131_072 * 4096 // 2, {"gpu": "2xrtx4090"}),
        (131_072 * 4096 // 8, {"gpu": "8xrtx4090"}),
        (131_072 * 4096 // 8, {"gpu": "16xrtx4090", "nodes": 1}),
        (131_072 * 4096 // 16, {"gpu": "16xrtx4090"}),
        # Each stage keeps its own layers.
        (131_072 * 4096 // 4, {"gpu": "4xrtx4090", "pipeline_parallel": 4}),
        # The latent is whole on every rank; fp8 halves it.
        (4 * 576 * 2 * 4096, {"model": "latent"}),
        (4 * 576 * 2 * 4096, {"model": "latent", "gpu": "8xrtx4090"}),
        (4 * 576 * 4096, {"model": "latent", "gpu": "8xrtx4090", "kv_cache_type": "fp8"}),
        # Mamba without attention: one state a sequence in 16 bits, on no tokens.
        (64 * 2 * (15_360 + 81_920), {"model": "recurrent", "context": 2048}),
        (3 * 64 * 2 * (15_360 + 81_920), {"model": "recurrent", "context": 8, "parallel": 3}),
    ],
)
def test_kv_cache(expected: int, request_: dict[str, Any]) -> None:
    """Blocks of what a rank keeps, exactly."""
    assert expected == estimated(**request_).gpus[0].kv_cache_bytes


@pytest.mark.parametrize(
    ("word", "cache", "stated", "more"),
    [
        # A cache of 4 GiB is taken whatever the need, one block of 2 MiB of it as the spare one.
        ("fits", 4 * GIB - 2 * MIB, "4GiB", {}),
        # It ignores the share of the card, which decides otherwise.
        ("exceeds", 131_072 * 4096, None, {"gpu_memory_utilization": 0.6}),
        ("fits", GIB - 2 * MIB, "1GiB", {"gpu_memory_utilization": 0.6}),
        ("exceeds", 20 * GIB - 2 * MIB, "20GiB", {}),
        # The need of 512 MiB is no less where less is stated, and then it is short.
        ("exceeds", 131_072 * 4096, "256MiB", {}),
        ("fits", 131_072 * 4096, "514MiB", {}),
        ("exceeds", 131_072 * 4096, "513MiB", {}),
    ],
)
def test_a_stated_size(word: str, cache: int, stated: str | None, more: dict[str, Any]) -> None:
    """``kv_cache_memory``: 4,096 tokens take 512 MiB, and the spare block 2 MiB."""
    asked = more if stated is None else {"kv_cache_memory": stated, **more}
    found = answered(**asked)
    assert (word, cache) == (found.verdict.word, found.estimate.gpus[0].kv_cache_bytes)


@pytest.mark.parametrize(
    ("short", "request_"),
    [
        # 512 MiB and a block of 2, of 256; a rank of two has half of the cache, whatever lies outside of its share.
        (258, {"kv_cache_memory": "256MiB"}),
        (129, {"kv_cache_memory": "128MiB", "gpu": "2xrtx4090"}),
        (129, {"kv_cache_memory": "128MiB", "gpu": "2xrtx4090", "engine_version": "0.19.0"}),
    ],
)
def test_what_a_stated_size_lacks(short: int, request_: dict[str, Any]) -> None:
    """MiB that the need exceeds it by."""
    assert -short * MIB == answered(**request_).verdict.headroom_bytes


@pytest.mark.parametrize(
    ("spare", "request_"),
    [
        # 100 requests need as many blocks; 4,096 tokens take 43 and two states for each of three groups; one is spare.
        ((100 - 50) * BLOCK, {"max_num_seqs": 100}),
        (1 * BLOCK, {"max_num_seqs": 51}),
        (0, {"max_num_seqs": 50}),
        # No graphs, or a release that captured fewer.
        (0, {"max_num_seqs": 100, "enforce_eager": True}),
        (0, {"max_num_seqs": 100, "engine_version": "0.19.0"}),
        ((100 - 50) * BLOCK, {"max_num_seqs": 100, "engine_version": "0.21.0"}),
    ],
)
def test_blocks_for_states(spare: int, request_: dict[str, Any]) -> None:
    """Bytes that must be left besides the need for a model with recurrent layers."""
    pool = estimated({"recurrent": HYBRID}, model="recurrent", **request_).pool
    assert pool is not None
    assert ((spare,) if spare else ()) == pool.spare_bytes


def test_models_without_states_need_no_spare_blocks() -> None:
    """Whatever their requests."""
    pool = estimated(max_num_seqs=4096).pool
    assert pool is not None
    assert ((), "") == (pool.spare_bytes, pool.spare_reason)


def test_too_few_blocks_for_the_states() -> None:
    """A verdict with its reason, though the need itself is met."""
    asked: dict[str, Any] = {"model": "recurrent", "gpu_memory_utilization": 0.2}
    few, many = (answered({"recurrent": HYBRID}, max_num_seqs=most, **asked) for most in (64, 4096))
    assert ("fits", None) == (few.verdict.word, few.verdict.refusal)
    assert many.estimate.gpus[0].total_bytes < many.verdict.usable_bytes[0]
    left = many.verdict.usable_bytes[0] - many.estimate.gpus[0].total_bytes
    assert ("exceeds", left - (4096 - 50) * BLOCK) == (many.verdict.word, many.verdict.headroom_bytes)
    assert many.verdict.refusal is not None
    assert "max_num_seqs 4,096" in many.verdict.refusal


@pytest.mark.parametrize(
    ("word", "request_"),
    [
        ("fits", {"model": "llama-2-7b", "context": 4096}),
        ("unsupported", {"model": "llama-2-7b", "context": 4097}),
        # A state has no length.
        ("fits", {"model": "recurrent", "context": 2049}),
    ],
)
def test_contexts(word: str, request_: dict[str, Any]) -> None:
    """Longer ones than the model's are refused, with the figure."""
    found = answered(**request_).verdict
    assert word == found.word
    if word == "unsupported":
        assert found.refusal is not None
        assert "4,096" in found.refusal


def test_swap_space() -> None:
    """RAM for each GPU, in releases that have it."""
    found = estimated(gpu="2xrtx4090", swap_space="4GiB", engine_version="0.11.0")
    assert (8 * GIB, 8 * GIB, 8 * GIB) == (found.host.total_bytes, found.host.low_bytes, found.host.high_bytes)
    assert 0 == estimated(gpu="2xrtx4090", engine_version="0.11.0").host.total_bytes
    with pytest.raises(UsageError, match=r"0\.19"):
        estimated(swap_space="4GiB")


def test_the_plan_of_an_estimate() -> None:
    """The blocks of each rank, for serving and terms."""
    plan = estimated(gpu="2xrtx4090", parallel=3).plan
    assert isinstance(plan, Caches)
    assert (2, 3, 1, 0) == (len(plan.blocks), plan.requests, plan.copies, plan.least_blocks)
    assert 256 == plan.blocks[0].count


@pytest.mark.parametrize(
    ("logged_gib", "request_"),
    [
        # noonghunna/club-3090 issue 35 and syv-ai/qwen38-27b-rtx3090 issue 39, whose heads draft three tokens and one;
        # yhfgyyf/vllm-deepseek-v4-sm89 issue 54, of a release before 0.26.
        (
            3.05,
            {
                "model": "qwen3.6-27b", "quant": "gptq-int4", "context": 180_000, "kv_cache_type": "turboquant_3bit_nc",
                "speculative": "mtp", "speculative_tokens": 3, "engine_version": "0.21.0",
            },
        ),
        (
            4.76,
            {
                "model": "qwen3.8-27b", "quant": "gptq-int4", "context": 65_536, "speculative": "mtp",
                "speculative_tokens": 1,
            },
        ),
        (
            1.34,
            {
                "gpu": "4xcustom:48GiB", "model": "deepseek-v4-flash", "quant": "MXFP4", "context": 131_072,
                "kv_cache_type": "fp8", "max_num_seqs": 16, "engine_version": "0.25.0",
            },
        ),
    ],
)  # fmt: skip
def test_one_request_as_logged(logged_gib: float, request_: dict[str, Any]) -> None:
    """ "KV cache is needed" of the refusal, within a hundredth."""
    raw = {"gpu": "rtx3090", "engine": "vllm", "images": 0, **request_}
    found = estimate(resolve(parse_request(raw), open_catalogue())[0]).gpus[0]
    assert logged_gib == pytest.approx(found.kv_cache_bytes / GIB, rel=0.01)
