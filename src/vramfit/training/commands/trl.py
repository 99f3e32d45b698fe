"""TRL's own scripts (1.16.0, ``trl/scripts``), and those that read the same arguments (alignment-handbook)."""

from __future__ import annotations

from vramfit.launch import Program
from vramfit.training.commands.common import TRAINER, flag, listed, neutral_names, of_trainer, several, switch, targets
from vramfit.training.commands.names import TRANSFORMERS, TRL
from vramfit.training.commands.numbers import counted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FLAGS = (
    *TRAINER,
    flag("model_name_or_path", "model"),
    flag("max_length", "sequence_length", also=("--max_seq_length",)),
    switch("use_peft"),
    flag("lora_r", "lora_rank"),
    flag("lora_dropout"),
    several("lora_target_modules"),
    several("lora_modules_to_save", "saved"),
    switch("use_dora", "dora"),
    switch("load_in_4bit"),
    switch("load_in_8bit"),
    switch("use_bnb_nested_quant", "double"),
    flag("dtype", also=("--torch_dtype",)),
    flag("attn_implementation", "attention"),
    flag("num_generations", "generations"),
    flag("max_prompt_length", "prompt"),
    flag("max_completion_length", "completion"),
    switch("use_vllm"),
    flag("vllm_mode"),
    flag("vllm_gpu_memory_utilization"),
    switch("vllm_enable_sleep_mode"),
)
UNMODELLED = ("activation_offloading", "precompute_ref_log_probs", "padding_free", "torch_compile")


def _program(objective: str) -> Program:
    # Of GRPO a beta above 0 takes a reference model; DPO has one in any case.
    left_out = (*UNMODELLED, *(("beta",) if objective == "grpo" else ()))
    return Program(
        ("trl", objective),
        FLAGS,
        also=(
            ("python", "-m", f"trl.scripts.{objective}"), ("python", f"scripts/{objective}.py"),
        ),
        documents=("--config",),
        document_values=("deepspeed",),
        neutral=neutral_names(
            TRL, TRANSFORMERS, "accelerate_config num_processes", known=FLAGS, unmodelled=left_out
        ),
        unmodelled={f"--{name}": -1 for name in left_out},
    )  # fmt: skip


PROGRAMS = tuple([_program(objective) for objective in ("sft", "dpo", "grpo")])
LENGTHS = {"sft": 1024, "dpo": 1024, "grpo": 256}
"""Length of samples, or of answers, where none is stated (``SFTConfig``, ``DPOConfig``, ``GRPOConfig``)."""
COLOCATED = "0.3"
"""Share of vLLM where none is stated (``grpo_config.py``)."""


def keys(stated: dict[str, Any], program: Program) -> dict[str, object]:
    """Deployment keys of a command."""
    objective = program.words[-1]
    found: dict[str, object] = {"trainer": "trl", "objective": objective, "sequence_length": LENGTHS[objective]}
    names = ("model", "sequence_length", "generations")
    found.update(of_trainer(stated))
    found.update({name: stated[name] for name in names if name in stated})
    if objective == "grpo" and ("completion" in stated or "prompt" in stated):
        found["sequence_length"] = counted(stated, "completion", LENGTHS["grpo"]) + counted(stated, "prompt", 0)
    if stated.get("attention") == "eager":
        found["flash_attention"] = "off"
    if stated.get("use_vllm") and stated.get("vllm_mode", "colocate") == "colocate":
        found["vllm_gpu_memory_utilization"] = stated.get("vllm_gpu_memory_utilization", COLOCATED)
        found.update({"vllm_sleep_mode": True} if stated.get("vllm_enable_sleep_mode") else {})
    return {**found, **_trained(stated)}


def _trained(stated: dict[str, Any]) -> dict[str, object]:
    """Keys of what is trained: fp32 weights unless another type is stated, or adapters on all linear layers."""
    if not stated.get("use_peft"):
        divided = stated.get("zero") or stated.get("fsdp_words")
        plain = str(stated.get("dtype", "float32")) in ("float32", "auto_float32") and not divided
        return {"task": "full", "mixed_precision": True} if plain else {"task": "full"}
    found: dict[str, object] = {"task": "lora"}
    if stated.get("load_in_8bit"):
        found = {"task": "qlora", "quant": "int8"}
    elif stated.get("load_in_4bit"):
        found = {"task": "qlora", "quant": "nf4" if stated.get("double") else "nf4-single"}
    found.update({name: stated[name] for name in ("lora_rank", "dora") if name in stated})
    found["lora_dropout"] = stated.get("lora_dropout", "0.05")
    found["lora_targets"] = targets(listed(stated.get("lora_target_modules", "q_proj,v_proj")))
    if any(word in str(stated.get("saved", "")) for word in ("embed", "lm_head")):
        found["save_modules"] = "embeddings"
    return found
