"""Reading of launch commands: the engine that a command starts, and the deployment keys that it states."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines import engine, names
from vramfit.engines.keys import common_keys
from vramfit.errors import UsageError
from vramfit.launch.read import Process, process, processes
from vramfit.workload.keys import parse_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any


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
    lines: list[Process] = processes(given) if isinstance(given, str) else [process(given)]
    for name in names():
        keys = engine(name).read_command(lines)
        if keys is not None:
            return Command(name, keys)
    word = next((one.words[0] for one in lines if one.words), "")
    raise UsageError(f'no engine is known that "{word}" starts', "give the command that starts the server")
