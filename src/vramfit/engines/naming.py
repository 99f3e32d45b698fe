"""What the files and repositories of a deployment are called in commands."""

from __future__ import annotations

from vramfit.quantization import own_checkpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment
    from vramfit.model import Model

DTYPES = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}
"""PyTorch's names of the schemes that are one element type."""
PLAIN = {"float16": "fp16", "half": "fp16", "bfloat16": "bf16", "float32": "fp32", "float": "fp32"}
"""The schemes of these names, and of the short ones that servers take too."""


def is_own(deployment: Deployment) -> bool:
    """Whether the deployment runs the very files that its model was read from."""
    return own_checkpoint(deployment.model) is deployment.checkpoint


def repository(deployment: Deployment) -> str:
    """The model's Hugging Face repository or directory, or its id where the catalogue knows none."""
    model, origin = deployment.model, deployment.model.origin
    if origin is not None:
        # A GGUF file is no checkpoint for the engines that load repositories: its original is what they need.
        if origin.base is not None:
            return origin.base
        return _stem(model) if origin.kind == "gguf" else origin.repository or origin.path or _stem(model)
    return model.hf[0] if model.hf else model.id


def file_stem(deployment: Deployment) -> str:
    """How a file or checkpoint of this model in this scheme is called, which is to be downloaded or made."""
    return f"{_stem(deployment.model)}-{deployment.scheme.id}"


def projector_file(deployment: Deployment) -> str:
    """How the GGUF of the vision tower and its projector is called."""
    origin = deployment.model.origin
    if origin is not None and origin.projector is not None:
        return origin.projector
    return f"mmproj-{_stem(deployment.model)}-F16.gguf"


def _stem(model: Model) -> str:
    """A model's id; of a model that was read from files, their name without what says how they are stored."""
    if model.origin is None:
        return model.id
    name, quant = model.name, model.origin.quant
    if quant is not None and name.upper().endswith(f"-{quant.upper()}"):
        name = name[: -len(quant) - 1]
    return "-".join(name.replace("/", "-").replace(":", "-").split())
