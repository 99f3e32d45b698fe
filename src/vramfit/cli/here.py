"""Models of this disk, for ``list models --here``, ``matrix --here`` and ``recommend --here``."""

from __future__ import annotations

import sys

from vramfit.cli.console import tell
from vramfit.entries.entry import imported_row
from vramfit.errors import InputError, VramfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from vramfit.catalogue import Catalogue
    from vramfit.catalogue.rows import ModelRow
    from vramfit.importers.stores import Found

READABLE = ("gguf", "safetensors")
"""Kinds of weights whose headers tell what they hold."""


def here_objects() -> list[dict[str, Any]]:
    """The models of all stores as plain data, nothing of them opened."""
    from vramfit.importers.here import models_here

    return [_object(found) for found in models_here()]


def _object(found: Found) -> dict[str, Any]:
    return {
        "id": found.reference,
        "store": found.store,
        "kind": found.what,
        "quant": found.quant,
        "size_bytes": found.size_bytes,
        "commit": found.commit,
        "projector": found.projector,
        "broken": found.broken,
        "paths": list(found.paths),
    }


class ModelsHere:
    """The catalogue's GPUs, and of models those that this disk holds whole, in the place of the catalogue's."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self.gpus = catalogue.gpus
        self.model = catalogue.model
        self.stated = catalogue.stated
        self.notes = catalogue.notes
        self.remarks = catalogue.remarks
        self.gpu_rows = catalogue.gpu_rows
        self.published = catalogue.published
        self.gpus_for_sale = catalogue.gpus_for_sale
        self.cloud_offers = catalogue.cloud_offers
        self.smaller_models = catalogue.smaller_models

    def names(self) -> tuple[str, ...]:
        """References of the models that can be read and whose memory can be told; the others go to stderr, a line each.

        Raises ``InputError`` where there are none.
        """
        found = tuple(self._readable())
        if not found:
            raise InputError("this disk holds no model that can be read", "see `vramfit list models --here`")
        return found

    def model_rows(self) -> tuple[ModelRow, ...]:
        """Rows of these models."""
        return tuple([self._row(name) for name in self.names()])

    def _readable(self) -> Iterator[str]:
        from vramfit.importers.here import models_here

        for found in models_here():
            problem = found.broken
            if found.what not in READABLE:
                continue
            if problem is None:
                try:
                    problem = self.model(found.reference).gap
                except VramfitError as error:
                    problem = error.message
            if problem is None:
                yield found.reference
            else:
                tell(sys.stderr, [f"warning: {found.reference} is left out: {problem}"])

    def _row(self, name: str) -> ModelRow:
        return imported_row(self.model(name), name)


def stored(keys: Mapping[str, Any]) -> dict[str, Any]:
    """Deployment keys that ask for the models as they are, where no quantization is asked for."""
    from vramfit.quantization import STORED

    return {"quant": STORED, **keys}
