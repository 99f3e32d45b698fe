"""What publishers leave in 16 bits, or in 8, by kind of layer, and how far their checkpoints differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.quantization.builders import dense, stored
from vramfit.quantization import Checkpoint, derive, find_scheme
from vramfit.quantization.recipes import EXACT, Spread, spread
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.model import Model

MIXTURE: dict[str, Any] = {"moe": {"experts": 4, "active": 2, "width": 1024, "shared_width": 512}, "ffn": None}


def forms(model: Model) -> dict[str, str]:
    """Element type of each linear layer in the model's NVFP4 checkpoint, by the beginning of its name."""
    rows = stored(model, "nvfp4")
    return {row.tensor.name.removesuffix(".weight"): row.type for row in rows if row.tensor.linear}


def of(name: str) -> Model:
    """Model of the catalogue."""
    return open_catalogue().model(name)


def test_dense_models_of_2025_have_every_layer_in_four_bits() -> None:
    """``NVFP4_DEFAULT_CFG``: nvidia/Llama-3.1-8B-Instruct-NVFP4; the head stays in 16 bits."""
    found = forms(dense(model_type="llama"))
    assert {"NVFP4"} == {kind for name, kind in found.items() if name not in ("output", "token_embd")}
    assert found["output"] == "F16"


@pytest.mark.parametrize("architecture", ["gemma4_text", "something-new", None])
def test_dense_models_since_have_feed_forward_networks_alone(architecture: str | None) -> None:
    """nvidia/Gemma-4-31B-IT-NVFP4; an unknown architecture counts as recent."""
    facts: dict[str, Any] = {} if architecture is None else {"model_type": architecture}
    found = forms(dense(**facts))
    assert {"ffn_gate": "NVFP4", "ffn_up": "NVFP4", "ffn_down": "NVFP4"} == {
        name: kind for name, kind in found.items() if kind == "NVFP4"
    }


def test_mixtures_have_their_experts_alone() -> None:
    """nvidia/MiniMax-M2.5-NVFP4: ``nvfp4_experts_only``."""
    found = forms(dense(**MIXTURE, model_type="minimax_m2"))
    assert {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"} == {
        name for name, kind in found.items() if kind == "NVFP4"
    }
    assert {"F16"} == {kind for name, kind in found.items() if not name.endswith("_exps")}


def test_mixtures_of_2025_have_all_layers() -> None:
    """nvidia/Qwen3-235B-A22B-NVFP4 leaves the routers and the head."""
    found = forms(dense(**MIXTURE, model_type="qwen3_moe"))
    assert {"output", "token_embd"} >= {name for name, kind in found.items() if kind != "NVFP4"}


def test_latent_attention_has_its_output_projection_alone() -> None:
    """``exclude_modules`` of nvidia/DeepSeek-V3.1-NVFP4: q_a, q_b, kv_a and kv_b of every layer, and the head."""
    found = forms(of("deepseek-v3"))
    assert {
        "attn_q_a": "F16",
        "attn_q_b": "F16",
        "attn_kv_a_mqa": "F16",
        "attn_kv_b": "F16",
        "attn_output": "NVFP4",
    } == {name: kind for name, kind in found.items() if name.startswith("attn_")}
    assert {"NVFP4"} == {kind for name, kind in found.items() if name.startswith("ffn_")}


@pytest.mark.parametrize("name", ["qwen3.6-27b", "qwen3.6-35b-a3b"])
def test_delta_nets_have_other_layers_in_fp8(name: str) -> None:
    """``quantized_layers`` of nvidia/Qwen3.6-27B-NVFP4 and -35B-A3B-NVFP4: the head in four bits, the gates in 16."""
    found = forms(of(name))
    assert {"NVFP4"} == {kind for layer, kind in found.items() if layer.startswith("ffn_")}
    assert ("NVFP4", "F16", "F16") == (found["output"], found["ssm_beta"], found["ssm_alpha"])
    rest = ("attn_q", "attn_k", "attn_v", "attn_output", "attn_qkv", "attn_gate", "ssm_out")
    assert {"FP8"} == {found[layer] for layer in rest}


def test_mixtures_of_delta_nets_before_have_their_experts_alone() -> None:
    """nvidia/Qwen3.5-397B-A17B-NVFP4 excludes shared experts, attention, delta nets and the head."""
    found = forms(of("qwen3.5-397b-a17b"))
    assert {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"} == {name for name, kind in found.items() if kind != "F16"}


def test_mixtures_with_mamba() -> None:
    """Recipe of Nemotron-3-Super-120B-A12B (modelopt_recipes, ``nvfp4-max-calib``)."""
    found = forms(of("nemotron-3-super-120b-a12b"))
    assert ("NVFP4", "FP8", "FP8", "FP8", "F16", "F16", "F16") == tuple(
        found[name]
        for name in ("ffn_up_exps", "ffn_up_shexp", "ssm_in", "ssm_out", "attn_q", "ffn_latent_down", "output")
    )


def test_a_release_in_fp8_and_mxfp4_keeps_what_is_no_expert() -> None:
    """nvidia/DeepSeek-V4-Flash-NVFP4: experts in NVFP4, attention and shared experts in FP8 as released."""
    found = forms(of("deepseek-v4-flash"))
    assert ("NVFP4", "FP8", "FP8", "F16", "F16") == tuple(
        found[name] for name in ("ffn_up_exps", "ffn_up_shexp", "attn_q_b", "compressor.kv", "output")
    )


def test_bytes_of_a_layer_in_fp8() -> None:
    """A byte for each weight, and a 32-bit scale for the matrix and for its inputs."""
    row = next(row for row in stored(of("qwen3.6-27b"), "nvfp4") if row.tensor.name == "attn_k.weight")
    assert row.bytes_each == 5120 * 1024 + 8


@pytest.mark.parametrize(
    ("expected", "name", "scheme"),
    [
        # Published weights: 31.2 and 19.6 GiB (LilaRest/gemma-4-31B-it-NVFP4-turbo), the expected one NVIDIA's.
        ((0.373, 0.0), "gemma-4-31b", "nvfp4"),
        # 16.9 with the head in four bits to 28.1 with feed-forward networks alone; Inferact's took 24.0 on two cards.
        ((0.150, 0.429), "qwen3.8-27b", "nvfp4"),
        # Delta nets in 16 bits, and groups of 32: 17.4 to 26.0.
        ((0.0, 0.498), "qwen3.8-27b", "awq"),
        ((0.0, 0.439), "qwen3.8-27b", "gptq-int4"),
        # Delta nets in 16 bits (llm-compressor's examples).
        ((0.0, 0.182), "qwen3.8-27b", "fp8-channel"),
        ((0.0, 0.195), "gemma-4-26b-a4b", "awq"),
        # Attention in 16 bits.
        ((0.0, 0.079), "qwen3-30b-a3b", "gptq-int4"),
        ((0.0, 0.833), "deepseek-v4-flash", "fp8"),
    ],
)
def test_spread_of_publishers(expected: tuple[float, float], name: str, scheme: str) -> None:
    """Shares by which published checkpoints can be less and more than expected."""
    found = spread(derive(of(name), find_scheme(scheme)))
    assert expected == (round(found.less, 3), round(found.more, 3))


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        ("llama-3.1-8b", "bf16"),
        ("llama-3.1-8b", "awq"),
        ("llama-3.1-8b", "gptq-int4"),
        ("qwen3.8-27b", "fp8"),
        ("qwen3-30b-a3b", "fp8-block"),
        ("qwen3-30b-a3b", "w8a8"),
        ("deepseek-v3", "fp8-block"),
        ("gpt-oss-20b", "MXFP4"),
        ("deepseek-v4-flash", "fp8-block"),
        ("deepseek-v4-flash", "MXFP4"),
    ],
)
def test_schemes_that_everybody_makes_alike(name: str, scheme: str) -> None:
    """Plain types, what engines make on load, releases, and dense models without recurrent layers."""
    assert EXACT == spread(derive(of(name), find_scheme(scheme)))


def test_a_file_has_no_spread() -> None:
    """Its bytes are known."""
    model, scheme = of("qwen3.8-27b"), find_scheme("nvfp4")
    rows = derive(model, scheme).stored
    assert Spread(0.0, 0.0) == spread(Checkpoint(model, scheme, rows, source="model.safetensors"))


@given(
    st.sampled_from(["nvfp4", "awq", "gptq-int4", "w4a16", "w8a8", "MXFP4", "fp8-channel"]),
    st.booleans(),
    st.booleans(),
)
def test_every_recipe_is_within_the_spread_of_no_quantization(scheme: str, mixture: bool, recent: bool) -> None:
    """Fewest bytes are above zero and most are at most those of 16 bits."""
    facts: dict[str, Any] = {**(MIXTURE if mixture else {}), "model_type": "new" if recent else "llama"}
    model = dense(**facts)
    checkpoint, whole = derive(model, find_scheme(scheme)), derive(model, find_scheme("bf16"))
    found = spread(checkpoint)
    assert 0 <= found.less < 1
    assert found.more >= 0
    assert checkpoint.file_bytes * (1 + found.more) <= whole.file_bytes * 1.001
