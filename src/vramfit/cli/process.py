"""One command as a process: its streams, what ends it, and its exit code."""

from __future__ import annotations

import atexit
import os
import sys

from vramfit import INTERRUPTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TextIO

    from vramfit._finder import CompiledFinder

BUG_EXIT_CODE = 70
OUTPUT_EXIT_CODE = 4
EARLY = ("-h", "--help", "help", "-V", "--version", "completion", "__complete")
"""First words of lines that are answered before any command is looked for."""


def run_once(arguments: list[str], finder: CompiledFinder | None) -> int:
    """Run a command that is all this process does, and end it there, or return the exit code where something waits.

    What ``finder`` had to find one by one is kept for the next command.
    """
    _open_missing_streams()
    sys.stdout, sys.stderr = Kept(sys.stdout), Kept(sys.stderr)
    code = run(arguments)
    if finder is not None and not finder.is_complete():
        from contextlib import suppress

        from vramfit._groups import write

        with suppress(KeyboardInterrupt):  # the answer is there, and its code stays
            write(finder)
    _leave(code)
    return code


def run(arguments: list[str]) -> int:
    """Run a command and return its exit code; nothing a user does ends in a traceback."""
    _open_missing_streams()
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
        failed = getattr(sys.stdout, "failed", None)
        if failed is not None and not isinstance(failed, BrokenPipeError):
            code = _unwritten(failed)
    except BrokenPipeError:
        code = _close_stdout()
    except OSError as error:
        code = _unwritten(error)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # the last guard: a bug is one line and exit 70
        code = _bug(error)
    return code


class Kept:
    """Stream whose failures do not end a command, so that its exit code stays the verdict's.

    After the first failure it takes what is written and sends it nowhere; lines of a generator are not asked for any more.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.failed: OSError | None = None
        """First error in writing; None while there is none."""

    def write(self, text: str) -> int:
        """Write a text; returns its length."""
        try:
            self._stream.write(text)
        except OSError as error:
            self._fail(error)
        return len(text)

    def writelines(self, texts: Iterable[str]) -> None:
        """Write texts, until one cannot be written."""
        for text in texts:
            if self.failed is not None:
                return
            self.write(text)

    def flush(self) -> None:
        """Write what is in the buffer."""
        try:
            self._stream.flush()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        self.failed = self.failed or error
        _discard(self._stream)

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


def _leave(code: int) -> None:
    """End the process at once: taking the interpreter apart costs an eighth of a check and frees what the system frees.

    Where something waits for the interpreter's end (coverage, a debugger), or a stream cannot be flushed, it ends as usual.
    """
    if atexit._ncallbacks():
        return
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except (OSError, ValueError):
        return
    os._exit(code)


def _open_missing_streams() -> None:
    """Replace streams that were closed from the start (``>&-``) and are therefore None."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  (open as long as the process)


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in EARLY:
        from vramfit.cli.early import early

        found = early(arguments)
        if found is not None:
            return found
    if "--" in arguments and arguments[0] in ("check", "explain", "plot"):
        from vramfit.cli.launched import run_launched

        return run_launched(arguments)
    if arguments[:2] == ["list", "gpus"] and "--here" in arguments and {"--here", "--json"}.issuperset(arguments[2:]):
        from vramfit.cli.list_here import list_here

        return list_here(as_json="--json" in arguments)
    from vramfit.cli.options import command_of, read, run

    command, values = command_of(arguments), read(arguments)
    if command is not None and values is None:
        from vramfit.cli.help import asks_for_help, print_help

        if asks_for_help(arguments):
            return print_help(command)
    if values is None and command is not None:
        from vramfit.cli.flags import own_words

        own = own_words(arguments)
        if isinstance(own, int):
            return own
        arguments, values = own, read(own)
    if values is None or command is None:
        from vramfit.cli.app import run_app

        return run_app(arguments)
    return run(command, values)


def _close_stdout() -> int:
    """Handle a reader that went away (``| head -1``): say nothing, and keep the interpreter from reporting it at
    exit."""
    from vramfit.cli.options import last_exit_code

    _discard(sys.stdout)
    return last_exit_code()


def _unwritten(error: OSError) -> int:
    """Handle a full disk or a broken device: one line and a hint, where stderr still takes them."""
    _discard(sys.stdout)
    try:
        print(f"error: cannot write: {error.strerror or error}", file=sys.stderr)
        print("hint: the answer is not complete; make room, or send it elsewhere", file=sys.stderr)
    except OSError:
        _discard(sys.stderr)
    return OUTPUT_EXIT_CODE


def _discard(stream: TextIO) -> None:
    """Send what is still in the stream's buffer nowhere: the interpreter would try it again at exit, and end with 120."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        stream.flush()
    except (OSError, ValueError):
        return


def _bug(error: Exception) -> int:
    if os.environ.get("VRAMFIT_DEBUG"):
        raise error
    print(f"error: internal error: {type(error).__name__}: {error}".splitlines()[0], file=sys.stderr)
    print("hint: this is a bug; set VRAMFIT_DEBUG=1 for the traceback and please report it", file=sys.stderr)
    return BUG_EXIT_CODE
