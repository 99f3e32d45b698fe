"""Reading of launch commands: the engine that a command starts, and the deployment keys that it states."""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.engines import engine, names
from vramfit.engines.keys import common_keys
from vramfit.errors import UnknownProgram, UsageError
from vramfit.launch import runs
from vramfit.launch.read import arguments
from vramfit.launch.shell import peeled, process, processes
from vramfit.workload.keys import parse_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.launch.words import Process


class Command(Record):
    """Engine and deployment keys that a launch command states."""

    engine: str
    keys: dict[str, object]
    """Deployment keys with values like a user would type them; ``model`` is the repository, file or tag that the
    command names."""


def with_command(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return raw deployment keys with those of the launch command under ``command``; the other keys count for more.

    The command is shell lines, or the words of one. Raises ``UsageError`` where it is neither, and as ``read_command``.
    """
    rest = {name: value for name, value in raw.items() if name != "command"}
    given = raw["command"]
    if not given or not isinstance(given, str | list):
        raise UsageError("command: no launch command", "for example: vramfit check -g rtx4090 -- llama-server -hf …")
    found = read_command(given)
    key = common_keys()["engine"]
    asked = rest.get("engine")
    if asked is not None and parse_value(key, asked) != found.engine:
        raise UsageError(
            f"the command starts {found.engine}, and engine asks for {rest['engine']}", "leave one of them out"
        )
    return {"engine": found.engine, **found.keys, **rest}


def read_command(given: str | Sequence[str]) -> Command:
    """Read the engine and its keys from shell lines, or from the words of a single line.

    Raises ``UsageError`` if no engine is known that the command starts, or for a flag that is not known.
    """
    return read_processes(processes(given) if isinstance(given, str) else peeled(process(given)))


def read_processes(given: list[Process]) -> Command:
    """Read the engine and its keys from processes, in the order in which they are started; raises as ``read_command``."""
    lines = [_entered(part) for one in given for part in peeled(one)]
    for name in names():
        keys = engine(name).read_command(lines)
        if keys is not None:
            return Command(name, keys)
    word = next((one.words[0] for one in lines if one.words), "")
    raise UnknownProgram(f'no engine is known that "{word}" starts', "give the command that starts the server")


def _entered(given: Process) -> Process:
    """The process with its image's entry point in front of its words, where these start no known program themselves."""
    if given.image is None:
        return given
    programs = [program for name in names() for program in engine(name).programs()]
    if any(arguments(program, given) is not None for program in programs):
        return given
    for program in programs:
        if any(runs(pattern, given.image) for pattern in program.images):
            return replace(given, words=(*program.words, *given.words))
    return given
