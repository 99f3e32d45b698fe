"""Unsloth.

The layers' inputs wait in host memory (unsloth_zoo 2026.10.9 ``gradient_checkpointing.py``), the loss takes chunks of half of
the free memory (``fused_losses/cross_entropy_loss.py``), norms, embeddings and head stay 16-bit, adapters need no copy of
their input (``unsloth/kernels/fast_lora.py``), and its examples use AdamW in 8 bits. Two inputs of layers are on the GPU at a
time (4 bytes an element). The constant of 665 MiB and the share of 1 % are what its published table of context lengths leaves
(Llama 3.1 8B and Llama 3.3 70B, QLoRA of rank 32).
"""

from __future__ import annotations

from vramfit.training.profile import Trainer
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.training.script import Run

SMALL_STATES = {"optimizer": "adamw8bit"}
TRAINER = Trainer(
    "unsloth",
    "Unsloth",
    "unsloth and unsloth_zoo 2026.10.9, constants by its published table of context lengths",
    adapted_input_bytes=0,
    upcasts_norms=False,
    upcasts_embeddings=False,
    extra_bytes=4,
    host_checkpoints=True,
    fused_loss=True,
    chunk_share=0.5,
    fixed_bytes=665 * MIB,
    uneven_share=0.01,
    slack_share=0.13,
    defaults={"full": SMALL_STATES, "lora": SMALL_STATES, "qlora": SMALL_STATES},
)


def script(run: Run) -> str:
    """Python code that loads, wraps and trains the model with Unsloth."""
    from vramfit.training.script import optimizer_object

    train = run.train
    kind = "FastVisionModel" if run.sees else "FastLanguageModel"
    full = ", full_finetuning=True" if run.task == "full" else ""
    code = f"from unsloth import {kind}; model, tokenizer = {kind}.from_pretrained({run.repository!r}, "
    code += f"max_seq_length={train.sequence_length}, load_in_4bit={run.task == 'qlora'}{full})"
    if run.task != "full":
        modules = list(run.named_modules) + (["embed_tokens", "lm_head"] if train.save_modules else [])
        checkpointing = "'unsloth'" if train.gradient_checkpointing else "False"
        code += f"; model = {kind}.get_peft_model(model, r={train.lora_rank}, lora_dropout={train.lora_dropout:g}, "
        code += f"target_modules={modules!r}, use_gradient_checkpointing={checkpointing})"
    name = {"sft": "SFT", "dpo": "DPO", "grpo": "GRPO"}[train.objective]
    optimizer = f"optim={run.optimizer!r}, " if run.optimizer else ""
    length = f"max_length={train.sequence_length}"
    more = ""
    if train.objective == "grpo":
        length = f"max_completion_length={train.sequence_length}, num_generations={train.generations}"
        more = ", reward_funcs=rewards"
    imported, made = optimizer_object(run)
    code += f"{imported}; from trl import {name}Config, {name}Trainer; settings = {name}Config({length}, "
    code += f"per_device_train_batch_size={train.micro_batch}, "
    code += f"gradient_accumulation_steps={train.gradient_accumulation}, {optimizer}bf16=True)"
    return f"{code}; {name}Trainer(model, args=settings, processing_class=tokenizer, train_dataset=samples{more}{made}).train()"
