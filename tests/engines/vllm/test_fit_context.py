"""Context that vLLM chooses for ``--max-model-len auto``."""

from __future__ import annotations

import pytest

from tests.command import report, vramfit

AUTO = ("--engine", "vllm", "--context", "auto", "--quant")


@pytest.mark.parametrize(
    ("words", "context", "verdict"),
    [
        # What one request may have of the cache, in whole blocks of 16 tokens.
        (("-g", "rtx4090", "-m", "qwen3-8b", *AUTO, "fp16"), 35632, "tight"),
        # The model's own fits, and no longer one is tried.
        (("-g", "rtx4090", "-m", "qwen3-8b", *AUTO, "awq"), 40960, "fits"),
        # Not even one token fits beside the weights: the server does not start.
        (("-g", "rtx3060-12gb", "-m", "qwen3-14b", *AUTO, "fp16"), 40960, "exceeds"),
        # One request counts for the choice, whatever is to be held at once.
        (("-g", "2xrtx4090", "-m", "qwen3-14b", "--users", "4", *AUTO, "fp16"), 40960, "exceeds"),
    ],
)
def test_the_context_that_is_chosen(words: tuple[str, ...], context: int, verdict: str) -> None:
    """The longest of which the cache holds one request, at most the model's."""
    (estimate,) = report(*words).estimates
    assert (context, verdict) == (estimate["deployment"]["context"], estimate["verdict"])


@pytest.mark.parametrize("word", ["auto", "-1"])
def test_a_command_that_leaves_the_choice_to_it(word: str) -> None:
    """Both words of the flag."""
    command = ("vllm", "serve", "Qwen/Qwen3-8B", "--dtype", "float16", "--max-model-len", word)
    (estimate,) = vramfit("check", "-g", "rtx4090", "--json", "--", *command).estimates
    assert (35632, "tight") == (estimate["deployment"]["context"], estimate["verdict"])


def test_one_block_more_is_too_much() -> None:
    """With the chosen context the cache holds one request, with the next block it does not."""
    held = []
    for context in ("35632", "35648"):
        (estimate,) = report(
            "-g", "rtx4090", "-m", "qwen3-8b", "--engine", "vllm", "--quant", "fp16", "-c", context
        ).estimates
        held.append(estimate["headroom_bytes"] >= 0)
    assert [True, False] == held


@pytest.mark.parametrize(("release", "code"), [("0.13.0", 2), ("0.14.0", 0)])
def test_releases_that_choose(release: str, code: int) -> None:
    """From 0.14 on."""
    ran = vramfit("check", "-g", "rtx4090", "-m", "qwen3-8b", *AUTO, "awq", "--engine-version", release)
    assert code == ran.code
    assert ("vllm chooses a context by itself from 0.14 on" in ran.err) == (code == 2)
