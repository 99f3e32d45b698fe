"""Schedule of a graph over devices, and the sizes of the buffers that its tensors are placed in.

``ggml/src/ggml-backend.cpp`` (``ggml_backend_sched_split_graph``) assigns operations to devices. An operation runs on the
device of its weight, or on the first GPU if the weight is in host memory and the batch is large enough to be worth the
copy. Operations without weights follow their neighbours. The graph is divided where the device changes, and before each
copied weight, so that the previous copy can be freed. Tensors from other devices are copied when a division begins.

``ggml-alloc.c`` then gives each tensor a place in the buffer of its device: the smallest hole that is large enough, or
else the end. Adjacent holes are merged. The size of the buffer is the highest end ever reached, so it depends not only on
the tensors that exist at the peak but also on the holes between them that are too small to be used.
"""

from __future__ import annotations

from vramfit.engines.llamacpp.graph import NOTHING, Node
from vramfit.engines.llamacpp.placement import HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vramfit.engines.llamacpp.graph import Graph, Size

    LaidOut = Callable[[Sequence[int], Sequence[int], int], int]

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
