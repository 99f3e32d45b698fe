"""The keys of fine-tuning and the record of their values."""

from __future__ import annotations

import pytest

from vramfit._record import fields
from vramfit.engines.keys import every_key
from vramfit.errors import UsageError
from vramfit.workload.keys import parse_value
from vramfit.workload.training import FORM, GROUPS, TASKS, Training


def test_training_defaults_are_the_contract_s() -> None:
    """A sample of 2048 tokens, AdamW, checkpointing, nothing divided over GPUs, all linear layers adapted."""
    work = Training()
    assert {
        "sequence_length": 2048, "micro_batch": 1, "lora_rank": 16, "optimizer": "adamw",
        "gradient_checkpointing": True, "zero_stage": 0, "trainer": "transformers", "objective": "sft",
        "lora_targets": "all", "lora_dropout": 0.0, "save_modules": None, "gradient_accumulation": 1,
        "optimizer_in_backward": False, "fused_loss": False, "mixed_precision": False, "sharding": "none",
        "offload_optimizer": False, "offload_parameters": False, "generations": 8, "dora": False,
        "vllm_gpu_memory_utilization": None, "vllm_sleep_mode": False,
    } == {name: getattr(work, name) for name in fields(Training)}  # fmt: skip


def test_declared_defaults_are_the_record_s() -> None:
    """Every key but the task itself has a field; the others are ``workload.tuning``'s."""
    declared = {key.name for group in GROUPS for key in group.keys}
    assert declared < {"task", *fields(Training)}
    assert Training() == FORM.fill({})
    assert Training(lora_rank=8, gradient_checkpointing=False) == FORM.fill(
        {"lora_rank": 8, "gradient_checkpointing": False, "task": "lora"}
    )


def test_tasks() -> None:
    """Running comes first, and is what is asked without a word."""
    assert ("inference", "full", "lora", "qlora") == TASKS == every_key()["task"].words
    assert "inference" == every_key()["task"].default


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("AdamW", "adamw"),
        ("adamw_torch_fused", "adamw"),
        ("adamw_hf", "adamw"),
        ("adam", "adamw"),
        ("adamw_8bit", "adamw8bit"),
        ("adamw_bnb_8bit", "adamw8bit"),
        ("AdamW8bit", "adamw8bit"),
        ("adamw_torch_4bit", "adamw4bit"),
        ("paged_adamw_32bit", "paged_adamw"),
        ("paged_adamw_8bit", "paged_adamw8bit"),
        ("PagedAdamW8bit", "paged_adamw8bit"),
        ("lion_32bit", "lion"),
        ("paged_lion_8bit", "paged_lion8bit"),
        ("ademamix_8bit", "ademamix8bit"),
        ("rmsprop_bnb", "rmsprop"),
        ("Adafactor", "adafactor"),
        ("SGD", "sgd"),
        ("lora-fa", "lora_fa"),
    ],
)
def test_optimizers_go_by_the_names_of_frameworks(spelling: str, name: str) -> None:
    """Those of transformers, and the class names of torch and bitsandbytes."""
    assert name == parse_value(every_key()["optimizer"], spelling)


@pytest.mark.parametrize("spelling", ["adamw16bit", "paged", "8bit", "muon", "", "adafactor_8bit"])
def test_optimizers_nobody_modelled_are_refused(spelling: str) -> None:
    with pytest.raises(UsageError):
        parse_value(every_key()["optimizer"], spelling)


@pytest.mark.parametrize(
    ("rows", "gpus", "keys"),
    [
        (3, 1, {"micro_batch": 3}),
        (8, 1, {"objective": "grpo"}),
        (2, 4, {"objective": "grpo"}),
        (1, 2, {"objective": "grpo", "gradient_accumulation": 4}),
        (8, 1, {"objective": "grpo", "micro_batch": 3}),
        (6, 2, {"objective": "grpo", "micro_batch": 4, "generations": 6, "gradient_accumulation": 1}),
    ],
)
def test_answers_are_sampled_in_whole_groups(rows: int, gpus: int, keys: dict[str, object]) -> None:
    assert rows == Training(**keys).rows(gpus)  # type: ignore[arg-type]
