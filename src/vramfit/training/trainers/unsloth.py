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
    shares_weights=True,
    slack_share=0.13,
    defaults={"full": SMALL_STATES, "lora": SMALL_STATES, "qlora": SMALL_STATES},
)


def script(run: Run) -> str:
    """Python code that loads, wraps and trains the model with Unsloth."""
    from vramfit.training.script import TUNERS, divided, launched, optimizer_object, sampled, samples

    train = run.train
    name, kind = TUNERS[train.objective], "FastVisionModel" if run.sees else "FastLanguageModel"
    length = sampled(run) if train.objective == "grpo" else f"max_length={train.sequence_length}"
    more = ", reward_funcs=rewards" if train.objective == "grpo" else ""
    imported, made = optimizer_object(run)
    optimizer = f"optim={run.optimizer!r}, " if run.optimizer else ""
    code = f"from unsloth import {kind}; model, tokenizer = {kind}.from_pretrained({run.repository!r}, {_loading(run)})"
    if run.task != "full":
        code += f"; model = {kind}.get_peft_model(model, {_adapter(run)})"
    code += f"{imported}; from trl import {name}Config, {name}Trainer; settings = {name}Config({length}, "
    code += f"per_device_train_batch_size={run.rows}, gradient_accumulation_steps={train.gradient_accumulation}, "
    code += f"gradient_checkpointing={train.gradient_checkpointing}, {optimizer}bf16=True{divided(run)})"
    code += (
        f"; {name}Trainer(model, args=settings, processing_class=tokenizer, train_dataset=samples{more}{made}).train()"
    )
    return launched(run, f"{code}  # {samples(run)}" if run.images or run.sees else code)


def _checkpointing(run: Run) -> str:
    return "'unsloth'" if run.train.gradient_checkpointing else "False"


def _loading(run: Run) -> str:
    """Arguments that load the model, and a vLLM beside it."""
    train = run.train
    text = f"max_seq_length={train.sequence_length}, load_in_4bit={run.task == 'qlora'}"
    if run.task == "full":
        mixed = ", float32_mixed_precision=True" if train.mixed_precision else ""
        text += f", full_finetuning=True, use_gradient_checkpointing={_checkpointing(run)}{mixed}"
    if not run.flash_attention:
        text += ", attn_implementation='eager'"
    if train.vllm_gpu_memory_utilization is not None:
        text += f", fast_inference=True, gpu_memory_utilization={train.vllm_gpu_memory_utilization:g}"
        text += ", unsloth_vllm_standby=True" if train.vllm_sleep_mode else ""
    return text


def _adapter(run: Run) -> str:
    """Arguments of the adapters."""
    train = run.train
    modules = list(run.named_modules) + (["embed_tokens", "lm_head"] if train.save_modules else [])
    text = f"r={train.lora_rank}, lora_dropout={train.lora_dropout:g}, target_modules={modules!r}, "
    text += f"use_gradient_checkpointing={_checkpointing(run)}"
    return f"{text}, use_dora=True" if train.dora else text
