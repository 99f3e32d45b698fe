"""Smaller models of a similar kind: to run instead, or to fine-tune for the task at hand."""

from __future__ import annotations

from vramfit.engines import engine, names
from vramfit.engines.workloads import DEFAULT_CONTEXT_TOKENS
from vramfit.remedies import Proposal
from vramfit.units import billions, gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.catalogue.rows import ModelRow
    from vramfit.remedies import Question

MOST_SIBLINGS = 6
"""Number of models considered in each degree of similarity, largest first of those whose weights may fit."""
QLORA_SHARE = 0.27
"""Least share of 16-bit weights that NF4 weights take: 4.13 bits per weight, the rest being embeddings and norms."""


def smaller(question: Question) -> Iterator[Proposal]:
    """Largest smaller sibling that fits as requested; in fine-tuning, the largest that can be tuned likewise."""
    before = question.asked.deployment
    kind = "smaller-model" if before.workload.task == "inference" else "finetune-smaller"
    yield from question.best(
        _replaced(question, kind, row, _instead(question, row)) for row in _siblings(question, 1.0)
    )


def smaller_as(question: Question, scheme: str, word: str) -> Iterator[Proposal]:
    """Largest smaller sibling that fits when stored as ``scheme``, the usual one of the class ``word``."""
    share = {"int8": 0.5, "int4": 0.25}[word] * 2 / _bytes_per_weight(question)
    proposals = (
        _replaced(question, "smaller-model", row, {**_instead(question, row), "quant": scheme})
        for row in _siblings(question, share)
    )
    for found in question.best(proposals):
        yield Proposal(
            found.kind, found.changes, f"{found.summary}, quantized to {scheme}",
            f"{found.trade}; {found.answer.quality[1]}", found.answer, found.effort,
        )  # fmt: skip


def tuned(question: Question) -> Iterator[Proposal]:
    """Largest smaller sibling that can be fine-tuned on this very hardware with QLoRA."""
    tuner = next((one.name for one in map(engine, names()) if "qlora" in one.tasks), None)
    if tuner is None:
        return
    share = QLORA_SHARE * 2 / _bytes_per_weight(question)
    for row in _siblings(question, share):
        changes = {"model": row.id, "engine": tuner, "quant": "nf4", "task": "qlora"}
        after = question.attempt(changes)
        if after is None or not question.improves(after):
            continue
        work = after.deployment.workload.training
        peak = gib(max(gpu.total_bytes for gpu in after.estimate.gpus), 1)
        trade = f"training data and time; {peak} at samples of {work.sequence_length:,} tokens, rank {work.lora_rank}"
        yield Proposal("finetune-smaller", changes, f"fine-tune {row.name} with QLoRA for your task", trade, after, 5)
        return


def _instead(question: Question, row: ModelRow) -> dict[str, object]:
    """Changes that put the model in the asked one's place.

    The context stays as it was where it was not given and the other model's default would be longer.
    """
    context = question.asked.deployment.workload.context
    if row.context is not None and row.context > context != min(DEFAULT_CONTEXT_TOKENS, row.context):
        return {"model": row.id, "context": context}
    return {"model": row.id}


def _replaced(question: Question, kind: str, row: ModelRow, changes: dict[str, object]) -> Proposal | None:
    after = question.attempt(changes)
    if after is None:
        return None
    before = question.asked.deployment
    verb = "use" if kind == "smaller-model" else "fine-tune"
    trade = f"{billions(row.parameters)} parameters instead of {billions(before.model_parameters)}"
    return Proposal(kind, changes, f"{verb} {row.name}", trade, after, 4)


def _may_fit(question: Question, row: ModelRow, share: float) -> bool:
    """Tell whether the weights alone, in proportion to the requested model's, are within what the cards offer."""
    weights = sum([gpu.weights_bytes for gpu in question.asked.estimate.gpus])
    expected = weights * share * row.parameters / question.asked.deployment.model_parameters
    return bool(expected * 0.9 <= sum(question.asked.verdict.usable_bytes))


def _bytes_per_weight(question: Question) -> float:
    return question.asked.estimate.checkpoint_bytes / question.asked.deployment.model_parameters


def _siblings(question: Question, share: float) -> Iterator[ModelRow]:
    """Rows of smaller models, the most similar first: same name at another size, same family, same maker, same
    modality.

    Those whose weights alone may fit count, stored in ``share`` of the requested model's bytes per parameter. Within each
    group the largest comes first; of other families only those count that are not older.
    """

    def largest(rows: list[ModelRow]) -> list[ModelRow]:
        fitting = [row for row in rows if _may_fit(question, row, share)]
        return sorted(fitting, key=lambda row: (-row.parameters, row.id))[:MOST_SIBLINGS]

    model = question.asked.deployment.model
    name = model.id if model.origin is None else "-".join(model.name.lower().split())
    stem, maker = _stem(name), _maker(name)
    nearest = [row for row in _smaller(question, maker) if _stem(row.id) == stem]
    yield from largest(nearest)
    known = {row.id for row in nearest}
    family: list[ModelRow] = []
    same: list[ModelRow] = []
    others: list[ModelRow] = []
    for row in _smaller(question, ""):
        if row.id in known:
            continue
        if row.family == model.family:
            family.append(row)
        elif row.released and model.released and row.released >= model.released:
            (same if _maker(row.id) == maker else others).append(row)
    for rows in (family, same, others):
        yield from largest(rows)


def _smaller(question: Question, beginning: str) -> list[ModelRow]:
    if beginning not in question.smaller:
        model, limit = question.asked.deployment.model, question.asked.deployment.model_parameters * 0.9
        question.smaller[beginning] = question.catalogue.smaller_models(model.modality, limit, beginning)
    return question.smaller[beginning]


def _maker(name: str) -> str:
    """Word that an id begins with, without the version: ``llama`` of ``llama-3.1-8b``, ``qwen`` of ``qwen2.5-32b``."""
    return name.split("-", 1)[0].rstrip("0123456789.")


def _stem(name: str) -> str:
    """Id without its size: ``llava-1.6-13b`` and ``llava-1.6-7b`` share ``llava-1.6``."""
    return "-".join(part for part in name.split("-") if not _is_size(part))


def _is_size(part: str) -> bool:
    digits = part[:-1].replace(".", "", 1).replace("x", "", 1)
    return part[-1:] in ("b", "m") and digits.isdecimal()
