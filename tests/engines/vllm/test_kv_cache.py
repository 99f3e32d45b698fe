"""vLLM's paged cache: the blocks that one request takes, against start-up logs too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.catalogued import catalogue
from tests.engines.vllm.test_kv_tables import NEWEST, conditions, hybrid
from tests.samples import model
from vramfit.engines.vllm.kv_cache import blocks, in_flight, kinds, states_kept
from vramfit.engines.vllm.kv_tables import Blocks
from vramfit.units import GIB
from vramfit.workload.common import Workload

if TYPE_CHECKING:
    from vramfit.model import Model


@pytest.mark.parametrize(
    ("expected", "release", "stages", "v2"),
    [
        (2048, (0, 25, 0), 1, True),
        (2048, (0, 25, 0), 4, False),
        (2 * 2048, (0, 26, 0), 1, True),
        (5 * 2048, (0, 26, 0), 4, True),
        # The V1 runner has as many steps as stages, and two on one.
        (2 * 2048, (0, 28, 0), 1, False),
        (4 * 2048, (0, 28, 0), 4, False),
    ],
)
def test_tokens_in_flight(expected: int, release: tuple[int, ...], stages: int, v2: bool) -> None:
    """Steps that are scheduled at the same time, by release, stages and runner."""
    assert expected == in_flight(conditions(release=release, stages=stages, v2=v2))


@pytest.mark.parametrize(
    ("count", "context", "batched"),
    [
        # Two full layers make the group, ten sliding ones five groups; a window keeps 1023 tokens and those in flight,
        # of two steps, and one block more because it starts anywhere.
        (8192 + 5 * (-(-(1023 + 2 * 2048) // 16) + 1), 131_072, 2048),
        (512 + 5 * (-(-(1023 + 2 * 512) // 16) + 1), 8192, 512),
        (64 + 5 * (64 + 1), 1024, 2048),
    ],
)
def test_layers_of_two_kinds_share_a_pool(count: int, context: int, batched: int) -> None:
    """The worked sum of ``_max_memory_usage_bytes_from_groups`` for a model of five sliding layers to a full one."""
    each = 2 * 16 * 4096
    found = blocks(model("sliding"), Workload(context), conditions(step_tokens=batched), (0, 12))
    assert Blocks(count, each, count * each) == found


@pytest.mark.parametrize(
    ("chunked", "context"),
    [
        # A chunk of 1,024 tokens and two steps of 2,048 in flight, but no more than the context; no block more.
        (-(-(1024 + 4096) // 16), 131_072),
        (128, 2048),
    ],
)
def test_chunked_attention(chunked: int, context: int) -> None:
    """Three chunked layers for one with everything, each a table."""
    made = model("sliding", layers=4, pattern="3*chunked full")
    assert -(-context // 16) + 3 * chunked == blocks(made, Workload(context), conditions(), (0, 4)).count


@pytest.mark.parametrize(
    ("expected", "release", "ahead"),
    [(1, (0, 14, 0), None), (2, (0, 15, 0), None), (2, NEWEST, None), (5, NEWEST, 3), (4, (0, 14, 0), 3)],
)
def test_states_of_a_sequence(expected: int, release: tuple[int, ...], ahead: int | None) -> None:
    """Mode ``align``, and one for each drafted token; Mamba 1 exports none."""
    work = Workload(4096, speculative_tokens=ahead)
    assert expected == states_kept(hybrid(), work, conditions(release=release))


@pytest.mark.parametrize(
    ("expected", "name", "release", "flashinfer"),
    [
        (3, "nemotron-3-super-120b-a12b", NEWEST, False),
        (2, "nemotron-3-super-120b-a12b", (0, 28, 0), False),
        (3, "qwen3.5-9b", NEWEST, True),
        (2, "qwen3.5-9b", NEWEST, False),
        (2, "qwen3.5-9b", (0, 28, 0), True),
        (2, "kimi-linear-48b-a3b", NEWEST, True),
    ],
)
def test_states_that_a_prompt_exports(expected: int, name: str, release: tuple[int, ...], flashinfer: bool) -> None:
    """Mamba 2 always, gated delta nets where FlashInfer computes them, from 0.29 on."""
    found = catalogue().model(name)
    assert expected == states_kept(found, Workload(4096), conditions(release=release, flashinfer=flashinfer))


def test_states_without_attention() -> None:
    """No prefix is cached, so one state is kept."""
    assert 1 == states_kept(model("recurrent"), Workload(64), conditions())


@pytest.mark.parametrize(
    ("logged", "name", "context", "changes"),
    [
        # Start-up logs of vLLM 0.19.0 on H100 (jgchn/llm-d-planner, branch accuracy): available memory over concurrency.
        (61.66 / 15.41, "codellama-7b", 8192, {"release": (0, 19, 0), "step_tokens": 8192}),
        (43.61 / 183.78, "deepseek-v2-lite", 8192, {"release": (0, 19, 0), "step_tokens": 8192}),
        (66.47 / 81.73, "gemma-2-2b", 8192, {"release": (0, 19, 0), "step_tokens": 8192}),
        (54.12 / 20.60, "gemma-2-9b", 8192, {"release": (0, 19, 0), "step_tokens": 8192}),
        (47.72 / 15.88, "gemma-3-12b", 8192, {"release": (0, 19, 0), "step_tokens": 8192}),
        (62.51 / 57.05, "gemma-3-4b", 8192, {"release": (0, 19, 0), "step_tokens": 8192}),
        (69.28 / 110.85, "granite-3.1-2b", 8192, {"release": (0, 19, 0), "step_tokens": 8192}),
        (58.11 / 116.21, "llama-3.1-8b", 8192, {"release": (0, 19, 0), "element_type": "fp8"}),
        (58.47 / 155.75, "gpt-oss-20b", 8192, {"release": (0, 19, 0), "step_tokens": 8192}),
        (59.32 / 316.07, "gpt-oss-20b", 8192, {"release": (0, 19, 0), "step_tokens": 8192, "ranks": 2}),
        (54.78 / 230.82, "kimi-vl-a3b", 8192, {"release": (0, 19, 0), "step_tokens": 8192, "ranks": 2}),
        # Qwen3.5-9B on an L40S, vLLM 0.18.0, with prefix caching ("Setting attention block size to 1056 tokens").
        (20.27 / 18.23, "qwen3.5-9b", 65_536, {"release": (0, 18, 0), "step_tokens": 8192, "element_type": "fp8"}),
        # noonghunna/club-3090 issues 612 and 652, vLLM 0.24.0.
        (5.98 / 4.33, "qwen3.6-35b-a3b", 131_072, {"release": (0, 24, 0), "step_tokens": 8192, "element_type": "fp8"}),
    ],
)
def test_against_logs(logged: float, name: str, context: int, changes: dict[str, Any]) -> None:
    """GiB that one request takes, within what the two printed decimals leave open."""
    found: Model = catalogue().model(name)
    taken = blocks(found, Workload(context), conditions(**changes), (0, found.layer_count))
    assert taken.count * taken.block_bytes / GIB == pytest.approx(logged, rel=0.003)


def test_kinds_for_other_servers() -> None:
    """SGLang counts tokens, with float32 states."""
    found = [
        (kind.kind, kind.layers, kind.token_bytes, kind.window) for kind in kinds(hybrid(), Workload(64), 1, (0, 8))
    ]
    assert [("state", 6, 2 * 15_360 + 4 * 81_920, None), ("full", 2, 2048, None)] == found
    v4 = catalogue().model("deepseek-v4-flash")
    kept = {(kind.kind, kind.token_bytes, kind.window): kind.layers for kind in kinds(v4, Workload(64), 1, (0, 43))}
    assert {("sliding", 584, 128): 43, ("full", 179, None): 21, ("full", 5, None): 20} == kept
