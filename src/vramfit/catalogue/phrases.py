"""Models by names as people write them in a sentence. Loaded only for a name that nothing else knows.

They put a short word for the quantization behind the name (``llama 3 70b q4``), words between (``qwen3 8b in 4 bit``), and a
size behind a model that has one (``mistral large 123b``).
"""

from __future__ import annotations

from vramfit.catalogue.packaging import GGUF
from vramfit.catalogue.repositories import Reading, readings
from vramfit.quantization.schemes import ALIASES, LOOSE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FILLERS = frozenset(
    ("in", "at", "as", "with", "a", "the", "quantized", "quant", "model", "llm", "moe", "dense", "precision")
)
"""Words of a name that say nothing of which model it is."""
SHORT = {"stable diffusion": "sd", "stable-diffusion": "sd"}
"""Series that have the short form in their models' ids, by what people write in full."""
LM_STUDIO_ENCODER = "text-embedding-"
"""Beginning of the keys that LM Studio gives to embedding models."""
_SQUASHED = {name.replace("_", ""): scheme for name, scheme in GGUF.items()}
"""GGUF types without their dashes: ``q4km``."""
_SAME_SIZE = 0.06
"""Share by which a size that people say may differ from the number of parameters: 14 for 14.7, 671 for 684 with the MTP layer."""
_BILLIONS = {"b": 1, "t": 1000}


def phrased(name: str) -> Iterator[Reading]:
    """Readings of a name with blanks or dashes: without the words that say nothing, and without a short quantization behind."""
    if "/" in name or ":" in name:
        return
    if name.lower().startswith(LM_STUDIO_ENCODER):
        yield Reading(name[len(LM_STUDIO_ENCODER) :])
    for phrase, short in SHORT.items():
        if name.lower().startswith(phrase):
            name = short + name[len(phrase) :]
            yield Reading(name)
            yield from readings(name)
    words = [word for word in name.replace("@", " ").replace(" billion", "b").split() if word.lower() not in FILLERS]
    text = " ".join(words)
    if not text:
        return
    if text != name:
        yield Reading(text)
        yield from readings(text)
    if text[:1] in "lL" and text[1:2].isdecimal() and not text.isalnum():
        yield Reading(f"llama{text[1:]}")  # ``L3.3 70B``
    for at in range(1, len(text) - 1):
        if text[at - 1].isalpha() and text[at : at + 2].isdecimal() and not text[at + 2 : at + 3].isalnum():
            yield Reading(f"{text[: at + 1]}.{text[at + 1 :]}")  # ``llama31-8b``
    cut = max(text.rfind(" "), text.rfind("-"))
    last = text[cut + 1 :].lower()
    quant = _SQUASHED.get(last) or (ALIASES[last] if last in LOOSE else None)
    if cut > 0 and quant is not None:
        yield Reading(text[:cut], {"family": "gguf", "quant": quant})


def of_size(name: str, look_up: Callable[[str], tuple[int, ...]], billions: Callable[[int], float]) -> int | None:
    """Number of the one entry of a name without the size behind it that has so many parameters; None for none, or several."""
    stem, _, last = name.rpartition(" ")
    factor = _BILLIONS.get(last[-1:].lower())
    digits = last[:-1].replace(".", "", 1)
    if not stem or factor is None or not digits.isascii() or not digits.isdecimal():
        return None
    size = float(last[:-1]) * factor
    found = [number for number in look_up(stem) if abs(billions(number) - size) <= _SAME_SIZE * size]
    return found[0] if len(found) == 1 else None
