"""Typer app: usage errors of every command, and ``import`` and ``catalogue``, whose options are not declared as keys."""

from __future__ import annotations

import inspect
import sys
from typing import Annotated, Any

import typer

from vramfit import __version__
from vramfit.cli import catalogue as catalogue_command
from vramfit.cli import import_ as import_command
from vramfit.cli.help import METAVARS
from vramfit.cli.manual import SUMMARIES
from vramfit.cli.options import ARGUMENTS, COMMANDS, command_of, long_flag, options, run
from vramfit.errors import UsageError
from vramfit.workload.keys import Key  # noqa: TC001  (Typer reads annotations at run time)

app = typer.Typer(
    name="vramfit",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Will this model fit this GPU, by how much, and if not, what would make it fit?",
    epilog="Example: vramfit check --gpu rtx4090 --model llava-1.6-13b",
)


def run_app(arguments: list[str]) -> int:
    """Run the app on ``arguments`` and return the exit code; without any, print the help.

    Usage errors are printed as every other error: one line and a hint, and the JSON object where JSON was asked.
    """
    if arguments:
        from vramfit.cli.unknown_command import unknown_command

        unknown = unknown_command(arguments)
        if unknown is not None:
            from vramfit.cli.failing import report_error

            return report_error(unknown, as_json="--json" in arguments)
    try:
        result = app(args=arguments or ["--help"], prog_name="vramfit", standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except Exception as error:
        # Typer's usage errors share no public base class over its versions, but all can describe themselves.
        describe = getattr(error, "format_message", None)
        if describe is None:
            raise
        from vramfit.cli.failing import report_error

        command = (
            getattr(getattr(error, "ctx", None), "command_path", "")
            or f"vramfit {command_of(arguments) or ''}".rstrip()
        )
        usage = UsageError(str(describe()).replace("\n", " ").rstrip("."), f"see `{command} --help`")
        return report_error(usage, as_json="--json" in arguments)
    return result if isinstance(result, int) else 0


def _version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"vramfit {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    del version


def _parameter(key: Key) -> inspect.Parameter:
    """Make a Typer option for one declared key.

    Values stay text: ``workload.keys.parse_value`` judges them for both paths.
    """
    words = f"{key.help} [default: {key.default_words}]" if key.default_words else key.help
    if key.words:
        words += f" ({', '.join(key.words)})"
    flag = long_flag(key)
    if key.kind == "switch":
        kind: Any = Annotated[bool, typer.Option(flag, *key.flags, help=words)]
        default: Any = False
    elif key.kind == "flag":
        kind = Annotated[
            bool | None, typer.Option(f"{flag}/--no-{flag[2:]}", *key.flags, help=words, show_default=False)
        ]
        default = None
    elif key.kind == "texts":
        kind = Annotated[list[str] | None, typer.Option(flag, *key.flags, help=words, metavar="TEXT")]
        default = None
    else:
        kind = Annotated[str | None, typer.Option(flag, *key.flags, help=words, metavar=METAVARS.get(key.kind, "TEXT"))]
        default = None
    return inspect.Parameter(key.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


_LISTING = typer.Typer(help="List GPUs, models, quantization schemes or engines.")
app.add_typer(_LISTING, name="list")


def _argument(key: Key) -> inspect.Parameter:
    """Make a Typer argument, a word that belongs to no flag, for one declared key."""
    kind: Any = list[str] | None if key.kind == "texts" else str | None
    word: Any = Annotated[kind, typer.Argument(metavar=key.name.upper(), help=key.help)]
    return inspect.Parameter(key.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=word)


def _declared(name: str) -> None:
    """Add a command whose options are declared as keys."""
    keys, arguments = options(name), ARGUMENTS.get(name, ())

    def command(**given: Any) -> None:
        values = {one.name: given[one.name] for one in arguments if given[one.name]}
        for key in keys:
            value = given[key.name]
            if value is None or (key.kind == "switch" and not value):
                continue
            values[key.name] = ("true" if value else "false") if key.kind == "flag" else value
        raise typer.Exit(run(name, values))

    command.__doc__ = SUMMARIES[name]
    parameters = [*[_argument(key) for key in arguments], *[_parameter(key) for key in keys]]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    _, _, second = name.partition(" ")
    (_LISTING if second else app).command(second or name)(command)


for declared in COMMANDS:
    _declared(declared)
for command in (import_command, catalogue_command):
    command.register(app)
