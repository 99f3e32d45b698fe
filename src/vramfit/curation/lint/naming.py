"""Rules on names: each must lead to one entry."""

from __future__ import annotations

from vramfit.catalogue.names import normalise, normalise_model
from vramfit.curation.lint.registry import rule
from vramfit.curation.spellings import AliasTable, gpu_aliases, model_aliases, model_spellings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from vramfit.curation.lint.gpus import GpuSubject
    from vramfit.curation.lint.models import ModelSubject
    from vramfit.curation.strict_yaml import Fault

_PCI_VENDORS = {"nvidia": "10de", "amd": "1002", "intel": "8086"}
_TARGETS = {"nvidia": "sm_", "amd": "gfx", "apple": "apple", "google": "tpu-"}


@rule("gpus")
def duplicate_id(subject: GpuSubject) -> Iterator[Fault]:
    """Two entries of a file with one id."""
    yield from _duplicates(subject)


@rule("models")
def duplicate_model_id(subject: ModelSubject) -> Iterator[Fault]:
    """Two entries of a file with one id."""
    yield from _duplicates(subject)


@rule("gpus")
def alias_clash(subject: GpuSubject) -> Iterator[Fault]:
    """An id, name or alias that another entry has too."""
    yield from _clashes(
        subject, gpu_aliases, lambda gpu: [gpu["id"], gpu["name"], *(gpu.get("aliases") or ())], normalise
    )


@rule("models")
def model_alias_clash(subject: ModelSubject) -> Iterator[Fault]:
    """An id, name, Hugging Face id or Ollama tag that another entry has too."""
    yield from _clashes(subject, model_aliases, model_spellings, normalise_model)


@rule("gpus")
def foreign_pci_id(subject: GpuSubject) -> Iterator[Fault]:
    """A PCI id whose vendor half is another vendor's."""
    for number, gpu in subject.entries:
        vendor = _PCI_VENDORS.get(gpu["vendor"])
        for at, pci in enumerate(gpu.get("pci") or ()):
            if not vendor or not pci.startswith(vendor):
                hint = f"{gpu['vendor']}'s begin with {vendor}:" if vendor else f"{gpu['vendor']} has none"
                yield subject.fault(number, f"pci.{at}", f"{pci} is not a PCI id of {gpu['vendor']}", hint)


@rule("gpus")
def foreign_compute_target(subject: GpuSubject) -> Iterator[Fault]:
    """A compute target in another vendor's words."""
    for number, gpu in subject.entries:
        beginning = _TARGETS.get(gpu["vendor"])
        target = gpu.get("compute_target")
        if beginning and target and not target.startswith(beginning):
            problem = f"{target} is no target of {gpu['vendor']}"
            yield subject.fault(number, "compute_target", problem, f"write it as {beginning}…")


@rule("gpus", needed=False)
def needless_alias(subject: GpuSubject) -> Iterator[Fault]:
    """An alias that follows from the id or the name anyway."""
    for number, gpu in subject.own:
        plain = {normalise(gpu["id"]), normalise(gpu.get("name", gpu["id"]))}
        for at, alias in enumerate(gpu.get("aliases") or ()):
            if normalise(alias) in plain:
                problem = f'"{alias}" is read as the id or the name already'
                yield subject.fault(number, f"aliases.{at}", problem, "leave it out: regular spellings are derived")


def _duplicates(subject: GpuSubject | ModelSubject) -> Iterator[Fault]:
    first: dict[str, int] = {}
    for number, entry in enumerate(subject.document.data[subject.kind]):
        name = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            continue
        if name in first:
            line, _ = subject.document.marks[subject.kind, first[name]]
            problem = f'the id "{name}" is used twice'
            yield subject.fault(number, "id", problem, f"the first one is on line {line}; copied and not changed?")
        first.setdefault(name, number)


def _clashes(
    subject: GpuSubject | ModelSubject,
    table_of: Callable[[Iterable[dict[str, Any]]], AliasTable],
    spellings_of: Callable[[dict[str, Any]], list[str]],
    fold: Callable[[str], str],
) -> Iterator[Fault]:
    """Faults of two entries with one name, at the later of them, or at the file's own where the other lies below."""
    numbered = list(subject.names())
    places = {entry["id"]: number for number, entry in reversed(numbered)}
    entries = {entry["id"]: entry for _, entry in reversed(numbered)}
    for key, owners in table_of(entries.values()).clashes().items():
        mine = sorted((places[owner] or 0, owner) for owner in owners if places[owner] is not None)
        if not mine:
            continue
        number, owner = mine[-1]
        others = " and ".join(other for other in owners if other != owner)
        spelling = next((name for name in spellings_of(entries[owner]) if fold(name) == key), key)
        field = _field_of(entries[owner], spelling)
        yield subject.fault(number, field, f'"{spelling}" already means {others}', "a name must lead to one entry")


def _field_of(entry: dict[str, Any], spelling: str) -> str:
    """Field of an entry in which a spelling stands."""
    for field in ("aliases", "hf", "ollama"):
        for at, value in enumerate(entry.get(field) or ()):
            if spelling in (value, value.rsplit("/", 1)[-1]):
                return f"{field}.{at}"
    return "id" if spelling == entry["id"] else "name"
