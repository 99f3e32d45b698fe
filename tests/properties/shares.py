"""Sums: the parts of a device make its total, and what several GPUs hold makes the whole that one would hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.properties.asked import Violation
from vramfit.units import MIB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from tests.properties.asked import Asker, Raw
    from vramfit.answer import Answer

BY_LAYERS = ("transformers", "llama.cpp", "ollama")
"""Engines that give each GPU layers of its own."""
SPREADING = (
    "tensor_parallel", "pipeline_parallel", "data_parallel", "expert_parallel", "nodes", "split_mode", "main_gpu",
    "tensor_split", "sched_spread", "override_tensor", "ram", "zero_stage", "sharding", "usable",
)  # fmt: skip
"""Keys that say how a model is spread, which mean nothing to one GPU."""


def uneven(raw: Raw, asker: Asker, rng: Random) -> Iterator[Violation]:
    """Devices of which the parts are not the total, or lie outside of the interval."""
    found = asker.one(raw)
    if found is None:
        return
    for number, device in enumerate((*found.estimate.gpus, found.estimate.host)):
        parts = (device.weights_bytes, device.kv_cache_bytes, device.compute_bytes, device.overhead_bytes)
        if min(parts) < 0 or sum(parts) != device.total_bytes:
            yield Violation("parts sum to the total", raw, {}, f"device {number}: {parts}, {device.total_bytes}")
        if not device.low_bytes <= device.total_bytes <= device.high_bytes:
            interval = (device.low_bytes, device.total_bytes, device.high_bytes)
            yield Violation("the interval holds the total", raw, {}, f"device {number}: {interval}")


def lost(raw: Raw, asker: Asker, rng: Random) -> Iterator[Violation]:
    """Weights that several GPUs hold less of than one would, or more of where each has layers of its own."""
    if raw.get("task", "inference") != "inference":
        return
    alone = {name: value for name, value in raw.items() if name not in SPREADING}
    one = asker.one({**alone, "gpu": "custom:100000GiB", "platform": "linux"})
    count = rng.choice((2, 3, 4, 8))
    keys: dict[str, Any] = {"gpu": f"{count}xcustom:100000GiB", "platform": "linux"}
    several = asker.one({**alone, **keys})
    if one is None or several is None:
        return
    for part in ("weights_bytes", "kv_cache_bytes"):
        whole, spread = _sum(one, part), _sum(several, part)
        if spread < whole - (0 if raw["engine"] in BY_LAYERS else _rounding(one)):
            yield Violation(f"GPUs lose {part}", alone, keys, f"{whole} on one, {spread} on {count}")
        if spread > whole and raw["engine"] in BY_LAYERS:
            yield Violation(f"GPUs repeat {part}", alone, keys, f"{whole} on one, {spread} on {count}")


def _rounding(found: Answer) -> int:
    """Bytes that PyTorch's allocator may count for whole matrices beyond their size, and not for parts of them.

    Source: pytorch ``c10/cuda/CUDACachingAllocator.cpp``: a block of 10 MiB and more is rounded up by up to 1 MiB.
    """
    return MIB * sum(max(1, len(row.layers)) * row.tensor.copies for row in found.deployment.checkpoint.stored)


def _sum(found: Answer, part: str) -> int:
    """Bytes of a part on all devices, the host among them."""
    return sum(getattr(device, part) for device in (*found.estimate.gpus, found.estimate.host))
