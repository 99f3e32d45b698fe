"""JSON text of a report, byte for byte what ``json.dumps(value, indent=2, ensure_ascii=False)`` writes.

The standard library's ``json`` imports ``re`` and costs more than the whole check; its C accelerator ``_json`` holds
the one hard part, escaping, and loads only where a string has more to escape than quotes and line ends. Two
differences on purpose: NaN and the infinities are refused, since JSON has no word for them, and a lone surrogate (half
a character, as ``os.fsdecode`` makes of a file name that is not UTF-8) is written as its ``\\uXXXX`` escape, so that
the text can always be encoded.
"""

from __future__ import annotations

_MOST_KEYS = 1000
"""Number of keys that are remembered; the contract has a tenth of that."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TextIO


def dumps(value: Any, indent: int | None = 2) -> str:
    """JSON of nested dicts, lists, tuples, strings, numbers, booleans and None; ``indent=None`` writes one line.

    Keys keep their order and must be strings. Raises ``ValueError`` for NaN and infinities and ``TypeError`` for
    anything else that JSON cannot say.
    """
    text = _text(value, "", "", ":") if indent is None else _text(value, "\n", " " * indent, ": ")
    return text if text.isascii() else escape_surrogates(text)


def write(stream: TextIO, value: Any, indent: int | None) -> None:
    """Write one JSON document and its line end in whatever the stream's encoding can say."""
    text = dumps(value, indent=indent) + "\n"
    stream.write(text if text.isascii() else encodable(text, stream.encoding or "utf-8"))


def quoted(text: str) -> str:
    """A string as JSON writes it."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    if escaped.isprintable():
        return f'"{escaped}"'
    try:
        from _json import encode_basestring
    except ImportError:  # an interpreter without the C accelerator, such as PyPy
        from json.encoder import py_encode_basestring as encode_basestring
    return encode_basestring(text).translate(ACTING)


ACTING = {
    code: f"\\u{code:04x}"
    for code in (*range(0x7F, 0xA0), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}
"""Escapes of characters that the standard lets stand, and that a terminal acts upon or that turn the direction of text."""


def escape_surrogates(text: str) -> str:
    """``text`` with every surrogate as ``\\uXXXX``: always encodable, and the same text where there is none."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" else c for c in text)
    return text


def encodable(text: str, encoding: str) -> str:
    """JSON text that ``encoding`` can say: characters it lacks are written as ``\\uXXXX``, which means the same."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        units = text.encode("utf-16-be", "surrogatepass")
        codes = [int.from_bytes(units[i : i + 2], "big") for i in range(0, len(units), 2)]
        return "".join([chr(code) if code < 128 else f"\\u{code:04x}" for code in codes])
    return text


def _text(value: Any, newline: str, step: str, colon: str) -> str:
    # Exact types first: nearly every value of a report is one of these, and a look-up is quicker than a chain of tests.
    kind = type(value)
    if kind is dict or isinstance(value, dict):
        return _object(value, newline, step, colon) if value else "{}"
    if isinstance(value, list | tuple):
        if not value:
            return "[]"
        inner = newline + step
        return f"[{inner}{f',{inner}'.join([_text(item, inner, step, colon) for item in value])}{newline}]"
    write = _PLAIN.get(kind)
    if write is not None:
        return write(value)
    for kind, write in _PLAIN.items():
        if isinstance(value, kind):
            return write(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _object(value: dict[Any, Any], newline: str, step: str, colon: str) -> str:
    """Text of a mapping that is not empty."""
    inner = newline + step
    plain, known = _PLAIN.get, _KEYS[colon]
    items = [
        (known[key] if key in known else _key(key, known, colon))
        + (_text(item, inner, step, colon) if (write := plain(type(item))) is None else write(item))
        for key, item in value.items()
    ]
    return f"{{{inner}{f',{inner}'.join(items)}{newline}}}"


_KEYS: dict[str, dict[str, str]] = {":": {}, ": ": {}}
"""Texts of keys met so far, with either colon behind them: a report has the same few again and again."""


def _key(key: Any, known: dict[str, str], colon: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key must be a string, not {type(key).__name__}")
    text = quoted(key) + colon
    if len(known) < _MOST_KEYS:
        known[key] = text
    return text


def _float(value: float) -> str:
    text = float.__repr__(value)
    if text in ("nan", "inf", "-inf"):
        raise ValueError(f"{text} has no JSON form")
    return text


_PLAIN: dict[type, Callable[[Any], str]] = {
    str: quoted,
    type(None): {None: "null"}.__getitem__,
    bool: {True: "true", False: "false"}.__getitem__,
    int: int.__repr__,
    float: _float,
}
"""Functions that write scalars, by type; ``bool`` stands before ``int``, of which it is a kind."""
