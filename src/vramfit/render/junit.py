"""Report in JUnit's XML: a suite for each file, a case for each row, as GitLab and Jenkins show them.

Elements and attributes: testmoapp/junitxml, ``README.md``; GitLab's documentation, *Unit test reports*.
"""

from __future__ import annotations

from vramfit.render.findings import ERROR, message, rule, title

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.render.fields import Object

_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\n": "&#10;", "\r": "&#13;", "\t": "&#9;"}
_SPACES = "\n\r\t"


def lines(rows: Sequence[Object]) -> Iterator[str]:
    """Lines of the document."""
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f"<testsuites {_counts(rows)}>"
    for file in dict.fromkeys([row["file"] for row in rows]):
        own = [row for row in rows if row["file"] == file]
        yield f'  <testsuite name="{_text(_name(file))}" {_counts(own)}>'
        for row in own:
            yield from _case(row)
        yield "  </testsuite>"
    yield "</testsuites>"


def _case(row: Object) -> Iterator[str]:
    place = "" if row["file"] is None else f' file="{_text(row["file"])}" line="{row["line"]}"'
    opened = f'    <testcase name="{_text(title(row))}" classname="{_text(_name(row["file"]))}"{place}'
    sentences = _text(message(row))
    if row["severity"] != ERROR:
        yield f"{opened}>"
        yield f"      <system-out>{sentences}</system-out>"
    else:
        kind = "error" if _is_error(row) else "failure"
        yield f"{opened}>"
        yield f'      <{kind} type="{rule(row)}" message="{sentences}"/>'
    yield "    </testcase>"


def _counts(rows: Sequence[Object]) -> str:
    failed = [row for row in rows if row["severity"] == ERROR]
    errors = sum(_is_error(row) for row in failed)
    return f'tests="{len(rows)}" failures="{len(failed) - errors}" errors="{errors}"'


def _is_error(row: Object) -> bool:
    """True for a row without a verdict."""
    return rule(row) in ("unanswered", "unknown")


def _name(file: str | None) -> str:
    return "stdin" if file is None else file


def _text(text: str) -> str:
    """Text inside an attribute or element; characters that XML 1.0 does not have become U+FFFD."""
    allowed = [c if c >= " " or c in _SPACES else "\ufffd" for c in text]
    legal = ["\ufffd" if c in "\ufffe\uffff" else c for c in allowed]
    return "".join([_ENTITIES.get(c, c) for c in legal])
