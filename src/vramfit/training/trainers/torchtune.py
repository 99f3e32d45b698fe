"""torchtune.

Its recipes keep everything in bf16, save no fp32 copy of an adapter's input, and compute the loss in chunks over bf16 logits
(torchtune 0.6.1 ``modules/loss/``). The single-device recipe of full fine-tuning pages AdamW in 8 bits and steps in the
backward pass (``recipes/configs/llama3_1/8B_full_single_device.yaml``).
"""

from __future__ import annotations

from vramfit.training.profile import Trainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.training.script import Run

TRAINER = Trainer(
    "torchtune",
    "torchtune",
    "torchtune 0.6.1; no runs of it are measured",
    logit_bytes=4,
    upcast_logit_bytes=4,
    adapted_input_bytes=0,
    adapter_bytes=2,
    upcasts_norms=False,
    upcasts_embeddings=False,
    defaults={"full": {"optimizer": "paged_adamw8bit", "optimizer_in_backward": True}},
    objectives=("sft", "dpo"),
)

OPTIMIZERS = {
    "adamw": "torch.optim.AdamW", "adamw8bit": "bitsandbytes.optim.AdamW8bit", "sgd": "torch.optim.SGD",
    "paged_adamw": "bitsandbytes.optim.PagedAdamW", "paged_adamw8bit": "bitsandbytes.optim.PagedAdamW8bit",
    "adamw4bit": "torchao.optim.AdamW4bit", "ademamix": "bitsandbytes.optim.AdEMAMix",
    "ademamix8bit": "bitsandbytes.optim.AdEMAMix8bit", "lion": "bitsandbytes.optim.Lion",
    "lion8bit": "bitsandbytes.optim.Lion8bit", "paged_lion": "bitsandbytes.optim.PagedLion",
    "paged_lion8bit": "bitsandbytes.optim.PagedLion8bit", "rmsprop": "torch.optim.RMSprop",
    "adagrad": "torch.optim.Adagrad", "adafactor": "torch.optim.Adafactor",
}  # fmt: skip
"""Classes by the value of the key ``optimizer``; LoRA-FA is PEFT's alone."""
ATTENTION = "['q_proj','k_proj','v_proj','output_proj']"
TARGETS = {"qv": "['q_proj','v_proj']", "attention": ATTENTION, "mlp": "[]", "all": ATTENTION}


def script(run: Run) -> str:
    """Command that runs the recipe, with what differs from its configuration."""
    from vramfit.training.script import truth

    train = run.train
    where = "single_device" if run.gpus == 1 else "distributed"
    recipe = "full_finetune" if run.task == "full" else "lora_finetune"
    name = "full" if run.task == "full" else run.task
    start = "tune run" if run.gpus == 1 else f"tune run --nproc_per_node {run.gpus}"
    words = [
        f"{start} {recipe}_{where} --config YOUR_MODEL_{name}_{where}",
        f"checkpointer.checkpoint_dir={run.repository}",
    ]
    words += [f"batch_size={train.micro_batch}", f"tokenizer.max_seq_len={train.sequence_length}", "dtype=bf16"]
    words += [f"gradient_accumulation_steps={train.gradient_accumulation}"]
    words += [f"enable_activation_checkpointing={truth(train.gradient_checkpointing).title()}"]
    words += [f"optimizer._component_={OPTIMIZERS.get(train.optimizer, 'torch.optim.AdamW')}"]
    if run.task == "full":
        words.append(f"optimizer_in_bwd={truth(train.optimizer_in_backward).title()}")
    else:
        words += [f"model.lora_rank={train.lora_rank}", f"model.lora_attn_modules={TARGETS[train.lora_targets]}"]
        words.append(f"model.apply_lora_to_mlp={truth(train.lora_targets in ('mlp', 'all')).title()}")
    if train.offload_parameters:
        words.append("fsdp_cpu_offload=True")
    return " ".join(words)
