"""Memory of llama.cpp: GGUF weights, layers split between GPUs and host, cache and compute buffers allocated at the start.

``placement`` divides the stored model, computes the size of the caches and assigns both to devices. ``layers`` builds the
graph, ``compute`` computes the size of its buffers, and ``overhead`` is the additional memory of the runtime. Some
deployments also need ``auto`` (automatic number of layers), ``split`` (a split other than by layers) or ``vulkan``.
``words`` writes the assumptions. Modules that few deployments need are imported inside functions, because loading modules
takes most of the time of a first estimate.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import replace
from vramfit.engines.interface import DeviceMemory, Estimate, Words
from vramfit.engines.llamacpp.cards import vision_compute_bytes, workspace_bytes
from vramfit.engines.llamacpp.compute import compute
from vramfit.engines.llamacpp.placement import (
    HOST,
    QUANTIZED,
    Plan,
    cells,
    layer_cache_bytes,
    local_window,
    parts_of,
    place,
    resident,
)
from vramfit.engines.llamacpp.ram import kept_by_server, without_offload
from vramfit.errors import CannotTell
from vramfit.model.architecture import Experts, FeedForward

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.interface import Job
    from vramfit.engines.llamacpp.cards import Cards
    from vramfit.engines.llamacpp.compute import Compute
    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.engines.llamacpp.overrides import Moved
    from vramfit.engines.llamacpp.placement import Parts, Placement, Resident
    from vramfit.engines.llamacpp.ram import Kept
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint
    from vramfit.workload.common import Workload

UNPACKING = ("cuda", "rocm")
"""Backends whose flash attention may unpack a quantized cache to F16 (``ggml-cuda/fattn.cu``, CUDA and its HIP build)."""

COMPUTE_LOW, COMPUTE_HIGH = 0.9, 1.12
"""Lowest and highest factor of the computed compute buffers. The order in which CUDA runs the nodes changes them by up to a
tenth, and the logs of builds from 2024 to 2026 are within these bounds (llama-3-8b 560 for 556 MiB, GLM-4-32B 353 for
320)."""


UNSURE_LOW = 0.25
"""Lowest factor if caches stay in RAM: whether the GPU attends to a copy of a layer's cache, or the CPU to the cache itself,
is the scheduler's choice, which no log confirms."""


def _put_into_words(
    job: Job[Cards, LlamaCppKeys], parts: Parts, placement: Placement, buffers: Compute, backends: Sequence[str]
) -> tuple[str, ...]:
    from vramfit.engines.llamacpp.words import assumptions

    return assumptions(job, parts, placement, buffers, backends)


def check(model: Model, work: Workload) -> None:
    """Raise ``CannotTell`` for a model without a language model, and ``UsageError`` for a cache that llama.cpp refuses."""
    if not model.layers or not model.vocab:
        raise CannotTell(f'"{model.id}" has no language model that llama.cpp could run', "try --engine transformers")
    if model.modality == "speech-to-text":
        raise CannotTell(
            f"{model.name} runs on whisper.cpp, whose memory is not modelled, and not on llama.cpp",
            "use --engine transformers for this model",
        )
    if not {work.kv_cache_type, work.kv_cache_type_v}.isdisjoint(QUANTIZED):
        from vramfit.engines.llamacpp.cache_types import check_cache

        check_cache(model, work)
    if work.draft is not None:
        from vramfit.engines.llamacpp import speculative

        speculative.check(model, work)


def estimate(job: Job[Cards, LlamaCppKeys], tower_on_host: bool = False) -> Estimate:
    """Estimate the memory of ``llama-server``, device by device; ``tower_on_host`` means ``--no-mmproj-offload``.

    Raises ``CannotTell`` for layers whose graph in llama.cpp is not known.
    """
    model, work, keys = job.model, job.workload, job.keys
    if keys.split_mode == "none" and job.gpu_count > 1:
        from vramfit.engines.llamacpp.split import on_one

        return on_one(job, lambda one: estimate(one, tower_on_host))
    layers = model.layer_count
    shares = keys.tensor_split or [max(usable - work.reserve_bytes, 1) for usable in job.traits.usable]
    caches = layer_cache_bytes(model, work, keys)
    if work.draft is not None:
        from vramfit.engines.llamacpp.speculative import with_snapshots

        caches = with_snapshots(model, work, caches)
    on_gpus, experts = work.gpu_layers, work.cpu_moe_layers
    together = keys.split_mode == "tensor" and job.gpu_count > 1
    if together:
        from vramfit.engines.llamacpp.tensor import check as check_split

        check_split(model, keys, work.flash_attention)
        shares = (1.0,)
    tower_on_host = tower_on_host or keys.mmproj == "host"
    moved = _moved(job)
    if together or moved is not None:
        # ``--fit`` gives up then, and what is left to it is whole on the GPUs (``common/fit.cpp``).
        on_gpus, experts = "all" if on_gpus == "auto" else on_gpus, 0 if experts == "auto" else experts

    def placed(gpu_layers: int, cpu_moe_layers: int) -> Estimate:
        placement = place(layers, gpu_layers, cpu_moe_layers, shares, keys.split_mode == "row", moved)
        return _placed(job, placement, caches, tower_on_host)

    if isinstance(on_gpus, int) and work.speculative == "mtp" and work.draft is not None:
        on_gpus = max(on_gpus - model.mtp_layers, 0)  # -ngl counts the layers of the head too, behind the others
    asked = (
        on_gpus if isinstance(on_gpus, int) else layers + 1,
        experts if isinstance(experts, int) else layers if experts == "all" else 0,
    )
    if "auto" not in (on_gpus, experts):
        return placed(*asked)
    from vramfit.engines.llamacpp.auto import choose

    room = [
        max(usable - work.reserve_bytes, 1) - context
        for usable, context in zip(job.traits.usable, job.traits.context_bytes, strict=True)
    ]
    return choose(work, asked, layers, model.has_experts, room, placed)


def _moved(job: Job[Cards, LlamaCppKeys]) -> Moved | None:
    """Tensors that ``--override-tensor`` places by name; None if it places none."""
    if not job.keys.override_tensor:
        return None
    from vramfit.engines.llamacpp.overrides import moved

    return moved(job.checkpoint, job.keys.override_tensor, job.traits.backends)


def _placed(job: Job[Cards, LlamaCppKeys], placement: Placement, caches: list[int], tower_on_host: bool) -> Estimate:
    """Estimate the memory of one placement."""
    model, work, backends = job.model, job.workload, job.traits.backends
    parts = parts_of(job.checkpoint)
    count = job.gpu_count
    contents, buffers = _laid_out(job, parts, placement, caches)
    # Metal maps the file from the first to the last tensor that it uses, so an embedding between them counts too. The exit
    # tables of an M5 Max included it (TheTom/turboquant_plus @ba52ad10); those of files that begin with it do not.
    mapped = 0
    if "metal" in backends and not model.tied:
        from vramfit.engines.llamacpp.mapped import embedding_bytes, with_embedding

        surely = embedding_bytes(job.checkpoint, parts, placement)
        mapped = parts.input_bytes - surely
        if surely:
            contents = with_embedding(contents, placement.output_device, surely)
    tower = parts.vision_bytes if work.images else 0
    seeing = (tower, vision_compute_bytes(model, work.flash_attention, work.image_size)) if tower else (0, 0)
    at, none = HOST if tower_on_host else 0, (0, 0)
    gpus = tuple(
        [
            _gpu(
                job, number, backends[number], placement, contents[number], buffers, mapped,
                *(seeing if number == at else none),
            )
            for number in range(count)
        ]
    )  # fmt: skip
    kept = kept_by_server(model, work, job.keys)
    host = _host(contents[HOST], buffers, seeing if at == HOST else none, kept)
    notes = Words(_put_into_words, job, parts, placement, buffers, backends)
    chosen: dict[str, object] = {"backend": backends[0] if len(set(backends)) == 1 else None}
    if "auto" in (work.gpu_layers, work.cpu_moe_layers):
        from vramfit.engines.llamacpp.auto import settings

        chosen |= settings(work, placement, model.mtp_layers if work.speculative == "mtp" else 0)
    plan = Plan(placement, caches, buffers, seeing, at, job.checkpoint, kept)
    found = Estimate(gpus, host, parts.file_bytes, notes, chosen, plan=plan)
    if placement.moved is not None:
        found = replace(found, ram_expert_layers=placement.moved.ram_expert_layers(placement))
    if work.draft is None:
        return found
    from vramfit.engines.llamacpp.speculative import with_draft

    return with_draft(job, found, plan, estimate, _placed)


def _host(here: Resident, buffers: Compute, seeing: tuple[int, int], kept: Kept) -> DeviceMemory:
    """Memory on the host, with the vision tower and its compute buffer (``seeing``) and what the server keeps."""
    weights, graph = here.weights_bytes + seeing[0], buffers.host_bytes + seeing[1]
    total = weights + here.cache_bytes + graph
    return DeviceMemory(
        "host", weights, here.cache_bytes, graph, kept.expected_bytes, total, total + kept.high_bytes, here.read_bytes
    )


def _laid_out(
    job: Job[Cards, LlamaCppKeys], parts: Parts, placement: Placement, caches: list[int]
) -> tuple[dict[int, Resident], Compute]:
    """Weights and caches of every device, and its compute buffers."""
    count, vulkan = job.gpu_count, "vulkan" in job.traits.backends
    contents = resident(parts, caches, placement, count)
    if job.keys.split_mode == "tensor" and count > 1:
        from vramfit.engines.llamacpp.tensor import buffers_of_parts, divided, parts_of_gpus

        shares = parts_of_gpus(job)
        contents = divided(job.checkpoint, placement, contents, shares)
        return contents, buffers_of_parts(job, parts, placement, shares, vulkan)
    if placement.by_rows and count > 1:
        from vramfit.engines.llamacpp.split import by_rows

        contents = by_rows(job, placement, contents)
    if placement.moved is not None:
        from vramfit.engines.llamacpp.overrides import applied

        contents = applied(placement.moved, job.checkpoint, parts, placement, contents)
    if job.keys.adapter_bytes:
        from vramfit.engines.llamacpp.adapters import with_adapters

        contents = with_adapters(contents, placement, job.keys.adapter_bytes)
    if not job.keys.kv_offload:
        contents = without_offload(contents, HOST)
    return contents, compute(job.model, job.workload, job.keys, parts, placement, count, vulkan)


def _gpu(
    job: Job[Cards, LlamaCppKeys], number: int, backend: str, placement: Placement, contents: Resident, buffers: Compute,
    mapped: int, tower: int, tower_compute: int,
) -> DeviceMemory:  # fmt: skip
    """Memory of one GPU.

    ``tower`` and ``tower_compute`` are the bytes of the vision tower and of its buffer, 0 if it is on another device.
    ``mapped`` is the number of bytes of the input tensors, which Metal may count as memory of the GPU.
    """
    weights = contents.weights_bytes + tower
    graph = buffers.gpu_bytes[number] + tower_compute
    unpacking = buffers.unpacking_bytes[number] if backend in UNPACKING else 0
    fixed = weights + contents.cache_bytes + unpacking
    high = fixed + round(graph * COMPUTE_HIGH)
    high += workspace_bytes(backend, _widest(job.model), job.keys.ubatch)
    if backend == "rocm" and not job.workload.flash_attention:
        # hipBLAS makes a converted copy of the scores: a card of the RX 7900 class used 2.3 GiB in addition to a compute
        # buffer of 2.1 GiB (ROCm 7.2).
        high += graph
    together = job.keys.split_mode == "tensor" and job.gpu_count > 1
    if backend == "rocm":
        from vramfit.engines.llamacpp.legacy_pool import attends, stranded_bytes

        if together or attends(job.model, placement, number):
            room = cells(job.workload, job.keys, local_window(job.model))
            high += max(0, stranded_bytes(job.model, job.workload, room.full, job.keys.ubatch) - unpacking)
    if backend == "metal" and contents.weights_bytes:
        high += mapped
    if together:
        from vramfit.engines.llamacpp.tensor import UNSURE_SHARE

        high += round(fixed * UNSURE_SHARE)
    less, more = spread_bytes(
        job.checkpoint, contents.weights_bytes, job.keys.of_any_publisher, job.workload.draft is not None
    )
    high += more
    return DeviceMemory(
        f"gpu{number}",
        weights,
        contents.cache_bytes,
        graph,
        unpacking,
        fixed + round(graph * (COMPUTE_LOW if job.keys.kv_offload else UNSURE_LOW)) - less,
        high,
        contents.read_bytes,
    )


def spread_bytes(
    checkpoint: Checkpoint, weights_bytes: int, of_any_publisher: bool, speculates: bool
) -> tuple[int, int]:
    """Bytes by which the weights may be less and more, where the file is a publisher's and nobody stated its size.

    ``of_any_publisher`` is True if a scheme that names no publisher may be a file of any, and ``speculates`` if the head
    of the file is loaded, and counted, anyhow.
    """
    if checkpoint.scaled != 1 or checkpoint.source:
        return 0, 0
    if "mix" in checkpoint.scheme.settings or "apex" in checkpoint.scheme.settings:
        from vramfit.quantization.mixes import spread

        less, more = spread(checkpoint.model, checkpoint.scheme)
    elif checkpoint.model.files and of_any_publisher:
        from vramfit.quantization.bare_types import spread_of_publishers

        less, more = spread_of_publishers(checkpoint)
    else:
        return 0, 0
    if checkpoint.idle_bytes and not speculates:
        # Builds before August 2026 load the head of such a file with the model (pull request 26296).
        more += checkpoint.idle_bytes / (checkpoint.file_bytes - checkpoint.idle_bytes)
    return round(weights_bytes * less), round(weights_bytes * more)


@per_model
def _widest(model: Model) -> int:
    """Number of elements of the widest activation of one token."""
    widths = [model.hidden]
    for group in model.layers:
        network = group.feed_forward
        if isinstance(network, FeedForward):
            widths.append(network.width)
        elif isinstance(network, Experts):
            widths += [network.active * network.width, network.active * model.hidden]
    return max(widths)
