"""Who computes what, what is copied between devices for it, and when each tensor comes and goes.

The rules are those of ggml-org/llama.cpp v0.5.0 ``ggml/src/ggml-backend.cpp`` (``ggml_backend_sched_split_graph``) and
``ggml-alloc.c``: an operation runs where its weight is, or on the first GPU if the weight is in host memory and the batch
is worth the copy; operations without weights follow their neighbours; the graph is cut where the device changes and
before each copied weight, so that the copy before it can go; what a cut needs from elsewhere is copied when it begins.
"""

from __future__ import annotations

from vramfit.engines.llamacpp.allocator import aligned, high_water
from vramfit.engines.llamacpp.graph import HOST, NOTHING, Node

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.engines.llamacpp.graph import Graph, Size

OFFLOAD_ROWS = 32
"""Least rows of a batch for which weights are copied to a GPU (``ggml-cuda.cu`` and others, ``offload_op``)."""

PIPELINE_COPIES = 4
"""Copies of every input that crosses devices while pipelining (``GGML_SCHED_MAX_COPIES``)."""


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

    def free(self, number: int) -> None:
        """Notes that a tensor goes now."""
        self.events.append(2 * number + 1)

    def peak_bytes(self, full: int, sliding: int, unpacking: bool = False) -> int:
        """Size of the buffer when full and sliding layers have so many cells; ``unpacking`` adds the scratch."""
        base = 0
        for constant, per_full, per_sliding in self.permanent:
            base += aligned(constant + per_full * full + per_sliding * sliding)
        sizes = [aligned(size[0] + size[1] * full + size[2] * sliding) for size in self.sizes]
        if unpacking:
            for number, size in self.scratch.items():
                sizes[number] += aligned(size[0] + size[1] * full + size[2] * sliding)
        return high_water(self.events, sizes, base)


def programs(graph: Graph, gpus: int, pipelined: bool) -> dict[int, Program]:
    """One program for each device, ``HOST`` among them."""
    _assign(graph.nodes, gpus)
    steps, copies = _cut(graph.nodes)
    result = {device: Program() for device in [*range(gpus), HOST]}
    uses: dict[Node, int] = {}
    for _, _, sources in steps:
        for source in sources:
            uses[source.base] = uses.get(source.base, 0) + 1
    slots: dict[Node, int] = {}
    for node in graph.inputs:
        node.kept = pipelined
        if pipelined:
            result[HOST].permanent += [node.size] * (PIPELINE_COPIES if node in uses else 1)
        else:
            slots[node] = result[HOST].allocate(node)
    if pipelined:
        for copy in copies:
            copy.kept = True
            result[_home(copy)].permanent += [copy.size] * PIPELINE_COPIES
    for node, comes, sources in steps:
        if comes and not node.kept:
            heir = _heir(node, sources, uses, slots) if node.reuse else None
            slots[node] = result[_home(node)].allocate(node) if heir is None else slots.pop(heir)
        for source in sources:
            base = source.base
            uses[base] -= 1
            if not uses[base] and base in slots:
                result[_home(base)].free(slots.pop(base))
    return result


def _heir(node: Node, sources: tuple[Node, ...], uses: dict[Node, int], slots: dict[Node, int]) -> Node | None:
    """The source whose memory ``node`` takes over: alike, no view, and used by nothing else from here on."""
    for source in sources:
        if source in slots and uses[source] == 1 and source.size == node.size and source.device == node.device:
            return source
    return None


def _home(node: Node) -> int:
    device = node.base.device
    if device is None:
        raise AssertionError("every node has a device once the graph is assigned")
    return device


def _assign(nodes: list[Node], gpus: int) -> None:
    """Gives every node a device: weights first, then neighbours, GPUs before the host."""
    for node in nodes:
        if node.device is not None:
            continue
        for source in node.sources:
            if source.weight:
                offloaded = source.device == HOST and gpus and node.rows >= OFFLOAD_ROWS
                node.device = 0 if offloaded else source.device
                break
    for host_too in (False, True):
        _follow(nodes, host_too)
        _follow(reversed(nodes), host_too)


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
        moved = any(source.weight and source.device != device for source in node.sources)
        if device != here or (moved and cut_inputs):
            here, start, cut_inputs = device, len(steps), 0
        resolved = []
        for source in node.sources:
            if _home(source) != device:
                copy = copies.get((source, device))
                if copy is None:
                    copy = Node(source.size)
                    copy.device = device
                    copies[source, device] = copy
                    steps[start + cut_inputs : start + cut_inputs] = [(source, False, (source,)), (copy, True, ())]
                    cut_inputs += 2
                resolved.append(copy)
            else:
                resolved.append(source)
        steps.append((node, not node.stored, tuple(resolved)))
    return steps, list(copies.values())
