"""llama.cpp: GGUF weights, layers split between GPUs and host, a cache allocated in full, one graph laid out up front."""

from __future__ import annotations

from vramfit.engines.interface import DeviceMemory, Estimate
from vramfit.engines.llamacpp.cache import layer_cache_bytes
from vramfit.engines.llamacpp.checkpoint import checkpoint
from vramfit.engines.llamacpp.compute import compute
from vramfit.engines.llamacpp.overhead import overhead_bytes
from vramfit.engines.llamacpp.placement import HOST, place, resident
from vramfit.hardware import usable_bytes
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment
    from vramfit.engines.llamacpp.placement import Placement

SCHEME_OF_CLASS = {"fp16": "F16", "int8": "Q8_0", "int4": "Q4_K_M"}
FAMILIES = ("gguf", "plain", "mxfp4")
CACHE_TYPES = ("f16", "f32", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
TASKS = ("inference",)


def estimate(deployment: Deployment) -> Estimate:
    """Memory of a llama-server run, device by device."""
    model, work = deployment.model, deployment.workload
    layers = model.layer_count
    usable = [max(usable_bytes(gpu, work.platform) - work.reserve_bytes, 1) for gpu in deployment.gpus]
    if work.gpu_layers == "auto" or work.cpu_moe_layers == "auto":
        return _auto(deployment, usable)
    offload = layers + 1 if isinstance(work.gpu_layers, str) else work.gpu_layers
    experts = layers if isinstance(work.cpu_moe_layers, str) else work.cpu_moe_layers
    return _placed(deployment, place(layers, offload, experts, usable))


def _auto(deployment: Deployment, usable: list[int]) -> Estimate:
    work, layers = deployment.workload, deployment.model.layer_count
    best = None
    for offload in range(layers + 1, -1, -1) if work.gpu_layers == "auto" else [layers + 1]:
        best = _placed(deployment, place(layers, offload, 0, usable))
        if all(g.total_bytes + 1024 * MIB <= u for g, u in zip(best.gpus, usable, strict=True)):
            break
    assert best is not None
    return best


def _placed(deployment: Deployment, placement: Placement) -> Estimate:
    model, work = deployment.model, deployment.workload
    parts = checkpoint(model, deployment.scheme)
    caches = layer_cache_bytes(model, work)
    buffers = compute(model, work, parts, placement, len(deployment.gpus))
    gpus = []
    for number, gpu in enumerate(deployment.gpus):
        here = resident(parts, placement, number)
        cache = sum([size for size, home in zip(caches, placement.layer_device, strict=True) if home == number])
        weights, graph = here.weights_bytes, buffers.gpu_bytes[number]
        if number == 0 and work.images:
            weights += parts.vision_bytes
            graph += 33 * MIB
        low, expected, high = overhead_bytes(gpu)
        sum_bytes = weights + cache + graph
        gpus.append(
            DeviceMemory(
                f"gpu{number}", weights, cache, graph, expected, sum_bytes + low, sum_bytes + high, here.read_bytes
            )
        )
    here = resident(parts, placement, HOST)
    cache = sum([size for size, home in zip(caches, placement.layer_device, strict=True) if home == HOST])
    total = here.weights_bytes + cache + buffers.host_bytes
    host = DeviceMemory("host", here.weights_bytes, cache, buffers.host_bytes, 0, total, total, here.read_bytes)
    settings = {"gpu_layers": placement.gpu_layers, "cpu_moe_layers": placement.cpu_moe_layers}
    return Estimate(tuple(gpus), host, parts.file_bytes, (), settings)
