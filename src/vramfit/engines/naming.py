"""What the files and repositories of a deployment are called in commands."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment

DTYPES = {"fp16": "float16", "bf16": "bfloat16", "fp32": "float32"}
"""PyTorch's names of the schemes that are one element type."""
PLAIN = {"float16": "fp16", "half": "fp16", "bfloat16": "bf16", "float32": "fp32", "float": "fp32"}
"""The schemes of these names, and of the short ones that servers take too."""


def repository(deployment: Deployment) -> str:
    """The model's Hugging Face repository, or its id where the catalogue knows none."""
    return deployment.model.hf[0] if deployment.model.hf else deployment.model.id


def file_stem(deployment: Deployment) -> str:
    """How a file or checkpoint of this model in this scheme is called, which is to be downloaded or made."""
    return f"{deployment.model.id}-{deployment.scheme.id}"


def projector_file(deployment: Deployment) -> str:
    """How the GGUF of the vision tower and its projector is called."""
    return f"mmproj-{deployment.model.id}-F16.gguf"
