"""Annotations of GitHub Actions: a workflow command for each row, at the line of the file where it stands.

GitHub shows ten annotations of a severity for a step, so that of more the last one stands for the rest. Syntax and
escapes: docs.github.com, *Workflow commands for GitHub Actions*; actions/toolkit, ``packages/core/src/command.ts``.
"""

from __future__ import annotations

from vramfit.render.findings import SEVERITIES, message, title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.render.fields import Object

MOST = 10
"""Number of annotations of a severity that GitHub shows for a step."""


def lines(rows: Sequence[Object]) -> Iterator[str]:
    """Workflow commands, the gravest first."""
    for severity in SEVERITIES:
        some = [row for row in rows if row["severity"] == severity]
        shown = some if len(some) <= MOST else some[: MOST - 1]
        for row in shown:
            yield _command(severity, row["file"], row["line"], title(row), message(row))
        rest = some[len(shown) :]
        if rest:
            named = "\n".join([f"{row['file']}:{row['line']}: {title(row)}: {message(row)}" for row in rest])
            yield _command(severity, rest[0]["file"], rest[0]["line"], f"{len(rest)} more", named)


def _command(severity: str, file: str | None, line: int | None, heading: str, text: str) -> str:
    properties = {"file": file, "line": None if file is None else line, "title": f"vramfit: {heading}"}
    listed = ",".join([f"{name}={_property(str(value))}" for name, value in properties.items() if value is not None])
    return f"::{severity} {listed}::{_data(text)}"


def _data(text: str) -> str:
    """Text behind the command, on one line."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
