"""A compute graph as the allocator sees it: tensors of some size, in the order they are computed.

As in ggml a tensor is declared first and gets its turn when something that needs it is ``expand``-ed: sources first, from
left to right (ggml-org/llama.cpp v0.5.0 ``ggml/src/ggml.c``, ``ggml_build_forward_expand``).

Sizes depend on the cells of the cache, which searches vary, so each is three numbers: constant bytes, bytes per cell
of a full layer, bytes per cell of a sliding layer. A graph is built once and laid out for any context.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    Size = tuple[int, int, int]

HOST = -1
"""The device number of host memory; GPUs count from 0."""

NOTHING: Size = (0, 0, 0)


class Node:
    """A tensor: computed, stored (weight or cache), given (input), or a view of another."""

    __slots__ = (
        "base", "device", "given", "kept", "placed", "reuse", "rows", "scratch", "size", "sources", "stored", "weight",
    )  # fmt: skip

    def __init__(self, size: Size, sources: tuple[Node, ...] = (), rows: int = 0, reuse: bool = False) -> None:
        self.size = size
        self.sources = sources
        """What it is computed from."""
        self.rows = rows
        """Rows of the batch the operation works on: few rows are not worth moving weights to a GPU."""
        self.reuse = reuse
        """True for operations that may write over a source of the same layout."""
        self.base = self
        """The tensor this is a view of; itself for others."""
        self.scratch = NOTHING
        """What some devices allocate beside it to compute it."""
        self.device: int | None = None
        """Where it is, once known."""
        self.stored = False
        """True for weights and caches, which have memory of their own."""
        self.weight = False
        self.given = False
        """True for inputs of the graph."""
        self.kept = False
        """True for what must outlive the graph: inputs and copies under pipelining."""
        self.placed = False
        """True once it has its turn."""


class Graph:
    """Tensors and their order. Elements are 32-bit floats unless a size says otherwise."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.nodes: list[Node] = []
        self.inputs: list[Node] = []

    def given(self, size: Size) -> Node:
        """An input, written by the host before each run."""
        node = Node(size)
        node.given = node.placed = True
        node.device = HOST
        self.inputs.append(node)
        return node

    def stored(self, size: Size, device: int, weight: bool = False) -> Node:
        """A weight or a cache on ``device``; ``size`` matters only where it must be copied elsewhere."""
        node = Node(size)
        node.device = device
        node.stored = node.placed = True
        node.weight = weight
        return node

    def expand(self, *wanted: Node) -> None:
        """Gives the turn to what is wanted, and before it to all it is computed from."""
        for node in wanted:
            if not node.placed:
                node.placed = True
                self.expand(*node.sources)
                if node.base is node:
                    self.nodes.append(node)

    def put(self, size: Size, *sources: Node, rows: int | None = None, reuse: bool = False) -> Node:
        """A computed tensor of any size."""
        return Node(size, sources, self.tokens if rows is None else rows, reuse)

    def wide(self, width: int, *sources: Node, rows: int | None = None, reuse: bool = False) -> Node:
        """A computed tensor of ``width`` floats for each row."""
        count = self.tokens if rows is None else rows
        return Node((4 * width * count, 0, 0), sources, count, reuse)

    def same(self, source: Node, *others: Node) -> Node:
        """An element-wise result shaped like ``source``, which may be written over it."""
        return Node(source.size, (source, *others), source.rows, True)

    def store(self, cache: Node, *sources: Node) -> None:
        """Writes into a cache, on the cache's device, now."""
        node = Node(NOTHING, (*sources, cache), self.tokens)
        node.stored = True
        node.device = cache.device
        self.expand(node)

    def view(self, source: Node, size: Size | None = None) -> Node:
        """The same memory seen otherwise; ``size`` is the stretch of memory it spans."""
        node = Node(source.size if size is None else size, (source,), source.rows)
        node.base = source.base
        return node
