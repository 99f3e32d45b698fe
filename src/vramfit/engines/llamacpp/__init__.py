"""llama.cpp: GGUF weights, layers split between GPUs and host, a cache allocated in full, one graph laid out up front.

``placement`` cuts the stored model, sizes what the layers keep and puts both on devices, ``layers`` writes the graph and
``compute`` lays it out, ``overhead`` is what the runtime takes besides. Some deployments need ``auto``, the choice of layers,
``split``, the other ways to share a model between GPUs, or ``vulkan``; ``words`` is what was taken for granted.
Imports inside functions are of what few deployments need: most of a first estimate is the loading of modules.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit.engines import DeviceMemory, Estimate, Share
from vramfit.engines.llamacpp.compute import compute
from vramfit.engines.llamacpp.overhead import (
    BACKEND_OF_VENDOR,
    context_overhead,
    vision_compute_bytes,
    workspace_bytes,
)
from vramfit.engines.llamacpp.placement import HOST, check_cache, checkpoint, layer_cache_bytes, place, resident
from vramfit.errors import CannotTell, UsageError
from vramfit.hardware import usable_bytes
from vramfit.model.architecture import Experts, FeedForward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vramfit.engines import Deployment
    from vramfit.engines.llamacpp.compute import Compute
    from vramfit.engines.llamacpp.placement import Placement, Resident
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.workload import Workload

SCHEME_OF_CLASS = {"fp16": "F16", "int8": "Q8_0", "int4": "Q4_K_M"}
FAMILIES = ("gguf", "plain", "mxfp4")
CACHE_TYPES = ("f16", "f32", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")
TASKS = ("inference",)
UNPACKING = ("cuda", "rocm")
"""Backends whose flash attention may need a quantized cache in F16 (``ggml-cuda/fattn.cu``, CUDA and its HIP build)."""

COMPUTE_LOW, COMPUTE_HIGH = 0.9, 1.12
"""Spread of compute buffers around the layout: the order in which CUDA runs the nodes moves them by up to a tenth, and the
logs of 2024 to 2026 builds lie within it (llama-3-8b 560 for 556 MiB, GLM-4-32B 353 for 320)."""


class Told:
    """The assumptions of an estimate: put into words when they are asked for, and compared by those words."""

    def __init__(self, tell: Callable[..., tuple[str, ...]], *about: object) -> None:
        self.tell = tell
        self.about = about

    def __call__(self) -> tuple[str, ...]:
        """The words."""
        return self.tell(*self.about)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Told) and self() == other()

    def __hash__(self) -> int:
        return hash(self())


def _tell(*about: Any) -> tuple[str, ...]:
    from vramfit.engines.llamacpp.words import assumptions

    return assumptions(*about)


def estimate(deployment: Deployment) -> Estimate:
    """Memory of a ``llama-server`` run, device by device.

    Raises ``CannotTell`` for a model llama.cpp cannot run or whose layers are unknown, and ``UsageError`` for a cache type
    or a way to use the GPUs that it refuses.
    """
    return run(deployment)


def run(deployment: Deployment, tower_on_host: bool = False) -> Estimate:
    """As ``estimate``; ``tower_on_host`` keeps vision tower and projector in RAM (``--no-mmproj-offload``)."""
    model, work = deployment.model, deployment.workload
    if not model.layers or not model.vocab:
        raise CannotTell(f'"{model.id}" has no language model that llama.cpp could run', "try --engine transformers")
    check_cache(model, work)
    backends = [work.backend or _backend(gpu) for gpu in deployment.gpus]
    if work.backend or work.split_mode != "layer" or work.main_gpu or work.tensor_split is not None:
        from vramfit.engines.llamacpp import split

        split.check(deployment, backends)
        if work.split_mode == "none" and len(backends) > 1:
            return split.on_one(deployment, lambda one: run(one, tower_on_host))
    layers = model.layer_count
    usable = [max(usable_bytes(gpu, work.platform) - work.reserve_bytes, 1) for gpu in deployment.gpus]
    shares = usable if work.tensor_split is None else work.tensor_split
    caches = layer_cache_bytes(model, work)

    def placed(gpu_layers: int, cpu_moe_layers: int) -> Estimate:
        placement = place(layers, gpu_layers, cpu_moe_layers, shares, work.split_mode == "row")
        return _placed(deployment, placement, caches, backends, tower_on_host)

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


def gpu_traits(gpus: tuple[Gpu, ...], work: Workload) -> tuple[object, ...]:
    """The back ends, and what decides the placement where more than the cards' number does.

    Equal cards take equal shares of the layers, however large they are.
    """
    backends = tuple([work.backend or BACKEND_OF_VENDOR.get(gpu.vendor, gpu.id) for gpu in gpus])
    auto = "auto" in (work.gpu_layers, work.cpu_moe_layers)
    if auto or gpus.count(gpus[0]) < len(gpus) or work.split_mode == "none":
        sizes = [(usable_bytes(gpu, work.platform), runtime_share(gpu, work).expected) for gpu in gpus]
        return backends, tuple(sizes)
    return backends


def runtime_share(gpu: Gpu, work: Workload) -> Share:
    """The process's context on a card; nothing where llama.cpp does not run."""
    backend = work.backend or BACKEND_OF_VENDOR.get(gpu.vendor)
    return Share(0, 0, 0) if backend is None else context_overhead(gpu, backend)


def budgets(gpus: tuple[Gpu, ...], model: Model, work: Workload, bare: Estimate) -> None:
    """llama.cpp sets itself no limit; what ``auto`` leaves free is not part of what it needs."""


def _backend(gpu: Gpu) -> str:
    """What llama.cpp would compute with on a card."""
    if gpu.vendor not in BACKEND_OF_VENDOR:
        raise UsageError(f"llama.cpp does not run on {gpu.name}", "choose a GPU of NVIDIA, AMD, Apple or Intel")
    return BACKEND_OF_VENDOR[gpu.vendor]


def _placed(
    deployment: Deployment, placement: Placement, caches: list[int], backends: list[str], tower_on_host: bool
) -> Estimate:
    """The estimate of one placement."""
    model, work = deployment.model, deployment.workload
    parts = checkpoint(model, deployment.scheme)
    count = len(backends)
    held = resident(parts, caches, placement, count)
    if placement.by_rows and count > 1:
        from vramfit.engines.llamacpp import split

        held = split.by_rows(deployment, placement, held)
    buffers = compute(model, work, parts, placement, count, "vulkan" in backends)
    # Metal maps the file from its first tensor to its last, so an embedding that lies between counts too: the exit tables
    # of an M5 Max had it (TheTom/turboquant_plus @ba52ad10), files that begin with the embedding do not.
    mapped = 0 if model.tied else parts.input_bytes
    tower = parts.vision_bytes if work.images else 0
    seeing = (tower, vision_compute_bytes(model, work.flash_attention, work.image_size)) if tower else (0, 0)
    at, none = HOST if tower_on_host else 0, (0, 0)
    gpus = tuple(
        [
            _gpu(
                deployment, number, backends[number], held[number], buffers, mapped, *(seeing if number == at else none)
            )
            for number in range(count)
        ]
    )
    here = held[HOST]
    weights, graph = here.weights_bytes, buffers.host_bytes
    if at == HOST:
        weights, graph = weights + seeing[0], graph + seeing[1]
    total = weights + here.cache_bytes + graph
    host = DeviceMemory("host", weights, here.cache_bytes, graph, 0, total, total, here.read_bytes)
    said = Told(_tell, deployment, parts, placement, buffers, backends)
    chosen: dict[str, object] = {"backend": backends[0] if len(set(backends)) == 1 else None}
    if "auto" in (work.gpu_layers, work.cpu_moe_layers):
        from vramfit.engines.llamacpp.auto import settings

        chosen |= settings(work, placement)
    return Estimate(gpus, host, parts.file_bytes, said, chosen)


def _gpu(
    deployment: Deployment, number: int, backend: str, held: Resident, buffers: Compute, mapped: int, tower: int,
    tower_compute: int,
) -> DeviceMemory:  # fmt: skip
    """One GPU's share; ``tower`` and ``tower_compute`` are the vision tower's bytes where it is here.

    ``mapped`` are those of the input tensors, which Metal may count as the GPU's.
    """
    gpu, work, model = deployment.gpus[number], deployment.workload, deployment.model
    weights = held.weights_bytes + tower
    graph = buffers.gpu_bytes[number] + tower_compute
    context = context_overhead(gpu, backend)
    unpacking = buffers.unpacking_bytes[number] if backend in UNPACKING else 0
    fixed = weights + held.cache_bytes + unpacking
    high = fixed + round(graph * COMPUTE_HIGH) + context.high
    high += workspace_bytes(backend, _widest(model), work.ubatch)
    if backend == "rocm" and not work.flash_attention:
        # hipBLAS converts the scores: an RX 7900 class card held 2.3 GiB beside a compute buffer of 2.1 GiB (ROCm 7.2).
        high += graph
    if backend == "metal" and held.weights_bytes:
        high += mapped
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
