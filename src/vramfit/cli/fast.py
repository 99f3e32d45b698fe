"""The light reader: exactly the documented options of ``check`` and its like, without Typer.

It answers None for anything it does not know in full (another command, ``--help``, an unknown or abbreviated flag, a
missing value), and then Typer runs and owns every usage text. Values are not judged here: ``workload.parse_request``
does that for both paths.
"""

from __future__ import annotations

from vramfit.cli.options import CHECK_OPTIONS, spellings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vramfit.workload import Key

COMMANDS = {"check": "vramfit.cli.check", "matrix": "vramfit.cli.matrix", "recommend": "vramfit.cli.recommend"}
"""Commands whose options are declared as ``Key``s, and the modules that have their ``run``."""


def options(command: str) -> Sequence[Key]:
    """The options of one of ``COMMANDS``."""
    if command == "check":
        return CHECK_OPTIONS
    declared: Sequence[Key] = __import__(COMMANDS[command], fromlist=["OPTIONS"]).OPTIONS
    return declared


def read(arguments: Sequence[str]) -> dict[str, Any] | None:
    """Raw option values of a command line of ``COMMANDS``, by option name, or None to let Typer read it.

    Repeatable options give lists, switches True, ``--no-`` forms of a flag ``"false"``, the rest strings.
    """
    if not arguments or arguments[0] not in COMMANDS:
        return None
    declared = options(arguments[0])
    flags = {flag: key for key in declared for flag in spellings(key)}
    values: dict[str, Any] = {}
    rest = iter(arguments[1:])
    for word in rest:
        flag, has_value, value = word.partition("=") if word.startswith("--") else (word, "", "")
        key = flags.get(flag)
        if key is None:
            negated = flags.get("--" + flag[5:]) if flag.startswith("--no-") else None
            if negated is None or negated.kind != "flag" or has_value:
                return None
            values[negated.name] = "false"
            continue
        if key.kind in ("switch", "flag"):
            if has_value:
                return None
            values[key.name] = True if key.kind == "switch" else "true"
            continue
        if not has_value:
            following = next(rest, None)
            if following is None:
                return None
            value = following
        if key.kind == "texts":
            values.setdefault(key.name, []).append(value)
        else:
            values[key.name] = value
    # In the order they are declared, as Typer hands them over: the first of several faults is then the same one.
    return {key.name: values[key.name] for key in declared if key.name in values}
