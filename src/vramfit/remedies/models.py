"""A smaller model of the same family: to run, or to fine-tune for the task at hand."""

from __future__ import annotations

from vramfit.remedies import Proposal
from vramfit.units import billions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from vramfit.engines.resolve import Catalogue
    from vramfit.remedies import Answer, Try


def propose(asked: Answer, attempt: Try, catalogue: Catalogue) -> Iterator[Proposal]:
    """The largest smaller sibling that fits as asked, and the largest that can be fine-tuned on this hardware."""
    if asked.deployment.workload.task != "inference":
        return
    siblings = smaller_siblings(asked, catalogue)
    before = asked.deployment.model_parameters
    for row in siblings:
        after = attempt({"model": row.id})
        if after is not None and after.reached:
            cost = f"{billions(row.parameters)} parameters instead of {billions(before)}"
            yield Proposal("smaller-model", {"model": row.id}, f"use {row.name}", cost, after)
            break
    for row in siblings:
        changes = {"model": row.id, "engine": "transformers", "quant": "nf4", "task": "qlora"}
        after = attempt(changes)
        if after is not None and after.reached:
            work = after.deployment.workload
            cost = f"training data and time; {work.sequence_length} tokens per sample, rank {work.lora_rank}"
            yield Proposal("finetune-smaller", changes, f"fine-tune {row.name} with QLoRA for your task", cost, after)
            break


def smaller_siblings(asked: Answer, catalogue: Catalogue) -> list[Any]:
    """Rows of smaller models, nearest kin first: the same name at another size, then the family, then the modality.

    Within each, largest first; at most a handful, since each is estimated.
    """
    model = asked.deployment.model
    limit = asked.deployment.model_parameters
    kin: tuple[list[Any], list[Any], list[Any]] = ([], [], [])
    stem = _stem(model.id)
    for row in catalogue.smaller_models(model.modality, limit * 0.9):
        if _stem(row.id) == stem:
            kin[0].append(row)
        elif row.family == model.family:
            kin[1].append(row)
        elif row.released and model.released and row.released >= model.released:
            kin[2].append(row)
    for rows in kin:
        rows.sort(key=lambda row: (-row.parameters, row.id))
    return [*kin[0][:6], *kin[1][:6], *kin[2][:6]]


def _stem(name: str) -> str:
    """An id without its size: ``llava-1.6-13b`` and ``llava-1.6-7b`` share ``llava-1.6``."""
    return "-".join(part for part in name.split("-") if not _is_size(part))


def _is_size(part: str) -> bool:
    digits = part[:-1].replace(".", "", 1).replace("x", "", 1)
    return part[-1:] in ("b", "m") and digits.isdigit()
