"""Types of transformers by their classes' defaults: parameters exact, or refused in one line.

``truth/defaults.json`` has each type that transformers 5.24.0 builds without further packages, with the class that it is
mapped to for generation, speech, embeddings or none of these; the parameters of that class, tied ones once; and the fields
that a saved file states and that its class derives. Types without a total are refused by the name of their class.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from vramfit.importers.config.model import Configured, read_config

LEAST_COUNTED = 372
"""Number of types that are counted at least."""


@cache
def rows() -> tuple[tuple[str, int | None, Configured], ...]:
    path = Path(__file__).parent / "truth" / "defaults.json"
    found = []
    for kind, name, total, *fields in json.loads(path.read_text(encoding="utf-8"))["rows"]:
        config: dict[str, Any] = {"model_type": kind, "architectures": [name], **(fields[0] if fields else {})}
        found.append((kind, total, read_config(config, "it", "It")))
    return tuple(found)


def counted(found: Configured) -> int | None:
    return None if found.tensors is None else sum(tensor.parameters for tensor in found.tensors)


def test_each_total_is_the_classs() -> None:
    differing = [(kind, total, counted(found)) for kind, total, found in rows() if counted(found) != total]
    assert differing == []


def test_most_types_are_counted() -> None:
    assert len([kind for kind, total, _ in rows() if total is not None]) >= LEAST_COUNTED


def test_the_others_are_refused_in_one_line() -> None:
    reasons = [found.tensors_reason or "" for _, total, found in rows() if total is None]
    assert len(reasons) > 100
    assert [reason for reason in reasons if not reason or "\n" in reason or len(reason) > 250] == []
