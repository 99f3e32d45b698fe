"""Layers that quantization settings leave in 16 bits, for a configuration without weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.quantization.builders import dense
from vramfit.importers.kept_layers import checkpoint_of
from vramfit.importers.quant_config import scheme_of
from vramfit.quantization import find_scheme, own_checkpoint
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint

MIXTURE: dict[str, Any] = {"moe": {"experts": 4, "active": 2, "width": 1024, "shared_width": 512}, "ffn": None}
FOUR = {"num_bits": 4, "type": "float", "group_size": 16}
EIGHT = {"num_bits": 8, "type": "float"}


def read(model: Model, scheme: str, **settings: Any) -> Checkpoint:
    """Checkpoint that the settings state."""
    found = checkpoint_of(model, find_scheme(scheme), settings, "config.json")
    assert found is not None
    return found


def in_half(checkpoint: Checkpoint) -> set[str]:
    """Linear layers of the blocks that stay in 16 bits in every layer."""
    rows = [row for row in checkpoint.stored if row.tensor.linear and row.layers]
    other = {row.tensor.name for row in rows if row.type != "F16"}
    return {row.tensor.name.removesuffix(".weight") for row in rows if row.tensor.name not in other}


ATTENTION = {"attn_q", "attn_k", "attn_v", "attn_output"}


@pytest.mark.parametrize(
    ("expected", "scheme", "settings"),
    [
        (set(), "awq", {"modules_to_not_convert": ["lm_head"]}),
        (ATTENTION, "awq", {"modules_to_not_convert": ["visual", "self_attn"]}),
        (ATTENTION, "w4a16", {"ignore": ["lm_head", "re:.*self_attn.*"]}),
        (ATTENTION, "nvfp4", {"ignore": ["lm_head", "model.layers.*.self_attn*"]}),
        ({"attn_output"}, "nvfp4", {"ignore": ["re:.*o_proj$"]}),
        (ATTENTION - {"attn_output"}, "nvfp4", {"exclude_modules": ["*.self_attn.q_proj"]}),
        (ATTENTION, "gptq-int4", {"dynamic": {"lm_head": {}, "-:.*attn.*": {}}}),
        (ATTENTION, "nvfp4", {"quantized_layers": {"model.layers.*.mlp.*": {"quant_algo": "NVFP4"}}}),
        (
            {"ffn_gate", "ffn_up", "ffn_down"},
            "w4a16",
            {"config_groups": {"one": {"targets": ["re:.*self_attn.*"], "weights": FOUR}}, "ignore": ["lm_head"]},
        ),
        # A pattern that is no regular expression names nothing.
        (set(), "w4a16", {"ignore": ["re:*(", "lm_head"]}),
    ],
)
def test_layers_that_are_left(expected: set[str], scheme: str, settings: dict[str, Any]) -> None:
    """Names, globs, regular expressions, and lists of what is quantized instead."""
    found = read(dense(), scheme, **settings)
    assert expected == in_half(found)
    assert found.source == "config.json"


@pytest.mark.parametrize(
    ("expected", "ignored"),
    [
        (ATTENTION | {"ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp"}, ["*self_attn*", "*shared_experts*"]),
        (
            {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps", "ffn_gate_shexp", "ffn_up_shexp", "ffn_down_shexp"},
            ["model.layers.*.mlp*"],
        ),
    ],
)
def test_experts(expected: set[str], ignored: list[str]) -> None:
    """Routed and shared ones go by their own names below ``mlp``."""
    assert expected == in_half(read(dense(**MIXTURE), "nvfp4", ignore=ignored))


def test_experts_beside_a_dense_network() -> None:
    """There ``mlp`` is the dense network alone (``exclude_modules`` of nvidia/Gemma-4-26B-A4B-NVFP4)."""
    model = open_catalogue().model("gemma-4-26b-a4b")
    found = in_half(read(model, "nvfp4", ignore=["model.language_model.layers.*.mlp*"]))
    assert {"ffn_gate", "ffn_up", "ffn_down"} == found


def test_some_layers_alone() -> None:
    """A row for each form."""
    found = read(dense(), "nvfp4", ignore=["model.layers.0.self_attn*", "model.layers.3.self_attn.o_proj"])
    rows = {(row.tensor.name, row.type): row.layers for row in found.stored if row.tensor.name.startswith("attn_")}
    assert ((0,), (0, 3)) == (rows["attn_q.weight", "F16"], rows["attn_output.weight", "F16"])
    assert tuple(range(1, 16)) == rows["attn_q.weight", "NVFP4"]


def test_layers_in_eight_bits() -> None:
    """Groups of nvidia/Qwen3.6-27B-NVFP4: attention in FP8, feed-forward networks and the head in NVFP4."""
    groups = {
        "group_0": {"targets": ["re:.*self_attn.*"], "weights": EIGHT},
        "group_1": {"targets": ["re:.*mlp.*", "lm_head"], "weights": FOUR},
    }
    stated = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "config_groups": groups}
    assert find_scheme("nvfp4") == scheme_of(stated)
    types = {row.tensor.name: row.type for row in read(dense(), "nvfp4", **stated).stored if row.tensor.linear}
    assert ("FP8", "NVFP4", "NVFP4") == (types["attn_q.weight"], types["ffn_up.weight"], types["output.weight"])


@pytest.mark.parametrize("algorithm", ["MXFP8", "W8A8"])
def test_mixes_of_other_forms_have_no_scheme(algorithm: str) -> None:
    """nvidia/MiniMax-M3-NVFP4 has attention in MXFP8."""
    layers = {"a": {"quant_algo": "NVFP4"}, "b": {"quant_algo": algorithm}}
    assert scheme_of({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": layers}) is None


def test_settings_without_a_list() -> None:
    """FP8 leaves the head alone; of other schemes it is not known."""
    model = dense()
    assert checkpoint_of(model, find_scheme("nvfp4"), {"quant_algo": "NVFP4"}, "config.json") is None
    assert own_checkpoint(model) is None
    found = read(model, "fp8-block", weight_block_size=[128, 128])
    assert set() == in_half(found)
    assert own_checkpoint(model) is found
