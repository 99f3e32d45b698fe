"""Where the weights may be put."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import MODELS, model
from vramfit.memory.weights import slices
from vramfit.quantization import derive, find_scheme, store

# Llama 2 7B (config.json): a layer is 4 square attention matrices, 3 of the feed-forward network and 2 norms.
LAYER = 4 * 4096**2 + 3 * 4096 * 11008 + 2 * 4096
EMBEDDING = 32000 * 4096


def test_slices_of_llama_2_7b() -> None:
    """Embedding, 32 equal layers and the head, 16 bits each: 13,476,831,232 bytes together."""
    cut = slices(derive(model("llama-2-7b"), find_scheme("fp16")))
    assert 2 * EMBEDDING == cut.input_bytes
    assert (2 * LAYER,) * 32 == cut.layer_bytes == cut.layer_read_bytes
    assert 2 * (EMBEDDING + 4096) == cut.output_bytes
    assert 2 * EMBEDDING == cut.output_read_bytes
    assert 0 == cut.other_bytes
    assert 4096 * 11008 == cut.largest_linear_elements
    assert 13_476_831_232 == cut.total_bytes


def test_a_token_reads_only_its_experts() -> None:
    """Mixtral routes each token to 2 of 8 experts: of their 3 x 4096 x 14336 weights a quarter is read."""
    cut = slices(derive(model("mixtral-8x7b"), find_scheme("fp16")))
    experts = 2 * 8 * 3 * 4096 * 14336
    left_out = {whole - read for whole, read in zip(cut.layer_bytes, cut.layer_read_bytes, strict=True)}
    assert {experts * 3 // 4} == left_out


def test_a_tied_head_is_read_but_stored_once() -> None:
    """Its bytes are in the input slice; per token the whole embedding is read for the logits."""
    cut = slices(derive(model("sliding"), find_scheme("fp16")))
    assert 2 * 262144 * 2560 == cut.input_bytes == cut.output_read_bytes
    assert 2 * 2560 == cut.output_bytes


def test_towers_are_apart_from_the_language_model() -> None:
    """CLIP ViT-L/14 at 336 pixels has 303,507,456 parameters, LLaVA's projector 20,979,712 (openai/clip, config.json)."""
    cut = slices(derive(model("llava-1.5-7b"), find_scheme("fp16")))
    assert 2 * (303_507_456 + 20_979_712) == cut.other_bytes


@given(st.sampled_from(sorted(MODELS)), st.sampled_from(["fp32", "fp16", "bf16", "int8", "nf4", "fp4-single", "Q8_0"]))
def test_every_tensor_is_in_exactly_one_slice(name: str, scheme: str) -> None:
    """The slices add up to the stored checkpoint, whatever the model and the scheme."""
    made, stored_as = model(name), find_scheme(scheme)
    assert sum(row.total_bytes for row in store(made, stored_as)) == slices(derive(made, stored_as)).total_bytes


@given(st.sampled_from(sorted(MODELS)))
def test_a_token_never_reads_more_than_there_is(name: str) -> None:
    """Layer by layer, what is read is a part of what is stored."""
    cut = slices(derive(model(name), find_scheme("fp16")))
    assert all(0 < read <= whole for whole, read in zip(cut.layer_bytes, cut.layer_read_bytes, strict=True))


def test_memory_of_slices_tells_models_apart_by_more_than_their_id() -> None:
    """An imported model may carry the id of another; the answer is for the model at hand."""
    scheme = find_scheme("fp16")
    first = slices(derive(model("llama-2-7b"), scheme)).total_bytes
    other = slices(derive(model("llama-2-7b", layers=16), scheme)).total_bytes
    assert 16 * 2 * LAYER == first - other
    assert first == slices(derive(model("llama-2-7b"), scheme)).total_bytes


@pytest.mark.parametrize(
    ("smaller", "larger"), [("nf4", "fp4-single"), ("nf4", "int8"), ("int8", "fp16"), ("fp16", "fp32")]
)
def test_fewer_bits_are_fewer_bytes(smaller: str, larger: str) -> None:
    """In every slice that a scheme touches, and never more in the others."""
    made = model("llama-3.1-8b")
    small, large = (slices(derive(made, find_scheme(name))) for name in (smaller, larger))
    assert all(a < b for a, b in zip(small.layer_bytes, large.layer_bytes, strict=True))
    assert small.input_bytes <= large.input_bytes
    assert small.output_bytes <= large.output_bytes


@pytest.mark.parametrize(("experts", "active"), [(3, 1), (3, 2), (3, 3), (49, 1), (107, 1)])
def test_shares_that_no_float_holds(experts: int, active: int) -> None:
    """A 49th of 49 experts is one, to the byte: 3 matrices of 4096 x 100 weights in 16 bits each."""
    made = model("mixtral-8x7b", layers=1, moe={"experts": experts, "active": active, "width": 100})
    cut = slices(derive(made, find_scheme("fp16")))

    assert (experts - active) * 2 * 3 * 4096 * 100 == cut.layer_bytes[0] - cut.layer_read_bytes[0]
