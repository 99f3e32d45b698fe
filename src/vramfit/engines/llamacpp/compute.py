"""Compute buffers: what the largest graph needs besides weights and cache, device by device.

llama.cpp lays out one pass of ``n_ubatch`` tokens over a full cache before the first token (ggml-org/llama.cpp v0.5.0
``src/llama-context.cpp``, ``sched_reserve``) and never grows the buffers; ``layers`` writes that graph.

Who computes what, what is copied between devices for it, and when each tensor comes and goes, are the rules of
``ggml/src/ggml-backend.cpp`` (``ggml_backend_sched_split_graph``): an operation runs where its weight is, or on the first
GPU if the weight is in host memory and the batch is worth the copy; operations without weights follow their neighbours; the
graph is cut where the device changes and before each copied weight, so that the copy before it can go; what a cut needs from
elsewhere is copied when it begins.

Then each device's tensors are given places (``ggml-alloc.c``): a tensor goes into the smallest hole that takes it, else
behind everything; holes that touch are merged. The buffer is as large as the highest end ever reached, so what counts is
not only which tensors live at the worst moment but also the holes between them that none of them fits.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.llamacpp.graph import NOTHING, Home, Node, Run
from vramfit.engines.llamacpp.layers import build_graph
from vramfit.engines.llamacpp.placement import HOST, cells, local_window, physical_batch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vramfit.engines.llamacpp import LlamaCppKeys
    from vramfit.engines.llamacpp.graph import Graph, Size
    from vramfit.engines.llamacpp.placement import Parts, Placement
    from vramfit.model import Model
    from vramfit.model.architecture import Layers
    from vramfit.workload.common import Workload

    Kind = tuple[int, int, bool]
    Plan = dict[int | None, "Program"]
    LaidOut = Callable[[Sequence[int], Sequence[int], int], int]


class Compute(Record):
    """Compute buffers in bytes."""

    gpu_bytes: tuple[int, ...]
    host_bytes: int
    unpacking_bytes: tuple[int, ...]
    """What each GPU's buffer grows by where flash attention must unpack the cache to F16 first; 0 for an F16 cache."""


LARGEST_MEMORY = 512
"""Plans and layouts remembered before all are forgotten."""

_plans: dict[tuple[object, ...], Plan] = {}
_results: dict[tuple[object, ...], Compute] = {}


def compute(
    model: Model, work: Workload, keys: LlamaCppKeys, parts: Parts, placement: Placement, gpus: int,
    vulkan: bool = False,
) -> Compute:  # fmt: skip
    """The compute buffers of every GPU and of the host; ``vulkan`` where the GPUs compute with it."""
    room = cells(work, keys, local_window(model))
    run = _run(work, keys, room.streams, vulkan)
    chosen = _representatives(model, parts, placement)
    output = Home(placement.output_device, placement.output_device, {"output.weight": parts.head_bytes})
    # ``parts_of`` remembers the checkpoint with its model and so keeps it alive: its identity is never another's.
    key = (
        id(model), run, gpus, placement.pipelined, output.device, output.device == HOST and parts.head_bytes,
        room if vulkan else None,
        *[(number, home.device, home.expert_device, *home.tensors.items()) for number, _, home in chosen],
    )  # fmt: skip
    result = _results.get((key, room))
    if result is None:
        plan = _plans.get(key)
        if plan is None:
            graph = build_graph(model, run, [(group, home) for _, group, home in chosen], output)
            if vulkan:
                from vramfit.engines.llamacpp.vulkan import leave_to_cpu

                leave_to_cpu(graph, room)
            plan = programs(graph, gpus, placement.pipelined)
            if len(_plans) >= LARGEST_MEMORY:
                _plans.clear()
            _plans[key] = plan
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
            tuple([more - less for more, less in zip(grown, plain, strict=True)]),
        )
        if len(_results) >= LARGEST_MEMORY:
            _results.clear()
        _results[key, room] = result
    return result


def _run(work: Workload, keys: LlamaCppKeys, streams: int, vulkan: bool) -> Run:
    batch = physical_batch(work, keys)
    tokens = -(-batch // work.parallel) * work.parallel
    outputs = batch if keys.outputs == "batch" else min(batch, work.parallel)
    return Run(
        tokens, outputs, work.parallel, streams, work.flash_attention, work.kv_cache_type, work.kv_cache_type_v, vulkan
    )


def _representatives(model: Model, parts: Parts, placement: Placement) -> list[tuple[int, Layers, Home]]:
    """Layers enough to see every worst moment: each kind behind each other kind (twice where kinds mix), and the last two.

    Equal layers repeat the same moments, so a model of a hundred layers is as large as one of five. Where layers differ, the
    last three on a device stand before what comes next, since part of a layer may be computed within the next. Where a mix
    stores equal layers differently, the largest of each tensor stands for all.
    """
    group_of = [0] * model.layer_count
    for number, group in enumerate(model.layers):
        for index in group.indices:
            group_of[index] = number
    devices, offloaded, last = placement.layer_device, placement.cpu_moe_layers, model.layer_count - 2
    mixed = len(model.layers) > 1
    seen: dict[tuple[Kind | None, Kind], int] = {}
    largest: dict[Kind, dict[str, int]] = {}
    chosen: list[Kind] = []
    before: Kind | None = None
    for index, device in enumerate(devices):
        kind = (group_of[index], device, index < offloaded)
        if device == HOST or index < offloaded:
            held, sizes = largest.get(kind), parts.layer_tensors[index]
            if held is None:
                largest[kind] = sizes
            elif held is not sizes:
                largest[kind] = held | {name: size for name, size in sizes.items() if size > held.get(name, 0)}
        times = seen[before, kind] = seen.get((before, kind), 0) + 1
        if (
            times <= (2 if mixed else 1)
            or index >= last
            or (mixed and devices[index + 1 : index + 4].count(device) < 3)
        ):
            chosen.append(kind)
        before = kind
    return [
        (kind[0], model.layers[kind[0]], Home(kind[1], HOST if kind[2] else kind[1], largest.get(kind, {})))
        for kind in chosen
    ]


OFFLOAD_ROWS = 32
"""Least rows of a batch for which weights are copied to a GPU (``ggml-cuda.cu`` and others, ``offload_op``)."""

PIPELINE_COPIES = 4
"""Copies of every input that crosses devices while pipelining (``GGML_SCHED_MAX_COPIES``)."""

ALIGNMENT = 128
"""Tensors start at multiples of this many bytes (``ggml-cuda.cu``, ``ggml_backend_cuda_buffer_type_get_alignment``)."""


class Program:
    """What happens in one device's buffer: tensors that stay, and the coming and going of the others."""

    __slots__ = ("events", "permanent", "scratch", "sizes")

    def __init__(self) -> None:
        self.permanent: list[Size] = []
        self.sizes: list[Size] = []
        self.scratch: dict[int, Size] = {}
        """What some devices allocate beside a tensor, by its number."""
        self.events: list[int] = []

    def allocate(self, node: Node) -> int:
        """Notes a tensor that comes now; returns its number."""
        number = len(self.sizes)
        self.events.append(2 * number)
        self.sizes.append(node.size)
        if node.scratch != NOTHING:
            self.scratch[number] = node.scratch
        return number

    def peak_bytes(self, full: int, sliding: int, unpacking: bool = False, laid_out: LaidOut | None = None) -> int:
        """Size of the buffer when full and sliding layers have so many cells; ``unpacking`` adds the scratch.

        ``laid_out`` places the tensors; ``high_water`` unless given.
        """
        base = 0
        for constant, per_full, per_sliding in self.permanent:
            base += aligned(constant + per_full * full + per_sliding * sliding)
        # A graph has many tensors of few sizes.
        known = {size: aligned(size[0] + size[1] * full + size[2] * sliding) for size in set(self.sizes)}
        sizes = [known[size] for size in self.sizes]
        if unpacking:
            for number, size in self.scratch.items():
                sizes[number] += aligned(size[0] + size[1] * full + size[2] * sliding)
        return (laid_out or high_water)(self.events, sizes, base)


def programs(graph: Graph, gpus: int, pipelined: bool) -> dict[int | None, Program]:
    """One program for each device, ``HOST`` among them."""
    _assign(graph.nodes, gpus)
    steps, copies = _cut(graph.nodes)
    result: dict[int | None, Program] = {device: Program() for device in [*range(gpus), HOST]}
    for _, _, sources in steps:
        for source in sources:
            source.base.uses += 1
    host = result[HOST]
    for node in graph.inputs:
        node.kept = pipelined
        if pipelined:
            host.permanent += [node.size] * (PIPELINE_COPIES if node.uses else 1)
        else:
            node.slot = host.allocate(node)
    if pipelined:
        for copy in copies:
            copy.kept = True
            result[copy.device].permanent += [copy.size] * PIPELINE_COPIES
    for node, comes, sources in steps:
        if comes and not node.kept:
            heir = _heir(node, sources) if node.reuse else None
            if heir is None:
                node.slot = result[node.base.device].allocate(node)
            else:
                node.slot, heir.slot = heir.slot, None
        for source in sources:
            base = source.base
            base.uses -= 1
            if not base.uses and base.slot is not None:
                # The number of a tensor's coming is twice its own, that of its going one more.
                result[base.device].events.append(2 * base.slot + 1)
                base.slot = None
    return result


def _heir(node: Node, sources: tuple[Node, ...]) -> Node | None:
    """The source whose memory ``node`` takes over: alike, no view, and used by nothing else from here on."""
    for source in sources:
        if source.uses == 1 and source.slot is not None and source.size == node.size and source.device == node.device:
            return source
    return None


def _home(node: Node) -> int:
    device = node.base.device
    if device is None:
        raise AssertionError("every node has a device once the graph is assigned")
    return device


def _assign(nodes: list[Node], gpus: int) -> None:
    """Gives every node a device: weights first, then neighbours, GPUs before the host."""
    free = False
    before: int | None = None
    for node in nodes:
        if node.device is None:
            for source in node.sources:
                if source.weight:
                    offloaded = source.device == HOST and gpus and node.rows >= OFFLOAD_ROWS
                    node.device = 0 if offloaded else source.device
                    break
            else:
                # Behind a GPU's node its neighbour, as the first pass of ``_follow`` would have it.
                node.device = before
                free = free or before is None
        before = None if node.device == HOST else node.device
    if free:
        _follow(reversed(nodes), False)
        _follow(nodes, True)
        _follow(reversed(nodes), True)


def _follow(nodes: Iterable[Node], host_too: bool) -> None:
    device: int | None = None
    for node in nodes:
        if node.device is None:
            node.device = device
        else:
            device = node.device if host_too or node.device != HOST else None


def _cut(nodes: list[Node]) -> tuple[list[tuple[Node, bool, tuple[Node, ...]]], list[Node]]:
    """The steps in order, each a node, whether it comes to be, and what it uses; and the copies between devices."""
    steps: list[tuple[Node, bool, tuple[Node, ...]]] = []
    copies: dict[tuple[Node, int], Node] = {}
    here: int | None = None
    start = cut_inputs = 0
    for node in nodes:
        device = _home(node)
        used = node.sources
        away = [source for source in used if source.base.device != device]
        if device != here:
            here, start, cut_inputs = device, len(steps), 0
        if away:
            if cut_inputs and [source for source in away if source.weight]:
                start, cut_inputs = len(steps), 0
            for source in away:
                if (source, device) not in copies:
                    copy = copies[source, device] = Node(source.size)
                    copy.device = device
                    steps[start + cut_inputs : start + cut_inputs] = [(source, False, (source,)), (copy, True, ())]
                    cut_inputs += 2
            used = tuple([copies[source, device] if source in away else source for source in used])
        steps.append((node, not node.stored, used))
    return steps, list(copies.values())


def aligned(size: int) -> int:
    """``size`` rounded up to the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def high_water(events: Sequence[int], sizes: Sequence[int], base: int = 0) -> int:
    """The highest end reached when tensors come and go as ``events`` say, above ``base`` bytes that stay.

    An event is twice the number of a tensor when it is allocated, and one more when it is freed. ``sizes`` are aligned.
    """
    holes: list[list[int]] = []
    places: dict[int, int] = {}
    tail = peak = base
    for event in events:
        number = event >> 1
        size = sizes[number]
        if not size:
            continue
        if event & 1:
            tail = _free(holes, places[number], size, tail)
            continue
        best = None
        for hole in holes:
            if size <= hole[1] and (best is None or hole[1] <= best[1]):
                best = hole
        if best is None:
            places[number] = tail
            tail += size
            peak = max(peak, tail)
        else:
            places[number] = best[0]
            if best[1] == size:
                holes.remove(best)
            else:
                best[0] += size
                best[1] -= size
    return peak


def _free(holes: list[list[int]], start: int, size: int, tail: int) -> int:
    """Gives a place back; returns where the free space behind everything begins now."""
    end = start + size
    index = len(holes)
    while index and holes[index - 1][0] > start:
        index -= 1
    before = holes[index - 1] if index else None
    if before is not None and before[0] + before[1] == start:
        before[1] += size
        if index < len(holes) and holes[index][0] == end:
            before[1] += holes.pop(index)[1]
        elif end == tail:
            holes.pop(index - 1)
            return before[0]
        return tail
    if end == tail:
        return start
    if index < len(holes) and holes[index][0] == end:
        holes[index][0] = start
        holes[index][1] += size
    else:
        holes.insert(index, [start, size])
    return tail
