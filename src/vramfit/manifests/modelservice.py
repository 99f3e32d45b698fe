"""Values of llm-d's chart of model servers (llm-d-incubation/llm-d-modelservice, ``charts/llm-d-modelservice``).

The chart makes two groups of pods, for decoding and for prefill, and adds the GPUs and the flags of parallelism itself.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.catalogue.names import MAX_GPUS as MOST_GPUS
from vramfit.manifests import Passed
from vramfit.manifests.documents import Table, at, items, table, text
from vramfit.manifests.kserve import LLM, model_of
from vramfit.manifests.pods import Owner, container
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from vramfit.manifests import Container
    from vramfit.manifests.documents import Document

ROLES = ("decode", "prefill")
COMMANDS = ("vllmServe", "imageDefault")
"""Values of ``modelCommand`` that serve the model of ``modelArtifacts`` (``templates/_helpers.tpl``)."""
PARALLEL = {"tensor": "tensor_parallel", "data": "data_parallel"}
GPU_KINDS = ("nvidia", "amd", "intel-xe", "intel-i915", "")


def is_values(data: Any) -> bool:
    """True for values of the chart."""
    return isinstance(at(data, "modelArtifacts"), Table) and any(isinstance(at(data, role), Table) for role in ROLES)


def read(document: Document, data: Table) -> Iterator[Container | Passed]:
    """Containers of both groups; one that is not created is left out."""
    artifacts = table(data.get("modelArtifacts"))
    model = model_of(text(artifacts.get("uri"))) or text(artifacts.get("name"))
    kind = text(at(data, "accelerator", "type"))
    for role in ROLES:
        group = table(data.get(role))
        if not group or text(group.get("create")).lower() == "false":
            continue
        if kind not in GPU_KINDS:
            yield Passed(
                document.file, group.line, f'group "{role}"', f"it runs on {kind}, which no engine here is known on"
            )
            continue
        yield from _group(document, role, group, model)


def _group(document: Document, role: str, group: Table, model: str) -> Iterator[Container]:
    parallelism = table(group.get("parallelism"))
    sizes = {field: text(parallelism.get(field)) for field in PARALLEL}
    keys = {PARALLEL[field]: size for field, size in sizes.items() if size.isdecimal() and size != "1"}
    tensor = 1 if whole(sizes["tensor"]) is None else whole(sizes["tensor"]) or 0
    local = text(parallelism.get("dataLocal"))
    count = min(tensor * (1 if whole(local) is None else whole(local) or 0), MOST_GPUS)
    workers = text(parallelism.get("workers"))
    machines = whole(workers) or 1
    owner = Owner(document.file, role, group.line, machines, keys=keys)
    listed = [one for one in items(group.get("containers")) if isinstance(one, Table)]
    labels = table(at(group, "acceleratorTypes"))
    pod = _with_affinity(group, labels)
    for one in listed:
        found = container(owner, pod, one, owner.name if len(listed) == 1 else f"{role}/{text(one.get('name'))}")
        ask = found.ask if found.ask.count else replace(found.ask, count=count)
        found = replace(found, ask=ask, line=group.lines.get("containers", one.line) if not one.line else one.line)
        if text(one.get("modelCommand")) in COMMANDS and found.entrypoint is None:
            found = replace(found, image=found.image or LLM, arguments=(model, *found.arguments))
        yield replace(found, mounts=(("/model-cache", model), *found.mounts))


def _with_affinity(group: Table, kinds: Table) -> Table:
    """Group with the node that its ``acceleratorTypes`` ask for, as the chart writes it into the pods' affinity."""
    label, values = text(kinds.get("labelKey")), items(kinds.get("labelValues"))
    if not label or not values:
        return group
    changed = Table(group.line)
    changed.update(group)
    changed.lines = group.lines
    selector = Table(kinds.line)
    selector.update(table(group.get("nodeSelector")))
    selector[label] = values[0]
    changed["nodeSelector"] = selector
    return changed
