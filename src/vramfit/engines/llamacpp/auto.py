"""Automatic placement (``auto``): as much on the GPUs as fits with a margin, like ``llama-server``'s ``--fit``.

ggml-org/llama.cpp v0.5.0 ``common/fit.cpp`` leaves 1024 MiB free on every device. For a mixture of experts it first moves
the experts of as few layers as necessary to host memory. If that is not enough, and for other models, it leaves whole
layers in host memory, beginning with the first. There is one difference: ``--fit`` moves the experts of the last layers
tensor by tensor, possibly a part of a layer's; here the setting is ``--n-cpu-moe``, which a user can type and which takes
whole layers from the first on.
"""

from __future__ import annotations

from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vramfit.engines.interface import Estimate
    from vramfit.engines.llamacpp.placement import Placement
    from vramfit.workload.common import Workload

FIT_MARGIN_BYTES = 1024 * MIB
"""Bytes left free on each device (``common/common.h``, ``fit_params_target``)."""


def choose(
    work: Workload,
    asked: tuple[int, int],
    layers: int,
    mixture: bool,
    usable: Sequence[int],
    estimate: Callable[[int, int], Estimate],
) -> Estimate:
    """Find the estimate with most on the GPUs, if the number of layers or of layers with experts in RAM is ``auto``.

    ``estimate(gpu_layers, cpu_moe_layers)`` is called as often as needed, first with ``asked``. ``usable`` contains the
    usable bytes of each GPU without the runtime's own share. If nothing fits, the smallest placement is returned.
    """
    whole = layers + 1
    free_layers, free_experts = work.gpu_layers == "auto", work.cpu_moe_layers == "auto"
    resident, offloaded = asked
    found = estimate(resident, offloaded)
    if _room(found, usable) >= 0:
        return found
    if mixture and (free_experts or (free_layers and not offloaded)):
        found = _fewest(lambda count: estimate(resident, count), usable, layers, _room(found, usable))
        if _room(found, usable) >= 0:
            return found
        offloaded = layers
    if free_layers:
        found = _fewest(lambda left_out: estimate(whole - left_out, offloaded), usable, whole, _room(found, usable))
    return found


def _room(found: Estimate, usable: Sequence[int]) -> int:
    """Bytes that the fullest GPU has free in addition to the margin; negative if it has less free than the margin."""
    return min(limit - gpu.total_bytes for gpu, limit in zip(found.gpus, usable, strict=True)) - FIT_MARGIN_BYTES


def _fewest(estimate: Callable[[int], Estimate], usable: Sequence[int], most: int, room_at_none: int) -> Estimate:
    """Find the estimate of the smallest number in ``1..most`` that fits; that of ``most`` if none fits.

    ``room_at_none`` is the room that the number 0 is known to leave. Memory is nearly linear in the number of layers, so
    the search interpolates, and bisects in every third step.
    """
    best = estimate(most)
    high, room_at_high = most, _room(best, usable)
    if room_at_high < 0:
        return best
    low, room_at_low = 0, room_at_none
    step = 0
    while high - low > 1:
        step += 1
        middle = (low + high) // 2
        if step % 3:
            middle = low - (high - low) * room_at_low // (room_at_high - room_at_low)
            middle = min(max(middle, low + 1), high - 1)
        found = estimate(middle)
        room = _room(found, usable)
        if room >= 0:
            best, high, room_at_high = found, middle, room
        else:
            low, room_at_low = middle, room
    return best


def settings(work: Workload, placement: Placement, head_layers: int) -> dict[str, object]:
    """Values chosen for the deployment keys that were ``auto``, by key.

    ``head_layers`` is the number of layers of a prediction head that is used, which ``-ngl`` counts too.
    """
    chosen: dict[str, object] = {}
    if work.gpu_layers == "auto":
        whole = placement.gpu_layers == len(placement.layer_device) + 1
        chosen["gpu_layers"] = "all" if whole else placement.gpu_layers + head_layers
    if work.cpu_moe_layers == "auto" or (work.gpu_layers == "auto" and placement.cpu_moe_layers != work.cpu_moe_layers):
        chosen["cpu_moe_layers"] = placement.cpu_moe_layers
    return chosen
