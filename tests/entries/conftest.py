"""The catalogue of these tests."""

from __future__ import annotations

from tests.catalogue.conftest import catalogue

__all__ = ["catalogue"]
