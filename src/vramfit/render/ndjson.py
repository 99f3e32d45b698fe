"""One compact JSON object per line: estimates in the order asked, error objects in their place."""

from __future__ import annotations

from vramfit.render.json import dumps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """A line per estimate, each as soon as the report yields it; a report that is itself an error is one line."""
    if "estimates" not in report:
        yield dumps(report, None)
        return
    for estimate in report["estimates"]:
        yield dumps(estimate, None)
