"""JSON text of a report, byte for byte what ``json.dumps(value, indent=2, ensure_ascii=False)`` writes.

The standard library's ``json`` imports ``re`` and costs more than the whole check; its C accelerator ``_json`` holds
the one hard part, quoting a string, and costs nothing. Two differences on purpose: NaN and the infinities are
refused, since JSON has no word for them, and a lone surrogate (half a character, as ``os.fsdecode`` makes of a file
name that is not UTF-8) is written as its ``\\uXXXX`` escape, so that the text can always be encoded.
"""

from __future__ import annotations

try:
    from _json import encode_basestring as quoted
except ImportError:  # an interpreter without the C accelerator, such as PyPy
    from json.encoder import py_encode_basestring as quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """The whole report as one indented document, in one piece."""
    estimates = report.get("estimates")
    if estimates is not None:
        report = {**report, "estimates": list(estimates)}
    yield dumps(report)


def dumps(value: Any, indent: int | None = 2) -> str:
    """JSON of nested dicts, lists, tuples, strings, numbers, booleans and None; ``indent=None`` writes one line.

    Keys keep their order and must be strings. Raises ``ValueError`` for NaN and infinities and ``TypeError`` for
    anything else that JSON cannot say.
    """
    pieces: list[str] = []
    if indent is None:
        _write(value, pieces.append, "", "", ":")
    else:
        _write(value, pieces.append, "\n", " " * indent, ": ")
    text = "".join(pieces)
    return text if text.isascii() else escape_surrogates(text)


def escape_surrogates(text: str) -> str:
    """``text`` with every surrogate as ``\\uXXXX``: always encodable, and the same text where there is none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


def _write(value: Any, put: Callable[[str], None], newline: str, step: str, colon: str) -> None:
    if isinstance(value, str):
        put(quoted(value))
    elif value is None:
        put("null")
    elif value is True:
        put("true")
    elif value is False:
        put("false")
    elif isinstance(value, int):
        put(int.__repr__(value))
    elif isinstance(value, float):
        put(_float(value))
    elif isinstance(value, dict):
        _write_dict(value, put, newline, step, colon)
    elif isinstance(value, list | tuple):
        inner = newline + step
        before = "[" + inner
        for item in value:
            put(before)
            _write(item, put, inner, step, colon)
            before = "," + inner
        put(newline + "]" if value else "[]")
    else:
        raise TypeError(f"{type(value).__name__} has no JSON form")


def _write_dict(value: dict[Any, Any], put: Callable[[str], None], newline: str, step: str, colon: str) -> None:
    inner = newline + step
    before = "{" + inner
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"a key must be a string, not {type(key).__name__}")
        put(before + quoted(key) + colon)
        _write(item, put, inner, step, colon)
        before = "," + inner
    put(newline + "}" if value else "{}")


def _float(value: float) -> str:
    text = float.__repr__(value)
    if text in ("nan", "inf", "-inf"):
        raise ValueError(f"{text} has no JSON form")
    return text
