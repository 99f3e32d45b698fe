"""Writing of a report: one module per format, each reading the plain-data report and nothing else.

Every format but ``table`` is a module with ``lines(report) -> Iterator[str]``, text without line ends.
``report["estimates"]`` may be a generator: ``ndjson``, ``plain`` and ``csv`` then give each line as soon as its
estimate is ready. ``table`` draws for a terminal and has ``print_report`` instead.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FORMATS = {
    "table": "vramfit.render.table",
    "plain": "vramfit.render.plain",
    "json": "vramfit.render.json",
    "ndjson": "vramfit.render.ndjson",
    "csv": "vramfit.render.csv",
    "markdown": "vramfit.render.markdown",
}
"""Module of each format, by name and not imported, because ``table`` costs more to import than a check to compute."""


def formatter(name: str) -> Callable[..., Iterator[str]]:
    """Function ``lines`` of a text format, whose module is imported only now; ``KeyError`` for an unknown name."""
    lines: Callable[..., Iterator[str]] = __import__(FORMATS[name], fromlist=["lines"]).lines
    return lines
