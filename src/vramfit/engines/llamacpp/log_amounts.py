"""Values of an estimate beside the buffers that a start-up log of llama.cpp states."""

from __future__ import annotations

from vramfit.engines.llamacpp.estimate import COMPUTE_HIGH, COMPUTE_LOW, spread_bytes
from vramfit.engines.llamacpp.log_lines import (
    CACHE,
    COMPUTE,
    FILE_SIZE,
    PROCESS,
    STATES,
    TOGETHER,
    TOWER_COMPUTE,
    TOWER_WEIGHTS,
    WEIGHTS,
)
from vramfit.engines.llamacpp.placement import HOST, Plan
from vramfit.engines.logs import Amount
from vramfit.memory.kv_cache import caches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.engines.base import Engine
    from vramfit.engines.interface import Deployment, Estimate


def printed(
    _runtime: Engine[Any, Any], deployment: Deployment, estimate: Estimate, _usable_bytes: tuple[int, ...]
) -> Mapping[tuple[str, str], Amount]:
    """Values of an estimate for the buffers that a log states, and for the whole of a process on each GPU.

    Weights have the bounds of a file whose mix is the publisher's own, compute buffers those of the graph.
    """
    plan = estimate.plan
    if not isinstance(plan, Plan):
        raise TypeError("an estimate of llama.cpp has its plan")
    keys = deployment.workload.own
    states = _states(deployment, plan, getattr(keys, "kv_offload", True))
    publisher = getattr(keys, "of_any_publisher", True)
    found: dict[tuple[str, str], Amount] = {(FILE_SIZE, ""): exactly(estimate.checkpoint_bytes)}
    for number, device in [*enumerate(estimate.gpus), (HOST, estimate.host)]:
        tower, tower_compute = plan.tower if number == plan.tower_device else (0, 0)
        weights, compute = device.weights_bytes - tower, device.compute_bytes - tower_compute
        less, more = spread_bytes(deployment.checkpoint, weights, publisher, False)
        # What is printed of the host is the part of the file that is mapped, with what other devices hold of it.
        bounds = (less, more) if number != HOST else (0, 0)
        found[(WEIGHTS, device.device)] = Amount(weights - bounds[0], weights, weights + bounds[1])
        kept = states.get(number, 0)
        found[(CACHE, device.device)] = exactly(device.kv_cache_bytes - kept)
        if kept:
            found[(STATES, device.device)] = exactly(kept)
        graph = Amount(compute * COMPUTE_LOW, compute, compute * COMPUTE_HIGH)
        found[(COMPUTE, device.device)] = graph if number != HOST else exactly(compute)
        if tower:
            found[(TOWER_WEIGHTS, device.device)] = exactly(tower)
            found[(TOWER_COMPUTE, device.device)] = exactly(tower_compute)
        if number != HOST:
            whole = device.weights_bytes + device.kv_cache_bytes + device.compute_bytes
            found[(PROCESS, device.device)] = Amount(device.low_bytes, device.total_bytes, device.high_bytes)
            low = whole - less - (1 - COMPUTE_LOW) * device.compute_bytes
            high = whole + more + (COMPUTE_HIGH - 1) * device.compute_bytes
            found[(TOGETHER, device.device)] = Amount(low, whole, high)
    return found


def exactly(size: float) -> Amount:
    """Make an amount without bounds."""
    return Amount(size, size, size)


def _states(deployment: Deployment, plan: Plan, offload: bool) -> dict[int, int]:
    """Bytes of recurrent states on each device, by the number that the placement has for it."""
    found: dict[int, int] = {}
    for cache in caches(deployment.model):
        if cache.kind == "state":
            size = 4 * (cache.convolution_elements + cache.recurrent_elements) * deployment.workload.parallel
            for layer in cache.layers:
                home = plan.placement.layer_device[layer] if offload else HOST
                found[home] = found.get(home, 0) + size
    return found
