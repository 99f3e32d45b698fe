"""The static share of SGLang as a limit: a part of what is free before it loads, filled whole by weights and cache.

SGLang measures the free memory twice, after its processes are connected and after the weights are loaded, and gives the
cache what is left above ``free before x (1 - mem_fraction_static)`` (0.5.23 ``srt/mem_cache/kv_cache_configurator.py``
``_profile_available_bytes``). It does so whatever the need, so that activations and CUDA graphs must fit into the rest.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.pool import Pool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Rank(Record):
    """Memory of one GPU in the order in which it is taken, without the runtime's context."""

    before_bytes: int
    weights_bytes: int
    cache_bytes: int
    """Bytes of the pool that the asked requests need."""
    kept_bytes: int
    """Bytes that the pool leaves of the share, for embeddings of images."""
    after_bytes: int
    """Bytes of activations, CUDA graphs and workspaces, ``kept_bytes`` among them."""
    most_cache_bytes: int | None = None
    """Bytes of the pool where ``max_total_tokens`` ends it; None where nothing does."""


class StaticPool(Pool):
    """Limit of weights and cache, as a share of what is free before they are loaded."""

    ranks: tuple[Rank, ...] = ()
    one_request: bool = False
    """True if no more is asked than one request at once."""

    def free_bytes(self, offered_bytes: Iterable[int], reserve_bytes: int) -> tuple[int, ...]:
        """Bytes of each GPU that are free before the weights are loaded."""
        free = super().free_bytes(offered_bytes, reserve_bytes)
        return tuple([size - rank.before_bytes for size, rank in zip(free, self.ranks, strict=True)])

    def static_bytes(self, offered_bytes: Sequence[int], reserve_bytes: int) -> tuple[int, ...]:
        """Bytes for weights and cache on each GPU, given the usable bytes of each and those that others hold."""
        found = []
        for rank, free in zip(self.ranks, self.free_bytes(offered_bytes, reserve_bytes), strict=True):
            static = max(0, round(free * self.share) - rank.kept_bytes)
            if rank.most_cache_bytes is not None:
                static = min(static, rank.weights_bytes + rank.most_cache_bytes)
            found.append(static)
        return tuple(found)

    def pool_bytes(self, offered_bytes: Sequence[int], reserve_bytes: int) -> tuple[int, ...]:
        """Bytes of the cache's pool on each GPU; 0 if the weights leave none."""
        static = self.static_bytes(offered_bytes, reserve_bytes)
        return tuple([max(0, size - rank.weights_bytes) for size, rank in zip(static, self.ranks, strict=True)])

    def limits(self, offered_bytes: Iterable[int], reserve_bytes: int = 0) -> tuple[int, ...]:
        """Largest number of bytes that SGLang takes of each GPU while weights and cache are within the share."""
        static = self.static_bytes(tuple(offered_bytes), reserve_bytes)
        return tuple([size + outside for size, outside in zip(static, self.outside_bytes, strict=True)])

    def short_bytes(self, offered_bytes: Iterable[int], reserve_bytes: int) -> int:
        """Bytes without which SGLang does not come up: for weights in the share, or for activations in the rest."""
        offered = tuple(offered_bytes)
        short = 0
        sizes = zip(
            self.ranks, self.free_bytes(offered, reserve_bytes), self.static_bytes(offered, reserve_bytes), strict=True
        )
        for rank, free, static in sizes:
            short = max(short, rank.weights_bytes - static + 1, rank.after_bytes - (free - static))
        return short

    def stretched(self, limit_bytes: int, usable_bytes: int, total_bytes: int, cache_bytes: int) -> int:
        """Return the limit, or the need of a single request where the GPU has the memory and only the share is short.

        SGLang starts with a pool smaller than one context, and rejects prompts that are longer than the pool.
        """
        if self.one_request and total_bytes - cache_bytes < limit_bytes < total_bytes <= usable_bytes:
            return total_bytes
        return limit_bytes

    def least_share(self, offered_bytes: Sequence[int], reserve_bytes: int) -> float:
        """Least share, to three decimals, with which the pool holds all asked requests; no more than 0.99."""
        least = 0.0
        for rank, free in zip(self.ranks, self.free_bytes(offered_bytes, reserve_bytes), strict=True):
            asked = rank.weights_bytes + rank.cache_bytes + rank.kept_bytes
            least = max(least, asked / max(1, free))
        return min(0.99, -int(-least * 1000 // 1) / 1000)

    def most_share(self, offered_bytes: Sequence[int], reserve_bytes: int) -> float:
        """Largest share, to three decimals, that leaves activations and CUDA graphs what they need; 0 for none."""
        most = 1.0
        for rank, free in zip(self.ranks, self.free_bytes(offered_bytes, reserve_bytes), strict=True):
            most = min(most, 1 - rank.after_bytes / max(1, free))
        return max(0.0, most * 1000 // 1 / 1000)

    def reason(self, title: str, offered_bytes: Sequence[int], reserve_bytes: int) -> str:
        """Sentence on what is short at the start."""
        sizes = zip(
            self.ranks,
            self.free_bytes(offered_bytes, reserve_bytes),
            self.static_bytes(offered_bytes, reserve_bytes),
            strict=True,
        )
        for rank, free, static in sizes:
            if rank.weights_bytes >= static:
                least = min(1.0, (rank.weights_bytes + rank.kept_bytes) / max(1, free))
                return (
                    f"{title} refuses to start: the weights leave no memory for the cache at --mem-fraction-static"
                    f" {self.share:g}; it must be above {least:.3f}"
                )
        return (
            f"{title} gives {self.share:.1%} of the free memory to weights and cache, and activations and CUDA graphs need"
            " more than the rest: it runs out of memory after it has loaded; lower --mem-fraction-static or"
            " --chunked-prefill-size"
        )
