"""Number of GPUs that a command uses: what its launcher starts, and what its environment and container leave visible."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.launch.edit import Change
from vramfit.launch.read import arguments
from vramfit.launch.words import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.launch import Program
    from vramfit.launch.words import Process

VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK")
"""Variables with the numbers or names of the GPUs that a process sees, of CUDA, ROCm and Level Zero."""
NONE = ("", "-1", "none", "void", "nodevfiles")
"""Values that leave no GPU visible."""


class Counted(Record):
    """Number of GPUs, and what states it."""

    gpus: int
    words: str
    """Words of the command: ``--nproc_per_node 8``."""
    place: tuple[object, str] = (None, "")
    """Word of the command with the number or the list, and the text of that."""


def launched(programs: Iterable[Program], given: Iterable[Process]) -> Counted | None:
    """Number of processes that a launcher starts, one for each GPU; None where nothing states it."""
    lines = list(given)
    for program in programs:
        for one in lines if program.counts else ():
            found = _product(program, one)
            if found is not None:
                return found
    return None


def visible(given: Iterable[Process]) -> Counted | None:
    """Fewest GPUs that variables or a container leave visible to one of the processes; None where nothing limits them."""
    found = []
    for one in given:
        for name in VISIBLE:
            text = one.variables.get(name)
            unset: tuple[str, ...] = getattr(text, "unset", ())
            if text is None or unset or text.strip().lower() in NONE:
                continue
            count = _listed(text)
            if count:
                found.append(Counted(count, f"{name}={text}", (text, str(text))))
        of_container = _of_container(one.gpus)
        if of_container is not None:
            listed = str(one.gpus).removeprefix("device=")
            found.append(Counted(of_container, f"--gpus {one.gpus}", (one.gpus, listed)))
    return min(found, key=lambda counted: counted.gpus, default=None)


def recounted(programs: Iterable[Program], given: Iterable[Process], gpus: int) -> list[Change] | None:
    """Changes that have processes use another number of GPUs, where they state one; None where that is not possible."""
    lines, found = list(given), []
    stated = launched(programs, lines)
    if stated is not None and stated.gpus != gpus:
        word, value = stated.place
        each = stated.gpus // max(_number(value) or 1, 1)
        if gpus % each or ":" in value:
            return None
        found.append((word, value, str(gpus // each)))
    limit = visible(lines)
    if limit is not None and limit.gpus != gpus:
        word, value = limit.place
        counts = not limit.words.startswith(VISIBLE) and value.isdecimal() and f"device={value}" not in limit.words
        found.append((word, value, str(gpus) if counts else ",".join(map(str, range(gpus)))))
    changes = [_changed(*one) for one in found]
    return None if any(change is None for change in changes) else [change for change in changes if change is not None]


def _changed(word: object, value: str, text: str) -> Change | None:
    """Change of the value that a word is, or ends with; None for a word that was not read from the text."""
    if not isinstance(word, Word) or word.source is None or not word.whole:
        return None
    shown = word.source.text[word.start : word.end]
    if shown.count(value) != 1:
        return None
    return Change(word.source, word.start, word.end, shown.replace(value, text))


def _of_container(text: str | None) -> int | None:
    """Number of GPUs that a container gets: a number, or the length of a list behind ``device=``; None for all."""
    if text is None or text in ("all", ""):
        return None
    listed = text.removeprefix("device=")
    if listed == text:
        return int(text) if text.isdecimal() and 0 < len(text) < 4 and int(text) else None
    return _listed(listed) or None


def _listed(text: str) -> int:
    """Number of GPUs of a list: one that is named twice is one, and none counts behind ``-1``, which CUDA ends a list at.

    The end at an invalid index is from recollection of the CUDA C++ Programming Guide ("CUDA Environment Variables").
    """
    parts = [part.strip() for part in text.split(",")]
    before = parts[: parts.index("-1")] if "-1" in parts else parts
    return len({part for part in before if part})


def _product(program: Program, given: Process) -> Counted | None:
    """Product of the numbers that a program's counting flags and variables state; None without the first of them."""
    words = arguments(program, given)
    if words is None:
        return None
    total, shown = 1, []
    place: tuple[object, str] = (None, "")
    for number, names in enumerate(program.counts):
        text, stated, word = _last(names, words, given)
        count = _number(text)
        if count is not None:
            total *= count
            shown.append(stated)
            place = place if number else (word, text)
        elif not number:
            return None
    return Counted(total, " ".join(shown), place)


def _last(names: tuple[str, ...], words: tuple[str, ...], given: Process) -> tuple[str, str, str]:
    """Last value of a flag among words, or of a variable, with the words that state it and the word that it stands in.

    All are empty for none.
    """
    found = ("", "", "")
    for name in names:
        if not name.startswith("-") and name in given.variables:
            value = given.variables[name]
            found = (value, f"{name}={value}", value)
    for place, word in enumerate(words):
        name, equals, inline = word.partition("=")
        if name in names and (equals or place + 1 < len(words)):
            value = inline if equals else words[place + 1]
            found = (value, f"{name}{equals or ' '}{value}", word if equals else words[place + 1])
    return found


def _number(text: str) -> int | None:
    """Number, or the length of DeepSpeed's lists of GPUs (``host:0,1@other:0,1``); None for any other text."""
    plain = text.strip("\"'")
    if plain.isdecimal():
        return int(plain) if len(plain) < 5 and int(plain) else None
    hosts = [host.partition(":")[2] for host in plain.split("@")]
    if ":" in plain and all(host.replace(",", "").isdecimal() for host in hosts):
        return sum(len([part for part in host.split(",") if part]) for host in hosts)
    return None
