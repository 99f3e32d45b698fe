"""Running the command: inside this process where that is enough, as a process of its own where it is not."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, validators

from vramfit.__main__ import main

SCHEMA = Path(__file__).parent / "contract" / "report.schema.json"
SOURCE = Path(__file__).parent.parent / "src"


@cache
def validator(definition: str = "") -> Any:
    """Checks the contract's documents, or one of the schema's ``$defs``; 4096.0 is no integer here."""
    strict = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    kind = validators.extend(Draft202012Validator, type_checker=strict)
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    kind.check_schema(schema)
    return kind({"$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]} if definition else schema)


@dataclass(frozen=True)
class Ran:
    """What one run of the command did."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The JSON document on stdout, held against the contract."""
        return checked(json.loads(self.out))

    @property
    def estimates(self) -> list[Any]:
        """The estimates of the document."""
        estimates: list[Any] = self.document["estimates"]
        return estimates

    @property
    def lines(self) -> list[Any]:
        """The objects of NDJSON output, each held against the contract."""
        told = [json.loads(line) for line in self.out.splitlines()]
        for one in told:
            validator("entry").validate(one)
        return told


def checked(document: Any) -> Any:
    """``document`` after validation against the contract's schema."""
    validator().validate(document)
    return document


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def vramfit(*arguments: str, stdin: str = "", terminal: bool = False) -> Ran:
    """Run the command in this process; ``terminal`` makes stdout and stderr claim to be one."""
    kind = _Terminal if terminal else io.StringIO
    out, err = kind(), kind()
    before = sys.stdin
    sys.stdin = io.StringIO(stdin)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main(list(arguments))
    finally:
        sys.stdin = before
    return Ran(code, out.getvalue(), err.getvalue())


def report(*arguments: str) -> Ran:
    """``vramfit check … --json``, validated, with nothing on stderr."""
    ran = vramfit("check", *arguments, "--json")
    assert ran.err == "", ran.err
    checked(json.loads(ran.out))
    return ran


def environment(**changes: str) -> dict[str, str]:
    """This process's environment with the package importable and ``changes`` made."""
    path = os.pathsep.join([str(SOURCE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]).rstrip(os.pathsep)
    return {**os.environ, "PYTHONPATH": path, **changes}


def process(*arguments: str | bytes, stdin: bytes = b"", **changes: str) -> subprocess.CompletedProcess[bytes]:
    """``python -m vramfit`` as a process of its own."""
    command: list[str | bytes] = [sys.executable, "-m", "vramfit", *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, env=environment(**changes), check=False, timeout=120
    )
