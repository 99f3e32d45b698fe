"""What an installed vramfit lists: GPUs, models, quantization schemes and engines, through its own command."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.reports.run import isolated

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Listed:
    """Rows of ``vramfit list KIND --json``, in the order listed."""

    gpus: list[dict[str, Any]]
    models: list[dict[str, Any]]
    quants: list[dict[str, Any]]
    engines: list[dict[str, Any]]

    def quants_of(self, engine: str) -> list[dict[str, Any]]:
        """Schemes the engine loads."""
        return [row for row in self.quants if engine in row["engines"]]

    def cache_types_of(self, engine: str) -> list[str]:
        """Element types of the cache that the engine offers, its default first."""
        return next((row["cache_types"] for row in self.engines if row["id"] == engine), None) or ["f16"]


def listed(python: str, home: Path) -> Listed:
    """The lists of the vramfit that the interpreter ``python`` imports; ``home`` is a directory for its cache."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for kind in ("gpus", "models", "quants", "engines"):
        command = [python, "-m", "vramfit", "list", kind, "--json"]
        ran = subprocess.run(command, capture_output=True, check=True, cwd=home, env=isolated(home))
        rows[kind] = json.loads(ran.stdout)[kind]
    # A card whose memory nobody knows is refused whatever is asked of it.
    rows["gpus"] = [row for row in rows["gpus"] if row["memory_bytes"] is not None]
    return Listed(**rows)
