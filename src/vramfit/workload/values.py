"""Values of deployment keys that are numbers, read from what a user or a file wrote.

``workload.keys`` reads words by itself; what is here loads when a key of another kind has a value.
"""

from __future__ import annotations

from vramfit.errors import UsageError
from vramfit.quantities import parse_memory, parse_pixels, parse_rate, parse_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.workload.keys import Key

_OF_TOKENS = ("tokens", "token", "tok", "context", "ctx")
"""Words around a number of tokens that say what is counted."""
TOKEN_UNITS = {"k": 1024, "m": 1024**2}
"""Factors of the letters behind a number of tokens, as vendors write contexts."""


def parse(key: Key, raw: Any) -> Any:
    """Parse the value of a key of numbers; returns and raises what ``parse_value`` says of its kind."""
    kind = key.kind
    if kind == "size":
        raw = key.read(str(raw)) if key.read is not None and not isinstance(raw, bool) else raw
        if isinstance(raw, str):
            if raw in key.choices:
                return raw
            return parse_size(raw) if key.decimal else parse_memory(raw)
        raise key.wrong(raw, "write the unit: 64GiB or 64GB")
    if kind == "shares":
        return _shares(key, raw)
    if kind == "rate":
        rate = parse_rate(str(raw))
        if not rate:
            raise key.wrong(raw, "more than 0GB/s")
        return rate
    if kind == "pixels":
        try:
            return parse_pixels(str(raw))
        except UsageError as error:
            raise UsageError(f'{key.name}: "{raw}" is not a valid value', error.hint) from None
    if kind == "tokens":
        return _tokens(key, raw)
    if kind == "count-or-word":
        raw = key.read(str(raw)) if key.read is not None and not isinstance(raw, bool) else raw
        if raw in key.choices:
            return raw
    if kind == "number":
        return _number(key, raw)
    return _integer(key, raw)


def _tokens(key: Key, raw: Any) -> int | str:
    """Parse ``32768``, ``32,768``, ``32k`` (32,768) and ``1M``; a word of the key's, for which ``0`` stands too."""
    if not isinstance(raw, str):
        return key.choices[0] if key.choices and raw == 0 and not isinstance(raw, bool) else _integer(key, raw)
    text = " ".join(
        [word for word in raw.lower().replace("~", "").replace("-", " -").split() if word.strip("-") not in _OF_TOKENS]
    )
    for word in _OF_TOKENS:
        text = text.removesuffix(word).rstrip(" -")
    if text in key.choices:
        return text
    if text in ("full", "maximum") and "max" in key.choices:
        return "max"
    if text == "0" and key.choices:
        return key.choices[0]
    word, slash, parts = text.partition("/")
    if slash and word in key.choices[:1] and parts.isdecimal() and int(parts):
        return f"{word}/{int(parts)}"
    text = text.removesuffix("i") if text[-2:-1] in TOKEN_UNITS else text  # ``32Ki``
    factor = TOKEN_UNITS.get(text[-1:], 1)
    digits = text[:-1].strip() if factor > 1 else text
    for sign in "_. '":
        digits_of = digits.split(sign)
        if len(digits_of) > 1 and all(len(group) == 3 and group.isdecimal() for group in digits_of[1:]):
            digits = digits.replace(sign, ",")
    groups = digits.split(",")
    if len(groups) > 1 and all(len(group) == 3 for group in groups[1:]) and 0 < len(groups[0]) <= 3:
        digits = "".join(groups)
    if factor == 1:
        return _integer(key, digits if digits.isdecimal() else raw)
    number = float(digits) if digits.isascii() and digits.replace(".", "", 1).isdecimal() and len(digits) < 10 else 0.0
    if not number or number * factor % 1:
        raise key.wrong(raw, _expected(key))
    return _integer(key, int(number * factor))


PEOPLE = (["user"], ["users"], ["requests"], ["people"], ["sequences"])
"""Words behind a number of sequences."""


def _integer(key: Key, raw: Any) -> int:
    value = raw
    if isinstance(raw, str):
        sign = -1 if raw.strip().startswith("-") else 1
        digits = raw.strip().removeprefix("-")
        if key.name == "parallel" and digits.split()[1:] in PEOPLE:
            raw = digits = digits.split()[0]
        thousands = digits.split(",")
        if len(thousands) > 1 and len(thousands[0]) < 4 and all(len(group) == 3 for group in thousands[1:]):
            raw = digits = "".join(thousands)
        if not digits.isascii() or not digits.isdecimal():
            raise key.wrong(raw, _expected(key))
        # Of the digits alone: what ``strip`` takes for a blank, ``int`` does not (0x1c to 0x1f).
        value = sign * int(digits) if len(digits) < 20 else 2**63
    if isinstance(value, bool) or not isinstance(value, int) or not key.minimum <= value <= key.maximum:
        raise key.wrong(raw, _expected(key))
    return value


def _shares(key: Key, raw: Any) -> tuple[float, ...]:
    """Parse proportions from ``3,1`` or a list; raises ``UsageError`` where all of them are 0."""
    parts = raw if isinstance(raw, list | tuple) else str(raw).replace("/", ",").split(",")  # llama.cpp takes both
    shares = []
    for part in parts:
        number = str(part).strip()
        if not number.isascii() or not number.replace(".", "", 1).isdecimal() or len(number) > 20:
            raise key.wrong(raw, "numbers with commas between, one for each GPU: 3,1")
        shares.append(float(number))
    if not sum(shares):
        raise key.wrong(raw, "at least one share above 0")
    return tuple(shares)


PRICES = ("budget", "max_price")
"""Keys whose value is a sum of money."""


def _plain_number(key: Key, raw: Any) -> Any:
    """A number without the signs of a price or of a share: ``$1,200``, ``500 USD``, ``1.5k``, ``90%``."""
    if not isinstance(raw, str):
        return raw
    text = raw.strip().lower()
    if text.endswith("%") and key.maximum <= 1:
        return float(text[:-1]) / 100
    if key.name in PRICES:
        text = text.strip("$ ").removesuffix("usd").removesuffix("dollars").strip().replace(",", "")
        return float(text[:-1]) * 1000 if text.endswith("k") else text
    return raw


def _number(key: Key, raw: Any) -> float:
    try:
        value = float(_plain_number(key, raw))
    except (TypeError, ValueError):
        raise key.wrong(raw, _expected(key)) from None
    foreign = isinstance(raw, str) and not raw.isascii()  # digits of other scripts, which integers and sizes refuse too
    if isinstance(raw, bool) or foreign or not key.minimum <= value <= key.maximum:
        raise key.wrong(raw, _expected(key))
    return value


def _expected(key: Key) -> str:
    kind = "a number" if key.kind == "number" else "a whole number"
    words = f", or {' or '.join(key.choices)}" if key.choices else ""
    upper = f" to {key.maximum:,}" if key.maximum < 2**31 - 1 else " or more"
    return f"{kind}, {key.minimum:g}{upper}{words}"
