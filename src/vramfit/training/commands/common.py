"""Settings that several trainers share: Trainer's arguments, targets of adapters, DeepSpeed, FSDP."""

from __future__ import annotations

from vramfit.errors import CannotTell, UsageError
from vramfit.launch import OPTIONAL, WORDS, Flag

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

QUERY_VALUE = ("q", "v")
WITHIN = {"qv": set(QUERY_VALUE), "attention": {"q", "k", "v", "o"}, "mlp": {"gate", "up", "down"},
          "all": {"q", "k", "v", "o", "gate", "up", "down"}}  # fmt: skip
"""Kinds of matrices that a value of ``lora_targets`` means."""
MATRICES = {
    "q_proj": "q", "wq": "q", "k_proj": "k", "wk": "k", "v_proj": "v", "wv": "v", "o_proj": "o", "wo": "o", "dense": "o",
    "out_proj": "o", "output_proj": "o", "gate_proj": "gate", "w1": "gate", "up_proj": "up", "w3": "up", "fc1": "up",
    "dense_h_to_4h": "up", "down_proj": "down", "w2": "down", "fc2": "down", "dense_4h_to_h": "down",
    "gate_up_proj": "up", "qkv_proj": "v", "query_key_value": "v", "c_attn": "v", "W_pack": "v", "Wqkv": "v",
}  # fmt: skip
"""Kind of a matrix by its name in transformers; one that has several parts has the last of them. Those of no name here
(``c_proj`` means two) count as every kind."""
EVERY = ("all", "all-linear", "linear")
SCALED = {"true": True, "false": False}


def truth(text: str) -> bool:
    """Truth of a text; raises ``UsageError`` for any other."""
    word = str(text).strip().lower()
    if word in ("true", "1", "yes", "on"):
        return True
    if word in ("false", "0", "no", "off", "none", "null"):
        return False
    raise UsageError(f'"{text}" is neither true nor false', "write true or false")


def structure(text: object) -> dict[str, Any]:
    """Mapping in a text of JSON; empty for any other text and for none."""
    import json

    try:
        found = json.loads(str(text))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def listed(text: object) -> tuple[str, ...]:
    """Words of a list: of JSON or a list of Python, or with commas between."""
    return tuple([word.strip(" '\"[]()") for word in str(text).split(",") if word.strip(" '\"[]()")])


def targets(names: Iterable[str]) -> str:
    """Value of ``lora_targets`` that has all matrices of these names, the one with fewest."""
    words = [name.rpartition(".")[2] for name in names]
    if not words or any(word in EVERY for word in words):
        return "all"
    kinds = {MATRICES.get(word) for word in words}
    return next((value for value, inside in WITHIN.items() if kinds <= inside), "all")


def packed(name: object) -> str | None:
    """Scheme of a repository whose name tells that its weights are packed in 4 or 8 bits; None for any other name.

    Such weights are loaded as they are stored, whatever is asked to quantize to (llamafactory 0.9.5
    ``model/model_utils/quantization.py``).
    """
    text = str(name).lower().replace("_", "-")
    if "gptq" in text:
        return "gptq-int8" if any(word in text for word in ("int8", "8bit", "8-bit")) else "gptq-int4"
    return "awq" if "awq" in text else None


def deepspeed(stated: object) -> dict[str, object]:
    """Keys of a configuration of DeepSpeed: its contents, or the name of a file that is not at hand.

    Raises ``UsageError`` for a name that says no stage.
    """
    found = structure(stated)
    if found:
        zero = found.get("zero_optimization") or {}
        stage = str(zero.get("stage", 0))
        keys: dict[str, object] = {"sharding": "none" if stage == "0" else f"zero{stage}"}
        for name, key in (("offload_optimizer", "offload_optimizer"), ("offload_param", "offload_parameters")):
            if (zero.get(name) or {}).get("device", "none") != "none":
                keys[key] = True
        return _implied(keys)
    name = str(stated).lower().rpartition("/")[2].replace("-", "").replace("_", "")
    stage = next((digit for digit in "123" for word in ("zero", "z", "stage") if word + digit in name), "")
    if not stage:
        raise UsageError(f"{stated} is not at hand, and its name says no stage of ZeRO", "run it where the file is")
    keys = {"sharding": f"zero{stage}"}
    if "offload" in name:
        keys["offload_optimizer"] = True
        if stage == "3":
            keys["offload_parameters"] = True
    return _implied(keys)


def _implied(keys: dict[str, object]) -> dict[str, object]:
    """The keys without the optimizer's offload where parameters in RAM imply it."""
    if keys.get("offload_parameters"):
        keys.pop("offload_optimizer", None)
    return keys


def fsdp(stated: object, settings: object = None) -> dict[str, object]:
    """Keys of FSDP's settings: its words (``full_shard auto_wrap offload``) and its configuration.

    Raises ``CannotTell`` for a strategy that does not divide the weights.
    """
    words = str(stated).lower().replace(",", " ").replace('"', " ").strip("[] ").split()
    if "shard_grad_op" in words or "no_shard" in words or "hybrid_shard" in words:
        raise CannotTell(f"FSDP's {words[0]} is not modelled", "use full_shard, or --sharding zero2")
    inside = structure(settings)
    offload = inside.get("offload_params", inside.get("fsdp_offload_params", False))
    if "offload" in words or (offload and truth(str(offload))):
        return {"sharding": "fsdp", "offload_parameters": True}
    return {"sharding": "fsdp"}


def flag(name: str, key: str = "", **more: Any) -> Flag:
    """Flag of a setting whose key is its name unless another is given."""
    return Flag(f"--{name}", key or name, **more)


def switch(name: str, key: str = "", **more: Any) -> Flag:
    """Flag of a setting that is true or false, and true without a word behind it."""
    return Flag(f"--{name}", key or name, kind=OPTIONAL, on="true", read=truth, **more)


def several(name: str, key: str = "", **more: Any) -> Flag:
    """Flag of a setting with several words."""
    return Flag(f"--{name}", key or name, kind=WORDS, **more)


TRAINER = (
    flag("per_device_train_batch_size", "micro_batch", also=("--per_gpu_train_batch_size",)),
    flag("gradient_accumulation_steps", "gradient_accumulation"),
    switch("gradient_checkpointing"),
    flag("optim", "optimizer"),
    switch("use_liger_kernel", "fused_loss", also=("--use_liger",)),
    flag("deepspeed", "zero"),
    several("fsdp", "fsdp_words"),
    flag("fsdp_config"),
    switch("bf16"),
    switch("fp16"),
)
"""Arguments of transformers' Trainer that mean something for the memory."""
BATCH = "8"
"""Samples of a step where none are stated (transformers 5.24.0 ``training_args.py``)."""


def of_trainer(stated: dict[str, Any]) -> dict[str, object]:
    """Deployment keys of the arguments of transformers' Trainer."""
    names = ("micro_batch", "gradient_accumulation", "gradient_checkpointing", "optimizer", "fused_loss")
    keys: dict[str, object] = {"micro_batch": BATCH, **{name: stated[name] for name in names if name in stated}}
    if stated.get("zero"):
        keys.update(deepspeed(stated["zero"]))
    elif stated.get("fsdp_words"):
        keys.update(fsdp(stated["fsdp_words"], stated.get("fsdp_config")))
    return keys


def neutral_names(*texts: str, known: Iterable[Flag], unmodelled: Iterable[str]) -> dict[str, int]:
    """Table of settings that mean nothing for the memory, each with any number of words, without those of other tables."""
    taken = {name for one in known for name in (one.flag, *one.also)} | {f"--{name}" for name in unmodelled}
    return {f"--{name}": -1 for text in texts for name in text.split() if f"--{name}" not in taken}
