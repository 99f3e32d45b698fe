"""Settings of the same devices: memory that others hold, and another division of the model."""

from __future__ import annotations

from vramfit.engines import engine
from vramfit.remedies import Proposal
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.remedies import Question


def rearranged(question: Question) -> Iterator[Proposal]:
    """Yield the changes that cost no quality on the same devices, each if it suffices."""
    yield from question.best(_divided(question))
    yield from question.best([_freed(question)])


def _divided(question: Question) -> Iterator[Proposal | None]:
    """Another division of the model over several GPUs, where all together have room or hold parts several times."""
    asked = question.asked
    if len(asked.deployment.gpus) == 1:
        return
    room = sum(asked.verdict.usable_bytes) - asked.required_bytes
    if not engine(asked.deployment.engine).repeats_parts and (room < 0 or asked.verdict.headroom_bytes >= room):
        return
    for setting in engine(asked.deployment.engine).divisions(
        asked.deployment, asked.estimate, asked.verdict.usable_bytes
    ):
        after = question.attempt(setting.changes)
        if after is not None:
            yield Proposal("engine-setting", setting.changes, setting.summary, setting.trade, after, setting.effort)


def _freed(question: Question) -> Proposal | None:
    """The memory that a desktop holds of a card that has its own."""
    deployment = question.asked.deployment
    reserve = deployment.workload.reserve_bytes
    if not reserve or any(gpu.unified for gpu in deployment.gpus):
        return None
    after = question.attempt({"reserve": 0})
    if after is None:
        return None
    summary = f"free the {gib(reserve)} that others hold: drive the desktop with an integrated GPU"
    trade = "the monitor's cable on the mainboard, or a machine without a desktop"
    return Proposal("engine-setting", {"reserve": 0}, summary, trade, after, 2)
