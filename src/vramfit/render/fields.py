"""Access to single values of an estimate, for the formats that have one row per estimate."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Object = Mapping[str, Any]
    """Object of a report, which is what its JSON holds: names with numbers, texts, lists and objects."""

RUNS = ("fits", "tight")
"""Verdicts on deployments that run."""


def pick(estimate: Object, path: str) -> Any:
    """Value at a dotted path, ``required_bytes.high``; None as soon as a step is missing or null."""
    value: Any = estimate
    for step in path.split("."):
        if not isinstance(value, dict):
            return None
        value = value.get(step)
    return value


def cell(value: Any) -> str:
    """Text of a scalar in the row formats: null is empty, booleans and numbers are as in JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def gpu_id(estimate: Object) -> str:
    """Name of the GPUs, much as ``--gpu`` takes them: ``rtx4090``, ``2xrtx3090``, mixed cards ``2xrtx4090+rtx3090``."""
    gpu = estimate.get("gpu") or {}
    kinds = gpu.get("gpus") or [gpu]
    return "+".join(_counted(cell(kind.get("id")), kind.get("count") or 1) for kind in kinds)


def cards(gpu: Object) -> str:
    """Name of the GPUs as the driver has it, with how many they are: ``2 x NVIDIA GeForce RTX 3090``."""
    return f"{gpu['count']} x {gpu['name']}" if gpu["count"] > 1 else str(gpu["name"])


def gpu_devices(estimate: Object) -> list[Object]:
    """Devices of the report that are GPUs: all but the host."""
    return [device for device in estimate.get("devices") or () if device["device"] != "host"]


def usable_bytes(estimate: Object) -> int | None:
    """Bytes that all GPUs together offer this deployment, without the reserve for other programs; None when unknown."""
    offers: list[int] = [device["usable_bytes"] for device in gpu_devices(estimate)]
    return None if not offers or None in offers else sum(offers)


def error_text(estimate: Object) -> str:
    """``unknown-gpu: message`` of an error object, empty for an estimate."""
    error = estimate.get("error")
    return f"{error.get('code')}: {error.get('message')}" if error else ""


def _counted(identity: str, count: int) -> str:
    return identity if count == 1 else f"{count}x{identity}"


KEPT = "\n\t\u00a0\u202f"
"""Characters that are no letters or signs and stay as they are: line ends, tabs and spaces that do not break."""


def encodable(text: str) -> str:
    """``text`` with lone surrogates as U+FFFD, so that writing it cannot fail, and characters that control as escapes.

    A terminal acts upon such a character, and it may turn the direction of what stands behind it.
    """
    if text.isprintable():
        return text
    return "".join([one if one.isprintable() or one in KEPT else _escape(one) for one in text])


LINES = ("command", "own_command")
"""Fields of a report that have several lines."""


def printable(value: Any, name: str = "") -> Any:
    """Plain data with each text ``encodable``, and on one line but for the fields that have several."""
    if isinstance(value, str):
        found = encodable(value)
        return found if name in LINES else found.replace("\n", "\\n")
    if isinstance(value, dict):
        return {key: printable(one, key) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [printable(one, name) for one in value]
    return value


def _escape(letter: str) -> str:
    """``\\x1b`` or ``\\u202e``; U+FFFD for half a character."""
    code = ord(letter)
    if "\ud800" <= letter <= "\udfff":
        return "\ufffd"
    return f"\\x{code:02x}" if code < 2**8 else f"\\u{code:04x}" if code < 2**16 else f"\\U{code:08x}"


def tokens_per_second(rate: float) -> str:
    """``1,240``, ``32``, ``3.9``, ``0.42``: two or three significant digits, all an estimate of speed can carry."""
    if rate >= 9.95:
        return f"{rate:,.0f}"
    return f"{rate:.1f}" if rate >= 0.995 else f"{rate:.2f}"
