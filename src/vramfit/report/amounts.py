"""Objects of the report with amounts: the memory in parts and by device, and the speed."""

from __future__ import annotations

from vramfit._record import fields
from vramfit.verdict import RUNS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vramfit.answer import Answer
    from vramfit.engines.interface import DeviceMemory

    Object = dict[str, Any]
    """Object of the contract's JSON: names with numbers, texts, lists and objects."""


def required(gpus: Sequence[DeviceMemory], expected: int) -> Object:
    """Object of the need over all GPUs."""
    return {
        "low": sum(gpu.low_bytes for gpu in gpus),
        "expected": expected,
        "high": sum(gpu.high_bytes for gpu in gpus),
    }


def breakdown(gpus: Sequence[DeviceMemory]) -> Object:
    """Object of the parts over all GPUs."""
    return {
        "weights": sum(gpu.weights_bytes for gpu in gpus),
        "kv_cache": sum(gpu.kv_cache_bytes for gpu in gpus),
        "compute": sum(gpu.compute_bytes for gpu in gpus),
        "overhead": sum(gpu.overhead_bytes for gpu in gpus),
    }


def device_object(device: DeviceMemory, usable: int | None) -> Object:
    """Object of a device: its parts, and what is left of the memory that it offers, None where that is unknown."""
    return {
        "device": device.device,
        "weights_bytes": device.weights_bytes,
        "kv_cache_bytes": device.kv_cache_bytes,
        "compute_bytes": device.compute_bytes,
        "overhead_bytes": device.overhead_bytes,
        "total_bytes": device.total_bytes,
        "usable_bytes": usable,
        "headroom_bytes": None if usable is None else usable - device.total_bytes,
    }


def throughput_object(found: Answer) -> Object | None:
    """Object of the speed; None where it is unknown, and where the deployment does not run as the estimate places it.

    ``if_tried`` has the outcome, and the speed with the missing part in system RAM.
    """
    from vramfit.speed import throughput

    speed = None if found.verdict.word not in RUNS else throughput(found.deployment, found.estimate)
    if speed is None:
        return None
    return {
        "decode_tokens_per_second": fields_of(speed.decode),
        "prefill_tokens_per_second": fields_of(speed.prefill),
        "total_decode_tokens_per_second": speed.total_decode_tokens_per_second,
        "time_to_first_token_seconds": speed.time_to_first_token_seconds,
        "bottleneck": speed.bottleneck,
        "prompt_tokens": speed.prompt_tokens,
    }


def fields_of(record: Any) -> Object | None:
    """Object with the fields of a record; None where there is no record."""
    return None if record is None else {name: getattr(record, name) for name in fields(type(record))}
