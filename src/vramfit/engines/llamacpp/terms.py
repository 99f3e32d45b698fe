"""Terms of an estimate for llama.cpp, and for Ollama, which runs it."""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines.cache_terms import add_cache, bits_of, cache_name
from vramfit.engines.llamacpp.compute import programs_of
from vramfit.engines.llamacpp.estimate import UNPACKING
from vramfit.engines.llamacpp.peak import add_buffer
from vramfit.engines.llamacpp.placement import (
    FIRST_LAYER_TENSORS,
    HOST,
    INPUT_TENSORS,
    LAZY,
    VISION_PARTS,
    Plan,
    cache_bytes,
    cells,
    gguf_file,
    local_window,
    parts_of,
    physical_batch,
    widest_value,
)
from vramfit.engines.tensor_terms import EXPERTS, Group, add_stored, add_tensors, rows_of
from vramfit.engines.terms import span
from vramfit.memory.kv_cache import caches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeVar

    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.llamacpp.cards import Cards
    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.engines.terms import Ledger
    from vramfit.memory.kv_cache import Cache
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Stored
    from vramfit.workload.common import Workload

    K = TypeVar("K")

LLAMA = "ggml-org/llama.cpp v0.5.0"
LAYERS = f"{LLAMA} src/llama-model.cpp load_tensors"
CACHE = f"{LLAMA} src/llama-kv-cache.cpp"
ALLOCATOR = f"{LLAMA} ggml/src/ggml-alloc.c"


def account(job: Job[Cards, K], estimate: Estimate, ledger: Ledger, keys: LlamaCppKeys) -> None:
    """Add the terms to the ledger: weights and caches by ranges of layers, compute buffers, and unpacked caches.

    Raises ``TypeError`` for an estimate without llama.cpp's ``Plan``.
    """
    plan, draft = estimate.plan, estimate.draft
    if not isinstance(plan, Plan):
        raise TypeError("an estimate of llama.cpp has its plan")
    if draft is not None:
        from vramfit.engines.llamacpp import speculative

        estimate = speculative.without_draft(estimate, draft)
    devices = {number: f"gpu{plan.first + number}" for number in range(len(plan.buffers.gpu_bytes))} | {HOST: "host"}
    together = keys.split_mode == "tensor" and len(devices) > 2
    if plan.placement.by_rows and len(devices) > 2:
        _whole(estimate, plan, ledger, devices, BY_ROWS)
    elif together:
        _whole(estimate, plan, ledger, devices, BY_TENSORS)
    elif plan.placement.moved is not None:
        _whole(estimate, plan, ledger, devices, BY_NAME)
    else:
        for number, device in devices.items():
            _weights(plan, ledger, number, device)
        if "metal" in job.traits.backends:
            _mapped(plan, ledger, devices)
        if keys.adapter_bytes:
            _adapters(plan, ledger, devices, keys.adapter_bytes)
    tower, tower_buffer = plan.tower
    at = devices[plan.tower_device]
    if tower:
        rows = rows_of(gguf_file(plan.checkpoint), (), lambda row: row.tensor.part in VISION_PARTS)
        add_tensors(ledger, at, "", rows, tower, f"{LLAMA} tools/mtmd/clip.cpp", "as the mmproj file has it")
    _caches(job, estimate, plan, ledger, devices, keys, together)
    if plan.kept is not None:
        ledger.add(
            "overhead", "host", "context checkpoints", "checkpoints × checkpoint_bytes", plan.kept.expected_bytes,
            f"{LLAMA} tools/server/server-context.cpp create_checkpoint", "states and windows of cells, of all slots",
            checkpoints=plan.kept.checkpoints, checkpoint_bytes=plan.kept.checkpoint_bytes,
        )  # fmt: skip
    _buffers(job, plan, ledger, devices, keys)
    ledger.add_sum(
        "compute", at, "vision compute buffer", tower_buffer, f"{LLAMA} tools/mtmd/clip.cpp",
        "the largest of attention, feed-forward network and projector for one image or tile", buffer_bytes=tower_buffer,
    )  # fmt: skip
    if draft is not None:
        from vramfit.engines.llamacpp import speculative

        speculative.account(job, draft, plan.first, ledger, keys, account)


def _buffers(job: Job[Cards, K], plan: Plan, ledger: Ledger, devices: dict[int, str], keys: LlamaCppKeys) -> None:
    """Add the compute buffer of each device, and the unpacked cache of those whose flash attention reads F16."""
    file, buffers = parts_of(plan.checkpoint), plan.buffers
    laid, run, cell_count = programs_of(job.model, job.workload, keys, file, plan.placement, len(buffers.gpu_bytes))
    room = (cell_count.full, cell_count.sliding)
    for number, device in devices.items():
        size = buffers.host_bytes if number == HOST else buffers.gpu_bytes[number]
        program = laid.get(number)
        if program is not None and program.peak_bytes(*room) == size:
            add_buffer(ledger, device, file, job.model, run, program, room, ALLOCATOR)
        else:
            layout = "the high-water mark of the graph's tensors in their order, each freed when it was last read"
            ledger.add_sum("compute", device, "compute buffer", size, ALLOCATOR, layout, buffer_bytes=size)
        if number != HOST and job.traits.backends[plan.first + number] in UNPACKING:
            unpacked = "K and V of a layer in F16, which its flash attention reads"
            extra = buffers.unpacking_bytes[number]
            source = f"{LLAMA} ggml-cuda/fattn.cu"
            ledger.add_sum("overhead", device, "unpacked cache", extra, source, unpacked, unpacked_bytes=extra)


def _runs(indices: list[int]) -> Iterator[tuple[int, int]]:
    """Group consecutive numbers into ranges: ``(0, 3), (5, 6)`` for 0, 1, 2 and 5."""
    start = previous = None
    for index in indices:
        if previous is None or start is None:
            start = index
        elif index != previous + 1:
            yield start, previous + 1
            start = index
        previous = index
    if start is not None and previous is not None:
        yield start, previous + 1


def _weights(plan: Plan, ledger: Ledger, number: int, device: str) -> None:
    """Add the weights of one device: its layers, with the experts that are with them, and what is in no layer."""
    placement, file = plan.placement, gguf_file(plan.checkpoint)
    parts = parts_of(plan.checkpoint)
    layers = [index for index, home in enumerate(placement.layer_device) if home == number]
    away = placement.cpu_moe_layers
    with_experts = [index for index in layers if number == HOST or index >= away]
    if number == HOST:
        with_experts += [i for i, home in enumerate(placement.layer_device) if home != HOST and i < away]
    first = FIRST_LAYER_TENSORS if 0 in layers else ()
    rows = rows_of(file, layers, lambda row: row.tensor.part == "text" and row.tensor.name in first)
    kept = [(row, count) for row, count in rows if EXPERTS not in row.tensor.name]
    size = sum([parts.layer_bytes[i] - parts.expert_bytes[i] for i in layers])
    add_tensors(ledger, device, _spans(layers), kept, size, LAYERS)
    routed = [(row, count) for row, count in rows_of(file, with_experts) if EXPERTS in row.tensor.name]
    size = sum([parts.expert_bytes[i] for i in with_experts])
    add_tensors(ledger, device, _spans(sorted(with_experts)), routed, size, LAYERS)
    if number == HOST:
        left = LAZY if parts.lazy_bytes else ""
        rows = rows_of(file, (), lambda row: row.tensor.part == "text" and row.tensor.name in INPUT_TENSORS)
        rows = [(row, count) for row, count in rows if row.tensor.name != left]
        add_tensors(ledger, device, "", rows, parts.input_bytes, LAYERS)
    if placement.output_device == number:
        add_tensors(ledger, device, "", rows_of(file, (), _is_output), parts.output_bytes, LAYERS)
        if number != HOST and parts.tied_bytes:
            _embedding(file, ledger, device, "embeddings again, as head of a tied model")


def _is_output(row: Stored) -> bool:
    """Tell whether a row is loaded with the output layer."""
    return row.tensor.part == "text" and row.tensor.name not in (*INPUT_TENSORS, *FIRST_LAYER_TENSORS)


def _embedding(file: Checkpoint, ledger: Ledger, device: str, name: str) -> None:
    """Add another copy of the input embedding."""
    group = Group()
    for row in file.stored:
        if row.tensor.name == "token_embd.weight":
            group.add(row, row.count)
    add_stored(ledger, device, name, group, LAYERS)


def _spans(layers: list[int]) -> str:
    return ", ".join([span(start, stop) for start, stop in _runs(layers)])


def _adapters(plan: Plan, ledger: Ledger, devices: dict[int, str], adapter_bytes: int) -> None:
    """Add the adapters of each device's layers."""
    from vramfit.engines.llamacpp.adapters import bytes_on

    source = f"{LLAMA} src/llama-adapter.cpp llama_adapter_lora_init_impl"
    for number, device in devices.items():
        size = bytes_on(plan.placement, number, adapter_bytes)
        ledger.add_sum(
            "weights", device, "LoRA adapters", size, source,
            f"the adapters of the device's layers, of {adapter_bytes:,} B in all", adapter_bytes=size,
        )  # fmt: skip


def _mapped(plan: Plan, ledger: Ledger, devices: dict[int, str]) -> None:
    """Add the input embedding that Metal maps with the tensors on either side of it."""
    from vramfit.engines.llamacpp.mapped import embedding_bytes

    size = embedding_bytes(plan.checkpoint, parts_of(plan.checkpoint), plan.placement)
    device = devices[plan.placement.output_device]
    ledger.add_sum(
        "weights", device, "input embedding, mapped with them", size, LAYERS,
        "the file from the first to the last tensor used: the embedding lies between head and layers", input_bytes=size,
    )  # fmt: skip


BY_ROWS = (
    "matrices cut by rows",
    "rows of each matrix in proportion to the GPUs, rounded down to whole blocks of rows",
    f"{LLAMA} ggml-sycl.cpp",
)
BY_TENSORS = (
    "parts of all matrices",
    "the GPU's part of each matrix by heads or inner width, and the whole of norms and routers",
    f"{LLAMA} src/llama-model.cpp llama_meta_device_get_split_state",
)
BY_NAME = (
    "tensors placed by name (--override-tensor)",
    "tensors that the first pattern found in their name places here, and the layers' others",
    f"{LLAMA} src/llama-model-loader.cpp create_tensor",
)
"""Name, formula and source of weights that are not told apart by layers."""


def _whole(estimate: Estimate, plan: Plan, ledger: Ledger, devices: dict[int, str], what: tuple[str, str, str]) -> None:
    """Add the weights of a deployment whose layers are spread over devices: one term for each device."""
    name, words, source = what
    for number, device in devices.items():
        memory = estimate.host if number == HOST else estimate.gpus[plan.first + number]
        size = memory.weights_bytes - (plan.tower[0] if number == plan.tower_device else 0)
        ledger.add_sum("weights", device, name, size, source, words, part_bytes=size)


def _caches(
    job: Job[Cards, K], estimate: Estimate, plan: Plan, ledger: Ledger, devices: dict[int, str], keys: LlamaCppKeys,
    together: bool,
) -> None:  # fmt: skip
    """Add the caches of each device, with one term for each kind of layer; all in RAM without offload."""
    homes, model, work = plan.placement.layer_device, job.model, job.workload
    kinds = [] if together else _kinds(model, work, keys)
    bits = bits_of(work.kv_cache_type), bits_of(work.kv_cache_type_v)
    for number, device in devices.items():
        if together:
            memory = estimate.host if number == HOST else estimate.gpus[plan.first + number]
            ledger.add_sum(
                "kv_cache", device, "KV cache and states", memory.kv_cache_bytes, BY_TENSORS[2],
                "the GPU's part of the caches by heads", part_bytes=memory.kv_cache_bytes,
            )  # fmt: skip
            continue
        layers = {index for index, home in enumerate(homes) if (home if keys.kv_offload else HOST) == number}
        whole = sum([plan.caches[index] for index in layers])
        for cache, each, streams, cell_count in kinds:
            count = len(layers.intersection(cache.layers))
            add_cache(
                ledger, device, cache_name(cache), cache, count, streams, count * each, CACHE, cell_count, bits, WORDS
            )
            whole -= count * each
        ledger.add_sum(
            "kv_cache", device, "states to go back to", whole, f"{LLAMA} src/llama-memory-recurrent.cpp",
            "copies of the recurrent states for tokens that the draft got wrong", state_bytes=whole,
        )  # fmt: skip


WORDS = ("streams", "cells")
"""Names of the inputs of a cache: separate caches, one of each sequence or one for all, and the tokens of each."""


def _kinds(model: Model, work: Workload, keys: LlamaCppKeys) -> list[tuple[Cache, int, int, int]]:
    """Caches of the model, each with the bytes of one of its layers, the number of its streams and the cells of each."""
    window = local_window(model)
    room = cells(work, keys, window)
    widest = 0 if work.flash_attention else widest_value(model)
    found = []
    for cache in caches(model):
        each = cache_bytes(cache, work, physical_batch(work, keys), room, widest, window)
        local = cache.window is not None and window is not None
        wide = replace(cache, value_width=max(cache.value_width, widest) if cache.value_width else 0)
        streams = work.parallel if cache.kind == "state" else room.streams
        found.append((wide, each, streams, room.sliding if local else room.full))
    return found
