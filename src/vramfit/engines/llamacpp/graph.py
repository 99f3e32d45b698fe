"""A compute graph as the allocator sees it: tensors of some size, in the order they are computed.

As in ggml a tensor is declared first and gets its turn when something that needs it is ``expand``-ed: sources first, from
left to right (ggml-org/llama.cpp v0.5.0 ``ggml/src/ggml.c``, ``ggml_build_forward_expand``).

Sizes depend on the cells of the cache, which searches vary, so each is three numbers: constant bytes, bytes per cell
of a full layer, bytes per cell of a sliding layer. A graph is built once and laid out for any context.

``Builder`` is what every part of a graph is written with: the run, where the current layer is, small common operations.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.llamacpp.placement import HOST, local_window, widest_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.model import Model

    Size = tuple[int, int, int]

NOTHING: Size = (0, 0, 0)


class Node:
    """A tensor: computed, stored (weight or cache), given (input), or a view of another."""

    __slots__ = (
        "base", "device", "given", "kept", "placed", "reuse", "rows", "scratch", "size", "slot",
        "sources", "stored", "uses", "weight",
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
        self.uses = 0
        """Steps that still read it or a view of it."""
        self.slot: int | None = None
        """Number of its place in the buffer of its device while it has one."""


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
                self._place(node)

    def _place(self, node: Node) -> None:
        node.placed = True
        for source in node.sources:
            if not source.placed:
                self._place(source)
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


class Run(Record):
    """What of a workload shapes the graph; the cells come in when it is laid out."""

    tokens: int
    """Tokens of one pass, a multiple of ``sequences``."""
    outputs: int
    """Rows of logits."""
    sequences: int
    streams: int
    """Caches side by side: one per sequence, or one when unified."""
    flash_attention: bool
    key_type: str
    value_type: str
    vulkan: bool = False
    """Whether a GPU computes with Vulkan, which leaves some operations to the CPU (module ``vulkan``)."""


class Home(Record):
    """Where a layer is: the device of its weights and cache, of its routed experts, and the bytes of its tensors."""

    device: int
    expert_device: int
    tensors: Mapping[str, int]
    """Bytes by name; read only for what is in host memory and may be copied to a GPU."""


def per_cell(size: int, sliding: bool) -> Size:
    """A size of so many bytes for each cell of a layer."""
    return (0, 0, size) if sliding else (0, size, 0)


class Builder:
    """Writes the graph of a model for a run, layer by layer."""

    def __init__(self, model: Model, run: Run) -> None:
        self.model = model
        self.run = run
        self.graph = Graph(run.tokens)
        self.windowed = local_window(model) is not None
        self.widest_value = widest_value(model)
        self.stream_first = model.architecture.gguf in ("lfm2", "lfm2moe")
        self.rows = run.tokens
        """Rows still in flight: only the output rows behind the last layer's mixer."""
        self.home = Home(HOST, HOST, {})
        self.together = False
        """Whether products that do not wait for each other come together: not where each waits for its weight."""
        self.meanwhile: Node | None = None
        """What can be computed before the attention is."""
        self.positions = self.graph.given((4 * run.tokens, 0, 0))
        self._masks: dict[bool, Node] = {}
        self._rotations: dict[tuple[bool, int], Node] = {}
        self._slots: dict[tuple[bool, bool], Node] = {}

    def at(self, home: Home) -> None:
        """Goes on to a layer, or to the output."""
        self.home = home
        self.together = home.device != HOST

    def weight(self, name: str, inputs: int, outputs: int) -> Node:
        """A matrix of the current layer; its bytes from the checkpoint, or as F32 for what is not stored by name."""
        home = self.home
        size = home.tensors.get(f"{name}.weight", 4 * inputs * outputs) if home.tensors else 0
        device = home.expert_device if "_exps" in name else home.device
        return self.graph.stored((size, 0, 0), device, weight=True)

    def vector(self, width: int) -> Node:
        """A norm, a bias or another small F32 tensor of the current layer."""
        return self.graph.stored((4 * width, 0, 0), self.home.device, weight=True)

    def linear(self, name: str, source: Node, inputs: int, outputs: int, bias: bool = False) -> Node:
        """``source`` times a matrix, and its bias."""
        result = self.graph.wide(outputs, self.weight(name, inputs, outputs), source, rows=self.rows)
        return self.graph.same(result, self.vector(outputs)) if bias else result

    def norm(self, source: Node, width: int) -> Node:
        """RMSNorm, or LayerNorm with a bias; only the former may be written over its source."""
        graph, biased = self.graph, bool(self.model.traits.norm_bias)
        scaled = graph.same(graph.put(source.size, source, rows=self.rows, reuse=not biased), self.vector(width))
        return graph.same(scaled, self.vector(width)) if biased else scaled

    def input_slots(self, sliding: bool, value: bool, rows: int) -> Node:
        """The cells (64-bit numbers) that rows of K or V are written to."""
        key = (sliding, value)
        if key not in self._slots:
            self._slots[key] = self.graph.given((8 * rows, 0, 0))
        return self._slots[key]

    def mask(self, sliding: bool) -> Node:
        """The attention mask, one number for each token and cell of its stream: F16 for flash attention, else F32."""
        if sliding not in self._masks:
            width = 2 if self.run.flash_attention else 4
            self._masks[sliding] = self.graph.given(per_cell(width * self.run.tokens, sliding))
        return self._masks[sliding]

    def rotated(self, source: Node, side: int, sliding: bool) -> Node:
        """K, Q or V turned by a Hadamard matrix, which a quantized cache needs (``llama-kv-cache.cpp``, attn_rot)."""
        key = (sliding, side)
        if key not in self._rotations:
            self._rotations[key] = self.graph.given((4 * side * side, 0, 0))
        return self.graph.put(source.size, self._rotations[key], self.graph.view(source))
