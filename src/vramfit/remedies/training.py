"""Fine-tuning in less memory, in the order of what it costs: smaller steps for the same batch, settings that change no
result, another trainer, shorter samples, fewer trained parameters, and states divided over the GPUs there are."""

from __future__ import annotations

from vramfit.remedies import Proposal
from vramfit.remedies.combinations import joined
from vramfit.remedies.models import QLORA, may_train_quickly
from vramfit.training.profile import LEANEST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.remedies import Changes, Question
    from vramfit.workload.training import Training

OPTIMIZERS = (
    ("adamw8bit", "the optimizer's states in 8 bits"),
    ("paged_adamw8bit", "the optimizer's states in 8 bits, paged out to RAM"),
)
OPTIMIZER_TRADE = "hardly any quality (8-bit states match 32-bit ones, arXiv 2110.02861); paging costs a little speed"
REPLACED = ("adamw", "lion", "adamw8bit", "paged_adamw", "ademamix", "ademamix8bit", "adagrad", "rmsprop", "sgd")
"""Optimizers that such a one can stand in for."""
LEAST_SEQUENCE = 512
"""Tokens below which samples are not cut: an instruction and its answer."""


def steps(question: Question) -> Iterator[Proposal]:
    """Settings that do not change the result, then shorter samples, then fewer trained parameters."""
    yield from question.best(_smaller_batch(question))
    yield from question.best(_free(question))
    yield from question.best(_trainer(question))
    yield from question.best(_shorter(question))
    yield from question.best(_adapters(question))
    yield from question.best(_divided(question))


def pairs(question: Question) -> Iterator[Proposal]:
    """Adapters of the least memory, or all free settings together, with smaller steps, where neither is enough."""
    for kind, changes, summary in _halves(question):
        half = question.upon(changes)
        if half is None or half.asked.verdict.word == "fits":
            continue
        found = steps(half)
        if half.improves(half.asked):
            # It fits, but only just: one more setting is enough.
            found = iter([one for one in found if one.answer.verdict.word == "fits"][:1])
        for one in found:
            yield joined(kind, changes, summary, one, 2)


def _halves(question: Question) -> Iterator[tuple[str, Changes, str]]:
    """First halves of combinations, with activations recomputed in each."""
    before = question.asked.deployment
    work, train, gpus = before.workload, before.workload.training, len(before.gpus)
    again: Changes = {} if train.gradient_checkpointing else {"gradient_checkpointing": True}
    smaller: Changes = {"quant": QLORA["quant"]} if work.task == "qlora" and before.scheme.id != QLORA["quant"] else {}
    words = "" if train.gradient_checkpointing else ", recompute activations"
    if gpus > 1 and train.sharding == "none":
        shard, named = question.sharded()
        yield (
            "engine-setting",
            {**shard, **smaller, **again},
            f"divide the states over the {gpus} GPUs with {named}{words}",
        )
    if work.task != "qlora":
        yield "quantize", {**QLORA, **again}, f"train adapters on 4-bit weights (QLoRA){words}"
    elif may_train_quickly(question):
        yield "engine-setting", {**_quick(question), **again}, f"train with Unsloth{words}"
    elif train.optimizer in REPLACED:
        yield (
            "engine-setting",
            {"optimizer": "paged_adamw8bit", **smaller, **again},
            f"page the optimizer's states in 8 bits{words}",
        )


def _smaller_batch(question: Question) -> Iterator[Proposal | None]:
    """Fewer samples per step, whose gradients are summed over more steps, so that the batch stays what it is."""
    train = question.asked.deployment.workload.training
    asked = size = train.micro_batch
    while size > 1:
        size //= 2
        times = -(-asked // size)
        changes: dict[str, object] = {"micro_batch": size}
        if not train.optimizer_in_backward:
            changes["gradient_accumulation"] = train.gradient_accumulation * times
        summary = f"take {size} sample{'s' if size > 1 else ''} per step"
        trade = f"instead of {asked}; accumulate gradients over {times} steps for the same batch"
        yield _changed(question, "fewer-sequences", changes, summary, trade, 1)


def _free(question: Question) -> Iterator[Proposal | None]:
    """Settings that cost little speed and no quality."""
    work = question.asked.deployment.workload
    train = work.training
    if not work.flash_attention:
        trade = "nothing: the same results, faster at long samples"
        changes: Changes = {"flash_attention": "on"}
        yield _changed(question, "engine-setting", changes, "turn flash attention on", trade, 1)
    if not train.gradient_checkpointing:
        trade = "a step takes about a third longer"
        yield _changed(question, "engine-setting", {"gradient_checkpointing": True}, "recompute activations", trade, 1)
    if not train.fused_loss:
        trade = "nothing: the same loss, computed in chunks (Liger or Cut Cross-Entropy must know the architecture)"
        yield _changed(question, "engine-setting", {"fused_loss": True}, "compute the loss in chunks", trade, 1)
    for optimizer, words in OPTIMIZERS:
        if train.optimizer in REPLACED and optimizer != train.optimizer:
            yield _changed(question, "engine-setting", {"optimizer": optimizer}, f"keep {words}", OPTIMIZER_TRADE, 1)
    yield from _together(question, train)


def _together(question: Question, train: Training) -> Iterator[Proposal | None]:
    """A chunked loss and paged states, which save at different moments of a step."""
    if train.fused_loss or train.optimizer not in REPLACED:
        return
    changes: dict[str, object] = {"fused_loss": True, "optimizer": "paged_adamw8bit"}
    if not train.gradient_checkpointing:
        changes["gradient_checkpointing"] = True
    summary = "compute the loss in chunks and page the optimizer's states in 8 bits"
    yield _changed(question, "engine-setting", changes, summary, OPTIMIZER_TRADE, 1)


def _trainer(question: Question) -> Iterator[Proposal | None]:
    if may_train_quickly(question):
        trade = "another program; activations wait in RAM, and only architectures that it knows"
        yield _changed(question, "engine-setting", _quick(question), "train with Unsloth", trade, 2)


def _quick(question: Question) -> Changes:
    """Changes that have Unsloth train: its 4-bit weights are NF4 with quantized scales (unsloth ``models/llama.py``)."""
    deployment = question.asked.deployment
    if deployment.workload.task == "qlora" and deployment.scheme.id != QLORA["quant"]:
        return {"trainer": LEANEST, "quant": QLORA["quant"]}
    return {"trainer": LEANEST}


def _shorter(question: Question) -> Iterator[Proposal | None]:
    asked = question.asked.deployment.workload.training.sequence_length
    tokens = asked
    while tokens >= 2 * LEAST_SEQUENCE:
        tokens //= 2
        summary = f"train on samples of {tokens:,} tokens"
        trade = f"instead of {asked:,}: longer samples are cut"
        yield _changed(question, "shorten-context", {"sequence_length": tokens}, summary, trade, 1, tokens / asked)


def _adapters(question: Question) -> Iterator[Proposal | None]:
    work, scheme = question.asked.deployment.workload, question.asked.deployment.scheme
    if work.task == "full":
        summary = f"train adapters of rank {work.training.lora_rank} instead of all weights (LoRA)"
        yield _changed(question, "engine-setting", {"task": "lora"}, summary, "fewer parameters learn", 2)
    if work.task != "qlora":
        summary = f"train adapters of rank {work.training.lora_rank} on 4-bit weights (QLoRA)"
        yield _changed(question, "quantize", QLORA, summary, "fewer parameters learn, on quantized weights", 2)
    elif scheme.id != QLORA["quant"]:
        summary = "quantize the scales of the 4-bit weights too (double quantization)"
        trade = "nothing that was measured: 0.37 bits per weight less (QLoRA, arXiv 2305.14314)"
        yield _changed(question, "quantize", {"quant": QLORA["quant"]}, summary, trade, 1)


def _divided(question: Question) -> Iterator[Proposal | None]:
    """States divided over the GPUs that the deployment has, and then moved to RAM."""
    gpus = len(question.asked.deployment.gpus)
    if gpus == 1:
        return
    train = question.asked.deployment.workload.training
    trade = "traffic between the GPUs in every step"
    if question.states("zero_stage"):
        for stage in range(train.zero_stage + 1, 4):
            summary = f"divide the states over the {gpus} GPUs with ZeRO stage {stage}"
            yield _changed(question, "engine-setting", {"zero_stage": stage}, summary, trade, 1)
    elif train.sharding == "none":
        for sharding, words in (("zero2", "ZeRO stage 2"), ("zero3", "ZeRO stage 3"), ("fsdp", "FSDP")):
            summary = f"divide the states over the {gpus} GPUs with {words}"
            yield _changed(question, "engine-setting", {"sharding": sharding}, summary, trade, 1)
    if train.sharding in ("zero2", "zero3", "fsdp") and not train.offload_optimizer:
        summary = "keep the optimizer's states in RAM"
        yield _changed(question, "engine-setting", {"offload_optimizer": True}, summary, "slower steps", 2)
    if train.sharding in ("zero3", "fsdp") and not train.offload_parameters:
        summary = "keep parameters and optimizer states in RAM"
        yield _changed(question, "engine-setting", {"offload_parameters": True}, summary, "much slower steps", 2)


def _changed(
    question: Question, kind: str, changes: Changes, summary: str, trade: str, effort: int, kept: float = 1.0
) -> Proposal | None:
    after = question.attempt(changes)
    return None if after is None else Proposal(kind, changes, summary, trade, after, effort, kept)
