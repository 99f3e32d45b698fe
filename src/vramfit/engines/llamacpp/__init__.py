"""llama.cpp: GGUF weights, layers split between GPUs and host, a cache allocated in full, one graph laid out up front.

``placement`` cuts the stored model and puts it on devices, ``cache`` sizes what the layers keep, ``compute`` lays out the
graph, ``overhead`` is what the runtime takes besides, ``auto`` the choice of layers and ``words`` what was taken for granted.
Imports inside functions are of what few deployments need: most of a first estimate is the loading of modules.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit.engines import DeviceMemory, Estimate
from vramfit.engines.llamacpp.cache import check_cache, layer_cache_bytes
from vramfit.engines.llamacpp.compute import compute
from vramfit.engines.llamacpp.graph import HOST
from vramfit.engines.llamacpp.overhead import (
    context_overhead,
    unpacks_quantized_cache,
    vision_compute_bytes,
    workspace_bytes,
)
from vramfit.engines.llamacpp.placement import checkpoint, place, resident
from vramfit.errors import CannotTell
from vramfit.hardware import usable_bytes
from vramfit.model.architecture import Experts, FeedForward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines import Deployment
    from vramfit.engines.llamacpp.compute import Compute
    from vramfit.engines.llamacpp.placement import Checkpoint, Placement, Resident
    from vramfit.model import Model

SCHEME_OF_CLASS = {"fp16": "F16", "int8": "Q8_0", "int4": "Q4_K_M"}
FAMILIES = ("gguf", "plain", "mxfp4")
CACHE_TYPES = ("f16", "f32", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
TASKS = ("inference",)

COMPUTE_LOW, COMPUTE_HIGH = 0.9, 1.12
"""Spread of compute buffers around the layout: the order in which CUDA runs the nodes moves them by up to a tenth, and the
logs of 2024 to 2026 builds lie within it (llama-3-8b 560 for 556 MiB, GLM-4-32B 353 for 320)."""


class _Told:
    """The assumptions of an estimate: put into words when they are asked for, and compared by those words."""

    def __init__(self, deployment: Deployment, parts: Checkpoint, placement: Placement, buffers: Compute) -> None:
        self.about = (deployment, parts, placement, buffers)

    def __call__(self) -> tuple[str, ...]:
        from vramfit.engines.llamacpp.words import assumptions

        return assumptions(*self.about)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Told) and self() == other()

    def __hash__(self) -> int:
        return hash(self())


def estimate(deployment: Deployment) -> Estimate:
    """Memory of a ``llama-server`` run, device by device.

    Raises ``CannotTell`` for a model llama.cpp cannot run or whose layers are unknown, and ``UsageError`` for a cache type
    it refuses.
    """
    model, work = deployment.model, deployment.workload
    if not model.layers or not model.vocab:
        raise CannotTell(f'"{model.id}" has no language model that llama.cpp could run', "try --engine transformers")
    check_cache(work)
    layers = model.layer_count
    usable = [max(usable_bytes(gpu, work.platform) - work.reserve_bytes, 1) for gpu in deployment.gpus]
    caches = layer_cache_bytes(model, work)

    def placed(gpu_layers: int, cpu_moe_layers: int) -> Estimate:
        return _placed(deployment, place(layers, gpu_layers, cpu_moe_layers, usable), caches)

    on_gpus, experts = work.gpu_layers, work.cpu_moe_layers
    asked = (
        on_gpus if isinstance(on_gpus, int) else layers + 1,
        experts if isinstance(experts, int) else layers if experts == "all" else 0,
    )
    if "auto" not in (on_gpus, experts):
        return placed(*asked)
    from vramfit.engines.llamacpp.auto import choose

    mixture = any(isinstance(group.feed_forward, Experts) for group in model.layers)
    return choose(work, asked, layers, mixture, usable, placed)


def _placed(deployment: Deployment, placement: Placement, caches: list[int]) -> Estimate:
    """The estimate of one placement."""
    model, work = deployment.model, deployment.workload
    parts = checkpoint(model, deployment.scheme)
    count = len(deployment.gpus)
    held = resident(parts, caches, placement, count)
    buffers = compute(model, work, parts, placement, count)
    tower = parts.vision_bytes if work.images else 0
    tower_compute = vision_compute_bytes(model, work.flash_attention, work.image_size) if tower else 0
    gpus = tuple(
        [
            _gpu(deployment, number, held[number], buffers, *((tower, tower_compute) if number == 0 else (0, 0)))
            for number in range(count)
        ]
    )
    here = held[HOST]
    total = here.weights_bytes + here.cache_bytes + buffers.host_bytes
    host = DeviceMemory(
        "host", here.weights_bytes, here.cache_bytes, buffers.host_bytes, 0, total, total, here.read_bytes
    )
    said = _Told(deployment, parts, placement, buffers)
    chosen: dict[str, object] = {}
    if "auto" in (work.gpu_layers, work.cpu_moe_layers):
        from vramfit.engines.llamacpp.auto import settings

        chosen = settings(work, placement)
    return Estimate(gpus, host, parts.file_bytes, said, chosen)


def _gpu(
    deployment: Deployment, number: int, held: Resident, buffers: Compute, tower: int, tower_compute: int
) -> DeviceMemory:
    """One GPU's share; ``tower`` and ``tower_compute`` are the vision tower's bytes where it is here."""
    gpu, work, model = deployment.gpus[number], deployment.workload, deployment.model
    weights = held.weights_bytes + tower
    graph = buffers.gpu_bytes[number] + tower_compute
    context = context_overhead(gpu)
    unpacking = buffers.unpacking_bytes[number] if unpacks_quantized_cache(gpu) else 0
    fixed = weights + held.cache_bytes + unpacking
    high = fixed + round(graph * COMPUTE_HIGH) + context.high + workspace_bytes(gpu, _widest(model), work.ubatch)
    if gpu.vendor == "amd" and not work.flash_attention:
        # hipBLAS converts the scores: an RX 7900 class card held 2.3 GiB beside a compute buffer of 2.1 GiB (ROCm 7.2).
        high += graph
    return DeviceMemory(
        f"gpu{number}",
        weights,
        held.cache_bytes,
        graph,
        context.expected + unpacking,
        fixed + round(graph * COMPUTE_LOW) + context.low,
        high,
        held.read_bytes,
    )


@per_model
def _widest(model: Model) -> int:
    """Elements of the widest activation of one token."""
    widths = [model.hidden]
    for group in model.layers:
        network = group.feed_forward
        if isinstance(network, FeedForward):
            widths.append(network.width)
        elif isinstance(network, Experts):
            widths += [network.active * network.width, network.active * model.hidden]
    return max(widths)
