"""Launch commands of all engines: which one a command starts, and the deployment keys it says."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines import engine, names
from vramfit.errors import UsageError
from vramfit.launch.read import Process, process, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class Command(Record):
    """What a launch command says of a deployment."""

    engine: str
    keys: dict[str, object]
    """Deployment keys as they would be typed; ``model`` is the repository, file or tag that the command names."""


def read_command(given: str | Sequence[str]) -> Command:
    """The engine and the keys of shell lines, or of the words of one; raises ``UsageError`` for what is not known."""
    lines: list[Process] = processes(given) if isinstance(given, str) else [process(given)]
    for name in names():
        keys = engine(name).read_command(lines)
        if keys is not None:
            return Command(name, keys)
    word = next((one.words[0] for one in lines if one.words), "")
    raise UsageError(f'no engine is known that "{word}" starts', "give the command that starts the server")
