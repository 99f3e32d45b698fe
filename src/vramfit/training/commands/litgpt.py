"""Commands of LitGPT (0.5.13, ``finetune/lora.py``, ``finetune/full.py``, ``args.py``)."""

from __future__ import annotations

from vramfit.launch import Program, neutral
from vramfit.training.commands.common import flag, switch
from vramfit.training.commands.numbers import counted
from vramfit.units import whole
from vramfit.workload.optimizers import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PARTS = ("query", "key", "value", "projection", "mlp", "head")
ADAPTED = {"query": True, "key": False, "value": True, "projection": False, "mlp": False, "head": False}
"""Matrices that get adapters unless others are stated."""
QUANTS = {"bnb.nf4": "nf4-single", "bnb.nf4-dq": "nf4", "bnb.fp4": "fp4", "bnb.int8-training": "int8"}
FLAGS = (
    flag("checkpoint_dir", "model"),
    flag("precision"),
    flag("devices"),
    flag("quantize"),
    flag("train.max_seq_length", "sequence_length"),
    flag("train.micro_batch_size", "micro_batch"),
    flag("train.global_batch_size", "batch"),
    flag("lora_r", "lora_rank"),
    flag("lora_dropout"),
    *[switch(f"lora_{part}", part) for part in PARTS],
    flag("optimizer"),
    flag("optimizer.class_path", "optimizer_class"),
)
NEUTRAL = neutral(
    "",
    "--out_dir --lora_alpha --seed --num_nodes --logger_name --train.epochs --train.save_interval --train.log_interval "
    "--train.lr_warmup_steps --train.max_steps --train.max_norm --train.min_lr --train.learning_rate --train.weight_decay "
    "--train.beta1 --train.beta2 --train.tie_embeddings --train.max_tokens --eval.interval --eval.max_iters "
    "--eval.max_new_tokens --eval.initial_validation --eval.final_validation --eval.evaluate_example --data --access_token "
    "--data.json_path --data.val_split_fraction --data.mask_prompt --data.prompt_style --data.class_path --data.seed "
    "--data.ignore_index --data.num_workers --data.download_dir --optimizer.init_args.lr --train.lr_warmup_fraction "
    "--optimizer.init_args.weight_decay --optimizer.init_args.betas --log --resume",
)
PROGRAMS = tuple(
    [
        Program(
            ("litgpt", name),
            FLAGS,
            also=also,
            positional="model",
            named=("--checkpoint_dir",),
            documents=("--config",),
            dotted=True,
            counts=(("--devices",), ("--num_nodes",)),
            neutral=NEUTRAL,
        )
        for name, also in (
            (
                "finetune_lora",
                (("litgpt", "finetune"), ("litgpt", "finetune", "lora"), ("python", "litgpt/finetune/lora.py")),
            ),
            ("finetune_full", (("litgpt", "finetune", "full"), ("python", "litgpt/finetune/full.py"))),
        )
    ]
)
GLOBAL_BATCH, RANK, DROPOUT = 16, "8", "0.05"
"""Samples of an optimizer's step, rank and dropout where none are stated."""


def keys(stated: dict[str, Any], program: Program) -> dict[str, object]:
    """Deployment keys of a command."""
    micro = counted(stated, "micro_batch", 1)
    devices = whole(str(stated.get("devices", "1"))) or 1  # ``auto`` too
    steps = counted(stated, "batch", GLOBAL_BATCH) // (devices * max(micro, 1))
    found: dict[str, object] = {"trainer": "litgpt", "micro_batch": micro, "gradient_accumulation": max(steps, 1)}
    found.update({name: stated[name] for name in ("model", "sequence_length") if name in stated})
    if str(stated.get("precision", "")) in ("bf16-mixed", "16-mixed"):
        found["mixed_precision"] = True
    if "model" in found:
        found["model"] = str(found["model"]).removeprefix("checkpoints/")
    name = str(stated.get("optimizer_class") or stated.get("optimizer") or "AdamW")
    short = {path.rpartition(".")[2]: key for key, path in CLASSES.items()}
    if "quantize" not in stated and name.startswith("{") is False:
        found["optimizer"] = short.get(name.rpartition(".")[2], name)
    if program.words[1] == "finetune_full":
        return {**found, "task": "full"}
    found["lora_rank"], found["lora_dropout"] = stated.get("lora_rank", RANK), stated.get("lora_dropout", DROPOUT)
    found["lora_targets"] = _targets({part: stated.get(part, ADAPTED[part]) for part in PARTS})
    quantize = stated.get("quantize")
    if quantize in (None, "null", "none"):
        return {**found, "task": "lora"}
    return {**found, "task": "qlora", "quant": QUANTS.get(str(quantize), str(quantize))}


def _targets(chosen: dict[str, bool]) -> str:
    """Value of ``lora_targets`` that has all the chosen parts, the one with fewest."""
    attention = chosen["key"] or chosen["projection"]
    if chosen["mlp"]:
        return "all" if attention or chosen["query"] or chosen["value"] else "mlp"
    return "attention" if attention else "qv"
