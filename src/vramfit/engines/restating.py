"""Remedies in the words of a user's own command: what two written commands differ in, changed in that text."""

from __future__ import annotations

from vramfit.engines import engine
from vramfit.errors import UsageError
from vramfit.launch import unsaid
from vramfit.launch.edit import Change, applied, changes
from vramfit.launch.gpus import recounted
from vramfit.launch.python import is_code
from vramfit.launch.read import arguments
from vramfit.launch.shell import processes
from vramfit.launch.words import Word
from vramfit.launch.write import line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from vramfit.engines.commands import Command
    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.launch import Program
    from vramfit.launch.words import Process


def written(command: Command, deployment: Deployment, estimate: Estimate) -> str:
    """Command of ours for a deployment, in the program that the user's command starts where its engine writes several."""
    runtime = engine(deployment.engine)
    if command.engine == runtime.name:
        for one in command.processes:
            for program in runtime.programs():
                text = (
                    runtime.command_in(program, deployment, estimate) if arguments(program, one) is not None else None
                )
                if text is not None:
                    return text
    return runtime.command(deployment, estimate)


def restatements(
    command: Command, before: str, after: str, stated: Container[str] = (), gpus: int | None = None
) -> Iterator[str]:
    """Texts of the user's command for another deployment of its engine, those with the fewest changes first.

    ``before`` and ``after`` are the written commands of its deployment and of the other, ``stated`` has the deployment keys
    that the other states, and ``gpus`` is its number of GPUs on a machine where that is another. There are none where the
    changes cannot be made in the user's text.
    """
    if command.text is None or is_code(before) or is_code(after):
        return
    if is_code(command.text):
        yield from _recoded(command, command.text, processes(before), processes(after))
        return
    runtime, old, new = engine(command.engine), processes(before), processes(after)
    counts = [] if gpus is None else recounted(runtime.programs(), command.processes, gpus)
    if counts is None:
        return
    own = runtime.restated(command.text, command.processes, old, new)
    if own is not None:
        for parts, added in own:
            text = applied(command.text, [*parts, *counts])
            if text:
                yield unsaid.behind(text, added)
        return
    while len(old) > 1 and _own(command, old[0]) is None:
        del old[0]  # what makes the files, which the user has
    several = _machines(command, old, new)
    count = 1 if several else len(new)
    made = _by_flags(command, old, new[:count], after, stated)
    text = None if made is None else applied(command.text, [*made, *[one for one in counts if one not in made]])
    if text:
        # What makes the files stands in front of what is started with them.
        yield unsaid.behind(unsaid.in_front(text, after.split("\n")[: count - len(old)]), several)


def _recoded(command: Command, text: str, old: list[Process], new: list[Process]) -> Iterator[str]:
    """Script of a user whose call that loads the model has other arguments; none where it cannot be changed."""
    from vramfit.launch.recode import recoded

    pair = _own(command, old[0]) if len(old) == len(new) == 1 else None
    found = None if pair is None else recoded(pair[0], text, old[0], new[0])
    if found is not None:
        yield found


def _by_flags(
    command: Command, old: list[Process], new: list[Process], after: str, stated: Container[str]
) -> list[Change] | None:
    """Changes of flags and variables; None where they cannot be made."""
    more = len(new) - len(old)
    if more < 0 or (more and len(after.split("\n")) != len(new)):
        return None
    made: list[Change] = []
    for first, second in zip(old, new[more:], strict=True):
        pair = _own(command, first)
        if first == second:
            continue
        try:
            found = None if pair is None else changes(*pair, first, second, stated)
        except UsageError:
            found = None  # its settings stand in files, which are not read here
        launcher = None if pair is None else _launched(*pair, first, second)
        if found is None or launcher is None:
            return None
        made += [one for one in (*found, *launcher) if one not in made]
    return made


def _own(command: Command, other: Process) -> tuple[Program, Process] | None:
    """Program of a written process, and the user's own process of it; None if there is none."""
    for program in engine(command.engine).programs():
        if arguments(program, other) is not None:
            own = next((one for one in command.processes if arguments(program, one) is not None), None)
            return None if own is None else (program, own)
    return None


def _launched(program: Program, own: Process, old: Process, new: Process) -> list[Change] | None:
    """Change that puts what starts a process on several machines in front of the user's; none where nothing does.

    None where the user's text has no place for it.
    """
    launcher = _in_front(new, program)
    if launcher == _in_front(old, program):
        return []
    word = own.words[0] if own.words else ""
    if not launcher or not isinstance(word, Word) or word.source is None:
        return None
    return [Change(word.source, word.start, word.start, f"{launcher} ")]


def _in_front(written: Process, program: Program) -> str:
    """Text in front of a program in a written process, what it is launched by."""
    begin = written.begin
    word = next((one for one in written.words if one == program.words[0]), None)
    if (
        not isinstance(begin, Word)
        or not isinstance(word, Word)
        or begin.source is None
        or word.source is not begin.source
    ):
        return ""
    return begin.source.text[begin.start : word.start].strip()


def _machines(command: Command, old: list[Process], new: list[Process]) -> list[str]:
    """Comments on what is started on each further machine; none where one process is all."""
    pair = _own(command, old[0]) if len(old) == 1 and len(new) > 1 else None
    if pair is None or any(arguments(pair[0], one) is None for one in new):
        return []
    found = []
    for number, one in enumerate(new[1:], 2):
        more = [word for place, word in enumerate(one.words) if new[0].words[place : place + 1] != (word,)]
        names = [
            one.words[place - 1]
            for place, word in enumerate(one.words)
            if word in more and not word.startswith("-") and one.words[place - 1].startswith("-")
        ]
        shown = [word for word in one.words if word in more or word in names]
        found.append(f"# on machine {number} instead: {line(shown)}")
    return found
