"""``finetune.py`` of QwenLM/Qwen, for the first Qwen models.

It runs DeepSpeed: ZeRO-3 for all weights, ZeRO-2 with buckets of 2e8 elements for LoRA (``finetune/ds_config_zero2.json``),
and GPTQ for 4 bits, whose embeddings it makes fp32. Bytes of a logit (10, and 6 in 4 bits), of an adapter's input (2) and of
a matrix trained whole (11) were fitted on the table of its README (A100 80 GB).
"""

from __future__ import annotations

from vramfit.training.profile import Trainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.training.script import Run

TRAINER = Trainer(
    "qwen",
    "Qwen's finetune.py",
    "QwenLM/Qwen finetune.py, constants by the A100 table of its README",
    logit_bytes=10,
    upcast_logit_bytes=6,
    adapted_input_bytes=2,
    upcasts_norms=False,
    upcasts_packed=True,
    bucket_elements=2 * 10**8,
    saved_module_bytes=11,
    defaults={"full": {"sharding": "zero3"}, "lora": {"sharding": "zero2"}},
    fuses_loss=False,
    shardings=("none", "zero1", "zero2", "zero3"),
    adapter_optimizers=False,
    dora=False,
    objectives=("sft",),
)


TARGETS = {"qv": "c_attn", "attention": "c_attn attn.c_proj", "mlp": "w1 w2 mlp.c_proj", "all": "c_attn c_proj w1 w2"}
"""Names of the adapted modules in the first Qwen models, by the value of ``lora_targets``."""


def script(run: Run) -> str:
    """Command that trains the model."""
    from vramfit.training.script import DEEPSPEED_FILE, zero_file

    train = run.train
    start = "python" if run.gpus == 1 else f"torchrun --nproc_per_node {run.gpus}"
    words = [f"{start} finetune.py --model_name_or_path {run.repository} --bf16 True --lazy_preprocess True"]
    words += [f"--model_max_length {train.sequence_length}", f"--per_device_train_batch_size {train.micro_batch}"]
    words.append(f"--gradient_accumulation_steps {train.gradient_accumulation}")
    words.append(f"--gradient_checkpointing {train.gradient_checkpointing}")
    if run.optimizer is not None:
        words.append(f"--optim {run.optimizer}")
    if run.task != "full":
        words.append(f"--use_lora --lora_r {train.lora_rank} --lora_dropout {train.lora_dropout:g}")
        words.append(f"--lora_target_modules {TARGETS[train.lora_targets]}")
    if run.task == "qlora":
        words.append("--q_lora")
    if train.sharding.startswith("zero"):
        offloads = train.offload_optimizer or train.offload_parameters
        own = train.sharding in ("zero2", "zero3") and not offloads
        words.append(f"--deepspeed {f'finetune/ds_config_{train.sharding}.json' if own else DEEPSPEED_FILE}")
        if not own:
            return "\n".join([*zero_file(run), " ".join(words)])
    return " ".join(words)
