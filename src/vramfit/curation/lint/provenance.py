"""Rules on the sources of facts. They change no answer, so a user's own file may break those marked so."""

from __future__ import annotations

from vramfit.curation.lint.models import UNSOURCED
from vramfit.curation.lint.registry import rule

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from vramfit.curation.lint.gpus import GpuSubject
    from vramfit.curation.lint.models import ModelSubject
    from vramfit.curation.strict_yaml import Fault, Path

PRICES = frozenset(("id", "price_usd", "rents"))
"""Fields of an entry that lays prices over one of the catalogue."""
_ADD = "add its key to sources:, and describe it in the table at the head of the file"


@rule("gpus", needed=False)
def missing_source(subject: GpuSubject) -> Iterator[Fault]:
    """An entry that names no source, and whose family names none."""
    families = subject.tables["families"]
    for number, gpu in subject.own:
        family = families.get(str(gpu.get("family"))) or {}
        if PRICES.issuperset(key for key, value in gpu.items() if value is not None):
            continue  # a rent names its own source, and a price is what its owner paid
        if not gpu.get("sources") and not family.get("sources"):
            yield subject.fault(number, "sources", "no source is named", _ADD)


@rule("models", needed=False)
def missing_model_source(subject: ModelSubject) -> Iterator[Fault]:
    """An entry that names no source."""
    for number, model in subject.own:
        if not model.get("sources") or UNSOURCED in model["sources"]:
            yield subject.fault(number, "sources", "no source is named", _ADD)


@rule("gpus")
def unknown_source(subject: GpuSubject) -> Iterator[Fault]:
    """A source that the table at the head of the file does not have."""
    known = subject.tables["sources"]
    for path, ref in _refs(subject):
        key = ref.partition("/")[0]
        if key not in known:
            from vramfit.similar import close

            near = close(key, known, 1)
            hint = f"did you mean {near[0]}?" if near else "describe it in the table sources:"
            yield subject.document.fault(path, f'there is no source "{key}"', hint)


@rule("gpus")
def undated_rent(subject: GpuSubject) -> Iterator[Fault]:
    """A cloud price without a date, in the offer or in its source."""
    sources = subject.tables["sources"]
    for number, gpu in subject.own:
        for at, rent in enumerate(gpu.get("rents") or ()):
            source = sources.get(rent["source"].partition("/")[0]) or {}
            if not rent.get("as_of") and not source.get("as_of"):
                problem = "has no date, and neither has its source"
                yield subject.fault(number, f"rents.{at}", problem, "add as_of: prices move weekly")


@rule("gpus", needed=False)
def unused_source(subject: GpuSubject) -> Iterator[Fault]:
    """A source that nothing refers to."""
    used = {ref.partition("/")[0] for _, ref in _refs(subject)}
    for key in _written(subject, "sources"):
        if key not in used:
            problem = "nothing refers to it"
            yield subject.document.fault(("sources", key), problem, "a misspelt reference, or left over?", key=True)


@rule("gpus", needed=False)
def unused_family(subject: GpuSubject) -> Iterator[Fault]:
    """A family without members."""
    used = {entry.get("family") for _, entry in subject.entries}
    yield from _unused(subject, {"families": used})


@rule("models", needed=False)
def unused_table_entry(subject: ModelSubject) -> Iterator[Fault]:
    """A source, family, architecture or tower that nothing refers to."""
    laid = [entry for _, entry in subject.laid]
    families = [family for family in subject.tables.get("families", {}).values() if isinstance(family, dict)]
    used = {
        "sources": {ref for entry in laid for ref in entry["sources"]},
        "families": {entry["family"] for entry in laid},
        "architectures": {part.get("architecture") for part in (*laid, *families)},
        "towers": {(part.get("vision") or {}).get("kind") for part in (*laid, *families)},
    }
    yield from _unused(subject, used)


def _unused(subject: GpuSubject | ModelSubject, used: dict[str, set[Any]]) -> Iterator[Fault]:
    if len(subject.own) < len(subject.document.data[subject.kind]):
        return  # an entry that could not be read may be the one that refers to it
    for table, names in used.items():
        for key in _written(subject, table):
            if key not in names:
                problem = "no entry refers to it"
                yield subject.document.fault((table, key), problem, "a misspelt reference, or left over?", key=True)


def _written(subject: GpuSubject | ModelSubject, table: str) -> Mapping[str, Any]:
    """Table as the file has it; one of another shape is reported elsewhere."""
    found = subject.document.data.get(table)
    return found if isinstance(found, dict) else {}


def _refs(subject: GpuSubject) -> Iterator[tuple[Path, str]]:
    """References to sources in the file, each with its place."""
    yield from _strings(subject.document.data.get("field_sources") or {}, ("field_sources",), every=True)
    yield from _strings(subject.document.data.get("families") or {}, ("families",))
    yield from _strings(subject.document.data["gpus"], ("gpus",))


def _strings(value: Any, path: Path, *, every: bool = False) -> Iterator[tuple[Path, str]]:
    """Strings below fields that hold references: ``source``, ``sources``, ``verified``; all with ``every``."""
    if isinstance(value, str):
        if every:
            yield path, value
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from _strings(item, (*path, at), every=every)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _strings(item, (*path, key), every=every or key in ("source", "sources", "verified"))
