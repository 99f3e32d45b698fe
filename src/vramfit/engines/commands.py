"""Reading of launch commands: the engine that a command starts, and the deployment keys that it states."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines import engine, names
from vramfit.errors import UsageError
from vramfit.launch.read import Process, process, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Command(Record):
    """Engine and deployment keys that a launch command states."""

    engine: str
    keys: dict[str, object]
    """Deployment keys with values like a user would type them; ``model`` is the repository, file or tag that the
    command names."""


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
