"""axolotl, which trains by a YAML file.

It prepares 4-bit models with PEFT and then casts embeddings and norms back to 16 bits for FlashAttention (axolotl 0.19.0
``loaders/model.py``); the loss is that of transformers unless a plugin computes it in chunks.
"""

from __future__ import annotations

from vramfit.training.profile import Trainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.training.script import Run

TRAINER = Trainer(
    "axolotl",
    "axolotl",
    "axolotl 0.19.0 over transformers and peft; no runs of it are measured",
    upcasts_norms=False,
    upcasts_embeddings=False,
    mixes_precision=False,
)


def script(run: Run) -> str:
    """Shell lines that write the configuration and train by it."""
    from vramfit.launch import unsaid
    from vramfit.training.script import DEEPSPEED_FILE, UNNAMED, heredoc, samples, truth, zero_file

    train = run.train
    lines = [f"base_model: {run.repository}", *(_adapter(run) if run.task != "full" else [])]
    lines += _objective(run)
    lines += [f"sequence_len: {train.sequence_length}", f"micro_batch_size: {run.rows}"]
    lines += [f"gradient_accumulation_steps: {train.gradient_accumulation}"]
    lines.append(f"gradient_checkpointing: {truth(train.gradient_checkpointing)}")
    lines.append(f"optimizer: {run.optimizer}" if run.optimizer else unsaid.line("optimizer", train.optimizer, UNNAMED))
    lines.append(f"attn_implementation: {'flash_attention_2' if run.flash_attention else 'eager'}")
    lines.append("bf16: true")
    if run.images:
        lines.append(f"# {samples(run)}")
    if train.fused_loss:
        lines += ["plugins: [axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin]", "cut_cross_entropy: true"]
    if train.sharding.startswith("zero"):
        lines.append(f"deepspeed: {DEEPSPEED_FILE}")
    elif train.sharding == "fsdp":
        offload = truth(train.offload_parameters or train.offload_optimizer)
        wrap = "auto_wrap_policy: TRANSFORMER_BASED_WRAP, reshard_after_forward: true"
        lines += ["fsdp_version: 2", f"fsdp_config: {{offload_params: {offload}, {wrap}}}"]
    return "\n".join([*zero_file(run), heredoc("config.yaml", lines, "axolotl train config.yaml")])


def _adapter(run: Run) -> list[str]:
    """Lines of the adapters, and of the base's quantization."""
    from vramfit.training.script import truth

    train = run.train
    kind = "qlora" if run.quantized in ("nf4", "fp4") else "lora"
    lines = [f"adapter: {kind}", f"load_in_4bit: {truth(kind == 'qlora')}"]
    if run.quantized == "int8":
        lines.append("load_in_8bit: true")
    elif run.quantized is not None:
        double = f"bnb_4bit_use_double_quant: {truth(run.double)}"
        lines.append(f"bnb_config_kwargs: {{bnb_4bit_quant_type: {run.quantized}, {double}}}")
    elif run.task == "qlora":
        lines.append("gptq: true")
    lines += [
        f"lora_r: {train.lora_rank}",
        f"lora_alpha: {2 * train.lora_rank}",
        f"lora_dropout: {train.lora_dropout:g}",
    ]
    if train.lora_targets == "all":
        lines.append("lora_target_linear: true")
    else:
        lines.append(f"lora_target_modules: [{', '.join(run.named_modules)}]")
    if train.dora:
        lines.append("peft_use_dora: true")
    if train.save_modules:
        lines.append("lora_modules_to_save: [embed_tokens, lm_head]")
    return lines


def _objective(run: Run) -> list[str]:
    """Lines of the objective."""
    from vramfit.training.script import truth

    train = run.train
    if train.objective == "sft":
        return []
    lines = [f"rl: {train.objective}"]
    if train.objective == "grpo":
        settings = f"num_generations: {train.generations}, max_completion_length: {train.sequence_length}"
        if train.vllm_gpu_memory_utilization is not None:
            settings += ", use_vllm: true, vllm_mode: colocate"
            settings += f", vllm_enable_sleep_mode: {truth(train.vllm_sleep_mode)}"
            lines.append(f"vllm: {{gpu_memory_utilization: {train.vllm_gpu_memory_utilization:g}}}")
        lines.append(f"trl: {{{settings}}}")
    return lines
