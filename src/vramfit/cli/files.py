"""Answers on files: deployments files, and the files of other programs that start models."""

from __future__ import annotations

import os
import sys

from vramfit._record import Record
from vramfit.cli.console import tell
from vramfit.errors import UnknownProgram, UsageError, VramfitError
from vramfit.report import error_document

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from vramfit.catalogue import Catalogue
    from vramfit.checks import Checked
    from vramfit.engines.commands import Command
    from vramfit.manifests import Broken, Container, Passed

    Rows = Callable[[Mapping[str, Any], list[Checked], Command | None], Iterator[dict[str, Any]]]
    """Function that answers raw deployment keys row by row, leaves what it found in a list, and knows the command."""

STDIN = "-"


class Stated(Record):
    """Deployment of a file, or the reason why it cannot be answered."""

    file: str | None
    """Path as it was given; None for stdin."""
    line: int
    name: str | None
    raw: dict[str, Any] | VramfitError
    manifest: bool = False
    """True if the file is of another program."""
    notes: tuple[str, ...] = ()
    cards: tuple[int, ...] | None = None
    """Numbers of the GPUs that it has of a host that it shares."""
    command: Command | None = None


class FileReport:
    """Rows of files with their places, and what is in none of them."""

    def __init__(self, codes: list[int], rows: Rows, fail_on: str = "", *, any_row: bool = False) -> None:
        self._codes = codes
        self._answer = rows
        self._fail_on = fail_on
        self._any_row = any_row
        self.rows: list[dict[str, Any]] = []
        """Row of each answer for the formats of pipelines."""
        self.passed_over: list[dict[str, Any]] = []
        self.shared: list[dict[str, Any]] = []
        """Sums of containers that share a host."""

    def answers(self, paths: Sequence[str], keys: Mapping[str, Any], catalogue: Catalogue) -> Iterator[dict[str, Any]]:
        """Report objects of all files in their order."""
        from vramfit.cli.deployments import begin
        from vramfit.similar import few

        begin()
        with few():
            for path in paths:
                parts: list[Any] = []
                for one in stated(path, keys, catalogue, self.passed_over):
                    yield from self._of(one, parts)
                if len(parts) > 1:
                    self._share(path, parts)

    def _of(self, one: Stated, parts: list[Any]) -> Iterator[dict[str, Any]]:
        """Objects of one deployment; its first answer goes to ``parts`` where it shares a host."""
        begun = len(self.rows)
        found: list[Checked] = []
        every = self._any_row or (isinstance(one.raw, dict) and one.raw.get("quant") is not None)
        try:
            if isinstance(one.raw, VramfitError):
                raise one.raw
            for number, estimate in enumerate(self._answer(one.raw, found, one.command)):
                shown = self._placed(one, estimate)
                if every or not number:
                    self._row(one, shown)
                yield shown
            if one.cards is not None and found:
                from vramfit.manifests.sharing import Part

                parts.append((one.line, Part(one.name or "", one.cards, found[0].answer)))
        except VramfitError as unmasked:
            from vramfit.launch.mask import one_line

            hint = None if unmasked.hint is None else one_line(unmasked.hint)
            error = type(unmasked)(one_line(unmasked.message), hint)
            self._codes.append(error.exit_code)
            where = f"{_label(one.file)}:{one.line}: " if one.manifest else ""
            label = "deployment" if one.name is None else one.name
            tell(sys.stderr, [f"error: {where}{label}: {_unplaced(error, where)}"])
            shown = self._placed(one, error_document(error, name=one.name))
            self._row(one, shown)
            yield shown
        code = self._final()
        for row in self.rows[begun:]:
            row["severity"] = severity(row["estimate"], code, self._fail_on)

    def _final(self) -> int:
        """Exit code of the deployment answered last, as ``--fail-on`` has it."""
        if self._fail_on == "never" and self._codes[-1:] == [1]:
            self._codes[-1] = 0
            return 1
        return self._codes[-1] if self._codes else 0

    def _row(self, one: Stated, estimate: dict[str, Any]) -> None:
        """Keep a row that decides about its deployment; those of other precisions are proposals."""
        self.rows.append({"file": one.file, "line": one.line, "estimate": estimate})

    def _placed(self, one: Stated, estimate: dict[str, Any]) -> dict[str, Any]:
        """Object with its place and with the notes of the file, where that is of another program."""
        if not one.manifest:
            return estimate
        placed = {**estimate, "place": {"file": one.file, "line": one.line}}
        if "assumptions" in placed:
            placed["assumptions"] = [*placed["assumptions"], *one.notes]
        return placed

    def _share(self, path: str, parts: list[Any]) -> None:
        """Add up the containers of a host."""
        from vramfit.manifests.sharing import shared

        found = shared([part for _, part in parts])
        if found is None:
            return
        reached = found.pop("reached")
        code = 0 if reached or self._fail_on == "never" else 1
        self._codes.append(code)
        file = None if path == STDIN else path
        place = {"file": file, "line": parts[0][0]}
        self.shared.append({**found, "place": place})
        kind = "notice" if found["verdict"] == "fits" else "warning" if reached or self._fail_on == "never" else "error"
        self.rows.append({**place, "estimate": found, "severity": kind})


def failing(keys: Mapping[str, Any], output: Mapping[str, Any]) -> dict[str, Any]:
    """Deployment keys with the level that ``--fail-on`` asks for: ``fits`` if ``tight`` fails, ``tight`` if it does not.

    Raises ``UsageError`` where ``--level`` says otherwise.
    """
    level = {"exceeds": "tight", "tight": "fits"}.get(str(output.get("fail_on", "")))
    if level is None:
        return dict(keys)
    if keys.get("level", level) != level:
        raise UsageError(
            f"--fail-on {output['fail_on']} and --level {keys['level']} exclude each other", "give one of them"
        )
    return {**keys, "level": level}


def print_rows(style: str, files: FileReport) -> None:
    """Print a report in one of the formats of pipelines."""
    from vramfit import __version__
    from vramfit.cli.console import write_lines

    module = __import__(f"vramfit.render.{style}", fromlist=["lines"])
    options = {"version": __version__} if style == "sarif" else {}
    write_lines(sys.stdout, module.lines(files.rows, **options), "\n")


def added(report: dict[str, Any], files: FileReport, style: str, *, notes: bool = False) -> dict[str, Any]:
    """Report with the sums of hosts and what was passed over.

    Formats with a row for each estimate have one for each sum, the table a line below it, and with ``notes`` what was
    passed over goes to stderr.
    """
    changed = dict(report)
    if any(one["verdict"] == "exceeds" for one in files.shared) and report["verdict"] in ("fits", "tight"):
        changed["verdict"] = "exceeds"
    if style == "json":
        changed |= {"shared": files.shared} if files.shared else {}
        return changed | ({"passed_over": files.passed_over} if files.passed_over else {})
    if files.shared and style != "table":
        changed["estimates"] = [*report["estimates"], *files.shared]
    if notes and files.passed_over:
        named = [f"{one['what']} (line {one['line']})" for one in files.passed_over]
        tell(sys.stderr, [f"note: nothing known is started by {', '.join(named)}"])
    return changed


def severity(estimate: Mapping[str, Any], code: int, fail_on: str) -> str:
    """Severity of a row from the exit code of its deployment."""
    if "error" in estimate:
        return "error"
    if code:
        from vramfit.verdict import LEVELS

        verdict = estimate["verdict"]
        level = (estimate.get("deployment") or {}).get("level", "tight")
        if verdict not in LEVELS or LEVELS[verdict] < LEVELS[level]:
            return "warning" if fail_on == "never" and verdict in LEVELS else "error"
    return "warning" if estimate["verdict"] == "tight" else "notice"


def stated(
    path: str, keys: Mapping[str, Any], catalogue: Catalogue, passed_over: list[dict[str, Any]]
) -> Iterator[Stated]:
    """Deployments of a file with ``keys`` of the command line over them.

    Raises ``InputError`` or ``UsageError``, before the first, for a file that is neither a deployments file nor one that
    starts a model.
    """
    from vramfit.cli.deployments import read_deployments, read_text

    text = read_text(path)
    file = None if path == STDIN else path
    from vramfit.manifests.read import is_manifest

    if is_manifest(text):
        yield from _manifest(text, path, keys, catalogue, passed_over)
        return
    if "gpu" in keys or "model" in keys:
        raise UsageError("--file and --gpu or --model exclude each other", "put the GPU and the model into the file")
    for name, line, raw in read_deployments(text, _label(file), keys):
        yield Stated(file, line, name, raw)


def _manifest(
    text: str, path: str, keys: Mapping[str, Any], catalogue: Catalogue, passed_over: list[dict[str, Any]]
) -> Iterator[Stated]:
    """Deployments that a file of another program starts."""
    from vramfit.manifests import Container, Passed
    from vramfit.manifests.read import read
    from vramfit.manifests.starting import asks

    file = None if path == STDIN else path
    folder = os.path.dirname(path) if file is not None else ""
    every = list(read(text, _label(file), folder, os.environ))
    asking = any(isinstance(one, Container) and asks(one) for one in every)
    found: list[Stated] = []
    left: list[Passed] = []
    for one in every:
        answer = one if isinstance(one, Passed) else _stated(one, file, keys, catalogue, alone=not asking)
        if isinstance(answer, Passed):
            left.append(answer)
        else:
            found.append(answer)
    passed_over += [{"file": file, "line": one.line, "what": one.what, "reason": one.reason or None} for one in left]
    if not found:
        raise _nothing(_label(file), left)
    yield from found


def _stated(
    one: Container | Broken, file: str | None, keys: Mapping[str, Any], catalogue: Catalogue, *, alone: bool
) -> Stated | Passed:
    """Deployment of a container, or the reason why it is passed over.

    A container without a GPU is a deployment only if the file has no other (``alone``).
    """
    from vramfit.api.launched import command_files
    from vramfit.manifests import Broken, Passed
    from vramfit.manifests.starting import asks, deployment

    try:
        if isinstance(one, Broken):
            raise one.error
        if not alone and not asks(one):
            return Passed(one.file, one.line, f'"{one.name}"', "it asks for no GPU")
        started = deployment(one, keys, catalogue, command_files())
    except UnknownProgram as error:
        reason = error.message if isinstance(one, Broken) or asks(one) else ""
        return Passed(one.file, one.line, f'"{one.name}"', reason)
    except VramfitError as error:
        return Stated(file, one.line, one.name, error, True)
    return Stated(file, one.line, one.name, started.keys, True, started.notes, started.cards, started.command)


def _nothing(label: str, left: Sequence[Passed]) -> UsageError:
    """Error for a file that starts nothing known, with what it has."""
    named = [f"{one.what} (line {one.line}{f': {one.reason}' if one.reason else ''})" for one in left]
    shown = ", ".join(named[:4]) + (f" and {len(named) - 4} more" if len(named) > 4 else "")
    message = f"{label}: nothing in it starts a program that is known: {shown or 'it is empty'}"
    return UsageError(message, "give the file whose container runs the model's server, or its command behind --")


def _label(file: str | None) -> str:
    return "<stdin>" if file is None else file


def _unplaced(error: VramfitError, where: str) -> str:
    """Message without the place that stands in front of it already."""
    return error.message.removeprefix(where).removeprefix(where.rstrip(": ")).lstrip(": ")
