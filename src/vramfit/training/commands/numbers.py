"""Whole numbers that trainers' settings state."""

from __future__ import annotations

from vramfit.errors import UsageError
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


def counted(stated: Mapping[str, Any], name: str, default: int) -> int:
    """Number of a setting, the default where it is not stated; raises ``UsageError`` for what is no whole number."""
    value = stated.get(name, default)
    number = whole(str(value))
    if number is None:
        raise UsageError(f'{name.replace("_", " ")}: "{value}" is not a whole number', "write it in digits")
    return number
