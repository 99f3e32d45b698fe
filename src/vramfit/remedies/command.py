"""The command or code that runs a deployment, with every setting the estimate assumed.

Flags and arguments are those of llama.cpp 0c1e570 (2026, ``common/arg.cpp``), transformers 5.24.0, PEFT 0.21.2 and TRL
1.16.0; ``serve`` has those of the other engines. tests/remedies/flags.yaml records them all.
"""

from __future__ import annotations

from vramfit.workload.optimizers import OPTIMIZER_BY_NAME

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.answer import Answer
    from vramfit.engines.interface import Deployment

SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./-_")
"""Characters a POSIX shell takes literally (``shlex.quote``'s set; shlex imports re)."""

DTYPES = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}
LORA_ALPHA = 8
"""Scale of an adapter in ``LoraConfig`` where none is given; PEFT's LoRA-FA has to be told it again."""


def command(answer: Answer) -> str:
    """Shell lines for engines with a command line, Python for transformers and for fine-tuning."""
    deployment = answer.deployment
    if deployment.workload.task != "inference":
        return _training_code(deployment)
    if deployment.engine == "transformers":
        return _transformers_code(answer)
    if deployment.engine == "llama.cpp":
        return _llama_server(answer)
    from vramfit.remedies.serve import serve

    return serve(answer)


def quote(word: str) -> str:
    """``word`` quoted for a POSIX shell where it needs it."""
    return word if word and SAFE.issuperset(word) else "'" + word.replace("'", "'\"'\"'") + "'"


def line(words: list[str]) -> str:
    """One shell line of ``words``."""
    return " ".join([quote(word) for word in words])


def repository(deployment: Deployment) -> str:
    """The model's Hugging Face repository, or its id where the catalogue knows none."""
    return deployment.model.hf[0] if deployment.model.hf else deployment.model.id


def file_stem(deployment: Deployment) -> str:
    """How a file or checkpoint of this model in this scheme is called, which is to be downloaded or made."""
    return f"{deployment.model.id}-{deployment.scheme.id}"


def projector_file(deployment: Deployment) -> str:
    """How the GGUF of the vision tower and its projector is called."""
    return f"mmproj-{deployment.model.id}-F16.gguf"


def _llama_server(answer: Answer) -> str:
    deployment, used = answer.deployment, answer.estimate.settings
    work, model = deployment.workload, deployment.model
    own: Any = work.own
    words = ["llama-server", "-m", f"{file_stem(deployment)}.gguf"]
    words += ["-c", str(work.context * work.parallel), "-np", str(work.parallel)]
    layers = used.get("gpu_layers", work.gpu_layers)
    words += ["-ngl", str(layers if isinstance(layers, int) else model.layer_count + 1)]
    experts = used.get("cpu_moe_layers", work.cpu_moe_layers)
    if experts:
        words += ["--n-cpu-moe", str(experts if isinstance(experts, int) else model.layer_count)]
    if own.split_mode != "layer":
        words += ["-sm", own.split_mode]
    if own.main_gpu:
        words += ["-mg", str(own.main_gpu)]
    if own.tensor_split is not None:
        words += ["-ts", ",".join([f"{share:g}" for share in own.tensor_split])]
    words += ["-b", str(own.batch), "-ub", str(own.ubatch), "-fa", "on" if work.flash_attention else "off"]
    words += ["-ctk", work.kv_cache_type, "-ctv", work.kv_cache_type_v]
    if own.unified_kv:
        words.append("--kv-unified")
    if own.swa_full:
        words.append("--swa-full")
    if work.images and model.vision is not None:
        words += ["--mmproj", projector_file(deployment)]
    return line(words)


def _transformers_code(answer: Answer) -> str:
    """Python that loads the model where the estimate put it, and answers within the asked context."""
    deployment, used = answer.deployment, answer.estimate.settings
    work = deployment.workload
    where = "device_map='auto'" if len(deployment.gpus) > 1 else "device_map={'': 0}"
    if used.get("gpu_layers", "all") != "all":
        most = max(gpu.weights_bytes for gpu in answer.estimate.gpus)
        limits = [f"{number}: {most}" for number in range(len(deployment.gpus))]
        where = f"device_map='auto', max_memory={{{', '.join(limits)}, 'cpu': {answer.estimate.host.weights_bytes}}}"
    eager = "" if work.flash_attention else ", attn_implementation='eager'"
    parts, loading = _loading(deployment)
    return (
        f"{parts}; model = {_kind(deployment)}.from_pretrained({repository(deployment)!r}, {loading}{eager}, {where})"
        f"; answer = model.generate(**inputs, max_length={work.context})"
    )


def _training_code(deployment: Deployment) -> str:
    """Python that loads, wraps and trains the model with the asked samples, batch and optimizer."""
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
        # The Trainer has no name for LoRA-FA: it is given the optimizer, and makes its usual schedule for it.
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
    """The imports that loading needs, and the arguments that say in which precision."""
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
