"""Token mixers that few models have: attention to compressed tokens or latents, and recurrent states of several kinds.

They have the same methods as the mixers in ``architecture``. They are in a module of their own because a check of most
models needs none of them.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.model.architecture import Cache, Widths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from vramfit.model.architecture import Attention
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
    """Cache of a recurrent layer: the last ``kernel - 1`` inputs of a convolution, and ``recurrent`` elements of state.

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


class LatentAttention(Record):
    """Multi-head latent attention (MLA, DeepSeek-V2 and later): one compressed latent per token for all heads."""

    kind = "latent"

    heads: int
    query_rank: int | None
    """Width of the compressed query; None if the query projection is a single matrix."""
    kv_rank: int
    """Width of the cached latent."""
    nope_dim: int
    """Width of the part of each head that has no rotary embedding."""
    rope_dim: int
    """Width of the rotary key that all heads share, cached beside the latent."""
    value_dim: int
    """Width of one value head."""
    indexer_dim: int | None = None
    """Width of the sparse-attention indexer's key, cached beside the latent (DeepSeek-V3.2, GLM-5); None without an
    indexer."""
    indexer_heads: int | None = None
    indexer_bytes: int = 0
    """Bytes of an element of the indexer's key; 0 if it has the cache's element type."""
    window: int | None = None
    """Number of past tokens that the layer attends to (sliding layers of dots.3); None for all of them."""
    shares_cache: bool = False
    """True if the layer reads an earlier layer's latents and owns none but its indexer's keys (Mistral Large 4)."""

    @property
    def widths(self) -> Widths:
        """Widths of queries, and of keys and values after the latent is expanded."""
        heads = self.heads
        query, value = heads * (self.nope_dim + self.rope_dim), heads * self.value_dim
        return Widths(heads, heads, 1, query, query, value, value, self.window, 2 * query + 2 * value)

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """Cache of the latent and the rotary key of each token, which the values are computed from as well.

        A layer that reads those of another keeps its indexer's keys alone, and without an indexer nothing.
        """
        width, index = 0 if self.shares_cache else self.kv_rank + self.rope_dim, self.indexer_dim or 0
        if not width and not index:
            return None
        return Cache("latent", layers, width, 0, self.window, index_width=index, index_bytes=self.indexer_bytes)


class CompressedAttention(Record):
    """Attention of DeepSeek-V4 and V4.1: recent tokens in full, and older tokens compressed in groups into one entry each.

    One head of ``head_dim`` elements is both key and value of all query heads, so that an entry is cached only once.
    """

    kind = "compressed"

    heads: int
    head_dim: int
    query_rank: int
    window: int
    """Number of recent tokens kept in full; older ones are dropped if ``ratio`` is 0."""
    ratio: int
    """Number of tokens that become one cached entry: 4 (an indexer selects entries), 128 (all entries are attended to),
    1 or 2 (DeepSeek-V4.1) or 0 (nothing is compressed, or the layer reads the entries of an earlier one)."""
    output_groups: int
    output_rank: int
    """Width that the output projection reduces each group of heads to, being low-rank and block-diagonal."""
    indexer_dim: int | None = None
    """Width of the indexer's key, one for each compressed entry; None without an indexer."""
    indexer_heads: int | None = None

    @property
    def widths(self) -> Widths:
        """Widths of queries and results, and of the single head that is both key and value."""
        query = self.heads * self.head_dim
        return Widths(self.heads, 0, 1, query, self.head_dim, 0, query, self.window)

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """Cache of a window of tokens in full, and of one entry for each group of ``ratio`` tokens."""
        index = self.indexer_dim or 0
        return Cache("compressed", layers, self.head_dim, 0, self.window, index_width=index, ratio=self.ratio)


class StateSpace(Record):
    """Mamba layer: a recurrent state of constant size instead of a cache that grows with the context."""

    kind: Literal["mamba1", "mamba2"]
    """Version of Mamba."""
    inner: Count
    """Width inside the block in elements, d_inner."""
    state: Count
    """Number of state elements for each channel, d_state."""
    conv: Count
    """Kernel size of the causal convolution, d_conv."""
    groups: Count = 1
    """Number of groups of channels that share B and C, n_groups (Mamba 2)."""
    heads: Count = 0
    """Number of heads of the state (Mamba 2); 0 for Mamba 1."""
    dt_rank: Count = 0
    """Rank of the step-size projection (Mamba 1); 0 for Mamba 2."""

    @property
    def widths(self) -> Widths:
        """Working width: inputs and outputs of both halves of the block, and B and C."""
        return Widths(working=4 * self.inner + 2 * self.groups * self.state)

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """State of the layer: the last inputs of the convolution, in Mamba 2 over B and C too, and each channel's state."""
        convolved = self.inner + (2 * self.groups * self.state if self.kind == "mamba2" else 0)
        return state(layers, self.conv, convolved, self.state * self.inner)


class LinearAttention(Record):
    """Linear attention: a matrix of constant size for each value head instead of a cache that grows with the context."""

    kind: Literal["gated_delta_net", "kda", "lightning"]
    """Variant: gated delta net (Qwen3-Next, Qwen3.5), Kimi delta attention, or lightning attention (MiniMax-01)."""
    key_heads: Count
    """Number of query and key heads."""
    value_heads: Count
    """Number of value heads, each with a state of its own."""
    key_dim: Count
    """Width of one key head."""
    value_dim: Count
    """Width of one value head."""
    conv: Count = 0
    """Kernel size of the short convolution before the attention; 0 without one."""

    @property
    def widths(self) -> Widths:
        """Working width: queries, keys, values, gates and results."""
        return Widths(working=2 * self.key_heads * self.key_dim + 3 * self.value_heads * self.value_dim)

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """State of the layer: the last inputs of the convolution, and a matrix for each value head.

        The matrix has the model's element type in lightning attention, and is fp32 otherwise.
        """
        convolved = 2 * self.key_heads * self.key_dim + self.value_heads * self.value_dim
        matrix = self.value_heads * self.key_dim * self.value_dim
        return state(layers, self.conv, convolved, matrix, recurrent_bytes=0 if self.kind == "lightning" else 4)


class ShortConvolution(Record):
    """Gated short convolution (LFM2), which keeps its last ``kernel - 1`` inputs."""

    kind = "convolution"

    kernel: int

    @property
    def widths(self) -> Widths:
        """Widths that are all 0, since the layer has no attention."""
        return Widths()

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """State of the layer: the last inputs of the convolution."""
        return state(layers, self.kernel, hidden, 0)


class FixedState(Record):
    """State of constant size, for kinds of layers without a record of their own (RWKV, xLSTM, added convolutions)."""

    kind: str
    """Name of the kind, for reports."""
    channels: int = 0
    """Number of channels of a convolution that keeps its last inputs."""
    conv: int = 0
    """Kernel size of that convolution; 0 without one."""
    elements: int = 0
    """Number of elements of the recurrent state of one sequence."""
    element_bytes: int = 0
    """Bytes of an element of the recurrent state; 0 if it has the model's element type."""
    conv_bytes: int = 0
    """Bytes of an input that the convolution keeps; 0 if it has the model's element type."""

    @property
    def widths(self) -> Widths:
        """Widths that are all 0, since the layer has no attention."""
        return Widths()

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """State of the layer: the last inputs of the convolution, and the recurrent state."""
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
