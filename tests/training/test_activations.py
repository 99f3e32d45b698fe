"""What a step adds for a while."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.asking import memory

D, F, H, V, L = 4096, 11_008, 32, 32_000, 32
"""Widths, heads, vocabulary and layers of Llama 2 7B."""
T = 2048
PLAIN = 2 * (4 * D + 3 * D + 2 * D) + 8 * F + 8 * D + 4 * H
"""Bytes a token that one layer saves in 16 bits, without adapters."""
INPUTS = 6 * D + F
"""Input widths of its seven matrices."""


def parts(task: str, moment: str, gpus: int = 1, **keys: Any) -> dict[str, int]:
    """Parts of one moment of a step of Llama 2 7B."""
    found = memory("llama-2-7b", task, gpus, **keys)
    return next(dict(one.parts) for one in found.moments if one.name == moment)


def test_checkpoints_are_the_layers_inputs() -> None:
    """Two bytes an element, or four where the norms of a 4-bit model are fp32."""
    assert parts("lora", "layer")["saved"] == 2 * D * L * T
    assert parts("qlora", "layer")["saved"] == 4 * D * L * T
    assert parts("qlora", "layer", trainer="trl")["saved"] == 2 * D * L * T
    assert parts("qlora", "layer", quant="gptq-int4")["saved"] == 2 * D * L * T


def test_unsloth_keeps_them_in_host_memory() -> None:
    found = memory("llama-2-7b", "lora", trainer="unsloth")
    assert dict(found.moments[0].parts)["saved"] == 0
    assert found.host_bytes == 2 * D * L * T


@pytest.mark.parametrize(
    ("expected", "task", "keys"),
    [
        (PLAIN, "full", {}),
        (PLAIN + 4 * INPUTS, "lora", {}),
        (PLAIN + 5 * INPUTS, "lora", {"lora_dropout": 0.05}),
        (PLAIN + 4 * 4 * D, "lora", {"lora_targets": "attention"}),
        (PLAIN + 4 * 2 * D, "lora", {"lora_targets": "qv"}),
        (PLAIN - 8 * D + 5 * D, "lora", {"trainer": "litgpt", "gradient_checkpointing": True}),
        (PLAIN - 8 * D + 5 * D + 2 * INPUTS, "qlora", {"trainer": "litgpt", "gradient_checkpointing": True}),
        (PLAIN + 4 * D, "lora", {"trainer": "unsloth"}),
        (2 * (PLAIN - 8 * D - 4 * H) + 8 * D + 4 * H, "qlora", {}),
        (PLAIN + 4 * INPUTS, "qlora", {"trainer": "trl"}),
    ],
)
def test_a_layer_computed_again(expected: int, task: str, keys: dict[str, Any]) -> None:
    """Inputs and outputs of its parts, fp32 copies of the norms' and adapters' inputs, and 32-bit activations in fp32."""
    assert expected * T == parts(task, "layer", **keys)["layer"]


def test_without_checkpointing_every_layer_is_kept() -> None:
    found = parts("full", "loss", gradient_checkpointing=False)
    assert found["saved"] == PLAIN * L * T
    assert parts("full", "layer", gradient_checkpointing=False)["layer"] == 0


def test_autocast_over_fp32_weights() -> None:
    """The stream is fp32, each matrix casts its input, and 16-bit copies of the weights exist beside them."""
    kept: dict[str, Any] = {"mixed_precision": True, "gradient_checkpointing": False}
    assert parts("full", "loss", **kept) == {
        "saved": (PLAIN + 10 * D) * L * T,
        "logits": 14 * V * T,
        "gathered": 0,
        "casts": 2 * 6_738_415_616,
    }
    again = parts("full", "layer", mixed_precision=True)
    assert (again["saved"], again["layer"]) == (4 * D * L * T, (PLAIN + 10 * D) * T)
    assert again["casts"] == 2 * (4 * D * D + 3 * D * F + 2 * D)
    assert parts("full", "loss", mixed_precision=True)["casts"] == 2 * D * V
    divided = parts("full", "loss", 2, mixed_precision=True, sharding="zero2")
    assert "casts" not in divided
    assert divided["saved"] == 2 * D * L * T


OUTPUTS = 5 * D + 2 * F
ELEMENTS = 4 * D * D + 3 * D * F
WIDEST = F * F + 4 * D * F
"""Of DoRA: outputs and elements of a layer's seven matrices, and what the norms of the widest need."""


@pytest.mark.parametrize(
    ("more", "norms", "copies", "task", "keys"),
    [
        (6 * OUTPUTS, 4 * WIDEST, 0, "lora", {}),
        (8 * OUTPUTS, 4 * WIDEST, 0, "qlora", {}),
        (8 * OUTPUTS, 4 * WIDEST, 4 * ELEMENTS, "lora", {"lora_dropout": 0.1}),
        (4 * OUTPUTS, 2 * WIDEST, 0, "lora", {"trainer": "torchtune"}),
        (6 * 4 * D, 4 * 5 * D * D, 0, "lora", {"lora_targets": "attention"}),
    ],
)
def test_dora(more: int, norms: int, copies: int, task: str, keys: dict[str, Any]) -> None:
    """Outputs of matrix and adapter are kept; norms are computed from copies in the adapter's type."""
    plain, found = parts(task, "layer", **keys), parts(task, "layer", dora=True, **keys)
    assert found["layer"] - plain["layer"] == more * T
    assert (found["norms"], found.get("copies", 0)) == (norms, copies)


def test_dora_with_dropout_keeps_all_copies_without_checkpointing() -> None:
    keys: dict[str, Any] = {"dora": True, "lora_dropout": 0.1, "gradient_checkpointing": False}
    assert parts("lora", "layer", **keys)["copies"] == parts("lora", "loss", **keys)["copies"] == 4 * ELEMENTS * L


def test_layer_norm_keeps_no_copy() -> None:
    """Phi-1.5: attention and network of 24 layers, plain, width 2048, inner width 8192, 32 heads."""
    found = memory("phi-1.5", "full", gradient_checkpointing=False, sequence_length=1)
    assert dict(found.moments[0].parts)["saved"] == 24 * (2 * 9 * 2048 + 4 * 8192 + 4 * 32)


def test_eager_attention_keeps_scores() -> None:
    """Its own backward pass has 15 bytes a pair and no feed-forward network; the network's has 6, or 4 in fp32."""
    short, long = (parts("full", "layer", flash_attention=False, sequence_length=n)["layer"] for n in (64, 4096))
    assert short == (PLAIN + 6 * H * 64) * 64
    assert long == (PLAIN - 8 * F + 15 * H * 4096) * 4096
    upcast = parts("qlora", "layer", flash_attention=False, sequence_length=4096)["layer"]
    assert upcast == (2 * 2 * 9 * D + 8 * D + 4 * H + 18 * H * 4096) * 4096


@pytest.mark.parametrize(
    ("expected", "task", "keys"),
    [
        (14 * V, "lora", {}),
        (16 * V, "qlora", {}),
        (14 * V + 6 * D, "qlora", {"trainer": "trl"}),
        (4 * V, "lora", {"trainer": "litgpt", "gradient_checkpointing": True}),
        (16 * V, "lora", {"objective": "grpo", "generations": 1}),
        (2 * 16 * V, "lora", {"objective": "dpo"}),
        (10 * V, "lora", {"trainer": "qwen"}),
        (6 * V, "qlora", {"trainer": "qwen", "quant": "gptq-int4"}),
    ],
)
def test_logits(expected: int, task: str, keys: dict[str, Any]) -> None:
    assert expected * T == parts(task, "loss", **keys)["logits"]


def test_gptbigcode_has_its_own_loss() -> None:
    """In transformers before 4.45: 8 bytes a logit, or 18 under autocast."""
    for task, each in (("full", 8), ("lora", 18)):
        found = memory("santacoder", task, trainer="trl", sequence_length=1)
        assert dict(found.moments[0].parts)["logits"] == each * 49_280 + 6 * 2048


def test_a_fused_loss_has_chunks() -> None:
    """As many as a power of two above the vocabulary over the width: 8 here, with the gradient of the hidden states."""
    assert parts("lora", "loss", fused_loss=True)["logits"] == 10 * V * T // 8 + 4 * D * T


@pytest.mark.parametrize(
    ("room", "expected"),
    [(80, 10 * V * T // 4), (0, 0)],
)
def test_unsloth_s_chunks_follow_the_free_memory(room: int, expected: int) -> None:
    """Four at least; half of what is free where that is less."""
    found = memory("llama-2-7b", "lora", trainer="unsloth", room=room * 2**30)
    assert dict(found.moments[0].parts)["logits"] == expected
    assert found.elastic_bytes == expected


def test_a_matrix_is_dequantized_at_a_time() -> None:
    assert parts("qlora", "layer")["unpacked"] == 2 * D * F
    assert parts("lora", "layer")["unpacked"] == 0


def test_fsdp_does_not_make_the_residual_stream_fp32() -> None:
    assert parts("qlora", "layer", 2, sharding="fsdp")["saved"] == 2 * D * L * T


@pytest.mark.parametrize(
    ("tokens", "gpus", "keys"),
    [
        (2048, 1, {}),
        (4096, 1, {"micro_batch": 2}),
        (4096, 1, {"objective": "dpo"}),
        (8 * 2048, 1, {"objective": "grpo"}),
        (2048, 2, {"objective": "grpo", "gradient_accumulation": 4}),
        (16 * 2048, 1, {"objective": "grpo", "micro_batch": 16}),
        (3 * 2048, 1, {"objective": "grpo", "generations": 3}),
    ],
)
def test_rows_of_a_step(tokens: int, gpus: int, keys: dict[str, Any]) -> None:
    """Pairs of answers in DPO; a whole group over accumulated steps and GPUs in GRPO."""
    assert parts("lora", "loss", gpus, **keys)["saved"] == 2 * D * L * tokens


def test_sampled_answers_have_a_cache() -> None:
    assert parts("lora", "answers", objective="grpo")["cache"] == 8 * T * L * 2 * 2 * D


def test_images_pass_the_tower() -> None:
    """Qwen2-VL's released processor lets 65,536 patches through, whose scores no card holds."""
    found = memory("qwen2-vl-7b", "lora", images=1, flash_attention=False)
    moment = next(one for one in found.moments if one.name == "images")
    assert dict(moment.parts)["images"] > 16 * 65_536**2 * 2
    assert found.peak == moment


def test_gradients_wait_for_the_backward_pass() -> None:
    """Of all weights they are not there with the logits, unless steps accumulate them."""
    cases: list[tuple[dict[str, Any], bool]] = [({}, False), ({"gradient_accumulation": 2}, True)]
    for keys, there in cases:
        found = memory("llama-2-7b", "full", **keys)
        assert [one.gradients for one in found.moments] == [there, there, True]
    assert [one.gradients for one in memory("llama-2-7b", "lora").moments] == [True, True, True]


@given(st.integers(1, 2**16), st.integers(1, 64), st.integers(1, 64))
def test_a_step_grows_with_its_tokens(sequence: int, batch: int, more: int) -> None:
    """How samples are arranged makes no difference under FlashAttention, and more tokens never need less."""
    one = memory("llama-2-7b", "lora", sequence_length=sequence, micro_batch=batch)
    whole = memory("llama-2-7b", "lora", sequence_length=sequence * batch)
    longer = memory("llama-2-7b", "lora", sequence_length=sequence + more, micro_batch=batch)
    assert one.moment_bytes(one.peak) == whole.moment_bytes(whole.peak) <= longer.moment_bytes(longer.peak)
