"""DeepSeek-V4's caches in vLLM's blocks, against start-up logs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.catalogued import catalogue
from tests.engines.vllm.test_kv_tables import conditions
from vramfit.engines.vllm.compressed import compressed_blocks
from vramfit.engines.vllm.kv_cache import blocks
from vramfit.engines.vllm.kv_tables import Blocks
from vramfit.units import GIB
from vramfit.workload.common import Workload

ENTRY, KEYS, FAR = 37_440, 8_640, 1_728
"""Pages of 64 entries of ratio 4, of the indexer's keys, and of two entries of ratio 128: multiples of 576 bytes."""
FLASH = 21 * (ENTRY + KEYS) + 20 * FAR
"""Pages of V4-Flash's compressing layers, 21 with ratio 4 and 20 with ratio 128; two layers have a window alone."""


def taken(name: str, context: int, **changes: Any) -> Blocks:
    """Blocks of one request on one rank."""
    model = catalogue().model(name)
    return blocks(model, Workload(context), conditions(**changes), (0, model.layer_count))


def test_the_newest_release_whole() -> None:
    """Entries in blocks of 256 tokens; two groups of windows; open groups of 4 tokens in blocks of 4, of 128 in blocks of
    8: each keeps its window and two steps of 2,048 tokens, and a block more."""
    windows = -(-(127 + 4096) // 64) + 1
    count = 512 + 2 * windows + (-(-(7 + 4096) // 4) + 1) + (-(-(127 + 4096) // 8) + 1)
    assert Blocks(count, FLASH, count * FLASH) == taken("deepseek-v4-flash", 131_072)


@pytest.mark.parametrize("ranks", [2, 8])
def test_ranks_divide_nothing(ranks: int) -> None:
    """Each has the whole latent of each layer."""
    assert taken("deepseek-v4-flash", 65_536) == taken("deepseek-v4-flash", 65_536, ranks=ranks)


@pytest.mark.parametrize(
    ("block", "least", "release"),
    [
        # The largest group.
        (FLASH, FLASH, (0, 29, 0)),
        # 22 layers of windows in a group: that many pages of each size are demanded.
        (FLASH, 22 * (ENTRY + KEYS + FAR), (0, 28, 0)),
        (FLASH, 22 * (ENTRY + KEYS + FAR), (0, 27, 0)),
        # The most pages of each size: 22 of windows.
        (22 * ENTRY + 21 * KEYS + 20 * FAR, 22 * (ENTRY + KEYS + FAR), (0, 26, 0)),
        (22 * ENTRY + 21 * KEYS + 20 * FAR, 22 * (ENTRY + KEYS + FAR), (0, 25, 0)),
        (22 * (ENTRY + KEYS + FAR), 22 * (ENTRY + KEYS + FAR), (0, 24, 0)),
    ],
)
def test_blocks_by_release(block: int, least: int, release: tuple[int, ...]) -> None:
    """Bytes of a block of the pool, and of one of those that are demanded."""
    found = taken("deepseek-v4-flash", 131_072, release=release)
    flying = 2048 if release < (0, 26) else 4096
    count = 512 + 2 * (-(-(127 + flying) // 64) + 1) + (-(-(7 + flying) // 4) + 1) + (-(-(127 + flying) // 8) + 1)
    assert (block, count * least) == (found.block_bytes, found.least_bytes)


@pytest.mark.parametrize(
    ("logged", "context", "changes"),
    [
        # 10.29 GiB hold 1,993,100 tokens of requests of 1,048,576: a public note on vLLM 0.25.0 and two RTX PRO 6000.
        (10.29 / 1_993_100 * 1_048_576, 1_048_576, {"release": (0, 25, 0), "step_tokens": 4096}),
        # vllm-project/vllm issue 51041: 7.7 GiB hold "150K" tokens of requests of 121,344, vLLM 0.26.0.
        (7.7 / 150_000 * 121_344, 121_344, {"release": (0, 26, 0), "step_tokens": 8192}),
    ],
)
def test_against_logs(logged: float, context: int, changes: dict[str, Any]) -> None:
    """GiB that one request takes of the pool."""
    found = taken("deepseek-v4-flash", context, **changes)
    assert found.count * found.block_bytes / GIB == pytest.approx(logged, rel=0.01)


@pytest.mark.parametrize(
    ("logged", "name", "context", "changes"),
    [
        # Refusals: "6.66 GiB KV cache is needed" for 30,000 tokens, 1.34 for 131,072 with steps of 2,048 tokens
        # (yhfgyyf/vllm-deepseek-v4-sm89 issue 54), 23.32 for 1,048,576 of V4-Pro (vllm-project/vllm issue 53961).
        (6.66, "deepseek-v4-flash", 30_000, {"release": (0, 26, 0), "step_tokens": 8192}),
        (1.34, "deepseek-v4-flash", 131_072, {"release": (0, 25, 0), "step_tokens": 2048}),
        (23.32, "deepseek-v4-pro", 1_048_576, {"release": (0, 29, 0), "step_tokens": 16_384}),
    ],
)
def test_what_was_demanded(logged: float, name: str, context: int, changes: dict[str, Any]) -> None:
    """GiB, to the decimals that are printed."""
    assert logged == round(taken(name, context, **changes).least_bytes / GIB, 2)


def test_stages_have_the_pages_of_their_layers() -> None:
    """The blocks are as many, and each is smaller: 43 layers are 22 and 21, or 11 pages of either ratio and less."""
    model = catalogue().model("deepseek-v4-flash")
    first, second = (
        compressed_blocks(model, Workload(4096), conditions(stages=2), 6144, span) for span in ((0, 22), (22, 43))
    )
    assert first.count == second.count
    assert (10 * (ENTRY + KEYS) + 10 * FAR, 11 * (ENTRY + KEYS) + 10 * FAR) == (first.block_bytes, second.block_bytes)


def test_entries_that_few_layers_own() -> None:
    """DeepSeek-V4.1: three layers with an entry for two tokens and one with one for each; 40 windows in two groups, since
    a block holds 24; and one ring for the open groups of three layers."""
    own = 3 * (74_880 + 17_280) + (149_760 + 33_984)
    windows = -(-(127 + 4096) // 32) + 1
    assert Blocks(512 + 2 * windows + 1, own, (512 + 2 * windows + 1) * own) == taken("deepseek-v4.1-flash", 131_072)


def test_a_stage_without_entries_of_its_own() -> None:
    """The last ten layers keep windows alone, which are then as large as a block."""
    model = catalogue().model("deepseek-v4.1-flash")
    windows = -(-(127 + 4096) // 32) + 1
    found = blocks(model, Workload(131_072), conditions(), (30, 40))
    assert Blocks(10 * windows, 19_008, 10 * windows * 19_008) == found
