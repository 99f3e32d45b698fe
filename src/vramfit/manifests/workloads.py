"""Pods of Kubernetes' objects: Deployments and their like, Jobs, groups of leaders and workers, lists."""

from __future__ import annotations

from vramfit._record import replace
from vramfit.manifests.documents import Table, at, items, table, text
from vramfit.manifests.pods import Cluster, Owner, containers
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from vramfit.manifests import Container
    from vramfit.manifests.documents import Document

_TEMPLATE = ("spec", "template", "spec")
PATHS: dict[str, tuple[tuple[str, ...], ...]] = {
    "Pod": (("spec",),),
    "Deployment": (_TEMPLATE,),
    "StatefulSet": (_TEMPLATE,),
    "DaemonSet": (_TEMPLATE,),
    "ReplicaSet": (_TEMPLATE,),
    "ReplicationController": (_TEMPLATE,),
    "Job": (_TEMPLATE,),
    "CronJob": (("spec", "jobTemplate", *_TEMPLATE),),
    "Rollout": (_TEMPLATE,),
}
"""Kinds whose objects have pods of one specification, and where it stands."""
GROUPS = "LeaderWorkerSet"
JOB_SETS = "JobSet"
REPLICATED = ("PyTorchJob", "MPIJob", "XGBoostJob", "TFJob")
LISTS = ("List", "DeploymentList", "PodList", "StatefulSetList")
MAPS = "ConfigMap"
CLAIMS = ("ResourceClaim", "ResourceClaimTemplate")


def cluster_of(documents: Sequence[tuple[Document, Any]]) -> Cluster:
    """Objects of all documents that pods refer to by name."""
    maps: dict[str, dict[str, str]] = {}
    claims: dict[str, Any] = {}
    for _, data in documents:
        for one in (data, *items(at(data, "items"))):
            name = text(at(one, "metadata", "name"))
            kind = at(one, "kind")
            if kind == MAPS:
                maps[name] = {key: text(value) for key, value in table(at(one, "data")).items()}
            elif kind == CLAIMS[0]:
                claims[name] = at(one, "spec")
            elif kind == CLAIMS[1]:
                claims[name] = at(one, "spec", "spec")
    return Cluster(maps, claims)


def owner_of(document: Document, data: Table, cluster: Cluster) -> Owner:
    """Owner of an object's pods."""
    name = text(at(data, "metadata", "name")) or text(at(data, "metadata", "generateName")).rstrip("-")
    return Owner(document.file, name or text(data.get("kind")), data.line, 1, cluster)


def read(document: Document, data: Table, cluster: Cluster) -> Iterator[Container]:
    """Containers of an object; none for a kind without pods that is known here."""
    kind = text(data.get("kind"))
    reader = _READERS.get(kind)
    if reader is not None:
        yield from reader(owner_of(document, data, cluster), data)
    for path in PATHS.get(kind, ()):
        yield from containers(owner_of(document, data, cluster), table(at(data, *path)))


def _group(owner: Owner, data: Table) -> Iterator[Container]:
    """Leader of a group with the number of machines; without a leader's template the workers' is its own as well.

    The group's size counts the leader (kubernetes-sigs/lws, ``api/leaderworkerset/v1``).
    """
    template = table(at(data, "spec", "leaderWorkerTemplate"))
    size = text(template.get("size"))
    leading = table(at(template, "leaderTemplate", "spec")) or table(at(template, "workerTemplate", "spec"))
    yield from containers(replace(owner, machines=whole(size) or 1), leading)


def _job_set(owner: Owner, data: Table) -> Iterator[Container]:
    """Pods of each job of a set, whose parallelism is the number of machines that work together."""
    for job in items(at(data, "spec", "replicatedJobs")):
        spec = table(at(job, "template", "spec"))
        count = text(spec.get("parallelism"))
        named = replace(
            owner,
            name=f"{owner.name}/{text(at(job, 'name'))}",
            machines=whole(count) or 1,
        )
        yield from containers(named, table(at(spec, "template", "spec")))


def _replicated(owner: Owner, data: Table) -> Iterator[Container]:
    """Pods of a training job's roles: the master's or first role's, on as many machines as all roles have replicas."""
    spec = table(data.get("spec"))
    roles = table(next((value for key, value in spec.items() if key.endswith("ReplicaSpecs")), None))
    counts = [text(at(role, "replicas")) or "1" for role in roles.values()]
    machines = sum(whole(count) or 0 for count in counts)
    first = next(iter(roles.values()), None)
    yield from containers(replace(owner, machines=max(1, machines)), table(at(first, "template", "spec")))


_READERS: dict[str, Callable[[Owner, Table], Iterator[Container]]] = {
    GROUPS: _group,
    JOB_SETS: _job_set,
    **dict.fromkeys(REPLICATED, _replicated),
}
KINDS = frozenset((*PATHS, *_READERS))
"""Kinds whose objects have pods."""
