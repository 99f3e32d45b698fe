"""Containers of a pod's specification (Kubernetes API, ``core/v1`` PodSpec)."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.catalogue.names import MAX_GPUS as MOST_GPUS
from vramfit.manifests import Ask, Container
from vramfit.manifests.cards import SHARES, asked, slice_of
from vramfit.manifests.claims import claimed
from vramfit.manifests.documents import Table, at, items, table, text, texts
from vramfit.manifests.sizes import kubernetes_bytes
from vramfit.manifests.variables import expanded, reference
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

WHOLE = ("nvidia.com/gpu", "amd.com/gpu", "gpu.intel.com/xe", "gpu.intel.com/i915")
"""Resources that are whole GPUs, as the vendors' device plugins name them."""
SHARED = "nvidia.com/gpu.shared"
SLICE = "nvidia.com/mig-"
OTHERS = {"google.com/tpu": "TPUs", "aws.amazon.com/neuron": "Neuron devices", "habana.ai/gaudi": "Gaudi cards"}
"""Accelerators that no engine here is known on."""


class Cluster(Record):
    """Objects of a file that pods refer to."""

    config_maps: dict[str, dict[str, str]]
    claims: dict[str, Any]
    """Specifications of ``ResourceClaim`` and ``ResourceClaimTemplate`` by name."""


class Owner(Record):
    """Object that pods belong to."""

    file: str
    name: str
    line: int
    machines: int = 1
    cluster: Cluster = Cluster({}, {})
    keys: dict[str, str] = {}


def containers(owner: Owner, spec: Table, *, entry: Table | None = None) -> Iterator[Container]:
    """Containers of a pod with their GPUs.

    ``entry`` is a container that stands beside the pod's own list, as in KServe's ``predictor.model``.
    """
    listed = items(spec.get("containers"))
    beside = [one for one in items(spec.get("initContainers")) if at(one, "restartPolicy") == "Always"]
    every = [one for one in (entry, *listed, *beside) if isinstance(one, Table)]
    for one in every:
        named = text(one.get("name"))
        label = f"{owner.name}/{named}" if named and len(every) > 1 else owner.name or named
        yield container(owner, spec, one, label)


def container(owner: Owner, spec: Table, one: Table, label: str) -> Container:
    """Make the container of its table; ``spec`` is the pod's."""
    variables, origins, notes = _variables(owner.cluster, one)

    def words(key: str) -> tuple[str, ...]:
        return tuple([expanded(word, variables) for word in texts(one.get(key))])

    entrypoint = words("command") or None
    limit = text(at(one, "resources", "limits", "memory"))
    return Container(
        owner.file,
        one.line or owner.line,
        label,
        text(one.get("image")),
        entrypoint,
        words("args"),
        variables,
        origins,
        tuple(
            [
                (text(mount.get("mountPath")), None)
                for mount in items(one.get("volumeMounts"))
                if isinstance(mount, Table)
            ]
        ),
        _ask(owner.cluster, spec, one),
        kubernetes_bytes(limit) if limit else None,
        owner.machines,
        "",
        owner.keys,
        notes,
    )


def _variables(cluster: Cluster, one: Table) -> tuple[dict[str, str], dict[str, str], tuple[str, ...]]:
    """Variables of a container, the origins of those whose value the file lacks, and notes on sources it lacks."""
    variables: dict[str, str] = {}
    origins: dict[str, str] = {}
    notes: list[str] = []
    for source in items(one.get("envFrom")):
        prefix, name = text(at(source, "prefix")), text(at(source, "configMapRef", "name"))
        known = cluster.config_maps.get(name)
        if known is not None:
            variables.update({prefix + key: value for key, value in known.items()})
        else:
            what = f'ConfigMap "{name}"' if name else f'Secret "{text(at(source, "secretRef", "name"))}"'
            notes.append(f"variables of {what} are not in the file, and not in this answer")
    for entry in items(one.get("env")):
        name = text(at(entry, "name"))
        value, origin = _value(cluster, table(entry))
        if value is None:
            origins[name] = origin
            variables[name] = reference(name)
        else:
            origins.pop(name, None)
            variables[name] = expanded(value, variables)
    return variables, origins, tuple(notes)


def _value(cluster: Cluster, entry: Table) -> tuple[str | None, str]:
    """Value of a variable, or None and where it comes from."""
    source = table(entry.get("valueFrom"))
    if not source:
        return text(entry.get("value")), ""
    kind = next(iter(source), "")
    name, key = text(at(source, kind, "name")), text(at(source, kind, "key"))
    if kind == "configMapKeyRef":
        known = cluster.config_maps.get(name, {}).get(key)
        return known, f'ConfigMap "{name}", key "{key}"'
    if kind == "secretKeyRef":
        return None, f'Secret "{name}"'
    return None, f"a field of the pod ({text(at(source, kind, 'fieldPath')) or text(at(source, kind, 'resource'))})"


def _ask(cluster: Cluster, spec: Table, one: Table) -> Ask:
    """GPUs that a container asks for: limits, which requests must equal, then claims; and the kind from the pod's node."""
    limits = table(at(one, "resources", "limits"))
    wanted = {**table(at(one, "resources", "requests")), **limits}
    labels = node_labels(spec)
    count, notes, kinds = 0, [], []
    for name, value in wanted.items():
        number = min(whole(text(value)) or 0, MOST_GPUS)
        if name in WHOLE:
            count += number
        elif name == SHARED:
            count += number
            notes.append(SHARES)
        elif name.startswith(SLICE) and number:
            count += number
            kinds += [slice_of(name.removeprefix(SLICE)) or name]
        elif name in OTHERS and number:
            notes.append(f"it asks for {OTHERS[name]}")
    if kinds:
        label = next(name for name in wanted if name.startswith(SLICE))
        return Ask(count, None, tuple(dict.fromkeys(kinds)), f"{label}: {count}", "", tuple(notes))
    if not count and items(at(one, "resources", "claims")):
        return claimed(cluster.claims, spec, one, labels)
    found = asked(labels, count)
    return Ask(count, None, found.kinds, found.label, found.machine, (*found.notes, *notes))


def node_labels(spec: Table) -> dict[str, tuple[str, ...]]:
    """Labels that a pod's node must have, with the values allowed: its selector, and what every required term asks."""
    labels: dict[str, tuple[str, ...]] = {
        name: (text(value),) for name, value in table(spec.get("nodeSelector")).items() if text(value)
    }
    required = at(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    terms = [_expressions(items(at(term, "matchExpressions"))) for term in items(at(required, "nodeSelectorTerms"))]
    if terms:
        for name in terms[0]:
            if all(name in term for term in terms):
                labels.setdefault(name, tuple(dict.fromkeys([value for term in terms for value in term[name]])))
    return labels


def _expressions(expressions: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    """Labels of a term that must have one of some values."""
    return {
        text(at(one, "key")): texts(at(one, "values"))
        for one in expressions
        if at(one, "operator") == "In" and at(one, "values")
    }
