"""Compute buffers: memory that the largest graph needs in addition to weights and cache, device by device.

Before the first token llama.cpp allocates buffers for one pass of ``n_ubatch`` tokens over a full cache
(ggml-org/llama.cpp v0.5.0 ``src/llama-context.cpp``, ``sched_reserve``), and they never grow. ``layers`` builds that graph.

``ggml/src/ggml-backend.cpp`` (``ggml_backend_sched_split_graph``) assigns operations to devices. An operation runs on the
device of its weight, or on the first GPU if the weight is in host memory and the batch is large enough to be worth the
copy. Operations without weights follow their neighbours. The graph is divided where the device changes, and before each
copied weight, so that the previous copy can be freed. Tensors from other devices are copied when a division begins.

``ggml-alloc.c`` then gives each tensor a place in the buffer of its device: the smallest hole that is large enough, or
else the end. Adjacent holes are merged. The size of the buffer is the highest end ever reached, so it depends not only on
the tensors that exist at the peak but also on the holes between them that are too small to be used.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.llamacpp.graph import NOTHING, Home, Node, Run
from vramfit.engines.llamacpp.layers import build_graph
from vramfit.engines.llamacpp.placement import HOST, cells, local_window, physical_batch
from vramfit.memory.kv_cache import caches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vramfit.engines.llamacpp.graph import Graph, Size
    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.engines.llamacpp.placement import Cells, Parts, Placement
    from vramfit.model import Model
    from vramfit.model.architecture import Layers
    from vramfit.workload.common import Workload

    Kind = tuple[int, int, bool, tuple[tuple[str, int], ...]]
    Plan = dict[int | None, "Program"]
    LaidOut = Callable[[Sequence[int], Sequence[int], int], int]


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
    chosen = _representatives(model, parts, placement)
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


def _representatives(model: Model, parts: Parts, placement: Placement) -> list[tuple[int, Layers, Home]]:
    """Select layers that are enough to reach the peak of the buffers: index of the group, the group, and its devices.

    Equal layers repeat the same allocations, so a graph of a few layers has the same peak as one of a hundred. Selected
    are each kind of layer after each other kind (twice if the model has several kinds) and the last two layers. If the
    layers differ, the last three on a device are selected too, since part of a layer may be computed within the next. If a
    quantization mix stores equal layers in different types, the largest size of each tensor is used for all of them.

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
            or times <= (2 if mixed else 1)
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


OFFLOAD_ROWS = 32
"""Smallest number of rows of a batch for which weights are copied to a GPU (``ggml-cuda.cu`` and others, ``offload_op``)."""

PIPELINE_COPIES = 4
"""Number of copies of every input that crosses devices under pipeline parallelism (``GGML_SCHED_MAX_COPIES``)."""

ALIGNMENT = 128
"""Number of bytes that tensors start at a multiple of (``ggml-cuda.cu``, ``ggml_backend_cuda_buffer_type_get_alignment``)."""


class Program:
    """Allocations in one device's buffer: permanent tensors, and the order in which others are allocated and freed."""

    __slots__ = ("events", "permanent", "scratch", "sizes")

    def __init__(self) -> None:
        self.permanent: list[Size] = []
        self.sizes: list[Size] = []
        self.scratch: dict[int, Size] = {}
        """Size of the memory that some devices allocate to compute a tensor, by the tensor's number."""
        self.events: list[int] = []

    def allocate(self, node: Node) -> int:
        """Record the allocation of a tensor, and return the number that it gets."""
        number = len(self.sizes)
        self.events.append(2 * number)
        self.sizes.append(node.size)
        if node.scratch != NOTHING:
            self.scratch[number] = node.scratch
        return number

    def peak_bytes(self, full: int, sliding: int, unpacking: bool = False, laid_out: LaidOut | None = None) -> int:
        """Bytes of the buffer if full and sliding layers have ``full`` and ``sliding`` cells.

        ``unpacking`` adds the memory for unpacking the cache. ``laid_out`` is the function that places the tensors, by
        default ``high_water``.
        """
        base = 0
        for constant, per_full, per_sliding in self.permanent:
            base += aligned(constant + per_full * full + per_sliding * sliding)
        # A graph has many tensors, but only a few different sizes.
        known = {size: aligned(size[0] + size[1] * full + size[2] * sliding) for size in set(self.sizes)}
        sizes = [known[size] for size in self.sizes]
        if unpacking:
            for number, size in self.scratch.items():
                sizes[number] += aligned(size[0] + size[1] * full + size[2] * sliding)
        return (laid_out or high_water)(self.events, sizes, base)


def programs(graph: Graph, gpus: int, pipelined: bool) -> dict[int | None, Program]:
    """Assign a graph to devices, and return the allocations of each device, ``HOST`` included."""
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
                # The event of an allocation is twice the number of the tensor, that of freeing it one more.
                result[base.device].events.append(2 * base.slot + 1)
                base.slot = None
    return result


def _heir(node: Node, sources: tuple[Node, ...]) -> Node | None:
    """Source whose memory ``node`` can take over: equal in size and device, no view, and not used afterwards."""
    for source in sources:
        if source.uses == 1 and source.slot is not None and source.size == node.size and source.device == node.device:
            return source
    return None


def _assign(nodes: list[Node], gpus: int) -> None:
    """Give every node a device: first by weights, then by neighbours, of which GPUs take precedence over the host."""
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
                # A node after one on a GPU goes to the same GPU, like the first pass of ``_follow`` would decide.
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
    """Divide the graph by device: the steps in order, and the copies between devices.

    A step consists of a node, True if the node is allocated in it, and the nodes that it uses.
    """
    steps: list[tuple[Node, bool, tuple[Node, ...]]] = []
    copies: dict[tuple[Node, int], Node] = {}
    here: int | None = None
    start = cut_inputs = 0
    for node in nodes:
        device = node.base.device
        if device is None:
            raise AssertionError("every node has a device once the graph is assigned")
        used = node.sources
        if device != here:
            here, start, cut_inputs = device, len(steps), 0
        for source in used:
            if source.base.device != device:
                break
        else:
            steps.append((node, not node.stored, used))
            continue
        away = [source for source in used if source.base.device != device]
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
    """Round ``size`` in bytes up to a multiple of the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def high_water(events: Sequence[int], sizes: Sequence[int], base: int = 0) -> int:
    """Highest end in bytes that is reached if tensors are allocated and freed in the order of ``events``.

    An event is twice the number of a tensor for its allocation, and one more for freeing it. ``sizes`` are the aligned
    bytes of the tensors by number, and ``base`` is the number of bytes of permanent tensors before them.
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
    """Free a place, and return the start of the free space at the end of the buffer."""
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
