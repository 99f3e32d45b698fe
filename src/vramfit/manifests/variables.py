"""Variables of manifests: ``.env`` files, and the references that are replaced before a program starts.

A variable whose value is not known (a Secret, a field of the pod, one that is set nowhere) keeps its reference,
``${NAME}``. Where that lands in a flag that does not matter, nothing is lost; where it lands in a deployment key, the
error names the variable.
"""

from __future__ import annotations

import re
from collections import ChainMap

from vramfit.bounded import read_bytes
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_BYTES = 2**20
"""Length of a file of variables that is read."""
MOST_CHARACTERS = 2**18
"""Characters that the variables of one text may stand for."""
_COMPOSE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"(?:(?P<rule>:?[-+?])(?P<other>[^{}]*(?:\{[^{}]*\}[^{}]*)*))?\})"
)
"""Compose's interpolation (compose-spec, ``spec.md``, *Interpolation*): ``$$``, ``$VAR``, ``${VAR}``, ``${VAR:-x}``,
``${VAR-x}``, ``${VAR:+x}``, ``${VAR:?x}``; one level of them inside of another."""
_KUBERNETES = re.compile(r"\$(?:(?P<escaped>\$\([A-Za-z_][A-Za-z0-9_.-]*\))|\((?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\))")
"""References of ``command``, ``args`` and ``env`` of a container (Kubernetes API, ``core/v1`` Container): ``$(VAR)``,
and ``$$(VAR)`` for the text itself."""
_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=\s*(.*?)\s*$")
_LEFT = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


def reference(name: str) -> str:
    """Text that stands for the unknown value of a variable."""
    return f"${{{name}}}"


def references(text: str) -> tuple[str, ...]:
    """Names of the variables whose values are unknown in a text."""
    return tuple(_LEFT.findall(text))


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """Replace Compose's references; one of an unset variable without a default stays as ``${NAME}``."""

    room = [MOST_CHARACTERS]

    def replaced(found: re.Match[str]) -> str:
        if found["escaped"]:
            return "$"
        return _fitting(value_of(found), room)

    def value_of(found: re.Match[str]) -> str:
        name = found["plain"] or found["name"]
        value, rule = variables.get(name), found["rule"] or ""
        missing = not value if rule.startswith(":") else value is None
        if rule.endswith("+"):
            return "" if missing else interpolated(found["other"], variables)
        if rule.endswith("-") and missing:
            return interpolated(found["other"], variables)
        return reference(name) if value is None or (missing and rule.endswith("?")) else value

    return _COMPOSE.sub(replaced, text)


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Replace Kubernetes' references; one of an unset variable stays as it is, as there."""

    room = [MOST_CHARACTERS]

    def replaced(found: re.Match[str]) -> str:
        if found["escaped"]:
            return found["escaped"]
        return _fitting(variables.get(found["name"], found[0]), room)

    return _KUBERNETES.sub(replaced, text)


def _fitting(value: str, room: list[int]) -> str:
    """Value of a variable; raises ``UsageError`` where a text has no room for it: variables of variables double."""
    room[0] -= len(value)
    if room[0] < 0:
        raise UsageError(
            f"a text is longer than {MOST_CHARACTERS:,} characters with its variables",
            "give the part that starts the model",
        )
    return value


def read_env_file(path: str, variables: Mapping[str, str]) -> dict[str, str] | None:
    """Variables of an ``.env`` file; None where there is no such file, or one that is too long to be such a file."""
    try:
        return env_file(read_bytes(path, MOST_BYTES).decode("utf-8", "replace"), variables)
    except (OSError, ValueError, UsageError):
        return None


def env_file(text: str, variables: Mapping[str, str]) -> dict[str, str]:
    """Variables of an ``.env`` file: a line each, quotes taken off, references to earlier ones and ``variables`` replaced.

    Single quotes keep a value as it is (Docker's documentation, *Set environment variables*, ``.env`` file syntax).
    """
    found: dict[str, str] = {}
    known = ChainMap(dict(variables), found)
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            continue
        match = _ASSIGNMENT.match(line)
        if match is None:
            continue
        name, value = match[1], match[2]
        if value[:1] in ("'", '"') and value.find(value[0], 1) > 0:
            quote, inner = value[0], value[1 : value.find(value[0], 1)]
            found[name] = inner if quote == "'" else interpolated(inner, known)
            continue
        plain = re.split(r"(?:^|\s)#", value, maxsplit=1)[0].rstrip()
        found[name] = interpolated(plain, known)
    return found
