"""SGLang: vLLM's layers, a pool of tokens, and a static share of the card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.samples import Catalogue, model
from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.sglang.estimate import _prefill_sizes, static_share
from vramfit.errors import UsageError
from vramfit.units import MIB

if TYPE_CHECKING:
    from vramfit.engines import Estimate


def estimated(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> Estimate:
    """The estimate of a request: Llama 3.1 8B in fp16 on an RTX 4090 unless it says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "fp16", "engine": "sglang", **request}
    return estimate(resolve(parse_request(raw), Catalogue(changes))[0])


def test_weights_are_those_of_vllm() -> None:
    """The layers are the same code."""
    raw = {"gpu": "2xrtx4090", "model": "llama-3.1-8b", "quant": "awq", "engine": "vllm"}
    other = estimate(resolve(parse_request(raw), Catalogue())[0])
    assert other.gpus[0].weights_bytes == estimated(gpu="2xrtx4090", quant="awq").gpus[0].weights_bytes


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (131_072 * 4096, {}),
        # Tokens, not blocks.
        (131_072 * 3 * 101, {"context": 101, "parallel": 3}),
        (65_536 * 4096, {"kv_cache_type": "fp8"}),
        (131_072 * 4096 // 8, {"gpu": "8xrtx4090"}),
        (4 * 576 * 2 * 4096, {"model": "latent", "gpu": "8xrtx4090"}),
        # A window, and the tokens of a prefill step beside it.
        ((2 * 131_072 + 10 * (1024 + 4096)) * 4096, {"model": "sliding", "context": 131_072}),
        (12 * 512 * 4096, {"model": "sliding", "context": 512}),
        (2 * 64 * (2 * 15_360 + 4 * 81_920), {"model": "recurrent", "context": 8, "parallel": 2}),
    ],
)
def test_kv_cache(expected: int, request_: dict[str, Any]) -> None:
    """Every token in a slot of its own."""
    assert expected == estimated(**request_).gpus[0].kv_cache_bytes


@pytest.mark.parametrize(
    ("reserved_mib", "tokens", "batch", "ranks", "memory_mib"),
    [
        # 512 + 1.5 x step + 128 a rank + 2 a captured sequence + 8 for each of 50 prefill sizes up to 4096 tokens.
        (512 + 1.5 * 4096 + 128 + 2 * 48 + 8 * 50, 4096, 48, 1, 24_564),
        (512 + 1.5 * 4096 + 4 * 128 + 2 * 160 + 8 * 50, 4096, 160, 4, 24_564),
        # Cards above 60 GiB keep 10 GiB back at least; here the sum is more.
        (512 + 1.5 * 8192 + 128 + 2 * 256 + 8 * 58, 8192, 256, 1, 81_920),
        (10 * 1024, 2048, 8, 1, 81_920),
    ],
)
def test_static_share(reserved_mib: float, tokens: int, batch: int, ranks: int, memory_mib: int) -> None:
    """Worked out from ``memory_hook.py``, to the three decimals SGLang keeps."""
    expected = round(1 - reserved_mib / memory_mib, 3)
    assert expected == static_share(memory_mib * MIB, model("llama-3.1-8b"), tokens, batch, ranks)


def test_static_share_of_other_models() -> None:
    """Latent attention keeps 1.5 GiB for graphs whatever the sizes; a model that sees has 5 % less."""
    memory = 24_564 * MIB
    latent = 512 + 1.5 * 4096 + 128 + 2 * 48 + 1536
    assert round(1 - latent / 24_564, 3) == static_share(memory, model("latent"), 4096, 48, 1)
    plain = 512 + 1.5 * 4096 + 128 + 2 * 48 + 8 * 50
    assert round(0.95 * (1 - plain / 24_564), 3) == static_share(memory, model("llava-1.5-7b"), 4096, 48, 1)


def test_the_share_holds_weights_and_cache() -> None:
    """What is left of the limit for them is the share; the rest may take what the rest takes."""
    found = estimated(gpu_memory_utilization=0.8)
    device = found.gpus[0]
    assert found.pool is not None
    limit = round(0.8 * 24_080 * MIB) + device.compute_bytes + device.overhead_bytes
    assert (limit,) == found.pool.limits([24_080 * MIB])
    assert 0.8 == found.settings["gpu_memory_utilization"]
    assert found.settings["max_batched_tokens"] == 4096


@pytest.mark.parametrize(
    "request_",
    [{"gpu_layers": 10}, {"kv_cache_type": "fp8", "kv_cache_type_v": "f16"}, {"gpu": "2xrtx4090", "data_parallel": 2}],
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
    ("count", "tokens"),
    [
        (0, 3), (1, 4), (8, 32), (8, 47), (9, 48), (22, 256), (22, 287), (23, 288), (30, 512), (30, 575), (31, 576),
        (38, 1024), (38, 1279), (39, 1280), (50, 4096), (50, 4607), (51, 4608), (51, 5119), (52, 5120), (58, 8192), (58, 100_000),
    ],
)  # fmt: skip
def test_sizes_of_prefill(count: int, tokens: int) -> None:
    """By 4 up to 32, by 16 up to 256, by 32, 64, 256 and 512 to 512, 1,024, 4,096 and 8,192 (``cuda_graph_hook.py``)."""
    assert _prefill_sizes(tokens) == count
