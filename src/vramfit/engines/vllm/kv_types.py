"""Bytes of one token in a cache of vLLM, by element type: 16 bits, 8 bits, and types that pack scales beside the values.

Read in vLLM 0.33.0: ``v1/attention/backends/triton_attn.py`` ``TritonAttentionBackend.customize_spec`` (types with a scale
per token and head), ``v1/attention/backends/flashinfer.py`` and ``utils/torch_utils.py`` ``nvfp4_kv_cache_full_dim``
(NVFP4), ``model_executor/layers/quantization/turboquant/config.py`` ``TQ_PRESETS`` and ``slot_size_aligned``,
``model_executor/layers/attention/mla_attention.py`` ``get_kv_cache_spec`` (latents).
"""

from __future__ import annotations

from vramfit.errors import UsageError
from vramfit.memory.kv_cache import ELEMENT_TYPES

WIDE = ("f16", "bf16", "f32")
"""Types that store the values as they are."""
PER_TOKEN_HEAD = {"int8": 1, "fp8_per_token_head": 1, "int4_per_token_head": 2}
"""Number of values in a byte of the types with a float32 scale for K and for V of each token and head."""
SCALE_BYTES = 4
TURBOQUANT = {
    "turboquant_k8v4": (8, 4), "turboquant_4bit_nc": (4, 4), "turboquant_k3v4_nc": (3, 4), "turboquant_3bit_nc": (3, 3),
}  # fmt: skip
"""Bits of a key's and of a value's element in each preset of TurboQuant."""
KEY_NORM_BYTES = 2
VALUE_SCALE_BYTES = 4
"""Bytes of a key's norm (float16; 8-bit keys have none), and of a value's scale and zero point."""
BOUNDARY_LAYERS = 2
"""Number of layers at either end of a model that TurboQuant leaves in 16 bits; none in models with recurrent layers
(``get_boundary_skip_layers``)."""
NVFP4_GROUP = 16
"""Number of 4-bit elements that share an 8-bit scale."""
SPARSE_LATENT = {"nvfp4": 352}
FP8_SPARSE_LATENT = 656
"""Bytes of a sparse latent in ``nvfp4_ds_mla``, and in ``fp8_ds_mla``: 512 in 8 bits, four scales, 64 rotary elements in
16 bits (``v1/attention/backends/mla/flashmla_sparse.py``)."""
INDEX_SCALE_BYTES = 4
INDEX_BLOCK = 128
"""Bytes of the float32 scale of an indexer's 8-bit key, and number of elements that share one (``models/deepseek_v2.py``
``Indexer``)."""


def head_bytes(kind: str, key_width: int, value_width: int) -> int:
    """Bytes of K and V of one token in one head, with widths in elements."""
    if kind in PER_TOKEN_HEAD:
        packed = PER_TOKEN_HEAD[kind]
        return key_width // packed + value_width // packed + 2 * SCALE_BYTES
    if kind in TURBOQUANT:
        bits, value_bits = TURBOQUANT[kind]
        key = key_width if bits == 8 else -(-key_width * bits // 8) + KEY_NORM_BYTES
        size = key + -(-value_width * value_bits // 8) + VALUE_SCALE_BYTES
        return size + size % 2
    if kind == "nvfp4":
        return sum([width // 2 + width // NVFP4_GROUP for width in (key_width, value_width)])
    block, size = ELEMENT_TYPES[kind]
    return (key_width + value_width) * size // block


def latent_bytes(kind: str, width: int, index_width: int) -> int:
    """Bytes of a latent of ``width`` elements, and of its indexer's key, which is in 8 bits whatever the type.

    Raises ``UsageError`` for a type that vLLM does not keep latents in.
    """
    if kind in TURBOQUANT or (kind == "nvfp4" and not index_width):
        raise UsageError(f"vllm keeps no latents (MLA) in {kind}", "use --kv-cache-type fp8 or f16")
    if index_width and kind not in WIDE:
        return SPARSE_LATENT.get(kind, FP8_SPARSE_LATENT) + index_bytes(index_width)
    if kind in PER_TOKEN_HEAD:
        return width // PER_TOKEN_HEAD[kind] + 2 * SCALE_BYTES + index_bytes(index_width)
    block, size = ELEMENT_TYPES[kind]
    return width * size // block + index_bytes(index_width)


def index_bytes(width: int) -> int:
    """Bytes of an indexer's 8-bit key of ``width`` elements with its scales; 0 without an indexer."""
    return 0 if not width else width + -(-width // INDEX_BLOCK) * INDEX_SCALE_BYTES
