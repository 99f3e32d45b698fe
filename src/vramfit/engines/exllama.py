"""ExLlamaV2 and ExLlamaV3: what both do alike with NVIDIA GPUs, layers, embeddings and terms.

Both keep the input embedding in system RAM, spread whole layers over the GPUs in their order, and process prompts 2,048
tokens at a time (turboderp-org/exllamav2 da07fac ``exllamav2/model.py``, ``exllamav2/config.py``; turboderp-org/exllamav3
4f8ad01 ``exllamav3/modules/embedding.py``, ``exllamav3/generator/generator.py``). A vision tower is a model of its own that
is loaded only by programs that read images (``ExLlamaV2VisionTower``; ``component="vision"`` of ``exllamav3``). What one
layer caches and which buffers are beside it, each engine says of itself.
"""

from __future__ import annotations

from vramfit._record import Record, fields
from vramfit.engines.cuda import WORKSPACE_BYTES_HOPPER, context_share
from vramfit.engines.interface import DeviceMemory, Estimate, View
from vramfit.engines.transformers.estimate import COMPUTE_LOW, split_layers
from vramfit.errors import UsageError
from vramfit.memory.weights import slices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vramfit.engines.interface import Job
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.model.mixers import Mixer
    from vramfit.workload.common import Workload

VENDORS = ("nvidia", "custom")
"""Vendors of the cards that both are answered for; ExLlamaV3 runs on some of AMD's too."""
CHUNK = 2048
"""Number of prompt tokens processed at a time (``max_input_len`` of ExLlamaV2, ``max_chunk_size`` of ExLlamaV3)."""
WORKSPACE_HIGH = 8
"""Upper bound of the kernels' workspaces and buffers, as a multiple of cuBLAS's workspace. No log of these engines was
found, so the interval is wide."""


class Buffers(Record):
    """Bytes that a device holds beside weights and the caches of its layers."""

    compute: int
    """Activations of a chunk and matrices unpacked to 16 bits."""
    cache: int = 0
    """Cache that exists once for each device, for all of its layers."""
    cache_low: int = 0
    """Bytes that the caches of the device's layers may take less than expected."""
    cache_high: int = 0
    """Bytes that they may take in addition."""


def view(name: str, gpus: tuple[Gpu, ...], vendors: tuple[str, ...] = VENDORS) -> View[None]:
    """Make the view of the GPUs, which contains only the context; raises ``UsageError`` for other than ``vendors``."""
    if any(gpu.vendor not in vendors for gpu in gpus):
        named = "NVIDIA and AMD" if "amd" in vendors else "NVIDIA"
        raise UsageError(f"{name} runs on {named} GPUs", "use --engine llama.cpp for others")
    return View(None, tuple([context_share(gpu) for gpu in gpus]))


def check_layers(name: str, work: Workload, layers: int) -> None:
    """Raise ``UsageError`` if a request keeps layers or experts in RAM."""
    if work.cpu_moe_layers or work.gpu_layers not in ("all", layers):
        raise UsageError(f"{name} is answered with every layer on the GPUs", "use --engine llama.cpp for layers in RAM")


def layer_caches(job: Job[None, Any], cache_bytes: Callable[[Mixer, Any], int]) -> list[int]:
    """Bytes that each layer caches for all sequences, by ``cache_bytes`` of its mixers."""
    sizes = [0] * job.model.layer_count
    for group in job.model.layers:
        each = sum([cache_bytes(mixer, job) for mixer in group.mixers])
        for index in group.indices:
            sizes[index] = each
    return sizes


def spread(
    job: Job[None, Any],
    caches: list[int],
    buffers: Callable[[int, int], Buffers],
    compute_high: float,
    assumptions: tuple[str, ...],
) -> Estimate:
    """Estimate of one process whose layers are spread over the GPUs by their bytes.

    ``buffers`` gives what a device with the layers from a first up to a last one holds beside them, ``compute_high``
    the highest factor of its activations.
    """
    cut, layers, last = slices(job.checkpoint), job.model.layer_count, job.gpu_count - 1
    gpus, towers = [], tower_bytes(job)
    for number, (start, stop) in enumerate(split_layers(cut, layers, job.gpu_count, towers)):
        weights = sum(cut.layer_bytes[start:stop]) + (towers if number == 0 else 0)
        read = sum(cut.layer_read_bytes[start:stop])
        if number == last:
            weights, read = weights + cut.output_bytes, read + cut.output_read_bytes
        beside = buffers(start, stop)
        cache, compute = sum(caches[start:stop]) + beside.cache, beside.compute
        overhead = WORKSPACE_BYTES_HOPPER
        low = weights + cache - beside.cache_low + round(compute * COMPUTE_LOW)
        high = weights + cache + beside.cache_high + round(compute * compute_high)
        high += WORKSPACE_BYTES_HOPPER * WORKSPACE_HIGH
        gpus.append(DeviceMemory(f"gpu{number}", weights, cache, compute, overhead, low, high, read))
    inputs = cut.input_bytes
    notes = assumptions
    if cut.other_bytes and not towers:
        notes = (*notes, "without images the vision tower is not loaded")
    if job.gpu_count > 1:
        notes = (*notes, "layers are spread in order over the GPUs, one of which works at a time")
    return Estimate(tuple(gpus), DeviceMemory("host", inputs, 0, 0, 0, inputs, inputs), cut.total_bytes, notes, {})


def tower_bytes(job: Job[None, Any]) -> int:
    """Bytes of vision and audio towers and their projectors, which are on the first GPU; 0 where no image is read."""
    return slices(job.checkpoint).other_bytes if job.workload.images else 0


def name_of(mixer: Mixer) -> str:
    """Name of a kind of layer: as its record states it, else its class."""
    return mixer.kind if "kind" in fields(type(mixer)) else type(mixer).__name__


class Sources(Record):
    """Places in an engine's repository where each kind of term was read."""

    weights: str
    cache: str
    compute: str
    embedding: str


def account_layers(
    job: Job[None, Any],
    estimate: Estimate,
    ledger: Ledger,
    sources: Sources,
    add_caches: Callable[[str, int, int], None],
    add_compute: Callable[[str, int, int, int], None],
) -> None:
    """Add the terms of one process to the ledger, GPU by GPU.

    ``add_caches`` adds those of the caches of a device with the layers from a first up to a last one, ``add_compute`` those
    of its activations, whose bytes it is given.
    """
    from vramfit.engines.tensor_terms import add_tensors, is_head, is_input, is_tower, rows_of
    from vramfit.engines.terms import span

    cut, last, file = slices(job.checkpoint), job.gpu_count - 1, job.checkpoint
    towers = tower_bytes(job)
    spans = split_layers(cut, job.model.layer_count, job.gpu_count, towers)
    for gpu, (start, stop) in zip(estimate.gpus, spans, strict=True):
        device = gpu.device
        layers = sum(cut.layer_bytes[start:stop])
        add_tensors(ledger, device, span(start, stop), rows_of(file, range(start, stop)), layers, sources.weights)
        if device == "gpu0" and towers:
            add_tensors(ledger, device, "", rows_of(file, (), is_tower), towers, sources.weights)
        if device == f"gpu{last}":
            add_tensors(ledger, device, "", rows_of(file, (), is_head), cut.output_bytes, sources.weights)
        add_caches(device, start, stop)
        add_compute(device, start, stop, gpu.compute_bytes)
        ledger.add_sum(
            "overhead", device, "workspaces", gpu.overhead_bytes, "pytorch CUDABlas.cpp", "cuBLAS workspace",
            workspace_bytes=gpu.overhead_bytes,
        )  # fmt: skip
    add_tensors(ledger, "host", "", rows_of(file, (), is_input), cut.input_bytes, sources.embedding)
