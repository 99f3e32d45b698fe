"""Table of the written pages, and which of them differ from what would be written today."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.docs import picture, reference, science

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = Path(__file__).parent.parent.parent / "docs"
WRITTEN: dict[str, Callable[[], str]] = {**reference.PAGES, **science.PAGES, **picture.PAGES}
"""Files below ``docs`` by name, with the functions that write them."""
