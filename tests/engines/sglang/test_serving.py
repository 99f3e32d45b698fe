"""What an SGLang server holds, warns of and refuses, and the share that its command states."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import Catalogue
from vramfit.answer import Answer, answer
from vramfit.engines import engine
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.units import MIB

SGLANG = engine("sglang")


def answered(**request: Any) -> Answer:
    """The answer to a request: Llama 3.1 8B in fp16 on an RTX 4090 unless it says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "fp16", "engine": "sglang", **request}
    return answer(resolve(parse_request(raw), Catalogue())[0])


def serving(found: Answer) -> Any:
    """What the server does with its memory."""
    return SGLANG.serving(found.deployment, found.estimate, found.verdict.usable_bytes)


def pool_tokens(found: Answer, share: float) -> int:
    """Tokens of 131,072 bytes that a share of the free memory of the RTX 4090 leaves beside the weights."""
    free = (24_080 - 440 - 90) * MIB
    return (round(share * free) - found.estimate.gpus[0].weights_bytes) // 131_072


def test_a_server_with_room() -> None:
    """Tokens, requests of the full context, and one request for every 1/512 of a context, but 2,048 to 4,096."""
    found = answered(gpu_memory_utilization=0.85)
    tokens = pool_tokens(found, 0.85)
    here = serving(found)
    assert (tokens, round(tokens / 4096, 2)) == (here.cache_tokens, here.concurrent_requests)
    assert (True, None) == (here.starts, here.refusal)
    assert min(max(int(tokens / 4096 * 512), 2048), 4096) == here.max_num_seqs
    assert () == SGLANG.remarks(found.deployment, found.estimate)


def test_copies_hold_as_much_again() -> None:
    """Each has a cache of its own."""
    one, two = serving(answered()), serving(answered(gpu="2xrtx4090", data_parallel=2))
    assert 2 * one.cache_tokens == two.cache_tokens
    assert 2 * one.concurrent_requests == pytest.approx(two.concurrent_requests, abs=0.011)


def test_stated_requests() -> None:
    """``--max-running-requests``."""
    assert 7 == serving(answered(max_num_seqs=7)).max_num_seqs


def test_a_pool_smaller_than_one_request() -> None:
    """SGLang starts with it, so the answer is no better than tight, and the command has a share that holds the request."""
    found = answered(context=32_768)
    share = found.estimate.settings["gpu_memory_utilization"]
    tokens = pool_tokens(found, 0.704)
    assert (0.704, "tight", 0) == (share, found.verdict.word, found.verdict.headroom_bytes)
    here = serving(found)
    assert (True, tokens) == (here.starts, here.cache_tokens)
    assert round(tokens / 32_768, 2) == here.concurrent_requests < 1
    need = found.estimate.gpus[0].weights_bytes + 32_768 * 131_072
    least = -(-need * 1000 // ((24_080 - 440 - 90) * MIB)) / 1000
    assert f"--mem-fraction-static {least:g}" in found.command
    assert (
        f"at a static share of 0.704 SGLang starts with a cache of {tokens:,} tokens and rejects longer prompts; the command"
        f" raises it to {least:g}, which holds 32,768",
    ) == SGLANG.remarks(found.deployment, found.estimate)


def test_a_stated_share_stays() -> None:
    """Whoever states it means it; the warning stands alone."""
    found = answered(context=32_768, gpu_memory_utilization=0.7)
    assert "tight" == found.verdict.word
    assert "--mem-fraction-static 0.7 " in found.command
    (warning,) = SGLANG.remarks(found.deployment, found.estimate)
    assert warning.endswith("tokens and rejects longer prompts")


@pytest.mark.parametrize(
    ("share", "request_"),
    [
        (0.704, {"context": 32_768, "parallel": 2}),
        (0.704, {"context": 131_072}),
        (0.704, {"context": 32_768, "parallel": 2, "gpu": "2xrtx4090", "data_parallel": 2}),
    ],
)
def test_what_does_not_fit_all_the_same(share: float, request_: dict[str, Any]) -> None:
    """More requests than are held at once, in one copy or in two, and one that the card itself has no memory for."""
    found = answered(**request_)
    assert "exceeds" == found.verdict.word
    assert found.verdict.headroom_bytes < 0
    assert found.verdict.refusal is None
    assert f"--mem-fraction-static {share} " in found.command


@pytest.mark.parametrize(
    ("beginning", "request_"),
    [
        ("SGLang refuses to start: the weights leave no memory", {"gpu_memory_utilization": 0.5}),
        ("SGLang gives 98.0% of the free memory", {"gpu_memory_utilization": 0.98}),
    ],
)
def test_what_does_not_start(beginning: str, request_: dict[str, Any]) -> None:
    """Weights without a cache, and a cache without room for graphs: no request is held, and the reason is said."""
    found = answered(**request_)
    assert "exceeds" == found.verdict.word
    here = serving(found)
    assert (False, 0, 0.0) == (here.starts, here.cache_tokens, here.concurrent_requests)
    assert here.refusal == found.verdict.refusal
    assert (here.refusal or "").startswith(beginning)


@pytest.mark.parametrize(
    ("share", "request_"),
    [
        # 7,000 tokens too few for four requests: the share that holds them; too large a share: the one that leaves enough.
        (None, {}),
        ("more", {"parallel": 4}),
        ("less", {"gpu_memory_utilization": 0.98}),
    ],
)
def test_settings_of_a_share(share: str | None, request_: dict[str, Any]) -> None:
    """They are proposed before those that every server has."""
    found = answered(**request_)
    first = next(iter(SGLANG.settings(found.deployment, found.estimate)))
    pool: Any = found.estimate.pool
    offered = [24_080 * MIB]
    if share is None:
        assert {"gpu_memory_utilization": 0.9} == first.changes
    elif share == "more":
        assert {"gpu_memory_utilization": pool.least_share(offered, 0)} == first.changes
        assert answered(**request_, **first.changes).verdict.word in ("fits", "tight")
    else:
        assert {"gpu_memory_utilization": pool.most_share(offered, 0)} == first.changes
        assert answered(**{**request_, **first.changes}).verdict.word in ("fits", "tight")
