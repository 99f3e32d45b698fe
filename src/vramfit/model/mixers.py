"""Token mixers that few models have: attention to compressed tokens, and recurrent states of several kinds.

They answer as the kinds in ``architecture`` do, and stand apart because a check of most models needs none of them.
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.model.architecture import Cache, Widths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from vramfit.model.architecture import Attention, LatentAttention
    from vramfit.model.kinds import Count


def state(
    layers: tuple[int, ...],
    kernel: int,
    channels: int,
    recurrent: int,
    *,
    convolution_bytes: int = 0,
    recurrent_bytes: int = 4,
) -> Cache:
    """State of constant size: the last inputs of a convolution over ``channels``, and ``recurrent`` elements.

    Source: llama.cpp ``src/llama-hparams.cpp``, ``n_embd_r`` and ``n_embd_s``.
    """
    return Cache(
        "state",
        layers,
        convolution_elements=max(0, kernel - 1) * channels,
        recurrent_elements=recurrent,
        convolution_kernel=kernel,
        convolution_bytes=convolution_bytes,
        recurrent_bytes=recurrent_bytes,
    )


@record
class CompressedAttention:
    """DeepSeek-V4's attention: a window of plain tokens, and behind it groups of tokens compressed into one entry each.

    One head, ``head_dim`` wide, serves as key and value of all query heads, so an entry is cached once, not twice.
    """

    kind = "compressed"

    heads: int
    head_dim: int
    query_rank: int
    window: int
    """Tokens kept as they are; the only ones where ``ratio`` is 0."""
    ratio: int
    """Tokens that become one cached entry: 4 (sparse, picked by an indexer), 128 (all attended), 0 (none)."""
    output_groups: int
    output_rank: int
    """The output projection is low-rank and block-diagonal: each group of heads is reduced to this width first."""
    indexer_dim: int | None = None
    """Width of the indexer's key, one for each compressed entry, where an indexer picks entries."""
    indexer_heads: int | None = None

    @property
    def widths(self) -> Widths:
        """Widths of queries and results, and of the one head that is key and value."""
        query = self.heads * self.head_dim
        return Widths(self.heads, 0, 1, query, self.head_dim, 0, query, self.window)

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """A window of plain tokens, and behind it an entry for each group of them."""
        index = self.indexer_dim or 0
        return Cache("compressed", layers, self.head_dim, 0, self.window, index_width=index, ratio=self.ratio)


@record
class StateSpace:
    """A Mamba layer: a recurrent state of constant size instead of a cache."""

    kind: Literal["mamba1", "mamba2"]
    """Which of the two forms it has."""
    inner: Count
    """Width inside the block, d_inner."""
    state: Count
    """Elements of state for each channel, d_state."""
    conv: Count
    """Kernel of the causal convolution, d_conv."""
    groups: Count = 1
    """Groups that share B and C, n_groups (Mamba 2)."""
    heads: Count = 0
    """Heads of the state (Mamba 2); 0 without."""
    dt_rank: Count = 0
    """Rank of the step-size projection (Mamba 1); 0 without."""

    @property
    def widths(self) -> Widths:
        """Widths of both halves of the block, going in and coming out, and of B and C."""
        return Widths(working=4 * self.inner + 2 * self.groups * self.state)

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """Last inputs of the convolution, which in Mamba 2 takes B and C as well, and the state of each channel."""
        convolved = self.inner + (2 * self.groups * self.state if self.kind == "mamba2" else 0)
        return state(layers, self.conv, convolved, self.state * self.inner)


@record
class LinearAttention:
    """Attention with a matrix state instead of a cache."""

    kind: Literal["gated_delta_net", "kda", "lightning"]
    """Gated delta net (Qwen3-Next, Qwen3.5), Kimi delta attention, or lightning attention (MiniMax-01)."""
    key_heads: Count
    """Heads of queries and keys."""
    value_heads: Count
    """Heads of values, each with a state of its own."""
    key_dim: Count
    """Width of one key head."""
    value_dim: Count
    """Width of one value head."""
    conv: Count = 0
    """Kernel of the short convolution before it; 0 without one."""

    @property
    def widths(self) -> Widths:
        """Widths of queries, keys, values, gates and results."""
        return Widths(working=2 * self.key_heads * self.key_dim + 3 * self.value_heads * self.value_dim)

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """Last inputs of the convolution, and a matrix for each value head; lightning's has the model's type."""
        convolved = 2 * self.key_heads * self.key_dim + self.value_heads * self.value_dim
        matrix = self.value_heads * self.key_dim * self.value_dim
        return state(layers, self.conv, convolved, matrix, recurrent_bytes=0 if self.kind == "lightning" else 4)


@record
class ShortConvolution:
    """A gated short convolution (LFM2): keeps the last ``kernel - 1`` inputs."""

    kind = "convolution"

    kernel: int

    @property
    def widths(self) -> Widths:
        """Widths of attention, of which it has none."""
        return Widths()

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """Last inputs of the convolution."""
        return state(layers, self.kernel, hidden, 0)


@record
class FixedState:
    """A state of constant size of a kind without a rule of its own (RWKV, xLSTM, convolutions beside attention)."""

    kind: str
    """Name of the kind, for reports."""
    channels: int = 0
    """Channels of which a convolution keeps the last inputs."""
    conv: int = 0
    """Kernel of that convolution; 0 without one."""
    elements: int = 0
    """Elements of the recurrent state of one sequence."""
    element_bytes: int = 0
    """Bytes of one of them; 0 where the state has the model's own type."""
    conv_bytes: int = 0
    """The same of what the convolution keeps."""

    @property
    def widths(self) -> Widths:
        """Widths of attention, of which it has none."""
        return Widths()

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """Last inputs of the convolution, and the elements of the state."""
        return state(
            layers,
            self.conv,
            self.channels,
            self.elements,
            convolution_bytes=self.conv_bytes,
            recurrent_bytes=self.element_bytes,
        )


if TYPE_CHECKING:
    Mixer: TypeAlias = (
        Attention | LatentAttention | CompressedAttention | StateSpace | LinearAttention | ShortConvolution | FixedState
    )
