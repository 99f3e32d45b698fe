"""The use case: from a request to everything a report says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import Catalogue
from vramfit.checks import Checked, RuleOfThumb, answers, check, exit_code
from vramfit.engines.keys import parse_request
from vramfit.errors import UnknownModel
from vramfit.sources import open_catalogue
from vramfit.units import GIB


def rows(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> list[Checked]:
    """Everything about Llama 2 13B on an RTX 4090 unless the request says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-2-13b", **request}
    return list(check(parse_request(raw), Catalogue(changes)))


def test_one_row_per_asked_quantization() -> None:
    """In the contract's order, each with the request it answers."""
    found = rows()
    assert ["fp16", "int8", "nf4"] == [row.answer.deployment.scheme.id for row in found]
    assert ["exceeds", "fits", "fits"] == [row.answer.verdict.word for row in found]
    assert {"gpu": ("rtx4090",), "model": "llama-2-13b"} == found[0].request


def test_rows_come_as_they_are_ready() -> None:
    """A generator: NDJSON prints the first before the second is computed."""
    asked = check(parse_request({"gpu": "rtx4090", "model": "llama-2-13b"}), Catalogue())
    assert "fp16" == next(asked).answer.deployment.scheme.id


def test_a_bad_request_fails_before_the_first_row() -> None:
    """So that nothing is printed for it."""
    with pytest.raises(UnknownModel):
        next(check({"gpu": ("rtx4090",), "model": "llama-9"}, Catalogue()))


@pytest.mark.parametrize(
    ("expected", "row"),
    [
        (RuleOfThumb(13, 2, 26.0, 24, 2.0), 0),
        (RuleOfThumb(13, 1, 13.0, 24, -11.0), 1),
        (RuleOfThumb(13, 0.5, 6.5, 24, -17.5), 2),
    ],
)
def test_rule_of_thumb(expected: RuleOfThumb, row: int) -> None:
    """Billions as the name states them x bytes per parameter, against the figure on the box."""
    assert expected == rows()[row].rule_of_thumb


def test_rule_of_thumb_of_a_name_without_a_size() -> None:
    """The parameters counted, to a tenth of a billion; of several cards the sum."""
    thumb = rows(gpu="2xrtx3090", model="mixtral-8x7b", quant="fp16")[0].rule_of_thumb
    assert RuleOfThumb(46.7, 2, 93.4, 48, 45.4) == thumb


def test_whole_figures_are_whole() -> None:
    """13, not 13.0: what the name says."""
    thumb = rows()[0].rule_of_thumb
    assert thumb is not None
    assert [int, int, int] == [type(thumb.parameters_billion), type(thumb.bytes_per_parameter), type(thumb.gpu_gb)]


def test_limits_of_a_row_that_fits() -> None:
    """The longest context and the most sequences that still reach the level."""
    limits = rows()[1].limits
    assert limits is not None
    assert 4096 == limits.max_context
    assert limits.max_parallel > 1
    at, beyond = (rows(quant="int8", parallel=limits.max_parallel + more)[0].answer for more in (0, 1))
    assert at.reached
    assert not beyond.reached


def test_limits_of_a_row_that_does_not_fit() -> None:
    """0 when not even one token, or one sequence, reaches the level."""
    limits = rows()[0].limits
    assert limits is not None
    assert (0, 0) == (limits.max_context, limits.max_parallel)


def test_no_context_is_long_enough_for_a_longer_prompt() -> None:
    """A context below the stated prompt is refused, so that none is the longest."""
    asked: dict[str, Any] = {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "int8", "parallel": 64}
    longest = [rows(**asked)[0].limits, rows(**asked, prompt_tokens=2048)[0].limits]
    assert [None if one is None else one.max_context > 0 for one in longest] == [True, False]


def test_limits_follow_the_level() -> None:
    """At level ``fits`` the high need counts, so the limits are lower."""
    strict, easy = (rows(model="llama-3.1-8b", level=level)[0].limits for level in ("fits", "tight"))
    assert strict is not None
    assert easy is not None
    assert 4096 < strict.max_context < easy.max_context


def test_training_has_limits_of_a_step_and_no_rule_of_thumb() -> None:
    """Of its samples' length, and of how many it takes at once."""
    (row,) = rows(task="qlora")
    assert (None, None) == (row.rule_of_thumb, row.if_tried)
    assert row.limits is not None
    assert row.limits.max_context > 2048
    assert row.limits.max_parallel >= 1


@pytest.mark.parametrize(("outcome", "platform"), [("out-of-memory", "linux"), ("spills", "windows")])
def test_what_happens_if_it_is_tried(outcome: str, platform: str) -> None:
    """Windows' NVIDIA driver pages to RAM, everywhere else the program dies."""
    tried = rows(platform=platform)[0].if_tried
    assert tried is not None
    assert outcome == tried.outcome
    assert tried.missing_bytes == -rows(platform=platform)[0].answer.verdict.headroom_bytes
    assert tried.link_bytes_per_second == 31_504_000_000


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        ("ollama run llama2:7b", {"engine": "ollama", "quant": "Q4_K_M"}),
        (None, {"engine": "ollama", "quant": "Q8_0"}),
        (None, {"quant": "Q4_K_M"}),
        (None, {"engine": "ollama", "quant": "Q4_K_M", "model": "llama-3.1-8b"}),
    ],
)
def test_best_known_files(expected: str | None, request_: dict[str, Any]) -> None:
    """A tag or repository that the catalogue knows to be in the asked scheme stands in for files that nobody named."""
    found = rows(**{"model": "llama-2-7b", **request_})[0].answer.known_command
    assert (None if found is None else found.split("\n")[-1]) == expected


def test_what_is_missing_of_the_ram() -> None:
    """Where the GPU has room and the host has none, its shortage counts; nothing spills from the GPU."""
    row = rows(quant="Q4_K_M", gpu_layers=0, ram="4GiB", platform="windows")[0]
    assert row.if_tried is not None
    assert ("out-of-memory", True) == (row.if_tried.outcome, row.if_tried.weights_fit)
    assert row.if_tried.missing_bytes == -(row.answer.verdict.host_headroom_bytes or 0) > 0


def test_what_fits_is_not_tried_in_vain() -> None:
    """A row that fits says nothing of failing."""
    assert rows()[1].if_tried is None


def test_whether_the_weights_alone_fit() -> None:
    """26 GB do not fit 24; with 60 sequences it is the cache that does not."""
    first, cache = rows()[0].if_tried, rows(quant="int8", parallel=60)[0].if_tried
    assert first is not None
    assert cache is not None
    assert (False, True) == (first.weights_fit, cache.weights_fit)


def test_missing_bytes_add_up_over_gpus() -> None:
    """What does not fit, over all cards."""
    (row,) = rows(gpu="2xrtx3060-12gb", quant="fp32")
    usable = row.answer.verdict.usable_bytes
    over = [gpu.total_bytes - limit for gpu, limit in zip(row.answer.estimate.gpus, usable, strict=True)]
    assert row.if_tried is not None
    assert sum(over) == row.if_tried.missing_bytes > 2 * GIB


@given(st.lists(st.booleans(), min_size=1, max_size=3), st.booleans(), st.booleans())
def test_exit_code(reached: list[bool], any_row: bool, first_only: bool) -> None:
    """0 if all rows reach their level; the first alone for three classes; any one with ``--any``."""
    expected = any(reached) if any_row else reached[0] if first_only else all(reached)
    assert (0 if expected else 1) == exit_code(reached, any_row=any_row, first_only=first_only)


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        # 16 requests of 8,192 tokens need 12.5 GiB each of a cache that holds one.
        (("queues", True, None), {"quant": "int8", "parallel": 16, "context": 4096}),
        (("does-not-start", True, None), {"quant": "int8", "parallel": 1, "gpu_memory_utilization": 0.65}),
        (("out-of-memory", False, None), {"quant": "fp16"}),
    ],
)
def test_what_a_server_does(expected: tuple[Any, ...], request_: dict[str, Any]) -> None:
    """It starts and lets requests wait, checks its cache first, or fails while it loads."""
    tried = rows(engine="vllm", **request_)[0].if_tried
    assert tried is not None
    assert expected[:2] == (tried.outcome, tried.weights_fit)
    if expected[0] != "out-of-memory":
        assert tried.decode_tokens_per_second is None


@pytest.mark.parametrize("context", ["max", "0"])
def test_limits_where_the_model_has_the_context(context: str) -> None:
    """Ollama's defaults follow the context, which is a number by the time that limits are looked for."""
    request = parse_request(
        {"gpu": "rtx4090", "model": "qwen3-8b", "engine": "ollama", "quant": "Q4_K_M", "context": context}
    )
    (found,) = answers(request, open_catalogue())
    assert isinstance(found, Checked)
    assert found.limits is not None
    assert found.limits.max_context == 40960
