"""Quantizations that a word means on an engine."""

from __future__ import annotations

import pytest

from tests.command import report


@pytest.mark.parametrize(
    ("engine", "word", "scheme"),
    [
        ("exllamav3", "3bpw", "exl3-3.0"),
        ("exllamav3", "4.65bpw", "exl3-4.65"),
        ("exllamav3", "6bpw-h8", "exl3-6.0-h8"),
        ("exllamav3", "3.0BPW_H6", "exl3-3.0"),
        ("exllamav2", "4.65bpw", "exl2-4.65"),
        ("mlx", "4bpw", "mlx-4bit"),
    ],
)
def test_a_bare_bit_rate_is_of_the_engine_s_own_format(engine: str, word: str, scheme: str) -> None:
    """Names of branches state a rate alone, because the repository's own name states the format."""
    asked = ["-g", "a6000" if engine != "mlx" else "m4-max-128gb", "-m", "llama-3.1-8b"]
    estimate = report(*asked, "--engine", engine, "--quant", word).estimates[0]
    assert (engine, scheme) == (estimate["engine"], estimate["quant"]["scheme"])
