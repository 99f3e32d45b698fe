"""Running the command: inside this process where that is enough, as a process of its own where it is not."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator, validators

from vramfit.__main__ import main

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCHEMA = Path(__file__).parent / "contract" / "report.schema.json"
SOURCE = Path(__file__).parent.parent / "src"


@cache
def validator(definition: str = "", engines: tuple[str, ...] = ()) -> Any:
    """Checks the contract's documents, or one of the schema's ``$defs``; 4096.0 is no integer here.

    ``engines`` are names that a test has made known besides the contract's.
    """
    strict = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    kind: Any = validators.extend(Draft202012Validator, type_checker=strict)  # type: ignore[no-untyped-call]
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    schema["$defs"]["engine"]["enum"] += engines
    kind.check_schema(schema)
    return kind({"$ref": f"#/$defs/{definition}", "$defs": schema["$defs"]} if definition else schema)


@dataclass(frozen=True)
class Ran:
    """What one run of the command did."""

    code: int
    out: str
    err: str

    @cached_property
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


class _Stream(io.TextIOWrapper):
    """A stream of bytes in UTF-8, as a process has them, that may claim to be a terminal."""

    def __init__(self, content: bytes = b"", *, terminal: bool = False, errors: str = "strict") -> None:
        super().__init__(io.BytesIO(content), encoding="utf-8", errors=errors, newline="", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    @property
    def text(self) -> str:
        """What was written."""
        self.flush()
        written: bytes = self.buffer.getvalue()  # type: ignore[attr-defined]
        return written.decode("utf-8")


def vramfit(*arguments: str, stdin: str = "", terminal: bool = False, run: Callable[[list[str]], int] = main) -> Ran:
    """Run the command in this process; ``terminal`` makes stdout and stderr claim to be one."""
    out, err = _Stream(terminal=terminal), _Stream(terminal=terminal, errors="backslashreplace")
    before = sys.stdin
    sys.stdin = _Stream(stdin.encode("utf-8", "surrogateescape"))
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(list(arguments))
    finally:
        sys.stdin = before
    return Ran(code, out.text, err.text)


def report(*arguments: str) -> Ran:
    """``vramfit check … --json``, validated, with nothing on stderr."""
    ran = vramfit("check", *arguments, "--json")
    assert ran.err == "", ran.err
    assert ran.document
    return ran


def environment(**changes: str) -> dict[str, str]:
    """This process's environment with the package importable and ``changes`` made."""
    path = os.pathsep.join([str(SOURCE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]).rstrip(os.pathsep)
    return {**os.environ, "PYTHONPATH": path, **changes}


def process(
    *arguments: str | bytes, stdin: bytes = b"", variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[bytes]:
    """``python -m vramfit`` as a process of its own, with ``variables`` in its environment."""
    command: list[str | bytes] = [sys.executable, "-m", "vramfit", *arguments]
    env = environment(**(variables or {}))
    return subprocess.run(command, input=stdin, capture_output=True, env=env, check=False, timeout=120)
