"""Python code that runs a model with transformers, as deployment keys (transformers 5.24.0 ``generation/utils.py``)."""

from __future__ import annotations

from vramfit.launch.code import Call, stated_name
from vramfit.training.commands.scripts import SEEING, first, is_loader, weights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.launch.words import Process

TYPES = {"float16": "fp16", "half": "fp16", "bfloat16": "bf16", "float32": "fp32", "float": "fp32"}
"""Schemes by PyTorch's names of types."""
WRAPPERS = ("SentenceTransformer", "CrossEncoder")
"""Classes of sentence-transformers 6.2.0 that load a model with transformers and hand ``model_kwargs`` on."""
LIMITING = ("generate", "CrossEncoder")
"""Calls whose ``max_length`` is the longest input."""


def read(given: list[Process]) -> dict[str, object] | None:
    """Deployment keys of the first script that loads a model to run it; None if no script does.

    Raises ``UsageError`` for a script whose model is not stated.
    """
    for one in given:
        load = next((call for call in one.calls if is_loader(call)), None) or first(one.calls, "pipeline", *WRAPPERS)
        if load is not None:
            return _keys(one.calls, load)
    return None


def _keys(found: tuple[Call, ...], load: Call) -> dict[str, object]:
    name = load.value("model") if load.last == "pipeline" else load.value("pretrained_model_name_or_path", 0)
    if load.last in WRAPPERS:
        name = load.value("model_name_or_path", 0)
        handed_on = load.value("model_kwargs")
        load = Call(load.name, load.arguments, {**load.keywords, **(handed_on if isinstance(handed_on, dict) else {})})
    if load.last == "pipeline" and name is None:
        name = load.value("model", 1)
    keys: dict[str, object] = {"model": stated_name(name)}
    kind = str(load.value("dtype") or load.value("torch_dtype") or "").rpartition(".")[2]
    quant = weights(load) or TYPES.get(kind)
    if quant is not None:
        keys["quant"] = quant
    if load.value("attn_implementation") == "eager":
        keys["flash_attention"] = "off"
    made = next((one for one in (load, *found) if one.last in LIMITING and "max_length" in one.keywords), None)
    if made is not None and isinstance(made.value("max_length"), int):
        keys["context"] = made.value("max_length")
    return {**_written(found, load.name.split(".")[-2:-1] == [] or load.name.split(".")[-2] in SEEING), **keys}


def _written(found: tuple[Call, ...], sees: bool) -> dict[str, object]:
    """Keys of a comment of ours: ``20 layers on GPUs, 400 tokens, 4 sequences, 2 images of 640x480 pixels``."""
    keys: dict[str, object] = {}
    text = next((str(one.value("text")) for one in found if one.name == "#"), "")
    for part in text.split(", "):
        words = part.split()
        if words[1:3] == ["layers", "on"]:
            keys["gpu_layers"] = words[0]
        elif words[1:2] == ["sequences"]:
            keys["parallel"] = words[0]
        elif words[1:2] == ["tokens"]:
            keys["context"] = words[0]
        elif words[1:2] and words[1].startswith("image") and sees:
            keys["images"] = words[0]
            size = [word for word in words[2:] if word.replace("x", "").isdecimal()]
            keys.update({"image_size": size[0]} if size else {})
    return keys
