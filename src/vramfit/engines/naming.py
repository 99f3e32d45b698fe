"""Names of a deployment's files and repositories in launch commands."""

from __future__ import annotations

from vramfit.quantization import own_checkpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment
    from vramfit.model import Model

DTYPES = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}
"""PyTorch's names of the schemes that consist of a single element type."""
PLAIN = {"float16": "fp16", "half": "fp16", "bfloat16": "bf16", "float32": "fp32", "float": "fp32"}
"""Schemes by PyTorch's names, and by the short names that servers accept too."""


def is_own(deployment: Deployment) -> bool:
    """Return True if the deployment runs the files that its model was read from."""
    return own_checkpoint(deployment.model) is deployment.checkpoint


def repository(deployment: Deployment) -> str:
    """Hugging Face repository or directory of the model, or its id if the catalogue knows neither."""
    model, origin = deployment.model, deployment.model.origin
    if origin is not None:
        # Engines that load repositories cannot load a GGUF file; they need the original model.
        if origin.base is not None:
            return origin.base
        return _stem(model) if origin.kind == "gguf" else origin.repository or origin.path or _stem(model)
    return model.hf[0] if model.hf else model.id


def file_stem(deployment: Deployment) -> str:
    """Name of a file or checkpoint of the model in the deployment's scheme, which the user has to download or make."""
    return f"{_stem(deployment.model)}-{deployment.scheme.id}"


def projector_file(deployment: Deployment) -> str:
    """Name of the GGUF file with the vision tower and its projector."""
    origin = deployment.model.origin
    if origin is not None and origin.projector is not None:
        return origin.projector
    return f"mmproj-{_stem(deployment.model)}-F16.gguf"


def _stem(model: Model) -> str:
    """Id of a catalogue model, or for a model read from files its name in a form that is valid in a file name."""
    if model.origin is None:
        return model.id
    name, quant = model.name, model.origin.quant
    if quant is not None and name.upper().endswith(f"-{quant.upper()}"):
        name = name[: -len(quant) - 1]
    return "-".join(name.replace("/", "-").replace(":", "-").split())
