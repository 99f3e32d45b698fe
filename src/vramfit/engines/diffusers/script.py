"""Python code that runs a pipeline, as deployment keys (diffusers 0.42.1 ``pipelines/pipeline_utils.py``, ``quantizers/``)."""

from __future__ import annotations

from vramfit.engines.diffusers.components import is_text_encoder
from vramfit.engines.diffusers.launch import QUANTO
from vramfit.errors import UnsupportedScheme
from vramfit.launch.code import Call, stated_name
from vramfit.quantization import find_scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.launch.words import Process

CALLS = {
    "enable_model_cpu_offload": "model", "enable_group_offload": "group", "enable_sequential_cpu_offload": "sequential",
}  # fmt: skip
"""Mode of offloading by the call that turns it on."""
TYPES = {"torch.float16": "fp16", "torch.half": "fp16", "torch.float32": "fp32"}
CONFIGS = ("TorchAoConfig", "NVIDIAModelOptConfig", "BitsAndBytesConfig", "QuantoConfig")


def read(given: list[Process]) -> dict[str, object] | None:
    """Deployment keys of the first script that loads a pipeline; None if no script does.

    Raises ``UsageError`` for a script whose pipeline is not stated.
    """
    for one in given:
        load = next((call for call in one.calls if _is_loader(call)), None)
        if load is not None:
            return _keys(one.calls, load)
    return None


def _is_loader(call: Call) -> bool:
    kind = call.name.split(".")[-2] if call.name.count(".") else ""
    return call.last in ("from_pretrained", "from_single_file") and (
        kind.endswith("Pipeline") or kind.startswith("AutoPipelineFor")
    )


def _keys(found: tuple[Call, ...], load: Call) -> dict[str, object]:
    name = stated_name(load.value("pretrained_model_name_or_path", 0), "pipeline")
    keys: dict[str, object] = {"model": name, "quant": _denoiser(found, load)}
    form = _encoders(load)
    if form is not None:
        keys["text_encoder"] = form
    offload = next((CALLS[one.last] for one in found if one.last in CALLS), None)
    if offload is not None:
        keys["component_offload"] = offload
    if any(one.last in ("enable_tiling", "enable_vae_tiling") for one in found):
        keys["vae_tiling"] = True
    return {**keys, **_made(found)}


def _denoiser(found: tuple[Call, ...], load: Call) -> str:
    """Scheme of the denoiser: of its file, of its configuration, cast while running, or of its type."""
    for one in found:
        if one.last == "from_single_file" and not _is_loader(one):
            stem = str(one.arguments[0] if one.arguments else "").rpartition("/")[2].rpartition(".")[0]
            parts = [part for part in (stem, stem.rpartition("-")[2]) if _is_scheme(part)]
            if parts:
                return parts[-1]
        if "Nunchaku" in one.name and one.last == "from_pretrained":
            return "svdq-fp4" if "svdq-fp4" in str(one.arguments[0] if one.arguments else "") else "svdq-int4"
    mapping = _mapping(load)
    of_encoders = {id(value) for name, value in mapping.items() if is_text_encoder(name)}
    configs = [one for one in found if one.last in CONFIGS and id(one) not in of_encoders]
    for scheme in map(_scheme, configs):
        if scheme is not None:
            return scheme
    if any(one.last == "enable_layerwise_casting" for one in found):
        return "fp8"
    return TYPES.get(str(load.value("torch_dtype") or load.value("dtype")), "bf16")


def _is_scheme(word: str) -> bool:
    """True for the name of a scheme."""
    try:
        return bool(word) and bool(find_scheme(word))
    except UnsupportedScheme:
        return False


def _mapping(load: Call) -> dict[str, object]:
    """Configuration of each component by its name."""
    config = load.value("quantization_config")
    mapping = config.value("quant_mapping") if isinstance(config, Call) else None
    return mapping if isinstance(mapping, dict) else {}


def _encoders(load: Call) -> str | None:
    """Form of the text encoders; None for 16 bits."""
    if any(is_text_encoder(name) and value is None for name, value in load.keywords.items()):
        return "ram"
    forms = [_scheme(one) for name, one in _mapping(load).items() if is_text_encoder(name) and isinstance(one, Call)]
    return next(iter(forms), None)


def _scheme(config: Call) -> str | None:
    """Scheme of a quantizer's configuration; None for one that is not known."""
    if config.last == "BitsAndBytesConfig":
        if config.value("load_in_8bit") is True:
            return "int8"
        kind = str(config.value("bnb_4bit_quant_type") or "fp4")
        return kind if config.value("bnb_4bit_use_double_quant") is True else f"{kind}-single"
    if config.last == "TorchAoConfig":
        text = str(config.value("quant_type", 0))
        return next((f"torchao-int{bits}" for bits in (4, 8) if f"int{bits}" in text.lower()), None)
    if config.last == "QuantoConfig":
        kind = str(config.value("weights_dtype", 0) or "int8")
        return next((scheme for scheme, name in QUANTO.items() if name == kind), None)
    return "nvfp4" if config.last == "NVIDIAModelOptConfig" else None


def _made(found: tuple[Call, ...]) -> dict[str, object]:
    """Size and number of frames of what a pipeline is called for."""
    for one in found:
        width, height, frames = one.value("width"), one.value("height"), one.value("num_frames")
        keys: dict[str, object] = {}
        if isinstance(width, int) and isinstance(height, int):
            keys["output_size"] = f"{width}x{height}"
        if isinstance(frames, int):
            keys["frames"] = frames
        if keys:
            return keys
    return {}
