"""What a model is made of: the records every other room reads.

A ``Model`` is its architecture, never a footprint: groups of equal layers, each with what mixes tokens (attention of
some kind, or a recurrent state) and a feed-forward network. ``inventory.tensors`` turns it into tensors, and
``memory.kv_cache`` into caches. Widths are elements, counts are counts; nothing here is in bytes but the size of an
element where a kind fixes it.

A kind of layer answers for itself, after vLLM's ``KVCacheSpec`` kinds (``v1/kv_cache_interface.py``): a token mixer says
what it computes with (``widths``) and what it keeps of past tokens (``cache``). The kinds that few models have are in
``mixers``, which a check of the others does not load.
"""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.encoder import AudioTower, VisionTower
    from vramfit.model.kinds import Count
    from vramfit.model.mixers import Mixer
    from vramfit.model.origin import Origin
    from vramfit.model.traits import Architecture, Traits


class Widths(Record):
    """Elements of one token that a mixer computes with; 0 for what it has none of."""

    heads: int = 0
    """Query heads."""
    scored_heads: int = 0
    """Heads with a score for every pair of tokens; none where tokens are compressed or picked."""
    kv_heads: int = 0
    """Heads of keys and values as they are cached; 1 for a latent that all query heads share."""
    query: int = 0
    """Queries of all heads."""
    key: int = 0
    """Keys of all heads, expanded where the cache has them compressed."""
    value: int = 0
    """Values of all heads, likewise."""
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


class Cache(Record):
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


class Attention(Record):
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
    indexer_heads: int = 0
    """Query heads of the indexer."""
    indexer_bytes: int = 0
    """Bytes of an element of that key; 0 where it has the cache's type."""
    encoder_tokens: int | None = None
    """Tokens of an encoder's output that ``cross`` attention keeps, where the architecture fixes them (Whisper)."""

    @property
    def widths(self) -> Widths:
        """Widths of queries, keys, values and results."""
        heads, cached, width = self.heads, self.kv_heads, self.head_dim
        query, key, value = heads * width, cached * width, cached * self.value_dim
        output, working = heads * self.value_dim, 2 * query + key + value
        return Widths(heads, heads, cached, query, key, value, output, self.window, working)

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """K and V of each token; none where another layer's are read, and in an encoder."""
        if self.shares_cache or self.kind == "encoder":
            return None
        heads = self.kv_heads
        return Cache(
            self.kind,
            layers,
            heads * self.head_dim,
            heads * self.value_dim,
            self.window,
            index_width=self.indexer_dim,
            index_bytes=self.indexer_bytes,
            encoder_tokens=self.encoder_tokens,
        )


class LatentAttention(Record):
    """Multi-head latent attention (MLA, DeepSeek-V2 and later): one compressed latent per token for all heads."""

    kind = "latent"

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
        heads = self.heads
        query, value = heads * (self.nope_dim + self.rope_dim), heads * self.value_dim
        return Widths(heads, heads, 1, query, query, value, value, self.window, 2 * query + 2 * value)

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """Latent and rotary key of each token; values are read from the latent."""
        width, index = self.kv_rank + self.rope_dim, self.indexer_dim or 0
        return Cache("latent", layers, width, 0, self.window, index_width=index, index_bytes=self.indexer_bytes)


class FeedForward(Record):
    """A dense feed-forward network."""

    width: int
    gated: bool = True
    """Three matrices (SwiGLU, GeGLU) instead of two."""

    @property
    def passed_width(self) -> int:
        """Inner width that one token passes."""
        return self.width

    @property
    def inner_widths(self) -> tuple[int, ...]:
        """Inner width of each network in it."""
        return (self.width,)


class Experts(Record):
    """A mixture of experts: a router picks ``active`` of ``count`` networks for each token."""

    count: int
    active: int
    width: int
    """Inner width of one expert."""
    shared_width: int = 0
    """Summed inner width of the experts every token passes; 0 without."""
    gated: bool = True
    dense_width: int = 0
    """Width of a dense network that runs beside the experts in the same layer (Gemma 4 26B); 0 without."""
    latent: int | None = None
    """Width the routed experts work at where it is not the hidden width (Nemotron 3 Super, Kimi K3)."""
    token_rows: int = 0
    """Rows of a table that picks the experts by the token itself; 0 where the router picks (DeepSeek-V4)."""

    @property
    def passed_width(self) -> int:
        """Inner width that one token passes: of the experts picked for it, and of those that every token passes."""
        return self.active * self.width + self.shared_width + self.dense_width

    @property
    def inner_widths(self) -> tuple[int, ...]:
        """Inner width of each network in it: an expert, those that every token passes, a dense network beside them."""
        return tuple([width for width in (self.width, self.shared_width, self.dense_width) if width])

    @property
    def active_share(self) -> float:
        """Share of the routed experts that one token passes."""
        return self.active / self.count


class Layers(Record):
    """Equal layers: the same token mixers and feed-forward network at each of ``indices``."""

    indices: tuple[int, ...]
    """Layer numbers from 0, ascending; groups together cover every layer once."""
    mixers: tuple[Mixer, ...]
    """Usually one; two where attention and Mamba run side by side (Falcon-H1); none in pure feed-forward layers."""
    feed_forward: FeedForward | Experts | None

    @property
    def experts(self) -> Experts | None:
        """Its mixture of experts; None where the feed-forward network is dense or lacking."""
        return self.feed_forward if isinstance(self.feed_forward, Experts) else None

    @property
    def passed_width(self) -> int:
        """Inner width of the feed-forward network that one token passes; 0 without one."""
        return 0 if self.feed_forward is None else self.feed_forward.passed_width


class Component(Record):
    """One network of a diffusion pipeline whose tensors are not modelled: only its parameter count is known."""

    name: str
    """What it does in the pipeline: ``transformer``, ``text_encoder``, ``vae``."""
    parameters: Count
    """Its parameter count."""
    architecture: str
    """Its class in diffusers or transformers."""


class Model(Record):
    """One model of the catalogue, or one imported from its files."""

    id: str
    name: str
    family: str
    """Siblings share it: ``llama-3.1``, ``qwen3``."""
    modality: str
    """``text``, ``code``, ``vision-language``, ``embedding``, ``image-generation``, …"""
    hidden: int
    """Width of the residual stream, d."""
    vocab: int
    """Rows of the embedding as stored (padded where the checkpoint pads)."""
    tied: bool
    """True when the output head is the embedding itself."""
    context: int
    """Longest sequence the model supports, tokens."""
    dtype: str
    """Native element type of the checkpoint: ``bf16``, ``fp16``, ``fp32``, ``fp8``, ``mxfp4``."""
    layers: tuple[Layers, ...]
    traits: Traits
    """How the architecture writes its blocks (biases, norms, …)."""
    architecture: Architecture
    """The names its architecture goes by."""
    vision: VisionTower | None
    """The tower that looks at images; None for a model that sees nothing."""
    audio: AudioTower | None
    """The tower that listens; None for a model that hears nothing."""
    components: tuple[Component, ...] = ()
    nominal_billions: float | None = None
    """Billions of parameters as the name states them (13 for "13B"); None when it states none."""
    released: str | None = None
    licence: str | None = None
    hf: tuple[str, ...] = ()
    """Hugging Face repositories, the original first."""
    ollama: tuple[str, ...] = ()
    origin: Origin | None = None
    """Where it was read; None for a model of the catalogue."""

    @property
    def layer_count(self) -> int:
        """Layers of the language model (prediction heads of the MTP kind not counted)."""
        return sum(len(group.indices) for group in self.layers)

    @property
    def gap(self) -> str | None:
        """Why its memory cannot be told, and None where it can: no entry of the catalogue has such a gap."""
        return None if self.origin is None else self.origin.gap

    @property
    def active_shares(self) -> tuple[float, ...]:
        """Share of the routed experts that one token passes, for each layer; 1.0 for a layer without any."""
        shares = [1.0] * self.layer_count
        for group in self.layers:
            experts = group.experts
            if experts is not None:
                for index in group.indices:
                    shares[index] = experts.active_share
        return tuple(shares)

    @property
    def has_experts(self) -> bool:
        """Whether some layer has a mixture of experts."""
        return any(group.experts is not None for group in self.layers)

    @property
    def has_latent_attention(self) -> bool:
        """Whether some layer caches a latent (MLA)."""
        return any(mixer.kind == "latent" for group in self.layers for mixer in group.mixers)

    @property
    def sees(self) -> bool:
        """Whether it has a vision tower; asking for the tower itself may have to unpack it."""
        return "packed_vision" in self.__dict__ or self.vision is not None

    if not TYPE_CHECKING:

        def __getattr__(self, field):
            """A tower of a model from the compiled catalogue, which ``packed`` leaves packed until it is asked for."""
            stored = self.__dict__.get(f"packed_{field}")
            if stored is None:
                raise AttributeError(f"a Model has no {field}")
            unpack, packed = stored
            tower = self.__dict__[field] = unpack(packed)
            return tower


class Tensor(Record):
    """One named tensor, repeated in each of ``layers``.

    Shapes follow ggml: ``shape[0]`` is the row length (``in_features``, the axis quantization blocks run along),
    ``shape[1]`` the rows (``out_features``), ``shape[2]`` the experts of a fused expert matrix. Names are GGUF's
    (gguf-py ``constants.py``, ``TENSOR_NAMES``) without the ``blk.N.`` prefix, because mix rules and offload patterns
    are written in them.
    """

    name: str
    """``attn_q.weight``, ``ffn_down_exps.weight``, ``token_embd.weight``, ``v.attn_q.weight``, ``mm.0.weight``."""
    shape: tuple[int, ...]
    layers: tuple[int, ...] = ()
    """Layers holding one each; empty for a tensor that stands alone."""
    part: str = "text"
    """``text``, ``vision``, ``projector``, ``audio``, ``component``."""
    linear: bool = False
    """True for the weight of an ``nn.Linear`` (what bitsandbytes, GPTQ and AWQ replace), fused experts included."""
    buffer: bool = False
    """True for what files store but no optimizer trains (a router's selection bias): bytes, not parameters."""
    copies: int = 1
    """Equal tensors per layer, or standing alone: the layers of a vision tower are copies, not ``layers``."""

    @property
    def elements(self) -> int:
        """Elements of one tensor."""
        product = 1
        for extent in self.shape:
            product *= extent
        return product

    @property
    def count(self) -> int:
        """How many such tensors there are."""
        return self.copies * (len(self.layers) or 1)

    @property
    def parameters(self) -> int:
        """Elements of all of them; 0 for a buffer."""
        return 0 if self.buffer else self.elements * self.count
