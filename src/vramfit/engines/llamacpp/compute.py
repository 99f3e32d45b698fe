"""Compute buffers: what the largest graph needs besides weights and cache, device by device.

llama.cpp lays out one pass of ``n_ubatch`` tokens over a full cache before the first token (ggml-org/llama.cpp v0.5.0
``src/llama-context.cpp``, ``sched_reserve``) and never grows the buffers; ``layers`` writes that graph, ``schedule`` runs it.
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.engines.llamacpp.cache import cells, local_window, physical_batch
from vramfit.engines.llamacpp.graph import HOST, Home, Run
from vramfit.engines.llamacpp.layers import build_graph
from vramfit.engines.llamacpp.schedule import programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.llamacpp.placement import Checkpoint, Placement
    from vramfit.engines.llamacpp.schedule import Program
    from vramfit.model import Model
    from vramfit.model.architecture import Layers
    from vramfit.workload import Workload

    Kind = tuple[int, int, bool]
    Plan = dict[int, Program]


@record
class Compute:
    """Compute buffers in bytes."""

    gpu_bytes: tuple[int, ...]
    host_bytes: int
    unpacking_bytes: tuple[int, ...]
    """What each GPU's buffer grows by where flash attention must unpack the cache to F16 first; 0 for an F16 cache."""


LARGEST_MEMORY = 512
"""Plans and layouts remembered before all are forgotten."""

_plans: dict[tuple[object, ...], Plan] = {}
_results: dict[tuple[object, ...], Compute] = {}


def compute(model: Model, work: Workload, parts: Checkpoint, placement: Placement, gpus: int) -> Compute:
    """The compute buffers of every GPU and of the host."""
    room = cells(work, local_window(model))
    run = _run(work, room.streams)
    chosen = _representatives(model, parts, placement)
    output = Home(placement.output_device, placement.output_device, {"output.weight": parts.head_bytes})
    # ``checkpoint`` remembers the model and so keeps it alive: its identity is never another's.
    key = (
        id(model), run, gpus, placement.pipelined, output.device, output.device == HOST and parts.head_bytes,
        *[(number, home.device, home.expert_device, *home.tensors.items()) for number, _, home in chosen],
    )  # fmt: skip
    result = _results.get((key, room))
    if result is None:
        plan = _plans.get(key)
        if plan is None:
            graph = build_graph(model, run, [(group, home) for _, group, home in chosen], output)
            plan = programs(graph, gpus, placement.pipelined)
            if len(_plans) >= LARGEST_MEMORY:
                _plans.clear()
            _plans[key] = plan
        unpacks = run.flash_attention and (run.key_type != "f16" or run.value_type != "f16")
        plain = [plan[number].peak_bytes(room.full, room.sliding) for number in range(gpus)]
        grown = [
            plan[number].peak_bytes(room.full, room.sliding, unpacking=True) if unpacks else plain[number]
            for number in range(gpus)
        ]
        result = Compute(
            tuple(plain),
            plan[HOST].peak_bytes(room.full, room.sliding),
            tuple(more - less for more, less in zip(grown, plain, strict=True)),
        )
        if len(_results) >= LARGEST_MEMORY:
            _results.clear()
        _results[key, room] = result
    return result


def _run(work: Workload, streams: int) -> Run:
    batch = physical_batch(work)
    tokens = -(-batch // work.parallel) * work.parallel
    outputs = batch if work.outputs == "batch" else min(batch, work.parallel)
    return Run(tokens, outputs, work.parallel, streams, work.flash_attention, work.kv_cache_type, work.kv_cache_type_v)


def _representatives(model: Model, parts: Checkpoint, placement: Placement) -> list[tuple[int, Layers, Home]]:
    """Layers enough to see every worst moment: each kind twice behind each other kind, and the last two.

    Equal layers repeat the same moments, so a model of a hundred layers is as large as one of five. Where a mix stores
    equal layers differently, the largest of each tensor stands for all.
    """
    group_of = [0] * model.layer_count
    for number, group in enumerate(model.layers):
        for index in group.indices:
            group_of[index] = number
    offloaded, last = placement.cpu_moe_layers, model.layer_count - 2
    seen: dict[tuple[Kind | None, Kind], int] = {}
    largest: dict[Kind, dict[str, int]] = {}
    chosen: list[Kind] = []
    before: Kind | None = None
    for index, device in enumerate(placement.layer_device):
        kind = (group_of[index], device, index < offloaded)
        if device == HOST or index < offloaded:
            held, sizes = largest.get(kind), parts.layer_tensors[index]
            if held is None:
                largest[kind] = sizes
            elif held is not sizes:
                largest[kind] = held | {name: size for name, size in sizes.items() if size > held.get(name, 0)}
        times = seen[before, kind] = seen.get((before, kind), 0) + 1
        if times <= 2 or index >= last:
            chosen.append(kind)
        before = kind
    return [
        (kind[0], model.layers[kind[0]], Home(kind[1], HOST if kind[2] else kind[1], largest.get(kind, {})))
        for kind in chosen
    ]
