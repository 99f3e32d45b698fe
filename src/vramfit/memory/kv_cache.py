"""What each layer keeps of the past: K and V per token, a latent per token, or a state of constant size.

``KV = sum over layers of cells x (key_width x bytes_k + value_width x bytes_v)``: ``caches`` gives the widths per
group of layers, engines decide the cells (padding, windows, paging) and the element types.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.errors import UsageError
from vramfit.model.architecture import (
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
    from vramfit.model.architecture import Mixer, Model

ELEMENT_TYPES: dict[str, tuple[int, int]] = {
    "f32": (1, 4), "f16": (1, 2), "bf16": (1, 2), "fp8": (1, 1), "fp8_e4m3": (1, 1), "fp8_e5m2": (1, 1), "int8": (1, 1),
    "q8_0": (32, 34), "q5_1": (32, 24), "q5_0": (32, 22), "q4_1": (32, 20), "q4_0": (32, 18), "iq4_nl": (32, 18),
    "int4": (2, 1),
}  # fmt: skip
"""Elements and bytes of one block of each cache type (ggml-org/llama.cpp ``ggml/src/ggml-common.h``; fp8 and int8 as
vLLM 0.33 ``v1/kv_cache_interface.py`` counts them, scales left out)."""


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


def caches(model: Model) -> tuple[Cache, ...]:
    """The caches and states of every layer that owns one, grouped; layers that read another's cache are left out."""
    found = []
    for group in model.layers:
        for mixer in group.mixers:
            cache = _cache(mixer, group.indices, model.hidden)
            if cache is not None:
                found.append(cache)
    return tuple(found)


def row_bytes(width: int, element_type: str) -> int:
    """Bytes of one row of ``width`` elements; quantized types store whole blocks.

    Raises ``UsageError`` when ``width`` is not a multiple of the type's block, as llama.cpp refuses it.
    """
    block, size = ELEMENT_TYPES[element_type]
    if width % block:
        raise UsageError(
            f"a cache row of {width} elements is not a multiple of {element_type}'s block of {block}",
            "use f16 or bf16 for this model's cache",
        )
    return width // block * size


def _cache(mixer: Mixer, layers: tuple[int, ...], hidden: int) -> Cache | None:
    if isinstance(mixer, Attention):
        if mixer.shares_cache or mixer.kind == "encoder":
            return None
        return Cache(
            mixer.kind,
            layers,
            mixer.kv_heads * mixer.head_dim,
            mixer.kv_heads * mixer.value_dim,
            mixer.window,
            index_width=mixer.indexer_dim,
            index_bytes=mixer.indexer_bytes,
            encoder_tokens=mixer.encoder_tokens,
        )
    if isinstance(mixer, LatentAttention):
        width, index = mixer.kv_rank + mixer.rope_dim, mixer.indexer_dim or 0
        return Cache("latent", layers, width, 0, mixer.window, index_width=index, index_bytes=mixer.indexer_bytes)
    if isinstance(mixer, CompressedAttention):
        return Cache(
            "compressed", layers, mixer.head_dim, 0, mixer.window, index_width=mixer.indexer_dim or 0, ratio=mixer.ratio
        )
    convolution, recurrent = state_elements(mixer, hidden)
    return Cache(
        "state",
        layers,
        convolution_elements=convolution,
        recurrent_elements=recurrent,
        convolution_kernel=mixer.kernel if isinstance(mixer, ShortConvolution) else mixer.conv,
        convolution_bytes=mixer.conv_bytes if isinstance(mixer, FixedState) else 0,
        recurrent_bytes=_recurrent_bytes(mixer),
    )


def _recurrent_bytes(mixer: StateSpace | LinearAttention | ShortConvolution | FixedState) -> int:
    """Bytes of an element of a recurrent state: FP32 but for lightning attention, whose state has the model's type."""
    if isinstance(mixer, FixedState):
        return mixer.element_bytes
    return 0 if isinstance(mixer, LinearAttention) and mixer.kind == "lightning" else 4


def state_elements(mixer: StateSpace | LinearAttention | ShortConvolution | FixedState, hidden: int) -> tuple[int, int]:
    """Convolution and recurrent state elements per sequence (llama.cpp ``llama-hparams.cpp`` n_embd_r, n_embd_s)."""
    if isinstance(mixer, FixedState):
        return max(0, mixer.conv - 1) * mixer.channels, mixer.elements
    if isinstance(mixer, ShortConvolution):
        return hidden * (mixer.kernel - 1), 0
    if isinstance(mixer, StateSpace):
        convolved = mixer.inner + (2 * mixer.groups * mixer.state if mixer.kind == "mamba2" else 0)
        return (mixer.conv - 1) * convolved, mixer.state * mixer.inner
    recurrent = mixer.value_heads * mixer.key_dim * mixer.value_dim
    if not mixer.conv:
        return 0, recurrent
    convolved = 2 * mixer.key_heads * mixer.key_dim + mixer.value_heads * mixer.value_dim
    return (mixer.conv - 1) * convolved, recurrent
