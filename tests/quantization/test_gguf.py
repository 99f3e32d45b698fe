"""GGUF: worked examples to the byte, and each rule of the mixes where it shows.

The rules are those of ggml-org/llama.cpp ``src/llama-quant.cpp``; expected values are worked out beside each test.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.each import each
from tests.quantization.builders import build, dense, stored, text_bytes, types
from vramfit.model import tensors
from vramfit.quantization import bits_per_weight, derive, find_scheme
from vramfit.quantization.gguf import store
from vramfit.quantization.gguf_layout import BLOCKS, FALLBACKS, fitting_type, tensor_bytes, tensor_class
from vramfit.quantization.gguf_mix import Facts, head, mixed, more_bits, rule
from vramfit.sources import open_catalogue

Q4, Q5, Q6, Q8, MX = 144 / 256, 176 / 256, 210 / 256, 34 / 32, 17 / 32
"""Bytes per weight of Q4_K, Q5_K, Q6_K, Q8_0 and MXFP4 (``ggml/src/ggml-common.h``)."""

LLAMA_13B: dict[str, Any] = {"layers": 40, "hidden": 5120, "ffn": 13824, "heads": 40, "vocab": 32000}
LLAMA_70B: dict[str, Any] = {
    "gguf": "llama",
    "layers": 80,
    "hidden": 8192,
    "ffn": 28672,
    "heads": 64,
    "kv_heads": 8,
    "vocab": 128256,
}
CLIP: dict[str, Any] = {
    "kind": "clip", "layers": 24, "hidden": 1024, "ffn": 4096, "heads": 16, "patch": 14, "image_size": 336,
    "class_token": True, "patch_bias": False, "positions": "grid", "pre_norm": True, "post_norm": True,
    "projector": [
        {"name": "mm.0", "linear": ["tower", "text"], "bias": True},
        {"name": "mm.2", "linear": ["text", "text"], "bias": True},
    ],
}  # fmt: skip


def test_llava_13b_q4_k_m_to_the_byte() -> None:
    """LLaVA 1.6 13B is Vicuna, a Llama 2 13B: half of the values and down projections are Q6_K."""
    square, wide, embedding = 5120 * 5120, 5120 * 13824, 32000 * 5120
    attention = 40 * 3 * square * Q4 + 20 * square * (Q4 + Q6)
    network = 40 * 2 * wide * Q4 + 20 * wide * (Q4 + Q6)
    norms = 81 * 5120 * 4
    expected = attention + network + embedding * (Q4 + Q6) + norms

    assert expected == 7_865_210_880
    assert text_bytes(build(**LLAMA_13B, vision=CLIP), "Q4_K_M") == expected


def test_llama_70b_q4_k_m_to_the_byte() -> None:
    """Of 80 layers 40 get more bits; the other values are Q5_K instead of Q4_K, the rule for 70B models.

    Published files are 256 bytes larger: the converter adds 64 rotary factors (``rope_freqs.weight``).
    """
    square, narrow, wide, embedding = 8192 * 8192, 8192 * 1024, 8192 * 28672, 128256 * 8192
    attention = 80 * (2 * square + narrow) * Q4 + 40 * narrow * (Q5 + Q6)
    network = 80 * 2 * wide * Q4 + 40 * wide * (Q4 + Q6)
    expected = attention + network + embedding * (Q4 + Q6) + 161 * 8192 * 4

    assert expected == 42_512_531_712 - 256
    assert text_bytes(build(**LLAMA_70B), "Q4_K_M") == expected


def test_qwen3_30b_a3b_q4_k_m_to_the_byte() -> None:
    """A mixture: 24 of 48 layers get more bits, the routers stay 32-bit."""
    model = build(
        layers=48, hidden=2048, heads=32, kv_heads=4, head_dim=128, vocab=151936, traits={"qk_norm": "head"},
        moe={"experts": 128, "active": 8, "width": 768},
    )  # fmt: skip
    query, key, expert, embedding = 2048 * 4096, 2048 * 512, 128 * 2048 * 768, 151936 * 2048
    attention = 48 * (2 * query + key) * Q4 + 24 * key * (Q4 + Q6)
    network = 48 * 2 * expert * Q4 + 24 * expert * (Q4 + Q6)
    floats = 48 * (2048 * 128 + 2 * 2048 + 2 * 128) * 4 + 2048 * 4
    expected = attention + network + embedding * (Q4 + Q6) + floats

    assert expected == 18_550_716_416
    assert text_bytes(model, "Q4_K_M") == expected


def test_gpt_oss_20b_mxfp4_moe_to_the_byte() -> None:
    """Experts in MXFP4, attention, embedding and head Q8_0; all biases, expert biases included, 32-bit."""
    traits = {"qkv_bias": True, "o_bias": True, "expert_bias": True, "router_bias": True, "sinks": ["full"]}
    model = build(
        layers=24, hidden=2880, heads=64, kv_heads=8, head_dim=64, vocab=201088, traits=traits,
        moe={"experts": 32, "active": 4, "width": 2880},
    )  # fmt: skip
    attention = 24 * 2880 * (2 * 4096 + 2 * 512) * Q8
    experts = 24 * 32 * 3 * 2880 * 2880 * MX
    biases = 4096 + 2 * 512 + 2880 + 32 * 3 * 2880 + 32
    floats = 24 * (biases + 64 + 2880 * 32 + 2 * 2880) * 4 + 2880 * 4
    expected = attention + experts + 2 * 201088 * 2880 * Q8 + floats

    assert expected == 12_096_558_336
    assert text_bytes(model, "MXFP4_MOE") == expected


def test_gemma_3_27b_q4_k_m_to_the_byte() -> None:
    """A tied model: the one embedding takes the head's type, Q6_K."""
    norms = ["attn_norm", "post_attention_norm", "ffn_norm", "post_ffw_norm"]
    model = build(
        layers=62, hidden=5376, ffn=21504, heads=32, kv_heads=16, head_dim=128, vocab=262144, tied=True,
        traits={"qk_norm": "head", "norms": norms},
    )  # fmt: skip
    better = sum(more_bits(layer, 62) for layer in range(62))
    query, key, wide = 5376 * 4096, 5376 * 2048, 5376 * 21504
    attention = 62 * (2 * query + key) * Q4 + key * (better * Q6 + (62 - better) * Q4)
    network = 62 * 2 * wide * Q4 + wide * (better * Q6 + (62 - better) * Q4)
    expected = attention + network + 262144 * 5376 * Q6 + (62 * (4 * 5376 + 2 * 128) + 5376) * 4

    assert expected == 16_539_843_584
    assert text_bytes(model, "Q4_K_M") == expected


def test_more_bits_are_the_ends_and_every_third_layer_between() -> None:
    chosen = [layer for layer in range(40) if more_bits(layer, 40)]

    assert chosen == [0, 1, 2, 3, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 34, 35, 36, 37, 38, 39]


def test_q4_k_m_says_which_layers() -> None:
    better = (0, 1, 4, 7, 10, 13, 14, 15)
    plain = tuple(layer for layer in range(16) if layer not in better)

    assert types(dense(), "Q4_K_M", "ffn_down.weight") == {"Q6_K": better, "Q4_K": plain}
    assert types(dense(), "Q4_K_M", "ffn_up.weight") == {"Q4_K": tuple(range(16))}


@pytest.mark.parametrize(
    ("file_type", "tensor", "first", "rest"),
    [
        ("Q4_K_S", "attn_v.weight", ("Q5_K", 4), "Q4_K"),
        ("Q4_K_S", "ffn_down.weight", ("Q5_K", 2), "Q4_K"),
        ("Q3_K_M", "attn_v.weight", ("Q5_K", 2), "Q4_K"),
        ("Q3_K_M", "ffn_down.weight", ("Q5_K", 1), "Q4_K"),
        ("Q2_K_S", "ffn_down.weight", ("Q4_K", 2), "Q2_K"),
        ("IQ2_M", "ffn_down.weight", ("IQ3_S", 2), "IQ2_S"),
        ("IQ1_S", "ffn_down.weight", ("Q2_K", 2), "IQ1_S"),
        ("IQ3_M", "ffn_down.weight", ("Q4_K", 2), "IQ3_S"),
    ],
)
def test_the_first_layers_get_more(file_type: str, tensor: str, first: tuple[str, int], rest: str) -> None:
    """An eighth of 16 layers is 2, a sixteenth 1; values count to 2 or 4 whatever the depth."""
    kind, count = first

    assert types(dense(), file_type, tensor) == {kind: tuple(range(count)), rest: tuple(range(count, 16))}


@pytest.mark.parametrize(
    ("file_type", "without", "with_matrix"),
    [
        ("Q4_0", {"Q4_0": 16}, {"Q4_1": 2, "Q4_0": 14}),
        ("Q5_0", {"Q5_0": 16}, {"Q5_1": 2, "Q5_0": 14}),
        ("IQ4_XS", {"Q5_K": 2, "IQ4_XS": 14}, {"IQ4_XS": 16}),
        ("IQ4_NL", {"Q5_K": 2, "IQ4_NL": 14}, {"IQ4_NL": 16}),
        ("IQ3_XXS", {"Q4_K": 2, "Q3_K": 14}, {"IQ3_XXS": 16}),
        ("Q4_K_M", {"Q6_K": 8, "Q4_K": 8}, {"Q6_K": 8, "Q4_K": 8}),
    ],
)
def test_an_importance_matrix_moves_the_first_down_projections(
    file_type: str, without: dict[str, int], with_matrix: dict[str, int]
) -> None:
    def layers(scheme: str) -> dict[str, int]:
        return {kind: len(found) for kind, found in types(dense(), scheme, "ffn_down.weight").items()}

    assert layers(file_type) == without
    assert layers(f"i1-{file_type}") == with_matrix


@pytest.mark.parametrize(("kv_heads", "expected"), [(8, "Q3_K"), (4, "Q3_K"), (2, "Q4_K"), (1, "Q4_K")])
def test_values_of_four_queries_or_more_get_more_bits_in_q2_k(kv_heads: int, expected: str) -> None:
    """8 query heads: 2 value heads are shared by 4 each."""
    model = dense(kv_heads=kv_heads, head_dim=256)

    assert types(model, "Q2_K", "attn_v.weight") == {expected: tuple(range(16))}


def test_eight_experts_get_8_bit_keys_and_values() -> None:
    model = dense(moe={"experts": 8, "active": 2, "width": 1024}, ffn=None)
    every = tuple(range(16))

    assert types(model, "Q4_K_M", "attn_k.weight") == {"Q8_0": every}
    assert types(model, "Q4_K_M", "attn_v.weight") == {"Q8_0": every}
    assert types(model, "Q4_K_M", "attn_output.weight") == {"Q5_K": every}
    assert types(model, "IQ2_XS", "attn_k.weight") == {"Q4_K": every}
    assert types(model, "Q6_K", "attn_output.weight") == {"Q6_K": every}
    # llama.cpp's list leaves Q3_K_L out: the larger type has the smaller tensor.
    assert types(model, "Q3_K_M", "attn_output.weight") == {"Q5_K": every}
    assert types(model, "Q3_K_L", "attn_output.weight") == {"Q3_K": every}


def test_other_mixtures_have_no_such_rule() -> None:
    model = dense(moe={"experts": 16, "active": 2, "width": 1024}, ffn=None)

    assert types(model, "Q4_K_M", "attn_k.weight") == {"Q4_K": tuple(range(16))}
    assert types(model, "IQ2_XS", "attn_v.weight") == {"Q4_K": tuple(range(16))}  # four experts or more suffice


def test_down_projections_of_a_mixture_go_by_layer_number() -> None:
    """Layer 0 is dense and layers 1 to 15 have routed and shared experts: one count for all three tensors."""
    moe = {"experts": 4, "active": 2, "width": 1024, "shared_width": 512, "dense_layers": 1}
    model = dense(moe=moe)

    assert types(model, "Q4_K_S", "ffn_down.weight") == {"Q5_K": (0,)}
    assert types(model, "Q4_K_S", "ffn_down_exps.weight") == {"Q5_K": (1,), "Q4_K": tuple(range(2, 16))}


def test_the_smallest_types_count_tensors_instead() -> None:
    """IQ2: the first two down projections of the file are those of layer 0 and the routed ones of layer 1."""
    moe = {"experts": 4, "active": 2, "width": 1024, "shared_width": 512, "dense_layers": 1}
    model = dense(moe=moe)

    assert types(model, "IQ2_XS", "ffn_down.weight") == {"Q2_K": (0,)}
    assert types(model, "IQ2_XS", "ffn_down_exps.weight") == {"Q2_K": (1,), "IQ2_XS": tuple(range(2, 16))}
    assert types(model, "IQ2_XS", "ffn_down_shexp.weight") == {"IQ2_XS": tuple(range(1, 16))}


def test_the_70b_rule_wants_80_layers_of_grouped_heads() -> None:
    """``LLM_TYPE_70B``: llama with grouped heads, qwen2 and deci with any heads, no other."""
    facts: dict[str, Any] = {"layers": 80, "hidden": 512, "ffn": 1024, "heads": 8, "vocab": 1024}
    every = tuple(range(80))

    def value_types(file_type: str, **changes: Any) -> dict[str, tuple[int, ...]]:
        return types(build(**{**facts, **changes}), file_type, "attn_v.weight")

    for architecture, kv_heads, expected in (
        ("llama", 2, "Q5_K"), ("llama", 8, "Q3_K"), ("qwen2", 8, "Q5_K"), ("deci", 8, "Q5_K"),
        ("qwen2vl", 2, "Q3_K"), ("qwen", 8, "Q3_K"), ("qwen3", 2, "Q3_K"), (None, 2, "Q3_K"),
    ):  # fmt: skip
        assert value_types("Q3_K_S", gguf=architecture, kv_heads=kv_heads) == {expected: every}, architecture
    assert value_types("Q3_K_S", gguf="llama", kv_heads=2, layers=79) == {"Q3_K": tuple(range(79))}
    assert value_types("IQ2_XS", gguf="llama", kv_heads=2) == {"Q4_K": every}  # rules of its own


def test_falcon_has_its_own_head_and_down_projections() -> None:
    """16 layers: 1, 8 and 8."""
    traits = {"fused_qkv": True, "norm_bias": True, "gated": False, "norms": ["attn_norm"]}
    model = dense(kv_heads=1, tied=True, traits=traits, gguf="falcon")
    better = (1, 4, 7, 10, 13, 14, 15)
    plain = tuple(layer for layer in range(16) if layer not in (0, *better))

    assert types(model, "Q4_K_M", "token_embd.weight") == {"Q8_0": ()}
    assert types(model, "Q4_K_M", "ffn_down.weight") == {"Q6_K": (0,), "Q5_K": better, "Q4_K": plain}
    assert types(model, "Q3_K_L", "attn_output.weight") == {"Q4_K": tuple(range(16))}
    assert types(model, "Q4_K_S", "ffn_down.weight") == {"Q4_K": tuple(range(16))}


@pytest.mark.parametrize(
    ("file_type", "embedding", "output"),
    [
        ("Q4_K_M", "Q4_K", "Q6_K"),
        ("Q8_0", "Q8_0", "Q8_0"),
        ("IQ2_XS", "Q2_K", "Q5_K"),
        ("IQ2_M", "IQ3_S", "Q5_K"),
        ("TQ1_0", "Q4_K", "Q6_K"),
        ("MXFP4_MOE", "Q8_0", "Q8_0"),
        ("BF16", "BF16", "BF16"),
    ],
)
def test_embedding_and_head(file_type: str, embedding: str, output: str) -> None:
    assert types(dense(), file_type, "token_embd.weight") == {embedding: ()}
    assert types(dense(), file_type, "output.weight") == {output: ()}


def test_a_tied_embedding_takes_the_heads_type() -> None:
    assert types(dense(tied=True), "Q4_K_M", "token_embd.weight") == {"Q6_K": ()}


def test_a_head_whose_rows_do_not_divide_is_8_bit() -> None:
    assert types(dense(hidden=480), "Q4_K_M", "output.weight") == {"Q8_0": ()}


@pytest.mark.parametrize(
    ("wanted", "row", "expected"),
    [
        ("Q4_K", 2880, "Q5_0"),
        ("Q6_K", 2880, "Q8_0"),
        ("IQ2_XXS", 2880, "IQ4_NL"),
        ("TQ1_0", 2880, "Q4_0"),
        ("Q4_K", 2816, "Q4_K"),
        ("Q4_K", 48, "F16"),
        ("Q8_0", 48, "F16"),
        ("F16", 7, "F16"),
    ],
)
def test_fallbacks(wanted: str, row: int, expected: str) -> None:
    """2880 is 90 blocks of 32 and no multiple of 256; 48 is a multiple of neither."""
    assert fitting_type(wanted, row) == expected


def test_fallbacks_have_smaller_blocks() -> None:
    """Every type of 256 has one but Q8_K, in which llama.cpp holds activations and no file its weights."""
    assert all(BLOCKS[new][0] < BLOCKS[old][0] for old, new in FALLBACKS.items())
    assert {kind for kind, (elements, _) in BLOCKS.items() if elements == 256} == {*FALLBACKS, "Q8_K"}


def test_blocks() -> None:
    """Q6_K: 128 + 64 bytes of quants, 16 scales and a 16-bit factor for 256 weights."""
    assert tensor_bytes("Q6_K", 512) == 2 * (128 + 64 + 16 + 2)
    assert tensor_bytes("MXFP4", 64) == 2 * (16 + 1)


def test_vectors_norms_and_routers_stay_32_bit() -> None:
    model = dense(moe={"experts": 4, "active": 2, "width": 1024}, ffn=None, traits={"qkv_bias": True})
    kept = {row.tensor.name for row in stored(model, "Q2_K") if row.type == "F32"}

    biases = {"attn_q.bias", "attn_k.bias", "attn_v.bias"}
    assert kept == {"attn_norm.weight", "ffn_norm.weight", "output_norm.weight", "ffn_gate_inp.weight", *biases}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("attn_qkv.weight", "value"),
        ("cross_attn_v.weight", "value"),
        ("attn_v_b.weight", "other"),
        ("ffn_gate_up_exps.weight", "gate"),
        ("ffn_up_shexp.weight", "up"),
        ("ssm_conv1d.weight", "float32"),
        ("shortconv.conv.weight", "float32"),
        ("ssm_a", "float32"),
        ("position_embd.weight", "float32"),
        ("per_layer_model_proj.weight", "float"),
        ("per_layer_token_embd.weight", "embedding"),
    ],
)
def test_classes_of_tensors(name: str, expected: str) -> None:
    assert tensor_class(name) == expected


def test_latent_attention_is_split_in_two() -> None:
    """One matrix of 512 x 16 * (128 + 128) becomes two; rows of 128 inputs fall back, 512 do not."""
    mla = {"kv_rank": 512, "nope_dim": 128, "rope_dim": 64, "value_dim": 128}
    rows = stored(dense(pattern="mla", heads=16, mla=mla), "Q4_K_M")
    shapes = {row.tensor.name: (row.tensor.shape, row.type) for row in rows if "_b.weight" in row.tensor.name}

    assert shapes == {"attn_k_b.weight": ((128, 512, 16), "Q5_0"), "attn_v_b.weight": ((512, 128, 16), "Q4_K")}


def test_layers_that_keep_a_state_leave_no_group_behind_unless_it_is_one_number() -> None:
    """Kimi Linear's files give heads layer by layer (0 first); Qwen3-Next's one number, 8 queries to a value head."""
    linear = {"key_heads": 2, "value_heads": 2, "key_dim": 256, "value_dim": 256, "conv": 4}
    facts: dict[str, Any] = {"pattern": "3*linear full", "kv_heads": 1, "head_dim": 256}
    kimi = dense(**facts, linear={"kind": "kda", **linear})
    qwen = dense(**facts, linear={"kind": "gated_delta_net", **linear})

    assert set(types(kimi, "Q2_K", "attn_v.weight")) == {"Q3_K"}
    assert set(types(qwen, "Q2_K", "attn_v.weight")) == {"Q4_K"}


def test_the_projector_file_of_llava() -> None:
    """LLaVA 1.5 7B: 595.49 MiB in the log of github.com/ollama/ollama/issues/2706: 23 of 24 layers, vectors 32-bit."""
    rows = stored(build(layers=32, hidden=4096, ffn=11008, heads=32, vocab=32000, vision=CLIP), "Q4_K_M")
    size = sum(row.total_bytes for row in rows if row.tensor.part != "text")

    assert round(size / 2**20, 2) == 595.49
    assert {row.type for row in rows if row.tensor.part != "text"} == {"F16", "F32"}


def test_the_checkpoint_is_the_language_model_alone() -> None:
    facts: dict[str, Any] = {"layers": 2, "hidden": 512, "ffn": 1024, "heads": 8, "vocab": 1024}
    scheme = find_scheme("Q8_0")
    plain, seeing = build(**facts), build(**facts, vision=CLIP)

    assert derive(seeing, scheme).file_bytes == derive(plain, scheme).file_bytes


def test_bits_per_weight_of_llama_13b() -> None:
    """7,865,210,880 bytes for 13,015,864,320 parameters."""
    assert bits_per_weight(stored(build(**LLAMA_13B), "Q4_K_M")) == pytest.approx(4.834, abs=0.0005)


def test_a_rule_never_names_an_unknown_type() -> None:
    """Every class of every file type in models of each kind: what a rule yields has a block size."""
    from vramfit.quantization.gguf_mix import DEFAULTS

    for file_type in each(DEFAULTS):
        for experts, group, falcon in ((0, 1, False), (0, 8, True), (8, 4, False), (64, 8, False)):
            for imatrix in (False, True):
                facts = Facts(experts, group, False, experts == 0, falcon, imatrix)
                for kind in ("value", "key", "query", "output", "up", "gate", "down", "other"):
                    assert {found for found, _ in rule(kind, file_type, facts)} <= set(BLOCKS)
                assert head(file_type, 4096, BLOCKS[DEFAULTS[file_type]][0], facts) in BLOCKS


def test_no_rule_of_the_mix_departs_from_q8_0() -> None:
    """So that it is stored without the mix: the same rows for every model of the catalogue."""
    catalogue = open_catalogue()
    compared = 0
    for entry in catalogue.model_rows():
        model = catalogue.model(entry.id)
        text = [tensor for tensor in tensors(model) if tensor.part == "text"]
        if any(tensor.name == "attn_kv_b.weight" for tensor in text):
            continue  # split in two before either
        kept = [row for row in store(model, find_scheme("Q8_0")) if row.tensor.part == "text"]
        assert mixed(model, text, "Q8_0", False) == kept, entry.id
        compared += 1
    assert 300 < compared
