"""``vramfit check``: read the options, ask the estimator, print the answer, choose the exit code."""

from __future__ import annotations

import os
import sys

from vramfit._record import replace
from vramfit.checks import Unanswered, answers, exit_code
from vramfit.cli.options import (
    FILE_FORMATS,
    FORMATS,
    HERE,
    OUTPUT_OPTIONS,
    exit_codes,
    last_exit_code,
    own_settings,
    timeout_seconds,
)
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import SHARED
from vramfit.errors import CannotTell, UsageError, VramfitError
from vramfit.report import document, estimate_object
from vramfit.sources import open_catalogue
from vramfit.workload.keys import parse_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any, TypeVar

    from vramfit.catalogue import Catalogue
    from vramfit.checks import Checked
    from vramfit.cli.files import FileReport
    from vramfit.cli.settings import Settings
    from vramfit.engines.commands import Command
    from vramfit.importers.load import Importer

    T = TypeVar("T")
    Show = Callable[[dict[str, Any], Any], dict[str, Any]]

PROJECT = "vramfit.yaml"
"""Deployments file that is read where nothing is asked."""
STDOUT = "-"
AUTO = "auto"
"""Word for this machine's GPUs, its RAM, and what others hold of its GPUs."""

_files: list[FileReport] = []
"""Report on the files that were asked about; empty where none was."""


def run(values: Mapping[str, Any]) -> int:
    """Answer one ``check`` command line from its raw option values; returns the exit code."""
    return answered(values, _answer, (*FORMATS, *FILE_FORMATS))


def answered(
    values: Mapping[str, Any],
    tell: Callable[[str, dict[str, Any], dict[str, Any]], int],
    formats: Sequence[str] = FORMATS,
) -> int:
    """Divide raw option values into deployment keys and output options, and have ``tell`` answer them.

    ``tell(style, keys, output)`` prints the answer in one of ``formats`` and returns the exit code; an error is printed in
    the requested style.
    """
    exit_codes.clear()
    _files.clear()
    output = {key.name: values[key.name] for key in (*OUTPUT_OPTIONS, HERE) if key.name in values}
    keys = {name: value for name, value in values.items() if name not in output}
    style = "json" if output.get("json") else str(output.get("format", ""))
    try:
        style = format_of(output, formats)
        return tell(style, keys, output)
    except VramfitError as error:
        from vramfit.cli.failing import report_error

        return report_error(error, as_json=style in ("json", "ndjson"), indent=None if style == "ndjson" else 2)


def in_place(output: Mapping[str, Any], show: Callable[[], T]) -> T:
    """Return what ``show()`` does, which prints the answer: to stdout, or into the file that is asked for."""
    if output.get("output", STDOUT) == STDOUT:
        return show()
    from vramfit.cli.written import written

    with written(str(output["output"])):
        return show()


def catalogue_of(output: Mapping[str, Any]) -> Catalogue:
    """Open the catalogue as the output options say; see ``opened``."""
    return opened(
        output.get("catalogue"), offline="offline" in output, timeout=output.get("timeout"), quiet="quiet" in output
    )


def opened(
    extra: Sequence[str] | None, *, offline: bool = False, timeout: str | None = None, quiet: bool = False
) -> Catalogue:
    """Open the catalogue with the user's files over it, and warn on stderr of those left out, unless ``quiet``.

    Models that are not in it are read from this disk and, unless ``offline``, over the network, where a server may be
    silent for ``timeout`` seconds.
    """
    seconds = None if timeout is None else timeout_seconds(timeout)
    importers: list[Importer] = []

    def importer() -> Importer:
        if not importers:
            from vramfit.importers.client import Network
            from vramfit.importers.load import Importer

            if quiet:
                from vramfit.importers.progress import silence

                silence()
            network = Network(offline) if seconds is None else Network(offline, seconds)
            importers.append(Importer(network))
        return importers[0]

    catalogue = open_catalogue(tuple(extra or ()), importer)
    if catalogue.warnings and not quiet:
        from vramfit.cli.console import tell

        tell(sys.stderr, [f"warning: {warning}" for warning in catalogue.warnings])
    return catalogue


def _answer(style: str, keys: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    own = own_settings()
    if own is not None:
        output = own.with_output(output)
    if str(output.get("command_file", "")).endswith((".yaml", ".yml")):
        output = {**output, "file": [*output.get("file", ()), output["command_file"]]}
        del output["command_file"]  # a manifest, which has commands in it
    if "file" not in output and "command_file" not in output:
        output = _with_project(keys, output)
    if "file" in output:
        from vramfit.cli.files import failing

        keys = failing(keys, output)
    elif "fail_on" in output or style in FILE_FORMATS:
        what = "--fail-on" if style not in FILE_FORMATS else f"--format {style}"
        raise UsageError(f"{what} goes with --file", "put the deployment into a file, or ask with --level")
    if style == "table":
        output = {**output, "own_command": True}
    found = answers_of(keys, output, own)
    if "export" in output:
        from vramfit.cli.exported import with_export

        found = with_export(found, str(output["export"]), details=_is_whole(output))
    in_place(output, lambda: _print(style, found, output))
    return last_exit_code()


def _is_whole(output: Mapping[str, Any]) -> bool:
    """True if a report for people has all of it: every remedy is asked for to be read whole."""
    return "details" in output or "all_remedies" in output


def _with_project(keys: Mapping[str, Any], output: Mapping[str, Any]) -> Mapping[str, Any]:
    """Output options with this folder's deployments file, if there is one and nothing else is asked."""
    if keys or not os.path.isfile(PROJECT):
        return output
    if sys.stderr.isatty() and "quiet" not in output:
        sys.stderr.write(f"reading {PROJECT}\n")
    return {**output, "file": [PROJECT]}


def answers_of(
    keys: Mapping[str, Any], output: Mapping[str, Any], own: Settings | None = None
) -> Iterator[dict[str, Any]]:
    """Report objects in order; ``exit_codes`` gets the exit code of each deployment."""
    if "command_file" in output:
        from vramfit.cli.command_file import with_command_file

        keys = with_command_file(keys, output)
    catalogue = catalogue_of(output)

    def rows(
        raw: Mapping[str, Any], found: list[Checked] | None = None, command: Command | None = None
    ) -> Iterator[dict[str, Any]]:
        if own is None:
            return rows_of(raw, catalogue, output, found, command)
        raw, notes = own.with_keys(raw, catalogue, keys)
        from vramfit.cli.settings import placed

        return placed(rows_of(raw, catalogue, output, found, command, notes), notes)

    if "file" not in output:
        if "engine" in keys and "command" not in keys and not SHARED.issuperset(keys):
            from vramfit.engines.choice import check_typed

            check_typed(parse_request({**keys, "gpu": keys.get("gpu") or "auto"}))
        yield from rows(keys)
        return
    from vramfit.cli.files import FileReport

    files = FileReport(
        exit_codes,
        rows,
        str(output.get("fail_on", "")),
        any_row=bool(output.get("any")),
    )
    _files.append(files)
    yield from files.answers(output["file"], keys, catalogue)


def rows_of(
    raw: Mapping[str, Any],
    catalogue: Catalogue,
    output: Mapping[str, Any],
    found: list[Checked] | None = None,
    command: Command | None = None,
    notes: tuple[str, ...] = (),
) -> Iterator[dict[str, Any]]:
    """Estimates of one deployment, one per quantization; their answers are added to ``found``.

    ``command`` is the one that the deployment was read from, where that is done already, and ``notes`` are sentences for
    the report.
    """
    raw, command, show = _stated(raw, catalogue, output, command)
    if means_machine(raw, output):
        from vramfit.cli.this_machine import resolved

        raw, catalogue, here = resolved(raw, catalogue, output)
        notes = (*here, *notes)
    request = parse_request(raw)
    reached: list[bool] = []
    first = output.get("first")
    for checked in answers(
        request, catalogue, all_remedies=bool(output.get("all_remedies")), remedied=not output.get("bare")
    ):
        if first and reached and "quant" not in request:
            return
        if isinstance(checked, Unanswered):
            from vramfit.report.unknown import unknown_object

            reached.append(False)
            exit_codes[len(exit_codes) - (len(reached) > 1) :] = [CannotTell.exit_code]
            yield _noted(show(unknown_object(checked), checked), notes)
            continue
        if command is not None:
            from vramfit.engines.commands import check_spread

            check_spread(command, raw, len(checked.answer.deployment.gpus))
        reached.append(checked.answer.reached)
        code = exit_code(reached, any_row=bool(output.get("any")), first_only="quant" not in request)
        exit_codes[len(exit_codes) - (len(reached) > 1) :] = [code]
        if found is not None:
            found.append(checked)
        one = estimate_object(checked)
        if output.get("explain"):
            from vramfit.api.terms import term_objects

            one["terms"] = term_objects(checked.answer.deployment)
        yield _noted(show(one, checked), notes)


def _stated(
    raw: Mapping[str, Any], catalogue: Catalogue, output: Mapping[str, Any], command: Command | None
) -> tuple[Mapping[str, Any], Command | None, Show]:
    """Keys of a deployment and the launch command that states them, if one does, with what makes of its objects those shown."""
    own = raw
    if "command" in raw:
        from vramfit.api.launched import command_files, named_here
        from vramfit.engines.commands import with_command
        from vramfit.engines.spread import with_gpus

        raw, command = with_command(raw, command_files())
        raw, command = with_gpus(*named_here(raw, command, catalogue))
    if command is not None:
        from vramfit.api.restated import shown_of

        quiet = str(output.get("format", "")) or bool(output.get("json"))
        return raw, command, shown_of(command, quiet, own, catalogue)
    return raw, command, _with_command if output.get("own_command") else _plain


def _plain(shown: dict[str, Any], _checked: object) -> dict[str, Any]:
    """The object as it is, of a deployment that no command states."""
    return shown


def _with_command(shown: dict[str, Any], checked: object) -> dict[str, Any]:
    """Object with the deployment's own command, for people: whose file may still have to be downloaded."""
    answer = getattr(checked, "answer", None)
    return shown if answer is None else {**shown, "own_command": answer.command}


def means_machine(raw: Mapping[str, Any], output: Mapping[str, Any]) -> bool:
    """True if a deployment means this machine: no GPU, or the word for it in place of one, of RAM or of the reserve."""
    gpu = raw.get("gpu")
    if gpu is None:
        return "model" in raw
    words = [gpu] if isinstance(gpu, str) else gpu if isinstance(gpu, list) else []
    return "free" in output or AUTO in [str(word).lower() for word in (*words, raw.get("ram"), raw.get("reserve"))]


def _noted(found: dict[str, Any], notes: tuple[str, ...]) -> dict[str, Any]:
    """The object of a report with sentences on this machine in front of its assumptions."""
    return {**found, "assumptions": [*notes, *found["assumptions"]]} if notes else found


def format_of(output: Mapping[str, Any], formats: Sequence[str] = FORMATS) -> str:
    """Format that was requested, or the one that suits where stdout goes; raises ``UsageError`` for none of ``formats``."""
    given = {
        key.name: parse_value(replace(key, choices=formats) if key.name == "format" else key, output[key.name])
        for key in OUTPUT_OPTIONS
        if key.kind == "choice" and key.name in output
    }
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

    report = document(list(answers))
    if _files:
        from vramfit.cli.files import added, print_rows

        if style in FILE_FORMATS:
            print_rows(style, _files[0])
            return
        report = added(report, _files[0], style, notes="format" not in output)
    if style == "table":
        from vramfit.render.table import print_report

        colour = wants_colour(sys.stdout, output.get("color", "auto"))
        print_report(report, stream=sys.stdout, colour=colour, width=None, details=_is_whole(output))
        if output.get("explain"):
            from vramfit.render.explain import print_terms

            print_terms(report, stream=sys.stdout, colour=colour)
        write_lines(sys.stdout, [str(one["summary"]) for one in (_files[0].shared if _files else ())], "\n")
    else:
        module = __import__(f"vramfit.render.{style}", fromlist=["lines"])
        options: dict[str, Any] = {} if style == "markdown" else {"header": not output.get("no_header")}
        if style == "csv":
            from vramfit.engines.keys import every_key

            reported = {key for one in report["estimates"] for key in one.get("deployment", ())}
            options["keys"] = tuple([key for key in every_key() if key in reported or key in every_key("inference")])
        write_lines(sys.stdout, module.lines(report, **options), getattr(module, "LINE_END", "\n"))
        if output.get("explain") and style == "markdown":
            from vramfit.render.explain import lines

            write_lines(sys.stdout, ["", *lines(style, report)], "\n")
        if style == "plain" and "format" not in output and "quiet" not in output:
            _summarize(report)


def _summarize(report: Mapping[str, Any]) -> None:
    """Print the verdict for a person on stderr, where stdout is a pipe."""
    from vramfit.cli.console import write_lines
    from vramfit.render.headline import headline, tally

    estimates = report["estimates"]
    line = tally(estimates) if _files else " ".join(headline(estimates)).rstrip()
    sys.stdout.flush()
    write_lines(sys.stderr, [line], "\n")


def _print_json(answers: Iterator[dict[str, Any]], *, each_alone: bool) -> None:
    from vramfit.render.json import write

    if not each_alone:
        report = document(list(answers))
        if _files:
            from vramfit.cli.files import added

            report = added(report, _files[0], "json")
        write(sys.stdout, report, 2)
        return
    for answer in answers:
        write(sys.stdout, answer, None)
        sys.stdout.flush()
    for answer in _files[0].shared if _files else ():
        write(sys.stdout, answer, None)
