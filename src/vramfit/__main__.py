"""Entry point: the light path first, the Typer app for everything else, exceptions turned into exit codes."""

from __future__ import annotations

import atexit
import gc
import os
import sys

from vramfit._finder import install

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TextIO

GC_THRESHOLD = 100_000
"""Allocations before a collection, instead of 700: bounds memory in a long file of deployments, never runs in one."""
BUG_EXIT_CODE = 70
INTERRUPTED_EXIT_CODE = 130
OUTPUT_EXIT_CODE = 4
EARLY = ("-h", "--help", "help", "-V", "--version", "completion", "__complete")
"""First words of lines that are answered before any command is looked for."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; nothing a user does ends in a traceback."""
    finder = None
    if argv is None:
        # A check makes some ten thousand objects and no cycles worth finding; looking for them takes a thirtieth of its
        # time.
        gc.set_threshold(GC_THRESHOLD)
        finder = install()
    arguments = list(sys.argv[1:] if argv is None else argv)
    _open_missing_streams()
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        code = _close_stdout()
    except OSError as error:
        code = _unwritten(error)
    except KeyboardInterrupt:
        code = INTERRUPTED_EXIT_CODE
    except Exception as error:  # the last guard: a bug is one line and exit 70
        code = _bug(error)
    if finder is not None and (finder.alone or finder.has_plain_groups()):
        from vramfit._groups import write

        write(finder)
    if argv is None:
        _leave(code)
    return code


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
    if "--" in arguments and arguments[0] == "check":
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
    from vramfit.cli.check import last_exit_code

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


if __name__ == "__main__":
    sys.exit(main())
