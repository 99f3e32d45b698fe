"""The inventory's names, order and flags, and how it answers to changes of the architecture."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.each import each
from vramfit.model import Model, Tensor, model_from_facts, parameters, tensors

PLAIN: dict[str, Any] = {
    "id": "plain",
    "name": "Plain",
    "family": "plain",
    "hidden": 64,
    "layers": 4,
    "ffn": 96,
    "heads": 4,
    "kv_heads": 2,
    "vocab": 100,
    "context": 128,
}


def of(**changes: Any) -> Model:
    """A small LLaMA with some facts changed."""
    return model_from_facts(PLAIN | changes)


def total(rows: tuple[Tensor, ...], *, repeated: bool) -> int:
    """Parameters of the tensors in layers, or of the others."""
    return sum(tensor.parameters for tensor in rows if bool(tensor.layers) == repeated)


def named(model: Model) -> dict[str, Tensor]:
    """The tensors of a model by name."""
    return {tensor.name: tensor for tensor in tensors(model)}


def test_llama_tensors_in_file_order() -> None:
    assert [(t.name, t.shape, len(t.layers), t.linear) for t in tensors(of())] == [
        ("token_embd.weight", (64, 100), 0, False),
        ("attn_norm.weight", (64,), 4, False),
        ("ffn_norm.weight", (64,), 4, False),
        ("attn_q.weight", (64, 64), 4, True),
        ("attn_k.weight", (64, 32), 4, True),
        ("attn_v.weight", (64, 32), 4, True),
        ("attn_output.weight", (64, 64), 4, True),
        ("ffn_gate.weight", (64, 96), 4, True),
        ("ffn_up.weight", (64, 96), 4, True),
        ("ffn_down.weight", (96, 64), 4, True),
        ("output_norm.weight", (64,), 0, False),
        ("output.weight", (64, 100), 0, True),
    ]


def test_a_tied_head_is_counted_once() -> None:
    assert parameters(of()) - parameters(of(tied=True)) == 64 * 100


@given(st.integers(1, 40))
def test_twice_the_layers_are_twice_the_repeated_tensors(layers: int) -> None:
    once, twice = tensors(of(layers=layers)), tensors(of(layers=2 * layers))

    assert total(twice, repeated=True) == 2 * total(once, repeated=True)
    assert total(twice, repeated=False) == total(once, repeated=False)


@given(st.integers(1, 64), st.integers(1, 64), st.integers(0, 4))
def test_more_experts_are_never_fewer_parameters(few: int, more: int, dense: int) -> None:
    few, more = sorted((few, more))

    def count(experts: int) -> int:
        return parameters(of(moe={"experts": experts, "active": 1, "width": 32, "dense_layers": dense}))

    assert count(few) <= count(more)
    assert count(more) - count(few) == (more - few) * (4 - dense) * (64 + 3 * 64 * 32)


@given(st.sampled_from([1, 2, 4]), st.sampled_from([8, 16, 32]))
def test_keys_and_values_follow_their_heads(kv_heads: int, head_dim: int) -> None:
    rows = named(of(kv_heads=kv_heads, head_dim=head_dim))

    assert rows["attn_q.weight"].shape == (64, 4 * head_dim)
    assert rows["attn_k.weight"].shape == rows["attn_v.weight"].shape == (64, kv_heads * head_dim)
    assert rows["attn_output.weight"].shape == (4 * head_dim, 64)


@given(st.integers(1, 30), st.integers(1, 5))
def test_a_window_changes_no_weight(layers: int, sliding: int) -> None:
    sliding_too = of(layers=layers, pattern=f"{sliding}*sliding full", window=16)

    assert tensors(sliding_too) == tensors(of(layers=layers))


@pytest.mark.parametrize(
    ("traits", "difference"),
    [
        ({"qkv_bias": True}, 4 * (64 + 32 + 32)),
        ({"qkv_bias": True, "k_bias": False}, 4 * (64 + 32)),
        ({"o_bias": True}, 4 * 64),
        ({"mlp_bias": True}, 4 * (96 + 96 + 64)),
        ({"norm_bias": True}, (2 * 4 + 1) * 64),
        ({"norms": ["attn_norm"]}, -4 * 64),
        ({"gated": False}, -4 * 64 * 96),
        ({"fused_qkv": True}, 0),
        ({"fused_gate_up": True}, 0),
        ({"qk_norm": "head"}, 4 * 2 * 16),
        ({"qk_norm": "projection"}, 4 * (64 + 32)),
        ({"query_gate": True}, 4 * 64 * 64),
        ({"head_gate": True}, 4 * 64 * 4),
        ({"sinks": ["full"]}, 4 * 4),
        ({"sinks": ["sliding"]}, 0),
        ({"attention_sub_norm": True}, 4 * 64),
        ({"mlp_sub_norm": True}, 4 * 96),
        ({"activation_parameters": 2}, 4 * 2),
        ({"embedding_norm": True}, 64),
        ({"positions": 30, "token_types": 2}, 32 * 64),
        ({"output_norm": False}, -64),
        ({"head": False}, -64 * 100),
        ({"output_bias": True}, 100),
        ({"extra_embeddings": 8}, 8 * 64),
        ({"pooler": True}, 64 * 64 + 64),
        ({"classifier": True}, 64 * 64 + 64 + 64 + 1),
        ({"first_attn_norm": False}, -64),
        ({"laurel": 8}, 4 * (2 * 64 * 8 + 64)),
        ({"layer_scale": True}, 0),
    ],
)
def test_each_trait_adds_what_it_says(traits: dict[str, Any], difference: int) -> None:
    assert parameters(of(traits=traits)) - parameters(of()) == difference


@pytest.mark.parametrize(
    ("traits", "difference"),
    [
        ({"router_bias": True}, 4 * 8),
        ({"expert_bias": True}, 4 * 8 * (32 + 32 + 64)),
        ({"selection_bias": True}, 0),
        ({"selection_bias": "counted"}, 4 * 8),
        ({"shared_gate": True}, 4 * 64),
        ({"gated": False}, -4 * (8 + 2) * 64 * 32),
    ],
)
def test_each_trait_of_a_mixture_adds_what_it_says(traits: dict[str, Any], difference: int) -> None:
    moe = {"experts": 8, "active": 2, "width": 32, "shared_width": 64}

    assert parameters(of(moe=moe, traits=traits)) - parameters(of(moe=moe)) == difference


def test_a_selection_bias_weighs_but_is_no_parameter() -> None:
    bias = named(of(moe={"experts": 8, "active": 2, "width": 32}, traits={"selection_bias": True}))["exp_probs_b.bias"]

    assert (bias.buffer, bias.elements, bias.count, bias.parameters) == (True, 8, 4, 0)


def test_latent_experts_work_in_their_own_width() -> None:
    rows = named(of(moe={"experts": 8, "active": 2, "width": 32, "shared_width": 48, "latent": 16}))

    assert rows["ffn_up_exps.weight"].shape == (16, 32, 8)
    assert rows["ffn_down_exps.weight"].shape == (32, 16, 8)
    assert rows["ffn_up_shexp.weight"].shape == (64, 48)
    assert (rows["ffn_latent_down.weight"].shape, rows["ffn_latent_up.weight"].shape) == ((64, 16), (16, 64))


def test_layers_that_share_a_cache_own_no_keys_and_values() -> None:
    rows = named(of(shared_cache_layers=3))

    assert rows["attn_k.weight"].layers == rows["attn_v.weight"].layers == (0,)
    assert rows["attn_q.weight"].layers == (0, 1, 2, 3)


def test_latent_attention_is_one_expansion_matrix(models: dict[str, Model]) -> None:
    rows = named(models["deepseek-r1"])

    assert rows["attn_q_a.weight"].shape == (7168, 1536)
    assert rows["attn_q_b.weight"].shape == (1536, 128 * 192)
    assert rows["attn_kv_a_mqa.weight"].shape == (7168, 576)
    assert rows["attn_kv_b.weight"].shape == (512, 128 * 256)
    assert rows["ffn_gate_exps.weight"].shape == (7168, 2048, 256)
    assert rows["ffn_gate_exps.weight"].layers == tuple(range(3, 61))
    assert "attn_k.weight" not in rows


def test_rows_of_one_name_and_shape_share_a_layer(models: dict[str, Model]) -> None:
    """Layers of an encoder and of a decoder have the same numbers; where no layer has both, one row has all."""
    for key, model in each(models.items()):
        rows: dict[tuple[object, ...], list[set[int]]] = {}
        for tensor in tensors(model):
            rows.setdefault((tensor.part, tensor.name, tensor.shape), []).append(set(tensor.layers))
        assert all(first & second for found in rows.values() for first, second in pairwise(found)), key


def test_extents_are_positive(models: dict[str, Model]) -> None:
    for key, model in each(models.items()):
        assert all(min(tensor.shape) > 0 and tensor.count > 0 for tensor in tensors(model)), key


def test_linear_rows_are_matrices(models: dict[str, Model]) -> None:
    """Quantization reads ``shape[0]`` as the row length and ``shape[1]`` as the rows."""
    for key, model in each(models.items()):
        assert all(len(tensor.shape) in (2, 3) for tensor in tensors(model) if tensor.linear), key


def test_parts_stand_in_order(models: dict[str, Model]) -> None:
    order = ["text", "vision", "projector", "audio", "component"]
    for key, model in each(models.items()):
        parts = [order.index(tensor.part) for tensor in tensors(model)]
        assert parts == sorted(parts), key


def test_a_pipeline_is_its_components(models: dict[str, Model]) -> None:
    flux = models["flux.1-dev"]

    assert next((t.name, t.part) for t in tensors(flux)) == ("transformer", "component")
    assert parameters(flux) == 11_901_408_320 + 123_060_480 + 4_762_310_656 + 83_819_683
