"""llama.cpp's own figures: 26 architectures, each with the settings that change what it allocates."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.engines.llamacpp.asking import against

if TYPE_CHECKING:
    from tests.engines.llamacpp.asking import Row

TABLE = yaml.load(Path(__file__).with_name("accounting.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
"""Rows by model; where they come from is said in the file.

Left out are attention scores above 4 GiB, which Vulkan cannot bind and computes on the host (``maxStorageBufferRange``),
and several sequences of a latent cache, one product of which is the host's there: see ``test_vulkan``.
"""


@cache
def compared(model: str) -> list[Row]:
    """What is asked, what we say and what llama.cpp says, device by device, in MiB."""
    return against(model, TABLE[model])


def rounded_down(value: float, printed: int, share: float = 0.0) -> bool:
    """Whether ``value`` could have been printed so; ``share`` of it is allowed besides."""
    return printed - share * printed - 0.05 <= value < printed + 1.05 + share * printed


@pytest.mark.parametrize("model", TABLE)
def test_weights_are_exact(model: str) -> None:
    """On every device, to the MiB llama.cpp prints; it pads some tensors, hence one part in a thousand."""
    assert [] == [row for row in compared(model) if not rounded_down(row[1][0], row[2][0], 0.001)]


@pytest.mark.parametrize("model", TABLE)
def test_the_cache_is_exact(model: str) -> None:
    assert [] == [row for row in compared(model) if not rounded_down(row[1][1], row[2][1])]


@pytest.mark.parametrize("model", TABLE)
def test_compute_buffers_are_close(model: str) -> None:
    """A tenth at most, or 24 MiB of a small buffer (Mamba on two devices); most are exact, see below."""
    assert [] == [row for row in compared(model) if abs(row[1][2] - row[2][2]) > max(24, 0.1 * row[2][2])]


@pytest.mark.parametrize("model", TABLE)
def test_totals_are_close(model: str) -> None:
    """What a GPU holds, to one part in a hundred, or 25 MiB where it holds little."""
    wrong = [row for row in compared(model) if abs(sum(row[1]) - sum(row[2])) > max(25, 0.01 * sum(row[2]))]
    assert [] == wrong


def test_most_buffers_are_exact() -> None:
    """Over all rows: five buffers of six to the MiB, and half of all totals within two parts in ten thousand."""
    gpus = [row for model in TABLE for row in compared(model) if not row[0].endswith("host") and row[2][0]]
    exact = [rounded_down(ours[2], theirs[2]) for _, ours, theirs in gpus]
    errors = sorted(abs(sum(ours) / sum(theirs) - 1) for _, ours, theirs in gpus)
    assert 400 < len(gpus)
    assert 5 / 6 < sum(exact) / len(exact)
    assert median(errors) < 0.0002
    assert errors[round(0.95 * len(errors))] < 0.003
