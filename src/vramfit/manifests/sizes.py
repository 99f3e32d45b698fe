"""Amounts of memory as Kubernetes, Docker and systemd write them, in the spelling of deployment keys."""

from __future__ import annotations

import re

from vramfit.units import MOST_DIGITS, size_text

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)$")
_DECIMAL = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15}
_BINARY = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50}
_MILLI = 0.001


def kubernetes_bytes(text: str) -> int | None:
    """Bytes of a quantity, ``64Gi``, ``64G``, ``6.4e10`` or ``65536Mi``; None for a text that is none.

    Suffixes: ``k8s.io/apimachinery/pkg/api/resource/quantity.go``.
    """
    try:
        return int(float(text))
    except ValueError:
        pass
    except OverflowError:
        return None
    match = _AMOUNT.match(text.strip())
    if match is None:
        return None
    scale = {**_DECIMAL, **_BINARY, "m": _MILLI}.get(match[2])
    return None if scale is None else _bytes(match[1], scale)


def docker_bytes(text: str) -> int | None:
    """Bytes of Docker's or systemd's amount, where every unit is binary: ``64g``, ``64gb``, ``512M``; None for no amount.

    Units: ``docker/go-units`` ``size.go`` (``RAMInBytes``); systemd's ``MemoryMax=`` has base 1024 as well.
    """
    match = _AMOUNT.match(text.strip())
    if match is None:
        return None
    unit = match[2].lower().removesuffix("b").removesuffix("i")
    powers = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
    return None if unit not in powers else _bytes(match[1], 2 ** (10 * powers[unit]))


def _bytes(number: str, scale: float) -> int | None:
    """Whole bytes of a number; None for one that is larger than any amount."""
    return int(float(number) * scale) if len(number) <= MOST_DIGITS else None


def spelled(size: int | None) -> str | None:
    """Size as a deployment key has it, ``64GiB``; None for an unknown one and for 0."""
    return None if not size or size < 0 else size_text(size)
