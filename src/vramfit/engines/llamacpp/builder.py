"""What every part of the graph is written with: the run, where the current layer is, and small common operations."""

from __future__ import annotations

from vramfit._record import record
from vramfit.engines.llamacpp.cache import local_window
from vramfit.engines.llamacpp.graph import HOST, Graph

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.engines.llamacpp.graph import Node, Size
    from vramfit.model import Model


@record
class Run:
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


@record
class Home:
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
        graph, biased = self.graph, bool(self.model.traits.get("norm_bias"))
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
