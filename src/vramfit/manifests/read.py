"""Reading of a file that starts models, whatever kind it is of: the kinds are told apart by what is in them."""

from __future__ import annotations

import os
import re

from vramfit.errors import InputError, VramfitError
from vramfit.manifests import Broken, Container, Passed, compose, kserve, modelservice, ray, systemd, workloads
from vramfit.manifests.documents import Document, Table, at, documents, items, table, text
from vramfit.manifests.workloads import cluster_of, owner_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from vramfit.manifests.pods import Cluster

MAX_CONTAINERS = 200
"""Largest number of containers of a file that are answered."""
_OURS = re.compile(r"^(?:deployments|defaults)[ \t]*:", re.MULTILINE)
_THEIRS = re.compile(
    r"^(?:\[Service\]|[\"']?(?:services|apiVersion|kind|applications|serveConfigV2|modelArtifacts)[\"']?[ \t]*:)",
    re.MULTILINE,
)
_JSON = re.compile(r"\A\s*\{.*?\"(?:apiVersion|kind|services)\"\s*:", re.DOTALL)
_READ = frozenset((*workloads.KINDS, *workloads.LISTS, workloads.MAPS, *workloads.CLAIMS, *kserve.KINDS, *ray.KINDS))
"""Kinds of Kubernetes' objects that are looked into."""
_QUIET = frozenset((*workloads.LISTS, workloads.MAPS, *workloads.CLAIMS))


def is_manifest(written: str) -> bool:
    """True for a file of another program; False for a deployments file, and for what is neither."""
    return _OURS.search(written) is None and bool(_THEIRS.search(written) or _JSON.match(written[:4096]))


def read(written: str, file: str, folder: str, environment: Mapping[str, str]) -> Iterator[Container | Passed | Broken]:
    """Containers of a file in its order, what is passed over, and what cannot be read.

    ``folder`` is that of the file; ``environment`` has the variables of the shell. Raises ``InputError`` for a file that
    is too large, or no YAML.
    """
    if systemd.is_unit(written):
        yield from systemd.read(written, file, folder, environment)
        return
    parsed: list[tuple[Document, Any]] = []
    for document in documents(written, file):
        if document.kind and document.kind not in _READ:
            parsed.append((document, None))
        else:
            parsed.append((document, document.data()))
    cluster = cluster_of(parsed)
    count = 0
    for document, data in parsed:
        for one in _found(document, data, cluster, folder, environment):
            count += isinstance(one, Container)
            if count > MAX_CONTAINERS:
                raise InputError(
                    f"{file}: starts more than {MAX_CONTAINERS} containers", "give the part that starts the model"
                )
            yield one


def _found(
    document: Document, data: Any, cluster: Cluster, folder: str, environment: Mapping[str, str]
) -> Iterator[Container | Passed | Broken]:
    """Containers of one document."""
    if data is None:
        yield Passed(document.file, document.line, _label(document.kind, document.name))
        return
    kind = text(at(data, "kind"))
    try:
        if kind:
            yield from _objects(document, data, cluster)
        elif compose.is_compose(data):
            yield from compose.read(document, data, folder, environment)
        elif ray.is_config(data):
            yield from ray.read(document, data, cluster)
        elif modelservice.is_values(data):
            yield from modelservice.read(document, data)
        else:
            yield Passed(document.file, getattr(data, "line", document.line), _keys(data))
    except VramfitError as error:
        yield Broken(
            document.file, document.line, text(at(data, "metadata", "name")) or os.path.basename(document.file), error
        )


def _objects(document: Document, data: Table, cluster: Cluster) -> Iterator[Container | Passed]:
    """Containers of an object of Kubernetes, or of each in a list."""
    kind = text(data.get("kind"))
    if kind in workloads.LISTS:
        for one in items(data.get("items")):
            yield from _objects(document, table(one), cluster)
    elif kind in kserve.KINDS:
        yield from kserve.read(owner_of(document, data, cluster), data)
    elif kind in ray.KINDS:
        yield from ray.read(document, data, cluster)
    elif kind in workloads.KINDS:
        yield from workloads.read(document, data, cluster)
    elif kind not in _QUIET:
        yield Passed(document.file, data.line or document.line, _label(kind, text(at(data, "metadata", "name"))))


def _label(kind: str, name: str) -> str:
    return f'{kind} "{name}"' if name else kind


def _keys(data: Any) -> str:
    """Description of a document of no known kind: its first keys."""
    if not isinstance(data, Table):
        return "a document that is no mapping"
    named = ", ".join(list(data)[:4])
    return f"a document with {named}{' and more' if len(data) > 4 else ''}" if data else "an empty document"
