"""Block tables of vLLM's paged cache: which layers share one, and the bytes of their pages.

A *page* is the memory of one layer for one block of 16 tokens. Layers of one kind share a block table and form a *group*.
Models with several kinds are divided into groups with equal numbers of layers, the last one padded, so that a block has
the same size for every group. Pages must have equal sizes: a smaller page is extended to more tokens or padded, and in
models with recurrent layers the attention block is extended until its page is at least as large as one state. Module
``compressed`` has the groups of DeepSeek-V4, whose pages have different sizes.

Groups are made of the layers of the whole model, whatever its pipeline stages. Each stage has the pages of its own layers.

Read in vLLM 0.33.0: ``v1/kv_cache_interface.py`` (``page_size_bytes``), ``v1/core/kv_cache_planning.py``
(``unify_kv_cache_spec_page_size``, ``_get_kv_cache_groups_uniform_page_size``), ``platforms/interface.py`` (block size of
hybrid models), ``layers/mamba/mamba_utils.py`` (shapes and types of states). What differs in the releases 0.11 to 0.30
was read there.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.engines.distributed import local_kv_heads
from vramfit.engines.vllm.kv_types import BOUNDARY_LAYERS, TURBOQUANT, head_bytes, latent_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.model.architecture import Cache
    from vramfit.model.mixers import Mixer
    from vramfit.workload.common import Workload

    Key: TypeAlias = tuple[str, int, int | None]
    """Kind, bytes per token (of a state, all bytes) and window of a cache."""
    Span: TypeAlias = tuple[int, int]
    """First layer of a pipeline stage and the one behind its last."""

BLOCK = 16
"""Number of tokens of a block (``CacheConfig.block_size`` on CUDA)."""
LATENT_BLOCKS = (((0, 25), 128), ((0, 12), 64))
"""Number of tokens that a block is a multiple of in models with latent attention and recurrent layers, by the release from
which on that holds (``platforms/interface.py``; 0.19 ``models/config.py``); before, it is ``BLOCK``."""
CONVOLUTION_BYTES = 2
"""Bytes of an element of a convolution's state: the model's 16 bits."""
FLOAT32_STATES = ("nemotron_h", "qwen3_5_text", "qwen3_5_moe_text")
"""Architectures (``model_type``) whose recurrent states are in float32, because vLLM or their configuration says so
(``models/config.py`` ``update_mamba_ssm_cache_dtype`` of Nemotron-H, ``mamba_ssm_dtype`` of Qwen3.5), as those of Kimi
delta attention are (``kda_state_dtype``). Others have the model's 16 bits."""
GROUP_TOLERANCES = (((0, 19), 1.5), ((0, 12), 1.25))
"""Ratio of layer counts below which the larger count is the size of a group, and from which the smaller one is, by the
release from which on it holds (``_get_kv_cache_groups_uniform_page_size``). Before, the smaller one always is."""
WINDOWS_SINCE = (0, 9, 1)
"""Release from which on windowed layers drop the tokens behind their window (hybrid cache manager, vllm-project/vllm PR
17996); before, they keep all."""
CHECKPOINTS_SINCE = (0, 29)
"""Release from which on Mamba 2, and gated delta nets that FlashInfer computes, export a state within a prompt's step
(``num_prefill_checkpoint_blocks``)."""
FLASHINFER_BLOCK = 64
"""Number of tokens that a block is a multiple of where FlashInfer exports such states
(``v1/attention/backends/gdn_attn.py`` ``FLASHINFER_GDN_CHECKPOINT_ALIGNMENT``)."""
LATENT_PADDED = ((0, 7), (0, 9))
LATENT_STEP_BYTES = 256
"""First and last release, the latter excluded, that pad latents to a multiple of so many bytes: 576 elements take the
room of 640 (``VLLM_CUDA_MEM_ALIGN_KV_CACHE``; start-up logs of DeepSeek-Coder-V2-Lite and DeepSeek-R1 of these
releases)."""


class Conditions(Record):
    """Properties of a server that the cache depends on, besides the model and the workload."""

    release: tuple[int, ...]
    """Release of vLLM, ``(0, 33, 0)``."""
    v2: bool
    """True if the V2 runner executes the model, which schedules a step more than there are pipeline stages."""
    ranks: int
    stages: int
    step_tokens: int
    """Number of tokens of one step."""
    element_type: str
    """Element type of the cache; ``f32`` for a model in 32 bits."""
    flashinfer: bool
    """True if FlashInfer computes prompts in gated delta nets."""


class Table(Record):
    """Layers that share a block table."""

    kind: str
    window: int | None
    tokens: int
    """Number of tokens of a block."""
    pages: tuple[tuple[int, int], ...]
    """Number of each layer, and bytes of its page on one rank; layers of a draft follow those of the model."""


class Blocks(Record):
    """Blocks that one request of the full context takes on one rank."""

    count: int
    block_bytes: int
    """Bytes of a block of the pool."""
    least_bytes: int
    """Bytes that the engine demands for the cache before it starts: in most releases those of the blocks."""


def window_blocks(window: int | None, context: int, flying: int, tokens: int) -> int:
    """Number of blocks of ``tokens`` tokens that one sequence takes in layers that keep a window, or everything (None)."""
    if window is None:
        return -(-context // tokens)
    # The window need not start at the boundary of a block, so it can touch one block more.
    return -(-min(window - 1 + flying, context) // tokens) + 1


def flashinfer_states(gpu: Gpu) -> bool:
    """Return True if FlashInfer computes prompts in gated delta nets on a card: on Hopper and Blackwell of any kind.

    Source: ``layers/mamba/gdn/qwen_gdn_linear_attn.py`` ``_resolve_gdn_prefill_backend``; all known nets have keys of the
    128 elements that it wants on Blackwell.
    """
    return gpu.compute_capability is not None and (gpu.compute_capability[0] in (9, 10, 12))


def block_bytes(found: tuple[Table, ...], span: Span, layer_count: int) -> int:
    """Bytes of a block of the pool on a stage: the pages of the table with most; a draft belongs to the last stage."""
    start, stop = span
    last = stop >= layer_count
    sizes = [
        sum([size for number, size in table.pages if start <= number and (last or number < stop)]) for table in found
    ]
    return max(sizes)


def tables(model: Model, work: Workload, conditions: Conditions) -> tuple[Table, ...]:
    """Block tables of a model, those of its draft's layers among them."""
    ahead = work.speculative_tokens or 0
    how = (conditions.release, conditions.ranks, conditions.element_type, conditions.flashinfer, ahead)
    if work.draft is None:
        return _tables(model, *how)
    from vramfit.engines.speculative import drafting

    draft, layers = drafting(work).model, _layers(model, *how)
    for key, numbers in _layers(draft, *how).items():
        layers.setdefault(key, []).extend([model.layer_count + number for number in numbers])
    return _grouped(model, layers, conditions.release, conditions.flashinfer)


@per_model
def _tables(
    model: Model, release: tuple[int, ...], ranks: int, element_type: str, flashinfer: bool, ahead: int
) -> tuple[Table, ...]:
    return _grouped(model, _layers(model, release, ranks, element_type, flashinfer, ahead), release, flashinfer)


def _layers(
    model: Model, release: tuple[int, ...], ranks: int, element_type: str, flashinfer: bool, ahead: int
) -> dict[Key, list[int]]:
    """Numbers of the layers with each cache, in their order."""
    edges: set[int] = set()
    if element_type in TURBOQUANT and not recurs(model):
        count = min(BOUNDARY_LAYERS, model.layer_count // 2)
        edges = {*range(count), *range(model.layer_count - count, model.layer_count)}
    found: dict[Key, list[int]] = {}
    wide = model.architecture.model_type in FLOAT32_STATES
    for group in model.layers:
        for mixer in group.mixers:
            cache = mixer.cache((0,), model.hidden)
            if cache is None:
                continue
            state = 4 if wide or mixer.kind == "kda" else 2
            key = layer_key(mixer, cache, element_type, ranks, state, ahead)
            plain = layer_key(mixer, cache, "f16", ranks, state, ahead) if edges else key
            for number in group.indices:
                found.setdefault(_of_release(plain if number in edges else key, cache, release), []).append(number)
    return {key: sorted(numbers) for key, numbers in found.items()}


def _of_release(key: Key, cache: Cache, release: tuple[int, ...]) -> Key:
    """Key of a cache as an older release keeps it: windowed layers keep every token, and latents are padded."""
    kind, size, window = key
    if kind in ("sliding", "chunked") and release < WINDOWS_SINCE:
        return "full", size, None
    if cache.kind == "latent" and LATENT_PADDED[0] <= release < LATENT_PADDED[1]:
        return kind, -(-size // LATENT_STEP_BYTES) * LATENT_STEP_BYTES, window
    return key


def layer_key(mixer: Mixer, cache: Cache, element_type: str, ranks: int, state_bytes: int, ahead: int) -> Key:
    """Kind, bytes per token and window of the cache of one layer on one rank.

    Elements of recurrent states have ``state_bytes``. Each of ``ahead`` drafted tokens is a column more of convolutions.
    """
    if cache.kind == "latent":
        return "full", latent_bytes(element_type, cache.key_width, cache.index_width), None
    if cache.kind == "state":
        elements = cache.convolution_elements
        if cache.convolution_kernel > 1:
            elements += elements // (cache.convolution_kernel - 1) * ahead
        whole = CONVOLUTION_BYTES * elements + state_bytes * cache.recurrent_elements
        return "state", -(-whole // ranks), None
    whole_heads = max(1, mixer.widths.kv_heads)
    heads = local_kv_heads(whole_heads, ranks)
    each = heads * head_bytes(element_type, cache.key_width // whole_heads, cache.value_width // whole_heads)
    # The keys of an indexer beside them are taken to be as the model: nothing says that they are packed.
    kept = cache.encoder_tokens if cache.kind == "cross" else cache.window
    return cache.kind, each + 2 * cache.index_width, kept


def _grouped(
    model: Model, layers: dict[Key, list[int]], release: tuple[int, ...], flashinfer: bool
) -> tuple[Table, ...]:
    """Divide layers into tables whose blocks have one size."""
    if not layers:
        return ()
    attention = [key for key in layers if key[0] != "state"]
    states = [key[1] for key in layers if key[0] == "state"]
    if len({(kind, window) for kind, _, window in layers}) == 1:
        # Layers that keep equal numbers of tokens share one group even if their widths differ.
        kind, _, window = next(iter(layers))
        tokens = BLOCK if attention else 1
        pages = [(number, key[1] * tokens) for key, numbers in layers.items() for number in numbers]
        return (Table(kind, window, tokens, tuple(sorted(pages))),)
    largest = max([key[1] for key in attention], default=1)
    tokens = BLOCK
    if states:
        multiple = _multiple(model, release, flashinfer)
        tokens = multiple * -(-max(states) // (multiple * largest))
    page = tokens * largest
    size = _group_size([len(numbers) for numbers in layers.values()], release)
    found = []
    for (kind, token_bytes, window), numbers in layers.items():
        own = tokens * token_bytes
        length = tokens * (page // own) if kind != "state" and page % own == 0 else tokens
        count = -(-len(numbers) // size)
        parts = [numbers[start::count] for start in range(count)]
        found += [Table(kind, window, length, tuple([(number, page) for number in part])) for part in parts]
    return tuple(found)


def _multiple(model: Model, release: tuple[int, ...], flashinfer: bool) -> int:
    """Number of tokens that a block of a model with attention and recurrent layers is a multiple of."""
    multiple = BLOCK
    if model.has_latent_attention:
        multiple = next((size for since, size in LATENT_BLOCKS if release >= since), BLOCK)
    if flashinfer and release >= CHECKPOINTS_SINCE and has_mixer(model, "gated_delta_net"):
        multiple = max(multiple, FLASHINFER_BLOCK)
    return multiple


def _group_size(counts: list[int], release: tuple[int, ...]) -> int:
    """Number of layers of each group, from the numbers of layers with equal caches."""
    tolerance = next((ratio for since, ratio in GROUP_TOLERANCES if release >= since), 1.0)
    return max(counts) if max(counts) < tolerance * min(counts) else min(counts)


def has_mixer(model: Model, kind: str) -> bool:
    """Return True if at least one layer has a token mixer of that kind."""
    return any(mixer.kind == kind for group in model.layers for mixer in group.mixers)


@per_model
def recurs(model: Model) -> bool:
    """Return True if the model has recurrent layers."""
    found = [mixer.cache((0,), model.hidden) for group in model.layers for mixer in group.mixers]
    return any(cache is not None and cache.kind == "state" for cache in found)
