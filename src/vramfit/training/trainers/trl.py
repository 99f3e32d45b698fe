"""TRL's SFTTrainer, DPOTrainer and GRPOTrainer.

Norms, embeddings and head stay 16-bit: TRL does not call ``prepare_model_for_kbit_training`` (trl 1.16.0
``trainer/sft_trainer.py``). Constants of the loss are those of the A100 runs of foundation-model-stack/fms-acceleration
(``scripts/benchmarks/refs/a100_80gb.csv``, TRL of 2024), which have the logits of all tokens: 14 bytes each and 6 per
element of the hidden states. TRL 1.16 computes the loss of SFT in chunks; state ``fused_loss`` for it.
"""

from __future__ import annotations

from vramfit.training.profile import Trainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.training.script import Run

TRAINER = Trainer(
    "trl",
    "TRL",
    "trl 1.16.0, with the whole logits of TRL before 1.0 as in A100 runs of fms-acceleration; state fused_loss for later ones",
    upcasts_norms=False,
    upcasts_embeddings=False,
    head_bytes=6,
    gathered_bytes=14,
    # transformers before 4.45 left GPTBigCode's logits in their own type: 8 bytes, or 18 under autocast.
    plain_losses={"gpt_bigcode": (8, 18)},
    scheme="nf4-single",
)


def script(run: Run) -> str:
    """Python code that loads and trains the model with TRL."""
    from vramfit.training.script import (
        TUNERS,
        adapter,
        arguments,
        launched,
        loading,
        optimizer_object,
        sampled,
        samples,
    )

    name, train = TUNERS[run.train.objective], run.train
    parts, how = loading(run)
    eager = "" if run.flash_attention else ", attn_implementation='eager'"
    code = f"{parts}; model = {run.kind}.from_pretrained({run.repository!r}, {how}{eager})"
    peft = ""
    if run.task != "full":
        code += "; from peft import LoraConfig"
        peft = f", peft_config={adapter(run)}"
    imported, made = optimizer_object(run)
    if made:
        code += f", get_peft_model; model = get_peft_model(model, {adapter(run)})"
        peft = ""
    length = f"max_length={train.sequence_length}"
    if train.objective == "grpo":
        length = sampled(run)
        peft += ", reward_funcs=rewards"
    code += f"{imported}; from trl import {name}Config, {name}Trainer"
    code += f"; settings = {name}Config({length}, {arguments(run)})"
    about = f"  # {samples(run)}" if run.images or run.sees else ""
    return launched(
        run, f"{code}; {name}Trainer(model, args=settings, train_dataset=samples{peft}{made}).train(){about}"
    )
