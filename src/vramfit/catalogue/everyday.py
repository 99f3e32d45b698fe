"""GPUs by names that the table of names does not have, or has for several cards. Loaded for such a name alone.

People add what a card has (``3090 24GB``), who built it (``MSI RTX 4090 Gaming``), or how many there are (``two 3090s``), and
leave out what makes no difference to them: the form factor of a card that comes in several.
"""

from __future__ import annotations

from vramfit.catalogue.names import normalise
from vramfit.errors import UnknownGpu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    LookUp = Callable[[str], tuple[int, ...]]
    """Function that gives the numbers of the entries which have a folded name."""
    Facts = Callable[[int], Mapping[str, Any]]

COUNTS = {
    "one": 1, "single": 1, "two": 2, "dual": 2, "pair": 2, "couple": 2,
    "three": 3, "triple": 3, "four": 4, "quad": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "ten": 10, "twelve": 12, "sixteen": 16,
    **{str(number): number for number in range(1, 17)},
}  # fmt: skip
"""Numbers of cards by the words in front of a name."""

_MAKERS = (
    "asus msi gigabyte evga zotac palit gainward inno3d pny sapphire xfx powercolor asrock kfa2 galax colorful sparkle"
)
_TRADE = f"founders fe oc gaming rog tuf ventus suprim trio aorus eagle windforce nitro pulse {_MAKERS}"
_VARIANTS = frozenset((
    "ti", "super", "xt", "xtx", "gre", "d", "dv2", "laptop", "mobile", "notebook", "max-q", "maxq", "sff", "ada",
))  # fmt: skip
"""Words behind a card's number that make it another card: never taken for a board maker's."""
_AROUND = (
    "gpu gpus card cards graphics vram ram memory with the a an my of each desktop silicon unified nvlink sli colab runpod"
    " air gddr5 gddr6 gddr6x gddr7 hbm hbm2 hbm2e hbm3 hbm3e lpddr5 lpddr5x modal vast vast.ai modded free total cpu"
)
ADDED = frozenset(f"{_TRADE} {_AROUND}".split())
"""Words beside a card's name that say who built it or has it, what memory it has, or that it is a card."""
_MAC_WORDS = ("macbook pro", "macbook air", "mac studio", "mac mini", "mac pro", "macbook", "imac", "mbp", "mba")
_INCHES = ("13", "14", "15", "16", "24", "inch")
"""Words for the size of a Mac's screen."""
_FORMS = frozenset(("pcie", "sxm", "sxm2", "sxm3", "sxm4", "sxm5", "nvl", "oam"))
"""Form factors, as ids of cards have them."""
_UNITS = ("mib", "gigabytes", "gigabyte", "gigs", "gig", "gib", "gb", "g")
_MIB = 1024
_PRINTED_SHARE = 0.92
"""Least share of a card's marketed size that programs print in MiB: a sixteenth is kept for check bits."""
_LAPTOPS = ("laptop", "mobile", "notebook")
"""Words that may stand before a card's name; in the catalogue they stand behind it."""
_AS_SOLD = ("cmp170hx-8gb",)
"""Cards to which their owners add memory: the bare name is the card as it was sold."""
_SAME_MEMORY = 0.02
"""Share by which drivers' readings of equal memory differ: an ECC reserve, a reading rounded to GiB."""


def counted(name: str) -> tuple[int, str] | tuple[int, str, str] | None:
    """Number and name of several equal cards written in words (``dual 3090``, ``3090s``); None for a name without any.

    A cloud's type of machine comes with a sentence on what it has.
    """
    words = name.split()
    if not words:
        return None
    head, dash, behind = name.partition("-")
    if dash and head.removesuffix("x") in COUNTS and head[:1].isdecimal() and len(behind) > len("t4"):
        return COUNTS[head.removesuffix("x")], behind.strip()  # ``2-4090``
    if len(words) > 3 and words[0].lower() in _MAKERS.split() and _is_of_maker(words[-1].lower()):
        return 1, " ".join(words[:-1])  # ``EVGA RTX 3090 FTW3 Ultra``
    kept = [word for word in words if word.strip("()").lower() not in ADDED]
    if kept and len(kept) < len(words):
        return 1, " ".join(kept)  # ``RTX A6000 x2 (NVLink)``
    first, *others = words
    count = COUNTS.get(first.lower().strip("()"))
    if count is not None and others and others[0].lower() not in _UNITS:
        return count, " ".join(others)
    if name[-1:] == "s" and (name[-2:-1].isdecimal() or name[-2:-1].isupper()):
        return 1, name[:-1]
    last = others[-1].lower() if others else ""
    times = last.strip("()x×*") if last.startswith("(") else last  # ``3090 (x2)``
    from vramfit.catalogue.instances import machine

    in_machine = machine(name)
    if in_machine is not None:
        return *in_machine, f"gpu: {name} is a machine with {in_machine[0]}x{in_machine[1]}"
    if times in COUNTS and not last.isdecimal():
        return COUNTS[times], " ".join([first, *others[:-1]])
    return None


def _is_of_maker(word: str) -> bool:
    """Return True for a word that a board maker may have put behind a card's name: no variant, size or number."""
    return word not in _VARIANTS and word[:1].isalpha()


def meant(name: str, look_up: LookUp, facts: Facts) -> tuple[int, str] | tuple[int, ...]:
    """Number of the entry that a name means with a sentence on what was chosen, or the numbers of several, or of none.

    Raises ``UnknownGpu`` for a size without a card, and for a known card that does not come with that much memory.
    """
    found = look_up(normalise(name))
    if not found:
        words, size, printed = _parted(name)
        if size and not words:
            raise UnknownGpu(
                f'"{name}" is a size and no GPU',
                f"name the card, or say custom:{size:g}GB for any with that much memory",
            )
        found = look_up(normalise(" ".join(words)))
        if size and found:
            fitting = tuple([number for number in found if _has(facts(number), size, printed)])
            if not fitting and not any(facts(number).get("vram_gb") for number in found):
                fitting = found  # the host's memory, which ``--ram`` states
            if not fitting:
                known = sorted({f"{facts(number).get('vram_gb') or 0:g}" for number in found}, key=float)
                raise UnknownGpu(
                    f'no GPU is called "{name}": {" ".join(words)} has {" or ".join(known)} GB',
                    f"for a card with other memory say custom:{size:g}GB",
                )
            found = fitting
    if not found and name[-1:].isdecimal():
        found = look_up(normalise(f"{name}gb"))  # ``M3 Max 64``, ``3060 12``
    if not found and "/" in name:
        from vramfit.catalogue.device_lines import look_up_any

        found = look_up_any(name, look_up)
    if len(found) > 1:
        own = look_up(normalise(" ".join(_parted(name)[0])))
        found = own if len(own) == 1 and own[0] in found else found  # ``RTX PRO 6000 96GB`` is the card of that name
    if len(found) < 2:
        return (found[0], "") if found else ()
    return _commonest(name, found, facts) or found


def _has(facts: Mapping[str, Any], size: float, printed: bool) -> bool:
    """Return True for a card that is sold with a size in GB, or of which programs print it, in MiB.

    Programs print what Metal lets them have of a Mac's memory, and of a card what is left beside its check bits.
    """
    whole: float = facts.get("vram_gb") or 0
    if not printed:
        return size == whole
    if facts["vendor"] != "apple":
        return _PRINTED_SHARE * whole < size <= whole
    known = (facts["usable_mib"].get("macos"), facts.get("usable", {}).get("macos_older_mib"))
    return any(mib and abs(mib / _MIB / size - 1) < _SAME_MEMORY for mib in known)


def _parted(name: str) -> tuple[list[str], float, bool]:
    """Words of a card's own name, the GB that are written beside it, 0 for none, and whether they were printed in MiB."""
    text = name.lower()
    around: tuple[str, ...] = ()
    for phrase in _MAC_WORDS:
        if phrase in text:
            text, around = text.replace(phrase, " "), _INCHES
    for sign in '()[]_/-,"':
        text = text.replace(sign, " ")
    words: list[str] = []
    size, printed = 0.0, False
    parts = text.split()
    for part, after in zip(parts, [*parts, ""][1:], strict=True):
        unit = next((unit for unit in _UNITS if part.endswith(unit)), "")
        digits = part.removesuffix(unit)
        stated = words.pop() if not digits and words and _is_number(words[-1]) else digits
        if unit and _is_number(stated):
            if not size:
                printed = unit == "mib"
                size = float(stated) / (_MIB if printed else 1)
            elif unit != "mib" and float(stated) != size and after != "total":
                words.append(part)  # memory of something else: ``3060 12GB with 32GB RAM``
        elif part not in ADDED and part not in around:
            words.append(part)
    return sorted(words, key=lambda word: word in _LAPTOPS), size, printed


def _is_number(text: str) -> bool:
    return text.isascii() and text.replace(".", "", 1).isdecimal() and len(text) < 8


def _commonest(name: str, found: Sequence[int], facts: Facts) -> tuple[int, str] | None:
    """Entry with the most rented offers among form factors of one card, the first of equals, with a sentence on the others.

    None where the entries differ in more than their form, or in memory. A form that has memory of its own (H100 NVL) goes
    by its full name, so a name without a form means the others; one of less memory than these would be a reason to ask.
    Likewise one whose id states its memory beside others that do not, as a maker's build for one machine (H100 SXM 64GB).
    """
    sold = [number for number in found if facts(number)["id"] in _AS_SOLD]
    if len(sold) == 1:
        others = [facts(number)["id"] for number in found if number != sold[0]]
        return sold[0], f"gpu: {name} is read as {facts(sold[0])['id']}, as sold; others are {' and '.join(others)}"
    found = [number for number in found if not _states_memory(facts(number)["id"])] or found
    entries = {number: facts(number) for number in found}
    if len({_formless(entry["id"]) for entry in entries.values()}) > 1 or not all(
        one["memory_mib"] for one in entries.values()
    ):
        return None
    taken = max(found, key=lambda number: (len(entries[number].get("rents") or ()), -number))
    memory = entries[taken]["memory_mib"]
    others = [entries[number] for number in found if number != taken]
    if any(one["memory_mib"] < memory * (1 - _SAME_MEMORY) for one in others):
        return None
    same = [one["id"] for one in others if one["memory_mib"] <= memory * (1 + _SAME_MEMORY)]
    more = [one for one in others if one["id"] not in same]
    if not same or any(_states_memory(one["id"]) for one in (*more, entries[taken]) if more):
        return None
    differing = "".join([f"; {one['id']} has {one['vram_gb']:g} GB" for one in more])
    listed = " and ".join(same)
    verb = "has" if len(same) == 1 else "have"
    offers = [len(entries[number].get("rents") or ()) for number in found]
    most = ", the form most offered" if offers.count(max(offers)) == 1 else ""
    return taken, f"gpu: {name} is read as {entries[taken]['id']}{most}; {listed} {verb} the same memory{differing}"


def _formless(entry: str) -> str:
    """Id without its form factor."""
    return "-".join([part for part in entry.split("-") if part not in _FORMS])


def _states_memory(entry: str) -> bool:
    """Return True if an id has a size of memory, since its maker sells the same form with several."""
    return any(part.endswith("gb") and part[:-2].isdecimal() for part in entry.split("-"))
