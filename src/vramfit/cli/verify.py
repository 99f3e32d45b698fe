"""``vramfit verify``: an engine's or a trainer's own log, each figure of it beside ours."""

from __future__ import annotations

import os
import sys

from vramfit.cli.check import answered, catalogue_of, in_place
from vramfit.cli.options import MANY_OPTIONS
from vramfit.cli.printing import print_lines
from vramfit.engines.keys import every_key
from vramfit.errors import InputError, UsageError
from vramfit.workload.keys import Key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.catalogue import Catalogue
    from vramfit.verify import Verified
    from vramfit.verify.lines import Kept

SAVE = Key("save", "text", "write the figures as a measurement row into this directory, to send to vramfit")
LEFT_OUT = ("name", "level")
"""Keys without a meaning here: the label, and the level of a verdict."""
OPTIONS: tuple[Key, ...] = (
    *[key for key in every_key().values() if key.name not in LEFT_OUT],
    SAVE,
    *MANY_OPTIONS,
)


def run(values: Mapping[str, Any]) -> int:
    """Answer one ``verify`` command line from its raw option values; returns the exit code.

    It is 0 if every figure that has bounds is inside of them, 1 if one is outside, 3 if the log lacks what is needed to
    ask, and 4 for a log that cannot be read or has no figures.
    """
    return answered(values, _answer)


def _answer(style: str, keys: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    from vramfit.render.verify import lines
    from vramfit.verify import exit_code, marks, verify
    from vramfit.verify.document import document

    given = {name: value for name, value in keys.items() if name not in ("log", SAVE.name)}
    if "log" not in keys:
        raise UsageError("no log was given", "vramfit verify LOG, or - for stdin")
    log = _kept(str(keys["log"]), marks())
    catalogue = catalogue_of(output)
    found = verify(log.lines, given, catalogue)
    if SAVE.name in keys:
        _save(found, str(keys[SAVE.name]), catalogue)
    report = document(found)
    if log.dropped:
        report["notes"].append(
            f"the log is longer than what is kept: {log.dropped:,} lines at its beginning were left out"
        )
    in_place(output, lambda: print_lines(style, lines(style, report, header=not output.get("no_header"))))
    return exit_code(found)


def _kept(path: str, marks: tuple[str, ...]) -> Kept:
    """Lines of a log file, or of stdin for ``-``; raises ``InputError`` for one that cannot be read."""
    from vramfit.bounded import open_file
    from vramfit.verify.lines import Bounded, kept

    try:
        if path == "-":
            return kept(Bounded(sys.stdin.buffer), marks)
        with open(open_file(path), "rb") as file:
            return kept(Bounded(file), marks)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read {path}: {reason}", "give a log file, or - for stdin") from None


def _save(found: Verified, directory: str, catalogue: Catalogue) -> None:
    """Write the measurement row into a file whose name says engine and model; raises ``InputError`` if that fails."""
    from hashlib import sha256

    from vramfit.render.verify import measurement
    from vramfit.verify.document import row

    model = found.deployment.model
    catalogued = model.origin is None and catalogue.knows(model.id)
    text = measurement(row(found, catalogued))
    name = f"{found.engine}-{model.id if catalogued else 'other'}-{sha256(text.encode()).hexdigest()[:8]}.yaml"
    path = os.path.join(directory, name)
    try:
        os.makedirs(directory, exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}", "give a directory with --save") from None
    sys.stderr.write(f"saved {path}\n")
