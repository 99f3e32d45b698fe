"""Mixtures of which experts were cut out, by what the names of their repositories say of it.

REAP takes as many experts out of each layer: ``int(experts x share)`` (CerebrasResearch/reap ``src/reap/prune.py`` at
991397b). Names state the share (``GLM-4.7-REAP-50``), the experts that are left (``REAP320``), or the billions of parameters
(``MiniMax-M2.5-REAP-139B-A10B``), which one number of experts meets. Loaded only for a name that says so.
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.errors import UnknownModel
from vramfit.model.counted import parameters

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model

WORDS = ("reap", "reaped", "reapped")
FILLERS = ("pruned", "ratio", "uniform", "v0", "v1")
"""Words between that for the cut and its number."""
LEAST_COUNT = 100
"""Smallest number behind the word that counts experts. Smaller ones are shares in percent where they are round (of five, or of
a sixteenth), and else may be either: gpt-oss-120b-reap-48 has 48 of 128 experts."""
ROUND, SIXTEENTH = 5, 6.25
LEAST_LEFT = 0.15
"""Smallest share of the experts that a cut is taken to leave, for which no name is known to say so."""
NEAREST = 0.02
"""Share of the stated billions by which the nearest number of experts may miss them."""


class Cut(Record):
    """Cut of a mixture, as a name states it: exactly one field is given."""

    share: float | None = None
    """Share of the experts of each layer that was taken out."""
    left: int | None = None
    """Experts of each layer that are left."""
    billions: float | None = None
    """Billions of parameters that are left."""


class CutName(Record):
    """A name that says that experts were cut out, divided."""

    words: list[str]
    """Words of the name without those on the cut."""
    cut: Cut
    active: str | None
    """Size of what is active, where the name states it beside the cut: ``a3b``."""
    before: list[str]
    """Words of the size before the word for the cut, which may be the base's own; empty for a size behind it."""


def divided(words: list[str]) -> CutName | None:
    """Divide the words of a name that says how many experts were cut out; None for other names."""
    at = next((number for number, word in enumerate(words) if _rest(word) is not None), None)
    if at is None:
        return None
    rest = _rest(words[at]) or ""
    stop = at + 1
    while not rest and stop < len(words) and words[stop] in FILLERS:
        stop += 1
    if not rest and stop < len(words) and _cut(words[stop]) is not None:
        rest, stop = words[stop], stop + 1
    start = at
    if not rest and at > 1:
        start -= 2 if _is_active(words[at - 1]) else 1
        rest = words[start] if _billions(words[start]) is not None else ""
    cut = _cut(rest)
    if cut is None:
        return None
    active = next((word for word in (*words[start:at], *words[stop : stop + 1]) if _is_active(word)), None)
    behind = words[stop + 1 :] if stop < len(words) and _is_active(words[stop]) else words[stop:]
    return CutName([*words[:start], *behind], cut, active, words[start:at])


def with_cut(model: Model, cut: Cut, name: str) -> Model:
    """The model with fewer experts in each layer; raises ``UnknownModel`` where none is what its name states."""
    count = max([group.experts.count for group in model.layers if group.experts is not None], default=0)
    left = _left(model, count, cut) if count else None
    if left is None or not count * LEAST_LEFT <= left <= count:
        raise UnknownModel(
            f'no number of experts makes {model.name} what "{name}" says',
            f"the whole model is {model.id}; see `vramfit list models`",
        )
    found = _with_experts(model, left)
    billions = round(parameters(found) / 10**9, 1)
    note = f"{left} of {count} experts a layer are taken to be left, by what the name says of those cut out"
    return replace(
        found,
        name=f"{model.name}, REAP {billions:g}B",
        nominal_billions=billions,
        files=(),
        caveats=(*model.caveats, note),
    )


def _left(model: Model, count: int, cut: Cut) -> int | None:
    """Number of experts that are left in each layer."""
    if cut.left is not None:
        return cut.left
    if cut.share is not None:
        return count - int(count * cut.share)
    whole, half = parameters(model), parameters(_with_experts(model, count // 2))
    each = (whole - half) / (count - count // 2)
    stated = (cut.billions or 0) * 10**9
    left = round(count - (whole - stated) / each)
    return (
        left
        if abs(left - count) * each <= whole and abs(whole - (count - left) * each - stated) <= NEAREST * stated
        else None
    )


def _with_experts(model: Model, left: int) -> Model:
    """The model with that many experts in each layer of experts."""
    layers = [
        group
        if group.experts is None
        else replace(group, feed_forward=replace(group.experts, count=left, active=min(group.experts.active, left)))
        for group in model.layers
    ]
    return replace(model, layers=tuple(layers))


def _rest(word: str) -> str | None:
    """Text behind the word for a cut; None for another word."""
    for known in sorted(WORDS, key=len, reverse=True):
        if word.startswith(known) and not word[len(known) :].isalpha():
            return word[len(known) :]
    return "" if word in WORDS else None


def _cut(text: str) -> Cut | None:
    """Cut that a number states: ``139b``, ``50``, ``20pct``, ``0.3``, ``320``."""
    billions = _billions(text)
    if billions is not None:
        return Cut(billions=billions)
    digits = text.removesuffix("pct").removesuffix("p")
    if not digits.isascii() or not digits.replace(".", "", 1).isdecimal():
        return None
    number = float(digits)
    if number >= LEAST_COUNT:
        return Cut(left=int(number)) if number == int(number) and digits == text else None
    share = number if number < 1 else number / 100
    plain = number < 1 or digits != text or number % ROUND == 0 or number % SIXTEENTH < 1 or -number % SIXTEENTH < 1
    return Cut(share=share) if share > 0 and plain else None


def _billions(text: str) -> float | None:
    factor = {"b": 1.0, "t": 1000.0}.get(text[-1:])
    digits = text[:-1]
    return float(digits) * factor if factor and digits.isascii() and digits.replace(".", "", 1).isdecimal() else None


def _is_active(word: str) -> bool:
    return word[:1] == "a" and _billions(word[1:]) is not None
