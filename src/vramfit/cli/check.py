"""``vramfit check``: read the options, ask the estimator, print the answer, choose the exit code."""

from __future__ import annotations

import sys

from vramfit.cli.options import OUTPUT_OPTIONS
from vramfit.errors import UsageError, VramfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from vramfit.engines.resolve import Catalogue

_exit_code = 0


def last_exit_code() -> int:
    """The code of the command that was printing when its reader went away."""
    return _exit_code


def run(values: Mapping[str, Any]) -> int:
    """Answer one ``check`` command line from its raw option values; returns the exit code."""
    output = {key.name: values[key.name] for key in OUTPUT_OPTIONS if key.name in values}
    keys = {name: value for name, value in values.items() if name not in output}
    style = ""
    try:
        style = _format(output)
        return _print(style, _answers(keys, output), output)
    except VramfitError as error:
        return report_error(error, as_json=style in ("json", "ndjson") or bool(output.get("json")))


def report_error(error: VramfitError, *, as_json: bool) -> int:
    """Print an error as one line and a hint on stderr (and as the contract's object on stdout); its exit code."""
    if as_json:
        from vramfit.render.json import dumps
        from vramfit.report import error_document

        sys.stdout.write(dumps(error_document(error), indent=2) + "\n")
    sys.stderr.write(f"error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"hint: {error.hint}\n")
    return error.exit_code


def _answers(keys: Mapping[str, Any], output: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], int]]:
    """Report objects in order, each with the exit code it would have alone."""
    from vramfit.catalogue import open_catalogue

    catalogue = open_catalogue()
    if "file" in output:
        from vramfit.cli.deployments import read_deployments

        if "gpu" in keys or "model" in keys:
            raise UsageError("--file and --gpu or --model exclude each other", "put the GPU and the model into the file")
        for name, raw in read_deployments(output["file"], keys):
            yield from _guarded(name, raw, catalogue, bool(output.get("any")))
    else:
        yield from _one(keys, catalogue, bool(output.get("any")))


def _guarded(
    name: str | None, raw: Mapping[str, Any], catalogue: Catalogue, any_row: bool
) -> Iterator[tuple[dict[str, Any], int]]:
    """One deployment of a file: what cannot be answered becomes an error object in its place."""
    from vramfit.report import error_document

    try:
        yield from _one(raw, catalogue, any_row)
    except VramfitError as error:
        yield error_document(error, name), error.exit_code


def _one(raw: Mapping[str, Any], catalogue: Catalogue, any_row: bool) -> Iterator[tuple[dict[str, Any], int]]:
    from vramfit.check import check, exit_code
    from vramfit.report import estimate_object
    from vramfit.workload import parse_request

    request = parse_request(raw)
    words: list[str] = []
    for checked in check(request, catalogue):
        word = checked.answer.verdict.word
        words.append(word)
        level = checked.answer.deployment.workload.level
        code = exit_code(words, [level] * len(words), any_row=any_row, first_only="quant" not in request)
        yield estimate_object(checked), code


def _format(output: Mapping[str, Any]) -> str:
    from vramfit.workload import parse_value

    given = {key.name: parse_value(key, output[key.name]) for key in OUTPUT_OPTIONS if key.kind == "choice" and key.name in output}
    if output.get("json"):
        if given.get("format", "json") != "json":
            raise UsageError("--json and --format exclude each other", "give one of them")
        return "json"
    style = given.get("format")
    if style is None:
        return "table" if sys.stdout.isatty() else "plain"
    return str(style)


def _print(style: str, answers: Iterator[tuple[dict[str, Any], int]], output: Mapping[str, Any]) -> int:
    global _exit_code
    write = sys.stdout.write
    codes: dict[str, int] = {}
    position = 0

    def note(told: dict[str, Any], code: int) -> int:
        """The worst code over deployments; within one, the last row's code covers the rows before it."""
        nonlocal position
        label = _label(told, position)
        position += 1
        codes[label] = code
        return max(codes.values(), default=0)

    if style == "ndjson":
        from vramfit.render.json import dumps

        for told, code in answers:
            _exit_code = note(told, code)
            write(dumps(told, indent=None) + "\n")
            sys.stdout.flush()
        return _exit_code
    told_all = []
    for told, code in answers:
        _exit_code = note(told, code)
        told_all.append(told)
    _render(style, told_all, output)
    return _exit_code


def _label(told: dict[str, Any], position: int) -> str:
    """Rows of one deployment share a label; an error stands for itself."""
    if "error" in told:
        return f"error {position}"
    keys = {k: v for k, v in told["deployment"].items() if k != "quant"}
    return repr(sorted((k, str(v)) for k, v in keys.items()))


def _render(style: str, told: list[dict[str, Any]], output: Mapping[str, Any]) -> None:
    from vramfit.report import document

    write = sys.stdout.write
    if style == "json":
        from vramfit.render.json import dumps

        write(dumps(document(told), indent=2) + "\n")
    elif style == "plain":
        from vramfit.render.plain import lines

        for line in lines(document(told), header=not output.get("no_header")):
            write(line + "\n")
    elif style in ("csv", "markdown"):
        module = __import__(f"vramfit.render.{style}", fromlist=["lines"])
        for line in module.lines(document(told)):
            write(line + "\n")
    else:
        from vramfit.cli.console import wants_colour
        from vramfit.render.table import print_report

        print_report(document(told), stream=sys.stdout, colour=wants_colour(sys.stdout, output.get("color", "auto")), width=None)
    for one in told:
        if "error" in one:
            sys.stderr.write(f"error: {one['name'] or 'deployment'}: {one['error']['message']}\n")
