"""Two estimates side by side, from their plain data: the keys that differ, and what that costs.

Numbers are compared where both are known: bytes of each part over the GPUs and of the host, the need and its bounds, the
room, the limits, the speed.
"""

from __future__ import annotations

from vramfit import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Object = dict[str, Any]

FORMAT_VERSION = "1.0"
FIGURES = (
    ("weights", "bytes", "breakdown.weights"),
    ("KV cache", "bytes", "breakdown.kv_cache"),
    ("compute", "bytes", "breakdown.compute"),
    ("overhead", "bytes", "breakdown.overhead"),
    ("needed", "bytes", "required_bytes.expected"),
    ("needed at least", "bytes", "required_bytes.low"),
    ("needed at most", "bytes", "required_bytes.high"),
    ("host memory", "bytes", ""),
    ("headroom of the tightest GPU", "bytes", "headroom_bytes"),
    ("file of the weights", "bytes", "quant.checkpoint_bytes"),
    ("longest context", "tokens", "limits.max_context"),
    ("most at once", "sequences", "limits.max_parallel"),
    ("requests in the cache", "requests", "serving.concurrent_requests"),
    ("decoding", "tokens/s", "throughput.decode_tokens_per_second.expected"),
    ("decoding, all sequences", "tokens/s", "throughput.total_decode_tokens_per_second"),
    ("prompts", "tokens/s", "throughput.prefill_tokens_per_second.expected"),
    ("time to the first token", "seconds", "throughput.time_to_first_token_seconds"),
)
"""Name and unit of each figure, and its path in an estimate."""
WORDS = (
    ("model", "model.name"), ("GPU", ""), ("engine", "engine"), ("quantization", "quant.scheme"), ("verdict", "verdict"),
    ("quality", "quality.label"), ("bound by", "throughput.bottleneck"),
)  # fmt: skip
"""Name of each word that is compared, and its path."""


def compared(first: Object, second: Object, names: tuple[str, str]) -> Object:
    """Object of a comparison: both estimates in short, the words and keys that differ, and the figures of both."""
    keys = dict.fromkeys([*first["deployment"], *second["deployment"]])
    pairs = [(key, first["deployment"].get(key), second["deployment"].get(key)) for key in keys if key != "name"]
    return {
        "format_version": FORMAT_VERSION,
        "vramfit_version": __version__,
        "deployments": [_short(one, name) for one, name in zip((first, second), names, strict=True)],
        "keys": [{"key": key, "a": a, "b": b} for key, a, b in pairs if a != b],
        "words": [_word(name, path, first, second) for name, path in WORDS],
        "figures": [_figure(name, unit, path, first, second) for name, unit, path in FIGURES],
    }


def _short(estimate: Object, name: str) -> Object:
    """Object of one side: its name, verdict, and the whole deployment to be asked again."""
    return {
        "name": name,
        "verdict": estimate["verdict"],
        "headroom_bytes": estimate["headroom_bytes"],
        "deployment": estimate["deployment"],
        "command": estimate["command"],
    }


def _word(name: str, path: str, first: Object, second: Object) -> Object:
    a, b = [_cards(one) if name == "GPU" else _at(one, path) for one in (first, second)]
    return {"name": name, "a": a, "b": b, "differs": a != b}


def _figure(name: str, unit: str, path: str, first: Object, second: Object) -> Object:
    a, b = [_host(one) if name == "host memory" else _at(one, path) for one in (first, second)]
    difference = None if a is None or b is None else b - a
    if isinstance(difference, float):
        difference = round(difference, 4)
    return {"name": name, "unit": unit, "a": a, "b": b, "difference": difference}


def _at(estimate: Mapping[str, Any], path: str) -> Any:
    value: Any = estimate
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _host(estimate: Object) -> int | None:
    found = [device["total_bytes"] for device in estimate["devices"] if device["device"] == "host"]
    return found[0] if found else None


def _cards(estimate: Object) -> str:
    gpu = estimate["gpu"]
    return f"{gpu['count']} x {gpu['name']}" if gpu["count"] > 1 else str(gpu["name"])
