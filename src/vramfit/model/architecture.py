"""What a model is made of: the records every other room reads.

A ``Model`` is its architecture, never a footprint: groups of equal layers, each with what mixes tokens (attention of
some kind, or a recurrent state) and a feed-forward network. ``inventory.tensors`` turns it into tensors, and
``memory.kv_cache`` into caches. Widths are elements, counts are counts; nothing here is in bytes.
"""

from __future__ import annotations

from vramfit._record import record
from vramfit.model.mixers import (
    Attention,
    CompressedAttention,
    FixedState,
    LatentAttention,
    LinearAttention,
    ShortConvolution,
    StateSpace,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.encoder import AudioTower, VisionTower
    from vramfit.model.kinds import Count
    from vramfit.model.mixers import Mixer
    from vramfit.model.traits import Traits

__all__ = [
    "Architecture",
    "Attention",
    "Component",
    "CompressedAttention",
    "Experts",
    "FeedForward",
    "FixedState",
    "LatentAttention",
    "Layers",
    "LinearAttention",
    "Model",
    "Origin",
    "ShortConvolution",
    "StateSpace",
    "Tensor",
]


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

    @property
    def active_share(self) -> float:
        """Share of the routed experts that one token passes."""
        return self.active / self.count


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
    def active_shares(self) -> tuple[float, ...]:
        """Share of the routed experts that one token passes, for each layer; 1.0 for a layer without any."""
        shares = [1.0] * self.layer_count
        for group in self.layers:
            if isinstance(group.feed_forward, Experts):
                for index in group.indices:
                    shares[index] = group.feed_forward.active_share
        return tuple(shares)

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
