"""What is kept from step to step, and how GPUs divide it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.asking import memory
from vramfit.sources import open_catalogue
from vramfit.training.network import adapted, adapter_parameters, embedding_elements
from vramfit.training.states import States

P = 6_738_415_616
"""Parameters of meta-llama/Llama-2-7b-hf."""
A = 39_976_960
"""Parameters of adapters of rank 16 on all its linear layers: 32 x 16 x (8 x 4096 + 3 x (4096 + 11008))."""
E = 2 * 32_000 * 4096
LAYER = 2 * (4 * 4096 * 4096 + 3 * 4096 * 11_008 + 2 * 4096)
NORMS = (2 * 32 + 1) * 4096


def states(task: str, gpus: int = 1, **keys: Any) -> States:
    """States of training Llama 2 7B."""
    return memory("llama-2-7b", task, gpus, **keys).states


@pytest.mark.parametrize(
    ("expected", "model", "rank", "targets"),
    [
        (41_943_040, "llama-3.1-8b", 16, "all"),  # what PEFT and Unsloth print for all linear layers at rank 16
        (A, "llama-2-7b", 16, "all"),
        (4 * A, "llama-2-7b", 64, "all"),
        (32 * 16 * 8 * 4096, "llama-2-7b", 16, "attention"),
        (32 * 16 * 4 * 4096, "llama-2-7b", 16, "qv"),  # what PEFT adapts by default: 8,388,608
        (32 * 16 * 3 * (4096 + 11_008), "llama-2-7b", 16, "mlp"),
        (A, "llava-1.5-7b", 16, "all"),  # its vision tower stays as it is
        (24 * 8 * (2048 + 3 * 2048), "phi-1.5", 8, "qv"),  # one matrix has queries, keys and values
    ],
)
def test_adapter_parameters(expected: int, model: str, rank: int, targets: str) -> None:
    """Rank x (in + out) for each adapted matrix."""
    if model == "phi-1.5" and adapted(open_catalogue().model(model), "qv").inputs != 2048:
        expected = 24 * 8 * 4 * 2048  # stored as three matrices
    assert expected == adapter_parameters(open_catalogue().model(model), rank, targets)


def test_experts_have_no_adapters() -> None:
    """Mixtral's router and attention do."""
    model = open_catalogue().model("mixtral-8x7b")
    assert adapted(model, "mlp").parameters_per_rank == 0
    attention = 32 * (2 * (4096 + 4096) + 2 * (4096 + 1024))
    assert adapted(model, "attention").parameters_per_rank == attention


def test_a_tied_head_counts_once() -> None:
    assert embedding_elements(open_catalogue().model("llama-2-7b")) == E
    assert embedding_elements(open_catalogue().model("qwen2.5-1.5b")) == 151_936 * 1536


@pytest.mark.parametrize(
    ("optimizer", "state_bytes", "temporary"),
    [
        ("adamw", 4 * P, 2 * P),
        ("sgd", 2 * P, 2 * P),
        ("lion", 2 * P, 0),
        ("adamw8bit", round(P * (2 + 8 / 256)), 0),  # bitsandbytes: int8 states, a scale per 256
        ("adamw4bit", round(P * 2 * (0.5 + 4 / 128)), 0),
        ("paged_adamw8bit", 0, 0),
        ("ademamix", 6 * P, 0),
    ],
)
def test_all_weights_in_bf16(optimizer: str, state_bytes: int, temporary: int) -> None:
    """Weights and gradients of two bytes, states of two each; torch's optimizers make a temporary copy of everything."""
    paged = round(P * (2 + 8 / 256)) if optimizer.startswith("paged") else 0
    assert States(2 * P, 0, 2 * P, state_bytes, temporary, host_bytes=paged) == states("full", optimizer=optimizer)


def test_all_weights_in_fp32_under_autocast() -> None:
    assert States(4 * P, 0, 4 * P, 8 * P, 4 * P) == states("full", mixed_precision=True)


def test_an_optimizer_in_the_backward_pass_leaves_one_layer_of_gradients() -> None:
    found = states("full", optimizer_in_backward=True, optimizer="paged_adamw8bit")
    assert (found.gradients_bytes, found.temporary_bytes) == (LAYER, 0)


def test_dpo_keeps_a_reference_of_all_weights() -> None:
    """Adapters are switched off for it."""
    assert states("full", objective="dpo").weights_bytes == 4 * P
    assert states("lora", objective="dpo").weights_bytes == 2 * P


def test_adapters() -> None:
    """A frozen 16-bit base; fp32 adapters with gradients and two states are 16 bytes each."""
    assert States(2 * P, 4 * A, 4 * A, 8 * A, 4 * A) == states("lora")


@pytest.mark.parametrize(("trainer", "each"), [("transformers", 4), ("litgpt", 2), ("torchtune", 2), ("unsloth", 4)])
def test_bytes_of_an_adapter(trainer: str, each: int) -> None:
    assert states("lora", trainer=trainer).adapters_bytes == each * A


def test_magnitudes_of_dora_are_trained() -> None:
    """One for each output of each adapted matrix."""
    magnitudes = 32 * (5 * 4096 + 2 * 11_008)
    assert states("lora", dora=True).adapters_bytes == 4 * (A + magnitudes)


def test_trainers_own_defaults_on_one_gpu_and_on_several() -> None:
    assert states("qlora", trainer="litgpt").optimizer_bytes == 0
    assert states("full", trainer="torchtune").optimizer_bytes == 0
    assert states("full", 2, trainer="torchtune").optimizer_bytes == 4 * P // 2
    assert states("lora", 2, trainer="torchtune").weights_bytes == P


def test_matrices_trained_whole_beside_adapters() -> None:
    """Embedding and head: copy, gradient and two states of two bytes, or of four where the trainer upcasts them."""
    assert states("lora", save_modules="embeddings").adapters_bytes - 4 * A == 8 * E
    assert states("qlora", save_modules="embeddings").adapters_bytes - 4 * A == 16 * E
    assert states("lora", save_modules="embeddings", trainer="qwen").adapters_bytes - 4 * A == 11 * E


@pytest.mark.parametrize(
    ("trainer", "upcast"),
    [
        ("transformers", 2 * (E + NORMS)),
        ("trl", 0),
        ("unsloth", 0),
        ("llama-factory", 0),
        ("axolotl", 0),
        ("litgpt", 0),
    ],
)
def test_four_bit_weights(trainer: str, upcast: int) -> None:
    """PEFT's ``prepare_model_for_kbit_training`` makes embedding, head and norms fp32; other trainers do not."""
    linears = P - E - NORMS
    base = linears // 2 + linears // 64 + 4 * (linears // 64 // 256) + 224 * 1024 + 2 * (E + NORMS)
    assert base + upcast == states("qlora", quant="nf4", trainer=trainer).weights_bytes


def test_gptq_is_upcast_by_qwen_s_script_alone() -> None:
    plain = states("qlora", quant="gptq-int4").weights_bytes
    assert states("qlora", quant="gptq-int4", trainer="qwen").weights_bytes - plain == 2 * E


@pytest.mark.parametrize(
    ("stage", "weights", "gradients"),
    [(1, 2 * P, 2 * P), (2, 2 * P, 4 * P // 4), (3, 2 * P // 4, 4 * P // 4)],
)
def test_zero_divides_states(stage: int, weights: int, gradients: int) -> None:
    """The optimizer's are fp32, with an fp32 copy of the weights: 12 bytes a parameter, over four GPUs."""
    found = states("full", 4, sharding=f"zero{stage}")
    assert (found.weights_bytes, found.gradients_bytes, found.optimizer_bytes) == (weights, gradients, 12 * P // 4)
    assert found.temporary_bytes == 4 * 10**9
    assert found.gathered_bytes == 2 * 2 * 5 * 10**8 + (2 * 10**9 if stage == 3 else 0)
    assert found == states("full", 4, zero_stage=stage)


def test_seventy_billions_on_thirty_two_cards() -> None:
    """About 40 GB of states on each, and not twice the weights at any count of them."""
    found = memory("llama-3.1-70b", "full", 32, sharding="zero3")
    kept = found.kept_bytes(found.moments[2])
    assert 39e9 < kept < 41e9
    assert found.moment_bytes(found.peak) < 60e9


def test_fsdp_divides_everything_but_what_is_gathered() -> None:
    found = states("full", 2, sharding="fsdp")
    assert found == States(P, 0, P, 2 * P, P, 2 * LAYER + 2 * E)


def test_litgpt_leaves_frozen_weights_gathered() -> None:
    """FSDP frees parameters after their gradients, which frozen ones have not."""
    found = states("lora", 2, sharding="fsdp", trainer="litgpt")
    assert (found.weights_bytes, found.gathered_bytes) == (P, 2 * P + 2 * LAYER)


def test_data_parallel_copies_gradients_into_buckets() -> None:
    assert states("full", 2).gathered_bytes == 2 * P
    assert states("full", 2).weights_bytes == 2 * P


def test_offload_moves_states_to_the_host() -> None:
    """Those of the optimizer, or all of them."""
    divided = states("full", 4, sharding="fsdp")
    optimizer = states("full", 4, sharding="fsdp", offload_optimizer=True)
    everything = states("full", 4, sharding="fsdp", offload_parameters=True)
    assert (optimizer.optimizer_bytes, optimizer.host_bytes) == (0, divided.optimizer_bytes)
    assert optimizer.weights_bytes == divided.weights_bytes
    # Three layers and the root's matrices are whole, and a quarter of two layers and these lies beside them.
    layer, root = 2 * 202383360, 4 * 32000 * 4096
    streamed = 3 * layer + root + (2 * layer + root) // 4
    assert divided.gathered_bytes == 2 * layer + root
    assert everything == States(0, 0, 0, 0, 0, streamed, 8 * P // 4, streamed)


def test_scales_of_packed_weights_stay_on_the_gpu() -> None:
    """The rest of 4-bit weights waits in RAM, half of it for each of two GPUs."""
    single = states("qlora", 2, sharding="fsdp", offload_parameters=True)
    packed = 32 * 202375168
    assert single.weights_bytes == packed // 64 * 4
    assert single.adapters_bytes == single.gradients_bytes == single.optimizer_bytes == 0


@given(st.integers(1, 512), st.integers(1, 512))
def test_rank_costs_sixteen_bytes_a_parameter(rank: int, more: int) -> None:
    def total(one: States) -> int:
        return one.adapters_bytes + one.gradients_bytes + one.optimizer_bytes

    added = adapter_parameters(open_catalogue().model("llama-2-7b"), more)
    assert 16 * added == total(states("lora", lora_rank=rank + more)) - total(states("lora", lora_rank=rank))
