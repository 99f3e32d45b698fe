"""The offsets ggml's graph allocator gives tensors, and how high they reach: the size of a compute buffer.

ggml-org/llama.cpp v0.5.0 ``ggml/src/ggml-alloc.c``: a tensor goes into the smallest hole that takes it, else behind
everything; holes that touch are merged. The buffer is as large as the highest end ever reached, so what counts is not
only which tensors live at the worst moment but also the holes between them that none of them fits.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

ALIGNMENT = 128
"""Tensors start at multiples of this many bytes (``ggml-cuda.cu``, ``ggml_backend_cuda_buffer_type_get_alignment``)."""


def aligned(size: int) -> int:
    """``size`` rounded up to the alignment."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def high_water(events: Sequence[int], sizes: Sequence[int], base: int = 0) -> int:
    """The highest end reached when tensors come and go as ``events`` say, above ``base`` bytes that stay.

    An event is twice the number of a tensor when it is allocated, and one more when it is freed. ``sizes`` are aligned.
    """
    holes: list[list[int]] = []
    places: dict[int, int] = {}
    tail = peak = base
    for event in events:
        number = event >> 1
        size = sizes[number]
        if not size:
            continue
        if event & 1:
            tail = _free(holes, places[number], size, tail)
            continue
        best = None
        for hole in holes:
            if size <= hole[1] and (best is None or hole[1] <= best[1]):
                best = hole
        if best is None:
            places[number] = tail
            tail += size
            peak = max(peak, tail)
        else:
            places[number] = best[0]
            if best[1] == size:
                holes.remove(best)
            else:
                best[0] += size
                best[1] -= size
    return peak


def _free(holes: list[list[int]], start: int, size: int, tail: int) -> int:
    """Gives a place back; returns where the free space behind everything begins now."""
    end = start + size
    index = 0
    for hole in holes:
        if hole[0] > start:
            break
        index += 1
    before = holes[index - 1] if index else None
    if before is not None and before[0] + before[1] == start:
        before[1] += size
        if index < len(holes) and holes[index][0] == end:
            before[1] += holes.pop(index)[1]
        elif end == tail:
            holes.pop(index - 1)
            return before[0]
        return tail
    if end == tail:
        return start
    if index < len(holes) and holes[index][0] == end:
        holes[index][0] = start
        holes[index][1] += size
    else:
        holes.insert(index, [start, size])
    return tail
