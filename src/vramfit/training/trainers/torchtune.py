"""torchtune.

Its recipes keep everything in bf16, save no fp32 copy of an adapter's input, and compute the loss in chunks over bf16 logits
(torchtune 0.6.1 ``modules/loss/``). The single-device recipe of full fine-tuning pages AdamW in 8 bits and steps in the
backward pass (``recipes/configs/llama3_1/8B_full_single_device.yaml``); on several GPUs every recipe runs under FSDP, and
that of full fine-tuning with torch's AdamW (``8B_full.yaml``).
"""

from __future__ import annotations

from vramfit.training.profile import Trainer
from vramfit.workload.optimizers import CLASSES as OPTIMIZERS

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
    targets=("qv", "attention", "all"),
    steps_in_backward=True,
    mixes_precision=False,
    defaults={"full": {"optimizer": "paged_adamw8bit", "optimizer_in_backward": True}},
    several={
        "full": {"optimizer": "adamw", "optimizer_in_backward": False, "sharding": "fsdp"},
        "lora": {"sharding": "fsdp"},
        "qlora": {"sharding": "fsdp"},
    },
    objectives=("sft", "dpo"),
    fused_objectives=("sft",),
    shardings=("none", "fsdp"),
    single={"dpo": ("lora", "qlora")},  # there is no recipe full_dpo_single_device
)

ATTENTION = "['q_proj','k_proj','v_proj','output_proj']"
TARGETS = {"qv": "['q_proj','v_proj']", "attention": ATTENTION, "all": ATTENTION}
FUSED = ("torch.optim.AdamW", "torch.optim.SGD", "torch.optim.Adagrad")
"""Optimizers that take the argument ``fused``, which the configurations have but for full fine-tuning on one GPU."""
UNNAMED = "torchtune cannot make PEFT's LoRA-FA: its recipe has to be changed"
LOSSES = ("CEWithChunkedOutputLoss", "LinearCrossEntropyLoss")
"""Losses with all logits in chunks, and without them: the latter is in releases after 0.6.1
(``torchtune/modules/loss/cross_entropy_loss.py`` of meta-pytorch/torchtune)."""


def script(run: Run) -> str:
    """Command that runs the recipe, with what differs from its configuration."""
    from vramfit.launch import unsaid
    from vramfit.training.script import truth

    train = run.train
    words = [*_start(run), f"checkpointer.checkpoint_dir={run.repository}"]
    words += [f"batch_size={train.micro_batch}", f"tokenizer.max_seq_len={train.sequence_length}", "dtype=bf16"]
    words += [f"gradient_accumulation_steps={train.gradient_accumulation}"]
    words += [f"enable_activation_checkpointing={truth(train.gradient_checkpointing).title()}"]
    optimizer = OPTIMIZERS.get(train.optimizer)
    if optimizer is not None:
        words.append(f"optimizer._component_={optimizer}")
        if (run.task != "full" or run.gpus > 1) and optimizer not in FUSED:
            words.append("~optimizer.fused")
    if run.task == "full":
        words.append(f"optimizer_in_bwd={truth(train.optimizer_in_backward).title()}")
    else:
        words += [f"model.lora_rank={train.lora_rank}", f"model.lora_attn_modules={TARGETS[train.lora_targets]}"]
        words.append(f"model.apply_lora_to_mlp={truth(train.lora_targets == 'all').title()}")
        words += [f"model.lora_dropout={train.lora_dropout:g}", f"model.use_dora={truth(train.dora).title()}"]
    if train.objective == "sft":
        words.append(f"loss=torchtune.modules.loss.{LOSSES[train.fused_loss]}")
    if train.offload_parameters or train.offload_optimizer:
        words.append("fsdp_cpu_offload=True")
    command = " ".join(words)
    return command if optimizer is not None else f"{unsaid.line('optimizer', train.optimizer, UNNAMED)}\n{command}"


def _start(run: Run) -> list[str]:
    """Recipe, and the configuration of the model that it starts from."""
    where = "single_device" if run.gpus == 1 else "distributed"
    kind = "full" if run.task == "full" else "lora"
    recipe = f"{kind}_dpo" if run.train.objective == "dpo" else f"{kind}_finetune"
    name = f"{run.task}_dpo" if run.train.objective == "dpo" else run.task
    start = "tune run" if run.gpus == 1 else f"tune run --nproc_per_node {run.gpus}"
    return [start, f"{recipe}_{where}", f"--config YOUR_MODEL_{name}{'_single_device' if run.gpus == 1 else ''}"]
