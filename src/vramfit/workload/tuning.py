"""Keys of fine-tuning that mean nothing to inference: a check of what is not trained never loads them."""

from __future__ import annotations

from vramfit._record import replace
from vramfit.errors import UsageError
from vramfit.workload.keys import Form, Group, Key
from vramfit.workload.training import GROUPS as TRAINING
from vramfit.workload.training import TITLE, Training

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.workload.keys import Request

TRAINERS = ("transformers", "trl", "unsloth", "axolotl", "llama-factory", "torchtune", "litgpt", "qwen")
"""Programs that train, each with a profile in ``vramfit.training.trainers``."""
OBJECTIVES = ("sft", "dpo", "grpo")
TARGETS = ("qv", "attention", "mlp", "all")
SHARDINGS = ("none", "zero1", "zero2", "zero3", "fsdp")

_TRAINER_WORDS = {"hf": "transformers", "peft": "transformers", "trainer": "transformers", "huggingface": "transformers",
                  "llamafactory": "llama-factory", "sfttrainer": "trl"}  # fmt: skip
_SHARDING_WORDS = {"ddp": "none", "no": "none", "0": "none", "1": "zero1", "2": "zero2", "3": "zero3", "zero-1": "zero1",
                   "zero-2": "zero2", "zero-3": "zero3", "fsdp1": "fsdp", "fsdp2": "fsdp", "full_shard": "fsdp"}  # fmt: skip


def _trainer_name(spelling: str) -> str:
    word = spelling.strip().lower().replace("_", "-").replace(" ", "-")
    return _TRAINER_WORDS.get(word.replace("-", ""), _TRAINER_WORDS.get(word, word))


def _sharding_name(spelling: str) -> str:
    word = spelling.strip().lower()
    plain = "".join([letter for letter in word.replace("stage", "") if letter.isalnum()])
    return _SHARDING_WORDS.get(word) or (plain if plain in SHARDINGS else word)


_PROJECTIONS = {"q": "attention", "k": "attention", "v": "attention", "o": "attention",
                "gate": "mlp", "up": "mlp", "down": "mlp"}  # fmt: skip
"""Block that a linear layer of Llama's names (``q_proj``) belongs to."""


def _targets_name(spelling: str) -> str:
    """Group of layers by its name, PEFT's ``all-linear``, or a list of a group's layers: ``q_proj,v_proj``."""
    word = spelling.strip().lower().replace("_", "-")
    layers = {one.strip("'\"[] ").removesuffix("-proj") for one in word.replace(" ", ",").split(",")} - {""}
    if layers == {"q", "v"}:
        return "qv"
    for group in ("attention", "mlp", "all"):
        if layers == {layer for layer, block in _PROJECTIONS.items() if group in (block, "all")}:
            return group
    return "all" if word in ("all-linear", "linear") else word


KEYS = (
    Key(
        "trainer", "choice", "fine-tuning: the program that trains", choices=TRAINERS, default="transformers",
        read=_trainer_name,
    ),
    Key("objective", "choice", "fine-tuning: what is learned", choices=OBJECTIVES, default="sft", read=str.lower),
    Key(
        "lora_targets", "choice", "fine-tuning: linear layers with adapters", choices=TARGETS, default="all",
        read=_targets_name,
    ),
    Key("dora", "flag", "fine-tuning: adapters with trained magnitudes (DoRA)", default=False),
    Key("lora_dropout", "number", "fine-tuning: dropout before the adapters", minimum=0, maximum=1, default=0.0),
    Key(
        "save_modules", "choice", "fine-tuning: whole matrices trained beside the adapters", choices=("embeddings",),
        default_text="none",
    ),
    Key(
        "gradient_accumulation", "count", "fine-tuning: steps whose gradients are summed", maximum=2**16, default=1,
    ),
    Key("optimizer_in_backward", "flag", "fine-tuning: update weights during the backward pass", default=False),
    Key("fused_loss", "flag", "fine-tuning: loss without all logits (Liger, Cut Cross-Entropy)", default=False),
    Key("mixed_precision", "flag", "fine-tuning: fp32 weights under 16-bit autocast", default=False),
    Key(
        "sharding", "choice", "fine-tuning: how GPUs divide the states", choices=SHARDINGS, default="none",
        read=_sharding_name,
    ),
    Key("offload_optimizer", "flag", "fine-tuning: optimizer states in host memory", default=False),
    Key("offload_parameters", "flag", "fine-tuning: parameters in host memory", default=False),
    Key("generations", "count", "fine-tuning: answers to a prompt (grpo)", maximum=2**12, default=8),
    Key(
        "vllm_gpu_memory_utilization", "number", "fine-tuning: share of each GPU for a vLLM beside grpo", minimum=0.01,
        maximum=1, default_text="none: the trainer's own model answers",
    ),
    Key("vllm_sleep_mode", "flag", "fine-tuning: that vLLM gives its memory back while a step runs", default=False),
)  # fmt: skip

GROUPS = (Group(KEYS, 71, TITLE),)
NAMES = tuple([key.name for key in KEYS])
FORM = Form(Training, (*TRAINING, *GROUPS))


def training(request: Request, defaults: Mapping[str, object]) -> Training:
    """Values of all keys of fine-tuning, from a request, else from a trainer's own ``defaults``, else the keys'.

    ``zero_stage`` is an old spelling of ``sharding``, in which 0 leaves it to ``sharding``. Raises ``UsageError`` if both
    are stated and differ.
    """
    found = FORM.fill(request, **defaults)
    if found.gradient_accumulation > 1 and request.get("optimizer_in_backward") is None:
        found = replace(found, optimizer_in_backward=False)  # a trainer's own default that the request rules out
    stage, sharding = request.get("zero_stage"), request.get("sharding")
    if stage or (stage is not None and sharding is None):
        named = f"zero{stage}" if stage else "none"
        if sharding is not None and sharding != named:
            raise UsageError(
                f"zero_stage {stage} and sharding {sharding} contradict each other", "leave zero_stage out"
            )
        return replace(found, sharding=named)
    number = found.sharding.removeprefix("zero")
    return replace(found, zero_stage=int(number) if number.isdecimal() else 0)
