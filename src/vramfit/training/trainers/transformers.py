"""Hugging Face's Trainer with PEFT, or a plain loop with both.

PEFT's ``prepare_model_for_kbit_training`` makes what 4-bit loading leaves in 16 bits fp32 (peft 0.21.2 ``utils/other.py``),
so that the residual stream, its checkpoints and the logits are fp32. Logits: 16-bit ones (2), the log-softmax (4), its
gradient (4) and that of the loss (4), or fp32 throughout (16) (transformers 5.24.0 ``loss/loss_utils.py``). An adapter's
input is cast to fp32 (peft ``tuners/lora/layer.py``). Held against 59 T4 runs of fitcheck-llm 0.3.1.
"""

from __future__ import annotations

from vramfit.training.profile import Trainer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.training.script import Run

TRAINER = Trainer(
    "transformers",
    "transformers",
    "transformers 5.24.0 and peft 0.21.2, compared with runs of fitcheck-llm 0.3.1 on a T4",
    scheme="nf4-single",
    beyond="trl",  # the Trainer knows no other objective
)


def script(run: Run) -> str:
    """Python code that loads, wraps and trains the model with the Trainer."""
    from vramfit.training.script import adapter, arguments, launched, loading, optimizer_object, samples

    if run.train.objective != "sft":
        from vramfit.training.trainers import trl

        return trl.script(run)  # the Trainer knows no other objective, and TRL's are made of it
    parts, how = loading(run)
    eager = "" if run.flash_attention else ", attn_implementation='eager'"
    code = f"{parts}; model = {run.kind}.from_pretrained({run.repository!r}, {how}{eager})"
    if run.task != "full":
        # It turns checkpointing on unless it is stated otherwise, whatever the Trainer's own argument is.
        kept = "" if run.train.gradient_checkpointing else ", use_gradient_checkpointing=False"
        prepared = f"prepare_model_for_kbit_training(model{kept})" if run.task == "qlora" else "model"
        names = ["LoraConfig", "get_peft_model"] + (["prepare_model_for_kbit_training"] if run.task == "qlora" else [])
        code += f"; from peft import {', '.join(names)}; model = get_peft_model({prepared}, {adapter(run)})"
    imported, made = optimizer_object(run)
    code += f"{imported}; from transformers import Trainer, TrainingArguments"
    code += f"; settings = TrainingArguments({arguments(run)})"
    return launched(run, f"{code}; Trainer(model, settings, train_dataset=samples{made}).train()  # {samples(run)}")
