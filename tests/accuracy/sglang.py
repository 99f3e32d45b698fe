"""Tokens of SGLang's cache in start-up logs, and what the estimate says of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from vramfit.answer import answer
from vramfit.engines import engine
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGS = Path(__file__).parent.parent / "engines" / "sglang" / "measured.yaml"
ROWS: list[dict[str, Any]] = yaml.safe_load(LOGS.read_text("utf-8"))
OWN = ("max_batched_tokens", "engine_version")
"""Keys that a row may have of its own."""


def tokens(row: dict[str, Any]) -> int:
    """Tokens of the cache of a row's server by the estimate."""
    keys = {"model": row["model"], "gpu": row["gpu"], "quant": row["quant"], "context": 32768, "images": 0}
    keys.update({key: row[key] for key in OWN if key in row})
    if "share" in row:
        keys["gpu_memory_utilization"] = row["share"]
    (deployment,) = resolve(parse_request({**keys, "engine": "sglang"}), open_catalogue())
    found = answer(deployment)
    serving = engine("sglang").serving(deployment, found.estimate, found.verdict.usable_bytes)
    assert serving is not None
    return serving.cache_tokens


def error(row: dict[str, Any]) -> float:
    """Relative error of the tokens of a row's cache."""
    return tokens(row) / int(row["tokens"]) - 1


def table() -> Iterator[str]:
    """Lines of a table of the logs."""
    yield "| model | GPUs | static share | tokens printed | estimated | error |"
    yield "|---|---|---|---|---|---|"
    for row in ROWS:
        share = f"{row['share']:g}" if "share" in row else "SGLang's own"
        found = tokens(row)
        yield (
            f"| {row['model']}, {row['quant']} | {row['gpu']} | {share} | {row['tokens']:,} | {found:,}"
            f" | {found / int(row['tokens']) - 1:+.1%} |"
        )
