"""Memory that llama.cpp's pool on ROCm kept of unpacked caches, in builds before June 2026.

Flash attention of a long prompt reads K and V in F16, so that a cache of another type is unpacked first. Since pull request
23907 of ggml-org/llama.cpp (June 2026) the copies are in the compute buffer. Before, they came from the backend's pool,
which on ROCm is the one without virtual memory (``ggml-cuda.cu`` ``ggml_cuda_pool_leg``): each request takes the smallest
free piece that is large enough, or a new one of 1.05 times its size, and no piece is given back. While a prompt grows, each
batch asks for more than any piece has, so that the pool ends up with many times the last copies (issues 11337, 19979, 22107
and pull request 21830, all on cards of AMD).
"""

from __future__ import annotations

from bisect import bisect_left, insort

from vramfit.memory.kv_cache import caches
from vramfit.model.architecture import Attention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.llamacpp.placement import Placement
    from vramfit.model import Model
    from vramfit.workload.common import Workload

LOOK_AHEAD = 1.05
"""Size of a new piece of the pool as a multiple of what is asked for (``look_ahead_size``)."""
MOST_PIECES = 256
"""Largest number of pieces that the pool keeps (``MAX_BUFFERS``)."""


def stranded_bytes(model: Model, work: Workload, cells: int, batch: int) -> int:
    """Bytes that the pool has once a prompt of ``cells`` tokens was read in batches of ``batch``.

    It is 0 for a cache in F16, and without flash attention, which unpacks nothing.
    """
    if not work.flash_attention:
        return 0
    most = (0, 0)
    for cache in caches(model):
        if cache.kind != "full":
            continue
        widths = (
            cache.key_width if work.kv_cache_type != "f16" else 0,
            cache.value_width if work.kv_cache_type_v != "f16" else 0,
        )
        most = max(most, widths, key=sum)
    return pool_bytes([2 * width for width in most if width], cells, batch)


def attends(model: Model, placement: Placement, number: int) -> bool:
    """Tell whether layers on a GPU attend to a cache, without which nothing is unpacked there (Nemotron Super)."""
    devices = placement.layer_device
    return any(
        devices[index] == number
        for group in model.layers
        if any(isinstance(mixer, Attention) for mixer in group.mixers)
        for index in group.indices
    )


def pool_bytes(rows: list[int], cells: int, batch: int) -> int:
    """Bytes of all pieces after copies of ``rows`` bytes for each cell were made for 1, 2, … batches of ``batch`` cells."""
    pieces: list[int] = []  # sorted: a long prompt has thousands of batches, and hundreds of pieces to look through
    for batches in range(1, -(-cells // batch) + 1) if rows else ():
        taken: list[int] = []
        for row in rows:
            size = row * min(batches * batch, cells)
            place = bisect_left(pieces, size)
            taken.append(pieces.pop(place) if place < len(pieces) else round(LOOK_AHEAD * size))
        for piece in taken[: MOST_PIECES - len(pieces)]:
            insort(pieces, piece)
    return sum(pieces)
