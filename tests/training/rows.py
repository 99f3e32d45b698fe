"""Measured runs of fine-tuning as deployments, with what the program says of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import yaml

from vramfit.answer import answer
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue
from vramfit.units import MIB

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines import DeviceMemory

FILE = Path(__file__).with_name("measured.yaml")


@dataclass(frozen=True)
class Row:
    """One run."""

    source: str
    keys: tuple[tuple[str, Any], ...]
    """Deployment keys."""
    allocated: float | None
    """Peak of what torch allocated on one GPU, in MiB."""
    process: float | None
    """What nvidia-smi showed of one GPU, in MiB."""

    @property
    def trainer(self) -> str:
        return str(dict(self.keys).get("trainer", "transformers"))


@cache
def rows() -> tuple[Row, ...]:
    """Every run of the file."""
    groups = yaml.safe_load(FILE.read_text(encoding="utf-8"))["groups"]
    return tuple(
        Row(
            group["source"],
            tuple(row["deployment"].items()),
            row["measured"].get("allocated_mib"),
            row["measured"].get("process_mib"),
        )
        for group in groups
        for row in group["rows"]
    )


@cache
def estimated(row: Row) -> DeviceMemory:
    """Memory of the first GPU, by the program."""
    raw = dict(row.keys)
    (deployment,) = resolve(parse_request({**raw, "gpu": (raw["gpu"],)}), open_catalogue())
    return answer(deployment).estimate.gpus[0]


def allocated_error(row: Row) -> float:
    """Relative error of what a step holds."""
    found = estimated(row)
    assert row.allocated is not None
    return (found.weights_bytes + found.compute_bytes) / (row.allocated * MIB) - 1


def process_error(row: Row) -> float:
    """Relative error of the process."""
    assert row.process is not None
    return estimated(row).total_bytes / (row.process * MIB) - 1


def inside(row: Row) -> bool:
    """Whether the process lies between the estimate's bounds."""
    found = estimated(row)
    assert row.process is not None
    return found.low_bytes <= row.process * MIB <= found.high_bytes


def width(row: Row) -> float:
    """Upper bound over lower."""
    found = estimated(row)
    return found.high_bytes / found.low_bytes


def middle(errors: Sequence[float]) -> float:
    """Median of the sizes of errors."""
    return median([abs(error) for error in errors])


def most(errors: Sequence[float], share: float = 0.95) -> float:
    """Size of an error that a share of them does not exceed."""
    ranked = sorted(abs(error) for error in errors)
    return ranked[min(len(ranked) - 1, ceil(share * len(ranked)) - 1)]
