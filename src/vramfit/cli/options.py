"""Options of ``check`` and its like: the deployment keys, and those on how the answer is printed.

One declaration serves the light reader, ``read``, the help texts (``help``) and the Typer command (``app``); commands
other than ``check`` have theirs in modules of their own. The reader answers None for anything it does not know in full
(another command, ``--help``, an unknown or abbreviated flag, a missing value): then ``help`` prints, or ``flags``
translates what people write, and what is left is a usage error of Typer's. Values are not judged here:
``engines.keys.parse_request`` does that for both paths.
"""

from __future__ import annotations

import os

from vramfit._memo import per_model
from vramfit._record import replace
from vramfit.engines.keys import common_keys, every_key
from vramfit.errors import UsageError
from vramfit.workload.keys import Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from typing import Any

    from vramfit.cli.settings import Settings

LONGEST_TIMEOUT_SECONDS = 3600

COMMANDS = {
    "check": "vramfit.cli.check",
    "matrix": "vramfit.cli.matrix",
    "recommend": "vramfit.cli.recommend",
    "verify": "vramfit.cli.verify",
    "explain": "vramfit.cli.explain",
    "compare": "vramfit.cli.compare",
    "plot": "vramfit.cli.plot",
    "list gpus": "vramfit.cli.list",
    "list models": "vramfit.cli.list",
    "list quants": "vramfit.cli.list",
    "list engines": "vramfit.cli.list",
    "show": "vramfit.cli.show",
}
"""Commands whose options are declared as ``Key``s, and the modules that have their ``run``. A module of several commands
has its ``OPTIONS`` by their second words, and its ``run`` takes that word too."""

_SIDE = "a launch command, keys like quant=int8, or with --file the name of a deployment"
ARGUMENTS: dict[str, tuple[Key, ...]] = {
    "verify": (Key("log", "text", "start-up log of a server or trainer; - is stdin"),),
    "show": (Key("id", "texts", "GPU or model, as people write it: l4, m4 max 128gb"),),
    "compare": (Key("a", "text", _SIDE), Key("b", "text", _SIDE)),
}
"""Words of these commands that belong to no flag, in their order; the last takes all further ones if it is ``texts``."""

WITH_WORDS = ("check", "explain", "plot", "recommend")
"""Commands that take a GPU and a model without flags."""

FORMATS = ("table", "plain", "json", "ndjson", "csv", "markdown")
FILE_FORMATS = ("github", "junit", "sarif")
"""Formats for pipelines, whose findings stand in a file."""
FAILING = ("exceeds", "tight", "never")
"""Worst verdicts that let a command fail; ``never`` fails for errors alone."""
_FORMAT = Key("format", "choice", "how to print", choices=FORMATS, default_text="table on a terminal, plain in a pipe")

OUTPUT_OPTIONS: tuple[Key, ...] = (
    Key(
        "file",
        "texts",
        "read deployments from a file, or from one that starts models: Compose, Kubernetes, a chart's values, a systemd"
        " unit; - is stdin; repeatable",
        flags=("-f",),
    ),
    Key("command_file", "text", "read the launch command from a script or a shell's history; - is stdin"),
    Key("json", "switch", "the whole report as JSON; the same as --format json"),
    replace(_FORMAT, choices=(*FORMATS, *FILE_FORMATS), help="how to print; github, junit and sarif go with --file"),
    Key("output", "text", "write the answer to a file, in one step; - is stdout", flags=("-o",), default_text="stdout"),
    Key(
        "fail_on", "choice", "verdict from which on the exit code is 1", choices=FAILING, default_text="as --level says"
    ),
    Key("catalogue", "texts", "a file of your own GPUs or models to lay over the catalogue; may be repeated"),
    Key("offline", "switch", "read models from this disk alone, never over the network"),
    Key("timeout", "text", "seconds a server may be silent", default_text="10"),
    Key("free", "switch", "judge this machine's GPUs by what is free of them now; the same as --reserve auto"),
    Key("verbose", "switch", "say on stderr what this machine was asked for its GPUs", flags=("-v",)),
    Key("details", "switch", "all of the report: every command, cost, bound and device, and the account of the need"),
    Key("quiet", "switch", "no summary, note, warning or progress on stderr; errors are printed", flags=("-q",)),
    Key("explain", "switch", "the terms that each estimate is the sum of too: table, markdown and JSON"),
    Key("export", "text", "write the report into a file too, as a page that stands alone: .svg, .html or .md"),
    Key("all_remedies", "switch", "every remedy that was found, not the best few alone"),
    Key("any", "switch", "exit 0 if any row reaches the level, not the first alone"),
    Key("no_header", "switch", "plain and csv: leave out the header line"),
    Key("color", "choice", "colour", choices=("auto", "always", "never"), default_text="auto"),
)
"""Options that are no deployment keys; a ``switch`` takes no value."""


def output_options(left_out: Collection[str]) -> tuple[Key, ...]:
    """Output options of a command that has no findings for pipelines, without those whose names are ``left_out``."""
    return tuple([_FORMAT if key.name == "format" else key for key in OUTPUT_OPTIONS if key.name not in left_out])


MANY_OPTIONS = output_options(
    ("file", "command_file", "any", "all_remedies", "details", "fail_on", "explain", "export")
)
"""Output options of commands that go through many models or GPUs."""

NO_PAGER = Key("no_pager", "switch", "print a long list at once, not through a pager")

LIST_OPTIONS: tuple[Key, ...] = (
    *[
        key
        for key in MANY_OPTIONS
        if key.name in ("json", "format", "output", "quiet", "catalogue", "no_header", "color")
    ],
    NO_PAGER,
)
"""Output options of commands that look things up."""

SETTINGS, VARIABLES = "config.yaml", "VRAMFIT_"
"""File in the configuration folder with the user's settings, and how variables with settings begin."""

HERE = Key("here", "switch", "the models that this disk holds, in the place of the catalogue's")
"""An option of commands that go through many models."""

exit_codes: list[int] = []
"""Exit code of each deployment that a command has answered or refused so far; that of the last may still change with its rows."""


def last_exit_code() -> int:
    """Exit code for what was answered before the reader of stdout went away."""
    return max(exit_codes, default=0)


def long_flag(key: Key) -> str:
    """Spell the long flag of a key: ``--kv-cache-type`` for ``kv_cache_type``."""
    return "--" + key.name.replace("_", "-")


@per_model
def spellings(key: Key) -> tuple[str, ...]:
    """Flags that set ``key``, the long one first."""
    return (long_flag(key), *key.flags)


def options(command: str) -> Sequence[Key]:
    """Options of one of ``COMMANDS``."""
    if command == "check":
        return (*every_key().values(), *OUTPUT_OPTIONS)
    declared = __import__(COMMANDS[command], fromlist=["OPTIONS"]).OPTIONS
    found: Sequence[Key] = declared[command.partition(" ")[2]] if isinstance(declared, dict) else declared
    return found


def run(command: str, values: Mapping[str, Any]) -> int:
    """Run one of ``COMMANDS`` with raw option values; returns the exit code."""
    _, _, kind = command.partition(" ")
    code: int = __import__(COMMANDS[command], fromlist=["run"]).run(values, *([kind] if kind else ()))
    return code


def command_of(arguments: Sequence[str]) -> str | None:
    """Command of ``COMMANDS`` that a line begins with; None for any other."""
    for count in (1, 2):
        name = " ".join(arguments[:count])
        if name in COMMANDS:
            return name
    return None


def read(arguments: Sequence[str]) -> dict[str, Any] | None:
    """Raw option values of a command line of ``COMMANDS``, by option name, or None to let Typer read it.

    Repeatable options give lists, switches True, ``--no-`` forms of a flag ``"false"``, the rest strings.
    """
    command = command_of(arguments)
    if command is None:
        return None
    if command == "check":
        # The engines' own keys are looked up only for a command line that has other flags than those all engines share.
        values = _values(arguments[1:], (*common_keys().values(), *OUTPUT_OPTIONS))
        if values is None:
            values = _values(arguments[1:], (*every_key("inference").values(), *OUTPUT_OPTIONS))
        if values is not None:
            return values
    return _values(arguments[1 + command.count(" ") :], options(command), ARGUMENTS.get(command, ()))


def _values(arguments: Sequence[str], declared: Sequence[Key], words: Sequence[Key] = ()) -> dict[str, Any] | None:
    """Raw values of the declared options, and of ``words`` without flags; None where something is not known in full."""
    flags = {flag: key for key in declared for flag in spellings(key)}
    values: dict[str, Any] = {}
    rest = iter(arguments)
    for word in rest:
        flag, has_value, value = word.partition("=") if word.startswith("--") else (word, "", "")
        key = flags.get(flag)
        if key is None and words and (not word.startswith("-") or word == "-"):
            own = next((one for one in words if one.name not in values or one.kind == "texts"), None)
            if own is None:
                return None
            values[own.name] = [*values.get(own.name, ()), word] if own.kind == "texts" else word
            continue
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
            if following is None or (following in flags and "on" in key.choices):
                return None
            value = following
        if key.kind == "texts":
            values.setdefault(key.name, []).append(value)
        else:
            values[key.name] = value
    # In the order they are declared, as Typer hands them over: the first of several faults is then the same one.
    return {key.name: values[key.name] for key in (*words, *declared) if key.name in values}


def own_settings() -> Settings | None:
    """Settings of the user; None where there are none. Raises what ``settings.settings`` raises."""
    from vramfit.catalogue.files import config_folder

    folder = config_folder()
    found = folder is not None and os.path.isfile(os.path.join(folder, SETTINGS))
    if not found and not any(name.startswith(VARIABLES) for name in os.environ):
        return None
    from vramfit.cli.settings import settings

    return settings()


def timeout_seconds(text: str) -> float:
    """Parse the time that a server may be silent; raises ``UsageError`` for a text that is no such time."""
    digits = text.strip().removesuffix("s")
    seconds = float(digits) if digits.isascii() and digits.replace(".", "", 1).isdecimal() and len(digits) < 10 else 0.0
    if not 0 < seconds <= LONGEST_TIMEOUT_SECONDS:
        raise UsageError(
            f'timeout: "{text}" is not a valid value', f"expected seconds, more than 0 to {LONGEST_TIMEOUT_SECONDS}"
        )
    return seconds
