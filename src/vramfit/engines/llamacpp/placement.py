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
    """Where everything is."""

    layer_device: tuple[int, ...]
    """GPU number of each layer, or ``HOST``."""
    output_device: int
    cpu_moe_layers: int
    """Layers, from the first on, whose routed experts stay in host memory."""

    @property
    def gpu_layers(self) -> int:
        """Layers on the GPUs as ``-ngl`` counts them, the output layer included."""
        return len(self.layer_device) - self.layer_device.count(HOST) + (self.output_device != HOST)

    @property
    def pipelined(self) -> bool:
        """Whether llama.cpp overlaps the GPUs, for which it keeps inputs several times (``llama-context.cpp``).

        It does so when every layer is on one of several GPUs and no tensor is placed by name.
        """
        return self.output_device > 0 and HOST not in self.layer_device and not self.cpu_moe_layers


def place(layers: int, gpu_layers: int, cpu_moe_layers: int, usable_bytes: Sequence[int]) -> Placement:
    """The placement of ``gpu_layers`` of ``layers`` + 1 over GPUs with so much usable memory each.

    Layer ``i`` of the offloaded ones goes to the first GPU whose cumulated share of memory exceeds ``i / offloaded``.
    """
    offloaded = min(gpu_layers, layers + 1)
    first = layers + 1 - offloaded
    devices = [HOST] * first
    if len(usable_bytes) == 1:
        devices += [0] * offloaded
    else:
        total, reached, device = sum(usable_bytes), usable_bytes[0], 0
        for index in range(offloaded):
            while device < len(usable_bytes) - 1 and reached * offloaded <= index * total:
                device += 1
                reached += usable_bytes[device]
            devices.append(device)
    return Placement(tuple(devices[:-1]), devices[-1], min(cpu_moe_layers, layers))


@record
class Resident:
    """What one device holds of the weights and the cache, the vision tower left out."""

    weights_bytes: int
    read_bytes: int
    """What of the weights one generated token reads."""
    cache_bytes: int


def resident(parts: Checkpoint, caches: Sequence[int], placement: Placement, gpus: int) -> dict[int, Resident]:
    """Weights and cache by device, ``HOST`` among them."""
    devices = [*range(gpus), HOST]
    weights, read, cache = dict.fromkeys(devices, 0), dict.fromkeys(devices, 0.0), dict.fromkeys(devices, 0)
    offloaded = placement.cpu_moe_layers
    for index, home in enumerate(placement.layer_device):
        size, experts = parts.layer_bytes[index], parts.expert_bytes[index]
        cache[home] += caches[index]
        if not experts:
            weights[home] += size
            read[home] += size
            continue
        weights[home] += size - experts
        read[home] += size - experts
        away = HOST if index < offloaded else home
        weights[away] += experts
        read[away] += experts * parts.active_share[index]
    output, head = placement.output_device, parts.output_bytes + parts.tied_bytes
    # On the host a tied head is the embedding itself: one tensor serves both.
    weights[output] += parts.output_bytes if output == HOST else head
    read[output] += head
    weights[HOST] += parts.input_bytes
    return {device: Resident(weights[device], round(read[device]), cache[device]) for device in devices}
