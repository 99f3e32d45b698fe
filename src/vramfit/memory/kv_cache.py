"""Caches of past tokens, layer by layer: K and V per token, a latent per token, or a state of constant size.

``KV = sum over layers of cells x (key_width x bytes_k + value_width x bytes_v)``. ``caches`` gives the widths for each
group of layers; engines decide the number of cells (padding, windows, paging) and the element types.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit.errors import UsageError
from vramfit.model.architecture import Cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model.architecture import Model

__all__ = ["ELEMENT_TYPES", "Cache", "caches", "index_row_bytes", "row_bytes", "token_bytes"]

ELEMENT_TYPES: dict[str, tuple[int, int]] = {
    "f32": (1, 4), "f16": (1, 2), "bf16": (1, 2), "fp8": (1, 1), "fp8_e4m3": (1, 1), "fp8_e5m2": (1, 1), "int8": (1, 1),
    "q8_0": (32, 34), "q5_1": (32, 24), "q5_0": (32, 22), "q4_1": (32, 20), "q4_0": (32, 18), "iq4_nl": (32, 18),
    "int4": (2, 1), "int7": (8, 7), "int6": (4, 3), "int5": (8, 5), "int3": (8, 3), "int2": (4, 1),
    "fp8_per_token_head": (32, 33), "int4_per_token_head": (32, 17), "nvfp4": (16, 9), "turboquant_k8v4": (64, 49),
    "turboquant_4bit_nc": (128, 67), "turboquant_k3v4_nc": (128, 59), "turboquant_3bit_nc": (128, 51),
}  # fmt: skip
"""Elements and bytes of one block of each cache type (ggml-org/llama.cpp ``ggml/src/ggml-common.h``; for fp8 and int8
vLLM 0.33 ``v1/kv_cache_interface.py``, which does not count the scales, and the other integers likewise). Those of the last
two lines are the mean of K and V in heads of 128 elements; ``engines/vllm/kv_types`` has their arithmetic."""


@per_model
def caches(model: Model) -> tuple[Cache, ...]:
    """Caches and recurrent states of a model, one for each group of layers that own equal ones.

    Layers that read another layer's cache own none and are left out.
    """
    found = []
    for group in model.layers:
        for mixer in group.mixers:
            cache = mixer.cache(group.indices, model.hidden)
            if cache is not None:
                found.append(cache)
    return tuple(found)


def row_bytes(width: int, element_type: str) -> int:
    """Bytes of a cache row of ``width`` elements; quantized types store whole blocks.

    Raises ``UsageError`` if ``width`` is not a multiple of the type's block, which llama.cpp refuses too.
    """
    block, size = ELEMENT_TYPES[element_type]
    if width % block:
        raise UsageError(
            f"a cache row of {width} elements is not a multiple of {element_type}'s block of {block}",
            "use f16 or bf16 for this model's cache",
        )
    return width // block * size


def token_bytes(cache: Cache, key_type: str, value_type: str) -> int:
    """Bytes of K and V of one token in one layer; raises ``UsageError`` where ``row_bytes`` does."""
    return row_bytes(cache.key_width, key_type) + row_bytes(cache.value_width, value_type)


def index_row_bytes(cache: Cache, key_type: str) -> int:
    """Bytes of an indexer's key for one cached token or entry in one layer.

    Raises ``UsageError`` where ``row_bytes`` does.
    """
    return cache.index_bytes * cache.index_width if cache.index_bytes else row_bytes(cache.index_width, key_type)
