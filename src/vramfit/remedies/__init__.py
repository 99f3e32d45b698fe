"""What would make it fit: changed deployments, each put through the estimator again.

A proposer looks at the answer that failed and yields changes in deployment keys; ``find`` resolves and estimates
each and keeps those that reach the asked level. No remedy carries a number that did not come out of that.
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.engines import engine
from vramfit.engines.resolve import resolve
from vramfit.errors import VramfitError
from vramfit.quantization.quality import quality
from vramfit.remedies.answer import Answer, answer
from vramfit.remedies.command import command

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any

    from vramfit.engines.resolve import Catalogue

    Try = Callable[[Mapping[str, Any]], Answer | None]
    """Puts changes on the asked deployment and answers it; None when the change means nothing here."""

__all__ = ["Answer", "Proposal", "Remedy", "answer", "find"]

PROPOSERS = ("precision", "placement", "hardware", "models")
"""Modules of this room in the order their remedies are offered: free before paid, same model before another."""


DEFAULTED = ("context", "images", "kv_cache_type", "kv_cache_type_v", "batch", "ubatch", "flash_attention", "platform")
"""Keys whose default depends on the GPU, model or engine: a remedy that moves one says so among its changes."""

DECIDED = (
    "tensor_parallel", "pipeline_parallel", "max_batched_tokens", "gpu_memory_utilization",
    "backend", "split_mode", "main_gpu",
)  # fmt: skip
"""Keys an engine decides by the GPUs: the same holds for them."""


@record
class Proposal:
    """A change that was tried and found to reach the level."""

    kind: str
    """One of the contract's remedy kinds."""
    changes: Mapping[str, Any]
    """Deployment keys to put on the asked deployment, as typed on the command line."""
    summary: str
    """One line in words."""
    cost: str
    """What it trades: quality, speed, money, effort."""
    answer: Answer


@record
class Remedy:
    """A proposal with what a report says of it."""

    proposal: Proposal
    quality_label: str
    command: str
    """The command or code that runs it, with the settings the estimate assumed."""


def find(request: Mapping[str, Any], asked: Answer, catalogue: Catalogue) -> tuple[Remedy, ...]:
    """Every remedy for an answer that does not fit comfortably; none for one that does."""
    if asked.verdict.word == "fits" or not asked.deployment.model.layers:
        return ()
    before = asked.deployment
    fixed = {**request, "quant": before.scheme.id, "engine": before.engine}
    held = {
        key: getattr(before.workload, key) for key in getattr(engine(before.engine), "HELD", ()) if key not in request
    }
    fixed |= held

    def attempt(changes: Mapping[str, Any]) -> Answer | None:
        try:
            found = answer(resolve({**fixed, **_typed(changes)}, catalogue)[0])
        except VramfitError:
            return None
        return found

    remedies = []
    for name in PROPOSERS:
        module = __import__(f"vramfit.remedies.{name}", fromlist=["propose"])
        propose: Callable[[Answer, Try, Catalogue], Iterator[Proposal]] = module.propose
        for proposal in propose(asked, attempt, catalogue):
            after = proposal.answer.deployment
            label, _ = quality(after.scheme.id, after.model_parameters)
            changes = {**({} if "quant" in request else {"quant": after.scheme.id}), **held, **proposal.changes}
            for key in DEFAULTED:
                value = getattr(after.workload, key)
                if value != getattr(asked.deployment.workload, key):
                    changes.setdefault(key, value)
            settings, now = asked.estimate.settings, proposal.answer.estimate.settings
            for key in DECIDED:
                if key in settings and now.get(key) is not None and now[key] != settings[key]:
                    changes.setdefault(key, now[key])
            pinned = Proposal(proposal.kind, changes, proposal.summary, proposal.cost, proposal.answer)
            remedies.append(Remedy(pinned, label, command(proposal.answer)))
    return tuple(remedies)


def _typed(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Changes as a request has them: ``gpu`` is a tuple there."""
    return {**changes, "gpu": (changes["gpu"],)} if "gpu" in changes else dict(changes)
