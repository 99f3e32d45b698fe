"""ExLlamaV2 and ExLlamaV3: what both do alike with GPUs, layers, embeddings and terms.

Both keep the input embedding in system RAM, spread whole layers over the GPUs in their order, and process prompts 2,048
tokens at a time (turboderp-org/exllamav2 da07fac ``exllamav2/model.py``, ``exllamav2/config.py``; turboderp-org/exllamav3
4f8ad01 ``exllamav3/modules/embedding.py``, ``exllamav3/generator/generator.py``). A vision tower is a model of its own that
is loaded only by programs that read images (``ExLlamaV2VisionTower``; ``component="vision"`` of ``exllamav3``). What one
layer caches and which buffers are beside it, each engine says of itself.
"""

from __future__ import annotations

from vramfit._record import Record, fields, replace
from vramfit.engines.cuda import WORKSPACE_BYTES_HOPPER, context_share
from vramfit.engines.interface import DeviceMemory, Estimate, View
from vramfit.engines.transformers.estimate import COMPUTE_LOW, split_layers
from vramfit.errors import UsageError
from vramfit.hardware import each
from vramfit.memory.weights import slices
from vramfit.model.ngram_table import is_ngram_table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vramfit.engines.interface import Job
    from vramfit.engines.terms import Ledger
    from vramfit.hardware import Gpu
    from vramfit.memory.weights import Slices
    from vramfit.model.mixers import Mixer
    from vramfit.quantization import Stored
    from vramfit.workload.common import Workload

VENDORS = ("nvidia", "amd", "custom")
"""Vendors of the cards that both are answered for; which of their cards, the rules of each engine say (``support``)."""
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


def view(name: str, gpus: tuple[Gpu, ...]) -> View[None]:
    """Make the view of the GPUs, which contains only the context; raises ``UsageError`` for other than ``VENDORS``."""
    if any(gpu.vendor not in VENDORS for gpu in gpus):
        raise UsageError(f"{name} runs on NVIDIA and AMD GPUs", "use --engine llama.cpp for others")
    return View(None, each(context_share, gpus))


def check_layers(name: str, work: Workload, layers: int, experts: bool = False) -> None:
    """Raise ``UsageError`` if a request keeps layers in RAM, or experts of an engine that cannot (``experts``)."""
    if (work.cpu_moe_layers and not experts) or work.gpu_layers not in ("all", layers):
        raise UsageError(f"{name} is answered with every layer on the GPUs", "use --engine llama.cpp for layers in RAM")
    if work.cpu_moe_layers == "auto":
        raise UsageError(f"{name} does not choose how many layers have their experts in RAM", "state the number")


def ram_experts(job: Job[None, Any]) -> tuple[int, ...]:
    """Bytes of routed experts in RAM, layer by layer: those of the first layers that have experts."""
    model, asked = job.model, job.workload.cpu_moe_layers
    sizes = [0] * model.layer_count
    if not asked:
        return tuple(sizes)
    for row in job.checkpoint.stored:
        if "_exps." in row.tensor.name:
            for index in row.layers:
                sizes[index] += row.bytes_each * row.tensor.copies
    sparse = [index for index, size in enumerate(sizes) if size]
    kept = set(sparse if asked == "all" else sparse[: int(asked)])
    return tuple([size if index in kept else 0 for index, size in enumerate(sizes)])


def on_disk(row: Stored, job: Job[None, Any]) -> bool:
    """Return True for a table of n-grams, of which ExLlamaV3 reads rows from the file (TabbyAPI ``ngram_ram``, off).

    turboderp-org/exllamav3 issue 324: with the experts of 32 layers of Qwen3.8-Flash-Next in RAM, a machine has 43 GB in use.
    """
    return is_ngram_table(job.model, row.tensor)


def placed_slices(job: Job[None, Any]) -> Slices:
    """Slices of the checkpoint without the experts in RAM."""
    cut, away = slices(job.checkpoint), ram_experts(job)
    if not any(away):
        return cut
    shares = job.model.active_shares
    pairs = zip(cut.layer_bytes, away, strict=True)
    read = zip(cut.layer_read_bytes, away, shares, strict=True)
    return replace(
        cut,
        layer_bytes=tuple([size - moved for size, moved in pairs]),
        layer_read_bytes=tuple([size - round(moved * share) for size, moved, share in read]),
    )


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
    the highest factor of its activations. Experts in RAM that a prompt asks often are copied to the GPU for it: up to those
    of a layer, in the upper bound.
    """
    cut, layers, last = placed_slices(job), job.model.layer_count, job.gpu_count - 1
    gpus, towers, away = [], tower_bytes(job), ram_experts(job)
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
        high += WORKSPACE_BYTES_HOPPER * WORKSPACE_HIGH + max(away[start:stop], default=0)
        gpus.append(DeviceMemory(f"gpu{number}", weights, cache, compute, overhead, low, high, read))
    table = sum([row.total_bytes for row in job.checkpoint.stored if on_disk(row, job)])
    inputs = cut.input_bytes - table + sum(away)
    asked = round(sum([size * share for size, share in zip(away, job.model.active_shares, strict=True)]))
    notes = assumptions
    if table:
        notes = (*notes, "the table of n-grams stays on the disk, which is the default (ngram_ram)")
    if cut.other_bytes and not towers:
        notes = (*notes, "without images the vision tower is not loaded")
    if job.gpu_count > 1:
        notes = (*notes, "layers are spread in order over the GPUs, one of which works at a time")
    host = DeviceMemory("host", inputs, 0, 0, 0, inputs, inputs, asked)
    return Estimate(tuple(gpus), host, slices(job.checkpoint).total_bytes, notes, {})


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
    from vramfit.engines.tensor_terms import EXPERTS, add_tensors, is_head, is_input, is_tower, rows_of
    from vramfit.engines.terms import span

    cut, last, file = placed_slices(job), job.gpu_count - 1, job.checkpoint
    away = ram_experts(job)
    in_ram = {index for index, size in enumerate(away) if size}
    towers = tower_bytes(job)
    spans = split_layers(cut, job.model.layer_count, job.gpu_count, towers)
    for gpu, (start, stop) in zip(estimate.gpus, spans, strict=True):
        device = gpu.device
        layers = sum(cut.layer_bytes[start:stop])
        rows = [pair for pair in rows_of(file, range(start, stop)) if EXPERTS not in pair[0].tensor.name or not in_ram]
        if in_ram:
            rest = rows_of(file, set(range(start, stop)) - in_ram)
            rows += [pair for pair in rest if EXPERTS in pair[0].tensor.name]
        add_tensors(ledger, device, span(start, stop), rows, layers, sources.weights)
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
    rows = [pair for pair in rows_of(file, (), is_input) if not on_disk(pair[0], job)]
    inputs = sum([row.bytes_each * count for row, count in rows])
    add_tensors(ledger, "host", "", rows, inputs, sources.embedding)
    if in_ram:
        rows = [pair for pair in rows_of(file, in_ram) if EXPERTS in pair[0].tensor.name]
        add_tensors(ledger, "host", f"of {len(in_ram)} layers", rows, sum(away), sources.weights)
