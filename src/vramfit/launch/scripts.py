"""Python scripts among processes: their text, the calls in it, and calls that start what a program starts."""

from __future__ import annotations

from vramfit._record import replace
from vramfit.errors import VramfitError
from vramfit.launch.code import Call, is_unknown
from vramfit.launch.files import flag_words, on_machine
from vramfit.launch.python import calls, is_code
from vramfit.launch.read import arguments, plain
from vramfit.launch.words import Process, Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vramfit.launch import Program
    from vramfit.launch.files import Files

LAUNCHERS = ("torchrun", "accelerate", "deepspeed")
"""Programs in a comment in front of code that start it on several GPUs."""


def of_code(text: str) -> list[Process]:
    """Processes of a text that is Python: what its first comment launches, else Python that reads it."""
    first = text.lstrip().partition("\n")[0]
    words = first.lstrip("# ").split() if first.startswith("#") else []
    name = next((word for word in words if word.endswith(".py")), "")
    if words[:1] and words[0] in LAUNCHERS and name:
        return [Process({}, ("cat",), output=name, input=text), Process({}, tuple(words))]
    return [Process({}, ("python", "-"), input=text)]


def with_calls(given: Process, before: Iterable[Process], files: Files) -> Process:
    """The process with the calls of the script that it runs; the process itself if it runs none that is at hand.

    Raises ``UsageError`` for a script that is no Python.
    """
    words = _behind_python(given)
    if words is None or given.calls:
        return given
    text = _text(words, given, before, files)
    behind = words[2:] if words[:1] == ("-c",) else words[1:]
    return given if text is None else replace(given, calls=calls(text, given.variables, behind))


def missing(given: Iterable[Process]) -> str:
    """Name of the first script that Python runs and that is not at hand; empty if there is none."""
    for one in given:
        words = _behind_python(one)
        if words and words[0].endswith(".py") and not one.calls:
            return str(words[0])
    return ""


def of_calls(programs: Sequence[Program], given: Process) -> Process:
    """The process, or that of the program whose arguments a call of its script states."""
    for call in given.calls:
        for program in programs:
            if call.name in program.calls:
                return replace(given, words=(*program.words, *_words(program, call)))
    return given


def _behind_python(given: Process) -> tuple[str, ...] | None:
    """Words behind Python and its own options; None for another program and for a module."""
    if not given.words or plain(given.words[0]) != "python":
        return None
    rest = list(given.words[1:])
    while rest and rest[0].startswith("-") and rest[0] not in ("-m", "-c", "-"):
        if rest.pop(0) in ("-W", "-X") and rest:
            del rest[0]
    return None if rest[:1] == ["-m"] else tuple(rest)


def _text(words: tuple[str, ...], given: Process, before: Iterable[Process], files: Files) -> str | None:
    """Text of a script: behind ``-c``, of a here-document, of a file that a process in front writes, or of a file."""
    if words[:1] == ("-c",):
        return words[1] if len(words) > 1 else None
    if words[:1] in ((), ("-",)):
        return given.input
    if not words[0].endswith(".py"):
        return None
    written = {one.output.removeprefix("./"): one.input for one in before if one.output is not None}
    found = written.get(words[0].removeprefix("./"))
    if found is not None:
        return found
    try:
        return files.text(on_machine(words[0], given))
    except VramfitError:
        return None


def _words(program: Program, call: Call) -> list[str]:
    """Words of a program for the arguments of a call."""
    stated = {**call.keywords}
    first = program.calls[call.name]
    if first and call.arguments:
        stated.setdefault(first, call.arguments[0])
    stated = {name: _plain(value) for name, value in stated.items()}
    named = program.positional and first
    found = [_text_of(stated.pop(first))] if named and stated.get(first) is not None else []
    known = {name: value for name, value in stated.items() if not is_unknown(value)}
    found += [*program.call_flags, *(program.call_words or flag_words)(known)]
    for name, value in stated.items():
        if is_unknown(value):
            found += [f"--{name}", value]  # type: ignore[list-item]  # a word of what is not known
    return found


def _text_of(value: object) -> str:
    return value if isinstance(value, Word) else str(value)


def _plain(value: object) -> object:
    """Value as a file of settings has it: a call is the mapping of its arguments, a type its name."""
    if isinstance(value, Call) and value.last[:1].islower():
        return Word.at("", None, 0, 0, (f"`{value.name.lstrip('.')}(…)`",))
    if isinstance(value, Call):
        return {name: _plain(one) for name, one in value.keywords.items()}
    if isinstance(value, str) and value.startswith("torch."):
        return value.removeprefix("torch.")
    return value


__all__ = ["arguments", "is_code", "missing", "of_calls", "of_code", "with_calls"]
