"""Python code that runs or trains a deployment with transformers, which is only written and never read.

Arguments are those of transformers 5.24.0, PEFT 0.21.2 and TRL 1.16.0; tests/launch/flags.yaml records them.
"""

from __future__ import annotations

from vramfit.engines.naming import DTYPES, repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate

LORA_ALPHA = 8
"""Default scale of an adapter in ``LoraConfig``, which PEFT's LoRA-FA optimizer needs as an argument."""


def command(deployment: Deployment, estimate: Estimate) -> str:
    """Write code that loads the model with the estimate's placement and generates in the context, or that trains it."""
    work, used = deployment.workload, estimate.settings
    if work.task != "inference":
        return _training(deployment)
    where = "device_map='auto'" if len(deployment.gpus) > 1 else "device_map={'': 0}"
    if used.get("gpu_layers", "all") != "all":
        most = max(gpu.weights_bytes for gpu in estimate.gpus)
        limits = [f"{number}: {most}" for number in range(len(deployment.gpus))]
        where = f"device_map='auto', max_memory={{{', '.join(limits)}, 'cpu': {estimate.host.weights_bytes}}}"
    eager = "" if work.flash_attention else ", attn_implementation='eager'"
    parts, loading = _loading(deployment)
    return (
        f"{parts}; model = {_kind(deployment)}.from_pretrained({repository(deployment)!r}, {loading}{eager}, {where})"
        f"; answer = model.generate(**inputs, max_length={work.context})"
    )


def _training(deployment: Deployment) -> str:
    """Write code that loads, wraps and trains the model with the deployment's sequence length, batch and optimizer."""
    from vramfit.workload.optimizers import OPTIMIZER_BY_NAME

    task, tuned = deployment.workload.task, deployment.workload.training
    optimizer = OPTIMIZER_BY_NAME[tuned.optimizer]
    parts, loading = _loading(deployment)
    code = f"{parts}; model = {_kind(deployment)}.from_pretrained({repository(deployment)!r}, {loading})"
    if task != "full":
        prepared = "prepare_model_for_kbit_training(model)" if task == "qlora" else "model"
        names = ["LoraConfig", "get_peft_model"] + (["prepare_model_for_kbit_training"] if task == "qlora" else [])
        code += f"; from peft import {', '.join(names)}"
        code += f"; model = get_peft_model({prepared}, LoraConfig(r={tuned.lora_rank}, target_modules='all-linear'))"
    chosen, made = f"optim={optimizer.transformers!r}, ", ""
    if optimizer.transformers is None:
        # The Trainer has no name for LoRA-FA, so it receives the optimizer itself and adds its usual schedule.
        code += "; from peft.optimizers import create_lorafa_optimizer"
        rank = f"r={tuned.lora_rank}, lora_alpha={LORA_ALPHA}, lr=settings.learning_rate"
        chosen, made = "", f", optimizers=(create_lorafa_optimizer(model, {rank}), None)"
    sharded = f", deepspeed={{'zero_optimization': {{'stage': {tuned.zero_stage}}}}}" if tuned.zero_stage else ""
    return (
        f"{code}; from trl import SFTConfig, SFTTrainer"
        f"; settings = SFTConfig(max_length={tuned.sequence_length}, per_device_train_batch_size={tuned.micro_batch}, "
        f"gradient_checkpointing={tuned.gradient_checkpointing}, {chosen}bf16=True{sharded})"
        f"; SFTTrainer(model, settings, train_dataset=samples{made}).train()"
    )


def _kind(deployment: Deployment) -> str:
    return "AutoModelForImageTextToText" if deployment.model.vision is not None else "AutoModelForCausalLM"


def _loading(deployment: Deployment) -> tuple[str, str]:
    """Imports for loading the model, and the arguments that state its precision."""
    scheme = deployment.scheme
    kind = scheme.settings.get("type")
    names = f"from transformers import {_kind(deployment)}"
    if scheme.family == "bitsandbytes":
        names += ", BitsAndBytesConfig"
        if kind == "int8":
            return names, "quantization_config=BitsAndBytesConfig(load_in_8bit=True)"
        double = bool(scheme.settings["double"])
        return f"import torch; {names}", (
            f"quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type={kind!r}, "
            f"bnb_4bit_use_double_quant={double}, bnb_4bit_compute_dtype=torch.bfloat16)"
        )
    if scheme.id in DTYPES:
        return f"import torch; {names}", f"dtype=torch.{DTYPES[scheme.id]}"
    return names, "dtype='auto'"
