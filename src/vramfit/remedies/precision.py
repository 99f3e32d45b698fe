"""Fewer bits per weight, in the same engine."""

from __future__ import annotations

from vramfit.engines import engine
from vramfit.quantization.quality import quality
from vramfit.remedies import Proposal
from vramfit.workload import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.engines.resolve import Catalogue
    from vramfit.remedies import Answer, Try


def propose(asked: Answer, attempt: Try, catalogue: Catalogue) -> Iterator[Proposal]:
    """The classes below the asked one, best quality first."""
    del catalogue
    before = asked.deployment
    if before.workload.task != "inference":
        return
    module = engine(before.engine)
    start = CLASSES.index(before.scheme.precision) + 1
    for word in CLASSES[start:]:
        after = attempt({"quant": word})
        if after is None or not after.reached:
            continue
        scheme = after.deployment.scheme
        _, evidence = quality(scheme.id, before.model_parameters)
        yield Proposal(
            "quantize",
            {"quant": module.SCHEME_OF_CLASS[word]},
            f"quantize to {word.upper()} ({scheme.summary})",
            evidence,
            after,
        )
