"""Launch commands at the edge: the files that they name, and models of paths that are on other machines."""

from __future__ import annotations

from vramfit.errors import InputError, VramfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.catalogue import Catalogue
    from vramfit.engines.commands import Command
    from vramfit.launch.files import Files

MOST_BYTES = 2**20
"""Size of a file that a command names; settings are shorter."""


def command_files() -> Files:
    """Functions that read the files which commands name, from this machine."""
    from vramfit.launch.files import Files

    return Files(_text, _settings, _parsed)


def named_here(raw: Mapping[str, Any], command: Command, catalogue: Catalogue) -> tuple[Mapping[str, Any], Command]:
    """Deployment keys with the name of what a path of another machine holds, and the command with a note of it.

    A path whose end is the name of no known model stays, and is an error where it is looked up.
    """
    import os

    from vramfit._record import replace
    from vramfit.engines.commands import FILES
    from vramfit.launch.files import elsewhere

    for key in FILES:
        path = raw.get(key)
        if not isinstance(path, str) or path != command.keys.get(key):
            continue
        names = elsewhere(path, lambda one: os.path.exists(os.path.expanduser(one)))
        name = next((one for one in names if _is_known(one, catalogue)), None)
        if name is not None:
            raw = {**raw, key: name}
            note = f"{path} is not on this machine: answered for {name}, as it is called"
            command = replace(command, notes=(*command.notes, note))
    return raw, command


def _is_known(name: str, catalogue: Catalogue) -> bool:
    """Return True if a name leads to a model."""
    try:
        catalogue.model(name)
    except VramfitError:
        return False
    return True


def _text(path: str) -> str:
    """Text of a file; raises ``InputError`` for one that cannot be read, or is too large."""
    import os

    from vramfit.bounded import read_bytes

    whole = os.path.expanduser(path)
    try:
        text = read_bytes(whole, MOST_BYTES).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"cannot read {path}: not UTF-8 text", "save the file as UTF-8") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(
            f"cannot read {path}, which the command names: {reason}", "run it where the file is, or state its flags"
        ) from None
    return text


def _settings(path: str) -> Mapping[str, Any]:
    """Mapping in a YAML or JSON file; raises ``InputError`` for a file with anything else."""
    return _parsed(_text(path), path)


def _parsed(text: str, path: str = "here-document") -> Mapping[str, Any]:
    """Mapping in a YAML or JSON text; raises ``InputError`` for anything else."""
    from vramfit.curation.strict_yaml import fault_error, parse

    parsed = parse(text, path, commas=True)
    if parsed.faults:
        raise fault_error(parsed.faults)
    if not isinstance(parsed.data, dict):
        raise InputError(f"{path}: not a mapping", "write flags without their dashes, each with its value")
    return parsed.data
