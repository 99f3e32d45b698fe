"""Compute graph of a model for the allocator: sizes of tensors, in the order in which they are computed.

Like in ggml, a tensor is declared first, and added to the order when a tensor that needs it is expanded: sources first,
from left to right (ggml-org/llama.cpp v0.5.0 ``ggml/src/ggml.c``, ``ggml_build_forward_expand``).

Sizes depend on the number of cells in the cache, which changes during a search. So a size consists of three numbers:
constant bytes, bytes per cell of a full layer, and bytes per cell of a sliding layer. A graph is built once and can be
laid out for any context.

The functions that build a graph use a ``Builder``, which has the run, the devices of the current layer, and common
operations.
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
    """Tensor of a graph: computed, stored (a weight or cache), given (an input), or a view of another tensor."""

    __slots__ = (
        "base", "device", "given", "kept", "placed", "reuse", "rows", "scratch", "size", "slot",
        "sources", "stored", "uses", "weight",
    )  # fmt: skip

    def __init__(self, size: Size, sources: tuple[Node, ...] = (), rows: int = 0, reuse: bool = False) -> None:
        self.size = size
        self.sources = sources
        """Tensors that it is computed from."""
        self.rows = rows
        """Number of rows of the batch in the operation. For few rows, weights are not copied to a GPU."""
        self.reuse = reuse
        """True for an operation that may overwrite a source of the same layout."""
        self.base = self
        """Tensor that this one is a view of; the tensor itself if it is no view."""
        self.scratch = NOTHING
        """Size of the memory that some devices allocate in addition to compute the tensor."""
        self.device: int | None = None
        """Number of the device; None until it is assigned."""
        self.stored = False
        """True for weights and caches, which are not in the compute buffer."""
        self.weight = False
        self.given = False
        """True for inputs of the graph."""
        self.kept = False
        """True for tensors that are never freed: inputs and copies under pipeline parallelism."""
        self.placed = False
        """True if the tensor is in the order of computation."""
        self.uses = 0
        """Number of steps that still read the tensor or a view of it."""
        self.slot: int | None = None
        """Number that the tensor has in the buffer of its device; None while it is not allocated."""


class Graph:
    """Tensors in the order of computation. Elements are 32-bit floats unless a size is given."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens
        self.nodes: list[Node] = []
        self.inputs: list[Node] = []
        self._weights: dict[int, Node] = {}

    def given(self, size: Size) -> Node:
        """Declare an input, which the host writes before each run."""
        node = Node(size)
        node.given = node.placed = True
        node.device = HOST
        self.inputs.append(node)
        return node

    def stored(self, size: Size, device: int, weight: bool = False) -> Node:
        """Declare a weight or a cache on ``device``; ``size`` is used only if it is copied to another device.

        An operation runs where its weight is, unless that is the host, so a weight on a GPU is never copied, and one
        tensor stands for all those of a GPU.
        """
        if weight and device != HOST:
            known = self._weights.get(device)
            if known is not None:
                return known
        node = Node(size)
        node.device = device
        node.stored = node.placed = True
        node.weight = weight
        if weight and device != HOST:
            self._weights[device] = node
        return node

    def expand(self, *wanted: Node) -> None:
        """Append tensors to the order of computation, each after the tensors that it is computed from."""
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
        """Declare a computed tensor of any size."""
        return Node(size, sources, self.tokens if rows is None else rows, reuse)

    def wide(self, width: int, *sources: Node, rows: int | None = None, reuse: bool = False) -> Node:
        """Declare a computed tensor of ``width`` floats for each row."""
        count = self.tokens if rows is None else rows
        return Node((4 * width * count, 0, 0), sources, count, reuse)

    def same(self, source: Node, *others: Node) -> Node:
        """Declare an element-wise result with the shape of ``source``, which it may overwrite."""
        return Node(source.size, (source, *others), source.rows, True)

    def store(self, cache: Node, *sources: Node) -> None:
        """Append an operation that writes into a cache, on the device of the cache."""
        node = Node(NOTHING, (*sources, cache), self.tokens)
        node.stored = True
        node.device = cache.device
        self.expand(node)

    def view(self, source: Node, size: Size | None = None) -> Node:
        """Declare a view of a tensor's memory; ``size`` is the size of the part that it spans, by default the whole."""
        node = Node(source.size if size is None else size, (source,), source.rows)
        node.base = source.base
        return node


class Run(Record):
    """Properties of a workload that determine the graph; the number of cells is not needed until it is laid out."""

    tokens: int
    """Number of tokens of one pass, a multiple of ``sequences``."""
    outputs: int
    """Number of rows of logits."""
    sequences: int
    streams: int
    """Number of separate caches: one per sequence, or one for all sequences if unified."""
    flash_attention: bool
    key_type: str
    value_type: str
    states: int = 1
    """Number of recurrent states that each sequence keeps: more than one to go back over rejected drafts."""
    whole: bool = False
    """True if the last layer is computed for all tokens, and only the logits for the output rows: in a prediction head,
    and in the model whose residual it reads (``llama_set_embeddings_nextn``, not masked)."""
    vulkan: bool = False
    """True if a GPU uses the Vulkan backend, which leaves some operations to the CPU (module ``vulkan``)."""
    kv_offload: bool = True
    """False if caches and states are in host memory, whatever the device of their layer."""
    table_device: int = HOST
    """Number of the device of the input embedding."""


class Home(Record):
    """Devices of a layer: that of its weights and cache, and that of its routed experts; and the bytes of its tensors."""

    device: int
    expert_device: int
    tensors: Mapping[str, int]
    """Bytes of the layer's tensors by name, used only for those in host memory that may be copied to a GPU."""
    moved: tuple[tuple[str, int], ...] = ()
    """Names of tensors that are placed by name, with their devices."""


def per_cell(size: int, sliding: bool) -> Size:
    """Size of ``size`` bytes for each cell of a full or sliding layer."""
    return (0, 0, size) if sliding else (0, size, 0)


class Builder:
    """Builder of the graph of a model for a run, layer by layer."""

    def __init__(self, model: Model, run: Run) -> None:
        self.model = model
        self.run = run
        self.graph = Graph(run.tokens)
        self.windowed = local_window(model) is not None
        self.widest_value = widest_value(model)
        self.stream_first = model.architecture.gguf in ("lfm2", "lfm2moe")
        self.rows = run.tokens
        """Number of rows that are computed: only the output rows after the token mixer of the last layer."""
        self.home = Home(HOST, HOST, {})
        self.together = False
        """True if independent products are computed together. They are not if each waits for its weight to be copied."""
        self.meanwhile: Node | None = None
        """Tensor that can be computed before the attention; None if there is none."""
        self.positions = self.graph.given((4 * run.tokens, 0, 0))
        self.selected: Node | None = None
        """Numbers of the cells that the last indexer selected; None if there was none."""
        self._shared: dict[str, Node] = {}
        self._masks: dict[bool, Node] = {}
        self._rotations: dict[tuple[bool, int], Node] = {}
        self._slots: dict[tuple[bool, bool], Node] = {}

    def at(self, home: Home) -> None:
        """Set the devices of the layer, or of the output, that is built next."""
        self.home = home
        self.together = home.device != HOST

    def weight(self, name: str, inputs: int, outputs: int) -> Node:
        """Declare a matrix of the current layer, with its bytes in the checkpoint, or as F32 if it has another name there."""
        home = self.home
        size = home.tensors.get(f"{name}.weight", 4 * inputs * outputs) if home.tensors else 0
        device = home.expert_device if "_exps" in name else home.device
        if home.moved:
            device = dict(home.moved).get(f"{name}.weight", device)
        return self.graph.stored((size, 0, 0), device, weight=True)

    @property
    def kept_on(self) -> int:
        """Number of the device of the current layer's cache or states."""
        return self.home.device if self.run.kv_offload else HOST

    def vector(self, width: int) -> Node:
        """Declare a norm, a bias or another small F32 tensor of the current layer."""
        return self.graph.stored((4 * width, 0, 0), self.home.device, weight=True)

    def linear(self, name: str, source: Node, inputs: int, outputs: int, bias: bool = False) -> Node:
        """Declare the product of ``source`` and a matrix of the current layer, with a bias if ``bias``."""
        result = self.graph.wide(outputs, self.weight(name, inputs, outputs), source, rows=self.rows)
        return self.graph.same(result, self.vector(outputs)) if bias else result

    def norm(self, source: Node, width: int) -> Node:
        """Declare an RMSNorm, or for some models a LayerNorm with a bias; only an RMSNorm may overwrite its source."""
        graph, biased = self.graph, bool(self.model.traits.norm_bias)
        scaled = graph.same(graph.put(source.size, source, rows=self.rows, reuse=not biased), self.vector(width))
        return graph.same(scaled, self.vector(width)) if biased else scaled

    def input_slots(self, sliding: bool, value: bool, rows: int) -> Node:
        """Input with the numbers of the cells, 64-bit each, that rows of K or V are written to."""
        key = (sliding, value)
        if key not in self._slots:
            self._slots[key] = self.graph.given((8 * rows, 0, 0))
        return self._slots[key]

    def shared(self, name: str, size: Size) -> Node:
        """Input that all layers read."""
        if name not in self._shared:
            self._shared[name] = self.graph.given(size)
        return self._shared[name]

    def mask(self, sliding: bool) -> Node:
        """Input with the attention mask, a number for each token and cell: F16 for flash attention, else F32."""
        if sliding not in self._masks:
            width = 2 if self.run.flash_attention else 4
            self._masks[sliding] = self.graph.given(per_cell(width * self.run.tokens, sliding))
        return self._masks[sliding]

    def rotated(self, source: Node, side: int, sliding: bool) -> Node:
        """Declare Q, K or V rotated by a Hadamard matrix, for a quantized cache (``llama-kv-cache.cpp``, attn_rot)."""
        key = (sliding, side)
        if key not in self._rotations:
            self._rotations[key] = self.graph.given((4 * side * side, 0, 0))
        return self.graph.put(source.size, self._rotations[key], self.graph.view(source))
