"""Terms of an estimate as plain data, which is what ``--explain`` adds to a report."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.interface import Deployment


def term_objects(deployment: Deployment) -> list[dict[str, Any]]:
    """Objects of the terms of a deployment, ordered by device and part; the bytes of a device's add up to its total."""
    from vramfit.engines.terms import terms

    return [
        {
            "name": term.name,
            "part": term.part,
            "device": term.device,
            "formula": term.formula,
            "inputs": dict(term.inputs),
            "bytes": term.bytes,
            "source": term.source,
        }
        for term in terms(deployment)
    ]
