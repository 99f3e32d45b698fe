"""The catalogue, and the file of its models."""

from __future__ import annotations

from tests.catalogue.conftest import catalogue
from tests.model.conftest import document

__all__ = ["catalogue", "document"]
