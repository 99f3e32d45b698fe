"""Rows of the catalogue: how capable a model is, as far as its size and its date tell."""

from __future__ import annotations

import pytest

from vramfit.catalogue.rows import MONTHS_TO_HALVE, ModelRow


def row(parameters: int, released: str | None, active: int | None = None) -> ModelRow:
    """Row of a model of that size and date."""
    return ModelRow("a", "A", None, "text", parameters, active or parameters, None, released)


def test_equivalents_grow_with_size_and_date() -> None:
    """Twice the size is worth as much as the months to halve; a mixture counts between its active and its total size."""
    billion = 10**9
    assert row(8 * billion, "2026-01").equivalent_billions == pytest.approx(8)
    assert row(8 * billion, "2025-05").equivalent_billions == pytest.approx(4)
    assert 8 == MONTHS_TO_HALVE
    assert row(32 * billion, "2026-01", active=2 * billion).equivalent_billions == pytest.approx(8)
    assert row(8 * billion, "2026").equivalent_billions == pytest.approx(8 * 2 ** (5 / 8))
    assert row(8 * billion, None).equivalent_billions == pytest.approx(8 * 2 ** (-36 / 8))
