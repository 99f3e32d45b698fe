"""CSV after RFC 4180: the report's field names flattened with dots, one row per estimate.

Only scalars become columns; devices, remedies and assumptions are lists and stay with JSON.
"""

from __future__ import annotations

from vramfit.render.fields import cell, encodable, pick

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from vramfit.render.fields import Object

LINE_END = "\r\n"
"""End of every record in the standard, for a stream that does not translate line ends."""

_TOP = ("gpu", "model", "engine", "quant", "name")
"""Deployment keys that are fields of the estimate itself."""

BEFORE = (
    "name",
    *(
        f"gpu.{key}"
        for key in (
            "id", "name", "count", "vendor", "architecture", "marketed_gb", "memory_type", "memory_bytes",
            "usable_bytes", "bandwidth_bytes_per_second", "cores", "core_unit", "tensor_cores", "price_usd",
        )
    ),
    *(
        f"model.{key}"
        for key in (
            "id", "name", "family", "modality", "parameters", "active_parameters", "vision_parameters", "max_context",
            "max_image_tokens", "image_tokens",
        )
    ),
    "engine",
    *(f"quant.{key}" for key in ("class", "scheme", "bits_per_weight", "checkpoint_bytes")),
)  # fmt: skip
AFTER = (
    *(f"required_bytes.{key}" for key in ("low", "expected", "high")),
    *(f"breakdown.{key}" for key in ("weights", "kv_cache", "compute", "overhead")),
    "verdict",
    "headroom_bytes",
    "limits.max_context",
    "limits.max_parallel",
    *(
        f"rule_of_thumb.{key}"
        for key in ("parameters_billion", "bytes_per_parameter", "required_gb", "gpu_gb", "deficit_gb")
    ),
    *(
        f"throughput.{phase}_tokens_per_second.{key}"
        for phase in ("decode", "prefill")
        for key in ("low", "expected", "high")
    ),
    *(
        f"throughput.{key}"
        for key in ("total_decode_tokens_per_second", "time_to_first_token_seconds", "bottleneck", "prompt_tokens")
    ),
    "quality.label",
    "quality.evidence",
    "quality.kv_cache.label",
    "quality.kv_cache.evidence",
    *(
        f"if_tried.{key}"
        for key in ("outcome", "weights_fit", "missing_bytes", "link_bytes_per_second", "decode_tokens_per_second")
    ),
    "error.code",
    "error.message",
    "error.hint",
)  # fmt: skip
"""Columns before and behind those of the deployment keys."""


def columns(keys: Sequence[str]) -> tuple[str, ...]:
    """Names of all columns, in order, whatever the report holds: a spreadsheet that reads one report reads all.

    ``keys`` are the names of all deployment keys.
    """
    return (*BEFORE, *[f"deployment.{key}" for key in keys if key not in _TOP], *AFTER)


def lines(report: Object, *, keys: Sequence[str], header: bool = True) -> Iterator[str]:
    """Header row, unless ``header`` is False, then a row per estimate as soon as the report yields it."""
    paths = columns(keys)
    if header:
        yield row(paths)
    for estimate in report["estimates"]:
        yield row(cell(pick(estimate, path)) for path in paths)


def row(values: Iterable[str]) -> str:
    """One record without its line end; quoted only where a value holds a comma, quote, line break or edge spaces.

    A text that a spreadsheet would take for a formula has an apostrophe in front (owasp.org, *CSV Injection*).
    """
    return ",".join(_quoted(_no_formula(encodable(value))) for value in values)


def row_of(style: str) -> Callable[[Iterable[str]], str]:
    """Function that makes one row of texts: a record of CSV, or a line with tabs between for other formats."""
    return row if style == "csv" else "\t".join


FORMULA = "=+-@\t\r"
"""Characters that a formula begins with; a minus begins numbers too."""


def _no_formula(value: str) -> str:
    if value[:1] not in FORMULA or not value:
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return f"'{value}" if value[0] == "+" else value


def _quoted(value: str) -> str:
    if value == value.strip() and not any(c in value for c in ',"\r\n'):
        return value
    return '"' + value.replace('"', '""') + '"'
