"""GPUs of a machine or a processor by its own name: ``DGX H100``, ``Beelink GTR9 Pro 128GB``, ``Ryzen 7 7840HS``.

Loaded for a name that no GPU has. The memory that a machine is sold with stands in its name or is asked for.
"""

from __future__ import annotations

import re

from vramfit.errors import UnknownGpu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

STRIX_HALO, GB10, EIGHT = "radeon 8060s", "gb10", 8
MACHINES = {
    **dict.fromkeys((
        "evo x2", "framework desktop", "framework mainboard", "gtr9 pro", "gtr9", "ms s1 max", "bosgame m5", "z2 mini g1a",
        "zbook ultra g1a", "zbook ultra", "flow z13", "ryzen ai halo", "ai workstation 300", "nimo ai", "fa ex9", "strixhalo",
    ), STRIX_HALO),
    **dict.fromkeys((
        "dgx spark", "project digits", "ascent gx10", "gx10", "thinkstation pgx", "zgx nano", "edgexpert", "veriton gn100",
        "ai top atom", "pro max with gb10", "pro max gb10",
    ), GB10),
    "xbox ally x": "z2 extreme", "ally x": "z1 extreme", "rog ally": "z1 extreme", "legion go 2": "z2 extreme",
    "xbox ally": "z2 a", "claw a8": "z2 extreme", "claw 8 ai+": "arc 140v", "claw 8 ai": "arc 140v", "claw 7 ai+": "arc 140v",
    "um890 pro": "radeon 780m", "um790 pro": "radeon 780m", "ser8": "radeon 780m", "ser9": "radeon 890m",
    "evo x1": "radeon 890m", "framework 13 7840u": "radeon 780m",
    "agx orin": "jetson agx orin", "orin nano super": "jetson orin nano super", "orin nx": "jetson orin nx",
    "agx thor": "jetson agx thor", "agx xavier": "jetson agx xavier", "xavier nx": "jetson xavier nx",
}  # fmt: skip
"""Graphics of machines by words of their names. Machines of one processor are listed together, by thefrontierlab.ai
``strix-halo-buyers-guide`` (2026-06-25), verdict-reviews.com ``framework-desktop-ryzen-ai-max`` and compute-market.com
``dgx-spark-vs-strix-halo-local-ai-2026``; handhelds and small machines by their makers' names of the processor."""
SIZED = ("radeon 80", "jetson")
"""Beginnings of graphics that the catalogue has by the memory of their machine."""
OTHER_PROCESSOR = {("framework desktop", "32"): "radeon 8050s"}
"""Machines of which one size has another processor (frame.work: the 32 GB one has a Max 385)."""

CLUSTERS = {
    "h100": (EIGHT, "h100 sxm"), "h200": (EIGHT, "h200"), "h20": (EIGHT, "h20"), "h800": (EIGHT, "h800 sxm"),
    "a100": (EIGHT, "a100 sxm4"), "a800": (EIGHT, "a800 sxm4"), "b200": (EIGHT, "b200"), "b300": (EIGHT, "b300"),
    "v100": (EIGHT, "v100 sxm2"), "1": (EIGHT, "v100 sxm2"), "2": (16, "v100 sxm3"),
}  # fmt: skip
"""Cards of NVIDIA's DGX and HGX systems by the word behind that name (docs.nvidia.com/dgx: system user guides)."""
SYSTEMS = ("dgx", "hgx")
STATION = {"a100": (4, "a100 sxm4"), "v100": (4, "v100 dgxs")}
"""Cards of DGX Stations."""
RACK = re.compile(r"^(?:nvidia )?(gb200|gb300)(?: superchip)? nvl ?(\d{1,2})$")
"""Name of a rack of NVIDIA's, which states its cards: ``GB200 NVL72``."""
TWO_ON_A_BOARD = (re.compile(r"\bb60 (?:dual|turbo dual)\b|\bdual b60\b"), "arc pro b60")
"""Boards with two Arc Pro B60, each with its own 24 GB."""

SERVICES = {
    "kaggle p100": (1, "p100-pcie-16gb"), "google colab free tier": (1, "t4"), "colab free tier": (1, "t4"),
    "google colab free": (1, "t4"), "colab free": (1, "t4"), "kaggle t4": (1, "t4"), "kaggle gpu t4 x2": (2, "t4"),
}  # fmt: skip
"""Cards of services for notebooks (kaggle.com/docs/efficient-gpu-usage; research.google.com/colaboratory/faq.html)."""
SERVICE_WORDS = ("google colab pro+", "google colab pro", "colab pro+", "colab pro", "google colab", "kaggle")
"""Names of plans before a card's name, longer ones first."""
CARDS = frozenset(("rtx", "gtx", "rx", "quadro", "tesla", "instinct", "geforce"))
"""Words of cards beside a processor or a machine: the card is meant then."""
NODES = re.compile(r"^\d+ ?x? (?:nodes?|machines|servers|boxes)\b")
RACKS = ("nvl72", "nvl36", "nvidia nvl72", "nvl4")

PROCESSORS = (
    (r"ai max\+? (?:pro )?(?:395|392|388)\b", STRIX_HALO),
    (r"ai max (?:pro )?(?:390|385)\b", "radeon 8050s"),
    (r"ai max (?:pro )?380\b", "radeon 8040s"),
    (r"ai 9 (?:hx )?(?:pro )?(?:hx )?(?:370|375|470|475)\b", "radeon 890m"),
    (r"ai 9 (?:365|465)\b|ai 7 pro 360\b", "radeon 880m"),
    (r"ai 7 (?:pro )?(?:350|450)\b", "radeon 860m"),
    (r"ai 5 (?:pro )?(?:340|430|435)\b", "radeon 840m"),
    (r"\b(?:7840|7940|8840|8845|8945)(?:hs|hx|h|u)\b|\b8745hs?\b|\b8700g\b|\b[79]40hs\b|\bryzen 7 2[56]0\b", "radeon 780m"),
    (r"\b(?:7640|8640|8645)(?:hs|u)\b|\b8600g\b", "radeon 760m"),
    (r"\b(?:7540|7545|8540)u\b|\b8500g\b|\b7440u\b", "radeon 740m"),
    (r"\b(?:6800|6900|6980)(?:hs|hx|h|u)\b|\b77?35(?:hs|h|u)\b|\b773[56](?:hs|h|u)\b", "radeon 680m"),
    (r"\b6600(?:hs|h|u)\b|\b7535(?:hs|u)\b", "radeon 660m"),
    (r"\b(?:4700|5700|4800|5800|5825|5900)(?:ge|g|hs|hx|h|u)\b", "radeon vega 8"),
    (r"\b(?:4600|5600|5625)(?:ge|g|hs|h|u)\b", "radeon vega 7"),
    (r"\b3400g\b|\b2400g\b", "radeon vega 11"),
    (r"ultra x[79] 3\d8h\b", "arc b390"),
    (r"ultra [579] (?:23[68]|22[68])v\b", "arc 130v"),
    (r"ultra [579] (?:25[68]|26[68]|288)v\b", "arc 140v"),
    (r"ultra [579] (?:255|265|285)h\b", "arc 140t"),
    (r"ultra [579] (?:225|235)h\b", "arc 130t"),
    (r"ultra [79] 1[5-8]5h\b", "arc graphics 128eu"),
    (r"ultra 5 1[23]5h\b", "arc graphics 112eu"),
    (r"\bi[57] 1[1-3]\d\d(?:g7|p)\b|\bi[79] 1[23][6-9]\d0h\b", "iris xe"),
    (r"\bi[579] 1[2-4][6-9]00(?:k|ks|t)?\b", "uhd 770"),
    (r"\bi[35] 1[2-4][14]00t?\b", "uhd 730"),
)  # fmt: skip
"""Graphics of processors by a pattern of their name, in small letters with blanks for dashes: AMD's and Intel's product
names (amd.com/en/products/specifications/processors, ark.intel.com), written down in November 2026."""
SEVERAL = {
    "legion go s": "z1 extreme or z2 go",
    "framework 16": "radeon 780m, 840m or 890m",
    "framework 13": "radeon 780m, 840m or 890m",
}
"""Machines that come with one of several graphics."""
PROCESSOR = re.compile(
    r"^(?:amd |intel )?(?:ryzen|athlon|epyc|threadripper|xeon|core |pentium|celeron|n\d{2,3}$|i[3579] ?\d{4})"
)
"""Beginning of the name of a processor."""
MACHINE_WITHOUT = re.compile(
    r"^(?:apple )?(?:intel )?(?:thinkpad|surface|orange pi|rock 5|latte panda|gpd win|nuc|imac)\b"
)
"""Beginning of the name of machines that come with several processors."""
SIZE = re.compile(r"^(\d{1,3}) ?(?:gb?|gib)$")


MAC = re.compile(r"\bm[1-6](?: (?:pro|max|ultra))?\b")
"""Chip of a Mac."""
OF_A_QUESTION = re.compile(
    r"(?:\d+(?:\.\d+)?b|a\d+b|\d{1,3}k|i?q\d|\dbit|awq|gptq|gguf|mlx|vllm|sglang|ollama|fp\d+|bf16|int\d|nvfp4|mxfp4|exl\d|"
    r"(?:qwen|llama|gemma|mistral|mixtral|deepseek|nemotron|phi\d|glm|kimi|granite|flux|whisper|minimax|devstral|magistral).*|gpt|oss)$"
)
"""Words of a model, its bits or its engine: a line with one is a question, of which a machine is a part."""
OF_MAC = re.compile(
    r"(?:\d+(?:\.\d+)?(?:gb?|gib|tb|c|cpu|gpu|core|cores|inch|in)?|20\d\d|apple|silicon|mac\d*|macbook|imac|pro|air|max|mini|studio|ultra|"
    r"chip|soc|core|cores|cpu|gpu|gpus|npu|neural|engine|unified|shared|memory|ram|ssd|storage|disk|nvme|inch|binned|base|full|"
    r"laptop|desktop|computer|early|mid|late|metal|mps|integrated|and|of|the|a|my|an|version|model|spec|unbinned|top|m\d)$"
)
"""Words that say something of a Mac; of a text with others the chip is a part."""
DISKS = ("ssd", "storage", "nvme", "disk")
CHINESE = {"单": 1, "双": 2, "两": 2, "三": 3, "四": 4, "六": 6, "八": 8}
COUNTED = (
    re.compile(r"^(\d{1,2}|[单双两三四六八])\s*[卡张块片路]+\s*(.*\d.*)$"),
    re.compile(r"^(?=.*\d.*[\s双两三四六八])(?!.*[卡张块片].*\d)()(.*?)\s*(\d{1,2}|[单双两三四六八])\s*[卡张块片]$"),
)
"""Counts of cards in Chinese, before and behind a name: ``8卡A100``, ``4张4090``, ``3090 双卡``."""


BEHIND = re.compile(r"^(?P<machine>.*[a-z\d)])\s+\(?[x×*]\s*(?P<count>\d{1,2})\)?$", re.IGNORECASE)
"""Count behind a machine's name: ``DGX Spark x2``."""


def built(name: str) -> tuple[int, str, str] | None:
    """Number of cards in a machine, the name of one, and a sentence; None for a name that means no machine known here.

    Raises ``UnknownGpu`` for several machines.
    """
    words = _words(name)
    text = " ".join(words)
    for form in COUNTED:
        found = form.match(name.strip())
        if found is not None:
            count = "".join([found[1], *found.groups()[2:]])
            return CHINESE.get(count) or max(1, int(count)), found[2], f"gpu: {name} is read as {count} of {found[2]}"
    if NODES.match(text):
        raise UnknownGpu(
            f'"{name}" are several machines', "give all their cards and the count: -g 16xh100-sxm --nodes 2"
        )
    several = SERVICES.get(text) or _cluster(words, text)
    behind = None if several is not None else BEHIND.match(name.strip())
    one = built(behind["machine"]) if behind is not None else None
    if behind is not None and one is not None:
        cards = int(behind["count"]) * one[0]
        return cards, one[1], f"gpu: {name} is read as {cards}x{one[1]}"
    if several is not None:
        return *several, f"gpu: {name} is a machine with {several[0]}x{several[1]}"
    service = next((word for word in SERVICE_WORDS if text.startswith(f"{word} ")), None)
    if service is not None:
        return 1, text.removeprefix(service).strip(), f"gpu: {name} is read without the service's name"
    if not any(word in CARDS or OF_A_QUESTION.match(word) for word in words):
        size = _size(text)
        for card in (*_of_machine(text), *_of_processor(text)):
            whole = f"{card} {size}gb" if size and card.startswith(SIZED) else card
            return 1, whole, f"gpu: {name} is read as {whole}"
        for card in _of_mac(words, text):
            return 1, card, f"gpu: {name} is read as {card}"
    return None


def refuse(name: str) -> None:
    """Raise ``UnknownGpu`` for a processor, or a machine, whose graphics its name does not tell, and for a rack."""
    text = " ".join(_words(name))
    if PROCESSOR.match(text) or MACHINE_WITHOUT.match(text):
        raise UnknownGpu(
            f'"{name}" does not tell which graphics it has',
            "name them (Radeon 780M, Arc 140V, UHD 730) with --ram, or say how much memory they may use: -g custom:16GB@90GB/s",
        )
    several = next((cards for machine, cards in SEVERAL.items() if f" {machine} " in f" {text} "), None)
    if several is not None:
        raise UnknownGpu(f'"{name}" comes with several graphics', f"name the one it has: {several}")
    if text in RACKS:
        raise UnknownGpu(f'"{name}" comes with several cards', "name the card and the count: -g 72xgb200 or 72xgb300")


def _words(name: str) -> list[str]:
    """Words of a name in small letters, without signs; a plus and a point within a word are kept."""
    text = "".join([c if c.isascii() and (c.isalnum() or c in "+.") else " " for c in name.lower()])
    words: list[str] = []
    for word in text.split():
        if word in ("gb", "gib") and words and words[-1].isdecimal():
            words[-1] += word
        elif word not in ("tm", "r", "w", "with", "graphics"):
            words.append(word)
    return words


def _cluster(words: list[str], text: str) -> tuple[int, str] | None:
    """Cards of a system of several, with their size where the name states it."""
    size = "".join([f" {word}" for word in words if SIZE.match(word)])
    size = size or next((f" {word.partition('x')[2]}" for word in words if SIZE.match(word.partition("x")[2])), "")
    plain = [
        word
        for word in words
        if not SIZE.match(word.rpartition("x")[2]) and word not in ("nvidia", "gpu", "gpus", "8", "8x")
    ]
    rack = RACK.match(text)
    if rack is not None:
        return int(rack[2]), rack[1]
    if TWO_ON_A_BOARD[0].search(text):
        return 2, TWO_ON_A_BOARD[1]
    if len(plain) == 3 and plain[:2] == ["dgx", "station"] and plain[2] in STATION:
        count, card = STATION[plain[2]]
    elif len(plain) == 2 and plain[0] in SYSTEMS and plain[1] in CLUSTERS:
        count, card = CLUSTERS[plain[1]]
    else:
        return None
    return count, card + size


def _of_mac(words: list[str], text: str) -> Iterator[str]:
    """Chip of a Mac with its memory, which stands before its disk's size; the chip alone where no size is stated."""
    chip = MAC.search(text)
    if chip is not None and all(word in chip[0].split() or OF_MAC.match(word) for word in words):
        behind = [*words[1:], ""]
        sizes = [
            f[1] for word, after in zip(words, behind, strict=True) if (f := SIZE.match(word)) and after not in DISKS
        ]
        yield f"{chip[0]} {sizes[0]}gb" if sizes else chip[0]


def _of_machine(text: str) -> Iterator[str]:
    """Graphics of the machine whose words a text has, of its processor where that is named too."""
    for phrase, card in MACHINES.items():
        if f" {phrase} " in f" {text} ":
            yield next(_of_processor(text), OTHER_PROCESSOR.get((phrase, _size(text)), card))


def _of_processor(text: str) -> Iterator[str]:
    """Graphics of the processor that a text names."""
    for pattern, card in PROCESSORS:
        if re.search(pattern, text):
            yield card


def _size(text: str) -> str:
    """First size that a text states, in GB; empty where it states none."""
    return next((found[1] for word in text.split() if (found := SIZE.match(word))), "")
