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
)


def script(run: Run) -> str:
    """Shell lines that write the configuration and train by it."""
    from vramfit.training.script import UNNAMED, heredoc, truth

    train = run.train
    lines = [f"base_model: {run.repository}"]
    if run.task != "full":
        lines += [f"adapter: {run.task}", f"load_in_4bit: {truth(run.task == 'qlora')}", f"lora_r: {train.lora_rank}"]
        lines += [f"lora_alpha: {2 * train.lora_rank}", f"lora_dropout: {train.lora_dropout:g}"]
        if train.lora_targets == "all":
            lines.append("lora_target_linear: true")
        else:
            lines.append(f"lora_target_modules: [{', '.join(run.named_modules)}]")
        if train.save_modules:
            lines.append("lora_modules_to_save: [embed_tokens, lm_head]")
    if train.objective != "sft":
        lines.append(f"rl: {train.objective}")
    lines += [f"sequence_len: {train.sequence_length}", f"micro_batch_size: {train.micro_batch}"]
    lines += [f"gradient_accumulation_steps: {train.gradient_accumulation}"]
    lines.append(f"gradient_checkpointing: {truth(train.gradient_checkpointing)}")
    lines.append(f"optimizer: {run.optimizer}" if run.optimizer else UNNAMED)
    lines += [f"flash_attention: {truth(run.flash_attention)}", "bf16: true"]
    if train.fused_loss:
        lines += ["plugins: [axolotl.integrations.cut_cross_entropy.CutCrossEntropyPlugin]", "cut_cross_entropy: true"]
    if train.sharding.startswith("zero"):
        lines.append(f"deepspeed: deepspeed_configs/zero{train.sharding[-1]}.json")
    elif train.sharding == "fsdp":
        lines += ["fsdp_version: 2", f"fsdp_config: {{offload_params: {truth(train.offload_parameters)}}}"]
    return heredoc("config.yaml", lines, "axolotl train config.yaml")
