"""Help texts of the program and of the commands whose options are declared, made without Typer, and the man page.

Both are drawn from ``manual`` and the declared keys, grouped by what they are about.
"""

from __future__ import annotations

import sys

from vramfit import __version__
from vramfit.cli.manual import EXAMPLES, EXIT_CODES, SUMMARIES, SUMMARY, documentation, pages_of, usage_of
from vramfit.cli.options import ARGUMENTS, COMMANDS, OUTPUT_OPTIONS, long_flag, options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vramfit.workload.keys import Key

HELP_FLAGS = ("-h", "--help")
OPTIONS_HEADING = "Options"
OUTPUT_HEADING = "Output"
ORDER = ("Model and GPU", "Memory", OPTIONS_HEADING)
"""Headings that go first; the others follow in the order of their keys, and ``Output`` goes last."""
COLUMN = 26
"""Width of the column of flags; longer ones have a line of their own."""
COMMAND_COLUMN = 15
"""Width of the column of commands in the program's help."""
MOST_COLUMNS, FEWEST_COLUMNS = 100, 40
METAVARS = {
    "count": "N", "tokens": "N|32k", "count-or-word": "N|WORD", "number": "X", "size": "SIZE", "rate": "RATE", "pixels": "WxH",
    "shares": "N,N", "choice": "WORD",
}  # fmt: skip
BOLD, PLAIN = "\x1b[1m", "\x1b[0m"


def asks_for_help(arguments: Sequence[str]) -> bool:
    """Return True if a line of a declared command has a flag for help in front of a launch command."""
    own = arguments[: list(arguments).index("--")] if "--" in arguments else arguments
    return any(word in HELP_FLAGS for word in own)


def print_help(command: str = "") -> int:
    """Print the help of a command, or of the program; returns the exit code."""
    from vramfit.cli.console import wants_colour, write_lines

    colour = wants_colour(sys.stdout, "auto")
    lines = list(_command(command, _columns()) if command else _program(_columns()))
    shown = [f"{BOLD}{line}{PLAIN}" if colour and line.endswith(":") and line[:1].isupper() else line for line in lines]
    if sys.stdout.isatty():
        from vramfit.cli.pager import show

        show("".join([f"{line}\n" for line in shown]))
    else:
        write_lines(sys.stdout, shown, "\n")
    return 0


def _columns() -> int:
    import shutil

    width = shutil.get_terminal_size().columns
    return max(FEWEST_COLUMNS, min(width, MOST_COLUMNS))


def _program(width: int) -> Iterator[str]:
    yield from wrapped(SUMMARY, width)
    yield ""
    yield from _listed("Examples", EXAMPLES[""])
    yield "Usage:"
    yield "  vramfit COMMAND …"
    yield ""
    yield "Commands:"
    for name, summary in SUMMARIES.items():
        first = summary.partition(". ")[0].rstrip(".")
        yield from _row(name, first, width, COMMAND_COLUMN)
    yield ""
    yield "Options:"
    yield from _row("-h, --help", "this help; after a command, that command's", width, COMMAND_COLUMN)
    yield from _row("-V, --version", "the version", width, COMMAND_COLUMN)
    yield ""
    yield from wrapped(
        "`vramfit help COMMAND` has all options of a command. Defaults of your own: config.yaml and VRAMFIT_* variables.",
        width,
    )
    yield f"Documentation: {', '.join(pages_of(''))} in {documentation()}"


def _command(command: str, width: int) -> Iterator[str]:
    yield from wrapped(SUMMARIES[command], width)
    yield ""
    yield from _listed("Examples", EXAMPLES.get(command, ()))
    yield from _listed("Usage", usage_of(command))
    for heading, keys in grouped(command) if command in COMMANDS else ():
        yield f"{heading}:"
        for key in keys:
            yield from _row(flags_of(key), words_of(key), width, COLUMN)
        yield ""
    yield from _row("-h, --help", "this help", width, COLUMN)
    yield ""
    yield f"Documentation: {', '.join(pages_of(command))} in {documentation()}"


def _listed(heading: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{heading}:"
        for line in lines:
            yield f"  {line}"
        yield ""


def grouped(command: str) -> list[tuple[str, list[Key]]]:
    """Options of a command under their headings, in the order of help texts."""
    titles = _titles()
    printing = {key.name for key in OUTPUT_OPTIONS}
    found: dict[str, list[Key]] = {}
    if ARGUMENTS.get(command):
        found["Words"] = list(ARGUMENTS[command])
    for key in options(command):
        declared = titles.get(key.name) if command.partition(" ")[0] not in ("list", "show") else None
        heading = OUTPUT_HEADING if key.name in printing or key.name == "no_pager" else declared or OPTIONS_HEADING
        found.setdefault(heading, []).append(key)
    order = [
        "Words",
        *ORDER,
        *[name for name in found if name not in (*ORDER, "Words", OUTPUT_HEADING)],
        OUTPUT_HEADING,
    ]
    return [(name, found[name]) for name in order if name in found]


def _titles() -> dict[str, str]:
    """Heading of each deployment key."""
    from vramfit.engines import own_groups
    from vramfit.workload.common import GROUPS as COMMON
    from vramfit.workload.training import GROUPS as TRAINING
    from vramfit.workload.tuning import GROUPS as TUNING

    found: dict[str, str] = {}
    for group in (*COMMON, *TRAINING, *TUNING, *own_groups()):
        for key in group.keys:
            found.setdefault(key.name, group.title)
    return found


def flags_of(key: Key) -> str:
    """Flags of an option with a word for its value: ``-g, --gpu TEXT``."""
    if any(key in words for words in ARGUMENTS.values()):
        return key.name.upper()
    long = long_flag(key)
    flags = [
        *[flag for flag in key.flags if not flag.startswith("--")],
        long,
        *[flag for flag in key.flags if flag.startswith("--")],
    ]
    if key.kind == "flag":
        flags.append(f"--no-{long[2:]}")
    value = "" if key.kind in ("switch", "flag") else f" {METAVARS.get(key.kind, 'TEXT')}"
    return ", ".join(flags) + value


def words_of(key: Key) -> str:
    """Help, choices and default of an option."""
    words = key.help
    if key.words:
        words += f" ({', '.join(key.words)})"
    return words + (f" [default: {key.default_words}]" if key.default_words else "")


def _row(left: str, right: str, width: int, column: int) -> Iterator[str]:
    """Lines of an entry: what is written at the left, and what it means beside it."""
    lines = list(wrapped(right, width - column - 2))
    if len(left) > column - 2:
        yield from (f"  {line}" for line in wrapped(left, width - 2))
    else:
        yield f"  {left.ljust(column)}{lines.pop(0) if lines else ''}".rstrip()
    for line in lines:
        yield " " * (column + 2) + line


def wrapped(text: str, width: int) -> Iterator[str]:
    """Lines of at most ``width`` characters; a longer word has a line of its own."""
    line = ""
    for word in text.split():
        if line and len(line) + 1 + len(word) > width:
            yield line
            line = word
        else:
            line = f"{line} {word}" if line else word
    if line:
        yield line


def man_page() -> Iterator[str]:
    """Lines of the man page, in roff."""
    yield f'.TH VRAMFIT 1 "" "vramfit {__version__}" "User Commands"'
    yield ".SH NAME"
    yield f"vramfit \\- {_roff(SUMMARY)}"
    yield ".SH SYNOPSIS"
    yield from _roff_lines(("vramfit COMMAND [options]",))
    yield ".SH EXAMPLES"
    yield from _roff_lines(EXAMPLES[""])
    yield ".SH COMMANDS"
    for name in SUMMARIES:
        yield f".SS {_roff(name)}"
        yield _roff(SUMMARIES[name])
        yield ".PP"
        yield from _roff_lines((*usage_of(name), "", *EXAMPLES.get(name, ())))
        if name in COMMANDS:
            yield from _roff_options(name)
    yield ".SH EXIT STATUS"
    for code, meaning in EXIT_CODES:
        yield from (".TP", code, _roff(meaning))
    yield ".SH SEE ALSO"
    yield _roff(f"docs/{pages_of('')[0]} and the pages beside it, in {documentation()}")


def _roff_options(command: str) -> Iterator[str]:
    """Options of a command; those of ``check`` are not repeated for others that have them."""
    known = set() if command == "check" else {key.name for key in options("check")}
    for heading, keys in grouped(command):
        own = [key for key in keys if key.name not in known]
        if own:
            yield ".PP"
            yield f".B {_roff(heading)}"
            for key in own:
                yield from (".TP", f".B {_roff(flags_of(key))}", _roff(words_of(key)))
    if known:
        yield ".PP"
        yield "Options of check hold here too, as far as they mean something."


def _roff_lines(lines: Iterable[str]) -> Iterator[str]:
    yield ".nf"
    yield from map(_roff, lines)
    yield ".fi"


def _roff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped
