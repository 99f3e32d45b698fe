"""Every optimizer, task and trainer has an answer on a card that is too small, and something to do about it."""

from __future__ import annotations

import pytest

from tests.training.asking import asked
from vramfit.errors import UsageError
from vramfit.workload.optimizers import OPTIMIZERS
from vramfit.workload.tuning import OBJECTIVES, TRAINERS

TASKS = ("full", "lora", "qlora")


@pytest.mark.parametrize("trainer", TRAINERS)
@pytest.mark.parametrize("task", TASKS)
def test_every_optimizer_has_an_answer_with_remedies(task: str, trainer: str) -> None:
    found = {}
    for optimizer in OPTIMIZERS:
        if optimizer.adapters_only and (task == "full" or trainer == "qwen"):
            continue  # refused: there is nothing that it trains, or no name for it
        one = asked(gpu=("custom:4GiB",), model="llama-2-7b", task=task, trainer=trainer, optimizer=optimizer.name)
        found[optimizer.name] = one.answer.verdict.word, bool(one.remedies), bool(one.answer.command)
    assert len(found) >= len(OPTIMIZERS) - 1
    assert set(found.values()) <= {("exceeds", True, True), ("tight", True, True)}


@pytest.mark.parametrize("trainer", TRAINERS)
def test_optimizers_of_adapters_are_refused_for_all_weights(trainer: str) -> None:
    with pytest.raises(UsageError, match="trains adapters only"):
        asked(model="llama-2-7b", task="full", trainer=trainer, optimizer="lora_fa")


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("trainer", TRAINERS)
def test_an_objective_is_answered_or_refused(trainer: str, objective: str) -> None:
    """LitGPT and Qwen's script know the next token alone, LLaMA-Factory and torchtune preferences too."""
    refused = {"litgpt": ("dpo", "grpo"), "qwen": ("dpo", "grpo"), "llama-factory": ("grpo",), "torchtune": ("grpo",)}
    if objective in refused.get(trainer, ()):
        with pytest.raises(UsageError, match=f"does not train with {objective}"):
            asked(model="llama-2-7b", task="lora", trainer=trainer, objective=objective)
        return
    found = asked(model="llama-2-7b", task="lora", trainer=trainer, objective=objective)
    assert found.answer.required_bytes > 2 * 6_738_415_616
