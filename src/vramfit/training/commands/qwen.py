"""``finetune.py`` of QwenLM/Qwen at 5aa84bd: its own arguments beside those of transformers' Trainer."""

from __future__ import annotations

from vramfit.launch import Program
from vramfit.training.commands.common import TRAINER, flag, listed, neutral_names, of_trainer, several, switch
from vramfit.training.commands.names import TRANSFORMERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FLAGS = (
    *TRAINER,
    flag("model_name_or_path", "model"),
    flag("model_max_length", "sequence_length"),
    switch("use_lora"),
    switch("q_lora"),
    flag("lora_r", "lora_rank"),
    flag("lora_dropout"),
    several("lora_target_modules"),
)
QUIET = "data_path eval_data_path lazy_preprocess lora_alpha lora_bias lora_weight_path cache_dir"
PROGRAMS = (
    Program(
        ("python", "Qwen/finetune.py"),
        FLAGS,
        document_values=("deepspeed",),
        neutral=neutral_names(TRANSFORMERS, QUIET, known=FLAGS, unmodelled=()),
        scripts=(("python", "finetune.py"),),
        own=("--model-max-length", "--lazy-preprocess", "--q-lora", "--use-lora"),
    ),
)
SEQUENCE_LENGTH, LORA_RANK, LORA_DROPOUT = "8192", "64", "0.05"
"""Values of ``TrainingArguments`` and ``LoraArguments`` where none are stated."""
USUAL = "c_attn c_proj w1 w2"
"""Matrices with adapters where none are stated."""
ATTENTION, MLP = {"c_attn", "attn.c_proj"}, {"w1", "w2", "mlp.c_proj"}


def keys(stated: dict[str, Any], program: Program) -> dict[str, object]:
    """Deployment keys of a command."""
    found: dict[str, object] = {"trainer": "qwen", "sequence_length": SEQUENCE_LENGTH, **of_trainer(stated)}
    found.update({name: stated[name] for name in ("model", "sequence_length") if name in stated})
    if "zero" not in stated:
        found["sharding"] = "none"
    found.setdefault("gradient_checkpointing", False)
    if not stated.get("use_lora"):
        return {**found, "task": "full"}
    found["task"] = "qlora" if stated.get("q_lora") else "lora"
    found["lora_rank"] = stated.get("lora_rank", LORA_RANK)
    found["lora_dropout"] = stated.get("lora_dropout", LORA_DROPOUT)
    found["lora_targets"] = _targets(stated.get("lora_target_modules", USUAL.replace(" ", ",")))
    return found


def _targets(text: object) -> str:
    """Value of ``lora_targets`` that has all of these matrices."""
    names = set(listed(text))
    if names <= {"c_attn"}:
        return "qv"
    return "attention" if names <= ATTENTION else "mlp" if names <= MLP else "all"
