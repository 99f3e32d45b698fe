"""Blocks of DeepSeek-V4's caches in vLLM's pool: entries of 4 and 128 tokens, a window, and what is not yet compressed.

Each layer keeps a window of tokens in blocks of 64. A compressing layer has a block for 256 tokens with an entry for each
group of 4 or 128 of them, with ratio 4 also the indexer's keys, and the float32 sums of the groups still open, in blocks
of 4 or 8 tokens. The pages of these caches have different sizes, and one block of the pool holds any group of them. Layers
are not divided over the ranks of tensor parallelism. What a step processes takes many small blocks, so that a step of
8,192 tokens costs several GiB for each request, whatever its context.

Read in vLLM 0.33.0: ``models/deepseek_v4/attention.py`` (``get_kv_cache_spec``), ``models/deepseek_v4/compressor.py``
``CompressorStateCache``, ``v1/core/kv_cache_planning.py`` ``_get_packed_kv_cache_groups``; and in ``v1/core/kv_cache_utils.py``
of 0.21, 0.25, 0.26, 0.27 and 0.28, which differ in the size of a block, and in what they demand before they start.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.vllm.kv_tables import Blocks, window_blocks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.vllm.kv_tables import Conditions, Span
    from vramfit.model import Model
    from vramfit.workload.common import Workload

BLOCK = 256
WINDOW_BLOCK = 64
"""Number of tokens of a block of entries, and of a block of the window."""
ENTRY_BYTES = 584
"""Bytes of an entry: 448 in 8 bits, 64 rotary elements in 16 bits, and scales (``fp8_ds_mla``)."""
INDEX_SCALE_BYTES = 4
ALIGNMENT = 576
"""Number of bytes that a page is rounded up to a multiple of."""
FEW, MANY = 4, 128
"""Ratios of compression."""
SUM_BYTES = 4
"""Bytes of an element of the sums of open groups: float32, with as many scores."""
OPEN = {FEW: (4, 2 * FEW), MANY: (8, MANY)}
"""Tokens of a block of open groups, and the number of tokens that are kept of them; with ratio 4 groups overlap."""
PACKED_SINCE = (0, 29)
"""Release from which on a block is as large as the largest group, and that is also what is demanded."""
DENSE_SINCE, BUCKETS_SINCE = (0, 27), (0, 25)
"""Releases from which on a block is as large as the largest group, and as the most pages of each size of any group.
Before, it has a page of each size for every layer of the longest group."""


class Bucket(Record):
    """Layers that keep equal numbers of tokens."""

    tokens: int
    """Number of tokens of a block."""
    window: int | None
    pages: tuple[tuple[int, tuple[int, ...]], ...]
    """Bytes of a page and numbers of the layers that have one, for each size of page."""

    @property
    def rows(self) -> int:
        """Number of layers with pages of the commonest size."""
        return max([len(layers) for _, layers in self.pages])


class Group(Record):
    """Layers of a bucket that share a block table."""

    bucket: Bucket
    layers: tuple[int, ...] | None
    """Numbers of the layers, or None for all of the bucket."""
    blocks: int
    """Number of blocks that one request takes."""

    def pages(self, span: Span) -> list[tuple[int, int]]:
        """Bytes of a page and number of layers in ``span`` that have one, for each size of page."""
        start, stop = span
        return [
            (page, len([number for number in self.layers or layers if start <= number < stop]))
            for page, layers in self.bucket.pages
        ]

    def size(self, span: Span) -> int:
        """Bytes of the pages of the layers in ``span``."""
        return sum([page * count for page, count in self.pages(span)])


def compressed_blocks(model: Model, work: Workload, conditions: Conditions, flying: int, span: Span) -> Blocks:
    """Blocks that one request takes on a rank of a pipeline stage, with ``flying`` tokens in steps not yet processed."""
    entries, *windows = found = _buckets(model, conditions.release)
    packed = conditions.release >= PACKED_SINCE
    size = _rows_of_group(found, packed)
    groups = [Group(entries, None, -(-work.context // BLOCK))]
    for bucket in windows:
        count = -(-bucket.rows // size)
        taken = window_blocks(bucket.window, work.context, flying, bucket.tokens)
        layers = bucket.pages[0][1]
        groups += [Group(bucket, layers[start::count] if count > 1 else None, taken) for start in range(count)]
    total = sum([group.blocks for group in groups])
    widest = max([group.size(span) for group in groups])
    if packed:
        return Blocks(total, widest, total * widest)
    rows = max([group.bucket.rows if group.layers is None else len(group.layers) for group in groups])
    tuples = rows * sum([page for page, _ in entries.pages])
    if conditions.release >= DENSE_SINCE:
        return Blocks(total, widest, total * tuples)
    # The log divides the bytes of all groups by those of a block of entries.
    count = -(-sum([group.size(span) * group.blocks for group in groups]) // groups[0].size(span))
    block = _bucket_bytes(groups, span) if conditions.release >= BUCKETS_SINCE else tuples
    return Blocks(count, block, total * tuples)


def _buckets(model: Model, release: tuple[int, ...]) -> list[Bucket]:
    """Layers by what they keep: entries first, then the windows and the open groups of each ratio."""
    width, index, window = 0, 0, 0
    layers: dict[int, list[int]] = {0: [], FEW: [], MANY: []}
    for group in model.layers:
        for mixer in group.mixers:
            cache = mixer.cache((0,), model.hidden)
            if cache is None or cache.kind != "compressed":
                continue
            layers[cache.ratio].extend(group.indices)
            width, window, index = cache.key_width, cache.window or 0, max(index, cache.index_width)
    few, many = tuple(sorted(layers[FEW])), tuple(sorted(layers[MANY]))
    every = tuple(sorted([number for numbers in layers.values() for number in numbers]))
    entry = _page(BLOCK // FEW * ENTRY_BYTES)
    keys = _page(BLOCK // FEW * (index + INDEX_SCALE_BYTES))
    sums = _page(OPEN[FEW][0] * 4 * width * SUM_BYTES), _page(OPEN[FEW][0] * 4 * index * SUM_BYTES)
    long = _page(OPEN[MANY][0] * 2 * width * SUM_BYTES)
    if release < DENSE_SINCE:  # each page is padded to one of the sizes of the entries' pages
        sums, long = (entry, keys), entry
    return [
        Bucket(BLOCK, None, ((entry, few), (keys, few), (_page(BLOCK // MANY * ENTRY_BYTES), many))),
        Bucket(WINDOW_BLOCK, window, ((_page(WINDOW_BLOCK * ENTRY_BYTES), every),)),
        Bucket(*OPEN[FEW], ((sums[0], few), (sums[1], few))),
        Bucket(*OPEN[MANY], ((long, many),)),
    ]


def _rows_of_group(buckets: list[Bucket], packed: bool) -> int:
    """Number of layers of each size of page in one group: the one that pads least, ``_approximate_gcd``.

    The bucket of entries has pages of different numbers, so that it is one group and counts in older releases only.
    """
    entries, *windows = buckets
    counts = [bucket.rows for bucket in windows] if packed else [bucket.rows for bucket in buckets]
    least = max([bucket.rows for bucket in windows if len(bucket.pages) > 1]) if packed else entries.rows
    # Of equal paddings the larger number is taken.
    return min(range(least, max(counts) + 1), key=lambda rows: (sum([-count % rows for count in counts]), -rows))


def _bucket_bytes(groups: list[Group], span: Span) -> int:
    """Bytes of a block with as many pages of each size as any group has."""
    most: dict[int, int] = {}
    for group in groups:
        for page, count in group.pages(span):
            most[page] = max(most.get(page, 0), count)
    return sum([page * count for page, count in most.items()])


def _page(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
