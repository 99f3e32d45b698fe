"""Typer app: help, usage errors, completion, and every command that is not on the light path."""

from __future__ import annotations

import inspect
import os
import sys
from typing import Annotated, Any

import typer

from vramfit import __version__
from vramfit.cli import catalogue as catalogue_command
from vramfit.cli import import_ as import_command
from vramfit.cli import list as list_command
from vramfit.cli import show as show_command
from vramfit.cli.options import ARGUMENTS, COMMANDS, long_flag, options
from vramfit.errors import UsageError
from vramfit.workload.keys import Key  # noqa: TC001  (Typer reads annotations at run time)


def documentation() -> str:
    """Line on where the pages are: in the package, or beside it in a checkout; empty where they are in neither."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    folders = [os.path.join(package, "docs"), os.path.join(os.path.dirname(os.path.dirname(package)), "docs")]
    found = next((folder for folder in folders if os.path.isfile(os.path.join(folder, "python.md"))), None)
    return "" if found is None else f"Documentation: {found}"


app = typer.Typer(
    name="vramfit",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Will this model fit this GPU, by how much, and if not, what would make it fit?",
    epilog=f"Example: vramfit check --gpu rtx4090 --model llava-1.6-13b\n\n{documentation()}".rstrip(),
)


def run_app(arguments: list[str]) -> int:
    """Run the app on ``arguments`` and return the exit code; without any, print the help.

    Usage errors are printed as every other error: one line and a hint, and the JSON object where JSON was asked.
    """
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
        from vramfit.cli.check import report_error

        command = getattr(getattr(error, "ctx", None), "command_path", "vramfit")
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
        kind = Annotated[str | None, typer.Option(flag, *key.flags, help=words, metavar=_metavar(key))]
        default = None
    return inspect.Parameter(key.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


def _argument(key: Key) -> inspect.Parameter:
    """Make a Typer argument, a word that belongs to no flag, for one declared key."""
    word: Any = Annotated[str | None, typer.Argument(metavar=key.name.upper(), help=key.help)]
    return inspect.Parameter(key.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=word)


def _metavar(key: Key) -> str:
    return {
        "count": "N",
        "tokens": "N|32k",
        "count-or-word": "N|WORD",
        "number": "X",
        "size": "SIZE",
        "rate": "RATE",
        "pixels": "WxH",
        "shares": "N,N",
        "choice": "WORD",
    }.get(key.kind, "TEXT")


_HELP = {
    "check": "Does a model fit a GPU, by how much, and if not, what would make it fit?",
    "matrix": "Which of these models fit which of these GPUs? A verdict for each pair and quantization.",
    "recommend": "What to run on a GPU, or which GPUs to get for a model, best first.",
    "explain": (
        "The estimate as a derivation: each term with its formula, the numbers in it, its bytes and its source."
        " Example: vramfit explain -g rtx4090 -m llava-1.6-13b --quant fp16 --term kv_cache"
    ),
    "compare": (
        "Two deployments side by side: what differs between them and what it costs. Each is a name in a file or a launch"
        " command. Example: vramfit compare 'vllm serve Qwen/Qwen3-8B' 'llama-server -hf Qwen/Qwen3-8B-GGUF' -g rtx4090"
    ),
    "plot": (
        "The need as a curve, with the card's line and where it stops fitting: over the context, or over sequences, images"
        " or quantizations. Example: vramfit plot -g rtx4090 -m llama-3.1-8b --quant Q4_K_M --over context"
    ),
    "verify": (
        "A start-up log of llama-server, Ollama, vLLM, SGLang or a trainer: each figure that it states beside ours."
        " Model, GPU and settings are read from the log; what is given here counts for more."
        " Exit code: 0 if every figure that has bounds is inside of them, 1 if one is outside, 3 if the log lacks the"
        " model, the GPU or the quantization (give -m, -g, --quant), 4 if it cannot be read or has no figures."
    ),
}


def _declared(name: str) -> None:
    """Add a command whose options are declared as keys."""
    keys, arguments = options(name), ARGUMENTS.get(name, ())

    def command(**given: Any) -> None:
        values = {one.name: given[one.name] for one in arguments if given[one.name] is not None}
        for key in keys:
            value = given[key.name]
            if value is None or (key.kind == "switch" and not value):
                continue
            values[key.name] = ("true" if value else "false") if key.kind == "flag" else value
        raise typer.Exit(__import__(COMMANDS[name], fromlist=["run"]).run(values))

    command.__doc__ = _HELP[name]
    parameters = [*[_argument(key) for key in arguments], *[_parameter(key) for key in keys]]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app.command(name)(command)


for declared in _HELP:
    _declared(declared)
for command in (list_command, show_command, import_command, catalogue_command):
    command.register(app)
