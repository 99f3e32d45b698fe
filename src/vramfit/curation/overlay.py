"""The user's own files laid over the built-in catalogue.

Each file holds GPUs or models, in the shape of the built-in file, and may use its families, architectures and sources.
An entry with a new id is added; one with a known id changes the fields it gives. Files pass the same rules as the
built-in data, those about provenance excepted: the source of a user's own figure is the user's own file. A file with a
fault is left out whole.
"""

from __future__ import annotations

import os

from vramfit.catalogue.files import SOURCES
from vramfit.curation import derive
from vramfit.curation.compile import gpu_facts, model_facts, pack_entries, read_document, refusal
from vramfit.curation.lint import check
from vramfit.curation.lint.gpus import GpuSubject
from vramfit.curation.lint.models import UNSOURCED
from vramfit.errors import CatalogueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vramfit.catalogue.files import Own
    from vramfit.curation.lint.models import ModelSubject

    Written = dict[str, dict[str, Any]]
    """Parsed ``gpus.yaml`` and ``models.yaml``, by kind."""

KINDS = ("gpus", "models")


class Layers:
    """Built-in catalogue, and the files laid over it so far."""

    def __init__(self, directory: str) -> None:
        gpus, models = (read_document(os.path.join(directory, name)) for name in SOURCES)
        self.written: Written = {"gpus": dict(gpus.data), "models": dict(models.data)}
        """Entries as people write them; a file that comes later lies over these."""
        self.facts = {
            "gpus": {gpu["id"]: gpu for gpu in gpu_facts(gpus)},
            "models": {model["id"]: model for model in model_facts(models)},
        }
        """Compiled entries by kind and id, in order."""
        self._laid = 0

    def lay(self, path: str, text: bytes) -> None:
        """Lay one file over the rest; raises ``CatalogueError`` for its first fault and then changes nothing."""
        checked = check(text, path, self.written, needed_only=True)
        if checked.findings:
            raise refusal([finding.fault for finding in checked.findings])
        if checked.subject is None:
            return
        self._laid += 1
        source = f"own-{self._laid}"
        if isinstance(checked.subject, GpuSubject):
            self._lay_gpus(checked.subject, source, path)
        else:
            self._lay_models(checked.subject, source, path)

    def _lay_gpus(self, subject: GpuSubject, source: str, path: str) -> None:
        written = self.written["gpus"]
        own_fields = subject.document.data.get("field_sources") or {}
        entries = {entry["id"]: entry for entry in written["gpus"]}
        tables = {**subject.tables, "sources": {**subject.tables["sources"], source: {"name": path}}}
        # Where a field of the built-in file comes from says nothing about one that the user's file gives.
        tables["field_sources"] = written["field_sources"]
        for (_, own), (_, merged) in zip(subject.own, subject.entries, strict=True):
            laid = {**merged, "sources": _sourced(merged.get("sources"), own.get("sources"), source)}
            given = {**own, **(own.get("memory") or {})}
            below = written["field_sources"] if own["id"] in entries else {}
            fields = {field: refs for field, refs in below.items() if field not in given} | own_fields
            self.facts["gpus"][own["id"]] = derive.facts(laid, tables["sources"], fields)
            entries[own["id"]] = laid
        self.written["gpus"] = {**written, **tables, "gpus": list(entries.values())}

    def _lay_models(self, subject: ModelSubject, source: str, path: str) -> None:
        written = self.written["models"]
        entries = {entry["id"]: entry for entry in written["models"]}
        rows = zip(subject.own, subject.laid, subject.entries, strict=True)
        for (_, own), (_, laid), (_, flat) in rows:
            refs = _sourced([ref for ref in laid["sources"] if ref != UNSOURCED], own.get("sources"), source)
            self.facts["models"][own["id"]] = {**flat, "sources": refs}
            entries[own["id"]] = {**laid, "sources": refs}
        sources = {**subject.tables["sources"], source: path}
        self.written["models"] = {**written, **subject.tables, "sources": sources, "models": list(entries.values())}


def compile_overlaid(directory: str, key: object, own: Sequence[Own]) -> bytes:
    """Compile the built-in catalogue in ``directory`` with the user's files over it, in their order.

    A fault in a file named on the command line raises ``CatalogueError``; any other such file becomes a warning.
    """
    layers = Layers(directory)
    warnings = []
    for path, text, named in own:
        try:
            if text is None:
                raise CatalogueError(f"{path} cannot be read")
            layers.lay(path, text)
        except CatalogueError as error:
            if named:
                raise
            warnings.append(f"{error.message}{f'; {error.hint}' if error.hint else ''}; the file is left out")
    model_sources = {key: {"name": name} for key, name in layers.written["models"]["sources"].items()}
    sources = {"sources": layers.written["gpus"]["sources"], "model_sources": model_sources}
    gpus, models = (list(layers.facts[kind].values()) for kind in KINDS)
    return pack_entries(key, gpus, models, sources, tuple(warnings))


def built_in(directory: str) -> Written:
    """Parsed built-in files, for checking others against them."""
    return {kind: read_document(os.path.join(directory, name)).data for kind, name in zip(KINDS, SOURCES, strict=True)}


def _sourced(all_refs: Sequence[str] | None, own_refs: Sequence[str] | None, source: str) -> list[str]:
    """Sources of a laid entry: the user's file itself where it names none of its own."""
    return [*(() if own_refs else (source,)), *(all_refs or ())]
