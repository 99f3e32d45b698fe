"""What a configuration says its file is quantized with: the scheme, and the type of the KV cache where it states one.

Methods and their keys are those of transformers 5.24.0 (``utils/quantization_config.py``), compressed-tensors, NVIDIA
ModelOpt's ``hf_quant_config.json`` and MLX. A method that is not known is named, never guessed at: with the file's own
header its bytes are exact without it.
"""

from __future__ import annotations

from vramfit._record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

AT_ROOT = ("quantization_config", "compression_config", "quantization")
NESTED = ("text_config", "llm_config", "language_config")
"""Configurations inside the file's that may hold it (Kimi K2.5)."""


@record
class StatedQuantization:
    """What a file was quantized with."""

    method: str
    """``quant_method`` as the file has it; ``mlx`` for MLX's own section."""
    scheme: str | None
    """The scheme's name here; None where there is none for it."""
    cache_type: str | None = None
    """Type of the KV cache that the file states (``fp8``), None where it states none."""


def stated(config: Mapping[str, Any], side: Mapping[str, Any] | None = None) -> StatedQuantization | None:
    """What ``config.json``, or a side file such as ``hf_quant_config.json``, says; None where neither says anything."""
    for section in _sections(config, side):
        found = _read(section)
        if found is not None:
            return found
    return None


def _sections(config: Mapping[str, Any], side: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    found = []
    for place in (config, *[config.get(name) for name in NESTED], side or {}):
        if isinstance(place, dict):
            found += [place[name] for name in AT_ROOT if isinstance(place.get(name), dict)]
    return found


def _read(section: Mapping[str, Any]) -> StatedQuantization | None:
    method = section.get("quant_method")
    if not isinstance(method, str):
        if "quant_algo" in section:
            method = "modelopt"
        elif "bits" in section and "group_size" in section:
            return StatedQuantization("mlx", f"mlx-{section['bits']}bit-g{section['group_size']}")
        else:
            return None
    reader = _SCHEMES.get(method)
    return StatedQuantization(method, None if reader is None else reader(section), _cache_type(section))


def _cache_type(section: Mapping[str, Any]) -> str | None:
    """``fp8`` where the file says that its KV cache is (vLLM 0.33.0 ``resolve_kv_cache_dtype_string``)."""
    if str(section.get("kv_cache_quant_algo") or "").upper().startswith("FP8"):
        return "fp8"
    scheme = section.get("kv_cache_scheme")
    return "fp8" if isinstance(scheme, dict) and scheme.get("num_bits") == 8 and scheme.get("type") == "float" else None


def _bitsandbytes(section: Mapping[str, Any]) -> str:
    if not section.get("load_in_4bit"):
        return "int8"
    return "nf4" if section.get("bnb_4bit_quant_type", "fp4") == "nf4" else "fp4"


def _gptq(section: Mapping[str, Any]) -> str:
    group = section.get("group_size", 128)
    return f"gptq-{section.get('bits', 4)}bit" + (f"-g{group}" if isinstance(group, int) and group > 0 else "")


def _fp8(section: Mapping[str, Any]) -> str:
    return "fp8"


def _compressed(section: Mapping[str, Any]) -> str | None:
    """By the weights of the first group; the format tells NVFP4 and MXFP4 from other four-bit floats."""
    form = str(section.get("format") or "")
    for word in ("nvfp4", "mxfp4"):
        if form.startswith(word):
            return word
    groups = section.get("config_groups")
    group = next(iter(groups.values()), {}) if isinstance(groups, dict) else {}
    weights = group.get("weights") if isinstance(group, dict) else None
    if not isinstance(weights, dict):
        return None
    if weights.get("type") == "float":
        return {8: "fp8"}.get(weights.get("num_bits") or 0)
    activations = group.get("input_activations") is not None
    return {(4, False): "w4a16", (8, True): "w8a8", (8, False): "w8a16"}.get(
        (weights.get("num_bits") or 0, activations)
    )


def _modelopt(section: Mapping[str, Any]) -> str | None:
    return {"FP8": "fp8", "NVFP4": "nvfp4"}.get(str(section.get("quant_algo") or "").upper())


_SCHEMES = {
    "bitsandbytes": _bitsandbytes,
    "gptq": _gptq,
    "gptqmodel": _gptq,
    "auto-round": _gptq,
    "awq": lambda section: "awq",
    "fp8": _fp8,
    "fbgemm_fp8": lambda section: "fp8-channel",
    "compressed-tensors": _compressed,
    "mxfp4": lambda section: "mxfp4",
    "modelopt": _modelopt,
}
"""Reader of each method's section."""
