"""Fine-tuning on devices: slack that gives way, the verdict near the limit, the host's share, refusals, terms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.training.asking import asked
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import terms
from vramfit.engines.transformers.training import rooms, runtime_share
from vramfit.errors import UsageError
from vramfit.report import estimate_object
from vramfit.sources import open_catalogue
from vramfit.units import MIB

QLORA: dict[str, Any] = {"model": "llama-3.1-8b", "task": "qlora"}


def test_a_vllm_beside_the_steps_takes_its_share() -> None:
    """Of all the card; asleep it is there only while answers are sampled, and with Unsloth it has the trained weights."""
    keys = {"gpu": ("h100-sxm",), "model": "llama-3.1-8b", "task": "lora", "objective": "grpo", "fused_loss": True}
    share = {"vllm_gpu_memory_utilization": 0.25}
    alone, beside = asked(**keys).answer, asked(**keys, **share).answer
    asleep = asked(**keys, **share, vllm_sleep_mode=True).answer
    quarter = round(0.25 * beside.deployment.gpus[0].memory_bytes)
    assert beside.estimate.gpus[0].compute_bytes - alone.estimate.gpus[0].compute_bytes == quarter
    assert alone.required_bytes < asleep.required_bytes < beside.required_bytes
    shared = [asked(**keys, trainer="unsloth", **more).answer.estimate.gpus[0].compute_bytes for more in ({}, share)]
    assert shared[1] - shared[0] == quarter - 2 * 8_030_261_248


def test_slack_gives_way_near_the_limit() -> None:
    """The same step on a card that has just enough of room for it: the process takes the card, and the verdict is tight."""
    roomy = asked(gpu=("h100-sxm",), **QLORA).answer
    held = roomy.estimate.gpus[0].weights_bytes + roomy.estimate.gpus[0].compute_bytes
    usual = roomy.estimate.gpus[0].overhead_bytes
    card = held + 440 * MIB + 32 * MIB + round(0.02 * held) + 10 * MIB
    close = asked(gpu=(f"custom:{card}B",), **QLORA).answer
    assert close.estimate.gpus[0].overhead_bytes < usual
    assert close.verdict.word == "tight"
    assert close.verdict.headroom_bytes <= 12 * MIB
    short = asked(gpu=(f"custom:{card - 40 * MIB}B",), **QLORA).answer
    assert short.verdict.word == "exceeds"


def test_a_t4_has_a_small_context() -> None:
    """140.9 MiB in fitcheck-llm's runs; inference keeps what is known of other cards."""
    t4 = asked(gpu=("t4",), **QLORA).answer.estimate.gpus[0]
    a100 = asked(gpu=("a100-sxm4-80gb",), **QLORA).answer.estimate.gpus[0]
    assert a100.overhead_bytes - t4.overhead_bytes > 290 * MIB


def test_every_gpu_has_the_same_and_the_host_the_sum() -> None:
    keys = {"model": "llama-2-7b", "task": "full", "sharding": "fsdp", "offload_parameters": True}
    found = asked(gpu=("4xrtx4090",), **keys).answer
    assert len({gpu.total_bytes for gpu in found.estimate.gpus}) == 1
    assert found.estimate.host.total_bytes == 4 * (8 * 6_738_415_616 // 4)
    assert found.estimate.gpus[0].weights_bytes == 0


@pytest.mark.parametrize(("ram", "word"), [("64GiB", "fits"), ("16GiB", "exceeds")])
def test_the_host_s_share_is_held_against_its_memory(ram: str, word: str) -> None:
    keys = {"model": "llama-2-7b", "task": "full", "sharding": "fsdp", "offload_parameters": True, "fused_loss": True}
    assert asked(gpu=("4xh100-sxm",), ram=ram, **keys).answer.verdict.word == word


@pytest.mark.parametrize(
    ("message", "keys"),
    [
        ("optimizer lora_fa trains adapters only", {"task": "full", "optimizer": "lora_fa"}),
        ("save_modules names what is trained beside adapters", {"task": "full", "save_modules": "embeddings"}),
        ("all weights can be trained in 16 or 32 bits, not in nf4", {"task": "full", "quant": "nf4"}),
        (
            "an optimizer's step in the backward pass leaves no gradients to accumulate",
            {"task": "full", "optimizer_in_backward": True, "gradient_accumulation": 2, "trainer": "torchtune"},
        ),
        ("transformers does not update weights in the backward pass", {"task": "full", "optimizer_in_backward": True}),
        ("LitGPT has no fused loss", {"task": "lora", "trainer": "litgpt", "fused_loss": True}),
        (
            "LitGPT computes activations again under FSDP alone",
            {"task": "lora", "trainer": "litgpt", "gradient_checkpointing": True},
        ),
        ("torchtune does not adapt mlp alone", {"task": "lora", "trainer": "torchtune", "lora_targets": "mlp"}),
        ("axolotl keeps weights in 16 bits", {"task": "full", "trainer": "axolotl", "mixed_precision": True}),
        (
            "Qwen's finetune.py takes the optimizers of the framework alone, which has no lora_fa",
            {"task": "lora", "trainer": "qwen", "optimizer": "lora_fa"},
        ),
        ("LitGPT has no DoRA", {"task": "lora", "trainer": "litgpt", "dora": True}),
        ("DoRA is a kind of adapters", {"task": "full", "dora": True}),
        ("vLLM samples answers for grpo alone", {"task": "lora", "vllm_gpu_memory_utilization": 0.3}),
        (
            "vllm_sleep_mode is about a vLLM that is not there",
            {"task": "lora", "objective": "grpo", "vllm_sleep_mode": True},
        ),
        ("fsdp divides states over several GPUs, and there is one", {"task": "lora", "sharding": "fsdp"}),
        ("LitGPT does not train with dpo", {"task": "lora", "trainer": "litgpt", "objective": "dpo"}),
        ('model "llama-2-7b" takes no images', {"task": "lora", "images": 1}),
    ],
)
def test_settings_that_no_trainer_runs(message: str, keys: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        asked(model="llama-2-7b", **keys)
    assert message == caught.value.message


def test_an_image_has_to_go_into_a_sample() -> None:
    with pytest.raises(UsageError, match="take 1369 tokens of a sequence length of 512"):
        asked(model="qwen2-vl-7b", task="lora", images=1, image_size="1036x1036", sequence_length=512)


@pytest.mark.parametrize(
    "keys",
    [
        {"task": "qlora"},
        {"task": "full", "gpu": ("4xh100-sxm",), "sharding": "zero3", "offload_optimizer": True},
        {"task": "lora", "trainer": "unsloth", "objective": "grpo"},
        {"task": "lora", "gpu": ("2xh100-sxm",), "flash_attention": "off"},
    ],
)
def test_terms_add_up(keys: dict[str, Any]) -> None:
    """For every device and part of its memory."""
    found = asked(model="llama-3.1-8b", **keys).answer
    sums: dict[tuple[str, str], int] = {}
    for term in terms(found.deployment):
        sums[term.device, term.part] = sums.get((term.device, term.part), 0) + term.bytes
    devices = [*found.estimate.gpus, *([found.estimate.host] if found.estimate.host.total_bytes else [])]
    assert sums == {
        (device.device, part): size
        for device in devices
        for part, size in (
            ("weights", device.weights_bytes),
            ("compute", device.compute_bytes),
            ("overhead", device.overhead_bytes),
        )
        if size
    }


def test_the_report_of_a_step() -> None:
    """Limits by both names, every key of fine-tuning, and what was assumed."""
    found = estimate_object(asked(gpu=("rtx4090",), trainer="unsloth", **QLORA))
    assert found["limits"]["max_sequence_length"] == found["limits"]["max_context"] > 60_000
    assert found["limits"]["max_micro_batch"] == found["limits"]["max_parallel"] > 16
    assert {"trainer", "objective", "sharding", "generations"} <= set(found["deployment"])
    assert found["quant"]["scheme"] == "nf4"
    assert "the inputs of the layers wait in host memory until the backward pass" in found["assumptions"]
    assert found["devices"][1]["weights_bytes"] == 2 * 4096 * 32 * 2048


def test_limits_are_the_last_that_reach_the_level() -> None:
    found = asked(gpu=("rtx4090",), **QLORA)
    assert found.limits is not None
    for key, most in (("sequence_length", found.limits.max_context), ("micro_batch", found.limits.max_parallel)):
        assert asked(gpu=("rtx4090",), **QLORA, **{key: most}).answer.reached
        assert not asked(gpu=("rtx4090",), **QLORA, **{key: most + 1}).answer.reached


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        ("transformers 5 fuses experts", {"model": "mixtral-8x7b", "task": "qlora"}),
        ("the optimizer's states are paged", {"task": "lora", "optimizer": "paged_adamw"}),
        (
            "ZeRO stage 2 divides gradients and the optimizer's states over the 2 GPUs",
            {"task": "full", "sharding": "zero2"},
        ),
        ("FSDP divides weights, gradients and optimizer states over the 2 GPUs", {"task": "full", "sharding": "fsdp"}),
        ("each of the 2 GPUs holds everything", {"task": "lora"}),
        ("GRPO samples 8 answers to a prompt", {"task": "lora", "objective": "grpo"}),
        ("the reference is a second copy of the weights", {"task": "full", "objective": "dpo"}),
        (
            "weight-decomposed adapters (DoRA) on every linear layer of the language model, kept in fp32; rank-stabilized",
            {"task": "lora", "dora": True},
        ),
        (
            "takes 30% of each GPU, and gives it back during a step",
            {"task": "lora", "objective": "grpo", "vllm_gpu_memory_utilization": 0.3, "vllm_sleep_mode": True},
        ),
        (
            "takes 50% of each GPU with the trained weights in it, during the steps as well",
            {"task": "lora", "objective": "grpo", "vllm_gpu_memory_utilization": 0.5, "trainer": "unsloth"},
        ),
        ("kept in fp32, and the passes run under 16-bit autocast", {"task": "full", "mixed_precision": True}),
    ],
)
def test_assumptions_say_what_was_taken(words: str, keys: dict[str, Any]) -> None:
    found = asked(**{"gpu": ("2xh100-sxm",), "model": "llama-3.1-8b", **keys}).answer
    assert any(words in sentence for sentence in found.estimate.assumptions)


def test_more_than_a_card_of_published_runs() -> None:
    """70B in 4 bits under FSDP with parameters in RAM takes 14 GB of a card (axolotl pull request 1428); 8B is more than 24."""
    keys: dict[str, Any] = {
        "model": "llama-2-70b", "task": "qlora", "sequence_length": 512, "lora_rank": 32, "sharding": "fsdp",
        "offload_parameters": True, "trainer": "axolotl",
    }  # fmt: skip
    device = asked(gpu=("2xrtx3090",), **keys).answer.estimate.gpus[0]
    assert device.low_bytes < device.total_bytes < 14 * 10**9 < device.high_bytes
    cards = ("rtx4060ti-8gb", "rtx3060-12gb", "rtx5060ti-16gb")
    words = [asked(gpu=(f"2x{card}",), **keys).answer.verdict.word for card in cards]
    assert words == ["exceeds", "tight", "fits"]
    whole = asked(gpu=("8xrtx3090",), model="llama-3-8b", task="full", zero_stage=3, sequence_length=1024).answer
    assert whole.verdict.word == "exceeds"


@pytest.mark.parametrize(("kept", "reserve"), [(0, "0B"), (2048 * MIB, "2GiB")])
def test_a_reserve_is_kept_from_the_steps(kept: int, reserve: str) -> None:
    """An RTX 4090 offers 24,080 MiB, of which the process has its context and the reserve is others'."""
    asked = parse_request({"gpu": "rtx4090", "engine": "transformers", **QLORA, "reserve": reserve})
    (deployment,) = resolve(asked, open_catalogue())
    (room,) = rooms(deployment.gpus, deployment.workload)

    assert 24_080 * MIB - kept - runtime_share(deployment.gpus[0]).expected == room.bytes
    assert room.vllm_bytes == 0


def test_the_context_of_a_process_on_turing() -> None:
    """140.9 MiB in every run of fitcheck-llm 0.3.1 on a T4."""
    found = runtime_share(open_catalogue().gpu("t4"))
    assert (found.low, found.expected, found.high) == (105 * MIB, 141 * MIB, 240 * MIB)
