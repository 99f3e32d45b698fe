"""Candidates for the word under the cursor: commands, flags, and the ids and words that a flag takes.

Scripts of ``completion`` run ``vramfit __complete WORD…`` for a keypress, with the words behind ``vramfit`` up to the cursor.
Each candidate is a line, with its description behind a tab where it has one. No line means that a file may be meant.
"""

from __future__ import annotations

import sys

from vramfit.cli.options import WITH_WORDS, command_of, long_flag, options, spellings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vramfit.workload.keys import Key

    Candidates = list[tuple[str, str]]
    """Words with their descriptions, empty where they need none."""

SHELLS = ("bash", "zsh", "fish", "powershell")
SECOND = {
    "list": ("gpus", "models", "quants", "engines"),
    "catalogue": ("lint", "schema", "path"),
    "completion": SHELLS,
}
"""Second words by first word, of commands that have some."""
MOST = 200
"""Number of candidates that are shown; a shell asks before it lists more anyway."""
ENTRIES = ("gpu", "model", "draft_model", "id")
"""Keys whose values are ids of the catalogue."""


def print_candidates(words: Sequence[str]) -> int:
    """Print the candidates for the last of ``words``; returns the exit code."""
    sys.stdout.write("".join([f"{word}\t{text}\n" if text else f"{word}\n" for word, text in candidates(words)]))
    return 0


def candidates(words: Sequence[str]) -> Candidates:
    """Candidates for the last of ``words``, which stand behind the program's name."""
    before, current = list(words[:-1]), words[-1] if words else ""
    if "--" in before:
        return []
    if not before:
        return _beginning(current, _first_words())
    if before[0] == "help":
        return _beginning(current, _first_words()) if len(before) == 1 else []
    command = command_of(before)
    if command is None:
        return _beginning(current, [(word, "") for word in SECOND.get(before[0], ())]) if len(before) == 1 else []
    flag, equals, value = current.partition("=")
    if equals and flag.startswith("--"):
        return [(f"{flag}={word}", text) for word, text in _of_flag(command, flag, value)]
    if before[-1].startswith("-") and before[-1] != "-":
        found = _key(command, before[-1])
        if found is not None and found.kind not in ("switch", "flag"):
            return _values(found, current)
    if current.startswith("-"):
        return _flags(command, current)
    return _plain(command, before, current)


def _first_words() -> Candidates:
    from vramfit.cli.manual import SUMMARIES

    found: dict[str, str] = {}
    for name, text in SUMMARIES.items():
        first, _, second = name.partition(" ")
        found.setdefault(first, "GPUs, models, quantizations, engines" if second else text.partition(". ")[0])
    return list(found.items())


def _beginning(current: str, known: Iterable[tuple[str, str]]) -> Candidates:
    return [(word, text) for word, text in known if word.startswith(current)]


def _key(command: str, flag: str) -> Key | None:
    """Option of a command by one of its flags; those that all engines share are looked at first."""
    if command == "check":
        from vramfit.cli.options import OUTPUT_OPTIONS
        from vramfit.engines.keys import common_keys

        for key in (*common_keys().values(), *OUTPUT_OPTIONS):
            if flag in spellings(key):
                return key
    return next((key for key in options(command) if flag in spellings(key)), None)


def _of_flag(command: str, flag: str, current: str) -> Candidates:
    key = _key(command, flag)
    return [] if key is None else _values(key, current)


def _flags(command: str, current: str) -> Candidates:
    found = []
    for key in options(command):
        flags = (*spellings(key), *([f"--no-{long_flag(key)[2:]}"] if key.kind == "flag" else []))
        found += [(flag, key.help) for flag in flags if flag.startswith(current) and len(flag) > 2]
    return [*found, *_beginning(current, [("--help", "this help")])]


def _plain(command: str, before: Sequence[str], current: str) -> Candidates:
    """Candidates for a word without a flag: a GPU and a model, or an entry."""
    if command == "show":
        return [*_ids("gpu", current), *_ids("model", current)][:MOST]
    if command not in WITH_WORDS:
        return []
    given = any(word in ("-g", "--gpu") for word in before) or len([word for word in before if word[:1] != "-"]) > 1
    return _ids("model", current) if given else _gpus(current) or _ids("model", current)


def _values(key: Key, current: str) -> Candidates:
    """Candidates for a value of an option."""
    if key.name == "gpu":
        return _gpus(current)
    if key.name in ENTRIES:
        return _ids("model", current)
    if key.name == "quant":
        from vramfit.quantization.schemes import SCHEMES
        from vramfit.workload.common import CLASSES

        schemes = [(name, scheme.summary) for name, scheme in SCHEMES.items() if name not in CLASSES]
        low = current.lower()
        return [
            (word, text) for word, text in [*[(word, "") for word in CLASSES], *schemes] if word.lower().startswith(low)
        ]
    return _beginning(current, [(word, "") for word in key.words])


def _gpus(current: str) -> Candidates:
    """Ids of GPUs, behind the count and the other cards that stand in front of the one begun."""
    cut = max(current.rfind(","), current.rfind("+")) + 1
    digits = cut
    while digits < len(current) and current[digits].isdecimal():
        digits += 1
    if digits > cut and current[digits : digits + 1] in ("x", "*"):
        cut = digits + 1
    lead = current[:cut]
    own = [("auto", "this machine"), ("custom:", "a card that is in no catalogue: custom:24GB")]
    words = [] if lead else _beginning(current, own)
    found = _ids("gpu", current[cut:])
    if words and found and not found[0][0].startswith(current):
        found = []
    return [(lead + word, text) for word, text in (*found, *words)]


def _ids(kind: str, current: str) -> Candidates:
    """Ids that begin with what was typed, or else contain it, with their names."""
    from vramfit.errors import VramfitError
    from vramfit.sources import open_container

    try:
        rows = open_container().section(f"{kind}_rows")
    except VramfitError:
        return []
    low = current.lower()
    found = [(row[0], row[1]) for row in rows if row[0].startswith(low)]
    return (found or [(row[0], row[1]) for row in rows if low in row[0]])[:MOST]
