"""The schemes of Hugging Face checkpoints: one linear layer worked out by hand, then models that were measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.quantization.builders import build, dense, stored, types
from vramfit.quantization import bits_per_weight, derive, find_scheme, store
from vramfit.quantization.fp8 import head_copy_bytes
from vramfit.quantization.microscaling import matrix_bytes

if TYPE_CHECKING:
    from vramfit.model import Model

ROWS, INPUTS = 1024, 512
WEIGHTS = ROWS * INPUTS


@pytest.mark.parametrize(
    ("scheme", "expected"),
    [
        ("fp32", 4 * WEIGHTS),
        ("bf16", 2 * WEIGHTS),
        ("int8", WEIGHTS + 4 * ROWS),
        ("nf4-single", WEIGHTS // 2 + 4 * WEIGHTS // 64),
        ("nf4", WEIGHTS // 2 + WEIGHTS // 64 + 4 * WEIGHTS // 64 // 256 + 1024),
        ("fp4", WEIGHTS // 2 + WEIGHTS // 64 + 4 * WEIGHTS // 64 // 256 + 1024),
        # four groups of 128 in a row: weights, scales, zero points, group index
        ("gptq-int4", WEIGHTS // 2 + 2 * 4 * ROWS + 4 * ROWS // 2 + 4 * INPUTS),
        ("gptq-int8", WEIGHTS + 2 * 4 * ROWS + 4 * ROWS + 4 * INPUTS),
        ("gptq-int3-g64", WEIGHTS * 3 // 8 + 2 * 8 * ROWS + 8 * ROWS * 3 // 8 + 4 * INPUTS),
        ("gptq-int4-channel", WEIGHTS // 2 + 2 * ROWS + ROWS // 2 + 4 * INPUTS),
        ("awq", WEIGHTS // 2 + 2 * 4 * ROWS + 4 * ROWS // 2),
        ("awq-g32", WEIGHTS // 2 + 2 * 16 * ROWS + 16 * ROWS // 2),
        ("fp8", WEIGHTS + 4),
        ("fp8-channel", WEIGHTS + 4 * ROWS),
        ("fp8-block", WEIGHTS + 4 * (ROWS // 128) * (INPUTS // 128)),
        ("w8a8", WEIGHTS + 2 * ROWS),
        ("w4a16", WEIGHTS // 2 + 2 * 4 * ROWS + 16),
        ("MXFP4", WEIGHTS // 32 * 17),
        ("nvfp4", WEIGHTS // 16 * 9 + 8),
        ("exl3-4.0", WEIGHTS // 2 + 2 * (ROWS + INPUTS)),
        ("exl2-4.0", WEIGHTS // 2),
        ("mlx-4bit", WEIGHTS // 2 + 4 * 8 * ROWS),
        ("mlx-6bit-g32", WEIGHTS * 6 // 8 + 4 * 16 * ROWS),
        ("mlx-mxfp8", WEIGHTS // 32 * 33),
        ("mlx-nvfp4", WEIGHTS // 16 * 9),
        ("torchao-int8", WEIGHTS + 2 * ROWS),
        ("torchao-int4", WEIGHTS // 2 + 4 * 4 * ROWS),
        ("quanto-int8", WEIGHTS + 2 * ROWS),
        ("quanto-int4", WEIGHTS // 2 + 4 * 4 * ROWS),
        # scales of 64 inputs in two bytes or of 16 in one, and two matrices of 32 columns in 16 bits
        ("svdq-int4", WEIGHTS // 2 + 2 * 8 * ROWS + 2 * 32 * (ROWS + INPUTS)),
        ("svdq-fp4", WEIGHTS // 2 + 32 * ROWS + 2 * 32 * (ROWS + INPUTS)),
        ("hqq-int4", WEIGHTS // 2 + 4 * 8 * ROWS),
        # 8192 groups of 64 are 820 words deep, ten groups to a word
        ("hqq-int3", 820 * 64 * 4 + 4 * 8 * ROWS),
    ],
)
def test_one_linear_layer(scheme: str, expected: int) -> None:
    """``ffn_up``: 1024 outputs of 512 inputs."""
    (row,) = [row for row in stored(dense(), scheme) if row.tensor.name == "ffn_up.weight"]

    assert row.bytes_each == expected
    assert row.layers == tuple(range(16))


@pytest.mark.parametrize("scheme", ["gptq-int4", "awq", "fp8-block", "w4a16", "nvfp4", "exl3-4.0", "mlx-4bit", "nf4"])
def test_fused_experts_weigh_what_their_matrices_weigh(scheme: str) -> None:
    """Four experts in one tensor are four layers of the same shape."""
    mixture = dense(moe={"experts": 4, "active": 2, "width": 1024}, ffn=None)
    (fused,) = [row for row in stored(mixture, scheme) if row.tensor.name == "ffn_up_exps.weight"]
    (one,) = [row for row in stored(dense(), scheme) if row.tensor.name == "ffn_up.weight"]
    code_books = 3 * 1024 if scheme == "nf4" else 0  # bitsandbytes keeps one per tensor, not per expert

    assert fused.bytes_each == 4 * one.bytes_each - code_books


@pytest.mark.parametrize("scheme", ["gptq-int4", "awq", "fp8", "w8a8", "nvfp4", "hqq-int4", "torchao-int4", "nf4"])
def test_embedding_head_norms_and_routers_stay_16_bit(scheme: str) -> None:
    model = dense(moe={"experts": 4, "active": 2, "width": 1024}, ffn=None, model_type="mixtral")
    kept = {row.tensor.name for row in stored(model, scheme) if row.type == "F16"}

    norms = {"attn_norm.weight", "ffn_norm.weight", "output_norm.weight"}
    assert kept == {"token_embd.weight", "output.weight", "ffn_gate_inp.weight", *norms}


VISION = {
    "kind": "siglip", "layers": 2, "hidden": 256, "ffn": 512, "heads": 4, "patch": 14, "image_size": 224,
    "projector": [{"name": "mm.0", "linear": ["tower", "text"]}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("scheme", "quantized"), [("nf4", True), ("int8", True), ("awq", False), ("fp8", False), ("mlx-4bit", False)]
)
def test_towers_are_quantized_on_load_and_left_alone_in_checkpoints(scheme: str, quantized: bool) -> None:
    rows = stored(dense(vision=VISION), scheme)
    linears = {row.type for row in rows if row.tensor.part != "text" and row.tensor.linear}

    assert linears == ({scheme} if quantized else {"F16"})


def test_mxfp4_takes_the_experts_of_a_mixture_and_every_layer_of_a_dense_model() -> None:
    mixture = dense(moe={"experts": 4, "active": 2, "width": 1024}, ffn=None)

    assert set(types(mixture, "MXFP4", "attn_q.weight")) == {"F16"}
    assert set(types(mixture, "MXFP4", "ffn_down_exps.weight")) == {"MXFP4"}
    assert set(types(dense(), "MXFP4", "attn_q.weight")) == {"MXFP4"}


def test_rounded_up_mxfp4_matrices() -> None:
    """gpt-oss in vLLM's Marlin kernels: 2880 x 2880 becomes 3072 x 2944, 9 % more (``fused_moe/oracle/mxfp4.py``)."""
    assert matrix_bytes(3072, 2944) / matrix_bytes(2880, 2880) == pytest.approx(1.0904, abs=0.0001)


@pytest.mark.parametrize("scheme", ["fp8", "fp8-block", "MXFP4"])
def test_a_checkpoint_of_fp8_with_mxfp4_experts_is_what_either_name_means(scheme: str) -> None:
    """DeepSeek-V4 is published so and not otherwise (vLLM ``models/deepseek_v4/quant_config.py``)."""
    moe = {"experts": 4, "active": 2, "width": 1024}
    mixed = dense(moe=moe, ffn=None, dtype="fp8", traits={"expert_dtype": "mxfp4"})
    kinds = {row.tensor.name: row.type for row in stored(mixed, scheme) if row.type != "F16"}

    assert kinds.pop("ffn_gate_exps.weight") == kinds.pop("ffn_up_exps.weight") == "MXFP4"
    assert kinds.pop("ffn_down_exps.weight") == "MXFP4"
    assert kinds == {f"attn_{name}.weight": "FP8" for name in ("q", "k", "v", "output")}
    assert {row.type for row in stored(mixed, "bf16")} == {"BF16"}


def test_native_fp8_models_have_block_scales() -> None:
    native = dense(dtype="fp8")

    assert stored(native, "fp8")[3].bytes_each == stored(dense(), "fp8-block")[3].bytes_each
    assert stored(native, "fp8")[3].bytes_each != stored(dense(), "fp8")[3].bytes_each


def test_fbgemm_leaves_attention_and_the_outer_layers_alone() -> None:
    model = dense()

    assert types(model, "fbgemm_fp8", "ffn_down.weight") == {"FP8": tuple(range(1, 15)), "F16": (0, 15)}
    assert types(model, "fbgemm_fp8", "attn_q.weight") == {"F16": tuple(range(16))}


def test_mlx_takes_embedding_head_and_router_along() -> None:
    """All 4-bit but the router, 8-bit in groups of 64; a bare router (selection bias) stays as it is."""
    moe = {"experts": 4, "active": 2, "width": 1024}
    model, bare = dense(moe=moe, ffn=None), dense(moe=moe, ffn=None, traits={"selection_bias": True})
    by_name = {row.tensor.name: row for row in stored(model, "mlx-4bit")}

    assert {name for name, row in by_name.items() if row.type == "F16"} == {
        "attn_norm.weight", "ffn_norm.weight", "output_norm.weight",
    }  # fmt: skip
    assert by_name["ffn_gate_inp.weight"].bytes_each == 4 * 512 + 4 * 4 * 512 // 64
    assert set(types(bare, "mlx-4bit", "ffn_gate_inp.weight")) == {"F16"}


def test_mlx_leaves_rows_alone_that_the_group_does_not_divide() -> None:
    model = dense(ffn=1056)  # 16.5 groups of 64

    assert set(types(model, "mlx-4bit", "ffn_down.weight")) == {"F16"}
    assert set(types(model, "mlx-4bit", "ffn_up.weight")) == {"affine4"}


def test_exllama_writes_a_tied_head_out() -> None:
    rows = stored(dense(tied=True), "exl3-4.0")
    (head,) = [row for row in rows if row.tensor.name == "output.weight"]

    assert head.bytes_each == 1024 * 512 * 6 // 8 + 2 * (1024 + 512)
    assert {row.tensor.name for row in rows if row.type == "F16"} >= {"token_embd.weight"}


def test_head_bits() -> None:
    narrow, wide = stored(dense(), "exl2-4.0"), stored(dense(), "exl2-4.0-h8")
    difference = sum(row.total_bytes for row in wide) - sum(row.total_bytes for row in narrow)

    assert difference == 1024 * 512 * 2 // 8


QWEN3: dict[str, dict[str, Any]] = {
    "0.6B": {"layers": 28, "hidden": 1024, "ffn": 3072, "heads": 16, "tied": True},
    "1.7B": {"layers": 28, "hidden": 2048, "ffn": 6144, "heads": 16, "tied": True},
    "4B": {"layers": 36, "hidden": 2560, "ffn": 9728, "heads": 32, "tied": True},
    "8B": {"layers": 36, "hidden": 4096, "ffn": 12288, "heads": 32},
    "14B": {"layers": 40, "hidden": 5120, "ffn": 17408, "heads": 40},
    "32B": {"layers": 64, "hidden": 5120, "ffn": 25600, "heads": 64},
}


def qwen3(size: str) -> Model:
    """A dense Qwen3 (config.json of Qwen/Qwen3-*)."""
    return build(**QWEN3[size], kv_heads=8, head_dim=128, vocab=151936, traits={"qk_norm": "head"})


@pytest.mark.parametrize(
    ("size", "scheme", "tokens", "mib"),
    [
        ("0.6B", "bf16", 8192, 2066),
        ("1.7B", "bf16", 32768, 6902),
        ("8B", "bf16", 2049, 15947),
        ("0.6B", "gptq-int8", 8192, 1658),
        ("1.7B", "gptq-int8", 32768, 5590),
        ("0.6B", "fp8-block", 32768, 4632),
        ("1.7B", "fp8-block", 32768, 6151),
        ("4B", "fp8-block", 32768, 9611),
        ("8B", "fp8-block", 2049, 9323),
        ("14B", "fp8-block", 16384, 18253),
        ("32B", "fp8-block", 8192, 34915),
        ("4B", "awq", 2049, 2915),
        ("8B", "awq", 2049, 6177),
        ("14B", "awq", 2049, 9962),
    ],
)
def test_what_qwen3_took_in_transformers(size: str, scheme: str, tokens: int, mib: int) -> None:
    """PyTorch's memory is weights and cache, some 35 MiB of workspace, and up to 1.5 % that AWQ adds with the context.

    QwenLM/Qwen3 ``docs/source/getting_started/speed_benchmark.md`` at 7a2f61f: transformers 4.51.3 on an H20, batch 1.
    """
    model = qwen3(size)
    cache = QWEN3[size]["layers"] * 2 * 8 * 128 * 2 * tokens
    copy = head_copy_bytes(model) if scheme == "fp8-block" else 0
    needed = (derive(model, find_scheme(scheme)).file_bytes + cache + copy) / 2**20

    assert needed + 30 < mib < needed * 1.015 + 48


def test_mixtral_in_nf4() -> None:
    """22.971 GiB with LoRA adapters of rank 16: foundation-model-stack/fms-acceleration ``a100_80gb.csv`` row 61."""
    moe = {"experts": 8, "active": 2, "width": 14336}
    model = build(layers=32, hidden=4096, heads=32, kv_heads=8, vocab=32000, moe=moe)

    assert 22.971 * 0.99 < sum(row.total_bytes for row in stored(model, "nf4")) / 2**30 < 22.971


def test_deepseek_r1_in_fp8() -> None:
    """671,026,419,200 weights, one byte each but for embedding, head, routers and norms: 626.9 GiB."""
    mla = {"query_rank": 1536, "kv_rank": 512, "nope_dim": 128, "rope_dim": 64, "value_dim": 128}
    moe = {"experts": 256, "active": 8, "width": 2048, "shared_width": 2048, "dense_layers": 3}
    model = build(
        layers=61, hidden=7168, ffn=18432, heads=128, vocab=129280, dtype="fp8", pattern="mla", mla=mla, moe=moe,
        traits={"selection_bias": True},
    )  # fmt: skip
    halves = 2 * 129280 * 7168 + 58 * 256 * 7168
    floats = 671_026_419_200 - halves - 61 * (2 * 7168 + 1536 + 512) - 7168
    size = sum(row.total_bytes for row in store(model, find_scheme("fp8")))

    assert size / 2**30 == pytest.approx(626.92, abs=0.01)
    assert size == pytest.approx(floats * (1 + 4 / 128**2) + 2 * halves, rel=1e-5)


def test_gpt_oss_20b_as_published() -> None:
    """13,761,264,768 bytes: ``total_size`` in the model.safetensors.index.json of openai/gpt-oss-20b."""
    traits = {"qkv_bias": True, "o_bias": True, "expert_bias": True, "router_bias": True, "sinks": ["full"]}
    model = build(
        layers=24, hidden=2880, heads=64, kv_heads=8, head_dim=64, vocab=201088, traits=traits,
        moe={"experts": 32, "active": 4, "width": 2880},
    )  # fmt: skip

    assert sum(row.total_bytes for row in stored(model, "MXFP4")) == 13_761_264_768


def test_bits_per_weight_counts_what_is_not_quantized() -> None:
    model = qwen3("8B")

    assert bits_per_weight(stored(model, "bf16")) == 16
    assert 4.15 < bits_per_weight(stored(model, "awq")) < 6.5
    assert bits_per_weight(()) == 0
    assert bits_per_weight(stored(dense(vision=VISION), "awq"), ("vision",)) == 16
