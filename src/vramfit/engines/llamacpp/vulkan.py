"""What differs where GPUs compute with Vulkan: large tensors, and buffers in pieces.

Read in ggml-org/llama.cpp v0.5.0 ``ggml/src/ggml-vulkan/ggml-vulkan.cpp`` and ``ggml/src/ggml-alloc.c``, and checked against
what that build reports on Mesa's software renderer with the limits below.
"""

from __future__ import annotations

from vramfit.engines.llamacpp.placement import HOST

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.engines.llamacpp.graph import Graph, Size
    from vramfit.engines.llamacpp.placement import Cells

LARGEST_TENSOR_BYTES = 2**32 - 1
"""``maxStorageBufferRange`` of the usual drivers. ``supports_op`` refuses an operation on a larger tensor unless the driver
has VK_EXT_shader_64bit_indexing, and the CPU computes it; CUDA, ROCm and SYCL have no such limit."""

PIECE_BYTES = 2**30
"""``suballocation_block_size``: a buffer consists of pieces of at most this, a larger tensor being a piece of its own."""

MOST_PIECES = 16
"""``GGML_VBUFFER_MAX_CHUNKS``: the last piece takes whatever comes."""


def leave_to_cpu(graph: Graph, room: Cells) -> None:
    """Gives the host every operation that reads or writes a tensor larger than Vulkan can bind."""

    def too_large(size: Size) -> bool:
        return size[0] + size[1] * room.full + size[2] * room.sliding > LARGEST_TENSOR_BYTES

    for node in graph.nodes:
        if node.device is None and (too_large(node.size) or any(too_large(one.size) for one in node.sources)):
            node.device = HOST


def buffer_bytes(events: Sequence[int], sizes: Sequence[int], base: int = 0) -> int:
    """As ``compute.high_water``, with free space and growth counted piece by piece.

    A piece is a list: the highest end ever reached, and its free blocks from the lowest on, each a start and a size; the last
    block is what is left of the piece behind everything.
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
    """Piece and block for a tensor: the smallest hole of the last piece with one, else the end that grows least."""
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
    """Gives a place back, merged with the free blocks it touches."""
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
