"""Folding of a name before it is looked up. The alias table is keyed by folded names (see ``spellings``).

Folding makes the regular spellings one key, so that the catalogue lists only the irregular ones:
``NVIDIA GeForce RTX 4090``, ``geforce-rtx-4090`` and ``RTX4090`` are all ``rtx4090``.
"""

from __future__ import annotations

from vramfit.errors import UsageError

CUSTOM_PREFIX = "custom:"
"""Beginning of the name of a GPU that is in no catalogue: ``custom:24GiB@1008GB/s``."""

MAX_GPUS = 1024
"""Largest count before a GPU's name: beyond any machine, small enough to catch a slip of the keyboard."""

_PREFIXES = (
    "nvidia", "geforce", "tesla",
    "amd", "ati", "radeonaipro", "radeonpro", "radeoninstinct", "radeon", "instinct",
    "intel", "datacentergpu",
    "macbookpro", "macbookair", "macmini", "macstudio", "imac", "mac", "apple",
    "googlecloud", "google", "cloudtpu",
)  # fmt: skip
"""Brand words in front of the name proper; longer ones first where one begins another."""

_SUFFIXES = (("laptopgpu", "laptop"), ("mobile", "laptop"), ("notebook", "laptop"), ("graphics", ""))
_NOISE = ("(r)", "(tm)", "®", "™")
_WORDS = (("generation", ""), ("edition", ""), ("gib", "gb"))

EDITED = (
    "uncensored",
    "abliterated",
    "heretic",
    "decensored",
    "derestricted",
    "obliterated",
    "merge",
    "merged",
    "omnimerge",
)
"""Words by which publishers name edits of a model's weights, and averages of its fine-tunes, which change no shape."""


def normalise(name: str) -> str:
    """Key of a GPU's name: lower case, letters and digits only, without brand words.

    >>> normalise("NVIDIA GeForce RTX 4090"), normalise("Intel(R) Arc(TM) A770 Graphics")
    ('rtx4090', 'arca770')
    """
    text = name.lower()
    for noise in _NOISE:
        text = text.replace(noise, "")
    text = "".join([c for c in text if c.isalnum()])
    for word, other in _WORDS:
        text = text.replace(word, other)
    for ending, other in _SUFFIXES:
        if text.endswith(ending):
            text = text[: -len(ending)] + other
    stripped = True
    while stripped:
        stripped = False
        for prefix in _PREFIXES:
            if text.startswith(prefix) and len(text) > len(prefix):
                text = "tpu" + text[len(prefix) :] if prefix == "cloudtpu" else text[len(prefix) :]
                stripped = True
                break
    return text


def normalise_model(name: str) -> str:
    """Key of a model's name: lower case, separators dropped except where two digits would touch.

    Dots stay between digits, because ``qwen2.5`` and ``qwen25`` are different names.

    >>> normalise_model("Qwen/Qwen2.5-7B-Instruct"), normalise_model("llama 3.1 8b"), normalise_model("command-r+")
    ('qwenqwen2.5-7binstruct', 'llama3.1-8b', 'commandrplus')
    """
    out: list[str] = []
    gap = ""
    for character in name.lower().replace("+", "plus"):
        if character.isalnum():
            if gap and out and out[-1].isdecimal() and character.isdecimal():
                out.append(gap)
            out.append(character)
            gap = ""
        elif character == "." and not gap:
            gap = "."
        else:
            gap = "-"
    return "".join(out)


_DIGITS = "0123456789"
_TIMES = ("x", "X", "×", "*")
"""Signs between a count and a name."""
_ENDING = "max"
"""Word of names that ends in a sign for times: ``M3 Max 64``."""
_FEWEST_OF_A_NAME = 3
"""Digits of the shortest name that is a number (``970``): before a sign it is a name where one or two digits follow."""


def parse_gpu(name: str) -> tuple[int, str]:
    """Count and name of ``[COUNTx]ID``: ``2xrtx3090``, ``2 * RTX 3090``, ``3090x2`` and ``rtx3090:2`` are ``(2, …)``.

    ``7900 XTX`` and ``9060xt-16gb`` are names. Raises ``UsageError`` for a count outside 1 to 1024.
    """
    text = name.strip()
    cut = 0
    while cut < len(text) and text[cut] in _DIGITS:
        cut += 1
    rest = text[cut:].lstrip()
    behind = rest[1:].strip()
    if not cut or rest[:1] not in _TIMES or not behind or (cut >= _FEWEST_OF_A_NAME and _is_count(behind)):
        return _counted_behind(text)
    count = int(text[:cut]) if cut <= 6 else MAX_GPUS + 1
    suffix, *_ = rest[1:].lower().replace("-", " ").split(" ")
    if suffix in ("t", "tx") or (suffix.startswith("t") and count > MAX_GPUS):
        return _counted_behind(text)
    if not 1 <= count <= MAX_GPUS:
        raise UsageError(f'"{name}" asks for {text[:cut]} GPUs', f"give a count from 1 to {MAX_GPUS}, as in 2xrtx3090")
    return count, behind


def _is_count(text: str) -> bool:
    return len(text) < _FEWEST_OF_A_NAME and text.isdecimal() and text.isascii() and text.strip("0") != ""


def _counted_behind(text: str) -> tuple[int, str]:
    """Count and name where the count stands behind the name; 1 and the text where none does.

    What stands before the sign has a digit, so that ``RTX40`` is a name. A colon has no blank beside it: one that has
    stands between a fact and its name, as ``warp size: 32`` in what llama.cpp prints.
    """
    cut = len(text)
    while cut and text[cut - 1] in _DIGITS:
        cut -= 1
    before = text[:cut].rstrip()
    known = before[:-1].rstrip()
    blank = before != text[:cut] or known != before[:-1]
    signs = _TIMES if blank else (*_TIMES, ":")
    if before[-1:] not in signs or not _is_count(text[cut:]) or text.lower().startswith(CUSTOM_PREFIX):
        return 1, text
    if before.lower().endswith(_ENDING):
        return 1, text
    return (int(text[cut:]), known) if any(letter in _DIGITS for letter in known) else (1, text)
