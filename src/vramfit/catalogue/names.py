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
            if gap and out and out[-1].isdigit() and character.isdigit():
                out.append(gap)
            out.append(character)
            gap = ""
        elif character == "." and not gap:
            gap = "."
        else:
            gap = "-"
    return "".join(out)


def parse_gpu(name: str) -> tuple[int, str]:
    """Count and name of ``[COUNTx]ID``: ``2xrtx3090`` and ``2x RTX 3090`` are ``(2, …)``.

    ``7900 XTX`` and ``9060xt-16gb`` are names. Raises ``UsageError`` for a count outside 1 to 1024.
    """
    text = name.strip()
    cut = 0
    while cut < len(text) and text[cut] in "0123456789":
        cut += 1
    rest = text[cut:].lstrip()
    if not cut or rest[:1] not in ("x", "X", "×") or not rest[1:].strip():
        return 1, text
    count = int(text[:cut]) if cut <= 6 else MAX_GPUS + 1
    suffix, *_ = rest[1:].lower().replace("-", " ").split(" ")
    if suffix in ("t", "tx") or (suffix.startswith("t") and count > MAX_GPUS):
        return 1, text
    if not 1 <= count <= MAX_GPUS:
        raise UsageError(f'"{name}" asks for {text[:cut]} GPUs', f"give a count from 1 to {MAX_GPUS}, as in 2xrtx3090")
    return count, rest[1:].strip()
