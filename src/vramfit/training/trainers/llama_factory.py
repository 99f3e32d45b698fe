"""LLaMA-Factory, which trains by a YAML file.

Norms stay 16-bit unless ``upcast_layernorm`` is set, and its ``prepare_model`` casts nothing else of the frozen weights;
adapters are fp32 (llamafactory 0.9.5 ``model/model_utils/checkpointing.py``, ``model/adapter.py``). Double quantization is
its default (``hparams/model_args.py``).
"""

from __future__ import annotations

from vramfit.training.profile import Trainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.training.script import Run

TRAINER = Trainer(
    "llama-factory",
    "LLaMA-Factory",
    "llamafactory 0.9.5 over transformers and peft; no runs of it are measured",
    upcasts_norms=False,
    upcasts_embeddings=False,
    objectives=("sft", "dpo"),
)


def script(run: Run) -> str:
    """Shell lines that write the configuration and train by it."""
    from vramfit.training.script import UNNAMED, heredoc, truth

    train = run.train
    lines = [f"model_name_or_path: {run.repository}", f"stage: {train.objective}", "do_train: true"]
    lines.append(f"finetuning_type: {'full' if run.task == 'full' else 'lora'}")
    if run.task != "full":
        lines += [f"lora_rank: {train.lora_rank}", f"lora_dropout: {train.lora_dropout:g}"]
        lines.append(f"lora_target: {'all' if train.lora_targets == 'all' else ','.join(run.named_modules)}")
        if train.save_modules:
            lines.append("additional_target: embed_tokens,lm_head")
    if run.task == "qlora" and run.quantized is not None:
        lines += ["quantization_bit: 4", f"double_quantization: {truth(run.double)}"]
    lines += [f"cutoff_len: {train.sequence_length}", f"per_device_train_batch_size: {train.micro_batch}"]
    lines += [f"gradient_accumulation_steps: {train.gradient_accumulation}", "bf16: true"]
    lines.append(f"optim: {run.optimizer}" if run.optimizer else UNNAMED)
    if not train.gradient_checkpointing:
        lines.append("disable_gradient_checkpointing: true")
    if run.task == "full" and not train.mixed_precision:
        lines.append("pure_bf16: true")
    lines.append(f"flash_attn: {'fa2' if run.flash_attention else 'disabled'}")
    if train.fused_loss:
        lines.append("enable_liger_kernel: true")
    if train.sharding.startswith("zero"):
        offload = "_offload" if train.offload_optimizer or train.offload_parameters else ""
        lines.append(f"deepspeed: examples/deepspeed/ds_z{train.sharding[-1]}{offload}_config.json")
    elif train.sharding == "fsdp":
        lines.append("# accelerate launch --config_file examples/accelerate/fsdp_config.yaml src/train.py config.yaml")
    return heredoc("config.yaml", lines, "llamafactory-cli train config.yaml")
