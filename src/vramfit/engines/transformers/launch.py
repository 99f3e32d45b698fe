"""Python code that runs or trains a deployment with transformers; module ``script`` reads what is written here.

Arguments are those of transformers 5.24.0; tests/launch/flags.yaml records them, and those of what trains, which stands
with the trainers.
"""

from __future__ import annotations

from vramfit.engines.naming import DTYPES, repository

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.engines.interface import Deployment, Estimate

EMBEDDER, RERANKER = "AutoModel", "AutoModelForSequenceClassification"
READERS = (EMBEDDER, RERANKER)
"""Classes of models that read a text and generate none."""


def command(deployment: Deployment, estimate: Estimate) -> str:
    """Write code that loads the model with the estimate's placement and generates in the context, or that trains it."""
    work, used = deployment.workload, estimate.settings
    if work.task != "inference":
        return _training(deployment)
    where = "device_map='auto'" if len(deployment.gpus) > 1 else "device_map={'': 0}"
    if used.get("gpu_layers", "all") != "all":
        most = max(gpu.weights_bytes for gpu in estimate.gpus)
        limits = [f"{number}: {most}" for number in range(len(deployment.gpus))]
        where = f"device_map='auto', max_memory={{{', '.join(limits)}, 'cpu': {estimate.host.weights_bytes}}}"
    eager = "" if work.flash_attention else ", attn_implementation='eager'"
    parts, loading = _loading(deployment)
    read = _kind(deployment) in READERS
    answer = f"model(**inputs)  # {', '.join(_read(deployment))}" if read else _generated(deployment, used)
    return (
        f"{parts}; model = {_kind(deployment)}.from_pretrained({repository(deployment)!r}, {loading}{eager}, {where})"
        f"; answer = {answer}"
    )


def _read(deployment: Deployment) -> list[str]:
    """Tokens and sequences that are the inputs of a model that generates nothing."""
    work = deployment.workload
    return [f"{work.context} tokens", *([f"{work.parallel} sequences"] if work.parallel > 1 else [])]


def _generated(deployment: Deployment, used: Mapping[str, object]) -> str:
    return f"model.generate(**inputs, max_length={deployment.workload.context}){_about(deployment, used)}"


def _about(deployment: Deployment, used: Mapping[str, object]) -> str:
    """Comment with what the code cannot say: layers on GPUs, sequences and images that are not one of the usual size."""
    work, parts = deployment.workload, []
    if used.get("gpu_layers", "all") != "all":
        parts.append(f"{used['gpu_layers']} layers on GPUs")
    if work.parallel > 1:
        parts.append(f"{work.parallel} sequences")
    if deployment.model.vision is not None and (work.images != 1 or work.image_size is not None):
        size = "" if work.image_size is None else " of {}x{} pixels".format(*work.image_size)
        parts.append(f"{work.images} images{size}")
    return f"  # {', '.join(parts)}" if parts else ""


def _training(deployment: Deployment) -> str:
    """Write the command, script or configuration that trains the deployment with its trainer."""
    from vramfit.training.profile import written
    from vramfit.training.script import Run

    scheme, work = deployment.scheme, deployment.workload
    quantized = str(scheme.settings["type"]) if scheme.family == "bitsandbytes" else None
    run = Run(
        repository(deployment),
        work.task,
        deployment.model.vision is not None,
        DTYPES.get(scheme.id),
        quantized,
        bool(scheme.settings.get("double")),
        work.flash_attention,
        work.images,
        work.image_size,
        len(deployment.gpus),
        work.training,
    )
    return written(run)


def _kind(deployment: Deployment) -> str:
    """Class of transformers that loads the model: by what it reads, and by whether it generates."""
    model = deployment.model
    mixers = {mixer.kind for group in model.layers for mixer in group.mixers}
    if model.vision is not None:
        return "AutoModelForImageTextToText"
    if "cross" in mixers:
        return "AutoModelForSeq2SeqLM" if model.audio is None else "AutoModelForSpeechSeq2Seq"
    if model.modality == "embedding":
        return EMBEDDER
    return RERANKER if "encoder" in mixers and model.modality == "reranker" else "AutoModelForCausalLM"


def _loading(deployment: Deployment) -> tuple[str, str]:
    """Imports for loading the model, and the arguments that state its precision."""
    scheme = deployment.scheme
    kind = scheme.settings.get("type")
    names = f"from transformers import {_kind(deployment)}"
    if scheme.family == "bitsandbytes":
        names += ", BitsAndBytesConfig"
        if kind == "int8":
            return names, "quantization_config=BitsAndBytesConfig(load_in_8bit=True)"
        double = bool(scheme.settings["double"])
        return f"import torch; {names}", (
            f"quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type={kind!r}, "
            f"bnb_4bit_use_double_quant={double}, bnb_4bit_compute_dtype=torch.bfloat16)"
        )
    if scheme.id in DTYPES:
        return f"import torch; {names}", f"dtype=torch.{DTYPES[scheme.id]}"
    return names, "dtype='auto'"
