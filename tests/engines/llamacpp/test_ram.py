"""RAM beside weights and buffers: context checkpoints, past prompts, caches that are not offloaded, the projector."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines.llamacpp.asking import CARD, catalogue_model, estimated
from vramfit.engines.keys import parse_request
from vramfit.engines.llamacpp.keys import LlamaCppKeys
from vramfit.engines.llamacpp.ram import PROCESS_BYTES, checkpoint_bytes, kept_by_server
from vramfit.errors import UsageError
from vramfit.units import GIB, MIB
from vramfit.workload.common import Workload


@pytest.mark.parametrize(
    ("mebibytes", "name", "work"),
    [
        # Printed by servers: "created context checkpoint 1 of 32 (…, size = … MiB)", less a few bytes for each cell.
        (149.625, "qwen3.6-27b", {}),
        (50.25, "qwen3.5-9b", {}),
        (170, "gemma-4-12b", {"kv_cache_type": "q8_0", "kv_cache_type_v": "q8_0"}),
        # 546 tokens of the same model, 90.652 MiB: fewer than its window of 1,024.
        (546 * 170 / 1024, "gemma-4-12b", {"kv_cache_type": "q8_0", "kv_cache_type_v": "q8_0", "context": 546}),
        (0, "llama-3.1-8b", {}),
        (0, "mistral-7b-v0.1", {}),
    ],
)
def test_the_size_of_a_checkpoint(mebibytes: float, name: str, work: dict[str, Any]) -> None:
    """Recurrent states, and the cells of windowed layers that the window reaches."""
    asked = Workload(**{"context": 32768, **work})
    assert round(mebibytes * MIB) == checkpoint_bytes(catalogue_model(name), asked, LlamaCppKeys())


@pytest.mark.parametrize(
    ("made", "most", "work", "keys"),
    [
        (1, 32, {"context": 8193}, {}),
        (2, 32, {"context": 8194}, {}),
        (16, 32, {"context": 131072}, {}),
        (32, 32, {"context": 262144}, {}),
        (3, 3, {"context": 131072}, {"context_checkpoints": 3}),
        (4 * 4, 128, {"context": 32768, "parallel": 4}, {}),
        (4 + 3, 128, {"context": 32768, "parallel": 4}, {"unified_kv": True}),
        (0, 0, {"context": 131072}, {"context_checkpoints": 0}),
        (4, 32, {"context": 1024}, {"checkpoint_min_step": 256}),
        (32, 32, {"context": 1024}, {"checkpoint_min_step": 0}),
    ],
)
def test_the_number_of_checkpoints(made: int, most: int, work: dict[str, Any], keys: dict[str, Any]) -> None:
    """One at the start of each slot's prompt and one for every step of its tokens, up to the limit of a slot."""
    found = kept_by_server(catalogue_model("qwen3.5-9b"), Workload(**work), LlamaCppKeys(**keys))
    assert (made, most) == (found.checkpoints, found.most_checkpoints)


def test_checkpoints_and_prompts_of_the_host() -> None:
    """Checkpoints are part of the host's memory; past prompts are in its upper bound alone."""
    with_all = estimated("gemma-3-27b", context=16384)
    without = estimated("gemma-3-27b", context=16384, context_checkpoints=0, cache_ram=0)
    each = 52 * 1024 * 8192
    assert (2 * each, 0) == (with_all.host.overhead_bytes, without.host.overhead_bytes)
    assert with_all.host.total_bytes == without.host.total_bytes + 2 * each
    assert with_all.host.high_bytes == without.host.total_bytes + 32 * each + 8 * GIB + PROCESS_BYTES
    assert without.host.high_bytes == without.host.total_bytes + PROCESS_BYTES
    assert with_all.gpus == without.gpus
    said = "RAM has 2 context checkpoints of 416 MiB, one for each 8,192 tokens of a prompt and 32 of a slot at most"
    assert [f"{said} (--ctx-checkpoints)"] == [text for text in with_all.assumptions if "checkpoint" in text]
    assert not [text for text in without.assumptions if "checkpoint" in text]


def test_a_full_cache_needs_no_checkpoints_of_windows() -> None:
    """With ``--swa-full`` the last tokens of a prompt can be dropped."""
    assert estimated("gemma-3-27b", context=16384, swa_full=True).host.overhead_bytes == 0


@pytest.mark.parametrize(
    ("said", "keys"),
    [
        (["up to 8 GiB"], {}), (["up to 2 GiB"], {"cache_ram": 2 * GIB}), (["up to 0.5 GiB"], {"cache_ram": GIB // 2}),
        (["without a bound"], {"cache_ram": "unlimited"}), ([], {"cache_ram": 0}),
    ],
)  # fmt: skip
def test_what_is_said_of_past_prompts(said: list[str], keys: dict[str, Any]) -> None:
    """The bound of ``--cache-ram``, where the RAM is known."""
    found = estimated("llama-3.1-8b", ram_bytes=64 * GIB, **keys).assumptions
    expected = [
        f"RAM holds what the GPUs do not; llama-server keeps prompts there besides, {text} (--cache-ram)"
        for text in said
    ]
    assert expected == [text for text in found if "--cache-ram" in text]


@pytest.mark.parametrize("name", ["llama-3.1-8b", "gemma-3-4b", "qwen3.5-9b", "deepseek-v2-lite"])
@pytest.mark.parametrize("flash_attention", [True, False])
def test_caches_stay_in_ram(name: str, flash_attention: bool) -> None:
    """``--no-kv-offload``: caches and states of every layer are the host's, weights stay where they are."""
    usual = estimated(name, gpus=2, flash_attention=flash_attention)
    found = estimated(name, gpus=2, flash_attention=flash_attention, kv_offload=False)
    assert [0, 0] == [gpu.kv_cache_bytes for gpu in found.gpus]
    assert found.host.kv_cache_bytes == sum(gpu.kv_cache_bytes for gpu in usual.gpus) > 0
    assert [gpu.weights_bytes for gpu in usual.gpus] == [gpu.weights_bytes for gpu in found.gpus]


def test_attention_follows_its_cache_without_flash_attention() -> None:
    """The scores of 32 heads, 512 tokens and 32,768 cells, 2 GiB, are then in RAM (``build_attn_mha``)."""
    found = estimated("llama-3.1-8b", context=32768, flash_attention=False, kv_offload=False)
    assert found.gpus[0].compute_bytes < GIB < 2 * GIB <= found.host.compute_bytes


def test_the_projector_in_ram() -> None:
    """``--no-mmproj-offload``: tower, projector and their buffer go to the host."""
    usual, found = estimated("llava-1.6-7b", images=1), estimated("llava-1.6-7b", images=1, mmproj="host")
    moved = usual.gpus[0].weights_bytes - found.gpus[0].weights_bytes
    assert moved == found.host.weights_bytes - usual.host.weights_bytes > 500 * MIB
    assert (
        usual.gpus[0].compute_bytes + usual.host.compute_bytes == found.gpus[0].compute_bytes + found.host.compute_bytes
    )
    assert any("(mmproj) are 16-bit in RAM" in text for text in found.assumptions)


@settings(max_examples=50, deadline=None)
@given(
    name=st.sampled_from(["llama-3.1-8b", "gemma-3-4b", "qwen3.5-9b", "gpt-oss-20b"]),
    context=st.integers(256, 40000),
    parallel=st.integers(1, 8),
    more=st.integers(1, 8),
)
def test_one_cache_never_needs_more_than_separate_ones(name: str, context: int, parallel: int, more: int) -> None:
    """Shared cells are at most those of each sequence together; and fewer sequences never need more memory."""
    unified, separate, larger = (
        estimated(name, gpus=[CARD], context=context, parallel=count, unified_kv=one)
        for count, one in ((parallel, True), (parallel, False), (parallel + more, True))
    )
    assert unified.gpus[0].kv_cache_bytes <= separate.gpus[0].kv_cache_bytes
    assert unified.gpus[0].kv_cache_bytes <= larger.gpus[0].kv_cache_bytes
    assert unified.host.overhead_bytes <= separate.host.overhead_bytes


def test_a_server_keeps_no_fewer_checkpoints_than_none() -> None:
    assert parse_request({"context_checkpoints": "0"}) == {"context_checkpoints": 0}
    with pytest.raises(UsageError, match="context_checkpoints"):
        parse_request({"context_checkpoints": "-1"})
