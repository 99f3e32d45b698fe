"""The pool of SGLang against what servers printed when they started."""

from __future__ import annotations

from statistics import median
from typing import Any

import pytest

from tests.accuracy.sglang import ROWS, error

TOLERANCE = 0.04
MEDIAN_TOLERANCE = 0.016


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['model']} {row['gpu']}")
def test_tokens_of_the_pool(row: dict[str, Any]) -> None:
    """Every part counts: weights, the share, what was free, and the bytes of a token."""
    assert abs(error(row)) < TOLERANCE


def test_half_of_the_logs_are_closer() -> None:
    """Nothing leans: the errors are small, and of both signs."""
    errors = [error(row) for row in ROWS]
    assert median(map(abs, errors)) < MEDIAN_TOLERANCE
    assert min(errors) < 0 < max(errors)
