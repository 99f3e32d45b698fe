"""Differences of the Vulkan backend: large tensors are left to the CPU, and buffers consist of pieces.

Read in ggml-org/llama.cpp v0.5.0 ``ggml/src/ggml-vulkan/ggml-vulkan.cpp`` and ``ggml/src/ggml-alloc.c``, and checked against
the sizes that this build reports on Mesa's software renderer with the limits below.
"""

from __future__ import annotations

from vramfit.engines.llamacpp.placement import HOST
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.llamacpp.graph import Graph, Size
    from vramfit.engines.llamacpp.placement import Cells
    from vramfit.hardware import Gpu

LARGEST_TENSOR_BYTES = 2**32 - 1
"""``maxStorageBufferRange`` of the usual drivers. ``supports_op`` refuses an operation on a larger tensor, which the CPU
then computes, unless the driver has VK_EXT_shader_64bit_indexing. CUDA, ROCm and SYCL have no such limit."""

PIECE_BYTES = 2**30
"""Largest size of a piece of a buffer (``suballocation_block_size``), unless it consists of a single larger tensor."""

MOST_PIECES = 16
"""Largest number of pieces of a buffer (``GGML_VBUFFER_MAX_CHUNKS``); the last one is unlimited."""

WINDOWS_SHARE, WINDOWS_KEPT_BYTES = 0.98, 768 * MIB
"""Share of an NVIDIA card's memory that Vulkan states as its heap on Windows, at least, and bytes of that heap that are
never free: RTX 3060 Laptop 5,226 of 5,994 MiB, RTX 3080 Ti 11,316 of 12,084, GTX 1070 Ti 7,504 of 8,273
(HilbertraumAI/HilbertRaum ``eval/results/hardware``)."""


def windows_bytes(gpu: Gpu) -> int:
    """Bytes that Vulkan offers of an idle NVIDIA card on Windows: those that someone stated, else by the rule above."""
    stated = gpu.usable_readings.get("windows")
    return round(gpu.memory_bytes * WINDOWS_SHARE) - WINDOWS_KEPT_BYTES if stated is None else stated


def leave_to_cpu(graph: Graph, room: Cells) -> None:
    """Assign every operation that reads or writes a tensor larger than Vulkan can bind to the host."""

    def too_large(size: Size) -> bool:
        return size[0] + size[1] * room.full + size[2] * room.sliding > LARGEST_TENSOR_BYTES

    for node in graph.nodes:
        if node.device is None and (too_large(node.size) or any(too_large(one.size) for one in node.sources)):
            node.device = HOST


def buffer_bytes(events: Sequence[int], sizes: Sequence[int], base: int = 0) -> int:
    """Bytes of a buffer of the Vulkan backend, with the arguments of ``schedule.high_water``.

    Unlike there, free space and growth are counted piece by piece. A piece consists of the highest end ever reached in it
    and its free blocks in order, each with a start and a size; the last block is the free space at the end of the piece.
    """
    pieces: list[tuple[list[int], list[list[int]]]] = []
    places: dict[int, tuple[int, int]] = {}

    def allocate(size: int) -> tuple[int, int]:
        chosen, block = _best(pieces, size)
        if chosen < 0:
            room = 2**62 if len(pieces) == MOST_PIECES - 1 else max(size, PIECE_BYTES)
            pieces.append(([0], [[0, room]]))
            chosen, block = len(pieces) - 1, 0
        top, blocks = pieces[chosen]
        start = blocks[block][0]
        blocks[block][0] += size
        blocks[block][1] -= size
        if not blocks[block][1]:
            blocks.pop(block)
        top[0] = max(top[0], start + size)
        return chosen, start

    if base:
        allocate(base)
    for event in events:
        size = sizes[event >> 1]
        if not size:
            continue
        if event & 1:
            chosen, start = places[event >> 1]
            _free(pieces[chosen][1], start, size)
        else:
            places[event >> 1] = allocate(size)
    return sum([top[0] for top, _ in pieces])


def _best(pieces: Sequence[tuple[list[int], list[list[int]]]], size: int) -> tuple[int, int]:
    """Choose the numbers of a piece and of its free block for a tensor; -1 for the piece if a new one is needed.

    It is the smallest hole in the last piece that has one, or else the end of the piece that has to grow least.
    """
    chosen = block = -1
    for number, (_, blocks) in enumerate(pieces):
        best = None
        for index, (_, free) in enumerate(blocks[:-1]):
            if free >= size and (best is None or free <= best):
                chosen, block, best = number, index, free
    if block >= 0:
        return chosen, block
    least: int | None = None
    for number, (top, blocks) in enumerate(pieces):
        if not blocks or blocks[-1][1] < size:
            continue
        unused = top[0] - blocks[-1][0] - size
        if least is None or (unused > least if least < 0 else 0 <= unused < least):
            chosen, block, least = number, len(blocks) - 1, unused
    return chosen, block


def _free(blocks: list[list[int]], start: int, size: int) -> None:
    """Free a place, and merge it with adjacent free blocks."""
    index = 0
    while index < len(blocks) and blocks[index][0] < start:
        index += 1
    if index and sum(blocks[index - 1]) == start:
        blocks[index - 1][1] += size
        index -= 1
    elif index < len(blocks) and start + size == blocks[index][0]:
        blocks[index][0] = start
        blocks[index][1] += size
        return
    else:
        blocks.insert(index, [start, size])
        return
    if index + 1 < len(blocks) and sum(blocks[index]) == blocks[index + 1][0]:
        blocks[index][1] += blocks.pop(index + 1)[1]
