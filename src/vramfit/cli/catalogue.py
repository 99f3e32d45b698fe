"""``vramfit catalogue``: for people who edit the catalogue, or have files of their own."""

from __future__ import annotations

import inspect
import os
import sys
from typing import Annotated, Any

import typer

from vramfit.cli.manual import with_examples
from vramfit.cli.output import Json, Output, Quiet, guarded, into
from vramfit.cli.printing import colour_of, paged, print_lines
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.curation.lint import Finding
    from vramfit.curation.summary import Summary

FAULTS_EXIT_CODE = 1
_FILES = "files to check [default: the built-in ones and your own]"


def register(app: typer.Typer) -> None:
    """Add ``catalogue`` and its commands."""
    catalogue = typer.Typer(help=with_examples("catalogue", "For people who edit the catalogue."))
    for name, command in (("summary", _summary), ("lint", _lint), ("schema", _schema), ("path", _path)):
        text = inspect.cleandoc(command.__doc__ or "")
        catalogue.command(name, help=with_examples(f"catalogue {name}", text))(command)
    app.add_typer(catalogue, name="catalogue")


def _summary(as_json: Json = False, output: Output = None) -> None:
    """Print how old the catalogue is, what its entries rest on, and of what date its prices are; your own files included."""

    def run() -> None:
        from vramfit.catalogue import files as places
        from vramfit.curation.overlay import Layers
        from vramfit.curation.summary import summarize

        layers = Layers(places.source_directory())
        for path in places.own_paths():
            if os.path.exists(path):
                layers.lay(path, places.read_bytes(path))
        found = summarize(layers.written, {kind: list(entries.values()) for kind, entries in layers.facts.items()})
        with into(output):
            if as_json:
                from vramfit.render.json import dumps

                objects = {**found._asdict(), "sources": [one._asdict() for one in found.sources]}
                print_lines("json", [dumps({"format_version": "1.0", **objects})])
            elif sys.stdout.isatty():
                _draw_summary([line.split("\t") for line in _summary_lines(found)])
            else:
                print_lines("plain", _summary_lines(found))

    guarded(run, as_json=as_json)


def _summary_lines(found: Summary) -> Iterator[str]:
    """Lines of a summary, with tabs between what belongs together."""
    for kind, count in found.entries.items():
        yield f"{kind}\t{count}\tnewest released {found.newest_entry[kind]}"
        alone = found.recalled_alone[kind]
        yield f"{kind} from memory alone\t{len(alone)}\t{' '.join(alone)}".rstrip()
    yield f"dates of sources\t{found.oldest} to {found.newest}\tof those that state one"
    for level, count in sorted(found.confidence.items()):
        yield f"gpus of {level} confidence\t{count}"
    for what, count in found.prices.items():
        yield f"prices {what}\t{count}"
    yield "source\tentries\talone\tdate\tname"
    for one in found.sources:
        yield f"{one.kind}/{one.key}\t{one.entries}\t{one.alone}\t{one.date or 'undated'}\t{one.name}"


def _draw_summary(lines: list[list[str]]) -> None:
    """Draw the lines of a summary as two tables: the figures, and the sources below their headings."""
    from vramfit.render.page import Column
    from vramfit.render.table import terminal_page

    page = terminal_page(sys.stdout, colour=colour_of({}))
    begun = next(number for number, line in enumerate(lines) if line[0] == "source")
    figures = [[*line, "", ""][:3] for line in lines[:begun]]
    page.table([
        Column("", list(cells), right=place == 1) for place, cells in enumerate(zip(*figures, strict=True))
    ], indent=0, wrap=-1)  # fmt: skip
    page.blank()
    page.table([
        Column(heading, list(cells), right=heading in ("entries", "alone"))
        for heading, *cells in zip(*lines[begun:], strict=True)
    ], indent=0, wrap=-1)  # fmt: skip
    with paged({}) as stream:
        stream.write(page.drawn())


def _lint(
    files: Annotated[list[str] | None, typer.Argument(metavar="FILE", help=_FILES)] = None,
    as_json: Json = False,
    output: Output = None,
    quiet: Quiet = False,
) -> None:
    """Report every fault of catalogue files, one per line; exit 1 if there is any.

    A file that is not the built-in one lies over it: it may use its families and sources, and change its entries.
    Your own files in the configuration directory need not name their sources, unless you name the files.
    """

    def run() -> int:
        findings: list[Finding] = []
        counts = []
        for path, own in _linted(files or []):
            found, entries = _checked(path, own, needed_only=own and not files)
            findings += found
            counts.append(f"{path}: {entries} entries")
        with into(output):
            _print_findings(findings, as_json)
        if not as_json and not quiet:
            faults = f"{len(findings) or 'no'} fault{'' if len(findings) == 1 else 's'}"
            sys.stderr.write("".join(f"{line}\n" for line in (*counts, faults)))
        return FAULTS_EXIT_CODE if findings else 0

    guarded(run, as_json=as_json)


def _print_findings(findings: list[Finding], as_json: bool) -> None:
    """Print the faults, one per line or as one object."""
    if not as_json:
        print_lines("plain", (str(finding.fault) for finding in findings))
        return
    from vramfit.render.json import dumps

    objects = [{"rule": finding.rule, **finding.fault._asdict()} for finding in findings]
    print_lines("json", [dumps({"format_version": "1.0", "faults": objects})])


def _schema(
    kind: Annotated[str, typer.Argument(metavar="gpus|models", help="which file's schema")],
    output: Output = None,
) -> None:
    """Print the JSON Schema of a catalogue file, for editors (draft-07)."""

    def run() -> None:
        from vramfit.curation.json_schema import SCHEMAS, json_schema
        from vramfit.render.json import dumps

        if kind not in SCHEMAS:
            raise UsageError(f'there is no schema of "{kind}"', f"one of: {', '.join(SCHEMAS)}")
        with into(output):
            print_lines("json", [dumps(json_schema(kind))])

    guarded(run, as_json=False)


def _path(as_json: Json = False, output: Output = None) -> None:
    """Print where the data, the compiled catalogue, your own files and the schemas are, or would be."""

    def run() -> None:
        places = list(_places())
        with into(output):
            if as_json:
                from vramfit.render.json import dumps

                objects = [{"what": what, "path": path, "exists": os.path.exists(path)} for what, path in places]
                print_lines("json", [dumps({"format_version": "1.0", "paths": objects})])
            else:
                there = ((what, path, "" if os.path.exists(path) else "absent") for what, path in places)
                print_lines("plain", ("\t".join(place).rstrip() for place in there))

    guarded(run, as_json=as_json)


def _places() -> Iterator[tuple[str, str]]:
    from vramfit.catalogue import files as places
    from vramfit.curation.json_schema import SCHEMAS, schema_path

    directory = places.source_directory()
    for name in places.SOURCES:
        yield "data", os.path.join(directory, name)
    compiled = places.compiled_path()
    if compiled is not None:
        yield "compiled", compiled
    for path in places.own_paths():
        yield "own", path
    for kind in SCHEMAS:
        yield "schema", schema_path(kind)


def _linted(files: list[str]) -> Iterator[tuple[str, bool]]:
    """Path, and whether it lies over the built-in catalogue: for all but the built-in files themselves."""
    from vramfit.catalogue import files as places

    directory = places.source_directory()
    built_in = [os.path.join(directory, name) for name in places.SOURCES]
    if not files:
        yield from ((_short(path), False) for path in built_in)
        yield from ((path, True) for path in places.own_paths() if os.path.exists(path))
    for path in files:
        yield path, not any(os.path.exists(path) and os.path.samefile(path, other) for other in built_in)


def _checked(path: str, own: bool, *, needed_only: bool) -> tuple[list[Finding], int]:
    """The findings in a file, and how many entries it has."""
    from vramfit.catalogue.files import read_bytes, source_directory
    from vramfit.curation.lint import check
    from vramfit.curation.overlay import built_in

    under: dict[str, Any] = built_in(source_directory()) if own else {}
    document, subject, findings = check(read_bytes(path), path, under, needed_only=needed_only)
    return findings, 0 if subject is None else len(document.data[subject.kind])


def _short(path: str) -> str:
    """Path relative to the working directory where it is inside, so that editors and people can follow it."""
    relative = os.path.relpath(path)
    return path if relative.startswith(os.pardir) else relative
