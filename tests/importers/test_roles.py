"""Headers as rows of stored tensors: nothing lost, everything in its layer, experts fused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from vramfit.importers.header import FileTensor, Header
from vramfit.importers.parts import is_buffer, part_of
from vramfit.importers.roles import layer_count, stored_rows
from vramfit.importers.tensor_names import gguf_name, place
from vramfit.model import tensors
from vramfit.sources import open_catalogue

SAVED: dict[str, Any] = json.loads((Path(__file__).parent / "data" / "saved_tensors.json").read_text())["models"]


def expanded(pattern: str, count: int, experts: int) -> list[str]:
    """Names of ``count`` tensors: numbers of layers, and of experts behind a second star."""
    names = []
    for i in range(count):
        stars = pattern.count("*")
        numbers = [i // max(experts, 1), i % max(experts, 1)] if stars > 1 else [i]
        name = pattern
        for number in numbers[:stars]:
            name = name.replace("*", str(number), 1)
        names.append(name)
    return names


def saved(model: str) -> Header:
    """The header of a checkpoint in 16 bits."""
    row = SAVED[model]
    found: dict[str, tuple[int, ...]] = {}
    for pattern, shape, count in row["tensors"]:
        for name in expanded(pattern, count, row["experts"]):
            # Rows of one name and different shapes count layers from the start again.
            found[f"other.{name}" if name in found else name] = tuple(shape)
    rows = [FileTensor(n, "BF16", s[::-1], 2 * math.prod(s), part_of(n), is_buffer(n)) for n, s in found.items()]
    return Header("safetensors", (), tuple(rows), {})


@pytest.mark.parametrize("model", SAVED)
def test_nothing_is_lost(model: str) -> None:
    """Bytes and parameters of each checkpoint, to the last element."""
    header = saved(model)
    assert header.total_bytes == 2 * SAVED[model]["saved_elements"]
    assert header.parameters == SAVED[model]["parameters"]
    rows = stored_rows(header)
    assert sum([row.total_bytes for row in rows]) == header.total_bytes
    assert sum([row.tensor.parameters for row in rows]) == header.parameters


def by_hand(*tensors: tuple[str, tuple[int, ...]], form: str = "safetensors") -> Header:
    """A header of 16-bit tensors, shapes as ggml has them."""
    rows = [
        FileTensor(n, "BF16", s, 2 * math.prod(s), part_of(n) if form == "safetensors" else "text") for n, s in tensors
    ]
    return Header(form, (), tuple(rows), {})


@pytest.mark.parametrize("name", ["llama-3.1-8b", "qwen3-30b-a3b", "deepseek-r1", "gemma-3-4b", "gpt-oss-20b"])
def test_names_of_a_known_architecture_come_back(name: str) -> None:
    """A GGUF header of an inventory gives the inventory's rows again: names, shapes, layers and linear layers."""
    inventory = [tensor for tensor in tensors(open_catalogue().model(name)) if tensor.part == "text"]
    listed = [
        (tensor.name if layer is None else f"blk.{layer}.{tensor.name}", tensor.shape)
        for tensor in inventory
        for layer in tensor.layers or (None,)
    ]
    rows = stored_rows(by_hand(*listed, form="gguf"))
    assert [(row.tensor.name, row.tensor.shape, row.layers) for row in rows] == [
        (t.name, t.shape, t.layers) for t in inventory
    ]
    assert [row.tensor.linear for row in rows] == [tensor.linear for tensor in inventory]


def test_experts_become_one_tensor() -> None:
    """One row for each projection, its third extent the experts; those of another type make a row of their own."""
    names = [f"model.layers.{i}.mlp.experts.{e}.up_proj.weight" for i in range(2) for e in range(4)]
    header = by_hand(*[(name, (64, 32)) for name in names])
    odd = FileTensor("model.layers.1.mlp.experts.4.up_proj.weight", "FP8", (64, 32), 2050)
    rows = stored_rows(Header("safetensors", (), (*header.tensors, odd), {}))
    assert [(r.tensor.name, r.tensor.shape, r.type, r.bytes_each, r.layers) for r in rows] == [
        ("ffn_up_exps.weight", (64, 32, 4), "BF16", 16384, (0, 1)),
        ("ffn_up_exps.weight", (64, 32, 1), "FP8", 2050, (1,)),
    ]
    assert all(row.tensor.linear for row in rows)


def test_experts_of_old_mixtral_files() -> None:
    """``ffn_up.3.weight`` was an expert before they were fused."""
    rows = stored_rows(by_hand(*[(f"blk.0.ffn_up.{e}.weight", (64, 32)) for e in range(8)], form="gguf"))
    assert [(r.tensor.name, r.tensor.shape, r.bytes_each, r.layers) for r in rows] == [
        ("ffn_up_exps.weight", (64, 32, 8), 32768, (0,))
    ]


def test_types_that_vary_over_layers() -> None:
    """A row for each type and size, as mixes have them."""
    kinds = [("Q6_K", 210), ("Q4_K", 144), ("Q4_K", 144), ("Q6_K", 210)]
    header = Header(
        "gguf", (), tuple([FileTensor(f"blk.{i}.attn_v.weight", k, (256, 1), b) for i, (k, b) in enumerate(kinds)]), {}
    )
    assert [(row.type, row.bytes_each, row.layers) for row in stored_rows(header)] == [
        ("Q6_K", 210, (0, 3)),
        ("Q4_K", 144, (1, 2)),
    ]


def test_an_encoder_before_its_decoder() -> None:
    """Layers of the encoder come first, in Hugging Face's names and in GGUF's."""
    header = by_hand(
        ("decoder.block.0.layer.0.SelfAttention.q.weight", (8, 8)), ("encoder.block.0.layer.0.SelfAttention.q.weight", (8, 8)),
        ("encoder.block.1.layer.0.SelfAttention.q.weight", (8, 8)), ("decoder.block.0.layer.1.EncDecAttention.q.weight", (8, 8)),
    )  # fmt: skip
    assert [(row.tensor.name, row.layers) for row in stored_rows(header)] == [
        ("attn_q.weight", (0, 1, 2)),
        ("cross_attn_q.weight", (2,)),
    ]
    names = ("dec.blk.0.attn_q.weight", "enc.blk.0.attn_q.weight", "enc.blk.1.attn_q.weight")
    rows = stored_rows(by_hand(*[(name, (8, 8)) for name in names], form="gguf"))
    assert [(row.tensor.name, row.layers) for row in rows] == [("attn_q.weight", (0, 1, 2))]
    assert layer_count(rows) == 3


def test_an_unknown_architecture() -> None:
    """Unknown names keep their layers and their own words; what stands outside stays there."""
    header = by_hand(
        ("model.embed_tokens.weight", (8, 100)), ("model.layers.0.flux.capacitor.weight", (8, 8)),
        ("model.layers.1.flux.capacitor.weight", (8, 8)), ("lm_head.weight", (8, 100)), ("model.norm.weight", (8,)),
    )  # fmt: skip
    assert [(r.tensor.name, r.layers, r.tensor.linear) for r in stored_rows(header)] == [
        ("token_embd.weight", (), False),
        ("flux.capacitor.weight", (0, 1), True),
        ("output.weight", (), True),
        ("output_norm.weight", (), False),
    ]


def test_towers_heads_and_adapters_are_in_no_layer() -> None:
    """Equal layers of a tower are copies; prediction heads and adapters are loaded by no engine as layers."""
    header = by_hand(
        ("visual.blocks.0.attn.qkv.weight", (8, 24)), ("visual.blocks.1.attn.qkv.weight", (8, 24)),
        ("mtp.layers.0.eh_proj.weight", (16, 8)), ("model.layers.0.self_attn.q_proj.lora_A.weight", (8, 4)),
    )  # fmt: skip
    assert [(r.tensor.name, r.tensor.part, r.layers, r.tensor.copies) for r in stored_rows(header)] == [
        ("v.attn.qkv.weight", "vision", (), 2),
        ("eh_proj.weight", "mtp", (), 1),
        ("self_attn.q_proj.lora_A.weight", "adapter", (), 1),
    ]
    assert layer_count(stored_rows(header)) == 0


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("model.layers.3.self_attn.q_proj.weight", "attn_q.weight"),
        ("model.layers.3.self_attn.q_proj.bias", "attn_q.bias"),
        ("model.layers.3.self_attn.q_norm.weight", "attn_q_norm.weight"),
        ("model.layers.3.self_attn.kv_a_proj_with_mqa.weight", "attn_kv_a_mqa.weight"),
        ("model.layers.3.mlp.gate_proj.weight", "ffn_gate.weight"),
        ("model.layers.3.mlp.gate.weight", "ffn_gate_inp.weight"),
        ("model.layers.3.mlp.gate.e_score_correction_bias", "exp_probs_b.bias"),
        ("model.layers.3.mlp.shared_expert.down_proj.weight", "ffn_down_shexp.weight"),
        ("model.layers.3.mlp.shared_expert_gate.weight", "ffn_gate_inp_shexp.weight"),
        ("model.layers.3.block_sparse_moe.experts.5.w2.weight", "ffn_down_exps.weight"),
        ("model.layers.3.block_sparse_moe.router.layer.weight", "ffn_gate_inp.weight"),
        ("model.layers.3.input_layernorm.weight", "attn_norm.weight"),
        ("model.layers.3.post_attention_layernorm.weight", "ffn_norm.weight"),
        ("transformer.h.3.attn.c_attn.weight", "attn_qkv.weight"),
        ("transformer.h.3.attn.c_proj.weight", "attn_output.weight"),
        ("transformer.h.3.mlp.c_proj.weight", "ffn_down.weight"),
        ("gpt_neox.layers.3.attention.query_key_value.bias", "attn_qkv.bias"),
        ("gpt_neox.layers.3.attention.dense.weight", "attn_output.weight"),
        ("bert.encoder.layer.3.attention.output.dense.weight", "attn_output.weight"),
        ("bert.encoder.layer.3.intermediate.dense.weight", "ffn_up.weight"),
        ("bert.encoder.layer.3.output.dense.weight", "ffn_down.weight"),
        ("backbone.layers.3.mixer.in_proj.weight", "ssm_in.weight"),
        ("backbone.layers.3.mixer.A_log", "ssm_a"),
        ("backbone.layers.3.mixer.up_proj.weight", "ffn_up.weight"),
        ("backbone.layers.3.mixer.fc1_latent_proj.weight", "ffn_latent_down.weight"),
        ("backbone.layers.3.mixer.fc2_latent_proj.weight", "ffn_latent_up.weight"),
        ("model.layers.3.mlp.experts.gate_up_proj_bias", "ffn_up_exps.bias"),
        ("model.layers.3.mlp.experts.down_proj_bias", "ffn_down_exps.bias"),
        ("model.layers.3.mlp.gate.tid2eid", "ffn_gate_tid2eid.weight"),
        ("model.layers.3.self_attn.indexer.wq_b.weight", "indexer.attn_q_b.weight"),
        ("model.layers.3.self_attn.indexer.q_proj.weight", "indexer.attn_q.weight"),
        ("model.layers.3.self_attn.indexer.k_norm.bias", "indexer.k_norm.bias"),
        ("model.layers.3.self_attn.compressor.kv_proj.weight", "compressor.kv.weight"),
        ("model.layers.3.self_attn.compressor.position_bias", "compressor.position_bias"),
        ("model.layers.3.self_attn.compressor.indexer.gate_proj.weight", "indexer.compressor.gate.weight"),
        ("model.layers.3.self_attn.o_a_proj.weight", "attn_output_a.weight"),
        ("model.layers.3.attn_hc.base", "hc_attn_base.weight"),
        ("model.hc_head.hc_fn", "output_hc_fn.weight"),
        ("model.language_model.layers.3.router.proj.weight", "ffn_gate_inp.weight"),
        ("model.language_model.layers.3.router.scale", "ffn_gate_inp.scale"),
        ("model.language_model.layers.3.router.per_expert_scale", "ffn_down_exps.scale"),
        ("model.layers.3.linear_attn.in_proj_qkv.weight", "attn_qkv.weight"),
        ("model.layers.3.conv.in_proj.weight", "shortconv.in_proj.weight"),
        ("model.layers.3.flux.weight", None),
        ("model.layers.3.weight", None),
        ("model.embed_tokens.weight", "token_embd.weight"),
        ("bert.embeddings.LayerNorm.weight", "token_embd_norm.weight"),
        ("transformer.wpe.weight", "position_embd.weight"),
        ("lm_head.weight", "output.weight"),
        ("flux", None),
    ],
)
def test_names(name: str, found: str | None) -> None:
    """Each family's word for a module that all have."""
    stem, layer, _, rest = place(name)
    assert gguf_name(rest, layer is not None) == found
    assert (stem == "") == (layer is None)


def test_norms_of_a_sandwich() -> None:
    """With norms behind both halves, the one behind attention is that, not the next half's."""
    assert gguf_name(["post_attention_layernorm", "weight"], True, sandwich=True) == "post_attention_norm.weight"
    assert gguf_name(["post_attention_layernorm", "weight"], True) == "ffn_norm.weight"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # transformers 5.24.0 ``activations.py``, XIELUActivation: alphas are trained, the other two are buffers.
        ("model.layers.3.mlp.act_fn.beta", True),
        ("model.layers.3.mlp.act_fn.eps", True),
        ("model.layers.3.mlp.act_fn.alpha_p", False),
        ("model.vision.layers.3.norm.beta", False),
        ("model.layers.3.mlp.gate.bias", True),
        ("model.layers.3.router.gate.bias", False),
    ],
)
def test_what_is_saved_and_not_trained(name: str, expected: bool) -> None:
    assert is_buffer(name) is expected
