"""Differences between an entry of the catalogue and a copy of its ``config.json``, read by the importer.

``python -m tests.curation.compared ID FILE`` prints each fact in which they differ, for whoever adds a second source to
an entry. ``ID`` is a name that the catalogue answers; a copy that lacks fields is compared in those it has.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.catalogued import catalogue
from vramfit.importers.config.model import read_config
from vramfit.model import parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.model.architecture import Model

FIELDS = ("hidden", "vocab", "context", "dtype")
TOWER = ("layers", "hidden", "ffn", "heads", "patch", "image_size")


def differences(name: str, config: Mapping[str, Any]) -> dict[str, tuple[object, object]]:
    """Facts in which the entry and the configuration differ, each with the entry's value first.

    ``layers`` are compared by their mixers and networks: kinds, heads, widths and windows; not those of an encoder, of
    which the importer keeps no cache. ``parameters`` are compared if the configuration's class is known; they tell
    biases, norms and a tied head.
    """
    ours = catalogue().model(name)
    copy = read_config(config, name, name)
    pairs: dict[str, tuple[object, object]] = {
        field: (getattr(ours, field), getattr(copy.model, field)) for field in FIELDS
    }
    if copy.caches_reason is None and any(group.mixers for group in copy.model.layers):
        pairs["layers"] = (_layers(ours), _layers(copy.model))
    if copy.tensors is not None:
        pairs["parameters"] = (parameters(ours), sum(tensor.parameters for tensor in copy.tensors))
    if ours.vision is not None and copy.model.vision is not None:
        for field in TOWER:
            pairs[f"vision.{field}"] = (getattr(ours.vision, field), getattr(copy.model.vision, field))
    return {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}


def _layers(model: Model) -> list[tuple[tuple[int, ...], object, object]]:
    """Groups of equal layers: their numbers, mixers and network."""
    return [(group.indices, group.mixers, group.feed_forward) for group in model.layers]


def main() -> None:
    """Compare the entry and the file that are named on the command line."""
    name, path = sys.argv[1:]
    found = differences(name, json.loads(Path(path).read_text(encoding="utf-8")))
    for field, (ours, copy) in found.items():
        sys.stdout.write(f"{field}: {ours} in the catalogue, {copy} in the copy\n")
    if not found:
        sys.stdout.write("no differences\n")


if __name__ == "__main__":
    main()
