"""Token mixers: the kinds of layers by which a token learns of others, each a record that answers for itself.

Each says what it computes with (``widths``) and what it keeps of past tokens (``cache``), after vLLM's ``KVCacheSpec``
kinds (``v1/kv_cache_interface.py``). Widths are elements of one token, counts are counts; nothing here is in bytes but
the size of an element where a kind fixes it.
"""

from __future__ import annotations

from vramfit._record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    from vramfit.model.kinds import Count


@record
class Widths:
    """Elements of one token that a mixer computes with; 0 for what it has none of."""

    heads: int = 0
    """Query heads."""
    scored_heads: int = 0
    """Heads with a score for every pair of tokens; none where tokens are compressed or picked."""
    query: int = 0
    """Queries of all heads."""
    key: int = 0
    """Keys of all heads."""
    value: int = 0
    """Values of all heads."""
    output: int = 0
    """Results of all heads, before the output projection."""
    window: int | None = None
    """Tokens it looks back over; None for all of them."""
    working: int = 0
    """Elements that exist at once while the layer computes; 0 where a feed-forward network has more."""

    @property
    def pair_products(self) -> int:
        """Multiplications for each token that a token looks back on."""
        return self.query + self.output


@record
class Cache:
    """What one group of equal layers keeps."""

    kind: str
    """``full``, ``sliding``, ``chunked``, ``cross``, ``latent`` (MLA), ``compressed`` (one entry for every ``ratio``
    tokens, behind a window of plain ones) or ``state`` (recurrent, constant size)."""
    layers: tuple[int, ...]
    """The layers that own such a cache."""
    key_width: int = 0
    """Elements of K per token and layer: ``kv_heads x head_dim``; MLA: latent plus rotary key."""
    value_width: int = 0
    """Elements of V per token and layer; 0 for MLA, whose V is a view of K."""
    window: int | None = None
    """Tokens kept by a sliding or chunked layer; None for unbounded."""
    convolution_elements: int = 0
    """Convolution state per sequence and layer (recurrent layers)."""
    recurrent_elements: int = 0
    """Matrix or scan state per sequence and layer (recurrent layers)."""
    convolution_kernel: int = 0
    """Kernel of that convolution: engines that keep all its columns, and not all but one, keep that many."""
    convolution_bytes: int = 0
    """Bytes of an element of the convolution state; 0 where it has the model's type."""
    recurrent_bytes: int = 4
    """Bytes of an element of the recurrent state; 0 where it has the model's type."""
    index_width: int = 0
    """Elements per cached entry of a sparse-attention indexer's keys, kept beside the latent."""
    index_bytes: int = 0
    """Bytes of an element of those keys; 0 where they have the cache's type."""
    encoder_tokens: int | None = None
    """Tokens a ``cross`` cache holds, where the architecture fixes them."""
    ratio: int = 0
    """Tokens that become one entry of a compressed cache; 0 where only the window is kept."""

    def tokens_kept(self, context: int) -> int:
        """Rows a sequence of ``context`` tokens leaves in this cache, before any engine's padding."""
        if self.kind == "compressed":
            behind = context // self.ratio if self.ratio else 0
            return min(context, self.window or context) + behind
        return context if self.window is None else min(context, self.window)


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
class Attention:
    """Softmax attention that keeps K and V of past tokens: MHA, GQA (``kv_heads < heads``) or MQA (1)."""

    kind: str
    """``full``; ``sliding`` (last ``window`` tokens); ``chunked`` (tokens of the current chunk); ``cross`` (K and V of
    an encoder's output, fixed per image or clip); ``encoder`` (bidirectional, keeps nothing)."""
    heads: int
    kv_heads: int
    head_dim: int
    """Width of one query or key head. Not ``hidden / heads``: Gemma, Qwen3, gpt-oss and Mistral Nemo differ."""
    value_dim: int
    """Width of one value head; equals ``head_dim`` in almost every model."""
    window: int | None = None
    """Tokens a sliding or chunked layer looks back over."""
    shares_cache: bool = False
    """True where the layer reads an earlier layer's K and V and owns none (Gemma 3n, Gemma 4 E)."""
    value_is_key: bool = False
    """True where the values are the keys before their rotation, so there is no value matrix (Gemma 4's full layers);
    both are still cached."""
    indexer_dim: int = 0
    """Width of a sparse-attention indexer's key, cached beside K (MiniMax-M3); 0 without one."""
    indexer_bytes: int = 0
    """Bytes of an element of that key; 0 where it has the cache's type."""
    encoder_tokens: int | None = None
    """Tokens of an encoder's output that ``cross`` attention keeps, where the architecture fixes them (Whisper)."""

    @property
    def widths(self) -> Widths:
        """Widths of queries, keys, values and results."""
        query, key, value = self.heads * self.head_dim, self.kv_heads * self.head_dim, self.kv_heads * self.value_dim
        return Widths(
            self.heads,
            self.heads,
            query,
            key,
            value,
            self.heads * self.value_dim,
            self.window,
            working=2 * query + key + value,
        )

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """K and V of each token; none where another layer's are read, and in an encoder."""
        if self.shares_cache or self.kind == "encoder":
            return None
        own = self.widths
        return Cache(
            self.kind,
            layers,
            own.key,
            own.value,
            self.window,
            index_width=self.indexer_dim,
            index_bytes=self.indexer_bytes,
            encoder_tokens=self.encoder_tokens,
        )


@record
class LatentAttention:
    """Multi-head latent attention (MLA, DeepSeek-V2 and later): one compressed latent per token for all heads."""

    heads: int
    query_rank: int | None
    """Width of the compressed query, None when the query projection is direct."""
    kv_rank: int
    """Width of the cached latent."""
    nope_dim: int
    """Per-head width without rotary embedding."""
    rope_dim: int
    """Width of the rotary key shared by all heads, cached beside the latent."""
    value_dim: int
    """Per-head value width."""
    indexer_dim: int | None = None
    """Width of the sparse-attention indexer's key (DeepSeek-V3.2, GLM-5), cached besides; None without one."""
    indexer_heads: int | None = None
    indexer_bytes: int = 0
    """Bytes of an element of the indexer's key; 0 where it has the cache's type."""
    window: int | None = None
    """Tokens it looks back over, None for all (sliding layers of dots.3)."""

    @property
    def widths(self) -> Widths:
        """Widths of queries, and of keys and values once the latent is expanded."""
        query, value = self.heads * (self.nope_dim + self.rope_dim), self.heads * self.value_dim
        return Widths(self.heads, self.heads, query, query, value, value, self.window, working=2 * query + 2 * value)

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """Latent and rotary key of each token; values are read from the latent."""
        width, index = self.kv_rank + self.rope_dim, self.indexer_dim or 0
        return Cache("latent", layers, width, 0, self.window, index_width=index, index_bytes=self.indexer_bytes)


@record
class CompressedAttention:
    """DeepSeek-V4's attention: a window of plain tokens, and behind it groups of tokens compressed into one entry each.

    One head, ``head_dim`` wide, serves as key and value of all query heads, so an entry is cached once, not twice.
    """

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
        return Widths(self.heads, 0, query, self.head_dim, 0, query, self.window)

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
