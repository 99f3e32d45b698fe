"""A user's own command with the flags changed that differ between two commands of ours, and nothing else touched."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.launch import SWITCH
from vramfit.launch.read import scan
from vramfit.launch.words import Source, Word
from vramfit.launch.write import quote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from vramfit.launch import Program
    from vramfit.launch.read import Scan, Spot
    from vramfit.launch.words import Process


SUDO = "sudo"


class Change(Record):
    """Text to put in place of a part of a source."""

    source: Source
    start: int
    end: int
    text: str


def changes(
    program: Program, own: Process, before: Process, after: Process, stated: Container[str] = ()
) -> list[Change] | None:
    """Changes that make of a user's process what makes ``after`` of ``before``, all of the same program.

    A flag for one of the deployment keys ``stated``, which the program takes from the model, is added where the user's
    process does not have it, since the model is another. None where the changes cannot be made in the text: a flag that
    the program does not have, or words that were not read from it.
    """
    own_scan, old, new = scan(program, own), scan(program, before), scan(program, after)
    if own_scan is None or old is None or new is None:
        return None
    found: list[Change] = []
    if old.positional != new.positional:
        changed = _positional(own_scan, new) or _named(program, own_scan, new)
        if changed is None:
            return None
        found += changed
    added: list[str] = []
    first, second, mine = _by_key(old), _by_key(new), _by_key(own_scan)
    for key in dict.fromkeys((*first, *second)):
        if _texts(first.get(key, ())) == _texts(second.get(key, ())) and (
            mine.get(key) or not any(spot.flag.of_model in stated for spot in second[key] if spot.flag.of_model)
        ):
            continue
        parts = tuple([spot for spot in own_scan.spots if spot.flag.part_of == key])
        spots = (*mine.get(key, ()), *parts)
        flags = {flag.flag for flag in (*program.flags, *program.variables)}
        if any(spot.flag.flag not in flags for spot in second.get(key, ())):
            return None
        done = _changed(program, spots, second.get(key, ()), added, own)
        if done is None:
            return None
        found += done
    if added:
        end = next((word for word in reversed(own.words) if isinstance(word, Word) and word.source is not None), None)
        if end is None or end.source is None:
            return None
        found.append(Change(end.source, end.end, end.end, " " + " ".join(added)))
    return found


def applied(text: str, made: list[Change]) -> str | None:
    """Text with changes of it and of the texts inside it; None where a text inside cannot be written back."""
    inner: dict[int, list[Change]] = {}
    sources: dict[int, Source] = {}
    outer = []
    for change in made:
        if change.source.parent is None:
            outer.append(change)
        else:
            inner.setdefault(id(change.source), []).append(change)
            sources[id(change.source)] = change.source
    for number, parts in inner.items():
        parent = sources[number].parent
        if parent is None or parent.source is None:
            return None
        fresh = _spliced(sources[number].text, parts)
        outer.append(Change(parent.source, parent.start, parent.end, _like(parent, fresh)))
    if any(change.source.parent is not None for change in outer):
        return applied(text, outer)
    return _spliced(text, outer)


def _spliced(text: str, made: list[Change]) -> str:
    """Text with all changes, of which none overlap."""
    for change in sorted(made, key=lambda one: (one.start, one.end), reverse=True):
        text = text[: change.start] + change.text + text[change.end :]
    return text


def _by_key(read: Scan) -> dict[str, tuple[Spot, ...]]:
    """Places of each key's flags: all of one that may be repeated, else the last."""
    found: dict[str, tuple[Spot, ...]] = {}
    for spot in read.spots:
        found[spot.flag.key] = (*found.get(spot.flag.key, ()), spot) if spot.flag.many else (spot,)
    return found


def _texts(spots: tuple[Spot, ...]) -> list[tuple[str, ...]]:
    """Names and values of flags, however they are spelled."""
    return [(spot.flag.flag, str(_is_off(spot)), *_value(spot)) for spot in spots]


def _value(spot: Spot) -> tuple[str, ...]:
    _, equals, inline = spot.name.partition("=")
    return (inline,) if equals else spot.value


def _is_off(spot: Spot) -> bool:
    return spot.name.partition("=")[0] in spot.flag.off


def _changed(
    program: Program, mine: tuple[Spot, ...], wanted: tuple[Spot, ...], added: list[str], own: Process
) -> list[Change] | None:
    """Changes of the places of one key to what is wanted; flags that are new go into ``added``. None if impossible."""
    places = [_place(spot) for spot in mine]
    if any(place is None for place in places) and program.settings_win:
        return None
    if len(mine) == len(wanted) == 1 and places[0] is not None and _replaces(mine[0], wanted[0]):
        return _revalued(mine[0], _value(wanted[0]))
    found = [Change(place[0], _with_blank(place[0], place[1]), place[2], "") for place in places if place is not None]
    if any(spot.name in own.variables for spot in mine):
        found = []
    for spot in wanted:
        if spot.flag in program.variables:
            insertion = _inserted(own, spot)
            if insertion is None:
                return None
            found.append(insertion)
        else:
            added += [spot.name, *[quote(word) for word in spot.value]]
    if not wanted and (not mine or any(place is None for place in places)):
        opposite = _opposite(program, mine)
        added += [opposite] if opposite else []
    return found


def _opposite(program: Program, mine: tuple[Spot, ...]) -> str:
    """Flag that turns off what a line does not say itself; empty where there is none."""
    return next((spot.flag.off[0] for spot in mine if spot.flag.off and not _is_off(spot)), "")


def _replaces(mine: Spot, wanted: Spot) -> bool:
    """Return True if the value alone has to change."""
    return bool(_value(mine)) and len(_value(wanted)) == 1 and SWITCH not in (mine.flag.kind, wanted.flag.kind)


def _place(spot: Spot) -> tuple[Source, int, int] | None:
    """Place of a flag with its value; None if it was not read from the text."""
    words = [word for word in (spot.name, *spot.value) if isinstance(word, Word)]
    if spot.value and spot.name.isidentifier() and spot.name == spot.name.upper():
        words = words[-1:]
    if not words or any(word.source is None or not word.whole for word in words):
        return None
    return words[0].source, words[0].start, words[-1].end  # type: ignore[return-value]


def _revalued(spot: Spot, value: tuple[str, ...]) -> list[Change] | None:
    """Change of a flag's value where it stands."""
    if spot.value:
        first, last = spot.value[0], spot.value[-1]
        if not isinstance(first, Word) or not isinstance(last, Word) or first.source is None:
            return None
        return [Change(first.source, first.start, last.end, _like(first, first.name + value[0]))]
    name = spot.name
    if not isinstance(name, Word) or name.source is None:
        return None
    flag = name.partition("=")[0]
    shown = name.source.text[name.start : name.end]
    kept = shown.startswith(f"{flag}=")
    text = _quoted_like(shown[len(flag) + 1 :], value[0]) if kept else quote(f"{flag}={value[0]}")
    return [Change(name.source, name.start, name.end, f"{flag}={text}" if kept else text)]


def _like(word: Word, text: str) -> str:
    """Text quoted like a word is."""
    shown = "" if word.source is None else word.source.text[word.start : word.end]
    return _quoted_like(shown, text)


def _quoted_like(shown: str, text: str) -> str:
    """Text in the quotes that stand around another, where it can stand in them."""
    if shown[:1] == shown[-1:] == '"' and not set(text) & set('"$`\\'):
        return f'"{text}"'
    if shown[:1] == shown[-1:] == "'" and "'" not in text:
        return f"'{text}'"
    if shown[:1] == shown[-1:] == '"':
        return '"' + "".join(["\\" + letter if letter in '"$`\\' else letter for letter in text]) + '"'
    return quote(text)


def _with_blank(source: Source, start: int) -> int:
    """Number of the first of the blanks in front of a place, with the end of a line that is continued."""
    while start and source.text[start - 1] in " \t":
        start -= 1
    before = source.text[:start]
    if before.endswith("\\\n"):
        # A continued line that a flag stands on alone goes with its beginning.
        start -= 2
        while start and source.text[start - 1] in " \t":
            start -= 1
    return start


def _named(program: Program, own_scan: Scan, new: Scan) -> list[Change] | None:
    """Change of a flag of the table that states the positional word; None where there is none."""
    spots = [spot for spot in own_scan.spots if spot.flag.key == program.positional]
    return _revalued(spots[-1], new.positional[-1:]) if spots and new.positional else None


def _positional(own_scan: Scan, new: Scan) -> list[Change] | None:
    """Change of the positional word, or of the flag that states it."""
    if not own_scan.positional or not new.positional:
        return None
    word = own_scan.positional[-1]
    if not isinstance(word, Word) or word.source is None or not word.whole:
        return None
    text = str(new.positional[-1])
    if len(own_scan.positional) == 1 and word.startswith("-"):
        flag = word.partition("=")[0]
        return [Change(word.source, word.start, word.end, quote(f"{flag}={text}"))]
    return [Change(word.source, word.start, word.end, _like(word, text))]


def _inserted(own: Process, spot: Spot) -> Change | None:
    """A variable that is new, in front of the program or, in a container, as a flag of it."""
    pair = f"{spot.flag.flag}={quote(spot.value[0])}"
    image = own.image
    if isinstance(image, Word) and image.source is not None:
        return Change(image.source, image.start, image.start, f"-e {pair} ")
    begin, first = own.begin, own.words[0] if own.words else ""
    if begin == SUDO and isinstance(first, Word) and first.source is getattr(begin, "source", None):
        begin = first  # it passes on no environment, but what it is given itself
    if not isinstance(begin, Word) or begin.source is None:
        return None
    return Change(begin.source, begin.start, begin.start, f"{pair} ")
