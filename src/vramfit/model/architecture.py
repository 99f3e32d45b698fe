"""What a model is made of: the records every other room reads.

A ``Model`` is its architecture, never a footprint: groups of equal layers, each with what mixes tokens (attention of
some kind, or a recurrent state) and a feed-forward network. ``inventory.tensors`` turns it into tensors, and
``memory.kv_cache`` into caches. Widths are elements, counts are counts; nothing here is in bytes.
"""

from __future__ import annotations

from vramfit._record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal

    from vramfit.model.encoder import AudioTower, VisionTower
    from vramfit.model.kinds import Count
    from vramfit.model.traits import Traits


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
    indexer_heads: int = 0
    """Query heads of the indexer."""
    indexer_bytes: int = 0
    """Bytes of an element of that key; 0 where it has the cache's type."""
    encoder_tokens: int | None = None
    """Tokens of an encoder's output that ``cross`` attention keeps, where the architecture fixes them (Whisper)."""


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


@record
class ShortConvolution:
    """A gated short convolution (LFM2): keeps the last ``kernel - 1`` inputs."""

    kernel: int


@record
class FeedForward:
    """A dense feed-forward network."""

    width: int
    gated: bool = True
    """Three matrices (SwiGLU, GeGLU) instead of two."""


@record
class Experts:
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


if TYPE_CHECKING:
    Mixer = (
        Attention | LatentAttention | CompressedAttention | StateSpace | LinearAttention | ShortConvolution | FixedState
    )


@record
class Layers:
    """Equal layers: the same token mixers and feed-forward network at each of ``indices``."""

    indices: tuple[int, ...]
    """Layer numbers from 0, ascending; groups together cover every layer once."""
    mixers: tuple[Mixer, ...]
    """Usually one; two where attention and Mamba run side by side (Falcon-H1); none in pure feed-forward layers."""
    feed_forward: FeedForward | Experts | None


@record
class Component:
    """One network of a diffusion pipeline whose tensors are not modelled: only its parameter count is known."""

    name: str
    """What it does in the pipeline: ``transformer``, ``text_encoder``, ``vae``."""
    parameters: Count
    """Its parameter count."""
    architecture: str
    """Its class in diffusers or transformers."""


@record
class Architecture:
    """The names by which a model's architecture goes; all None for a model whose networks are not modelled."""

    name: str | None = None
    """The catalogue's own, under ``architectures:`` of ``data/models.yaml``: one name for all that write their blocks
    alike."""
    model_type: str | None = None
    """``model_type`` of the configuration that gives the language model's sizes: of ``text_config`` where there is one.
    None where transformers does not know the architecture."""
    gguf: str | None = None
    """``general.architecture`` of its GGUF files (``LLM_ARCH_NAMES`` of llama.cpp's ``src/llama-arch.cpp``). None where
    llama.cpp has no such architecture."""


@record
class Origin:
    """Where a model that the catalogue does not describe was read, and what that leaves open."""

    kind: str
    """``gguf``, ``safetensors`` or ``config``: what its weights are known from."""
    store: str
    """Whose files they are: ``disk``, ``huggingface``, ``llama.cpp``, ``ollama``, ``lmstudio`` or ``url``."""
    path: str | None = None
    """File or directory on this disk."""
    repository: str | None = None
    """``org/name`` in the Hub."""
    revision: str | None = None
    commit: str | None = None
    file: str | None = None
    """The file in the repository, where one of several is meant."""
    quant: str | None = None
    """Quantization that the file's name states: what picks it among those of the repository."""
    tag: str | None = None
    """The model's name for Ollama."""
    projector: str | None = None
    """Path of the projector's file on this disk."""
    files: tuple[str, ...] = ()
    """Files that were read."""
    knowledge: str = "known"
    """``known``: its architecture; ``standard``: the cache by the general rule; ``unknown``: not even that."""
    gap: str | None = None
    """Why the memory cannot be told: weights or cache are not known; None where both are."""
    stored_gap: str | None = None
    """Why it is not known how the weights are stored, where that is so."""
    notes: tuple[str, ...] = ()
    """What a report says of the reading, one line each."""


@record
class Model:
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


@record
class Tensor:
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
