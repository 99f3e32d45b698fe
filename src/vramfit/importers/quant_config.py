"""Quantization settings of a checkpoint: the scheme of its weights and the type of its cache.

Settings stand in ``quantization_config`` of ``config.json`` (of the language model's section, or the root), in
``compression_config``, in ``quantization`` (MLX), or in a file beside it. Forms: transformers 5.24.0
``utils/quantization_config.py``, compressed-tensors ``quantization/quant_args.py``, NVIDIA/Model-Optimizer
``torch/export/unified_export_hf.py``, mlx-lm 0.32.2 ``utils.py``. A method that is not known has no scheme, and a file
of it is taken as it is.
"""

from __future__ import annotations

from vramfit.errors import UnsupportedScheme
from vramfit.quantization import SCHEMES, STORED, Scheme, find_scheme

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.importers.header import Header

SIDE_FILES = ("hf_quant_config.json", "quantize_config.json", "quant_config.json")
"""Files in which ModelOpt, old GPTQ and old AWQ checkpoints keep their settings instead of in ``config.json``."""
SECTIONS = ("text_config", "llm_config", "language_config")
PLAIN = {"F32": "fp32", "F16": "fp16", "BF16": "bf16"}
"""Schemes of checkpoints of which most bytes are of one of these types."""
FLOATS8 = "fp8"
USUAL_BLOCK = 128
"""Side of the squares of weights that share a scale in checkpoints of 8-bit floats (``quantization.fp8``)."""
GPTQ = ("gptq", "auto-round", "autoround", "gptqmodel")
BITS = (("fp16", 12.0), ("int8", 6.0), ("int4", 0.0))
"""Bits per weight from which on a checkpoint without a scheme counts to a class."""


def settings_of(config: Mapping[str, Any], side: Mapping[str, Any]) -> Mapping[str, Any]:
    """The quantization settings of a configuration, else of a file beside it; empty where there are none."""
    for owner in (config, *[config[name] for name in SECTIONS if isinstance(config.get(name), dict)]):
        for key in ("quantization_config", "compression_config", "quantization"):
            found = owner.get(key)
            if isinstance(found, dict) and found:
                return found if key != "quantization" else {"quant_method": "mlx", **found}
    inner = side.get("quantization")
    if isinstance(inner, dict):
        return {"quant_method": "modelopt", **inner}
    if side:
        return {"quant_method": "awq" if "w_bit" in side or "zero_point" in side else "gptq", **side}
    return {}


def scheme_of(settings: Mapping[str, Any]) -> Scheme | None:
    """The scheme that settings state; None where they state none that is known."""
    name = _name(settings)
    try:
        return None if name is None else find_scheme(name)
    except UnsupportedScheme:
        return None


def cache_type_of(settings: Mapping[str, Any]) -> str | None:
    """``fp8`` where settings state a cache of 8-bit floats, which servers then use by themselves."""
    scheme = settings.get("kv_cache_scheme")
    if isinstance(scheme, dict):
        return FLOATS8 if scheme.get("num_bits") == 8 and scheme.get("type") == "float" else None
    return FLOATS8 if str(settings.get("kv_cache_quant_algo", "")).upper() == "FP8" else None


def expert_type_of(config: Mapping[str, Any], settings: Mapping[str, Any]) -> str | None:
    """``mxfp4`` where a checkpoint of 8-bit floats states 4-bit ones for its experts, which then are MXFP4.

    The field stands in the configuration, or in its settings (transformers 5.24.0 ``configuration_deepseek_v4.py``). A
    file without it may be either: vLLM takes it for ``fp4`` (``models/deepseek_v4/quant_config.py``), but published ones
    without it (``sgl-project/DeepSeek-V4-Pro-FP8``, of 1.6 TB) have 8-bit experts, which are the larger.
    """
    stated = config.get("expert_dtype") or settings.get("expert_dtype")
    plain = method_of(settings).lower() == FLOATS8 and not settings.get("moe_quant_algo")
    return "mxfp4" if stated == "fp4" and plain else None


def block_of(settings: Mapping[str, Any]) -> int | None:
    """Side of the squares of weights that share a scale, where a checkpoint states another than the usual 128."""
    stated = settings.get("weight_block_size")
    side = stated[0] if isinstance(stated, list) and stated and stated[0] == stated[-1] else None
    return side if isinstance(side, int) and 0 < side < USUAL_BLOCK else None


def method_of(settings: Mapping[str, Any]) -> str:
    """The method's name, for messages; empty where none is stated."""
    return str(settings.get("quant_method") or settings.get("quant_algo") or "")


def stored_scheme(header: Header, settings: Mapping[str, Any]) -> Scheme:
    """The scheme of a file: what its settings state, its one type where it is not packed, or one of its own."""
    stated = scheme_of(settings) if settings else None
    if stated is not None:
        return stated
    sizes = header.bytes_by_type()
    most = next(iter(sizes), "BF16")
    if most in PLAIN and not settings:
        return SCHEMES[PLAIN[most]]
    bits = 8 * header.total_bytes / header.parameters if header.parameters else 0.0
    precision = next(word for word, least in BITS if bits >= least)
    summary = f"{method_of(settings) or 'a mix'} as the file has it, mostly {most}"
    return Scheme(STORED, "plain", precision, summary, {"type": "BF16", "bytes": 2})


def _name(settings: Mapping[str, Any]) -> str | None:
    """The name of the scheme in the grammar of ``quantization.find_scheme``."""
    method = method_of(settings).lower()
    if method in ("bitsandbytes", "bnb") or "load_in_4bit" in settings:
        return _bitsandbytes(settings)
    if method in GPTQ:
        return _grouped("gptq-int{}", settings, (2, 3, 4, 8), (16, 32, 64, 128, 256, 512, 1024, -1))
    if method == "awq":
        return _grouped("awq", settings, (4,), (16, 32, 64, 128, -1))
    if method == "fp8":
        if settings.get("moe_quant_algo"):
            return None  # experts in another type than the rest (nvidia/DeepSeek-V4-Flash-NVFP4)
        return "fp8-block" if settings.get("weight_block_size") else "fp8"
    if method == "compressed-tensors":
        return _compressed(settings)
    if method.startswith("modelopt") or "quant_algo" in settings:
        if settings.get("quant_algo") == "MIXED_PRECISION" and _has_nvfp4(settings):
            return "nvfp4"  # with other layers in FP8 (nvidia/Qwen3.6-27B-NVFP4); ``kept_layers`` reads which
        return {"FP8": "fp8", "NVFP4": "nvfp4", "FP8_PB_WO": "fp8-block"}.get(str(settings.get("quant_algo")).upper())
    if method == "mlx":
        mode = settings.get("mode", "affine")
        named = {"mxfp4": "mlx-mxfp4", "mxfp8": "mlx-mxfp8", "nvfp4": "mlx-nvfp4"}.get(str(mode))
        return named or _grouped("mlx-{}bit", settings, (2, 3, 4, 5, 6, 8), (32, 64, 128))
    if method in ("exl2", "exl3"):
        bits = settings.get("bits")
        return f"{method}-{float(bits)}" if isinstance(bits, int | float) and 2 <= bits <= 8 else None
    if method == "hqq":
        return _hqq(settings)
    return {"fbgemm_fp8": "fbgemm_fp8", "mxfp4": "MXFP4"}.get(method)


def _has_nvfp4(settings: Mapping[str, Any]) -> bool:
    """Return True if layers are named in groups or a list and some of them are NVFP4, all others FP8."""
    groups, layers = settings.get("config_groups"), settings.get("quantized_layers")
    if isinstance(groups, dict):
        weights = [group.get("weights") for group in groups.values() if isinstance(group, dict)]
        kinds = {
            (one.get("num_bits"), one.get("type"), one.get("group_size")) for one in weights if isinstance(one, dict)
        }
        return (4, "float", 16) in kinds and kinds <= {(4, "float", 16), (8, "float", None)}
    if isinstance(layers, dict):
        names = {str(one.get("quant_algo")) for one in layers.values() if isinstance(one, dict)}
        return bool(names & {"NVFP4", "W4A16_NVFP4"}) and names <= {"NVFP4", "W4A16_NVFP4", "FP8"}
    return False


def _bitsandbytes(settings: Mapping[str, Any]) -> str:
    if settings.get("load_in_8bit") or settings.get("_load_in_8bit"):
        return "int8"
    kind = "fp4" if settings.get("bnb_4bit_quant_type", "fp4") == "fp4" else "nf4"
    return kind if settings.get("bnb_4bit_use_double_quant") else f"{kind}-single"


def _grouped(stem: str, settings: Mapping[str, Any], widths: tuple[int, ...], groups: tuple[int, ...]) -> str | None:
    """A name with width and group, where both are such that the scheme exists."""
    bits = next((settings[key] for key in ("bits", "w_bit") if key in settings), 4)
    group = next((settings[key] for key in ("group_size", "q_group_size") if key in settings), None)
    if bits not in widths or group not in (None, *groups):
        return None
    suffix = "" if group is None else "-channel" if group == -1 else f"-g{group}"
    return stem.format(bits) + suffix


def _compressed(settings: Mapping[str, Any]) -> str | None:
    """compressed-tensors: by the weights of its groups, where all of them agree."""
    found = set()
    groups = settings.get("config_groups")
    for group in groups.values() if isinstance(groups, dict) else ():
        weights = group.get("weights") if isinstance(group, dict) else None
        if isinstance(weights, dict):
            found.add(_weights(weights, bool(group.get("input_activations")), str(settings.get("format", ""))))
    return found.pop() if len(found) == 1 else None


def _weights(weights: Mapping[str, Any], activations: bool, form: str) -> str | None:
    bits, kind, strategy, group = (weights.get(key) for key in ("num_bits", "type", "strategy", "group_size"))
    if kind == "float":
        if bits == 8:
            return {"tensor": "fp8", "channel": "fp8-channel", "block": "fp8-block"}.get(str(strategy))
        return "MXFP4" if "mxfp4" in form or group == 32 else "nvfp4" if bits == 4 else None
    if kind == "int" and bits == 8 and activations:
        return "w8a8"
    if kind == "int" and bits in (4, 8):
        rows = strategy == "channel" or group in (None, -1)
        return f"w{bits}a16-{'channel' if rows else f'g{group}'}" if rows or group in (32, 64, 128) else None
    return None


def _hqq(settings: Mapping[str, Any]) -> str | None:
    own = settings.get("quant_config")
    weights = own.get("weight_quant_params") if isinstance(own, dict) else settings
    if not isinstance(weights, dict):
        return None
    bits, group = weights.get("nbits"), weights.get("group_size")
    fits = bits in (1, 2, 3, 4, 8) and group in (16, 32, 64, 128, 256)
    return f"hqq-int{bits}-g{group}" if fits else None
