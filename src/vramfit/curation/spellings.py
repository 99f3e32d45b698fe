"""Folded names that lead to catalogue entries: the alias table, derived and not typed by hand.

Each entry claims keys at a *level*; the lowest level that claims a key wins it, and a key claimed by several entries
at that level is ambiguous. Levels: 0 the id, 1 the name and the listed aliases, 2 short forms (``4090``, ``a100``,
``m4 max``), 3 what the driver prints (one string for several cards), a model's name without its size, a whole model
family, or a bare word of a series, 4 the family's first word, or an Ollama tag without its size.
"""

from __future__ import annotations

import itertools
import re

from vramfit.catalogue.names import normalise, normalise_model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

ID, NAME, SHORT, SHARED, STEM = range(5)

_MEMORY = re.compile(r"\d+gb?$")
_FORM = re.compile(r"(pcie|sxm\d?|nvl|hbm\d?e?|gddr\dx?|ac)$")
_GENERATION = {"ada", "blackwell", "workstation", "server", "sff", "pascal", "maxq", "max-q"}
_BRAND = {"rtx", "gtx", "rx", "quadro", "arc", "jetson"}
_MIN_LETTERS = 5
"""Length of the longest short form without a digit that is refused: ``titan`` names nothing, ``strixhalo`` does."""
_ABBREVIATED = {"super": "s", "laptop": "m"}
"""Letters for words of a name: ``4070s``, ``3060m``."""
_GLUED_BRAND = re.compile(r"^(rtx|gtx|rx|arcpro|arc|quadro)(?=[a-z]?\d)")
_SIZE = re.compile(r"[ae]?\d+(\.\d+)?[bm]$")
_TUNED = {"instruct", "it", "chat", "hf", "base", "preview", "v1"}


class AliasTable:
    """Claims of entries to names, and their settlement."""

    def __init__(self) -> None:
        self._claims: dict[str, dict[int, list[str]]] = {}

    def claim(self, key: str, level: int, entry: str) -> None:
        """Claim the folded name ``key`` for ``entry`` with the strength ``level``."""
        if key:
            owners = self._claims.setdefault(key, {}).setdefault(level, [])
            if entry not in owners:
                owners.append(entry)

    def settled(self) -> dict[str, tuple[str, ...]]:
        """Ids by key; more than one id means that the key is ambiguous."""
        return {key: tuple(levels[min(levels)]) for key, levels in sorted(self._claims.items())}

    def clashes(self) -> dict[str, tuple[str, ...]]:
        """Keys that two entries claim as id, name or listed alias: always a mistake in the data."""
        return {
            key: owners
            for key, levels in self._claims.items()
            if len(owners := tuple(dict.fromkeys(levels.get(ID, []) + levels.get(NAME, [])))) > 1
        }


def gpu_aliases(gpus: Iterable[Mapping[str, Any]]) -> AliasTable:
    """Alias table of compiled GPU entries."""
    table = AliasTable()
    for gpu in gpus:
        table.claim(normalise(gpu["id"]), ID, gpu["id"])
        spellings = [gpu["name"], *(gpu.get("aliases") or ())]
        for spelling in spellings:
            table.claim(normalise(spelling), NAME, gpu["id"])
        shortened = [gpu["id"], *spellings]
        size = f"{gpu['vram_gb']:g}gb" if gpu.get("vram_gb") else ""
        shortened += [f"{spelling} {size}" for spelling in shortened if size not in spelling.lower()]
        for spelling in shortened:
            for short in short_forms(spelling):
                table.claim(normalise(short), SHORT, gpu["id"])
        for driver_name in gpu.get("driver_names") or ():
            table.claim(normalise(driver_name), SHARED, gpu["id"])
    return table


MOST_QUALIFIERS, MOST_CHOICES = 4, 8
"""Sizes and forms, and words that may be left out, of a name that has short forms: their number grows with the factorial of the
former and is doubled by each of the latter. Names of cards have three and five at most."""


def short_forms(spelling: str) -> set[str]:
    """Shorter ways to write a GPU's name, by leaving out memory size, form factor, generation or brand.

    A name of more such words than any card has is its own short form alone.

    >>> sorted(short_forms("Tesla V100-PCIE"))
    ['tesla v100', 'tesla v100 pcie']
    """
    words = spelling.lower().replace("max-q", "maxq").replace("(", " ").replace(")", " ").replace("-", " ").split()
    choices: list[tuple[str, ...]] = []
    qualifiers: list[tuple[str, ...]] = []
    for before, word in zip(["", *words], words, strict=False):
        if _MEMORY.match(word):
            qualifiers.append((word, word.rstrip("b"), word.rstrip("bg")))
        elif _FORM.match(word):
            qualifiers.append((word, "sxm") if word.startswith("sxm") else (word,))
        elif word in _GENERATION or word in _BRAND or (word == "pro" and before in ("rtx", "arc")):
            choices.append(("", word))
        elif word in _ABBREVIATED:
            choices.append((word, _ABBREVIATED[word]))
        else:
            choices.append((word,))
    if len(qualifiers) > MOST_QUALIFIERS or len([one for one in choices if len(one) > 1]) > MOST_CHOICES:
        return {" ".join(words)}
    cores = {" ".join(filter(None, combination)) for combination in itertools.product(*choices)}
    cores |= {_GLUED_BRAND.sub("", core) for core in cores}
    ends = {
        " ".join(combination)
        for count in range(len(qualifiers) + 1)
        for order in itertools.permutations(qualifiers, count)
        for combination in itertools.product(*order)
    }
    forms = {f"{core} {end}".strip() for core in cores for end in ends}
    return {form for form in forms if any(c.isdecimal() for c in form) or len(normalise(form)) > _MIN_LETTERS}


def model_aliases(models: Iterable[Mapping[str, Any]]) -> AliasTable:
    """Alias table of compiled model entries."""
    table = AliasTable()
    for model in models:
        entry = model["id"]
        table.claim(normalise_model(entry), ID, entry)
        for spelling in model_spellings(model):
            table.claim(normalise_model(spelling), NAME, entry)
            plain, unsized = _model_short_forms(spelling)
            for short in plain:
                table.claim(normalise_model(short), SHORT, entry)
            table.claim(normalise_model(unsized), SHARED, entry)
        for tag in model.get("ollama") or ():
            if ":" in tag:  # as it is typed, colon and all: Ollama's yi:34b is Yi 1.5, and yi-34b is not
                table.claim(tag.lower(), NAME, entry)
            for short in (tag, tag.rsplit("/", 1)[-1]):
                table.claim(normalise_model(short), SHORT, entry)
            table.claim(normalise_model(_model_short_forms(tag)[1]), STEM, entry)
        for name in model.get("fine_tunes") or ():
            # A bare word is what people call a file or a series by, which several entries may share.
            owned = NAME if "/" in name or ":" in name else SHARED
            table.claim(name.lower() if ":" in name else normalise_model(name), owned, entry)
            if owned == NAME:
                table.claim(normalise_model(name.rpartition("/")[2]), SHORT, entry)
        if model.get("family"):
            table.claim(normalise_model(model["family"]), SHARED, entry)
            table.claim(_stem(model["family"]), STEM, entry)
    return table


def model_contexts(models: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, int]]:
    """Folded names of repositories and tags with a context of their own, with and without their organisation.

    A name that is the entry's id but for its organisation means the entry (``qwen2.5-7b``).
    """
    for model in models:
        for name, tokens in (model.get("contexts") or {}).items():
            yield normalise_model(name), tokens
            base = normalise_model(name.rpartition("/")[2])
            if base != normalise_model(model["id"]):
                yield base, tokens


def model_spellings(model: Mapping[str, Any]) -> list[str]:
    """Id, name, Hugging Face ids with and without their organisation."""
    spellings = [model["id"], model["name"]]
    for repository in model.get("hf") or ():
        spellings += [repository, repository.rsplit("/", 1)[-1]]
    return list(dict.fromkeys(spellings))


def _stem(family: str) -> str:
    """Family without its version: ``llava`` of ``llava-1.6``, ``qwen`` of ``qwen2.5``."""
    return normalise_model("".join(itertools.takewhile(str.isalpha, family.lower())))


def _model_short_forms(spelling: str) -> tuple[set[str], str]:
    """Forms without the tuning word at the end; and the form without the size, which siblings share."""
    tokens = re.split(r"[-_ :]+", spelling.lower().rsplit("/", 1)[-1])
    forms = set()
    while len(tokens) > 1 and tokens[-1] in _TUNED:
        tokens = tokens[:-1]
        forms.add(" ".join(tokens))
    unsized = [token for token in tokens if not _SIZE.match(token)]
    return forms, " ".join(unsized) if unsized != tokens else ""
