"""LitGPT.

It computes the head in chunks of 128 tokens and the loss over 16-bit logits (litgpt 0.5.13 ``finetune/lora.py``,
``utils.py``), keeps adapters in 16 bits, and checkpoints activations under FSDP alone. Constants were fitted on its own table
(``tutorials/resource-tables.md``, A100): an RMSNorm keeps 5 bytes an element, 4-bit matrices keep another copy of their
input, and under FSDP frozen weights stay whole once they were gathered.
"""

from __future__ import annotations

from vramfit.training.profile import Trainer
from vramfit.workload.optimizers import CLASSES as OPTIMIZERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.training.script import Run

TRAINER = Trainer(
    "litgpt",
    "LitGPT",
    "litgpt 0.5.13, constants by its own table of A100 runs",
    logit_bytes=4,
    upcast_logit_bytes=4,
    adapted_input_bytes=0,
    adapter_bytes=2,
    upcasts_norms=False,
    upcasts_embeddings=False,
    norm_bytes=5,
    quantized_input_bytes=2,
    keeps_gathered=True,
    fuses_loss=False,
    shardings=("none", "fsdp"),
    offloads=False,  # finetune/lora.py and full.py make an FSDPStrategy with cpu_offload=False
    checkpoints=False,
    dora=False,
    objectives=("sft",),
    defaults={
        "full": {"gradient_checkpointing": False},
        "lora": {"gradient_checkpointing": False},
        "qlora": {"gradient_checkpointing": False, "optimizer": "paged_adamw"},
    },
    several={
        "full": {"gradient_checkpointing": True, "sharding": "fsdp"},
        "lora": {"gradient_checkpointing": True, "sharding": "fsdp"},
        "qlora": {"gradient_checkpointing": True, "sharding": "fsdp"},
    },
)

TARGETS = {
    "qv": ("query", "value"),
    "attention": ("query", "key", "value", "projection"),
    "mlp": ("mlp",),
    "all": ("query", "key", "value", "projection", "mlp"),
}
QUANTIZED_OPTIMIZER = "paged_adamw"
"""Optimizer of 4-bit training, which LitGPT makes whatever is asked (litgpt 0.5.13 ``utils.py``
``instantiate_bnb_optimizer``)."""
OTHER_OPTIMIZER = "LitGPT trains 4-bit models with bitsandbytes' PagedAdamW alone: another one needs other code"
UNNAMED = "LitGPT cannot make PEFT's LoRA-FA: its script has to be changed"
PARTS = ("query", "key", "value", "projection", "mlp")


def script(run: Run) -> str:
    """Command that trains the model."""
    from vramfit.launch import unsaid

    train = run.train
    kind = "finetune_full" if run.task == "full" else "finetune_lora"
    precision = "bf16-mixed" if train.mixed_precision else "bf16-true"
    words = [f"litgpt {kind} {run.repository} --precision {precision} --devices {run.gpus}"]
    words += [f"--train.max_seq_length {train.sequence_length}", f"--train.micro_batch_size {train.micro_batch}"]
    batch = train.micro_batch * train.gradient_accumulation * run.gpus
    words.append(f"--train.global_batch_size {batch}")
    if run.task == "qlora":
        words.append(f"--quantize bnb.{run.quantized or 'nf4'}{'-dq' if run.double else ''}")
    if run.task != "full":
        words += [f"--lora_r {train.lora_rank}", f"--lora_dropout {train.lora_dropout:g}"]
        words += [f"--lora_{part} {str(part in TARGETS[train.lora_targets]).lower()}" for part in PARTS]
    optimizer, before = OPTIMIZERS.get(train.optimizer), []
    if run.task == "qlora":
        words.append("--optimizer AdamW")
        before = [] if train.optimizer == QUANTIZED_OPTIMIZER else [OTHER_OPTIMIZER]
    elif optimizer is not None:
        words.append(f"--optimizer {optimizer}")
    else:
        before = [UNNAMED]
    return "\n".join([*[unsaid.line("optimizer", train.optimizer, why) for why in before], " ".join(words)])
