"""Positions that a deployment states anew: reading, writing, and the longest context by each server's rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.command import report
from tests.samples import Catalogue
from vramfit.answer import answer
from vramfit.engines.keys import parse_request
from vramfit.engines.positions import Scaling, overrides_text, read_overrides, read_rope, scaling
from vramfit.engines.resolve import resolve
from vramfit.errors import UsageError

if TYPE_CHECKING:
    from vramfit.answer import Answer


def answered(**request: Any) -> Answer:
    """The answer to a request: Llama 2 7B, whose longest context is 4,096, on an A100, unless it says otherwise."""
    raw = {"gpu": "a100-sxm4-80gb", "model": "llama-2-7b", "quant": "fp16", "engine": "vllm", **request}
    return answer(resolve(parse_request(raw), Catalogue())[0])


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        (Scaling(None, "yarn", 4.0, 32768), "yarn:4:32768"),
        (Scaling(None, "linear", 2.5), "linear:2.5"),
        (Scaling(131072), "131072"),
        (Scaling(131072, "deepseek_yarn", 40.0, 4096), "131072, Deepseek_YaRN:40:4096"),
    ],
)
def test_scaling(expected: Scaling, text: str) -> None:
    """A kind with its factor and trained positions, positions, or both."""
    assert expected == scaling(text)


@pytest.mark.parametrize("text", ["", "yarn", "yarn:x", "yarn:0", "yarn:-2", "yarn:4:0", "yarn:4:3:2", "-1", ":4", "0"])
def test_other_texts(text: str) -> None:
    """Refused with how it is written."""
    with pytest.raises(UsageError) as caught:
        scaling(text)
    assert "yarn:4:32768" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("yarn:4:32768", '{"rope_parameters": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}}'),
        ("131072", '{"max_position_embeddings": 131072}'),
        ("9,linear:2", '{"text_config": {"rope_scaling": {"type": "linear", "factor": 2}, "max_position_embeddings": 9}}'),
        (None, '{"architectures": ["Qwen3ForSequenceClassification"], "rope_parameters": {"rope_type": "default"}}'),
        (None, "{}"),
    ],
)  # fmt: skip
def test_overrides(expected: str | None, text: str) -> None:
    """Those of positions become the key; those without memory are passed over."""
    assert ({} if expected is None else {"rope_scaling": expected}) == read_overrides(text, "--hf-overrides")


@pytest.mark.parametrize("text", ['{"hidden_size": 1}', '{"text_config": {"num_hidden_layers": 2}}', "[1]", "3", "x"])
def test_other_overrides(text: str) -> None:
    """What may change the memory is refused, and what is no object."""
    with pytest.raises(UsageError, match="--hf-overrides"):
        read_overrides(text, "--hf-overrides")


def test_rope_alone() -> None:
    """Earlier releases have a flag for it."""
    assert {"rope_scaling": "dynamic:2"} == read_rope('{"rope_type": "dynamic", "factor": 2.0}', "--rope-scaling")


@given(
    st.none() | st.integers(1, 2**20),
    st.none() | st.tuples(st.sampled_from(["yarn", "linear"]), st.integers(1, 64), st.none() | st.integers(1, 2**20)),
)
def test_what_is_written_is_read_back(positions: int | None, rope: tuple[str, int, int | None] | None) -> None:
    """In the JSON of either field."""
    parts = [] if positions is None else [str(positions)]
    if rope is not None:
        parts.append(":".join([str(word) for word in rope if word is not None]))
    text = ",".join(parts)
    fields = ("rope_parameters", "rope_scaling") if text else ()

    assert [{"rope_scaling": text} for _ in fields] == [
        read_overrides(overrides_text(text, field), "--hf-overrides") for field in fields
    ]


@pytest.mark.parametrize(
    ("longest", "request_"),
    [
        (4096, {}),
        # Until vLLM's pull request 56446 the trained positions times the factor, since then those of the configuration.
        (8192, {"rope_scaling": "yarn:2:4096", "engine_version": "0.25.0"}),
        (8192, {"rope_scaling": "yarn:2", "engine_version": "0.25.0"}),
        (4096, {"rope_scaling": "yarn:2:4096"}),
        (8192, {"rope_scaling": "8192,yarn:2:4096"}),
        (8192, {"rope_scaling": "linear:2"}),
        (4096, {"rope_scaling": "llama3:2"}),
        (8192, {"rope_scaling": "8192"}),
        # SGLang's factor counts where no trained positions are stated.
        (4096, {"engine": "sglang"}),
        (4096, {"engine": "sglang", "rope_scaling": "yarn:2:4096"}),
        (8192, {"engine": "sglang", "rope_scaling": "yarn:2"}),
        (4096, {"engine": "sglang", "rope_scaling": "llama3:2"}),
        (8192, {"engine": "sglang", "rope_scaling": "8192,yarn:2:4096"}),
    ],
)
def test_longest_contexts(longest: int, request_: dict[str, Any]) -> None:
    """``max`` is the longest, and a token more is refused."""
    assert longest == answered(**request_, context="max").deployment.workload.context
    assert "unsupported" != answered(**request_, context=longest).verdict.word
    found = answered(**request_, context=longest + 1).verdict
    assert "unsupported" == found.word
    assert found.refusal is not None
    assert f"maximum is {longest:,}" in found.refusal


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_any_context(engine: str) -> None:
    """Where the user lifts the limit; the table of angles has a row for each position."""
    short = answered(engine=engine, context=4096)
    long = answered(engine=engine, context=16384, long_context=True)
    assert "fits" == long.verdict.word
    more = long.estimate.gpus[0].weights_bytes - short.estimate.gpus[0].weights_bytes
    assert (16384 - 4096) * 128 * (2 if engine == "vllm" else 4) == more


@pytest.mark.parametrize(
    ("engine", "context", "refused"),
    [("sglang", 128_000, False), ("sglang", 128_001, True), ("vllm", 128_000, False), ("vllm", 128_001, True)],
)
def test_servers_go_by_the_context_that_the_configuration_states(engine: str, context: int, refused: bool) -> None:
    """LFM2's makers support 32,768 tokens; its ``max_position_embeddings`` is 128,000, which SGLang started with."""
    asked = ("-g", "l4", "-m", "lfm2-700m", "--engine", engine, "--quant", "bf16", "--context", str(context))
    estimate = report(*asked).estimates[0]
    assert refused == (estimate["verdict"] == "unsupported")
    assert 128_000 == estimate["model"]["max_context"]
