"""Whether a stream gets colour."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO


def wants_colour(stream: TextIO, asked: str) -> bool:
    """The flag beats the environment, ``NO_COLOR`` beats ``FORCE_COLOR``, and a pipe or dumb terminal gets none."""
    if asked != "auto":
        return asked == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"
