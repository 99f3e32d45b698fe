"""One line per estimate for pipes, tab-separated, never wrapped, coloured or cut.

``cut``, ``awk -F'\t'`` and ``sort -t$'\t'`` read it as it is. Unknown values are empty fields; a backslash, tab, line
break or other control character inside a value is written as an escape, so a line is always one estimate and a field
always one value.
"""

from __future__ import annotations

from vramfit.render.fields import cell, encodable, error_text, gpu_id, pick, usable_bytes
from vramfit.render.json import escape_surrogates

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from vramfit.render.fields import Object

COLUMNS = (
    ("name", "name"),
    ("gpu", ""),
    ("model", "model.id"),
    ("engine", "engine"),
    ("quant", "quant.scheme"),
    ("verdict", "verdict"),
    ("required_bytes", "required_bytes.expected"),
    ("usable_bytes", ""),
    ("headroom_bytes", "headroom_bytes"),
    ("weights_bytes", "breakdown.weights"),
    ("kv_cache_bytes", "breakdown.kv_cache"),
    ("compute_bytes", "breakdown.compute"),
    ("overhead_bytes", "breakdown.overhead"),
    ("max_context", "limits.max_context"),
    ("decode_tokens_per_second", "throughput.decode_tokens_per_second.expected"),
    ("error", ""),
)
"""Header and path of each column; those without a path are put together, ``usable_bytes``
from all GPUs as ``required_bytes`` is. New columns go to the end."""

_DERIVED: dict[str, Callable[[Object], Any]] = {
    "gpu": gpu_id,
    "usable_bytes": usable_bytes,
    "error": error_text,
}

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(0x20), 0x7F, *range(0x80, 0xA0))}
_ESCAPES |= {0x5C: "\\\\", 0x09: "\\t", 0x0A: "\\n", 0x0D: "\\r", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def lines(report: Object, *, header: bool = True) -> Iterator[str]:
    """Header line, unless ``header`` is False, then a line per estimate as soon as the report yields it."""
    if header:
        yield "\t".join(name for name, _ in COLUMNS)
    for estimate in report["estimates"]:
        yield "\t".join(_values(estimate))


def escape(text: str) -> str:
    """Escape ``text`` so that it has no raw tab, line break, control character or lone surrogate.

    Backslashes are doubled.
    """
    return encodable(escape_surrogates(text.translate(_ESCAPES)))


def _values(estimate: Object) -> Iterator[str]:
    for name, path in COLUMNS:
        derive = _DERIVED.get(name)
        yield escape(cell(derive(estimate) if derive else pick(estimate, path)))
