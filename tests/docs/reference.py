"""Pages of ``docs/reference`` from the declarations: commands, keys, the JSON report, exit codes, environment.

``python -m tests.docs`` writes them; ``tests/docs/test_fresh.py`` holds them fresh.
"""

from __future__ import annotations

import json
import re
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vramfit import errors
from vramfit.cli import settings
from vramfit.cli.app import app
from vramfit.cli.options import spellings
from vramfit.engines import _registered as engines
from vramfit.engines.keys import every_key
from vramfit.workload import training, tuning
from vramfit.workload.common import GROUPS as COMMON

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parent.parent.parent
SCHEMA = ROOT / "tests" / "contract" / "report.schema.json"
WRITTEN = "This page is written by `python -m tests.docs` from the program's own declarations.\n"

KINDS = {
    "text": "text", "texts": "text, repeatable", "count": "integer", "tokens": "tokens: `32768`, `32k`, `32,768`",
    "number": "number", "size": "size: `24GiB`, `24GB`", "rate": "rate: `51.2GB/s`", "choice": "word", "flag": "yes or no",
    "count-or-word": "integer, or a word", "pixels": "pixels: `1344x1008`", "shares": "shares: `3,1`", "switch": "",
}  # fmt: skip

ENVIRONMENT = {
    "APPDATA": "on Windows, the folder that has the folder of settings",
    "PAGER": "the program that shows long lists on a terminal by the page; `cat` for none",
    "VRAMFIT_CONFIG_DIR": "the folder of `config.yaml` and of catalogue files of your own",
    "VRAMFIT_PAGER": "the same as `PAGER`, for vramfit alone",
    "VRAMFIT_DEBUG": "`1` shows the traceback of an internal error, which is one line otherwise",
    "COLUMNS": "width of the report, before what the terminal says",
    "NO_COLOR": "no colour, whatever its value; the flag `--color` beats it",
    "FORCE_COLOR": "colour in a pipe too; `NO_COLOR` beats it",
    "CLICOLOR_FORCE": "the same, unless it is `0`",
    "TERM": "`dumb` gets no colour",
    "XDG_RUNTIME_DIR": "folder of the cache where the usual one cannot be written, if it is your own",
    "XDG_CACHE_HOME": "folder of the cache `vramfit/` (compiled catalogue, facts of files); `~/.cache` by default",
    "XDG_CONFIG_HOME": "folder of `vramfit/gpus.yaml` and `vramfit/models.yaml`, laid over the catalogue; `~/.config` by default",
    "HF_TOKEN": "token for repositories of the Hub that ask for one; goes to that host and into no output",
    "HF_ENDPOINT": "another host in the place of the Hub",
    "HF_HUB_OFFLINE": "`1` keeps to this disk, as `--offline` does",
    "HF_HOME": "folder of the Hub's cache `hub/`",
    "HF_HUB_CACHE": "the Hub's cache itself",
    "HUGGINGFACE_HUB_CACHE": "older name of `HF_HUB_CACHE`",
    "LLAMA_CACHE": "llama.cpp's cache of downloaded models",
    "OLLAMA_MODELS": "folder of Ollama's models",
    "CUDA_VISIBLE_DEVICES": "which NVIDIA GPUs of this machine are meant, as for any CUDA program",
    "CUDA_DEVICE_ORDER": "`PCI_BUS_ID` numbers them by their slots",
}  # fmt: skip
"""Variables that the program reads, with what each does."""


def table(headings: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in (headings, tuple("---" for _ in headings), *rows)]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """Text in a cell: one line, with its bars escaped."""
    return " ".join(text.split()).replace("|", "\\|")


def code(words: str) -> str:
    """Words in backticks, a bar among them escaped for the table."""
    return f"`{words}`".replace("|", "\\|")


def commands() -> str:
    """Page of all commands, with the options that are no deployment keys."""
    parts = ["# Commands\n", WRITTEN]
    for name, command in _every_command(typer.main.get_command(app), "vramfit"):
        parts += [f"## {name}\n", cell(cleandoc(command.help or "")) + "\n"]
        options = [one for one in command.params if one.param_type_name == "option" and one.name != "help"]
        arguments = [one for one in command.params if one.param_type_name == "argument"]
        keys = [one.name for one in options if one.name in every_key()]
        rows = [
            (code((one.metavar or one.name or "").upper()), cell(getattr(one, "help", "") or "")) for one in arguments
        ]
        rows += [(_flags(one), cell(one.help or "")) for one in options if one.name not in every_key()]
        if rows:
            parts.append(table(("option", "meaning"), rows))
        if keys:
            which = "every key" if len(keys) == len(every_key()) else f"{len(keys)} keys"
            parts.append(f"And {which} of [deployments](keys.md).\n")
    return "\n".join(parts)


def _every_command(command: Any, name: str) -> list[tuple[str, Any]]:
    below = getattr(command, "commands", None)
    if not below:
        return [(name, command)]
    return [found for word, one in below.items() if not one.hidden for found in _every_command(one, f"{name} {word}")]


def _flags(option: Any) -> str:
    words = ", ".join(f"`{word}`" for word in [*option.opts, *option.secondary_opts])
    shown = "" if option.is_flag or not option.metavar else f" {code(option.metavar)}"
    return words + shown


def keys() -> str:
    """Page of all deployment keys, by who has them."""
    parts = [
        "# Deployment keys\n",
        WRITTEN,
        "One name everywhere: `kv_cache_type` is the flag `--kv-cache-type`, a key of a deployments file, and a field of"
        " `deployment` in the [report](json.md). An unknown key is an error; a key of another engine's names that engine.\n",
    ]
    shown: set[str] = set()
    for title, found in _groups():
        rows = [_row(every_key()[key.name]) for key in found if key.name not in shown]
        shown |= {key.name for key in found}
        if rows:
            parts += [f"## {title}\n", table(("key", "value", "meaning", "default", "other flags"), rows)]
    return "\n".join(parts)


def _groups() -> list[tuple[str, list[Any]]]:
    """Titles of groups with their keys: those of all engines, of fine-tuning, and of engines by what they share."""
    found = [("All engines", [key for group in COMMON for key in group.keys])]
    owners: dict[str, list[str]] = {}
    for registration in engines.values():
        for name in ("GROUPS", *registration.further) if registration.keys else ():
            owners.setdefault(f"{registration.keys}:{name}", []).append(registration.name)
    for place, names in owners.items():
        module, _, name = place.partition(":")
        groups = getattr(import_module(module), name)
        found.append((", ".join(names), [key for group in groups for key in group.keys]))
    trained = (*training.GROUPS, *tuning.GROUPS)
    found.append(("Fine-tuning", [key for group in trained for key in group.keys]))
    return found


def _row(key: Any) -> tuple[str, ...]:
    words = ", ".join(f"`{word}`" for word in key.words)
    kind = KINDS[key.kind]
    value = f"{kind}: {words}" if words and kind != "word" else words or kind
    others = ", ".join(f"`{flag}`" for flag in spellings(key)[1:])
    return f"`{key.name}`", value, cell(key.help), cell(key.default_words), others


def report() -> str:
    """Page of the JSON report: each object of its schema with its fields."""
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    parts = [
        "# The JSON report\n",
        WRITTEN,
        "`vramfit check … --json` prints one document; `--format ndjson` prints its estimates, one a line. Sizes are integer"
        " bytes with the unit in the key, null is unknown and never 0, and the same question gives the same bytes. A field that"
        " is not listed may be added at any time, and a reader ignores it; `format_version` says when more than that changes:"
        " 1.1 of a report and of recommendations, 1.0 of errors, lists and entries."
        " The whole schema: [report.schema.json](report.schema.json).\n",
    ]
    for name in ("report", "estimate", "gpu", "model", "quant", "device", "remedy", "error"):
        parts += [f"## {name}\n", table(("field", "type"), list(_fields(schema["$defs"][name])))]
    return "\n".join(parts)


def _fields(definition: dict[str, Any], before: str = "", depth: int = 0) -> Any:
    required = set(definition.get("required", ()))
    for name, kind in definition.get("properties", {}).items():
        path = f"{before}{name}"
        yield f"`{path}`", _type(kind) + ("" if name in required else ", optional")
        if depth < 1 and "properties" in kind:
            yield from _fields(kind, f"{path}.", depth + 1)


def _type(kind: dict[str, Any]) -> str:
    if "$ref" in kind:
        return str(kind["$ref"]).rpartition("/")[2].replace("_", " ")
    if "const" in kind or "enum" in kind:
        words = [kind["const"]] if "const" in kind else kind["enum"]
        return ", ".join("null" if word is None else f"`{json.dumps(word)}`" for word in words)
    for word in ("anyOf", "oneOf"):
        if word in kind:
            return " or ".join(_type(one) for one in kind[word])
    names = kind.get("type", "any")
    text = names if isinstance(names, str) else " or ".join(names)
    return f"{text} of {_type(kind['items'])}" if "items" in kind else text


def exit_codes() -> str:
    """Page of exit codes, with the words of the errors that have each."""
    kinds = sorted(_below(errors.VramfitError), key=lambda kind: (kind.exit_code, kind.code))
    rows = [
        (
            str(kind.exit_code),
            f"`{kind.code}`",
            cell(cleandoc(kind.__doc__ or "").replace("``", "`")).partition(": exit")[0].rstrip("."),
        )
        for kind in kinds
        if kind is not errors.VramfitError and "its word is that of" not in cell(kind.__doc__ or "")
    ]
    codes = [
        ("0", "every asked estimate reaches its level"),
        ("1", "at least one does not, `unsupported` included"),
        ("2", "usage: an unknown flag, key, id or value"),
        ("3", "cannot tell: a fact is missing, or the architecture is not modelled"),
        ("4", "a file or the network failed"),
        ("70", "a bug: one line, and the traceback with `VRAMFIT_DEBUG=1`"),
        ("130", "interrupted"),
    ]
    return "\n".join([
        "# Exit codes\n", WRITTEN, table(("code", "meaning"), codes),
        "Where three precisions are answered, the code follows the first; `--any` makes it 0 if any row reaches the level."
        " `--level fits` asks for the whole margin. Of several deployments the worst code counts.\n",
        "## Errors\n",
        "Under `--json` an error is an object on stdout, `{\"format_version\": …, \"error\": {\"code\": …, \"message\": …,"
        " \"hint\": …}}`, and a line on stderr.\n",
        table(("exit code", "`error.code`", "meaning"), rows),
    ])  # fmt: skip


def _below(kind: type[errors.VramfitError]) -> list[type[errors.VramfitError]]:
    """Kinds of errors of the package, wherever they are declared."""
    package = ROOT / "src"
    for path in package.rglob("*.py"):
        if re.search(r'(?m)^    code = "', path.read_text(encoding="utf-8")):
            import_module(".".join(path.relative_to(package).with_suffix("").parts))
    below = [one for one in kind.__subclasses__() if one.__module__.startswith("vramfit.")]
    return [kind, *(found for one in below for found in _below(one))]


def environment() -> str:
    """Page of the variables that the program reads."""
    rows = [(f"`{name}`", meaning) for name, meaning in ENVIRONMENT.items()]
    return "\n".join([
        "# Environment\n", WRITTEN, table(("variable", "what it does"), rows),
        "## Defaults of your own\n",
        "A variable `VRAMFIT_` with the name in capitals, or the name in `config.yaml`, sets one: "
        + ", ".join(f"`{name}`" for name in sorted(settings.NAMES))
        + ". A flag counts most, then the variable, a deployment of a file, `config.yaml`, and last the key's own default.\n",
        "Proxies are those of every program (`HTTPS_PROXY`, `NO_PROXY`). Variables that belong to an engine's launch command"
        " (`OLLAMA_…`, `LLAMA_ARG_…`, `VLLM_…`) are read from that command, not from this environment:"
        " [launch commands](../launch-commands.md).\n",
    ])  # fmt: skip


def variables_read() -> set[str]:
    """Names of the variables that the program asks its own environment for."""
    found = set()
    for path in (ROOT / "src" / "vramfit").rglob("*.py"):
        if not {"engines", "manifests", "launch", "curation"} & set(path.relative_to(ROOT / "src" / "vramfit").parts):
            found |= set(re.findall(r"environ(?:\.get\(|\[)\"([A-Z_]+)\"", path.read_text(encoding="utf-8")))
    return found


PAGES = {
    "reference/commands.md": commands,
    "reference/keys.md": keys,
    "reference/json.md": report,
    "reference/exit-codes.md": exit_codes,
    "reference/environment.md": environment,
    "reference/report.schema.json": lambda: SCHEMA.read_text(encoding="utf-8"),
}
"""Files below ``docs`` with the functions that write them."""
