"""Quantized caches that llama.cpp refuses."""

from __future__ import annotations

from vramfit.engines.llamacpp.placement import QUANTIZED
from vramfit.errors import UsageError
from vramfit.model.architecture import Attention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.workload.common import Workload

CACHE_BLOCK = 32
"""Number of elements of a block of the quantized types, which share a scale."""


def check_cache(model: Model, work: Workload) -> None:
    """Raise ``UsageError`` for a cache that llama.cpp refuses (``src/llama-context.cpp``, ``llama_init_from_model``)."""
    kinds = (work.kv_cache_type, work.kv_cache_type_v)
    if kinds[1] in QUANTIZED and not work.flash_attention:
        raise UsageError(
            f"llama.cpp quantizes V ({kinds[1]}) only with flash attention",
            "use --flash-attention on, or --kv-cache-type-v f16",
        )
    if kinds[0] in QUANTIZED or kinds[1] in QUANTIZED:
        for group in model.layers:
            for mixer in group.mixers:
                if isinstance(mixer, Attention):
                    _check_blocks(kinds, (mixer.head_dim, mixer.value_dim))


def _check_blocks(kinds: tuple[str, str], widths: tuple[int, int]) -> None:
    """Raise ``UsageError`` if the width of a head is not a multiple of a cache type's block."""
    for letter, kind, width in zip("KV", kinds, widths, strict=True):
        if kind in QUANTIZED and width % CACHE_BLOCK:
            raise UsageError(
                f"llama.cpp stores {letter} as {kind} in blocks of {CACHE_BLOCK}, and this model's heads are {width} wide",
                "use an f16 cache for this model",
            )
