"""Properties of the stream printed to: colour, and characters it cannot encode."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO


def wants_colour(stream: TextIO, asked: str) -> bool:
    """Decide on colour: the flag beats the environment, ``NO_COLOR`` beats ``FORCE_COLOR`` and ``CLICOLOR_FORCE``.

    A pipe or a dumb terminal gets none. Variables: no-color.org, force-color.org, bixense.com/clicolors.
    """
    if asked != "auto":
        return asked == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE", "0") not in ("", "0"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def tell(stream: TextIO, texts: Iterable[str]) -> None:
    """Write each text as one line, whatever is in it: control characters are escaped, line ends too, secrets masked."""
    for text in texts:
        from vramfit.launch.mask import one_line

        stream.write(f"{one_line(text)}\n")


def write_lines(stream: TextIO, lines: Iterable[str], line_end: str) -> None:
    """Write each line with its end; what the stream's encoding lacks becomes an escape instead of an error."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    stream.writelines(
        (line if line.isascii() else line.encode(encoding, "backslashreplace").decode(encoding)) + line_end
        for line in lines
    )
