"""Models of Ray Serve: its configuration, alone or in a ``RayService``.

An application of ``ray.serve.llm`` has a list of configurations, each with the model and the engine's arguments in the
spelling of its Python interface, which are the flags of its command line with underscores for dashes.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.catalogue.names import MAX_GPUS as MOST_GPUS
from vramfit.manifests import Ask, Container, Passed
from vramfit.manifests.documents import Document, Table, at, items, table, text
from vramfit.manifests.pods import Cluster, Owner, container
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

SERVICE = "RayService"
KINDS = frozenset((SERVICE,))
IMAGE = "rayproject/ray-llm"
"""Image of Ray with the engine that ``ray.serve.llm`` starts (docs.ray.io, *Serving LLMs*)."""
CARDS = {
    "A100-40G": "a100-sxm4-40gb", "A100-80G": "a100-sxm4-80gb", "A100": "a100-sxm4-40gb", "H100": "h100-sxm",
    "V100": "v100-sxm2-16gb", "P100": "p100-pcie-16gb",
}  # fmt: skip
"""Cards by Ray's names of accelerators that fit several (ray-project/ray, ``python/ray/util/accelerators``); the one with
least memory that clouds rent."""
SPREAD = ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size")


def is_config(data: Any) -> bool:
    """True for a configuration of Ray Serve."""
    return bool(items(at(data, "applications"))) and any(at(one, "import_path") for one in at(data, "applications"))


def read(document: Document, data: Table, cluster: Cluster) -> Iterator[Container | Passed]:
    """Containers of a service, one for each model of its configuration."""
    config = data.get("serveConfigV2") or at(data, "spec", "serveConfigV2")
    if isinstance(config, str):
        # A block scalar begins on the line below its key.
        line = table(data.get("spec")).lines.get("serveConfigV2", document.line) + 1
        config = Document(document.file, line, "", "", config).data()
    groups = items(at(data, "spec", "rayClusterConfig", "workerGroupSpecs"))
    pod = next((table(at(one, "template", "spec")) for one in groups if isinstance(one, Table)), Table())
    owner = Owner(document.file, text(at(data, "metadata", "name")), document.line, 1, cluster)
    yield from applications(owner, config if config is not None else data, pod)


def applications(owner: Owner, config: Any, pod: Table) -> Iterator[Container | Passed]:
    """Containers of a configuration; ``pod`` is the workers' specification, empty where there is none."""
    for application in items(at(config, "applications")):
        models = items(at(application, "args", "llm_configs"))
        if not models:
            name = text(at(application, "name")) or owner.name
            line = getattr(application, "line", owner.line)
            path = text(at(application, "import_path"))
            yield Passed(
                owner.file, line, f'application "{name}"', f"{path or 'its code'} says in Python what it starts"
            )
        for one in models:
            if isinstance(one, Table):
                yield _container(owner, one, pod)


def _container(owner: Owner, config: Table, pod: Table) -> Container:
    loading, arguments = table(config.get("model_loading_config")), table(config.get("engine_kwargs"))
    model = text(loading.get("model_source")) or text(loading.get("model_id"))
    workers = [one for one in items(pod.get("containers")) if isinstance(one, Table)]
    within = container(owner, pod, workers[0], owner.name) if workers else None
    count = 1
    for field in SPREAD:
        count = min(count * (whole(text(arguments.get(field))) or 1), MOST_GPUS)
    kind = text(config.get("accelerator_type"))
    ask = Ask(count, None, (CARDS.get(kind, kind),), f"accelerator_type: {kind}") if kind else Ask(count)
    if within is not None and not kind:
        ask = replace(within.ask, count=count)
    name = text(loading.get("model_id")) or model
    return Container(
        owner.file,
        config.line,
        f"{owner.name}/{name}" if owner.name else name,
        IMAGE,
        None,
        (model, *words(arguments)),
        {} if within is None else within.variables,
        {} if within is None else within.origins,
        (),
        ask,
        None if within is None else within.ram_bytes,
    )


def words(arguments: Table) -> tuple[str, ...]:
    """Flags of arguments: ``max_model_len: 8192`` is ``--max-model-len 8192``, true a switch, and a mapping JSON."""
    found: list[str] = []
    for name, value in arguments.items():
        flag = "--" + name.replace("_", "-")
        if value is None:
            continue
        if isinstance(value, str) and value.lower() in ("true", "false"):
            found.append(flag if value.lower() == "true" else f"--no-{flag[2:]}")
        else:
            found += [flag, value if isinstance(value, str) else as_json(value)]
    return tuple(found)


def as_json(value: Any) -> str:
    """JSON of a value, whose scalars are numbers and words where YAML has them plain."""
    import json

    def plain(one: Any) -> Any:
        if isinstance(one, dict):
            return {key: plain(inner) for key, inner in one.items()}
        if isinstance(one, list):
            return [plain(inner) for inner in one]
        try:
            return json.loads(one) if isinstance(one, str) else one
        except ValueError:
            return one

    return json.dumps(plain(value))
