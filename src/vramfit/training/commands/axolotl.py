"""Configurations of axolotl (0.19.0, ``utils/schemas/config.py``)."""

from __future__ import annotations

from vramfit.errors import CannotTell
from vramfit.launch import Program
from vramfit.training.commands.common import (
    deepspeed,
    flag,
    fsdp,
    listed,
    neutral_names,
    structure,
    switch,
    targets,
    truth,
)
from vramfit.training.commands.names import AXOLOTL, TRANSFORMERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FLAGS = (
    flag("base_model", "model"),
    flag("adapter"),
    switch("load_in_4bit"),
    switch("load_in_8bit"),
    switch("gptq"),
    flag("bnb_config_kwargs"),
    flag("sequence_len", "sequence_length"),
    flag("micro_batch_size", "micro_batch"),
    flag("gradient_accumulation_steps", "gradient_accumulation"),
    flag("gradient_checkpointing"),
    flag("optimizer"),
    flag("lora_r", "lora_rank"),
    flag("lora_dropout"),
    flag("lora_target_modules"),
    switch("lora_target_linear"),
    switch("peft_use_dora", "dora"),
    flag("lora_modules_to_save", "saved"),
    flag("rl"),
    flag("trl"),
    flag("vllm"),
    flag("attn_implementation", "attention"),
    switch("flash_attention"),
    switch("eager_attention"),
    switch("cut_cross_entropy"),
    switch("liger_fused_linear_cross_entropy"),
    flag("plugins"),
    flag("deepspeed", "zero"),
    flag("fsdp"),
    flag("fsdp_config"),
    flag("fsdp_version"),
)
UNMODELLED = (
    "unfrozen_parameters", "activation_offloading", "layer_offloading", "relora", "qat", "fp8", "tensor_parallel_size",
    "context_parallel_size", "sequence_parallel_degree", "lisa_n_layers", "torch_compile", "spectrum_top_fraction",
    "llmcompressor",
)  # fmt: skip
PROGRAMS = (
    Program(
        ("axolotl", "train"),
        FLAGS,
        also=(
            ("python", "-m", "axolotl.cli.train"), ("python", "-m", "axolotl", "train"), ("python", "scripts/finetune.py"),
            ("python", "-m", "axolotl.cli.main", "train"),
        ),
        documents=("",),
        document_values=("deepspeed",),
        neutral={
            **neutral_names(AXOLOTL, TRANSFORMERS, "launcher num_processes main_process_port sweep accelerate",
                known=FLAGS, unmodelled=UNMODELLED),
        },
        unmodelled={f"--{name}": -1 for name in UNMODELLED},
    ),
)  # fmt: skip
LENGTH = "512"
"""Length of samples where none is stated (``sequence_len``)."""
PREFERENCES = {"dpo": "dpo", "ipo": "dpo", "grpo": "grpo"}


def keys(stated: dict[str, Any], program: Program) -> dict[str, object]:
    """Deployment keys of a configuration; raises ``CannotTell`` for an objective that is not modelled."""
    names = ("model", "micro_batch", "gradient_accumulation", "optimizer")
    found: dict[str, object] = {"trainer": "axolotl", "sequence_length": LENGTH, "gradient_checkpointing": False}
    found.update({name: stated[name] for name in (*names, "sequence_length") if name in stated})
    if str(stated.get("gradient_checkpointing", "false")).lower() not in ("false", "none"):
        found["gradient_checkpointing"] = True  # ``offload`` and ``unsloth`` are kinds of it
    found.update(_adapter(stated))
    found.update(_objective(stated))
    fused = any(word in str(stated.get("plugins", "")) for word in ("CutCrossEntropy",))
    if stated.get("cut_cross_entropy", fused) or stated.get("liger_fused_linear_cross_entropy"):
        found["fused_loss"] = True
    if stated.get("eager_attention") or stated.get("attention") == "eager":
        found["flash_attention"] = "off"
    if stated.get("zero"):
        found.update(deepspeed(stated["zero"]))
    elif stated.get("fsdp") or stated.get("fsdp_config"):
        found.update(fsdp(stated.get("fsdp", ""), stated.get("fsdp_config")))
    return found


def _adapter(stated: dict[str, Any]) -> dict[str, object]:
    """Keys of what is trained, and of the base's quantization."""
    kind = str(stated.get("adapter") or "").lower()
    if kind in ("", "none", "null"):
        return {"task": "full"}
    if kind not in ("lora", "qlora"):
        raise CannotTell(f"axolotl's adapter {kind} is not modelled", "use lora or qlora")
    found: dict[str, object] = {"task": "lora"}
    if stated.get("load_in_8bit"):
        found = {"task": "qlora", "quant": "int8"}
    elif stated.get("gptq"):
        found = {"task": "qlora", "quant": "gptq-int4"}
    elif kind == "qlora" or stated.get("load_in_4bit"):
        double = structure(stated.get("bnb_config_kwargs")).get("bnb_4bit_use_double_quant", True)
        found = {"task": "qlora", "quant": "nf4" if truth(str(double)) else "nf4-single"}
    found.update({name: stated[name] for name in ("lora_rank", "lora_dropout", "dora") if name in stated})
    linear = bool(stated.get("lora_target_linear"))
    modules = listed(stated.get("lora_target_modules") or "")
    found["lora_targets"] = "all" if linear else targets(modules or ("q_proj", "v_proj"))
    if any(word in str(stated.get("saved", "")) for word in ("embed", "lm_head")):
        found["save_modules"] = "embeddings"
    return found


def _objective(stated: dict[str, Any]) -> dict[str, object]:
    """Keys of the objective."""
    word = str(stated.get("rl") or "").lower()
    if word in ("", "none", "false"):
        return {}
    if word not in PREFERENCES:
        raise CannotTell(f"axolotl's rl {word} is not modelled", "use dpo or grpo")
    found: dict[str, object] = {"objective": PREFERENCES[word]}
    if word == "grpo":
        trl, vllm = structure(stated.get("trl")), structure(stated.get("vllm"))
        found.update({"generations": trl["num_generations"]} if "num_generations" in trl else {})
        if trl.get("max_completion_length"):
            found["sequence_length"] = trl["max_completion_length"]
        if trl.get("use_vllm") and trl.get("vllm_mode") == "colocate":
            found["vllm_gpu_memory_utilization"] = vllm.get("gpu_memory_utilization", 0.3)
            if trl.get("vllm_enable_sleep_mode"):
                found["vllm_sleep_mode"] = True
    return found
