"""Which device holds which layer, as ``-ngl``, ``--n-cpu-moe`` and the default layer split decide.

llama.cpp counts the output layer as one layer behind the last: of ``n`` layers asked for, the output and the last
``n - 1`` layers go to the GPUs (ggml-org/llama.cpp v0.5.0 ``src/llama-model.cpp`` ``load_tensors``).
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.engines.llamacpp.graph import HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.llamacpp.checkpoint import Checkpoint


@record
class Placement:
    """Where everything is: a device number per layer, the output's, and how many first layers keep experts in RAM."""

    layer_device: tuple[int, ...]
    """GPU number of each layer, or ``HOST``."""
    output_device: int
    cpu_moe_layers: int
    """Layers, from the first on, whose routed experts stay in host memory."""

    @property
    def gpu_layers(self) -> int:
        """Layers on the GPUs as ``-ngl`` counts them, the output layer included."""
        on_gpu = sum([1 for device in self.layer_device if device != HOST])
        return on_gpu + (self.output_device != HOST)

    @property
    def whole(self) -> bool:
        """Every layer and the output on GPUs; experts may be elsewhere."""
        return self.output_device != HOST and HOST not in self.layer_device


def place(layers: int, gpu_layers: int, cpu_moe_layers: int, usable_bytes: Sequence[int]) -> Placement:
    """The placement of ``gpu_layers`` of ``layers`` + 1 over GPUs with so much usable memory each.

    Layer ``i`` of the offloaded ones goes to the first GPU whose cumulated share of memory exceeds ``i / offloaded``.
    """
    offloaded = min(gpu_layers, layers + 1)
    first = layers + 1 - offloaded
    total = sum(usable_bytes)
    bounds = []
    reached = 0
    for size in usable_bytes:
        reached += size
        bounds.append(reached)
    devices = []
    device = 0
    for index in range(layers + 1):
        if index < first:
            devices.append(HOST)
            continue
        while device < len(bounds) - 1 and bounds[device] * offloaded <= (index - first) * total:
            device += 1
        devices.append(device)
    return Placement(tuple(devices[:-1]), devices[-1], min(cpu_moe_layers, layers))


@record
class Resident:
    """Weights of one device: what it holds and what of it one generated token reads."""

    weights_bytes: int
    read_bytes: int


def resident(parts: Checkpoint, placement: Placement, device: int) -> Resident:
    """Weights on ``device`` (a GPU number or ``HOST``), the vision tower left out."""
    weights = 0
    read = 0.0
    for index, home in enumerate(placement.layer_device):
        experts = parts.expert_bytes[index]
        dense = parts.layer_bytes[index] - experts
        if home == device:
            weights += dense
            read += dense
        if experts and (HOST if index < placement.cpu_moe_layers else home) == device:
            weights += experts
            read += experts * parts.active_share[index]
    head = parts.output_bytes + parts.tied_bytes
    if device == HOST:
        # On the host a tied head is the embedding itself: one tensor serves both.
        weights += parts.input_bytes
        if placement.output_device == HOST:
            weights += parts.output_bytes
            read += head
    elif placement.output_device == device:
        weights += head
        read += head
    return Resident(weights, round(read))
