"""Remedies of what is trained, or run by Python: each remedy's command or code, read again, gives its promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.launch.test_promises import again, checked
from vramfit.workload.optimizers import OPTIMIZERS
from vramfit.workload.tuning import TRAINERS

if TYPE_CHECKING:
    from pathlib import Path

SMALL = "rtx3060-12gb"
ASKED: list[dict[str, Any]] = [
    {"gpu": SMALL, "model": "llama-3.1-8b", "task": "full", "micro_batch": 2},
    {"gpu": f"2x{SMALL}", "model": "llama-3.1-8b", "task": "qlora", "trainer": "trl", "sequence_length": 16384},
    {"gpu": SMALL, "model": "llama-3.1-8b", "task": "lora", "trainer": "trl", "objective": "grpo"},
    {"gpu": SMALL, "model": "llama-3.1-8b", "task": "lora", "trainer": "unsloth", "objective": "dpo"},
    {"gpu": SMALL, "model": "llama-3.1-8b", "task": "lora", "trainer": "axolotl", "optimizer": "lora_fa"},
    {"gpu": f"2x{SMALL}", "model": "llama-3.1-8b", "task": "full", "trainer": "llama-factory", "objective": "dpo"},
    {"gpu": f"2x{SMALL}", "model": "llama-3.1-8b", "task": "qlora", "trainer": "torchtune", "objective": "dpo"},
    {"gpu": SMALL, "model": "llama-3.1-8b", "task": "qlora", "trainer": "litgpt", "optimizer": "adamw4bit"},
    {"gpu": f"2x{SMALL}", "model": "qwen-7b", "task": "lora", "trainer": "qwen"},
    {"gpu": SMALL, "model": "qwen2.5-7b", "engine": "transformers", "quant": "bf16", "context": 8192, "parallel": 3},
    {"gpu": SMALL, "model": "qwen2.5-vl-7b", "engine": "transformers", "quant": "bf16", "images": 2, "image_size": "640x480"},
    {"gpu": SMALL, "model": "flux.1-dev", "engine": "diffusers", "output_size": "768x512"},
]  # fmt: skip


def promised(asked: dict[str, Any], folder: Path) -> list[tuple[Any, Any]]:
    """Verdict and need of a deployment and of each remedy, as reported and as read again from the command."""
    estimate = checked(asked, folder)
    assert "error" not in estimate, estimate
    rest = {name: asked[name] for name in ("gpu", "model")}
    own = {**estimate, "changes": {}, "required_bytes": estimate["required_bytes"]["expected"]}
    return [((one["verdict"], one["required_bytes"]), again(one, rest, folder)) for one in (own, *estimate["remedies"])]


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: " ".join(map(str, asked.values())))
def test_every_command_gives_its_promise(asked: dict[str, Any], tmp_path: Path) -> None:
    found = promised(asked, tmp_path)
    assert len(found) >= 3
    assert [said for said, _ in found] == [read for _, read in found]


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("task", ["full", "lora", "qlora"])
@pytest.mark.parametrize("trainer", TRAINERS)
def test_every_optimizer_s_commands_give_their_promises(trainer: str, task: str, count: int, tmp_path: Path) -> None:
    model = "qwen-7b" if trainer == "qwen" else "llama-3.1-8b"
    names = [one.name for one in OPTIMIZERS if not one.adapters_only or not (task == "full" or trainer == "qwen")]
    gpu = SMALL if count == 1 else f"{count}x{SMALL}"
    found = [
        pair
        for name in names
        for pair in promised(
            {"gpu": gpu, "model": model, "task": task, "trainer": trainer, "optimizer": name, "sequence_length": 4096},
            tmp_path,
        )
    ]
    assert len(found) >= len(names)
    assert [said for said, _ in found] == [read for _, read in found]
