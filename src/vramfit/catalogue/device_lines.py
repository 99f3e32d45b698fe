"""GPUs by names as programs and shops print them, with a chip, a driver or a maker's series beside the card's own name.

``lspci`` puts the card behind the chip, in brackets; Vulkan drivers put themselves behind it, in parentheses; llama.cpp says what
the card can do; a processor's name says which graphics it has. Loaded for a name that the table of names does not have.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

from vramfit.catalogue.names import normalise
from vramfit.errors import UnknownGpu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BEFORE = re.compile(
    r"^(?:ggml_(?:vulkan|sycl|cuda)[\w]*: *(?:\d+ *= *)?|(?:\[[^\]]*:[^\]]*\])+ *(?:intel\(r\) oneapi [^,]*, *)?"
    r"|(?:device: *)?(?:device|gpu|cuda|vulkan|rocm|sycl|mtl|hip|musa) ?:?\d+ *[:=]? +(?=\D)"
    r"|(?:device|gpu|metal) ?: +(?=\D)|nvidia\.com/gpu\.product *[:=] *)",
    re.IGNORECASE,
)
"""Number of a device before its name: of llama.cpp, ``nvidia-smi -L``, PyTorch and Intel's ``sycl-ls``."""
BEHIND = re.compile(
    r" *(?:\||, *(?:gfx\d|compute cap|vram|vmm|wddm|wave size|pci id|driver)| : (?:native|cudamallocasync)"
    r"| \d+\.\d+\.\d+(?: *\[.*)?$).*$",
    re.IGNORECASE,
)
"""Facts of a device that a program prints behind its name."""
NOT_A_CARD = re.compile(r"^(?:AMD/ATI|[0-9a-f]{4}(?::[0-9a-f]{4})?|0x[0-9a-f]+)$", re.IGNORECASE)
"""Contents of brackets that are a maker or a number of the PCI register."""
OF_MEMORY = re.compile(r"^(\d+ *(?:gb?|gib|mib))(?:, *[\d,]+ *mib free)?$", re.IGNORECASE)
MAX_Q = re.compile(r" (?:mobile */ *)?(?:with )?max-?q(?: design| refresh)?(?: */ *mobile)?$", re.IGNORECASE)
PROFILE = re.compile(r"^(.*)-(\d+)[QCAB]$", re.IGNORECASE)
"""Name of a profile of NVIDIA's vGPU software: ``A40-48Q``."""
SLICE = re.compile(r"\b(?:mig[- ])?(\d)(?:c\.\d)?g\.(\d+)gb\b(?:\+\w+)?", re.IGNORECASE)
"""A slice of NVIDIA's Multi-Instance GPU: ``MIG 3g.40gb``, ``1g.10gb``."""
WHOLE_SLICES = (("7", ""), ("4", "24"), ("4", "96"))
"""Slices of a whole card: seven sevenths, and of the A30 and the RTX PRO 6000 four quarters (docs.nvidia.com MIG guide)."""
FRACTION = re.compile(
    r"^(?:a |one )?(?:half|third|quarter|eighth|1/\d|0?\.\d+|\d\d% of) ?(?:of )?(?:an? |the )?\D", re.IGNORECASE
)
"""Beginning of a name that means a part of a card: ``half an A100``, ``1/2 H100``."""
WORDS = (
    "corporation", "series", "lite hash rate", "lhr", "oam", "vf", "shared", "dual slot", "desktop", "mxgpu", "grid",
    "developer kit", "dev kit", "devkit", "oem", "active", "lc", "modded",
)  # fmt: skip
"""Words of a name that say nothing of a card's memory: its register's maker, its series, its slot, its virtual function."""
BRANDS = ("nvidia", "geforce", "radeon", "quadro", "tesla", "instinct")
ALIKE = 0.75
"""Likeness from which a word is a brand misspelt (``difflib``): GeForec, Nvdia."""
MAKERS = frozenset((
    "asus", "msi", "gigabyte", "evga", "zotac", "palit", "gainward", "inno3d", "pny", "sapphire", "xfx", "powercolor",
    "asrock", "kfa2", "galax", "colorful", "sparkle", "aorus", "maxsun", "leadtek", "manli", "yeston", "acer", "dell",
    "hp", "lenovo",
))  # fmt: skip
VARIANTS = frozenset(("ti", "super", "xt", "xtx", "gre", "d", "laptop", "mobile", "max-q", "ada", "sff", "nvl", "pcie"))
"""Words that make a card another one where they stand behind its name."""
GRAPHICS_OF = {"gfx1151": "radeon 8060s", "strix_halo": "radeon 8060s", "(mtl)": "arc graphics 128eu"}
"""Integrated graphics by the code name that a driver adds to ``AMD Radeon Graphics``."""
UNNAMED = frozenset(("radeon", "intel", "amdradeon", "uhd", "arc", "radeonvega", "device"))
"""Folded names that drivers give to the graphics of many processors."""
CODE_NAMES = (
    "phoenix", "hawk point", "cezanne", "renoir", "lucienne", "barcelo", "raphael", "granite ridge", "picasso", "mendocino",
)  # fmt: skip
"""Names of processors in the PCI register, each with several sizes of graphics."""


def readings(name: str) -> Iterator[str]:
    """Names of the card that a line means, the likeliest first; none for a name without anything beside the card's own.

    Raises ``UnknownGpu`` for a part of a card, and for a name that is the driver's for the graphics of many processors.
    """
    line = "".join([c if c.isascii() else " " for c in name.replace("×", "x").replace("（", "(").replace("）", ")")])
    known = next((card for code, card in GRAPHICS_OF.items() if code in line.lower()), None)
    text = _without_signs(BEHIND.sub("", BEFORE.sub("", line.strip())), known)
    yield from _whole(name, text)
    plain = _without_words(text)
    embedded = plain.replace("Embedded GPU", "Laptop GPU")
    for one in dict.fromkeys((text, plain, MAX_Q.sub(" Max-Q", plain), MAX_Q.sub(" Laptop", plain), embedded)):
        if one and one != name:
            yield one
    yield from _of_words(plain.split())
    _refuse_unnamed(name, plain)


def alternatives(name: str) -> tuple[str, ...]:
    """Names of the cards that a line has with strokes between: ``RX 6700/6700 XT/6750 XT`` of a PCI register."""
    parts = tuple([one.strip() for one in _without_signs(name, None).split("/")])
    return parts if len(parts) > 1 and all(any(c.isdecimal() for c in one) for one in parts[1:]) else ()


def _without_signs(text: str, known: str | None) -> str:
    """Card's own name without brackets and parentheses, or what is in the last brackets that have a card's name.

    ``known`` are the graphics that a code name in the line means; they count where the rest names none.
    """
    inside = [one.strip() for one in re.findall(r"\[([^\]]*)\]", text) if not NOT_A_CARD.match(one.strip())]
    text = inside[-1] if inside else re.sub(r"\[[^\]]*\]", " ", text)
    if text.lower().startswith("microsoft direct3d12 ("):
        text = text.partition("(")[2].rstrip(")")
    kept = " ".join(re.sub(r"\(([^)]*)\)", lambda match: _of_parentheses(match[1]), text).split())
    if known is not None and normalise(kept) in UNNAMED:
        return known
    processor, _, graphics = kept.rpartition(" w/ ")
    if not processor and " with Radeon " in kept:
        graphics = kept.partition(" with ")[2]
    return graphics or kept


def _of_parentheses(text: str) -> str:
    """Size of memory that stands in parentheses, which is part of the name; blank for a driver or a trade mark."""
    size = OF_MEMORY.match(text.strip())
    return f" {size[1]} " if size else " "


def _without_words(text: str) -> str:
    """Name without the words that say nothing of a card's memory."""
    padded = re.sub(r"\bgfx\w+", " ", f" {text.replace('-SHARED', ' ')} ")
    for word in WORDS:
        padded = re.sub(rf" {re.escape(word)}(?= )", " ", padded, flags=re.IGNORECASE)
    return " ".join(padded.split())


def _of_words(words: list[str]) -> Iterator[str]:
    """Names without a brand that is misspelt before them, and without a board maker's words around them."""
    lower = [word.lower() for word in words]
    brands = 0
    while brands < len(words) - 1 and get_close_matches(lower[brands], BRANDS, 1, ALIKE):
        brands += 1
    yield " ".join(words[brands:])
    if not words or lower[0] not in MAKERS:
        return
    size = next((word for word in lower if OF_MEMORY.match(word)), "")
    kept = [word for word, low in zip(words, lower, strict=True) if low != size]
    for length in range(len(kept) - 1, 0, -1):
        for start in range(len(kept) - length + 1):
            behind = kept[start + length : start + length + 1]
            run = kept[start : start + length]
            if any(c.isdecimal() for c in "".join(run)) and not VARIANTS.intersection(word.lower() for word in behind):
                yield " ".join([*run, *([size] if size else [])])


def _whole(name: str, text: str) -> Iterator[str]:
    """Card of which a profile has all the memory; none for a name without a profile.

    Raises ``UnknownGpu`` where a name means a part of a card.
    """
    profile, piece, fraction = PROFILE.match(text), SLICE.search(text), FRACTION.match(name)
    if profile is not None:
        card = _without_words(profile[1])
        yield f"{card} {profile[2]}GB"
        if card[-1:] in "DX":  # ``GRID A100D-80C``: NVIDIA marks the boards of twice the memory
            yield f"{card[:-1]} {profile[2]}GB"
    elif piece is not None:
        if any(piece[1] == slices and size in ("", piece[2]) for slices, size in WHOLE_SLICES):
            around = f"{text[: piece.start()]} {text[piece.end() :]}".replace(" on ", " ").replace("-", " ")
            yield " ".join(f"{_without_words(around)} {piece[2]}GB".split())
    elif fraction is None:
        return
    size = profile[2] if profile is not None else piece[2] if piece is not None else ""
    amount, stated = (f", with {size} GB", size) if size else ("", "SIZE")
    raise UnknownGpu(
        f"{name} is a part of a card{amount}",
        f"ask for that part as -g custom:{stated}GB@BANDWIDTH, or for the card with --usable {stated}GB",
    )


def _refuse_unnamed(name: str, plain: str) -> None:
    """Raise ``UnknownGpu`` for a name that the graphics of many processors have."""
    if normalise(re.sub(r"\d+ *mib$", "", plain, flags=re.IGNORECASE)) in UNNAMED or any(
        word in name.lower() for word in CODE_NAMES
    ):
        raise UnknownGpu(
            f'"{name}" is what a driver calls the graphics of many processors',
            "name the graphics (Radeon 780M, Arc 140V), or say how much memory they may use: -g custom:16GB@90GB/s",
        )


def look_up_any(name: str, look_up: Callable[[str], tuple[int, ...]]) -> tuple[int, ...]:
    """Numbers of all the entries that the alternatives of a name have."""
    return tuple(dict.fromkeys([number for one in alternatives(name) for number in look_up(normalise(_bare(one)))]))


def _bare(name: str) -> str:
    """Name without a word between its brand and its number: ``Intel Arc Graphics 130V``."""
    return re.sub(r" graphics(?= \S)", "", name, flags=re.IGNORECASE)
