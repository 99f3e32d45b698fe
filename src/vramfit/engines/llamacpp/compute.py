"""Compute buffers: memory that the largest graph needs in addition to weights and cache, device by device.

Before the first token llama.cpp allocates buffers for one pass of ``n_ubatch`` tokens over a full cache
(ggml-org/llama.cpp v0.5.0 ``src/llama-context.cpp``, ``sched_reserve``), and they never grow. ``layers`` builds that graph.
``schedule`` divides it over the devices, and places its tensors in their buffers.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.llamacpp.graph import Home, Run
from vramfit.engines.llamacpp.layers import build_graph
from vramfit.engines.llamacpp.placement import HOST, cells, local_window, physical_batch
from vramfit.engines.llamacpp.schedule import programs
from vramfit.memory.kv_cache import caches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.engines.llamacpp.placement import Cells, Parts, Placement
    from vramfit.engines.llamacpp.schedule import LaidOut, Program
    from vramfit.model import Model
    from vramfit.model.architecture import Layers
    from vramfit.workload.common import Workload

    Kind = tuple[int, int, bool, tuple[tuple[str, int], ...]]
    Plan = dict[int | None, Program]


class Compute(Record):
    """Compute buffers of all devices in bytes."""

    gpu_bytes: tuple[int, ...]
    host_bytes: int
    unpacking_bytes: tuple[int, ...]
    """Bytes by which each GPU's buffer grows if flash attention unpacks the cache to F16 first; 0 for an F16 cache."""


STATE_SPACE = ("mamba1", "mamba2")
"""Kinds of token mixers whose layers do not all leave the same holes in a buffer."""

LARGEST_MEMORY = 512
"""Number of plans and of results that are remembered before all of them are dropped."""

_plans: dict[tuple[object, ...], Plan] = {}
_results: dict[tuple[object, ...], Compute] = {}


def compute(
    model: Model, work: Workload, keys: LlamaCppKeys, parts: Parts, placement: Placement, gpus: int,
    vulkan: bool = False,
) -> Compute:  # fmt: skip
    """Compute buffers of every GPU and of the host, in bytes; ``vulkan`` is True if a GPU uses that backend."""
    wanted = _wanted(model, work, keys, parts, placement, gpus, vulkan)
    key, run, room = wanted.key, wanted.run, wanted.room
    result = _results.get((key, room))
    if result is None:
        plan = _planned(model, placement, gpus, wanted, vulkan)
        laid_out: LaidOut | None = None
        if vulkan:
            from vramfit.engines.llamacpp.vulkan import buffer_bytes

            laid_out = buffer_bytes
        full, sliding = room.full, room.sliding
        unpacks = run.flash_attention and not vulkan and (run.key_type != "f16" or run.value_type != "f16")
        plain = [plan[number].peak_bytes(full, sliding, False, laid_out) for number in range(gpus)]
        grown = [plan[number].peak_bytes(full, sliding, True) if unpacks else plain[number] for number in range(gpus)]
        result = Compute(
            tuple(plain),
            plan[HOST].peak_bytes(full, sliding),
            tuple([max(0, more - less) for more, less in zip(grown, plain, strict=True)]),
        )
        if len(_results) >= LARGEST_MEMORY:
            _results.clear()
        _results[key, room] = result
    return result


class Wanted(Record):
    """Graph that a deployment computes."""

    key: tuple[object, ...]
    """Facts that the allocations depend on, but for the number of cells."""
    run: Run
    room: Cells
    chosen: list[tuple[int, Layers, Home]]
    """Layers that stand for all of them."""
    output: Home


def programs_of(
    model: Model, work: Workload, keys: LlamaCppKeys, parts: Parts, placement: Placement, gpus: int
) -> tuple[Plan, Run, Cells]:
    """Allocations of every device without Vulkan, the run that they are for, and the number of cells."""
    wanted = _wanted(model, work, keys, parts, placement, gpus, False)
    return _planned(model, placement, gpus, wanted, False), wanted.run, wanted.room


def _wanted(
    model: Model, work: Workload, keys: LlamaCppKeys, parts: Parts, placement: Placement, gpus: int, vulkan: bool
) -> Wanted:
    room = cells(work, keys, local_window(model))
    moved = placement.moved
    run = _run(model, work, keys, room.streams, vulkan, HOST if moved is None else moved.table_device)
    chosen = _representatives(model, parts, placement, run.key_type == run.value_type == "f16")
    head = () if moved is None else moved.head(model.tied)
    output = Home(placement.output_device, placement.output_device, {"output.weight": parts.head_bytes}, head)
    # The id of a model can be a key because ``parts_of`` keeps the model alive, so that no other can get the same id.
    key = (
        id(model), run, gpus, placement.pipelined, output.device, head,
        (output.device == HOST or bool(head)) and parts.head_bytes, room if vulkan else None,
        *[(number, home.device, home.expert_device, home.moved, *home.tensors.items()) for number, _, home in chosen],
    )  # fmt: skip
    return Wanted(key, run, room, chosen, output)


def _planned(model: Model, placement: Placement, gpus: int, wanted: Wanted, vulkan: bool) -> Plan:
    """Allocations of every device for a graph."""
    plan = _plans.get(wanted.key)
    if plan is None:
        layers = [(group, home) for _, group, home in wanted.chosen]
        graph = build_graph(model, wanted.run, layers, wanted.output)
        if vulkan:
            from vramfit.engines.llamacpp.vulkan import leave_to_cpu

            leave_to_cpu(graph, wanted.room)
        plan = programs(graph, gpus, placement.pipelined)
        if len(_plans) >= LARGEST_MEMORY:
            _plans.clear()
        _plans[wanted.key] = plan
    return plan


def _run(model: Model, work: Workload, keys: LlamaCppKeys, streams: int, vulkan: bool, table_device: int) -> Run:
    batch = physical_batch(work, keys)
    tokens = -(-batch // work.parallel) * work.parallel
    rows, states = work.parallel, 1
    if work.draft is not None:
        from vramfit.engines.llamacpp.speculative import output_rows, states_each

        rows, states = output_rows(work), states_each(model, work)
    outputs = batch if keys.outputs == "batch" else min(batch, rows)
    key_type, value_type = work.kv_cache_type, work.kv_cache_type_v
    if not caches(model):
        # An encoder attends to K and V as they are computed (``src/llama-graph.cpp`` ``build_attn_inp_no_cache``).
        key_type = value_type = "f16"
    return Run(
        tokens, outputs, work.parallel, streams, work.flash_attention, key_type, value_type, states,
        work.speculative == "mtp", vulkan, keys.kv_offload, table_device,
    )  # fmt: skip


def _representatives(model: Model, parts: Parts, placement: Placement, plain: bool) -> list[tuple[int, Layers, Home]]:
    """Select layers that are enough to reach the peak of the buffers: index of the group, the group, and its devices.

    Equal layers repeat the same allocations, so a graph of a few layers has the same peak as one of a hundred. Selected
    are each kind of layer after each other kind (twice if the model has several kinds) and the last two layers. If the
    layers differ, the last three on a device are selected too, since part of a layer may be computed within the next. If a
    quantization mix stores equal layers in different types, the largest size of each tensor is used for all of them.

    Equal layers up to the end on a GPU, with a cache that needs no unpacking (``plain``), are three: the first and the last two.
    That one more changes nothing was computed for every such model of the catalogue.

    State-space layers leave holes of several sizes, and with copied weights between them each layer may fall into others
    than the one before: a model with such layers of which some are in host memory is laid out whole.
    """
    group_of = [0] * model.layer_count
    for number, group in enumerate(model.layers):
        for index in group.indices:
            group_of[index] = number
    devices, last = placement.layer_device, model.layer_count - 2
    offloaded = placement.cpu_moe_layers if model.has_experts else 0
    by_name = () if placement.moved is None else placement.moved.layers
    mixed = len(model.layers) > 1
    equal = plain and not (mixed or offloaded or by_name) and HOST not in devices[-3:] and len(set(devices[-3:])) == 1
    whole = HOST in devices and any(mixer.kind in STATE_SPACE for group in model.layers for mixer in group.mixers)
    seen: dict[tuple[Kind | None, Kind], int] = {}
    largest: dict[Kind, dict[str, int]] = {}
    chosen: list[Kind] = []
    before: Kind | None = None
    for index, device in enumerate(devices):
        kind = (group_of[index], device, index < offloaded, by_name[index] if by_name else ())
        if device == HOST or index < offloaded or kind[3]:
            known, sizes = largest.get(kind), parts.layer_tensors[index]
            if known is None:
                largest[kind] = sizes
            elif known is not sizes:
                largest[kind] = known | {name: size for name, size in sizes.items() if size > known.get(name, 0)}
        times = seen[before, kind] = seen.get((before, kind), 0) + 1
        if (
            whole
            or (times <= (2 if mixed else 1) and not (equal and before == kind and device == devices[-1]))
            or index >= last
            or (mixed and devices[index + 1 : index + 4].count(device) < 3)
        ):
            chosen.append(kind)
        before = kind
    return [(kind[0], model.layers[kind[0]], _home(kind, largest.get(kind, {}))) for kind in chosen]


def _home(kind: Kind, tensors: dict[str, int]) -> Home:
    """Devices of a layer of some kind; experts that are all placed by name on one device are as ``--n-cpu-moe`` does it."""
    _, device, offloaded, moved = kind
    expert_device = HOST if offloaded else device
    if moved:
        targets = {target for name, target in moved if "_exps." in name}
        routed = [name for name in tensors if "_exps." in name]
        if len(targets) == 1 and set(routed) <= {name for name, _ in moved}:
            (expert_device,) = targets
            moved = tuple([pair for pair in moved if pair[0] not in routed])
    return Home(device, expert_device, tensors, moved)
