"""Services of systemd's unit files (``systemd.service(5)``, ``systemd.exec(5)``)."""

from __future__ import annotations

import os
import shlex

from vramfit.errors import UsageError
from vramfit.manifests import Ask, Container
from vramfit.manifests.compose import HOST, SELECTING
from vramfit.manifests.sizes import docker_bytes
from vramfit.manifests.variables import interpolated, read_env_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SECTIONS = ("[Unit]", "[Service]", "[Install]")
PREFIXES = "@-:+!|"
"""Characters in front of a command that say how it is started."""


def is_unit(text: str) -> bool:
    """True for a unit file with a service."""
    return any(line.strip() == "[Service]" for line in text.splitlines())


def read(text: str, file: str, folder: str, environment: Mapping[str, str]) -> Iterator[Container]:
    """Programs that a service starts, the one of ``ExecStart`` as well as those before it.

    A variables file of another folder is looked for beside the unit by its name.
    """
    variables: dict[str, str] = {}
    commands: list[tuple[int, str]] = []
    limit: int | None = None
    for line, key, value in _settings(text):
        if key == "Environment":
            variables.update(_assigned(value))
        elif key == "EnvironmentFile":
            variables.update(_file(value.lstrip("-"), folder))
        elif key in ("MemoryMax", "MemoryLimit"):
            limit = docker_bytes(value)
        elif key in ("ExecStart", "ExecStartPre"):
            commands = [*commands, (line, value)] if value else []
    name = os.path.basename(file).removesuffix(".service")
    for line, value in commands:
        command = value.lstrip(PREFIXES)
        if command:
            chosen = next((variables[one] for one in SELECTING if variables.get(one)), "")
            ids = [one for one in chosen.split(",") if one.strip().isdecimal()]
            ask = Ask(len(ids), tuple(map(int, ids))) if ids else Ask(None)
            words = tuple([interpolated(word, variables) for word in _words(command)])
            yield Container(file, line, name, "", words, (), dict(variables), {}, (), ask, limit, 1, HOST)


def _settings(text: str) -> Iterator[tuple[int, str, str]]:
    """Line, key and value of each setting of ``[Service]``, continued lines joined."""
    section, begun_text, begun = "", "", 0
    for number, line in enumerate(text.splitlines(), 1):
        row = line.strip()
        if begun_text or not row.startswith(("#", ";")):
            begun = begun if begun_text else number
            if row.endswith("\\"):
                begun_text += row[:-1].rstrip() + " "
                continue
            row, begun_text = begun_text + row, ""
            if row.startswith("["):
                section = row
            elif section == "[Service]" and "=" in row:
                key, _, value = row.partition("=")
                yield begun, key.strip(), value.strip()


def _words(command: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command.replace("%%", "%"), comments=False))
    except ValueError as error:
        raise UsageError(f"cannot read the command: {str(error).lower()}", "close every quote") from None


def _assigned(value: str) -> dict[str, str]:
    """Assignments of one setting, separated by spaces, each of which may stand in quotes."""
    return {name: rest for name, equals, rest in (word.partition("=") for word in _words(value)) if equals}


def _file(path: str, folder: str) -> dict[str, str]:
    for place in (path, os.path.join(folder, os.path.basename(path))):
        found = read_env_file(place, {})
        if found is not None:
            return found
    return {}
