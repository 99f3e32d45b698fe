"""Records of what an engine's start-up log states, and helpers that the readers in the engines' folders share.

A reader makes a ``Log`` of the lines that the room ``verify`` kept for it. The figures carry the names of the ``Amount``s
that ``LogReader.printed`` makes of an estimate, so that a figure and an amount of the same name and device are a pair.
"""

from __future__ import annotations

import re

from vramfit._record import Record
from vramfit.catalogue.names import MAX_GPUS
from vramfit.units import GB, GIB, KB, KIB, MB, MIB, TIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from typing import Any

    from vramfit.engines.base import Engine
    from vramfit.engines.interface import Deployment, Estimate

BYTES, TOKENS, REQUESTS = "bytes", "tokens", "requests"
"""Units of figures."""
UNITS = {
    "B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB, "TiB": TIB, "KB": KB, "MB": MB, "GB": GB, "kB": KB,
}  # fmt: skip
"""Bytes of the units that logs write sizes in."""


class Figure(Record):
    """Figure that a log states."""

    name: str
    """Name of the thing: ``weights``, ``KV cache``; equal to the name of the estimate's ``Amount``."""
    device: str
    """``gpu0``, ``gpu1``, …, ``host``; empty for a figure of the whole server."""
    value: float
    unit: str = BYTES
    slack: float = 0.0
    """Half of the last digit that the log prints, in the unit of the value."""


class Amount(Record):
    """Value that an estimate has for a figure of a log, with its bounds."""

    low: float
    expected: float
    high: float

    @property
    def exact(self) -> bool:
        """True if the estimate states no bounds, as for tensors whose sizes are arithmetic."""
        return self.low == self.high


class Log(Record):
    """Content of a start-up log: a deployment and the figures of its memory."""

    keys: Mapping[str, object]
    """Deployment keys that the log states, with values like a user would type them, without GPU and model."""
    models: tuple[str, ...]
    """Names of the model, the one that says most first: a repository, a file, a title."""
    gpus: tuple[str, ...]
    """Names of the GPUs as the driver prints them, one for each in use; empty if the log names none."""
    gpu_count: int
    """Number of GPUs in use; 0 if the log does not say it."""
    memory_bytes: tuple[int, ...]
    """Memory of each GPU as the log states it; empty if it states none."""
    figures: tuple[Figure, ...]
    version: str | None
    """Version or build of the engine as printed; None if it is not."""
    starts: int
    """Number of starts in the log; the figures are of the last that got as far as memory."""
    lines: int
    """Number of lines that were understood, by which the most fitting of several readers is chosen."""
    notes: tuple[str, ...] = ()
    """Remarks on what the log leaves open, as sentences without a full stop."""
    file_bytes: int | None = None
    """Size of the model's file as the log states it; None if it does not."""
    as_released: bool = False
    """True if the log says that the weights are loaded as the model is released, whatever that is."""
    any_gpu: bool = False
    """True if the engine's buffers do not depend on the card, so that they can be compared without knowing it."""


class LogReader(Record):
    """Reader of one engine's start-up logs."""

    marks: tuple[str, ...]
    """Words of which each line that states something has one; other lines are never kept."""
    read: Callable[[Sequence[str]], Log | None]
    """Function that reads the last start in the lines of a log; None if they state nothing that the engine prints. The
    lines have no colours, and whatever a logger or a service manager puts in front of them may be there."""
    printed: Callable[[Engine[Any, Any], Deployment, Estimate, tuple[int, ...]], Mapping[tuple[str, str], Amount]]
    """Function that gives the values of an estimate for the figures of a log, by name and device. The estimate includes
    the runtime's share of each GPU, and the last argument is what the verdict grants of each, in bytes."""


def ranks(text: str | None) -> int:
    """Number of GPUs or stages that a log states; 1 where it states none.

    Raises ``ValueError`` for none and for more than a deployment can have: what is printed of each GPU is kept as often.
    """
    found = int(text or 1)
    if not 1 <= found <= MAX_GPUS:
        raise ValueError(f"{found} GPUs")
    return found


def size_bytes(number: str, unit: str) -> int:
    """Bytes of a size as a log writes it: ``("3.81", "GiB")``."""
    return round(float(number.replace(",", "")) * UNITS[unit])


def half_digit(number: str, unit: str = "B") -> float:
    """Half of the last digit of a printed number, in bytes of its unit."""
    decimals = len(number.partition(".")[2])
    return 0.5 * 10.0**-decimals * UNITS[unit]


def sized(name: str, device: str, number: str, unit: str) -> Figure:
    """Make a figure of bytes."""
    return Figure(name, device, size_bytes(number, unit), BYTES, half_digit(number, unit))


def added(figures: Iterable[Figure]) -> list[Figure]:
    """Sum the figures with the same name and device, in the order in which each first stands."""
    found: dict[tuple[str, str], Figure] = {}
    for one in figures:
        before = found.get((one.name, one.device))
        value, slack = (0.0, 0.0) if before is None else (before.value, before.slack)
        found[(one.name, one.device)] = Figure(one.name, one.device, value + one.value, one.unit, slack + one.slack)
    return list(found.values())


def split_at(lines: Sequence[str], begins: re.Pattern[str]) -> list[list[str]]:
    """Divide lines in front of each that ``begins`` is found in; the first part has what stands before."""
    parts: list[list[str]] = [[]]
    for line in lines:
        if begins.search(line):
            parts.append([])
        parts[-1].append(line)
    return parts


def last(pattern: re.Pattern[str], lines: Sequence[str]) -> re.Match[str] | None:
    """Match of the last line that the pattern is found in; None for none."""
    return next((match for line in reversed(lines) if (match := pattern.search(line)) is not None), None)


def keyword(name: str, text: str) -> str | None:
    """Value of ``name=value`` in a printed configuration: quotes are taken off, and None stands for none."""
    found = re.search(rf"(?<![\w]){name}=('[^']*'|\"[^\"]*\"|[^,\s)]+)", text)
    if found is None or found[1] in ("None", "null", "''"):
        return None
    return found[1].strip("'\"")
