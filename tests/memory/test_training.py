"""What fine-tuning needs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import model
from vramfit.errors import UsageError
from vramfit.memory.training import adapter_parameters, training_bytes
from vramfit.quantization import derive, find_scheme
from vramfit.workload.training import Training

LLAMA_2_7B = 6_738_415_616
"""Parameters of meta-llama/Llama-2-7b-hf."""


def states(task: str, gpus: int = 1, **changes: Any) -> int:
    """State bytes of training Llama 2 7B."""
    checkpoint = derive(model("llama-2-7b"), find_scheme("nf4" if task == "qlora" else "bf16"))
    return training_bytes(checkpoint, task, Training(**changes), gpus).states_bytes


def activations(**changes: Any) -> int:
    """Activation bytes of a LoRA step of Llama 2 7B."""
    checkpoint = derive(model("llama-2-7b"), find_scheme("bf16"))
    return training_bytes(checkpoint, "lora", Training(**changes), 1).activation_bytes


@pytest.mark.parametrize(
    ("expected", "name", "rank"),
    [
        (41_943_040, "llama-3.1-8b", 16),  # what PEFT and Unsloth print for all linear layers at rank 16
        (39_976_960, "llama-2-7b", 16),  # likewise: 32 x 16 x (8 x 4096 + 3 x (4096 + 11008))
        (8 * 39_976_960 // 2, "llama-2-7b", 64),
    ],
)
def test_adapter_parameters(expected: int, name: str, rank: int) -> None:
    """Rank x (in + out) for each linear layer of the language model."""
    assert expected == adapter_parameters(model(name), rank)


def test_towers_get_no_adapters() -> None:
    """LLaVA's language model is Llama 2 7B's; its vision tower stays as it is."""
    assert adapter_parameters(model("llama-2-7b"), 16) == adapter_parameters(model("llava-1.5-7b"), 16)


@pytest.mark.parametrize(
    ("expected", "optimizer"),
    [
        (8 * LLAMA_2_7B, "adamw"),  # weights, gradients and two states, two bytes each
        (6 * LLAMA_2_7B, "sgd"),
        (6 * LLAMA_2_7B, "lion"),
        (4 * LLAMA_2_7B + round(LLAMA_2_7B * (2 + 8 / 256)), "adamw8bit"),  # bitsandbytes: int8 states, absmax per 256
        (4 * LLAMA_2_7B, "paged_adamw8bit"),  # its states live in host memory
        (round(LLAMA_2_7B * (4 + 2 * (0.5 + 4 / 128))), "adamw4bit"),
        (round(LLAMA_2_7B * (4 + 1 + 4 / 256)), "lion8bit"),
        (4 * LLAMA_2_7B + 3 * 2 * LLAMA_2_7B, "ademamix"),
    ],
)
def test_full_fine_tuning(expected: int, optimizer: str) -> None:
    """In bf16, without an fp32 master copy: the rule of eight bytes a parameter for AdamW."""
    assert expected == states("full", optimizer=optimizer)


def test_lora() -> None:
    """A frozen 16-bit base; fp32 adapters with gradients and two AdamW states are 16 bytes each."""
    assert 2 * LLAMA_2_7B + 16 * 39_976_960 == states("lora")
    assert 2 * LLAMA_2_7B + 16 * 4 * 39_976_960 == states("lora", lora_rank=64)


def test_qlora_upcasts_what_stays_16_bit() -> None:
    """PEFT's ``prepare_model_for_kbit_training`` makes embedding, head and norms fp32."""
    parts = training_bytes(derive(model("llama-2-7b"), find_scheme("nf4")), "qlora", Training(), 1)
    kept = 2 * 32000 * 4096 + (2 * 32 + 1) * 4096
    assert 2 * kept == parts.upcast_bytes
    linears = LLAMA_2_7B - kept
    scales = linears // 64
    # Half a byte a weight, one byte per 64, four per 64 x 256, and a code book of 1 KiB for each of 224 matrices.
    base = linears // 2 + scales + 4 * (scales // 256) + 224 * 1024
    assert base + 4 * kept + 16 * 39_976_960 == parts.states_bytes


@pytest.mark.parametrize(("stage", "expected"), [(0, 8.0), (1, 4 + 4 / 4), (2, 2 + 6 / 4), (3, 8 / 4)])
def test_zero_divides_states_over_gpus(stage: int, expected: float) -> None:
    """Stage 1 divides the optimizer, 2 gradients too, 3 weights too (DeepSpeed ZeRO), here over four GPUs."""
    assert round(expected * LLAMA_2_7B) == states("full", gpus=4, zero_stage=stage)


def test_zero_on_one_gpu_changes_nothing() -> None:
    """There is nobody to share with."""
    assert states("full") == states("full", gpus=1, zero_stage=3)


def test_zero_is_refused_for_adapters() -> None:
    """What is frozen is not divided by these stages; the answer would mean nothing."""
    with pytest.raises(UsageError) as caught:
        states("lora", gpus=2, zero_stage=3)
    assert "zero_stage applies to task full only" == caught.value.message


def test_checkpointing_keeps_each_layer_s_input_alone() -> None:
    """And one whole layer while it is computed again: far less than all of them."""
    kept, whole = activations(), activations(gradient_checkpointing=False)
    layer = 2 * (4 * 4096 + 3 * 4096 + 2 * 4096) + 8 * 11008 + 4 * 32 + 8 * 4096
    logits = 10 * 32000
    assert 2048 * (2 * 4096 * 32 + layer + logits) == kept
    assert 2048 * (layer * 32 + logits) == whole


@given(st.integers(1, 2**16), st.integers(1, 64), st.integers(1, 64))
def test_activations_are_proportional_to_tokens(sequence: int, batch: int, more: int) -> None:
    """Samples times tokens: how they are arranged makes no difference, and more of them never need less."""
    told = activations(sequence_length=sequence, micro_batch=batch)
    assert told == activations(sequence_length=sequence * batch, micro_batch=1)
    assert told <= activations(sequence_length=sequence + more, micro_batch=batch)


@given(st.integers(1, 512), st.integers(1, 512))
def test_rank_costs_sixteen_bytes_a_parameter(rank: int, more: int) -> None:
    """A higher rank needs exactly that much more."""
    added = adapter_parameters(model("llama-2-7b"), more)
    assert 16 * added == states("lora", lora_rank=rank + more) - states("lora", lora_rank=rank)
