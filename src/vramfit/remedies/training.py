"""Fine-tuning in less memory: first by what a step keeps beside the weights, then by adapters instead of the
weights."""

from __future__ import annotations

from vramfit.remedies import Proposal
from vramfit.remedies.combinations import joined

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.remedies import Changes, Question

OPTIMIZERS = (
    ("adamw8bit", "the optimizer's states in 8 bits"),
    ("paged_adamw8bit", "the optimizer's states in 8 bits, paged out to RAM"),
)
OPTIMIZER_TRADE = "hardly any quality (8-bit states match 32-bit ones, arXiv 2110.02861); paging costs a little speed"
LEAST_SEQUENCE = 256


def steps(question: Question) -> Iterator[Proposal]:
    """Settings that do not change the result, then smaller steps, then fewer trained parameters."""
    yield from question.best(_free(question))
    yield from question.best(_smaller_batch(question))
    yield from question.best(_shorter(question))
    yield from question.best(_adapters(question))


def pairs(question: Question) -> Iterator[Proposal]:
    """Adapters of the least memory together with smaller steps, where neither is enough."""
    if question.asked.deployment.workload.task == "qlora":
        halves: tuple[tuple[str, Changes, str], ...] = (
            ("engine-setting", {"optimizer": "paged_adamw8bit"}, "page the optimizer's states in 8 bits"),
        )
    else:
        halves = (("quantize", {"task": "qlora", "quant": "nf4"}, "train adapters on 4-bit weights (QLoRA)"),)
    for kind, changes, summary in halves:
        half = question.upon(changes)
        if half is None or half.improves(half.asked):
            continue
        for found in steps(half):
            yield joined(kind, changes, summary, found, 2)


def _free(question: Question) -> Iterator[Proposal | None]:
    work = question.asked.deployment.workload.training
    task = question.asked.deployment.workload.task
    if not work.gradient_checkpointing:
        trade = "a step takes about a third longer"
        yield _changed(question, "engine-setting", {"gradient_checkpointing": True}, "recompute activations", trade, 1)
    for optimizer, words in OPTIMIZERS:
        if work.optimizer in ("adamw", "lion", "adamw8bit") and optimizer != work.optimizer:
            yield _changed(question, "engine-setting", {"optimizer": optimizer}, f"keep {words}", OPTIMIZER_TRADE, 1)
    gpus = len(question.asked.deployment.gpus)
    if gpus > 1 and task == "full" and work.zero_stage < 3:
        for stage in range(work.zero_stage + 1, 4):
            summary = f"divide the states over the {gpus} GPUs with ZeRO stage {stage}"
            yield _changed(question, "engine-setting", {"zero_stage": stage}, summary, "traffic between the GPUs", 1)


def _smaller_batch(question: Question) -> Iterator[Proposal | None]:
    asked = question.asked.deployment.workload.training.micro_batch
    size = asked
    while size > 1:
        size //= 2
        summary = f"take {size} sample{'s' if size > 1 else ''} per step"
        trade = f"instead of {asked}; accumulate gradients over {-(-asked // size)} steps for the same batch"
        yield _changed(question, "fewer-sequences", {"micro_batch": size}, summary, trade, 1)


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
    if work.task in ("full", "lora") or (work.task == "qlora" and scheme.id != "nf4"):
        summary = f"train adapters of rank {work.training.lora_rank} on 4-bit weights (QLoRA)"
        changes = {"task": "qlora", "quant": "nf4"}
        yield _changed(question, "quantize", changes, summary, "fewer parameters learn, on quantized weights", 2)


def _changed(
    question: Question, kind: str, changes: Changes, summary: str, trade: str, effort: int, kept: float = 1.0
) -> Proposal | None:
    after = question.attempt(changes)
    return None if after is None else Proposal(kind, changes, summary, trade, after, effort, kept)
