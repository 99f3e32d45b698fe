"""Records that describe a model: its layers, their token mixers and feed-forward networks, and its tensors.

A ``Model`` states an architecture, never a memory footprint: groups of equal layers, each with its token mixers
(attention of some kind, or a recurrent state) and a feed-forward network. ``inventory.tensors`` derives the tensors from
it, and ``memory.kv_cache`` the caches. Widths are numbers of elements. Sizes in bytes appear only where a kind of layer
fixes the size of an element.

Each kind of layer answers for itself, modelled on vLLM's ``KVCacheSpec`` kinds (``v1/kv_cache_interface.py``): a token
mixer states the widths it computes with (``widths``) and what it keeps of past tokens (``cache``). Kinds that few models
have are in ``mixers``, so that checks of other models need not load them.
"""

from __future__ import annotations

from vramfit._record import Record, once

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.encoder import AudioTower, VisionTower
    from vramfit.model.kinds import Count
    from vramfit.model.mixers import Mixer
    from vramfit.model.origin import Origin
    from vramfit.model.traits import Architecture, Traits


class Widths(Record):
    """Numbers of elements that a token mixer handles for one token; 0 for anything it does not have."""

    heads: int = 0
    """Number of query heads."""
    scored_heads: int = 0
    """Number of heads that compute a score for every pair of tokens; 0 if tokens are compressed or selected first."""
    kv_heads: int = 0
    """Number of key and value heads in the cache; 1 for a latent that all query heads share."""
    query: int = 0
    """Elements of the queries of all heads."""
    key: int = 0
    """Elements of the keys of all heads, after expansion if the cache stores them compressed."""
    value: int = 0
    """Elements of the values of all heads, after expansion if the cache stores them compressed."""
    output: int = 0
    """Elements of the results of all heads, before the output projection."""
    window: int | None = None
    """Number of past tokens that the layer attends to; None for all of them."""
    working: int = 0
    """Elements that exist at the same time while the layer computes; 0 if its feed-forward network always needs more."""

    @property
    def pair_products(self) -> int:
        """Number of multiplications for each pair of a token and a past token that it attends to."""
        return self.query + self.output


class Cache(Record):
    """Cache or recurrent state of each layer in a group of equal layers."""

    kind: str
    """``full``, ``sliding``, ``chunked``, ``cross``, ``latent`` (MLA), ``compressed`` (one entry for every ``ratio``
    tokens, behind a window of plain ones) or ``state`` (recurrent, constant size)."""
    layers: tuple[int, ...]
    """Numbers of the layers that own such a cache."""
    key_width: int = 0
    """Elements of K per token and layer: ``kv_heads x head_dim``, or for MLA the latent and the rotary key."""
    value_width: int = 0
    """Elements of V per token and layer; 0 for MLA, whose V is a view of K."""
    window: int | None = None
    """Number of tokens that a sliding or chunked layer keeps; None if it keeps every token."""
    convolution_elements: int = 0
    """Elements of a recurrent layer's convolution state, per sequence and layer."""
    recurrent_elements: int = 0
    """Elements of a recurrent layer's matrix or scan state, per sequence and layer."""
    convolution_kernel: int = 0
    """Kernel size of that convolution, for engines that store as many columns instead of one fewer."""
    convolution_bytes: int = 0
    """Bytes of an element of the convolution state; 0 if it has the model's element type."""
    recurrent_bytes: int = 4
    """Bytes of an element of the recurrent state; 0 if it has the model's element type."""
    index_width: int = 0
    """Elements of a sparse-attention indexer's key, cached once per entry beside K or the latent."""
    index_bytes: int = 0
    """Bytes of an element of those keys; 0 if they have the cache's element type."""
    encoder_tokens: int | None = None
    """Number of tokens in a ``cross`` cache, if the architecture fixes it."""
    ratio: int = 0
    """Number of tokens that become one entry of a compressed cache; 0 if only the window is kept."""

    def tokens_kept(self, context: int) -> int:
        """Number of rows that a sequence of ``context`` tokens occupies, before any padding by an engine."""
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
    """Width of one query or key head. It is not always ``hidden / heads``: Gemma, Qwen3, gpt-oss and Mistral Nemo
    differ."""
    value_dim: int
    """Width of one value head; equals ``head_dim`` in almost every model."""
    window: int | None = None
    """Number of past tokens that a sliding or chunked layer attends to."""
    shares_cache: bool = False
    """True if the layer reads an earlier layer's K and V and owns none (Gemma 3n, Gemma 4 E)."""
    value_is_key: bool = False
    """True if the values are the keys before their rotation, so that there is no value matrix (Gemma 4's full layers);
    both are still cached."""
    indexer_dim: int = 0
    """Width of a sparse-attention indexer's key, cached beside K (MiniMax-M3); 0 without an indexer."""
    indexer_heads: int = 0
    """Number of query heads of the indexer."""
    indexer_bytes: int = 0
    """Bytes of an element of that key; 0 if it has the cache's element type."""
    encoder_tokens: int | None = None
    """Number of encoder output tokens that ``cross`` attention keeps, if the architecture fixes it (Whisper)."""

    @property
    def widths(self) -> Widths:
        """Widths of queries, keys, values and results."""
        heads, cached, width = self.heads, self.kv_heads, self.head_dim
        query, key, value = heads * width, cached * width, cached * self.value_dim
        output, working = heads * self.value_dim, 2 * query + key + value
        return Widths(heads, heads, cached, query, key, value, output, self.window, working)

    def cache(self, layers: tuple[int, ...], hidden: int) -> Cache | None:
        """Cache of K and V for each of ``layers``; None if they share another layer's cache or belong to an encoder."""
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


class FeedForward(Record):
    """A dense feed-forward network."""

    width: int
    gated: bool = True
    """True if the network has three matrices (SwiGLU, GeGLU) instead of two."""

    @property
    def passed_width(self) -> int:
        """Inner width, in elements, that one token passes through."""
        return self.width

    @property
    def inner_widths(self) -> tuple[int, ...]:
        """Inner width of the only network, in elements."""
        return (self.width,)


class Experts(Record):
    """A mixture of experts: a router picks ``active`` of ``count`` networks for each token."""

    count: int
    active: int
    width: int
    """Inner width of one expert."""
    shared_width: int = 0
    """Sum of the inner widths of the experts that every token passes through; 0 without shared experts."""
    gated: bool = True
    dense_width: int = 0
    """Width of a dense network that runs beside the experts in the same layer (Gemma 4 26B); 0 without one."""
    latent: int | None = None
    """Input and output width of the routed experts, if it is not the hidden width (Nemotron 3 Super, Kimi K3)."""
    token_rows: int = 0
    """Number of rows of a table that selects the experts by the token itself (DeepSeek-V4); 0 if the router selects them."""

    @property
    def passed_width(self) -> int:
        """Inner width, in elements, that one token passes through: its routed experts, shared experts, dense network."""
        return self.active * self.width + self.shared_width + self.dense_width

    @property
    def inner_widths(self) -> tuple[int, ...]:
        """Inner widths of one routed expert, of the shared experts and of the dense network; those that exist."""
        return tuple([width for width in (self.width, self.shared_width, self.dense_width) if width])

    @property
    def active_share(self) -> float:
        """Share of the routed experts that one token passes through, between 0 and 1."""
        return self.active / self.count


class Layers(Record):
    """Group of equal layers: the same token mixers and feed-forward network at each of ``indices``."""

    indices: tuple[int, ...]
    """Layer numbers from 0, ascending. The groups of a model together contain every layer once."""
    mixers: tuple[Mixer, ...]
    """Token mixers: usually one, two if attention and Mamba run in parallel (Falcon-H1), none in layers that are only a
    feed-forward network."""
    feed_forward: FeedForward | Experts | None

    @property
    def experts(self) -> Experts | None:
        """Mixture of experts of the layers; None if they have a dense feed-forward network or none."""
        return self.feed_forward if isinstance(self.feed_forward, Experts) else None

    @property
    def passed_width(self) -> int:
        """Inner width of the feed-forward network that one token passes through, in elements; 0 without a network."""
        return 0 if self.feed_forward is None else self.feed_forward.passed_width


class Component(Record):
    """Network of a diffusion pipeline whose tensors are not modelled: only its number of parameters is known."""

    name: str
    """Role in the pipeline: ``transformer``, ``text_encoder``, ``vae``."""
    parameters: Count
    """Number of parameters."""
    architecture: str
    """Name of its class in diffusers or transformers."""
    width: Count | None = None
    """Width of a denoiser's residual stream; None for other components, and where it has several."""


class Model(Record):
    """Model of the catalogue, or one imported from its files."""

    id: str
    name: str
    family: str
    """Name of the series that the model belongs to: ``llama-3.1``, ``qwen3``."""
    modality: str
    """``text``, ``code``, ``vision-language``, ``embedding``, ``image-generation``, …"""
    hidden: int
    """Width of the residual stream in elements, d."""
    vocab: int
    """Number of rows of the embedding as the checkpoint stores it, padding included."""
    tied: bool
    """True if the output head and the embedding are the same matrix."""
    context: int
    """Longest sequence that the model supports, in tokens."""
    dtype: str
    """Native element type of the checkpoint: ``bf16``, ``fp16``, ``fp32``, ``fp8``, ``mxfp4``."""
    layers: tuple[Layers, ...]
    traits: Traits
    """Details of the architecture's blocks: biases, norms, gates, …"""
    architecture: Architecture
    """Names of the architecture, in the catalogue and elsewhere."""
    vision: VisionTower | None
    """Encoder of images; None for a model that reads no images."""
    audio: AudioTower | None
    """Encoder of audio; None for a model that reads no audio."""
    components: tuple[Component, ...] = ()
    nominal_billions: float | None = None
    """Billions of parameters stated in the model's name (13 for "13B"); None if the name states no number."""
    released: str | None = None
    licence: str | None = None
    hf: tuple[str, ...] = ()
    """Hugging Face repositories, the original first."""
    ollama: tuple[str, ...] = ()
    fine_tunes: tuple[str, ...] = ()
    """Repositories and tags of fine-tunes that have the model's architecture."""
    files: tuple[tuple[str, int], ...] = ()
    """Ids of publishers' schemes (``quantization.publishers``) with the bytes of the files they published."""
    origin: Origin | None = None
    """Source that the model was imported from; None for a model of the catalogue."""
    mtp_layers: int = 0
    """Number of layers that predict tokens ahead, which are loaded only for speculative decoding (module ``mtp``)."""
    mtp_embeddings: bool = False
    """True if these layers have copies of the embedding and of the output head of their own."""
    caveats: tuple[str, ...] = ()
    """Sentences on what the entry's figures leave out, and on figures that are no copy of a configuration."""

    @property
    def layer_count(self) -> int:
        """Number of layers of the language model, without multi-token prediction heads."""
        return sum(len(group.indices) for group in self.layers)

    @property
    def gap(self) -> str | None:
        """Reason why the model's memory cannot be estimated; None if it can, which holds for every catalogue entry."""
        return None if self.origin is None else self.origin.gap

    @property
    def active_shares(self) -> tuple[float, ...]:
        """Share of the routed experts that one token passes through, for each layer; 1.0 for a layer without experts."""
        shares = [1.0] * self.layer_count
        for group in self.layers:
            experts = group.experts
            if experts is not None:
                for index in group.indices:
                    shares[index] = experts.active_share
        return tuple(shares)

    @property
    def has_experts(self) -> bool:
        """True if at least one layer has a mixture of experts."""
        return any(group.experts is not None for group in self.layers)

    @property
    def has_latent_attention(self) -> bool:
        """True if at least one layer caches a latent (MLA)."""
        return any(mixer.kind == "latent" for group in self.layers for mixer in group.mixers)

    @property
    def denoises(self) -> bool:
        """True for a pipeline of components one of which, a transformer or a U-Net, removes noise at every step."""
        return any(one.name.startswith(("transformer", "unet")) for one in self.components)

    @property
    def sees(self) -> bool:
        """True if the model has a vision tower. This does not unpack the tower, which reading ``vision`` may do."""
        return "packed_vision" in self.__dict__ or self.vision is not None

    if not TYPE_CHECKING:

        def __getattr__(self, field):
            """Unpack a tower that the compiled catalogue stores packed (see ``packed``) when it is first read."""
            stored = self.__dict__.get(f"packed_{field}")
            if stored is None:
                raise AttributeError(f"a Model has no {field}")
            unpack, packed = stored
            tower = self.__dict__[field] = unpack(packed)
            return tower


class Tensor(Record):
    """Named tensor that each of ``layers`` has, or that stands alone.

    Shapes follow ggml: ``shape[0]`` is the row length (``in_features``, the axis along which quantization blocks run),
    ``shape[1]`` the number of rows (``out_features``), ``shape[2]`` the number of experts in a fused expert matrix.
    Names are those of GGUF (gguf-py ``constants.py``, ``TENSOR_NAMES``) without the ``blk.N.`` prefix, because
    quantization mixes and offload patterns are written in them.
    """

    name: str
    """``attn_q.weight``, ``ffn_down_exps.weight``, ``token_embd.weight``, ``v.attn_q.weight``, ``mm.0.weight``."""
    shape: tuple[int, ...]
    layers: tuple[int, ...] = ()
    """Numbers of the layers that have one each; empty for a tensor outside the layers."""
    part: str = "text"
    """``text``, ``vision``, ``projector``, ``audio``, ``component``."""
    linear: bool = False
    """True for the weight of an ``nn.Linear``, which bitsandbytes, GPTQ and AWQ replace; fused experts included."""
    buffer: bool = False
    """True for a tensor that files store but no optimizer trains (a router's selection bias): it takes memory, but its
    elements do not count as parameters."""
    copies: int = 1
    """Number of equal tensors in each layer, or outside the layers. The layers of a vision tower are such copies:
    ``layers`` numbers only those of the language model."""

    @once
    def elements(self) -> int:
        """Number of elements of one of the equal tensors."""
        product = 1
        for extent in self.shape:
            product *= extent
        return product

    @property
    def count(self) -> int:
        """Number of equal tensors in the whole model."""
        return self.copies * (len(self.layers) or 1)

    @property
    def parameters(self) -> int:
        """Number of parameters of all equal tensors together; 0 for a buffer."""
        return 0 if self.buffer else self.elements * self.count
