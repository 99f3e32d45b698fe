"""Place that machine facts are read from: the root of its files, its variables, and what starts its programs.

Tests give another root, another system and a ``PATH`` of their own; nothing else in this room touches the machine.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from vramfit._record import Record
from vramfit.importers.brief import within
from vramfit.importers.machine.record import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeVar

    T = TypeVar("T")

LIMIT_SECONDS = 2.0
"""Time that a source has. ``rocm-smi``, a Python program, takes about half of it; a hung driver takes for ever."""
MOST_OUTPUT = 2**20
"""Bytes of an output that are read; the program is stopped there. ``nvidia-smi -q -x`` of 16 GPUs prints 400 KiB."""
MOST_FILE = 2**16
"""Bytes of a file that are read."""
MOST_NAMES = 4096
"""Entries of a folder that are listed."""


class Output(Record):
    """Text that a program printed, and how it ended."""

    text: str
    problem: str | None
    """Reason why the text counts for nothing; None if the program ended well."""
    absent: bool = False
    """True if there is no such program."""
    code: int | None = None
    """Exit code; None for a program that did not end by itself."""


class Place:
    """Files, variables and programs of one machine."""

    def __init__(
        self,
        root: str = "/",
        system: str | None = None,
        variables: Mapping[str, str] | None = None,
        limit_seconds: float = LIMIT_SECONDS,
    ) -> None:
        self._root = root
        self.variables: Mapping[str, str] = os.environ if variables is None else variables
        self._limit_seconds = limit_seconds
        self.system = self._own_system() if system is None else system
        """``linux``, ``windows`` or ``macos``."""

    def _own_system(self) -> str:
        """System by Python's word for it; another one that has macOS' own program is taken for macOS."""
        if sys.platform == "win32":
            return "windows"
        return "macos" if sys.platform == "darwin" or self.program("system_profiler") is not None else "linux"

    def path(self, *parts: str) -> str:
        """Path of a file below the root."""
        return os.path.join(self._root, *parts)

    def read(self, *parts: str) -> str | None:
        """Text of a file, without null bytes; None where it cannot be read. Bytes that are no UTF-8 are replaced."""
        content = self.read_bytes(*parts)
        return None if content is None else content.replace(b"\0", b"").decode("utf-8", "replace")

    def read_bytes(self, *parts: str) -> bytes | None:
        """First bytes of a regular file, at most ``MOST_FILE``; None where it cannot be read."""
        try:
            descriptor = os.open(self.path(*parts), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except (OSError, ValueError):
            return None
        try:
            return os.read(descriptor, MOST_FILE)
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def names(self, *parts: str) -> list[str]:
        """Sorted names in a folder; none where it cannot be listed."""
        try:
            return sorted(os.listdir(self.path(*parts)))[:MOST_NAMES]
        except OSError:
            return []

    def exists(self, *parts: str) -> bool:
        """True if there is such a file or folder."""
        return os.path.exists(self.path(*parts))

    def program(self, name: str, *folders: str) -> str | None:
        """Path of a program on ``PATH``, or else in one of ``folders`` below the root; None where it is in neither.

        Relative folders of ``PATH``, the working directory among them, are passed over: what lies there is not asked.
        """
        ending = ".exe" if sys.platform == "win32" else ""
        paths = [one for one in self.variables.get("PATH", "").split(os.pathsep) if os.path.isabs(one)]
        for folder in (*paths, *[self.path(one) for one in folders]):
            found = os.path.join(folder, name + ending)
            if os.path.isfile(found) and os.access(found, os.X_OK):
                return found
        return None

    def run(self, name: str, *arguments: str, folders: Sequence[str] = ()) -> Output:
        """Output of a program in the C locale, never through a shell; what it cannot do is ``Output.problem``."""
        path = self.program(name, *folders)
        if path is None:
            return Output("", "not on PATH", absent=True)
        variables = {**self.variables, "LC_ALL": "C", "LANG": "C"}
        return _run([path, *arguments], variables, self._limit_seconds)

    def within(self, work: Callable[[], T]) -> T | None:
        """Result of a function that may hang, as calls into drivers do; None where it took longer than the limit.

        Raises what the function raised.
        """
        return within(self._limit_seconds, work)


def _run(command: list[str], variables: Mapping[str, str], limit_seconds: float) -> Output:
    """Run a program, reading as much as is allowed for as long as is allowed, and end all that it started."""
    own_group = {"start_new_session": True} if os.name == "posix" else {}
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=dict(variables), **own_group,  # type: ignore[call-overload]
        )  # fmt: skip
    except (OSError, ValueError) as error:
        return Output("", f"cannot be started: {getattr(error, 'strerror', None) or error}")
    content = bytearray()

    def read() -> None:
        with process.stdout as stream:
            while len(content) <= MOST_OUTPUT and (more := stream.read1(MOST_FILE)):
                content.extend(more)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(limit_seconds)
    code = _ended(process, reader)
    if len(content) > MOST_OUTPUT:
        return Output("", f"printed more than {MOST_OUTPUT // 2**20} MiB", code=code)
    if code is None:
        return Output("", f"no answer within {limit_seconds:g} s")
    text = bytes(content).replace(b"\0", b"").decode("utf-8", "replace")
    if code:
        line = next((clean(one) for one in text.splitlines() if clean(one)), "")
        return Output(text, f"exit code {code}{f': {line}' if line else ''}", code=code)
    return Output(text, None, code=0)


def _ended(process: subprocess.Popen[bytes], reader: threading.Thread) -> int | None:
    """Exit code of a program whose output ended; None for one that had to be stopped, with all that it started."""
    if not reader.is_alive():
        try:
            return process.wait(0.2)
        except subprocess.TimeoutExpired:
            pass
    try:
        if os.name == "posix":
            os.killpg(process.pid, 9)
        else:
            process.kill()
        process.wait(0.2)
    except (OSError, subprocess.TimeoutExpired):
        pass  # gone already, or beyond the reach of a signal in a driver's call
    reader.join(0.2)
    return None
