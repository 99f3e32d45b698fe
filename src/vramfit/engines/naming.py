"""Names of a deployment's files and repositories in launch commands."""

from __future__ import annotations

from vramfit.quantization import own_checkpoint
from vramfit.quantization.schemes import is_release

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

    from vramfit.engines.interface import Deployment
    from vramfit.engines.reference import Reference
    from vramfit.model import Model
    from vramfit.model.origin import Origin

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
    own = deployment.reference
    if own is not None and own.repository is not None and not own.gguf and own.quant in (None, deployment.scheme.id):
        return own.repository
    return model.hf[0] if model.hf else model.id


def is_stored(deployment: Deployment) -> bool:
    """Return True if ``repository`` is known to have the weights in the deployment's scheme.

    It is what the model was read from or what the request names, or the scheme is that of the release.
    """
    own, scheme, native = deployment.reference, deployment.scheme, deployment.model.dtype
    if deployment.model.origin is not None:
        return is_own(deployment) and deployment.model.origin.kind != "gguf"
    if own is not None and own.repository is not None and not own.gguf and own.quant is not None:
        return own.has(scheme)
    return bool(deployment.model.hf) and is_release(native, scheme)


def is_published(deployment: Deployment, made: Container[str] = (), families: Container[str] = ()) -> bool:
    """Return True if ``repository`` is known to have the weights in a form that the deployment starts from.

    ``made`` has the schemes, and ``families`` those of the schemes, that the engine makes of 16-bit weights by itself.
    """
    scheme, model = deployment.scheme, deployment.model
    if is_stored(deployment):
        return True
    if scheme.family != "plain" and scheme.id not in made and scheme.family not in families:
        return False
    if model.origin is not None:
        known = model.origin.base or model.origin.repository or model.origin.path
        return known is not None and model.origin.kind != "gguf" and _is_wide(deployment)
    return bool(model.hf) and _is_wide(deployment)


def _is_wide(deployment: Deployment) -> bool:
    """Return True if the weights of ``repository`` are in 16 or 32 bits."""
    own = own_checkpoint(deployment.model)
    if own is not None:
        return own.scheme.family == "plain"
    return deployment.model.dtype in DTYPES


def own_file(deployment: Deployment) -> Reference | None:
    """GGUF file that the request names, in the deployment's scheme: by path, repository or tag; None for none."""
    model, own = deployment.model, deployment.reference
    if own is not None:
        return own if own.has(deployment.scheme) else None
    return None if model.origin is None or not is_own(deployment) else _of_origin(model.origin)


def _of_origin(origin: Origin) -> Reference | None:
    """Reference to the GGUF files that a model was read from; None for other files."""
    from vramfit.engines.reference import Reference

    if origin.tag is not None:
        return Reference(tag=origin.tag, file=origin.path)
    if origin.kind != "gguf":
        return None
    if origin.repository is not None and origin.file is not None:
        return Reference(origin.repository, gguf=True, quant=origin.quant)
    return None if origin.path is None else Reference(gguf=True, file=origin.path)


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


def pools(model: Model) -> bool:
    """Return True for a model whose answer is a vector for a whole text: of embeddings, not one that ranks."""
    return model.modality == "embedding"


def ranks(model: Model) -> bool:
    """Return True for a model that scores pairs of texts."""
    return model.modality == "reranker"


def is_encoder(model: Model) -> bool:
    """Return True for a model whose tokens attend to those behind them too, which writes no text."""
    return all(mixer.kind == "encoder" for group in model.layers for mixer in group.mixers)
