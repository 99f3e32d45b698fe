"""Reading of a user's catalogue file over a catalogue of one card and one model, so that no input costs all other entries."""

from __future__ import annotations

import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from vramfit.curation.overlay import Layers

DATA = Path(__file__).parent.parent.parent / "data"
SOURCES = 3
"""Number of sources that are kept."""
KEPT = {"families": ("ada-geforce", "llama-2"), "architectures": ("llama",), "towers": ()}
"""Names that are kept of tables."""
ENTRIES = ("rtx4090", "llama-2-7b")


def _small(kind: str) -> dict[str, Any]:
    """One of the built-in files with what one entry needs."""
    whole = yaml.load(
        (DATA / f"{kind}.yaml").read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    found: dict[str, Any] = {"field_sources": {}} if kind == "gpus" else {}
    entries = [one for one in whole[kind] if one["id"] in ENTRIES]
    used = json.dumps(entries)
    found["sources"] = {
        name: one for place, (name, one) in enumerate(whole["sources"].items()) if place < SOURCES or name in used
    }
    for table, names in KEPT.items():
        if table in whole:
            found[table] = {name: one for name, one in whole[table].items() if name in names}
    return {**found, kind: entries}


@cache
def _layers() -> Layers:
    with tempfile.TemporaryDirectory() as folder:
        for kind in ("gpus", "models"):
            (Path(folder) / f"{kind}.yaml").write_text(
                yaml.safe_dump(_small(kind), allow_unicode=True), encoding="utf-8"
            )
        return Layers(folder)


def lay(data: bytes) -> object:
    """Lay a file over the small catalogue, which stays as it is; raises ``CatalogueError`` for its first fault."""
    made = object.__new__(Layers)
    small = _layers()
    made.__dict__ = {
        **small.__dict__,
        "written": dict(small.written),
        "facts": {kind: dict(entries) for kind, entries in small.facts.items()},
    }
    made.lay("fuzz.yaml", data)
    return made.facts
