"""Compute buffers: what the largest graph needs besides weights and cache, device by device.

llama.cpp lays out one pass of ``n_ubatch`` tokens over a full cache before the first token (``llama-context.cpp``,
``sched_reserve``) and never grows the buffers; ``layers`` writes that graph, ``schedule`` runs it.
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.engines.llamacpp.cache import cells, physical_batch
from vramfit.engines.llamacpp.graph import HOST
from vramfit.engines.llamacpp.layers import Builder, Home, Run, build_layer
from vramfit.engines.llamacpp.schedule import programs
from vramfit.model.architecture import Attention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.llamacpp.checkpoint import Checkpoint
    from vramfit.engines.llamacpp.placement import Placement
    from vramfit.engines.llamacpp.schedule import Program
    from vramfit.model import Model
    from vramfit.model.architecture import Layers
    from vramfit.workload import Workload


@record
class Compute:
    """Compute buffers in bytes."""

    gpu_bytes: tuple[int, ...]
    host_bytes: int


_known: dict[tuple[object, ...], dict[int, Program]] = {}


def compute(model: Model, work: Workload, parts: Checkpoint, placement: Placement, gpus: int) -> Compute:
    """The compute buffers of every GPU and of the host."""
    window = local_window(model)
    room = cells(work, window)
    run = _run(work, room.streams)
    key = (id(parts), run, placement, gpus)
    plan = _known.get(key)
    if plan is None:
        if len(_known) > 256:
            _known.clear()
        plan = _known[key] = _plan(model, run, parts, placement, gpus)
    full, sliding = room.full, room.sliding
    return Compute(
        tuple([plan[n].peak_bytes(full, sliding) for n in range(gpus)]), plan[HOST].peak_bytes(full, sliding)
    )


def local_window(model: Model) -> int | None:
    """Tokens the sliding or chunked layers look back over; None when the model has none."""
    for group in model.layers:
        for mixer in group.mixers:
            if isinstance(mixer, Attention) and mixer.window:
                return mixer.window
    return None


def _run(work: Workload, streams: int) -> Run:
    tokens = physical_batch(work)
    tokens = -(-tokens // work.parallel) * work.parallel
    outputs = physical_batch(work) if work.outputs == "batch" else min(physical_batch(work), work.parallel)
    return Run(tokens, outputs, work.parallel, streams, work.flash_attention, work.kv_cache_type, work.kv_cache_type_v)


def _plan(model: Model, run: Run, parts: Checkpoint, placement: Placement, gpus: int) -> dict[int, Program]:
    """The graph of the representative layers, scheduled."""
    build = Builder(model, run)
    graph = build.graph
    tokens = graph.given((4 * run.tokens, 0, 0))
    graph.given((4 * model.hidden * run.tokens, 0, 0))
    stream = graph.wide(model.hidden, graph.stored((0, 0, 0), HOST, weight=True), tokens)
    stream.device = HOST
    graph.expand(stream)
    chosen = _representatives(model, parts, placement)
    for number, (group, home) in enumerate(chosen):
        stream = build_layer(build, group, home, stream, number == len(chosen) - 1)
    build.home = Home(placement.output_device, placement.output_device, {"output.weight": parts.head_bytes})
    graph.expand(build.linear("output", build.norm(stream, model.hidden), model.hidden, model.vocab))
    pipelined = gpus > 1 and placement.whole and not placement.cpu_moe_layers
    return programs(graph, gpus, pipelined)


def _representatives(model: Model, parts: Checkpoint, placement: Placement) -> list[tuple[Layers, Home]]:
    """Layers enough to see every worst moment: each kind twice behind each other kind, and the last two.

    Equal layers repeat the same moments, so a model of a hundred layers is as large as one of five. Where a mix stores
    equal layers differently, the largest matrix of each name stands for all.
    """
    groups = {index: (number, group) for number, group in enumerate(model.layers) for index in group.indices}
    kinds = []
    largest: dict[object, dict[str, int]] = {}
    for index, device in enumerate(placement.layer_device):
        offloaded = index < placement.cpu_moe_layers
        kind = (groups[index][0], device, offloaded)
        kinds.append(kind)
        if device == HOST or offloaded:
            sizes = largest.setdefault(kind, {})
            for name, size in parts.layer_matrices[index].items():
                if size > sizes.get(name, 0):
                    sizes[name] = size
    seen: dict[object, int] = {}
    chosen = []
    for index, kind in enumerate(kinds):
        pair = (kinds[index - 1] if index else None, kind)
        seen[pair] = seen.get(pair, 0) + 1
        if seen[pair] <= 2 or index >= len(kinds) - 2:
            home = Home(kind[1], HOST if kind[2] else kind[1], largest.get(kind, {}))
            chosen.append((groups[index][1], home))
    return chosen
