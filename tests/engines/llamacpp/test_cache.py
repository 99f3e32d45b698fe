"""Cells, streams and windows of the cache; states of recurrent layers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deployed import workload
from tests.engines.llamacpp.asking import estimated
from tests.samples import model
from vramfit.engines.llamacpp.keys import LlamaCppKeys
from vramfit.engines.llamacpp.placement import physical_batch
from vramfit.errors import CannotTell, UsageError
from vramfit.units import MIB

LLAMA_TOKEN = 32 * 2 * 1024 * 2
"""Bytes of one token in the cache of Llama 3.1 8B: 32 layers, K and V, 8 heads of 128, F16."""


def cache_bytes(name: Any, **work: Any) -> int:
    """Cache of all devices."""
    return estimated(name, **work).gpus[0].kv_cache_bytes


@pytest.mark.parametrize(
    ("cells", "work"),
    [
        (4096, {}),
        (256, {"context": 1}),
        (20224, {"context": 20000}),  # printed for -c 20000
        (4 * 1024, {"context": 1000, "parallel": 4}),
        # One cache is what each sequence may fill, and all together fill no more.
        (1024, {"context": 1024, "parallel": 4, "unified_kv": True}),
        (1024, {"context": 1000, "parallel": 4, "unified_kv": True}),
        # 3 x 100 tokens are rounded to 512 first, and each third of it to 256 again (``llama-context.cpp``).
        (3 * 256, {"context": 100, "parallel": 3}),
        (256, {"context": 100, "parallel": 3, "unified_kv": True}),
    ],
)
def test_cells(cells: int, work: dict[str, Any]) -> None:
    """Multiples of 256, for each sequence of its own or for all together."""
    assert cells * LLAMA_TOKEN == cache_bytes("llama-3.1-8b", **work)


@pytest.mark.parametrize(
    ("bytes_of_block", "kind"), [(128, "f32"), (64, "bf16"), (34, "q8_0"), (24, "q5_1"), (22, "q5_0"), (20, "q4_1"),
                                 (18, "q4_0"), (18, "iq4_nl")],
)  # fmt: skip
def test_cache_types(bytes_of_block: int, kind: str) -> None:
    """32 elements of each type (``ggml-common.h``); K and V may differ."""
    found = cache_bytes("llama-3.1-8b", kv_cache_type=kind, kv_cache_type_v=kind)
    assert 4096 * LLAMA_TOKEN * bytes_of_block // 64 == found
    assert 4096 * LLAMA_TOKEN * (bytes_of_block + 64) // 128 == cache_bytes("llama-3.1-8b", kv_cache_type=kind)


def test_v_is_quantized_only_with_flash_attention() -> None:
    """llama.cpp refuses the rest; K alone may be quantized."""
    with pytest.raises(UsageError, match="only with flash attention"):
        estimated("llama-3.1-8b", kv_cache_type="q8_0", kv_cache_type_v="q8_0", flash_attention=False)
    assert cache_bytes("llama-3.1-8b", kv_cache_type="q8_0", flash_attention=False) < 4096 * LLAMA_TOKEN


@pytest.mark.parametrize(
    ("cells", "work"),
    [
        (1024 + 512, {"context": 32768}),
        (1024 + 2048, {"context": 32768, "ubatch": 2048}),
        (512, {"context": 512}),
        (4 * (1024 + 512), {"context": 8192, "parallel": 4}),
        (4 * 1024 + 512, {"context": 8192, "parallel": 4, "unified_kv": True}),
        (32768, {"context": 32768, "swa_full": True}),
    ],
)
def test_windows(cells: int, work: dict[str, Any]) -> None:
    """Ten of twelve layers look back 1024 tokens: room for that and a micro-batch, for each sequence."""
    token = 2 * 4 * 256 * 2
    full = work["context"] * (1 if "unified_kv" in work else work.get("parallel", 1))
    assert token * (2 * full + 10 * cells) == cache_bytes(model("sliding"), **work)


@pytest.mark.parametrize("name", ["mistral-7b-v0.1", "starcoder2-15b"])
def test_a_window_of_every_layer_is_not_heeded(name: str) -> None:
    """llama.cpp has windowed caches only for architectures that mix them with full ones; the report says so."""
    found = estimated(name, context=16384)
    assert found.gpus[0].kv_cache_bytes == 2 * estimated(name, context=8192).gpus[0].kv_cache_bytes
    assert any("ignores the sliding window" in said for said in found.assumptions)


def test_latent_attention() -> None:
    """512 of latent and 64 of rotary key a token and layer; V is a view of K and has no bytes."""
    assert 4 * 576 * 2 * 4096 == cache_bytes(model("latent"))
    assert 4 * 576 * 34 // 32 * 4096 == cache_bytes(model("latent"), kv_cache_type="q8_0", kv_cache_type_v="q8_0")


def test_states_are_per_sequence() -> None:
    """Mamba: convolution and state in F32 for each sequence, whatever the context and the cache type."""
    state = 64 * 4 * (5120 * 3 + 5120 * 16)
    assert state == cache_bytes(model("recurrent")) == cache_bytes(model("recurrent"), context=2048)
    assert 8 * state == cache_bytes(model("recurrent"), parallel=8, kv_cache_type="q8_0")


def test_a_hybrid_has_both() -> None:
    """Qwen3.5 27B: 149.62 MiB of states a sequence (printed by llama.cpp), and a cache in a quarter of its layers."""
    four = cache_bytes("qwen3.5-27b", context=512, parallel=4)
    eight = cache_bytes("qwen3.5-27b", context=512, parallel=8)
    cache = 16 * 2 * 4 * 256 * 2 * 512
    assert eight == 2 * four
    assert (four - 4 * cache) / 4 / MIB == pytest.approx(149.62, abs=0.01)


def test_models_llama_cpp_does_not_run() -> None:
    """Cross-attention to images, and what has no language model."""
    with pytest.raises(CannotTell, match="cross-attention"):
        estimated("llama-3.2-11b-vision")
    with pytest.raises(CannotTell, match="no language model"):
        estimated("mochi-1")


@given(
    context=st.integers(1, 40_000), more=st.integers(0, 40_000), parallel=st.integers(1, 16), unified=st.booleans(),
    name=st.sampled_from(["llama-3.1-8b", "gemma-3-4b", "gpt-oss-20b", "deepseek-v2-lite", "qwen3-next-80b-a3b"]),
)  # fmt: skip
def test_a_longer_context_never_needs_less(context: int, more: int, parallel: int, unified: bool, name: str) -> None:
    """Nor do more sequences, in cache or in total."""
    work: dict[str, Any] = {"parallel": parallel, "unified_kv": unified}
    short, long = (estimated(name, context=tokens, **work).gpus[0] for tokens in (context, context + more))
    assert short.kv_cache_bytes <= long.kv_cache_bytes
    assert short.total_bytes <= long.total_bytes
    wider = estimated(name, context=context, parallel=parallel + 1, unified_kv=unified).gpus[0]
    assert short.kv_cache_bytes <= wider.kv_cache_bytes


@pytest.mark.parametrize(
    ("tokens", "values"),
    [
        (512, {}),
        (256, {"context": 1}),  # the context, in whole blocks of 256 cells
        (256, {"context": 256}),
        (512, {"context": 257}),
        (512, {"context": 200, "parallel": 2}),
        (256, {"context": 200, "parallel": 2, "unified_kv": True}),
        (64, {"batch": 64}),
        (100, {"ubatch": 100}),
        (1024, {"ubatch": 1024, "batch": 1024}),
    ],
)
def test_tokens_of_one_pass(tokens: int, values: dict[str, Any]) -> None:
    """The smallest of the physical batch, the batch and the context."""
    work = workload("llama.cpp", **{"context": 4096, "parallel": 1, **values})
    assert isinstance(work.own, LlamaCppKeys)

    assert tokens == physical_batch(work, work.own)
