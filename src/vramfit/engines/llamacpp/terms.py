"""Terms of an estimate for llama.cpp, and for Ollama, which runs it."""

from __future__ import annotations

from vramfit.engines.llamacpp.estimate import UNPACKING
from vramfit.engines.llamacpp.placement import HOST, Plan, gguf_file, parts_of
from vramfit.engines.terms import STORED, span, stored_inputs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeVar

    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.llamacpp import Cards, LlamaCppKeys
    from vramfit.engines.terms import Ledger

    K = TypeVar("K")

LLAMA = "ggml-org/llama.cpp v0.5.0"
LAYERS = f"{LLAMA} src/llama-model.cpp load_tensors"


def account(job: Job[Cards, K], estimate: Estimate, ledger: Ledger, keys: LlamaCppKeys) -> None:
    """Add the terms to the ledger: weights and caches by ranges of layers, compute buffers, and unpacked caches.

    Raises ``TypeError`` for an estimate without llama.cpp's ``Plan``.
    """
    plan = estimate.plan
    if not isinstance(plan, Plan):
        raise TypeError("an estimate of llama.cpp has its plan")
    backends = job.traits.backends
    devices = {number: f"gpu{plan.first + number}" for number in range(len(plan.buffers.gpu_bytes))} | {HOST: "host"}
    if plan.placement.by_rows and len(devices) > 2:
        _whole(estimate, plan, ledger, devices, BY_ROWS)
    elif keys.split_mode == "tensor" and len(devices) > 2:
        _whole(estimate, plan, ledger, devices, BY_TENSORS)
    elif plan.placement.moved is not None:
        _whole(estimate, plan, ledger, devices, BY_NAME)
    else:
        for number, device in devices.items():
            _weights(plan, ledger, number, device)
        if "metal" in backends:
            _mapped(plan, ledger, devices)
        if keys.adapter_bytes:
            _adapters(plan, ledger, devices, keys.adapter_bytes)
    tower, tower_buffer = plan.tower
    at = devices[plan.tower_device]
    inputs = stored_inputs(gguf_file(plan.checkpoint), names=("vision", "projector"))
    ledger.add("weights", at, "vision tower and projector", STORED, tower, f"{LLAMA} tools/mtmd/clip.cpp", **inputs)
    _caches(job, estimate, plan, ledger, devices, keys.kv_offload, keys.split_mode == "tensor" and len(devices) > 2)
    if plan.kept is not None:
        ledger.add(
            "overhead", "host", "context checkpoints", "checkpoints of all slots x (states + windows of cells)",
            plan.kept.expected_bytes, f"{LLAMA} tools/server/server-context.cpp create_checkpoint",
            checkpoints=plan.kept.checkpoints, bytes_each=plan.kept.checkpoint_bytes,
        )  # fmt: skip
    graph = {"ubatch": keys.ubatch, "context": job.workload.context, "sequences": job.workload.parallel}
    for number, device in devices.items():
        size = plan.buffers.host_bytes if number == HOST else plan.buffers.gpu_bytes[number]
        layout = "the high-water mark of the graph's nodes in order, each freed when it was last read"
        ledger.add("compute", device, "compute buffer", layout, size, f"{LLAMA} ggml/src/ggml-alloc.c", **graph)
        if number != HOST and backends[plan.first + number] in UNPACKING:
            unpacked = "K and V of a layer in F16, which its flash attention reads"
            extra = plan.buffers.unpacking_bytes[number]
            ledger.add("overhead", device, "unpacked cache", unpacked, extra, f"{LLAMA} ggml-cuda/fattn.cu")
    buffer = "the largest of attention, feed-forward network and projector for one image or tile"
    ledger.add("compute", at, "vision compute buffer", buffer, tower_buffer, f"{LLAMA} tools/mtmd/clip.cpp")
    if estimate.draft is not None:
        from vramfit.engines.llamacpp import speculative

        speculative.account(job, estimate.draft, plan.first, ledger, keys, account)


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
    """Add the weights of one device, with layers and experts in ranges."""
    placement, file = plan.placement, gguf_file(plan.checkpoint)
    parts = parts_of(plan.checkpoint)
    layers = [index for index, home in enumerate(placement.layer_device) if home == number]
    for start, stop in _runs(layers):
        kept = sum([parts.layer_bytes[i] - parts.expert_bytes[i] for i in range(start, stop)])
        routed = sum(
            [parts.expert_bytes[i] for i in range(start, stop) if number == HOST or i >= placement.cpu_moe_layers]
        )
        inputs = stored_inputs(file, range(start, stop))
        ledger.add("weights", device, span(start, stop), STORED, kept, LAYERS, **inputs)
        ledger.add("weights", device, f"experts of {span(start, stop)}", STORED, routed, LAYERS, scheme=file.scheme.id)
    if number == HOST:
        away = [i for i, home in enumerate(placement.layer_device) if home != HOST and i < placement.cpu_moe_layers]
        routed = sum([parts.expert_bytes[i] for i in away])
        ledger.add("weights", device, "experts kept in RAM (--n-cpu-moe)", STORED, routed, LAYERS, layers=len(away))
        inputs = stored_inputs(file, names=("token_embd", "position_embd", "token_types", "per_layer_token_embd"))
        ledger.add("weights", device, "input embedding", STORED, parts.input_bytes, LAYERS, **inputs)
    if placement.output_device == number:
        inputs = stored_inputs(file, names=("output",))
        ledger.add("weights", device, "final norm and output head", STORED, parts.output_bytes, LAYERS, **inputs)
        tied = 0 if number == HOST else parts.tied_bytes
        ledger.add("weights", device, "the embedding again, as head of a tied model", STORED, tied, LAYERS)


def _adapters(plan: Plan, ledger: Ledger, devices: dict[int, str], adapter_bytes: int) -> None:
    """Add the adapters of each device's layers."""
    from vramfit.engines.llamacpp.adapters import bytes_on

    share = "size of the adapters x layers on the device / layers"
    source = f"{LLAMA} src/llama-adapter.cpp llama_adapter_lora_init_impl"
    for number, device in devices.items():
        size = bytes_on(plan.placement, number, adapter_bytes)
        ledger.add("weights", device, "LoRA adapters", share, size, source, adapters=adapter_bytes)


def _mapped(plan: Plan, ledger: Ledger, devices: dict[int, str]) -> None:
    """Add the input embedding that Metal maps with the tensors on either side of it."""
    from vramfit.engines.llamacpp.mapped import embedding_bytes

    size = embedding_bytes(plan.checkpoint, parts_of(plan.checkpoint), plan.placement)
    between = "the file from the first to the last tensor used: the embedding lies between head and layers"
    device = devices[plan.placement.output_device]
    ledger.add("weights", device, "input embedding, mapped with them", between, size, LAYERS)


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
    file = gguf_file(plan.checkpoint)
    inputs = stored_inputs(file, range(len(plan.placement.layer_device)), ("output",))
    name, formula, source = what
    for number, device in devices.items():
        memory = estimate.host if number == HOST else estimate.gpus[plan.first + number]
        size = memory.weights_bytes - (plan.tower[0] if number == plan.tower_device else 0)
        ledger.add("weights", device, name, formula, size, source, **inputs)


def _caches(
    job: Job[Cards, K], estimate: Estimate, plan: Plan, ledger: Ledger, devices: dict[int, str], offload: bool,
    together: bool,
) -> None:  # fmt: skip
    """Add the caches of each device, with one term for each range of consecutive layers; all in RAM without offload."""
    work = job.workload
    if together:
        for number, device in devices.items():
            memory = estimate.host if number == HOST else estimate.gpus[plan.first + number]
            part = "the GPU's part of the caches by heads"
            ledger.add("kv_cache", device, "KV cache and states", part, memory.kv_cache_bytes, BY_TENSORS[2])
        return
    for number, device in devices.items():
        homes = plan.placement.layer_device
        layers = [index for index, home in enumerate(homes) if (home if offload else HOST) == number]
        for start, stop in _runs(layers):
            size = sum(plan.caches[start:stop])
            ledger.add(
                "kv_cache", device, f"KV cache and states of {span(start, stop)}",
                "cells x sequences x (key width x bytes of K + value width x bytes of V), and 4 bytes an element of states",
                size, f"{LLAMA} src/llama-kv-cache.cpp", context=work.context, sequences=work.parallel,
                type_k=work.kv_cache_type, type_v=work.kv_cache_type_v,
            )  # fmt: skip
