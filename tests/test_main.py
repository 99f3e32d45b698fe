"""The entry point: which exceptions become which exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from tests.command import environment, process, vramfit
from vramfit.__main__ import main
from vramfit.cli.process import run_once
from vramfit.errors import CannotTell

if TYPE_CHECKING:
    from vramfit._finder import CompiledFinder

ASKED = ("check", "-g", "rtx4090", "-m", "llama-3.2-1b")


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """Make the estimator raise."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("vramfit.cli.check.answers", fail)


def test_a_bug_is_one_line_and_exit_70(monkeypatch: pytest.MonkeyPatch) -> None:
    """Told apart from every answer, without a traceback, and with a word on how to report it."""
    failing(monkeypatch, ZeroDivisionError("division by zero\nsecond line"))
    for more in ((), ("--json",), ("--format", "table")):
        ran = vramfit(*ASKED, *more)
        assert 70 == ran.code
        first, hint = ran.err.splitlines()
        assert "error: internal error: ZeroDivisionError: division by zero" == first
        assert "VRAMFIT_DEBUG=1" in hint


def test_a_bug_on_the_typer_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same there."""
    failing(monkeypatch, RuntimeError("broken"))
    monkeypatch.setattr("vramfit.cli.options.read", lambda _: None)
    ran = vramfit(*ASKED)
    assert (70, "error: internal error: RuntimeError: broken") == (ran.code, ran.err.splitlines()[0])


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """``VRAMFIT_DEBUG=1`` lets the exception through."""
    failing(monkeypatch, ZeroDivisionError("division by zero"))
    monkeypatch.setenv("VRAMFIT_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        vramfit(*ASKED)


def test_an_understood_error_is_no_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms raise their own kinds, which carry their exit code."""
    failing(monkeypatch, CannotTell("nobody knows"))
    ran = vramfit(*ASKED)
    assert (3, "error: nobody knows\n") == (ran.code, ran.err)


def test_an_interrupt_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """As shells expect of SIGINT; on both paths."""
    failing(monkeypatch, KeyboardInterrupt())
    assert (130, "") == (vramfit(*ASKED).code, vramfit(*ASKED).err)
    monkeypatch.setattr("vramfit.cli.options.read", lambda _: None)
    assert 130 == vramfit(*ASKED).code


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_an_interrupt_while_it_starts_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was a traceback of Python's."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vramfit._boot.start", interrupted)
    assert main() == 130


def test_an_interrupt_behind_the_answer_keeps_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules are kept for the next command once the answer is there; the process is left as usual under a test."""

    class Incomplete:
        def is_complete(self) -> bool:
            return False

    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    left: list[int] = []
    monkeypatch.setattr("vramfit._groups.write", interrupted)
    monkeypatch.setattr("vramfit.cli.process.run", lambda *_: 1)
    monkeypatch.setattr("vramfit.cli.process._leave", left.append)
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    monkeypatch.setattr(sys, "stderr", sys.stderr)
    assert run_once([], cast("CompiledFinder", Incomplete())) == 1
    assert left == [1]


def test_a_real_interrupt() -> None:
    """A process that waits for stdin and is sent SIGINT."""
    command = [sys.executable, "-m", "vramfit", "check", "--file", "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as running:
        deadline = time.monotonic() + 30
        while "pipe" not in _waits_in(running.pid) and time.monotonic() < deadline:
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
    assert 130 == running.returncode
    assert b"Traceback" not in err


def _waits_in(pid: int) -> str:
    """The kernel function a process sleeps in; ``pipe`` where that cannot be told."""
    try:
        return Path(f"/proc/{pid}/wchan").read_text(encoding="ascii") or "pipe"
    except OSError:
        return "pipe"


STYLES = ("json", "ndjson", "plain", "csv", "markdown", "table")
UNWRITTEN = (
    "error: cannot write: No space left on device\nhint: the answer is not complete; make room, or send it elsewhere\n"
)
WRITING = (
    *[(*ASKED, "--format", style) for style in STYLES],
    ("--help",),
    ("check", "--help"),
    ("--version",),
    ("list", "gpus"),
    ("list", "models", "--json"),
    ("show", "rtx4090"),
    ("show", "llama-3.2-1b", "--json"),
    ("matrix", "-g", "rtx4090", "-m", "llama-3.2-1b"),
    ("recommend", "-m", "llama-3.2-1b"),
    ("catalogue", "path"),
    ("catalogue", "schema", "gpus"),
    ("check", "-g", "rtx4900", "-m", "llama-3.2-1b", "--json"),
)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
def test_a_full_disk_is_not_a_verdict(arguments: tuple[str, ...], unbuffered: str) -> None:
    """What could not be written was not answered: exit 4, one line and a hint, however Python buffers its output."""
    with open("/dev/full", "wb") as full:
        told = subprocess.run(
            [sys.executable, "-m", "vramfit", *arguments],
            stdout=full, stderr=subprocess.PIPE, env=environment(PYTHONUNBUFFERED=unbuffered), check=False,
        )  # fmt: skip
    written = told.stderr.decode()
    assert 4 == told.returncode
    # A request that is in error says so on stderr, though its object on stdout could not be written.
    assert written.startswith('error: no GPU is called "rtx4900"') if "rtx4900" in arguments else UNWRITTEN == written


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("model", ["llama-3.2-1b", "no-such-model"])
def test_a_full_disk_under_both_streams(model: str, unbuffered: str) -> None:
    """Where nothing can be said any more, the exit code still is."""
    with open("/dev/full", "wb") as full:
        told = subprocess.run(
            [sys.executable, "-m", "vramfit", "check", "-g", "rtx4090", "-m", model],
            stdout=full, stderr=full, env=environment(PYTHONUNBUFFERED=unbuffered), check=False,
        )  # fmt: skip
    assert (4 if model == "llama-3.2-1b" else 2) == told.returncode


@pytest.mark.parametrize("closed", ["stdout", "stderr", "stdin"])
def test_a_stream_that_is_closed_from_the_start(closed: str) -> None:
    """``>&-`` and the like: no traceback, and never the exit code of a bug."""
    redirect = {"stdout": ">&-", "stderr": "2>&-", "stdin": "<&-"}[closed]
    for arguments in ("check -g rtx4090 -m llama-3.2-1b", "check -g rtx4900 -m llama-3.2-1b", "check --file -"):
        script = f"{sys.executable} -m vramfit {arguments} {redirect}"
        told = subprocess.run(
            ["sh", "-c", script], capture_output=True, env=environment(), stdin=subprocess.DEVNULL, check=False
        )
        assert told.returncode in (0, 1, 2, 4), (arguments, told)
        assert b"Traceback" not in told.stderr
        assert b"internal error" not in told.stderr


@pytest.mark.skipif(os.name == "nt", reason="arguments are text there")
@pytest.mark.parametrize("style", ["json", "ndjson", "plain", "csv", "markdown", "table"])
@pytest.mark.parametrize("variables", [{}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}])
def test_arguments_that_are_not_utf_8(style: str, variables: dict[str, str]) -> None:
    """A name in Latin-1 and a model no one has: answered and refused, never a fault of the program."""
    named = process(*ASKED, "--name", b"caf\xe9 \xe2\x82\xac", "--format", style, variables=variables)
    assert (0, b"") == (named.returncode, named.stderr)
    assert named.stdout
    refused = process("check", "-g", "rtx4090", "-m", b"\xff", "--format", style, variables=variables)
    assert 2 == refused.returncode
    assert refused.stderr.startswith(b"error: ")


@pytest.mark.parametrize("style", ["json", "plain", "csv", "markdown", "table"])
def test_an_output_encoding_without_the_signs(style: str) -> None:
    """A terminal in ASCII gets an answer all the same."""
    told = process(
        "check", "-g", "rtx4090", "-m", "llava-1.6-13b", "--format", style, variables={"PYTHONIOENCODING": "ascii"}
    )
    assert (1, b"") == (told.returncode, told.stderr)
    assert told.stdout.isascii()


def test_python_dash_m() -> None:
    """``python -m vramfit`` is the command."""
    told = process("--version")
    assert (0, b"") == (told.returncode, told.stderr)
    assert told.stdout.startswith(b"vramfit ")
