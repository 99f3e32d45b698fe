"""Commands of torchtune (0.6.1, ``recipes/configs``).

A recipe starts from a configuration, whose values are those of ``llama3_1/8B_lora_single_device.yaml`` and its like where
the file is not at hand, and words ``name=value`` change them.
"""

from __future__ import annotations

from vramfit.errors import UsageError
from vramfit.launch import Program, neutral
from vramfit.training.commands.common import flag, listed, switch, targets
from vramfit.workload.optimizers import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RECIPES = {
    "lora_finetune_single_device": ("lora", "sft"), "lora_finetune_distributed": ("lora", "sft"),
    "full_finetune_single_device": ("full", "sft"), "full_finetune_distributed": ("full", "sft"),
    "lora_dpo_single_device": ("lora", "dpo"), "lora_dpo_distributed": ("lora", "dpo"),
    "full_dpo_distributed": ("full", "dpo"),
}  # fmt: skip
FLAGS = (
    flag("config"),
    flag("checkpointer.checkpoint_dir", "directory"),
    flag("batch_size", "micro_batch"),
    flag("tokenizer.max_seq_len", "sequence_length"),
    flag("gradient_accumulation_steps", "gradient_accumulation"),
    switch("enable_activation_checkpointing", "gradient_checkpointing"),
    flag("optimizer", "optimizer"),
    flag("optimizer._component_", "optimizer_class"),
    switch("optimizer_in_bwd", "optimizer_in_backward"),
    flag("model.lora_rank", "lora_rank"),
    flag("model.lora_dropout", "lora_dropout"),
    flag("model.lora_attn_modules", "modules"),
    switch("model.apply_lora_to_mlp", "mlp"),
    switch("model.use_dora", "dora"),
    flag("model._component_", "builder"),
    switch("model.quantize_base", "quantized"),
    switch("fsdp_cpu_offload", "offload_parameters"),
    flag("loss", also=("--loss._component_",)),
)
FUSED_LOSS = "LinearCrossEntropyLoss"
"""Loss without the logits of all tokens, of releases after 0.6.1."""
NEUTRAL = neutral(
    "",
    "--nproc_per_node --nproc-per-node --nnodes --node_rank --rdzv-endpoint --rdzv_endpoint --rdzv_backend --rdzv-backend "
    "--rdzv_id --rdzv-id --master_port --master_addr --epochs --dtype --device --seed --shuffle --output_dir "
    "--optimizer.lr --optimizer.fused --optimizer.weight_decay --dataset --dataset._component_ --dataset.packed "
    "--log_every_n_steps --log_peak_memory_stats --max_steps_per_epoch --checkpointer --checkpointer.checkpoint_files "
    "--checkpointer._component_ --checkpointer.output_dir --checkpointer.model_type --checkpointer.recipe_checkpoint "
    "--tokenizer.path --tokenizer --tokenizer._component_ --metric_logger --metric_logger._component_ "
    "--metric_logger.project --metric_logger.log_dir --resume_from_checkpoint --lr_scheduler --lr_scheduler._component_ "
    "--lr_scheduler.num_warmup_steps --compile --clip_grad_norm --model.lora_alpha --model.apply_lora_to_output "
    "--save_adapter_weights_only --profiler --run_name --loss.beta --dataset.source --dataset.split "
    "--dataset.column_map --dataset.train_on_input --profiler._component_ --profiler.enabled --profiler.output_dir "
    "--profiler.cpu --profiler.cuda --profiler.profile_memory --profiler.with_stack --profiler.record_shapes "
    "--profiler.with_flops --profiler.wait_steps --profiler.warmup_steps --profiler.active_steps --profiler.num_cycles "
    "--dataset.data_files --dataset.conversation_column --dataset.conversation_style --dataset.new_system_prompt ",
)
PROGRAMS = (
    Program(
        ("tune", "run"), FLAGS, positional="recipe", documents=("--config",), dotted=True, neutral=NEUTRAL, assigns=True,
        counts=(("--nproc_per_node", "--nproc-per-node"), ("--nnodes",)),
        unmodelled={"--enable_activation_offloading": 1, "--tensor_parallel_dim": 1, "--model": 1, "--quantizer": 1},
    ),
)  # fmt: skip
FAMILIES = {"llama": "llama-", "gemma": "gemma-", "phi": "phi-", "mistral": "mistral-", "qwen": "qwen"}


def keys(stated: dict[str, Any], program: Program) -> dict[str, object]:
    """Deployment keys of a recipe; raises ``UsageError`` for one that is not modelled."""
    recipe, config = str(stated.get("recipe", "")), str(stated.get("config", ""))
    found_recipe = RECIPES.get(recipe.rpartition("/")[2].removesuffix(".py"))
    if found_recipe is None:
        raise UsageError(f'torchtune\'s recipe "{recipe}" is not modelled', f"one of: {', '.join(RECIPES)}")
    task, objective = found_recipe
    several = "distributed" in recipe
    names = ("micro_batch", "sequence_length", "gradient_accumulation", "gradient_checkpointing", "lora_rank",
             "lora_dropout", "dora", "offload_parameters", "optimizer_in_backward")  # fmt: skip
    found: dict[str, object] = {"trainer": "torchtune", "objective": objective, "micro_batch": "2"}
    found.update({name: stated[name] for name in names if name in stated})
    found.update({"model": model} if (model := _model(config, stated.get("directory"))) else {})
    optimizer = str(stated.get("optimizer_class") or stated.get("optimizer") or "")
    if optimizer:
        short = {path.rpartition(".")[2]: key for key, path in CLASSES.items()}
        found["optimizer"] = short.get(optimizer.rpartition(".")[2], optimizer)
    if FUSED_LOSS in str(stated.get("loss", "")):
        found["fused_loss"] = True
    if several:
        found["sharding"] = "fsdp"
    if task == "full":
        return {**found, "task": "full"}
    quantized = stated.get("quantized", "qlora" in f"{config} {stated.get('builder', '')}")
    found.setdefault("lora_rank", "8")
    attention = targets(listed(stated.get("modules", "q_proj,v_proj,output_proj")))
    found["lora_targets"] = "all" if stated.get("mlp", True) else attention
    return {**found, "task": "qlora", "quant": "nf4"} if quantized else {**found, "task": "lora"}


def _model(config: str, directory: object) -> str | None:
    """Model of a folder of weights called like it, or of a configuration's name; None for any other.

    ``llama3_1/8B_lora_single_device`` is ``llama-3.1-8b``.
    """
    folder = str(directory or "").rstrip("/")
    if folder.count("/") == 1 and not folder.startswith((".", "/", "~")):
        return folder
    family, slash, rest = config.partition("/")
    name = next((family.replace(start, own, 1) for start, own in FAMILIES.items() if family.startswith(start)), "")
    if slash and name and not config.startswith(("/", ".")):
        return f"{name.replace('_', '.').rstrip('-')}-{rest.partition('_')[0].lower()}"
    return folder.rpartition("/")[2] or None
