"""Training scripts in Python: transformers' Trainer, TRL's trainers and Unsloth, by the calls that a script makes.

Defaults are those of transformers 5.24.0 ``training_args.py``, trl 1.16.0 (``trainer/*_config.py``), peft 0.21.2
(``tuners/lora/config.py``) and unsloth 2026.10.9 (``models/loader.py``, ``models/llama.py``).
"""

from __future__ import annotations

from vramfit.errors import CannotTell, UsageError
from vramfit.launch import Program
from vramfit.launch.code import Call, is_unknown, options
from vramfit.launch.read import values
from vramfit.launch.words import Process
from vramfit.training.commands.common import neutral_names, of_trainer, packed, targets, truth
from vramfit.training.commands.names import TRANSFORMERS, TRL
from vramfit.training.commands.numbers import counted
from vramfit.training.commands.trl import COLOCATED, FLAGS, LENGTHS, UNMODELLED
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

CONFIGS = {
    "transformers.TrainingArguments": "output_dir", "transformers.Seq2SeqTrainingArguments": "output_dir",
    "trl.SFTConfig": "output_dir", "trl.DPOConfig": "output_dir", "trl.GRPOConfig": "output_dir",
    "unsloth.UnslothTrainingArguments": "output_dir", "transformers.training_args.TrainingArguments": "output_dir",
}  # fmt: skip
"""Classes of a trainer's settings, with the name of their first argument."""
PARSERS = ("HfArgumentParser", "TrlParser")
"""Classes that fill settings from the words behind the script."""
TRAINERS = {
    "Trainer": ("transformers", "sft"), "Seq2SeqTrainer": ("transformers", "sft"), "SFTTrainer": ("trl", "sft"),
    "DPOTrainer": ("trl", "dpo"), "GRPOTrainer": ("trl", "grpo"), "UnslothTrainer": ("trl", "sft"),
}  # fmt: skip
"""Trainer and objective by the class that trains."""
OTHERS = ("PPOTrainer", "PPOv2Trainer", "ORPOTrainer", "KTOTrainer", "CPOTrainer", "RewardTrainer", "RLOOTrainer",
          "GKDTrainer", "OnlineDPOTrainer", "XPOTrainer", "NashMDTrainer", "PRMTrainer", "BCOTrainer")  # fmt: skip
UNSLOTH = ("FastLanguageModel", "FastVisionModel", "FastModel")
SEEING = ("FastVisionModel", "AutoModelForImageTextToText", "AutoModelForVision2Seq")
"""Classes of models that take images."""
LORA_RANK = {"LoraConfig": 8, "get_peft_model": 16}


def _words(stated: Mapping[str, Any]) -> list[str]:
    """Words of a trainer's settings, each with its value behind ``=``."""
    import json

    found = []
    for name, value in stated.items():
        if isinstance(value, bool):
            found.append(f"--{name}={str(value).lower()}")
        elif isinstance(value, dict | list | tuple):
            found.append(f"--{name}={json.dumps(value, default=str)}")
        elif value is not None:
            found.append(f"--{name}={value}")
    return found


SETTINGS = Program(
    ("TrainingArguments",),
    FLAGS,
    neutral=neutral_names(TRL, TRANSFORMERS, known=FLAGS, unmodelled=UNMODELLED),
    unmodelled={f"--{name}": -1 for name in UNMODELLED},
    calls=CONFIGS,
    call_words=_words,
)


def is_loader(call: Call) -> bool:
    """True for a call that loads a model: of transformers' classes, or of Unsloth's."""
    kind = call.name.split(".")[-2] if call.name.count(".") else ""
    return call.last == "from_pretrained" and (
        kind in UNSLOTH or kind.startswith(("AutoModel", "AutoPeftModel")) or "For" in kind[1:]
    )


def first(given: Iterable[Call], *names: str) -> Call | None:
    """First call of one of the names; None if there is none."""
    return next((one for one in given if one.last in names), None)


def read(given: Process) -> dict[str, object] | None:
    """Deployment keys of a script that trains; None for one that does not.

    Raises ``CannotTell`` for a trainer that is not modelled, ``UsageError`` for a script that does not state its model.
    """
    found = given.calls
    other = first(found, *OTHERS)
    if other is not None:
        raise CannotTell(
            f"{other.last} is not modelled yet", "the nearest answer: --trainer trl --objective dpo or grpo"
        )
    trainer = first(found, *TRAINERS)
    if trainer is None:
        return None
    name, objective = TRAINERS[trainer.last]
    load = next((one for one in found if is_loader(one)), None)
    unsloth = load is not None and load.name.split(".")[-2] in UNSLOTH
    stated = _settings(given, found)
    keys: dict[str, object] = {"trainer": "unsloth" if unsloth else name, "objective": objective, **of_trainer(stated)}
    keys.setdefault("gradient_accumulation", 1)
    keys["model"] = _model(trainer, load, stated)
    keys.update(_length(found, trainer, load, stated, objective))
    keys.update(_checkpointing(found, trainer, load, stated))
    keys.update(_trained(found, trainer, load, stated, unsloth))
    keys.update(_sampled(load, stated, objective))
    if "generations" in stated:
        keys["generations"] = stated["generations"]
    if stated.get("attention") == "eager" or (load is not None and load.value("attn_implementation") == "eager"):
        keys["flash_attention"] = "off"
    if first(found, "create_lorafa_optimizer") is not None:
        keys["optimizer"] = "lora_fa"
    return {**keys, **_images(found, load)}


def _settings(given: Process, found: tuple[Call, ...]) -> dict[str, Any]:
    """Values of the trainer's settings: of the class that has them, and of the words behind the script."""
    stated = values(SETTINGS, given)
    if stated is None and first(found, *PARSERS) is not None:
        words = _words(options(given.words[1:]))
        stated = values(SETTINGS, Process({}, (*SETTINGS.words, *words)))
    return stated or {}


def _model(trainer: Call, load: Call | None, stated: Mapping[str, Any]) -> object:
    """Repository or folder of the model; raises ``UsageError`` where the script does not state it."""
    if load is not None:
        named = (load.value("pretrained_model_name_or_path", 0), load.value("model_name"))
    else:
        named = (trainer.value("model", 0), stated.get("model"))
    name = next((one for one in named if isinstance(one, str)), None)
    if is_unknown(name):
        shown = name.unset[0]  # type: ignore[union-attr]
        raise UsageError(f"the script takes its model from {shown}, which it does not state", "give -m MODEL")
    if not isinstance(name, str):
        raise UsageError("the script does not state the model that it trains", "give -m MODEL")
    return str(name)


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _length(
    found: tuple[Call, ...], trainer: Call, load: Call | None, stated: Mapping[str, Any], objective: str
) -> dict[str, object]:
    """Length of the samples: of the settings, the trainer, Unsloth's loader, a comment of ours, or the tokenizer's."""
    if objective == "grpo":
        if "completion" in stated or "prompt" in stated:
            length = counted(stated, "completion", LENGTHS["grpo"]) + counted(stated, "prompt", 0)
            return {"sequence_length": length}
        return {"sequence_length": LENGTHS["grpo"]}
    written = _samples(found)
    cut = next((one for one in found if "truncation" in one.keywords and "max_length" in one.keywords), None)
    named = [
        stated.get("sequence_length"), trainer.value("max_seq_length"), trainer.value("max_length"), written[:1],
        None if load is None else load.value("max_seq_length"), None if cut is None else cut.value("max_length"),
    ]  # fmt: skip
    for value in named:
        one = value[0] if isinstance(value, list) and value else value
        if isinstance(one, str) and whole(one) is not None:
            return {"sequence_length": whole(one)}
        if _number(one):
            return {"sequence_length": one}
    return {"sequence_length": LENGTHS[objective]} if trainer.last.startswith(("SFT", "DPO")) else {}


def _samples(found: Iterable[Call]) -> list[str]:
    """Numbers in a comment ``samples of 2048 tokens with 2 images of 640x480 pixels``; none without one."""
    for one in found:
        words = str(one.value("text")).split() if one.name == "#" else []
        if words[:2] == ["samples", "of"] and words[3:4] == ["tokens"]:
            return [
                words[2],
                *([words[5]] if words[4:5] == ["with"] else ["0"]),
                *[word for word in words if "x" in word],
            ]
    return []


def _images(found: tuple[Call, ...], load: Call | None) -> dict[str, object]:
    """Images of a sample, and their size, where a comment of ours states them."""
    written = _samples(found)
    if load is None or load.name.split(".")[-2] not in SEEING or not written:
        return {}
    size = [word for word in written[2:] if word.replace("x", "").isdecimal()]
    return {"images": written[1], **({"image_size": size[0]} if size else {})}


def _checkpointing(
    found: tuple[Call, ...], trainer: Call, load: Call | None, stated: Mapping[str, Any]
) -> dict[str, object]:
    """Value of ``gradient_checkpointing``: a setting, a call on the model, or what prepares 4-bit weights."""
    fast = next((one for one in found if one.last == "get_peft_model" and one.name.split(".")[-2:-1] != ["peft"]), None)
    for one in (fast, load):
        if one is not None and "use_gradient_checkpointing" in one.keywords:
            return {"gradient_checkpointing": bool(one.value("use_gradient_checkpointing"))}
    prepared = first(found, "prepare_model_for_kbit_training")
    if prepared is not None and prepared.value("use_gradient_checkpointing", 1) is not False:
        return {"gradient_checkpointing": True}
    if first(found, "gradient_checkpointing_enable") is not None:
        return {"gradient_checkpointing": True}
    if "gradient_checkpointing" in stated:
        return {"gradient_checkpointing": stated["gradient_checkpointing"]}
    if is_unknown(trainer.value("args")):
        return {"gradient_checkpointing": False}  # what the script does not state is not taken to save memory
    settings = first(found, *[name.rpartition(".")[2] for name in CONFIGS])
    plain = TRAINERS[trainer.last][0] == "transformers" or (settings is not None and "Training" in settings.last)
    return {"gradient_checkpointing": not plain}


def _trained(
    found: tuple[Call, ...], trainer: Call, load: Call | None, stated: Mapping[str, Any], unsloth: bool
) -> dict[str, object]:
    """Task, scheme of the weights, and adapters."""
    given = trainer.value("peft_config")
    adapter = given if isinstance(given, Call) else first(found, "LoraConfig")
    if unsloth:
        adapter = next((one for one in found if one.last == "get_peft_model"), adapter)
    quant = weights(load, unsloth)
    kind = "" if load is None else str(load.value("dtype") or load.value("torch_dtype") or "")
    if adapter is None:
        if quant is not None:
            raise UsageError(
                "the script trains quantized weights without adapters", "state a LoraConfig, or load 16 bits"
            )
        wide = kind.endswith("float32") or (load is None and "dtype" not in str(stated.get("model_init_kwargs", "")))
        mixed = wide or (load is not None and load.value("float32_mixed_precision") is True)
        return {"task": "full", **({"mixed_precision": True} if mixed else {})}
    keys: dict[str, object] = {"task": "lora" if quant is None else "qlora"}
    if quant is not None:
        keys["quant"] = quant
    elif load is not None and packed(load.value("pretrained_model_name_or_path", 0)):
        keys.update({"task": "qlora", "quant": packed(load.value("pretrained_model_name_or_path", 0))})
    elif first(found, "prepare_model_for_kbit_training") is not None:
        keys["task"] = "qlora"
    rank = _number(adapter.value("r"))
    keys["lora_rank"] = LORA_RANK.get(adapter.last, 8) if rank is None else rank
    dropout = adapter.value("lora_dropout")
    keys["lora_dropout"] = dropout if isinstance(dropout, int | float) else 0
    named = adapter.value("target_modules")
    usual: object = "all-linear" if adapter.last == "get_peft_model" else ["q_proj", "v_proj"]
    listed = usual if named is None or is_unknown(named) else named
    names = [str(one) for one in (listed if isinstance(listed, list | tuple) else [listed])]
    keys["lora_targets"] = targets([one for one in names if one not in ("embed_tokens", "lm_head")])
    saved = adapter.value("modules_to_save")
    if any(word in str((saved, names)) for word in ("embed_tokens", "lm_head")):
        keys["save_modules"] = "embeddings"
    if adapter.value("use_dora") is True:
        keys["dora"] = True
    return keys


def weights(load: Call | None, unsloth: bool = False) -> str | None:
    """Scheme that bitsandbytes quantizes to while a model is loaded; None for weights as they are stored."""
    if load is None:
        return None
    config = load.value("quantization_config")
    stated = config.keywords if isinstance(config, Call) else load.keywords
    if stated.get("load_in_8bit") is True:
        return "int8"
    whole = load.value("full_finetuning") is True
    four = stated.get("load_in_4bit", unsloth and not whole and "load_in_8bit" not in stated)
    if four is not True:
        return None
    if unsloth and not isinstance(config, Call):
        return "nf4"
    kind = str(stated.get("bnb_4bit_quant_type", "fp4"))
    return kind if stated.get("bnb_4bit_use_double_quant") is True else f"{kind}-single"


def _sampled(load: Call | None, stated: Mapping[str, Any], objective: str) -> dict[str, object]:
    """Share and sleep of a vLLM that samples in the same processes."""
    if objective != "grpo" or not stated.get("use_vllm") or stated.get("vllm_mode", "colocate") != "colocate":
        return {}
    share = stated.get("vllm_gpu_memory_utilization")
    if share is None and load is not None:
        share = load.value("gpu_memory_utilization")
    standby = load is not None and load.value("unsloth_vllm_standby") is True
    sleeps = standby or truth(str(stated.get("vllm_enable_sleep_mode", False)))
    return {"vllm_gpu_memory_utilization": share or COLOCATED, **({"vllm_sleep_mode": True} if sleeps else {})}
