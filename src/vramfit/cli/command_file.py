"""``--command-file FILE``: the launch command in a script, a file of Python, or lines of a shell's history."""

from __future__ import annotations

from vramfit.errors import InputError, UnknownProgram, UsageError, VramfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

STDIN = "-"
HINT = "give a script, or lines of a history, that start a model; - is stdin"


def with_command_file(keys: Mapping[str, Any], output: Mapping[str, Any]) -> Mapping[str, Any]:
    """Deployment keys with the command of ``--command-file``; raises ``UsageError`` where another one is stated."""
    other = "a command behind --" if "command" in keys else "--file" if "file" in output else ""
    if other:
        raise UsageError(f"--command-file and {other} were given", "leave one of them out")
    return {**keys, "command": command_in(str(output["command_file"]))}


def command_in(path: str) -> str:
    """Text of the command in a file, of stdin for ``-``: a whole script, or the last line of a history that starts a model.

    Raises ``InputError`` for a file that cannot be read or has none.
    """
    from vramfit.cli.deployments import begin, read_text
    from vramfit.launch.history import entries

    begin()
    text = read_text(path, HINT)
    found = entries(text)
    if not found:
        if not text.strip():
            raise InputError(f"{_shown(path)} is empty", HINT)
        return text
    for entry in reversed(found):
        if _starts(entry):
            return entry
    raise InputError(
        f"no command among {len(found):,} in {_shown(path)} starts a model",
        "give the command behind --: vramfit check -- …",
    )


def _starts(entry: str) -> bool:
    """True for a command that starts an engine, though it may not be answered."""
    from vramfit.engines.commands import read_command

    try:
        read_command(entry)
    except UnknownProgram:
        return False
    except VramfitError as error:
        return not error.message.startswith("cannot read")
    return True


def _shown(path: str) -> str:
    return "<stdin>" if path == STDIN else path
