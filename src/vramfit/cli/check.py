"""``vramfit check``: read the options, ask the estimator, print the answer, choose the exit code."""

from __future__ import annotations

import sys

from vramfit.cli.options import HERE, OUTPUT_OPTIONS
from vramfit.errors import CannotTell, UsageError, VramfitError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from vramfit.catalogue import Catalogue
    from vramfit.importers.load import Importer

LONGEST_TIMEOUT_SECONDS = 3600
AUTO = "auto"
"""Word for this machine's GPUs, its RAM, and what others hold of its GPUs."""

_codes: list[int] = []
"""Exit code of each deployment answered so far; that of the last one may still change with its rows."""


def last_exit_code() -> int:
    """Exit code for what was answered before the reader of stdout went away."""
    return max(_codes, default=0)


def run(values: Mapping[str, Any]) -> int:
    """Answer one ``check`` command line from its raw option values; returns the exit code."""
    _codes.clear()
    return answered(values, _answer)


def answered(values: Mapping[str, Any], tell: Callable[[str, dict[str, Any], dict[str, Any]], int]) -> int:
    """Divide raw option values into deployment keys and output options, and have ``tell`` answer them.

    ``tell(style, keys, output)`` prints the answer and returns the exit code; an error is printed in the requested
    style.
    """
    output = {key.name: values[key.name] for key in (*OUTPUT_OPTIONS, HERE) if key.name in values}
    keys = {name: value for name, value in values.items() if name not in output}
    style = "json" if output.get("json") else str(output.get("format", ""))
    try:
        style = format_of(output)
        return tell(style, keys, output)
    except VramfitError as error:
        return report_error(error, as_json=style in ("json", "ndjson"), indent=None if style == "ndjson" else 2)


def opened(extra: Sequence[str] | None, *, offline: bool = False, timeout: str | None = None) -> Catalogue:
    """Open the catalogue with the user's files over it, and warn on stderr of those left out.

    Models that are not in it are read from this disk and, unless ``offline``, over the network, where a server may be
    silent for ``timeout`` seconds.
    """
    from vramfit.sources import open_catalogue

    seconds = None if timeout is None else _seconds(timeout)
    importers: list[Importer] = []

    def importer() -> Importer:
        if not importers:
            from vramfit.importers.client import Network
            from vramfit.importers.load import Importer

            network = Network(offline) if seconds is None else Network(offline, seconds)
            importers.append(Importer(network))
        return importers[0]

    catalogue = open_catalogue(tuple(extra or ()), importer)
    sys.stderr.writelines(f"warning: {warning}\n" for warning in catalogue.warnings)
    return catalogue


def _seconds(text: str) -> float:
    """Parse the time that a server may be silent; raises ``UsageError`` for a text that is no such time."""
    digits = text.strip().removesuffix("s")
    seconds = float(digits) if digits.isascii() and digits.replace(".", "", 1).isdigit() and len(digits) < 10 else 0.0
    if not 0 < seconds <= LONGEST_TIMEOUT_SECONDS:
        raise UsageError(
            f'timeout: "{text}" is not a valid value', f"expected seconds, more than 0 to {LONGEST_TIMEOUT_SECONDS}"
        )
    return seconds


def report_error(error: VramfitError, *, as_json: bool, indent: int | None = 2) -> int:
    """Print an error as one line and a hint on stderr (as JSON also on stdout); returns its exit code."""
    if as_json:
        from vramfit.render.json import write
        from vramfit.report import error_document

        write(sys.stdout, error_document(error), indent)
        sys.stdout.flush()
    sys.stderr.write(f"error: {error.message}\n")
    if error.hint:
        sys.stderr.write(f"hint: {error.hint}\n")
    return error.exit_code


def _answer(style: str, keys: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    _print(style, _answers(keys, output), output)
    return last_exit_code()


def _answers(keys: Mapping[str, Any], output: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Report objects in order; ``_codes`` gets the exit code of each deployment."""
    catalogue = opened(output.get("catalogue"), offline="offline" in output, timeout=output.get("timeout"))
    if "file" not in output:
        yield from _rows(keys, catalogue, output)
        return
    from vramfit.cli.deployments import read_deployments
    from vramfit.report import error_document

    if "gpu" in keys or "model" in keys:
        raise UsageError("--file and --gpu or --model exclude each other", "put the GPU and the model into the file")
    for name, raw in read_deployments(output["file"], keys):
        try:
            if isinstance(raw, VramfitError):
                raise raw
            yield from _rows(raw, catalogue, output)
        except VramfitError as error:
            _codes.append(error.exit_code)
            sys.stderr.write(f"error: {'deployment' if name is None else name}: {error.message}\n")
            yield error_document(error, name=name)


def _rows(raw: Mapping[str, Any], catalogue: Catalogue, output: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Estimates of one deployment, one per quantization."""
    from vramfit.check import Unanswered, answers, exit_code
    from vramfit.engines.keys import parse_request
    from vramfit.report import estimate_object

    if "command" in raw:
        from vramfit.engines.commands import with_command

        raw = with_command(raw)
    notes: tuple[str, ...] = ()
    if _means_machine(raw, output):
        from vramfit.cli.this_machine import resolved

        raw, catalogue, notes = resolved(raw, catalogue, output)
    request = parse_request(raw)
    reached: list[bool] = []
    for checked in answers(request, catalogue, all_remedies=bool(output.get("all_remedies"))):
        if isinstance(checked, Unanswered):
            from vramfit.report import unknown_object

            reached.append(False)
            _codes[len(_codes) - (len(reached) > 1) :] = [CannotTell.exit_code]
            yield _noted(unknown_object(checked), notes)
            continue
        reached.append(checked.answer.reached)
        code = exit_code(reached, any_row=bool(output.get("any")), first_only="quant" not in request)
        _codes[len(_codes) - (len(reached) > 1) :] = [code]
        yield _noted(estimate_object(checked), notes)


def _means_machine(raw: Mapping[str, Any], output: Mapping[str, Any]) -> bool:
    """True if a deployment means this machine: no GPU, or the word for it in place of one, of RAM or of the reserve."""
    gpu = raw.get("gpu")
    if gpu is None:
        return "model" in raw
    words = [gpu] if isinstance(gpu, str) else gpu if isinstance(gpu, list) else []
    return "free" in output or AUTO in [str(word).lower() for word in (*words, raw.get("ram"), raw.get("reserve"))]


def with_machine(
    keys: Mapping[str, Any], catalogue: Catalogue, output: Mapping[str, Any]
) -> tuple[Mapping[str, Any], Catalogue]:
    """Keys of a command that names GPUs with this machine's in the place of the word for it, said on stderr."""
    if "gpu" not in keys or not _means_machine(keys, output):
        return keys, catalogue
    from vramfit.cli.this_machine import resolved

    keys, catalogue, notes = resolved(keys, catalogue, output)
    sys.stderr.writelines(f"note: {note}\n" for note in notes)
    return keys, catalogue


def _noted(found: dict[str, Any], notes: tuple[str, ...]) -> dict[str, Any]:
    """The object of a report with sentences on this machine in front of its assumptions."""
    return {**found, "assumptions": [*notes, *found["assumptions"]]} if notes else found


def format_of(output: Mapping[str, Any]) -> str:
    """Format that was requested, or the one that suits where stdout goes."""
    from vramfit.workload.keys import parse_value

    given = {k.name: parse_value(k, output[k.name]) for k in OUTPUT_OPTIONS if k.kind == "choice" and k.name in output}
    if output.get("json"):
        if given.get("format", "json") != "json":
            raise UsageError("--json and --format exclude each other", "give one of them")
        return "json"
    return str(given.get("format") or ("table" if sys.stdout.isatty() else "plain"))


def _print(style: str, answers: Iterator[dict[str, Any]], output: Mapping[str, Any]) -> None:
    if style in ("json", "ndjson"):
        _print_json(answers, each_alone=style == "ndjson")
        return
    from vramfit.cli.console import wants_colour, write_lines
    from vramfit.report import document

    report = document(list(answers))
    if style == "table":
        from vramfit.render.table import print_report

        print_report(
            report, stream=sys.stdout, colour=wants_colour(sys.stdout, output.get("color", "auto")), width=None
        )
    else:
        module = __import__(f"vramfit.render.{style}", fromlist=["lines"])
        options: dict[str, Any] = {} if style == "markdown" else {"header": not output.get("no_header")}
        if style == "csv":
            from vramfit.engines.keys import every_key

            reported = {key for one in report["estimates"] for key in one.get("deployment", ())}
            options["keys"] = tuple([key for key in every_key() if key in reported or key in every_key("inference")])
        write_lines(sys.stdout, module.lines(report, **options), getattr(module, "LINE_END", "\n"))


def _print_json(answers: Iterator[dict[str, Any]], *, each_alone: bool) -> None:
    from vramfit.render.json import write
    from vramfit.report import document

    if not each_alone:
        write(sys.stdout, document(list(answers)), 2)
        return
    for answer in answers:
        write(sys.stdout, answer, None)
        sys.stdout.flush()
