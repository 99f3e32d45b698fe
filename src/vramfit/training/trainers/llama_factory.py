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
    from vramfit.launch import unsaid
    from vramfit.training.script import DEEPSPEED_FILE, UNNAMED, heredoc, samples, truth, zero_file

    train = run.train
    lines = [f"model_name_or_path: {run.repository}", f"stage: {train.objective}", "do_train: true"]
    lines.append(f"finetuning_type: {'full' if run.task == 'full' else 'lora'}")
    lines += _adapter(run) if run.task != "full" else []
    lines += [f"cutoff_len: {train.sequence_length}", f"per_device_train_batch_size: {train.micro_batch}"]
    lines += [f"gradient_accumulation_steps: {train.gradient_accumulation}", "bf16: true"]
    lines.append(f"optim: {run.optimizer}" if run.optimizer else unsaid.line("optimizer", train.optimizer, UNNAMED))
    lines.append(f"disable_gradient_checkpointing: {truth(not train.gradient_checkpointing)}")
    if run.task == "full" and not train.mixed_precision and not train.sharding.startswith("zero"):
        lines.append("pure_bf16: true")
    lines.append(f"flash_attn: {'fa2' if run.flash_attention else 'disabled'}")
    if run.images:
        size = run.image_size
        lines.append(
            f"# {samples(run)}" if size is None else f"image_max_pixels: {size[0] * size[1]}  # {samples(run)}"
        )
    if train.fused_loss:
        lines.append("enable_liger_kernel: true")
    if train.sharding.startswith("zero"):
        lines.append(f"deepspeed: {DEEPSPEED_FILE}")
    elif train.sharding == "fsdp":
        offload = " offload" if train.offload_parameters or train.offload_optimizer else ""
        lines.append(f"fsdp: full_shard auto_wrap{offload}")
    start = "llamafactory-cli train config.yaml"
    start = start if run.gpus == 1 else f"FORCE_TORCHRUN=1 NPROC_PER_NODE={run.gpus} {start}"
    return "\n".join([*zero_file(run), heredoc("config.yaml", lines, start)])


def _adapter(run: Run) -> list[str]:
    """Lines of the adapters, and of the base's quantization."""
    from vramfit.training.script import truth

    train = run.train
    lines = [f"lora_rank: {train.lora_rank}", f"lora_dropout: {train.lora_dropout:g}"]
    lines.append(f"lora_target: {'all' if train.lora_targets == 'all' else ','.join(run.named_modules)}")
    if train.dora:
        lines.append("use_dora: true")
    if train.save_modules:
        lines.append("additional_target: embed_tokens,lm_head")
    if run.quantized == "int8":
        lines.append("quantization_bit: 8")
    elif run.quantized is not None:
        lines += [
            "quantization_bit: 4",
            f"quantization_type: {run.quantized}",
            f"double_quantization: {truth(run.double)}",
        ]
    return lines
