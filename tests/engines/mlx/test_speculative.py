"""Drafts beside a model in MLX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vramfit.engines import engine, estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.mlx.launch import read
from vramfit.engines.resolve import resolve
from vramfit.errors import UsageError
from vramfit.launch.shell import processes
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment

HYBRID = {"gpu": "m3-max-128gb", "model": "qwen3.8-27b", "engine": "mlx", "quant": "mlx-4bit", "images": 0}
DENSE = {**HYBRID, "model": "qwen3-8b"}


def asked(**keys: Any) -> Deployment:
    """A deployment."""
    (found,) = resolve(parse_request(keys), open_catalogue())
    return found


def test_a_head_has_a_cache_and_states_are_kept_to_go_back_to() -> None:
    alone, spoken = estimate(asked(**HYBRID)), estimate(asked(**HYBRID, speculative="mtp"))
    (draft,) = () if spoken.draft is None else spoken.draft.gpus
    (before,), (gpu,) = alone.gpus, spoken.gpus
    assert gpu.weights_bytes == before.weights_bytes + draft.weights_bytes
    # One layer of 4 heads of 256 elements for K and for V, and 48 layers of states, in float32 but for convolutions.
    cache, state = 4096 * 2 * 4 * 256 * 2, 48 * (48 * 128 * 128 * 4 + 3 * 10240 * 2)
    assert gpu.kv_cache_bytes - before.kv_cache_bytes == cache + state
    assert (gpu.compute_bytes, gpu.overhead_bytes) == (before.compute_bytes, before.overhead_bytes)
    assert gpu.high_bytes - before.high_bytes == draft.total_bytes


def test_a_draft_model_is_loaded_whole() -> None:
    both = estimate(asked(**DENSE, speculative="draft", draft_model="qwen3-0.6b"))
    one, other = (estimate(asked(**{**DENSE, "model": name})) for name in ("qwen3-8b", "qwen3-0.6b"))
    assert both.gpus[0].weights_bytes == one.gpus[0].weights_bytes + other.gpus[0].weights_bytes
    assert both.gpus[0].kv_cache_bytes == one.gpus[0].kv_cache_bytes + other.gpus[0].kv_cache_bytes
    assert both.assumptions[-1].startswith("qwen3-0.6b (mlx-4bit, ")


def test_states_cannot_be_trimmed() -> None:
    found = asked(**HYBRID, speculative="draft", draft_model="qwen3.5-0.8b")
    with pytest.raises(UsageError, match="cannot take back drafted tokens of Qwen3"):
        estimate(found)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "mlx_vlm.generate --model a/b --draft-model ./b-mtp --draft-kind mtp --draft-block-size 5",
            {"model": "a/b", "speculative": "mtp", "speculative_tokens": "4"},
        ),
        ("mlx_lm.server --model a/b --draft-model c/d", {"model": "a/b", "draft_model": "c/d"}),
        (
            "mlx_lm.generate --model a/b --draft-model c/d --num-draft-tokens 2",
            {"model": "a/b", "draft_model": "c/d", "speculative_tokens": "2"},
        ),
        ("mlx_lm.generate --model a/b --num-draft-tokens 2", {"model": "a/b"}),
        # What a program has no flag for, it refuses: nothing of it is in the estimate.
        ("mlx_lm.chat --model a/b --draft-model c/d", {"model": "a/b"}),
        ("mlx_vlm.chat --model a/b --draft-model c/d --kv-bits 4", {"model": "a/b", "kv_cache_type": "int4"}),
        ("mlx_lm.generate --model a/b --draft-model c/d --draft-kind mtp", {"model": "a/b", "draft_model": "c/d"}),
        ("mlx_lm.server --model a/b --kv-bits 4 --max-kv-size 9", {"model": "a/b", "kv_cache_type": "int4"}),
        ("mlx_lm.generate --model a/b --verbose False", {"model": "a/b"}),
        ("mlx_vlm.generate --model a/b --verbose --eos-tokens a b --resize-shape 5 5", {"model": "a/b"}),
        ("mlx_vlm.server --model a/b --max-num-seqs 3", {"model": "a/b", "parallel": "3"}),
        ("mlx_vlm.server --model a/b --decode-concurrency 3", {"model": "a/b"}),
    ],
)
def test_commands_are_read(line: str, expected: dict[str, str]) -> None:
    assert expected == read(processes(line))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            {**HYBRID, "speculative": "mtp"},
            "--draft-model qwen3.8-27b-mlx-4bit-mtp --draft-kind mtp --draft-block-size 4",
        ),
        (
            {**DENSE, "speculative": "draft", "draft_model": "qwen3-0.6b", "speculative_tokens": 5},
            "--draft-model Qwen/Qwen3-0.6B --num-draft-tokens 5",
        ),
        (DENSE, "--max-kv-size 4096"),
        (
            {**DENSE, "parallel": 2, "kv_cache_type": "int8"},
            "mlx_vlm.server --model qwen3-8b-mlx-4bit --max-num-seqs 2 --kv-bits 8",
        ),
        (
            {**DENSE, "model": "gemma-3-12b", "speculative": "draft", "draft_model": "gemma-3-1b"},
            "--max-kv-size 4096 --draft-model google/gemma-3-1b-it --num-draft-tokens 3",
        ),
    ],
)
def test_commands_are_written(keys: dict[str, Any], expected: str) -> None:
    found = asked(**keys)
    assert engine("mlx").command(found, estimate(found)).endswith(expected)
