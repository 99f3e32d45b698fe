"""Values of a list that people write in one text: ``2x3090, 4070``, ``4090 + 3090``, ``3090 Ti and 3090``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

BETWEEN = (" and ", " & ", " plus ")
"""Words and signs between values, beside a key's own separators."""
OPENING, CLOSING = "([", ")]"
FACTS = ("inc.", "compute cap", "gfx", "vmm:", "wave size", "vram", "pci id", "wddm", "driver", "total", "free")
"""Beginnings of what a program or a register prints behind a device's name, or within it (``Advanced Micro Devices, Inc.``)."""
UNITS = ("mib", "gb", "gib")
CHIPS = ("m1", "m2", "m3", "m4", "m5", "m6")


def divided(raw: Any, separators: str) -> list[Any]:
    """Texts between the separators of a text; what is no text, or has no separator, as it is.

    What stands in brackets is one value with its name, and so is a size or a fact of a device behind one.
    """
    if not isinstance(raw, str):
        return [str(raw) if isinstance(raw, int) and not isinstance(raw, bool) else raw]
    first = separators[0]
    text = raw.replace("\0", " ")
    for word in BETWEEN:
        text = text.replace(word, first)
    if not any(sign in text for sign in separators) or text.startswith("["):  # a line of ``sycl-ls``
        return [raw]
    parts: list[Any] = []
    for part in _cut(text, separators).split("\0"):
        plain = part.strip()
        if parts and (_is_fact(plain) or plain[:1] == ":" or _is_mac(parts[-1])):
            parts[-1] += f", {plain}" if plain[:1] != ":" else f"+{plain}"
        else:
            parts.append(plain)
    return parts


def _cut(text: str, separators: str) -> str:
    """Text with a zero in the place of each separator that divides.

    A plus that ends a word of letters is part of it (``Ryzen AI Max+ 395``); one behind a digit divides (``4090+ 3090``).
    """
    found = []
    depth = 0
    for at, sign in enumerate(text):
        depth += (sign in OPENING) - (sign in CLOSING)
        behind = text[at + 1 : at + 2]
        in_word = sign == "+" and text[at - 1 : at].isalpha() and not behind.isalnum()
        in_number = (
            sign == "," and text[at - 1 : at].isdecimal() and text[at + 4 : at + 8].lower().startswith((" mib", "mib"))
        )
        found.append("\0" if sign in separators and depth <= 0 and not in_word and not in_number else sign)
    return "".join(found)


def _is_fact(text: str) -> bool:
    """True for what is said of the device before it: a size, with or without words behind it, its cores, what programs print."""
    first, _, rest = text.replace(" GB", "GB").replace(" gb", "gb").partition(" ")
    stated = _is_size(text) or (_is_size(first) and not any(sign.isdecimal() for sign in rest))
    return stated or text.lower().startswith(FACTS) or text.lower().endswith(("core", "cores"))


def _is_mac(text: str) -> bool:
    """True for a Mac whose chip is not named, since it stands behind the comma: ``MacBook Pro 14-inch, M5``."""
    words = text.lower().split()
    return words[:1] in (["macbook"], ["mac"], ["imac"], ["mbp"]) and not any(word in CHIPS for word in words)


def _is_size(text: str) -> bool:
    """True for a size of memory, as it stands behind a name: ``128GB``, ``10240 MiB``."""
    size = text.lower().strip("()").replace(",", "")
    unit = next((unit for unit in UNITS if size.endswith(unit)), "")
    return bool(unit) and size.removesuffix(unit).strip().isdecimal()
