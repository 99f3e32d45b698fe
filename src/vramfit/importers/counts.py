"""Check of the numbers in a ``config.json``: those that count layers, widths or heads must be numbers a model can have."""

from __future__ import annotations

from vramfit.errors import InputError
from vramfit.importers.config.fields import NAMES
from vramfit.importers.config.formulas import MOST_LAYERS
from vramfit.importers.source import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

BOUNDS = {"layers": MOST_LAYERS, "experts": 1 << 20, "active": 1 << 20}
LARGEST = 1 << 31
"""Bounds of some facts and of all others; from them on a number is a fault of the file: libraries index rows with 32
bits, and no model has as many layers or experts."""
MOST_SECTIONS = 64
"""Nested configurations that are looked into; models have up to a dozen."""


def refuse_senseless_counts(config: Mapping[str, Any], file: str) -> None:
    """Raise ``InputError`` for a count that is text, below zero or beyond all bounds, in the root or a section.

    What is missing, or is stated in another form (a list by layers), is for the reader of the field to judge.
    """
    sections = [value for value in config.values() if isinstance(value, dict)]
    for section in (config, *sections[:MOST_SECTIONS]):
        for fact, names in NAMES.items():
            largest = BOUNDS.get(fact, LARGEST)
            for name in names:
                value = section.get(name)
                if isinstance(value, str) or (isinstance(value, int | float) and not 0 <= value < largest):
                    raise _senseless(file, name, value)


def _senseless(file: str, name: str, value: object) -> InputError:
    return InputError(f"{file} states {name} as {printable(repr(value))}", "the file is damaged: download it again")
