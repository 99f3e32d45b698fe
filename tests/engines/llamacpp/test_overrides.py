"""Tensors placed by name: which pattern decides, what moves, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engines.llamacpp.asking import catalogue_model, estimated, mebibytes
from vramfit.engines.llamacpp.overrides import moved
from vramfit.engines.llamacpp.placement import HOST, loaded, parts_of
from vramfit.errors import UsageError
from vramfit.quantization import find_scheme

MIXTURE = "qwen3-30b-a3b"


@pytest.mark.parametrize(
    ("layers", "patterns"),
    [
        (48, ("exps=CPU",)),
        (48, (r"\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU",)),
        (12, (r"blk\.([0-9]|1[01])\.ffn_.*_exps=CPU",)),
        (12, (r"blk\.(1[2-9]|[2-4][0-9])\.=CUDA0", "exps=CPU")),
    ],
)
def test_experts_by_name_are_those_of_cpu_moe_layers(layers: int, patterns: tuple[str, ...]) -> None:
    """``--n-cpu-moe`` is such a pattern itself (``common/common.h``, ``llm_ffn_exps_block_regex``), byte for byte."""
    by_name = estimated(MIXTURE, override_tensor=patterns)
    counted = estimated(MIXTURE, cpu_moe_layers=layers)
    assert (counted.gpus, counted.host) == (by_name.gpus, by_name.host)
    assert by_name.ram_expert_layers == layers


def test_a_breakdown_of_llama_cpp() -> None:
    """Qwen3 30B A3B in Q4_K_M with all experts in RAM: 784 MiB on the GPU, 16,906 in RAM (its own report, v0.5.0)."""
    found = estimated(MIXTURE, context=16384, override_tensor=("exps=CPU",))
    weights, cache, compute = mebibytes(found.gpus[0])
    assert (784, 1536) == (int(weights), int(cache))
    assert compute == pytest.approx(233.5, abs=0.1)
    assert int(mebibytes(found.host)[0]) == 16906


def test_the_first_match_decides() -> None:
    """A later pattern has what earlier ones leave, and one that gets nothing is reported."""
    model = catalogue_model("llama-3.1-8b")
    checkpoint = loaded(model, find_scheme("Q4_K_M"))
    found = moved(checkpoint, ["attn_k=CUDA1", r"blk\.0\.attn=CPU,attn_k\.=CPU", "nothing=CPU"], ["cuda", "cuda"])
    assert found.layers[0] == (
        ("attn_k.weight", 1), ("attn_norm.weight", HOST), ("attn_output.weight", HOST), ("attn_q.weight", HOST),
        ("attn_v.weight", HOST),
    )  # fmt: skip
    assert [(("attn_k.weight", 1),)] * 31 == [*found.layers[1:]]
    assert ("attn_k\\.=CPU", "nothing=CPU") == found.unused
    said = estimated("llama-3.1-8b", override_tensor=("nothing=CPU",)).assumptions
    assert 'override_tensor: "nothing=CPU" matches no tensor left, so it changes nothing' in said


@pytest.mark.parametrize(("name", "second_copy"), [("llama-3.1-8b", False), ("llama-3.2-1b", True)])
def test_the_embedding_moves(name: str, second_copy: bool) -> None:
    """To the GPU: a tied model's head is the same tensor there, so that the copy in RAM goes away."""
    usual = estimated(name)
    found = estimated(name, override_tensor=("token_embd=CUDA0",))
    table = parts_of(loaded(catalogue_model(name), find_scheme("Q4_K_M"))).input_bytes
    assert found.host.weights_bytes == usual.host.weights_bytes - table == 0
    assert found.gpus[0].weights_bytes == usual.gpus[0].weights_bytes + (0 if second_copy else table)


@pytest.mark.parametrize("name", ["llama-3.1-8b", "llama-3.2-1b"])
def test_the_head_moves(name: str) -> None:
    """To RAM, where a tied model's head is the embedding that is there already."""
    parts = parts_of(loaded(catalogue_model(name), find_scheme("Q4_K_M")))
    usual = estimated(name)
    pattern = "token_embd=CPU" if parts.tied_bytes else r"^output\.weight=CPU"
    found = estimated(name, override_tensor=(pattern,))
    assert usual.gpus[0].weights_bytes - found.gpus[0].weights_bytes == parts.head_bytes
    assert found.host.weights_bytes - usual.host.weights_bytes == (0 if parts.tied_bytes else parts.head_bytes)
    assert found.gpus[0].read_bytes + found.host.read_bytes == usual.gpus[0].read_bytes


def test_no_pipeline_with_tensors_placed_by_name() -> None:
    """``llama-context.cpp``: pipeline parallelism needs a model without overrides, and so four copies less of inputs."""
    usual, found = estimated("llama-3.1-8b", gpus=2), estimated("llama-3.1-8b", gpus=2, override_tensor=("x=CPU",))
    assert found.gpus[0].compute_bytes < usual.gpus[0].compute_bytes
    assert found.gpus[0].weights_bytes == usual.gpus[0].weights_bytes


def test_auto_is_all_with_tensors_placed_by_name() -> None:
    """``--fit`` gives up then (``common/fit.cpp``, "tensor_buft_overrides already set by user")."""
    found = estimated(MIXTURE, override_tensor=("exps=CPU",), gpu_layers="auto", cpu_moe_layers="auto")
    assert estimated(MIXTURE, override_tensor=("exps=CPU",)).gpus == found.gpus
    assert {"gpu_layers": "all", "cpu_moe_layers": 0} == {k: v for k, v in found.settings.items() if k != "backend"}


@pytest.mark.parametrize(
    ("message", "patterns"),
    [
        ('"exps" is not PATTERN=BUFFER', ["exps"]),
        ('"=CPU" is not PATTERN=BUFFER', ["=CPU"]),
        ('no buffer is called "ROCm0"', ["exps=ROCm0"]),
        ('no buffer is called "CUDA1"', ["exps=CPU", "attn=CUDA1"]),
        ('"[" is no regular expression', ["[=CPU"]),
    ],
)
def test_what_is_refused(message: str, patterns: list[str]) -> None:
    """A text of another form, an unknown buffer, a faulty expression."""
    with pytest.raises(UsageError) as error:
        estimated("llama-3.1-8b", override_tensor=tuple(patterns))
    assert message in error.value.message


def test_rows_of_tensors_placed_by_name_are_not_modelled() -> None:
    """Which of the two llama.cpp follows is not known."""
    with pytest.raises(UsageError, match="split_mode row is not modelled"):
        estimated("llama-3.1-8b", gpus=2, split_mode="row", override_tensor=("attn=CPU",))


PATTERN = st.sampled_from(
    ["exps", "attn", r"blk\.[0-9]\.", r"blk\.1[0-9]\.ffn", "ffn_down", "norm", "token_embd", "output", ".*", "nothing"]
)


@settings(max_examples=40, deadline=None)
@given(
    patterns=st.lists(st.tuples(PATTERN, st.sampled_from(["CPU", "CUDA0", "CUDA1"])), min_size=1, max_size=3),
    work=st.fixed_dictionaries(
        {},
        optional={"gpu_layers": st.integers(0, 50), "cpu_moe_layers": st.integers(0, 50), "kv_offload": st.booleans()},
    ),
)
def test_moving_keeps_weights_and_caches(patterns: list[tuple[str, str]], work: dict[str, Any]) -> None:
    """Whatever moves: no byte of an untied model is lost or made, and reads stay the same."""
    given_patterns = tuple([f"{pattern}={buffer}" for pattern, buffer in patterns])
    usual = estimated(MIXTURE, gpus=2, **work)
    found = estimated(MIXTURE, gpus=2, override_tensor=given_patterns, **work)

    def totals(estimate: Any) -> list[int]:
        devices = (*estimate.gpus, estimate.host)
        assert all(min(d.weights_bytes, d.kv_cache_bytes, d.compute_bytes, d.read_bytes) >= 0 for d in devices)
        return [sum(d.weights_bytes for d in devices), sum(d.kv_cache_bytes for d in devices)]

    assert totals(usual) == totals(found)
    read, before = (sum(d.read_bytes for d in (*e.gpus, e.host)) for e in (found, usual))
    assert read == pytest.approx(before, abs=4)
