"""A GitHub table, one row per estimate: for a pull request, an issue or a job summary."""

from __future__ import annotations

from vramfit.render.fields import RUNS, cell, encodable, error_text, gpu_id, pick, tokens_per_second, usable_bytes
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vramfit.render.fields import Object

_HEADINGS = (
    "Name", "GPU", "Model", "Engine", "Quant", "Verdict", "Needed", "Usable", "Headroom", "Weights", "KV cache",
    "Compute", "Overhead", "Max context", "Tokens/s", "First remedy",
)  # fmt: skip
_RIGHT = frozenset(_HEADINGS[6:15])
_SIZES = (
    "headroom_bytes", "breakdown.weights", "breakdown.kv_cache", "breakdown.compute", "breakdown.overhead",
)  # fmt: skip
_SPECIAL = "\\`*[]<>|~$"
_UNNAMED = "@<!-- -->"
"""Sign before a name that mentions nobody: GitHub looks for mentions in the text between elements."""


def lines(report: Object) -> Iterator[str]:
    """Lines of the table, its source aligned too; a column that is empty for every estimate is left out."""
    kept, found = table(report)
    rows = [[text if _HEADINGS[i] in _RIGHT else escape(text) for i, text in enumerate(row)] for row in found]
    widths = [max(3, len(_HEADINGS[i]), *(len(row[i]) for row in rows)) for i in kept]
    yield _line([_HEADINGS[i] for i in kept], kept, widths)
    dashes = ("-" * (w - 1) + (":" if _HEADINGS[i] in _RIGHT else "-") for i, w in zip(kept, widths, strict=True))
    yield "| " + " | ".join(dashes) + " |"
    for row in rows:
        yield _line([row[i] for i in kept], kept, widths)


def table(report: Object) -> tuple[list[int], list[list[str]]]:
    """Numbers of the columns that have something, and each estimate's texts in all columns."""
    rows = [_row(estimate) for estimate in report["estimates"]]
    return [i for i, heading in enumerate(_HEADINGS) if heading == "Verdict" or any(row[i] for row in rows)], rows


def html(report: Object) -> str:
    """Table of HTML with the same columns, for notebooks."""
    from html import escape as plain

    kept, rows = table(report)
    align = [' style="text-align:right"' if _HEADINGS[i] in _RIGHT else ' style="text-align:left"' for i in kept]

    def line(tag: str, texts: Iterable[str]) -> str:
        cells = [f"<{tag}{how}>{plain(encodable(text))}</{tag}>" for how, text in zip(align, texts, strict=True)]
        return f"<tr>{''.join(cells)}</tr>"

    body = "\n".join([line("td", [row[i] for i in kept]) for row in rows])
    return f"<table>\n<thead>{line('th', [_HEADINGS[i] for i in kept])}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def escape(text: str) -> str:
    """``text`` as literal Markdown inside a table cell, on one line."""
    flat = " ".join(encodable(text).split())
    escaped = "".join("\\" + c if c in _SPECIAL else c for c in flat).replace("&", "&amp;")
    if "@" in escaped:
        escaped = escaped.replace("@", _UNNAMED)
    return escaped.replace(" _", " \\_").replace("_ ", "\\_ ") if "_" in escaped else escaped


def _row(estimate: Object) -> list[str]:
    error = error_text(estimate)
    context = pick(estimate, "limits.max_context")
    runs = estimate.get("verdict") in (*RUNS, None)
    rate = None if not runs else pick(estimate, "throughput.decode_tokens_per_second.expected")
    remedies = estimate.get("remedies") or ()
    sizes = [pick(estimate, "required_bytes.expected"), usable_bytes(estimate), *(pick(estimate, p) for p in _SIZES)]
    return [
        cell(estimate.get("name")),
        gpu_id(estimate),
        cell(pick(estimate, "model.id")),
        cell(estimate.get("engine")),
        cell(pick(estimate, "quant.scheme")),
        f"error: {error}" if error else cell(estimate.get("verdict")),
        *("" if size is None else gib(size) for size in sizes),
        "" if context is None else f"{context:,}",
        "" if rate is None else tokens_per_second(rate),
        remedies[0]["summary"] if remedies else "",
    ]


def _line(values: list[str], kept: list[int], widths: list[int]) -> str:
    padded = (
        value.rjust(width) if _HEADINGS[i] in _RIGHT else value.ljust(width)
        for value, i, width in zip(values, kept, widths, strict=True)
    )
    return "| " + " | ".join(padded) + " |"
