"""Models that KServe serves: ``InferenceService`` and ``LLMInferenceService``.

A predictor names no command of an engine but a runtime, whose server takes the engine's flags. The server's image says
which engine that is, and an engine lists the images it is the program of.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.manifests.documents import Table, at, items, table, text
from vramfit.manifests.pods import Owner, container, containers
from vramfit.units import whole

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.manifests import Container

SERVICE, LLM_SERVICE = "InferenceService", "LLMInferenceService"
KINDS = frozenset((SERVICE, LLM_SERVICE))
HUGGING_FACE = "kserve/huggingfaceserver"
"""Image of the runtime for the model format ``huggingface`` (kserve/kserve, ``config/runtimes``)."""
LLM = "ghcr.io/llm-d/llm-d-cuda"
"""Image of an LLM service that names none (kserve/kserve, ``config/llmisvcconfig``)."""
OWN_FLAGS = (
    "--model_name", "--model_dir", "--http_port", "--grpc_port", "--workers", "--backend", "--task", "--disable_lower_case",
    "--predictor_config", "--enable_docs_url", "--log_config_file", "--max_threads",
)  # fmt: skip
"""Flags of KServe's server that are none of the engine's (``python/huggingfaceserver/huggingfaceserver/__main__.py``)."""
MODEL_FLAGS = ("--model_id", "--model-id")
EXTRA = "VLLM_ADDITIONAL_ARGS"
"""Variable of an LLM service whose words stand behind the command (``config/llmisvcconfig``)."""
HUB = "hf://"
PARALLEL = {"tensor": "tensor_parallel", "pipeline": "pipeline_parallel", "data": "data_parallel"}
"""Fields of ``spec.parallelism``, and the deployment keys they are."""


def read(owner: Owner, data: Table) -> Iterator[Container]:
    """Containers of a service."""
    if data.get("kind") == SERVICE:
        yield from _predictor(owner, table(at(data, "spec", "predictor")))
    else:
        yield from _llm(owner, table(data.get("spec")))


def model_of(uri: str) -> str:
    """Repository of ``hf://org/name``; any other address as it is."""
    return uri.removeprefix(HUB)


def _predictor(owner: Owner, predictor: Table) -> Iterator[Container]:
    model = table(predictor.get("model"))
    workers = text(at(predictor, "workerSpec", "pipelineParallelSize"))
    machines = whole(workers) or 1
    owner = replace(owner, machines=machines)
    if not model:
        yield from containers(owner, predictor)
        return
    one = container(owner, predictor, model, owner.name)
    uri = text(model.get("storageUri"))
    if one.entrypoint is None and not one.image:
        format_ = text(at(model, "modelFormat", "name"))
        runtime = text(model.get("runtime"))
        if format_ != "huggingface" and "huggingface" not in runtime:
            yield replace(one, image=runtime or format_)
            return
        one = replace(one, image=HUGGING_FACE, arguments=_engine_words(one.arguments, model_of(uri)))
    yield replace(one, mounts=(("/mnt/models", model_of(uri) or None), *one.mounts))


def _engine_words(words: tuple[str, ...], uri: str) -> tuple[str, ...]:
    """Words of the engine among those of KServe's server, the model first."""
    kept: list[str] = []
    model = uri
    rest = list(words)
    while rest:
        flag, equals, value = rest.pop(0).partition("=")
        if flag in (*MODEL_FLAGS, *OWN_FLAGS):
            if not equals and rest and not rest[0].startswith("--"):
                value = rest.pop(0)
            model = value if flag in MODEL_FLAGS else model
            continue
        kept.append(f"{flag}{equals}{value}")
    return (model, *kept) if model else tuple(kept)


def _llm(owner: Owner, spec: Table) -> Iterator[Container]:
    """Container ``main`` of an LLM service, or one of its defaults where the service has no template of its own."""
    parallelism = table(spec.get("parallelism"))
    keys = {key: text(parallelism.get(field)) for field, key in PARALLEL.items() if text(parallelism.get(field))}
    owner = replace(owner, keys=keys)
    template = table(spec.get("template"))
    uri = model_of(text(at(spec, "model", "uri")))
    listed = [one for one in items(template.get("containers")) if isinstance(one, Table)]
    main = next((one for one in listed if text(one.get("name")) == "main"), listed[0] if listed else Table(spec.line))
    found = container(owner, template, main, owner.name)
    if found.entrypoint is None and not found.arguments:
        extra = tuple(found.variables.get(EXTRA, "").split())
        found = replace(found, image=found.image or LLM, arguments=(uri, *extra))
    yield replace(found, mounts=(("/mnt/models", uri or None), *found.mounts))
