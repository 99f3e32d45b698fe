"""Files of settings that are a program's main argument, as words: every value is stated, a false one too.

A launcher starts the program behind its own flags, which then stands as a process of its own.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.errors import VramfitError
from vramfit.launch import VALUE
from vramfit.launch.files import on_machine
from vramfit.launch.read import arguments

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from vramfit.launch import Program
    from vramfit.launch.files import Files
    from vramfit.launch.words import Process

TRUTHS = ("true", "false", "yes", "no")
ENDINGS = (".yaml", ".yml", ".json")


def started(program: Program, given: Process) -> list[Process]:
    """The launcher with its own flags alone, and what it starts; the process itself for a program that is no launcher."""
    words = arguments(program, given)
    if words is None or not program.launches:
        return [given]
    takes = {**program.neutral, **program.unmodelled, **dict.fromkeys(program.settings, 1)}
    for flag in program.flags:
        takes.update(dict.fromkeys((flag.flag, *flag.also), 1 if flag.kind == VALUE else 0))
    number = 0
    while number < len(words) and words[number] not in program.launches:
        if number and words[number].lower() in TRUTHS:
            number += 1  # behind a switch
            continue
        if not words[number].startswith("-"):
            break
        name, equals, _ = words[number].partition("=")
        follow = 0 if equals else takes.get(name, takes.get(name.replace("-", "_"), 0))
        number += 1 + max(follow, 0)
        while follow < 0 and number < len(words) and not words[number].startswith("-") and "=" in words[number]:
            number += 1
    own, inner = words[:number], words[number:]
    first = given.words[: len(given.words) - len(words)]
    if not inner:
        return [given]
    module = inner[0] in program.launches
    script = ("python", "-m", *inner[1:]) if module else inner
    if not module and inner[0].endswith(".py"):
        script = ("python", *inner)
    return [replace(given, words=(*first, *own)), replace(given, words=script)]


def with_documents(program: Program, given: Process, before: Iterable[Process], files: Files) -> Process:
    """The process with its files of settings as words in front of its own, and with files that are values read.

    Files that a process in front of it writes are taken from there. A value that is a file and cannot be read stays the
    name that it is; a missing file of settings raises ``VramfitError``.
    """
    words = arguments(program, given)
    if words is None or not (program.documents or program.document_values):
        return given
    written = {one.output: one.input for one in before if one.output is not None and one.input is not None}
    start = given.words[: len(given.words) - len(words)]
    stated: list[str] = []
    rest: list[str] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        name, equals, inline = word.partition("=")
        path = inline if equals else queue[0] if queue else ""
        if name in program.documents and path.endswith(ENDINGS):
            stated += document_words(
                _read(inline if equals else queue.pop(0), given, written, files), dotted=program.dotted
            )
        elif "" in program.documents and word.endswith(ENDINGS) and not rest:
            stated += document_words(_read(word, given, written, files), dotted=program.dotted)
        elif program.assigns and word.startswith("~"):
            continue
        elif program.assigns and equals and not word.startswith("-"):
            rest.append(f"--{word}")
        else:
            rest.append(word)
    whole = list(_valued(program, [*stated, *rest], given, written, files))
    return replace(given, words=(*start, *whole))


def _valued(
    program: Program, words: list[str], given: Process, written: Mapping[str, str], files: Files
) -> Iterator[str]:
    """The words, with the contents of files that are the value of a flag in their place, as JSON."""
    import json

    waiting = False
    for word in words:
        name, equals, value = word.partition("=")
        named = name.replace("-", "_").lstrip("_") in program.document_values
        path = word if waiting else value if named and equals else ""
        waiting = named and not equals
        if not path.endswith(ENDINGS):
            yield word
            continue
        try:
            text = json.dumps(_read(path, given, written, files))
        except VramfitError:
            yield word
            continue
        yield f"{name}={text}" if equals else text


def _read(path: str, given: Process, written: Mapping[str, str], files: Files) -> Mapping[str, Any]:
    text = written.get(path, written.get(path.removeprefix("./")))
    return files.settings(on_machine(path, given)) if text is None else files.parsed(text)


def document_words(stated: Mapping[str, Any], *, dotted: bool, before: str = "") -> list[str]:
    """Words ``--name=value`` of settings; lists and mappings are JSON, or of ``dotted`` names a mapping is many words."""
    import json

    found = []
    for name, value in stated.items():
        if dotted and isinstance(value, dict):
            found += document_words(value, dotted=True, before=f"{before}{name}.")
        elif isinstance(value, bool):
            found.append(f"--{before}{name}={str(value).lower()}")
        elif value is not None:
            text = json.dumps(value) if isinstance(value, dict | list) else str(value)
            found.append(f"--{before}{name}={text}")
    return found
