"""Paged cache of TensorRT-LLM: blocks of 32 tokens of all layers, and states of recurrent layers in a pool of their own.

Read in NVIDIA/TensorRT-LLM: ``_torch/pyexecutor/resource_manager.py`` ``KVCacheManager`` and ``_util.py``
``_create_kv_cache_manager`` (latent attention: one head on every rank), ``mamba_cache_manager.py``
``_get_mamba_hybrid_pool_size`` and ``llmapi/llm_args.py`` ``KvCacheConfig.tokens_per_block`` at fcd3f31 and later.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.vllm.kv_tables import layer_key
from vramfit.memory.vision import crossed_tokens

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.workload.common import Workload

BLOCK = 32
"""Number of tokens of a block (``KvCacheConfig.tokens_per_block``)."""
PADDING_STATES = 1
"""Number of state slots beside those of the requests, for padded batches (``_get_mamba_hybrid_pool_size``)."""


STATE_BYTES = 4
"""Bytes of an element of a recurrent state: float32 (``mamba_cache_manager.py``, ``mamba_ssm_cache_dtype`` of the models
that state it)."""


class Kind(Record):
    """Equal layers of one stage on one rank."""

    kind: str
    """Kind of the cache: one of those of ``memory.kv_cache.Cache.kind``."""
    layers: int
    token_bytes: int
    """Bytes per token and layer; for ``state`` layers the bytes of the whole state."""
    window: int | None
    """Number of tokens that a layer keeps, or of the encoder's outputs that it attends to; None where it keeps all."""


def kinds(model: Model, work: Workload, ranks: int, span: tuple[int, int]) -> list[Kind]:
    """Caches of the layers from ``span[0]`` to before ``span[1]`` on one rank, with equal ones grouped."""
    merged: dict[tuple[str, int, int | None], int] = {}
    for group in model.layers:
        count = len([index for index in group.indices if span[0] <= index < span[1]])
        for mixer in group.mixers if count else ():
            cache = mixer.cache((0,), model.hidden)
            if cache is not None:
                key = layer_key(mixer, cache, work.kv_cache_type, ranks, STATE_BYTES, 0)
                merged[key] = merged.get(key, 0) + count
    return [Kind(kind, layers, size, window) for (kind, size, window), layers in merged.items()]


class Cache:
    """Bytes of the cache of one rank, for the layers of its stage."""

    def __init__(self, model: Model, work: Workload, ranks: int, span: tuple[int, int]) -> None:
        self.kinds = kinds(model, work, ranks, span)
        self.request_bytes = 0
        """Bytes of one request of the full context."""
        self.windowed_bytes = 0
        """Bytes of such a request if sliding-window layers keep only their window."""
        self.state_bytes = 0
        """Bytes of the recurrent states of one request."""
        blocks = -(-work.context // BLOCK)
        for kind in self.kinds:
            layer = kind.layers * kind.token_bytes
            if kind.kind == "state":
                self.state_bytes += layer
            elif kind.kind == "cross":
                crossed = layer * crossed_tokens(model, kind.window, work)
                self.request_bytes += crossed
                self.windowed_bytes += crossed
            else:
                # Each layer keeps the whole context unless max_attention_window is stated: gpt-oss-120b takes 73,728
                # bytes a token, for all of its 36 layers (start-up log of 1.2 on a DGX Spark, 2025-12-20).
                kept = blocks if kind.window is None else min(blocks, -(-kind.window // BLOCK) + 1)
                self.request_bytes += layer * BLOCK * blocks
                self.windowed_bytes += layer * BLOCK * kept

    def total_bytes(self, parallel: int, sequences: int) -> int:
        """Bytes for ``parallel`` requests of the full context, with states for ``sequences`` requests."""
        return parallel * self.request_bytes + self.states_bytes(sequences)

    def states_bytes(self, sequences: int) -> int:
        """Bytes of the pool of states, which is allocated for ``max_batch_size`` requests at the start."""
        return (sequences + PADDING_STATES) * self.state_bytes

    def least_bytes(self, parallel: int) -> int:
        """Bytes if windows are respected and states are allocated when they are needed."""
        return parallel * (self.windowed_bytes + self.state_bytes)
