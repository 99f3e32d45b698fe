"""Files that commands name: settings, environment variables, and texts that an engine reads itself.

Rooms above read them, because YAML is read only where data enters; here they become words and variables.
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.errors import UsageError
from vramfit.launch.read import arguments
from vramfit.launch.words import Process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

    from vramfit.launch import Program


def _unread(path: str) -> Any:
    raise UsageError(f"{path} is not read here", "write what it says as flags of the command")


class Files(Record):
    """Functions that read files; each takes a path, and raises ``VramfitError`` for a file that it cannot read."""

    text: Callable[[str], str] = staticmethod(_unread)
    settings: Callable[[str], Mapping[str, Any]] = staticmethod(_unread)
    """Function that reads a mapping, of YAML or JSON."""
    parsed: Callable[[str], Mapping[str, Any]] = staticmethod(_unread)
    """Function that reads a mapping from a text, which a here-document has."""


NONE = Files()
"""No files: each that a command names is an error."""


def with_variables(given: Process, files: Files) -> Process:
    """The process with the variables of its files (``NAME=value`` lines), which those of its line replace."""
    if not given.files:
        return given
    found = {}
    for path in given.files:
        for line in files.text(path).splitlines():
            name, equals, value = line.strip().removeprefix("export ").partition("=")
            if equals and not name.startswith("#"):
                found[name.strip()] = value.strip().strip("\"'")
    return replace(given, variables={**found, **given.variables}, files=())


def with_settings(program: Program, given: Process, files: Files) -> Process:
    """The process with the flags of its files of settings among its words; the process itself for another program."""
    words = arguments(program, given)
    if words is None or not program.settings:
        return given
    start = given.words[: len(given.words) - len(words)]
    for path in _values(program.settings, words):
        stated = files.settings(on_machine(path, given))
        stated_words = (program.settings_words or flag_words)(stated)
        words = (*words, *stated_words) if program.settings_win else (*stated_words, *words)
    return replace(given, words=(*start, *words))


def settings_of(program: Program, given: Process) -> tuple[str, ...]:
    """Paths of the files of settings that a process names; none for another program."""
    words = arguments(program, given)
    return () if words is None else tuple([on_machine(path, given) for path in _values(program.settings, words)])


def line_of(text: str, names: Iterable[str]) -> tuple[int, str] | None:
    """Number of the first line of a file that sets one of these flags, and its name there; None where none does."""
    known = {name.lstrip("-").replace("-", "_") for name in names}
    for number, line in enumerate(text.splitlines(), 1):
        name = line.strip().partition(":")[0].strip("\"' ,{")
        if ":" in line and name.replace("-", "_") in known:
            return number, name
    return None


def with_texts(program: Program, given: Process, before: Iterable[Process], files: Files) -> list[Process]:
    """The process behind a process that writes each text file it names, unless one in front of it does already."""
    words = arguments(program, given)
    if words is None or not program.texts:
        return [given]
    *flags, usual = program.texts
    path = next(iter(_values(tuple(flags), words)), usual)
    written = {one.output for one in before if one.output is not None}
    if path in written or f"./{path}" in written or path.removeprefix("./") in written:
        return [given]
    return [Process({}, ("cat",), path, input=files.text(on_machine(path, given))), given]


def flag_words(stated: Mapping[str, Any]) -> list[str]:
    """Words of flags with these names: a truth is a switch, a list several values, a mapping JSON, nothing no flag."""
    found = []
    for name, value in stated.items():
        flag = f"--{name.removeprefix('--')}"
        if value is None or value is False or value in ("", []):
            if value is False and name.startswith("enable"):
                found.append(f"--no-{name}")
            continue
        found.append(flag)
        if isinstance(value, list):
            found += [_text(one) for one in value]
        elif value is not True:
            found.append(_text(value))
    return found


def elsewhere(path: str, is_here: Callable[[str], bool]) -> tuple[str, ...]:
    """Names that a path states of the model it leads to, the nearest first, where the path is one of another machine.

    They are the path's last part, and in a folder of the Hub's cache the repository (``models--org--name``). None for any
    other text than a path or an address of a storage.
    """
    plain = path.replace("\\", "/").rstrip("/")
    scheme, address, _ = plain.partition("://")
    is_path = plain.startswith(("/", ".", "~")) or plain[1:3] == ":/" or plain.count("/") > 1 or "\\" in path
    is_file = "/" in plain and plain.lower().endswith((".gguf", ".bin"))
    if not (is_path or is_file) or plain.lower().startswith(("hf:", "ollama:", "lmstudio:")) or is_here(path):
        return ()
    if address and (scheme.lower() in ("http", "https", "file") or not plain.rpartition("/")[2]):
        return ()
    last = plain.rpartition("/")[2]
    cached = [part.removeprefix("models--") for part in plain.split("/") if part.startswith("models--")]
    repositories = [name.replace("--", "/") for name in cached]
    return (last, *repositories) if last.lower().endswith(".gguf") else (*repositories, last)


def on_machine(path: str, given: Process) -> str:
    """Path on the machine of a path in the process's container; the path itself where no folder is mounted there."""
    longest, found = "", path
    for source, target in given.mounts:
        place = target.rstrip("/")
        if (path == place or path.startswith(f"{place}/")) and len(place) >= len(longest) and _is_folder(source):
            longest, found = place, source.rstrip("/") + path[len(place) :]
    return found


def _is_folder(source: str) -> bool:
    """Return True for a path whose every part is known, False for the name of a volume."""
    return source.startswith(("/", ".", "~")) or source[1:3] in (":\\", ":/")


def _text(value: object) -> str:
    if not isinstance(value, dict):
        return str(value)
    import json

    return json.dumps(value)


def _values(flags: tuple[str, ...], words: tuple[str, ...]) -> list[str]:
    """Values of these flags on a line, written behind them or behind ``=``."""
    found = []
    for number, word in enumerate(words):
        name, equals, inline = word.partition("=")
        if name in flags and (equals or number + 1 < len(words)):
            found.append(inline if equals else words[number + 1])
    return found
