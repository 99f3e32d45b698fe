"""What holds for every model and every scheme."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.each import each
from tests.quantization.builders import build
from vramfit.model import Model, tensors
from vramfit.quantization import SCHEMES, find_scheme, store

NAMES = (*SCHEMES, "i1-IQ3_XXS", "i1-Q4_0", "gptq-int3-g32", "gptq-int2-channel", "exl3-2.25", "mlx-3bit-g32", "w8a16")

LADDERS = (
    ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M"),
    ("Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16", "F32"),
    ("Q3_K_S", "Q3_K_M"),
    ("Q4_K_S", "Q4_K_M"),
    ("Q3_K_L", "Q5_K_S", "Q5_K_M"),
    ("IQ3_XS", "IQ3_S", "IQ3_M"),
    ("Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"),
    ("TQ1_0", "TQ2_0"),
    ("MXFP4_MOE", "Q8_0"),
    ("gptq-int2", "gptq-int3", "gptq-int4", "gptq-int8", "bf16", "fp32"),
    ("gptq-int4-channel", "gptq-int4", "gptq-int4-g64", "gptq-int4-g32"),
    ("awq", "awq-g64", "awq-g32"),
    ("nf4-single", "int8", "fp16"),
    ("fp8", "fp8-channel", "bf16"),
    ("w4a16", "w4a16-g32", "w8a8"),
    ("exl3-1.0", "exl3-2.25", "exl3-4.0", "exl3-4.0-h8", "exl3-8.0-h8"),
    ("exl2-2.5", "exl2-4.0", "exl2-6.5"),
    ("mlx-2bit", "mlx-3bit", "mlx-4bit", "mlx-5bit", "mlx-6bit", "mlx-8bit"),
    ("mlx-mxfp4", "mlx-mxfp8"),
    ("hqq-int2", "hqq-int3", "hqq-int4", "hqq-int8"),
    ("torchao-int4", "torchao-int8"),
    ("quanto-int4", "quanto-int8"),
)
"""Schemes of one family, each with no fewer bits than the one before.

Two steps are missing: double-quantized NF4 has a code book of 1 KiB for each tensor, which small ones do not earn back;
Q3_K_L gives ``attn_output`` less than Q3_K_M and Q3_K_S do in a model of eight experts (``test_gguf``).
"""

widths = st.integers(4, 40).map(lambda blocks: 16 * blocks)
"""From 64 to 640 elements: multiples of 256, of 32 only, and of neither."""


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Models of every kind of mixer and feed-forward network, at widths that do and do not divide into blocks."""
    heads = draw(st.sampled_from((4, 8)))
    facts: dict[str, Any] = {
        "layers": draw(st.integers(2, 24)),
        "hidden": draw(widths),
        "ffn": draw(widths),
        "heads": heads,
        "kv_heads": draw(st.sampled_from((1, 2, heads))),
        "head_dim": draw(st.sampled_from((48, 64, 256))),
        "vocab": draw(st.integers(64, 2000)),
        "tied": draw(st.booleans()),
        "traits": {"gated": draw(st.booleans()), "qkv_bias": draw(st.booleans()), "fused_qkv": draw(st.booleans())},
    }
    kind = draw(st.sampled_from(("full", "mla", "mamba", "linear full", "conv full", "full+mamba")))
    facts["pattern"] = kind
    if kind == "mla":
        facts["mla"] = {"kv_rank": 128, "nope_dim": draw(st.sampled_from((64, 128))), "rope_dim": 32, "value_dim": 64}
    if "mamba" in kind:
        facts["ssm"] = {"kind": "mamba2", "inner": 256, "state": 64, "conv": 4, "heads": 4}
    if "linear" in kind:
        sizes = {"key_heads": 2, "value_heads": 4, "key_dim": 64, "value_dim": 64, "conv": 4}
        facts["linear"] = {"kind": draw(st.sampled_from(("gated_delta_net", "kda"))), **sizes}
    if "conv" in kind:
        facts["conv_kernel"] = 3
    if draw(st.booleans()):
        experts = draw(st.sampled_from((2, 4, 8, 16)))
        shared = draw(st.sampled_from((0, 128)))
        lead = draw(st.integers(0, 1))
        facts["moe"] = {
            "experts": experts, "active": 2, "width": draw(widths), "shared_width": shared, "dense_layers": lead,
        }  # fmt: skip
    return build(**facts)


@given(models(), st.sampled_from(NAMES))
def test_every_element_is_stored_exactly_once(model: Model, name: str) -> None:
    """A tied head that ExLlama writes out is a copy and marked as a buffer."""
    rows = store(model, find_scheme(name))

    assert sum(row.elements for row in rows if not _is_copy(model, row.tensor.name)) == sum(
        tensor.elements * tensor.count for tensor in tensors(model)
    )


def _is_copy(model: Model, name: str) -> bool:
    return model.tied and name == "output.weight"


@given(models(), st.sampled_from(NAMES))
def test_rows_of_a_tensor_partition_its_layers(model: Model, name: str) -> None:
    found: dict[str, list[int]] = {}
    expected: dict[str, tuple[int, ...]] = {}
    for row in store(model, find_scheme(name)):
        key = f"{row.tensor.name} {row.tensor.shape}"
        found.setdefault(key, []).extend(row.layers)
        expected[key] = row.tensor.layers

    assert {key: tuple(sorted(layers)) for key, layers in found.items()} == expected


@given(models(), st.sampled_from(NAMES))
def test_no_scheme_takes_more_than_32_bit_floats(model: Model, name: str) -> None:
    for row in each(store(model, find_scheme(name))):
        assert 0 < row.bytes_each <= row.tensor.elements * 4, row.tensor.name


@given(models(), st.sampled_from(LADDERS))
def test_more_bits_never_take_fewer_bytes(model: Model, ladder: tuple[str, ...]) -> None:
    sizes = [sum(row.total_bytes for row in store(model, find_scheme(name))) for name in ladder]

    assert sizes == sorted(sizes)


@given(models(), st.sampled_from(NAMES))
def test_rows_hold_whole_blocks(model: Model, name: str) -> None:
    """A GGUF tensor's bytes are whole blocks of its type in every row."""
    scheme = find_scheme(name)
    if scheme.family != "gguf":
        return
    from vramfit.quantization.gguf_layout import BLOCKS

    for row in each(store(model, scheme)):
        elements, size = BLOCKS[row.type]
        assert row.tensor.shape[0] % elements == 0
        assert row.bytes_each == row.tensor.elements // elements * size


def test_store_remembers() -> None:
    model, scheme = build(layers=2, hidden=64, ffn=64, heads=4, vocab=64), find_scheme("Q4_K_M")

    assert store(model, scheme) is store(model, scheme)


def test_store_tells_models_of_the_same_id_apart() -> None:
    small = build(layers=2, hidden=64, ffn=64, heads=4, vocab=64)
    large = build(layers=4, hidden=64, ffn=64, heads=4, vocab=64)
    scheme = find_scheme("bf16")

    assert len(store(small, scheme)[1].layers) == 2
    assert len(store(large, scheme)[1].layers) == 4


@pytest.mark.parametrize("ladder", LADDERS)
def test_the_ladders_name_known_schemes(ladder: tuple[str, ...]) -> None:
    assert [find_scheme(name).id for name in ladder] == list(ladder)
