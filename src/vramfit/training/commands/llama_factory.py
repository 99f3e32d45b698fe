"""Configurations of LLaMA-Factory (0.9.5, ``hparams``)."""

from __future__ import annotations

from vramfit.errors import CannotTell
from vramfit.launch import OPTIONAL, Program
from vramfit.training.commands.common import TRAINER, flag, listed, neutral_names, of_trainer, packed, switch, targets
from vramfit.training.commands.names import LLAMA_FACTORY, TRANSFORMERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FLAGS = (
    *TRAINER,
    flag("model_name_or_path", "model"),
    flag("stage"),
    flag("finetuning_type"),
    flag("lora_rank"),
    flag("lora_dropout"),
    flag("lora_target"),
    flag("additional_target", "saved"),
    switch("use_dora", "dora"),
    flag("quantization_bit"),
    flag("quantization_type"),
    switch("double_quantization", also=("--quantization_double",)),
    flag("cutoff_len", "sequence_length"),
    switch("disable_gradient_checkpointing"),
    flag("flash_attn", "attention", kind=OPTIONAL, on="auto"),
    switch("enable_liger_kernel", "fused_loss"),
    switch("use_unsloth"),
    switch("pure_bf16"),
)
UNMODELLED = ("use_galore", "use_apollo", "use_badam", "use_adam_mini", "use_muon", "pissa_init", "use_mca", "fp8", "use_kt",
              "freeze_vision_tower", "upcast_layernorm", "upcast_lmhead_output", "use_unsloth_gc")  # fmt: skip
PROGRAMS = (
    Program(
        ("llamafactory-cli", "train"),
        FLAGS,
        also=(
            ("lmf", "train"), ("python", "-m", "llamafactory.cli", "train"), ("python", "src/train.py"),
            ("python", "src/train_bash.py"), ("python", "-m", "llamafactory.launcher"),
        ),
        documents=("",),
        document_values=("deepspeed",),
        counts=(("NPROC_PER_NODE",), ("NNODES",)),
        variables=(),
        neutral=neutral_names(LLAMA_FACTORY, TRANSFORMERS, known=FLAGS, unmodelled=UNMODELLED),
        unmodelled={f"--{name}": -1 for name in UNMODELLED},
    ),
)  # fmt: skip
OBJECTIVES = {"sft": "sft", "pt": "sft", "dpo": "dpo"}


def keys(stated: dict[str, Any], program: Program) -> dict[str, object]:
    """Deployment keys of a configuration; raises ``CannotTell`` for a stage or a kind that is not modelled."""
    stage, kind = str(stated.get("stage", "sft")), str(stated.get("finetuning_type", "lora"))
    if stage not in OBJECTIVES:
        raise CannotTell(f"LLaMA-Factory's stage {stage} is not modelled", "use sft, pt or dpo")
    if kind not in ("lora", "full"):
        raise CannotTell(f"LLaMA-Factory's finetuning_type {kind} is not modelled", "use lora or full")
    trainer = "unsloth" if stated.get("use_unsloth") else "llama-factory"
    found: dict[str, object] = {"trainer": trainer, "objective": OBJECTIVES[stage], "task": kind, **of_trainer(stated)}
    found["gradient_checkpointing"] = not stated.get("disable_gradient_checkpointing", False)
    found["optimizer"] = stated.get("optimizer", "adamw")
    found.update({name: stated[name] for name in ("model", "sequence_length") if name in stated})
    if kind == "full":
        zero = str(found.get("sharding", "")).startswith("zero")
        return found if stated.get("pure_bf16") or zero else {**found, "mixed_precision": True, **_attention(stated)}
    return {**found, **_adapter(stated), **_attention(stated)}


def _attention(stated: dict[str, Any]) -> dict[str, object]:
    return {"flash_attention": "off"} if stated.get("attention") == "disabled" else {}


def _adapter(stated: dict[str, Any]) -> dict[str, object]:
    """Keys of the adapters, of rank 8 on all layers unless others are stated, and of the base's quantization."""
    found: dict[str, object] = {"lora_rank": "8"}
    found.update({name: stated[name] for name in ("lora_rank", "lora_dropout", "dora") if name in stated})
    found["lora_targets"] = targets(listed(stated.get("lora_target", "all")))
    if any(word in str(stated.get("saved", "")) for word in ("embed", "lm_head")):
        found["save_modules"] = "embeddings"
    bits = stated.get("quantization_bit")
    if bits is not None:
        kind = "nf4" if stated.get("double_quantization", True) else "nf4-single"
        found.update({"task": "qlora", "quant": "int8" if str(bits) == "8" else kind})
    stored = packed(stated.get("model", ""))
    if stored is not None:
        found.update({"task": "qlora", "quant": stored})
    return found
