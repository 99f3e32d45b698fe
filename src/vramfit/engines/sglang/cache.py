"""Caches of SGLang: a pool of tokens, one for layers with a window, and slots for recurrent states.

Every token has a slot of its own in all full layers. Layers with a window share that pool, or have one of their own with
``swa_full_tokens_ratio`` slots for each token of the other (0.8), whatever a window holds. Recurrent states get
``mamba_full_memory_ratio`` (0.9) of what the tokens get, so that 47 % of a pool hold states.

Read in SGLang 0.5.23: ``srt/model_executor/pool_configurator.py`` (``DefaultPoolConfigurator``,
``HybridSWAPoolConfigurator``, ``DSV4PoolConfigurator``), ``srt/mem_cache/kv_cache_configurator.py``
(``_handle_max_mamba_cache``, ``_calculate_mamba_ratio``, ``calculate_mla_kv_cache_dim``), ``srt/configs/model_config.py``
(``is_hybrid_swa_model``), ``srt/configs/mamba_utils.py``.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record, replace
from vramfit.engines.distributed import local_kv_heads
from vramfit.memory.kv_cache import ELEMENT_TYPES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.model.architecture import Cache
    from vramfit.model.mixers import Mixer

WINDOW_POOLS = (
    "gpt_oss", "llama4_text", "mimo_v2_flash", "step3p5", "gemma4_text", "gemma4_unified_text", "laguna", "mellum",
    "granite_swa", "deepseek_v4", "deepseek_v41_text",
)  # fmt: skip
"""Architectures whose windowed layers have a pool of their own. Those of Gemma 2 and 3, EXAONE 4 and OLMo 3 are switched
off (``arg_groups/model_overrides``), and others are not known to it: their layers keep every token."""
WINDOW_RATIO = 0.8
WINDOW_RATIO_COMPRESSED = 0.1
"""Defaults of ``swa_full_tokens_ratio``, the second for DeepSeek-V4 (``model_overrides/deepseek_v4.py``)."""
STATE_RATIO = 0.9
"""Default of ``mamba_full_memory_ratio``."""
SLOTS_PER_REQUEST = 3
"""State slots that a request needs: its own, one for the prefix cache and one while it passes from prefill to decoding
(``MAMBA_CACHE_SIZE_MAX_RUNNING_REQUESTS_RATIO``)."""
TRACKING_SLOTS = 2
TRACKED = (
    "kimi_linear", "kimi_k3", "qwen3_5_text", "qwen3_5_moe_text", "qwen3_next", "falcon_h1", "granitemoehybrid", "nemotron_h",
    "bailing_hybrid", "glm5_next",
)  # fmt: skip
"""Slots that tracking the states adds, with batches scheduled ahead, and the architectures that do so
(``_MAMBA_EXTRA_BUFFER_ARCHS``, ``get_mamba_tracking_slots``)."""
CONVOLUTION_BYTES, STATE_BYTES = 2, 4
"""Bytes of an element of a convolution's state and of a recurrent state: bfloat16 and float32 (``mamba2_state_dtype``)."""

INDEX_BLOCK, INDEX_SCALE_BYTES = 128, 4
"""Number of elements of an indexer's 8-bit key that share a float32 scale, and its bytes (``DSATokenToKVPool``)."""
COMPRESSED_ENTRY = 585
"""Bytes of an entry of DeepSeek-V4's cache: 448 in 8 bits, 64 rotary elements in 16 and scales, 584 in all, of which 256 are
padded to a page that is a multiple of 576."""
STATE_RINGS = {4: 8, 128: 128}
"""Entries of the ring in which tokens wait to be compressed, by the number of tokens that become one entry
(``get_compress_state_ring_size``)."""
STEP_BYTES = 2**20
"""Precision of the need of recurrent states with a draft."""
COMPRESSED_PAGE = 256
COMPRESSED_REQUESTS = 256
"""Tokens of a page of DeepSeek-V4's cache, and its default of ``max_running_requests`` (``deepseek_v4_hook.py``)."""


class Cells(Record):
    """Bytes of the caches of one rank, for the layers of its stage."""

    token_bytes: int = 0
    """Bytes of a token in the pool of the full layers."""
    window_bytes: int = 0
    """Bytes of a token in the pool of the windowed layers; 0 if they share that of the full ones."""
    window: int = 0
    """Largest number of tokens that a layer of that pool attends to."""
    window_ratio: float = 0.0
    """Tokens of that pool for each token of the full layers'."""
    state_bytes: int = 0
    """Bytes of a slot of all recurrent layers together."""
    slots: int = 0
    """Slots that a request needs."""
    fixed_bytes: int = 0
    """Bytes that depend on neither tokens nor states."""

    @property
    def pair_bytes(self) -> float:
        """Bytes of a token of the full layers together with its share of the windowed ones."""
        return self.token_bytes + self.window_ratio * self.window_bytes

    def with_draft(self, draft: Cells) -> Cells:
        """Return the cells with the layers of a draft, each of whose tokens has a slot beside the model's."""
        return Cells(
            self.token_bytes + draft.token_bytes + draft.window_bytes,
            self.window_bytes,
            self.window,
            self.window_ratio,
            self.state_bytes,
            self.slots,
            self.fixed_bytes,
        )


class Demand(Record):
    """Demand of requests on the caches of one copy of the attention layers."""

    requests: int
    """Requests at once."""
    tokens: int
    """Tokens of each, those of an encoder included."""
    step_tokens: int
    """Tokens of a prefill step."""
    checked_tokens: int = 0
    """Tokens that are checked at once when a draft is; 0 without one."""
    running: int = 1
    """Requests that may run at once, each of which has states to go back to if tokens are checked."""
    most_tokens: int | None = None
    """Largest number of tokens of the pool, ``max_total_tokens``; None for no limit."""
    state_ratio: float = STATE_RATIO


class Capacity(Record):
    """Contents of a pool of a given size."""

    tokens: int
    """Tokens of the full layers."""
    requests: float
    """Requests of the full context at once."""
    slots: int = 0
    """Slots for recurrent states."""


@per_model
def cells(
    model: Model, cache_type: str, ranks: int, span: tuple[int, int], plain_rows: bool, ratio: float | None = None
) -> Cells:
    """Cells of one of ``ranks`` attention ranks, for the layers from ``span[0]`` to before ``span[1]``.

    ``ratio`` is ``swa_full_tokens_ratio``, None for the default. ``plain_rows`` is True
    where 8-bit sparse latents have neither scales nor a wide rotary key: on AMD cards and on Blackwell.
    """
    name = model.architecture.model_type or ""
    own_pool = name in WINDOW_POOLS
    token = windowed = window = state = 0
    compressed: dict[int, int] = {}
    shape: Cache | None = None
    for group in model.layers:
        count = len([index for index in group.indices if span[0] <= index < span[1]])
        for mixer in group.mixers if count else ():
            cache = mixer.cache((0,), model.hidden)
            if cache is None:
                continue
            if cache.kind == "compressed":
                compressed[cache.ratio] = compressed.get(cache.ratio, 0) + count
                # Only the layers of the least ratio have an indexer.
                shape = cache if shape is None or cache.index_width > shape.index_width else shape
            elif cache.kind == "state":
                whole = CONVOLUTION_BYTES * cache.convolution_elements + STATE_BYTES * cache.recurrent_elements
                state += count * -(-whole // ranks)
            elif own_pool and cache.window is not None and cache.kind in ("sliding", "chunked"):
                windowed += count * _row_bytes(mixer, cache, cache_type, ranks, plain_rows)
                window = max(window, cache.window)
            else:
                token += count * _row_bytes(mixer, cache, cache_type, ranks, plain_rows)
    if shape is not None:
        return _compressed(shape, compressed, WINDOW_RATIO_COMPRESSED if ratio is None else ratio)
    share = 0.0
    if windowed:
        # Without full layers there is nothing that the windowed ones are a part of.
        share = (WINDOW_RATIO if ratio is None else ratio) if token else 1.0
    slots = (SLOTS_PER_REQUEST + (TRACKING_SLOTS if name in TRACKED else 0)) if state else 0
    return Cells(token, windowed, window, share, state, slots)


def _row_bytes(mixer: Mixer, cache: Cache, cache_type: str, ranks: int, plain_rows: bool) -> int:
    """Bytes of one token of one layer on one rank."""
    block, size = ELEMENT_TYPES[cache_type]
    quantized = cache_type not in ("f16", "bf16")
    if cache.kind == "latent":
        each = cache.key_width * size // block
        if cache.index_width and quantized and not plain_rows:
            # The latent in 8 bits with a float32 scale for each 128 elements, and the rotary key in 16 bits. Triton's
            # kernels on ROCm and TensorRT-LLM's on Blackwell read plain 8-bit rows (``_dsa_split_backend_resolution``).
            latent = cache.key_width - _rope_dim(mixer)
            each = latent + latent // INDEX_BLOCK * INDEX_SCALE_BYTES + 2 * _rope_dim(mixer)
        return each + _index_bytes(cache.index_width)
    heads = max(1, mixer.widths.kv_heads)
    each = local_kv_heads(heads, ranks) * ((cache.key_width + cache.value_width) // heads) * size // block
    return each + 2 * cache.index_width


def _rope_dim(mixer: Mixer) -> int:
    return getattr(mixer, "rope_dim", 0)


def _index_bytes(width: int) -> int:
    return width + width // INDEX_BLOCK * INDEX_SCALE_BYTES


def _compressed(cache: Cache, counts: dict[int, int], ratio: float) -> Cells:
    """Cells of DeepSeek-V4: entries of compressed tokens, a pool of recent ones, and rings of tokens to be compressed.

    Entries of V4.1, of 1 or 2 tokens, are counted as on cards before Blackwell, where they are as wide as V4's.
    """
    layers = sum(counts.values())
    entries = 0.0
    for each, count in counts.items():
        if each:
            index = _index_bytes(cache.index_width) if each < max(STATE_RINGS) else 0
            entries += count * (COMPRESSED_ENTRY + index) / each
    state = 4 * (cache.key_width + cache.index_width) * STATE_BYTES
    waiting = STATE_RINGS[4] / COMPRESSED_PAGE * state * counts.get(4, 0)
    rows = (COMPRESSED_REQUESTS + 1) * STATE_RINGS[128] + STATE_RINGS[128] + 1
    rows = -(-rows // 128) * 128
    fixed = rows * 2 * cache.key_width * STATE_BYTES * counts.get(128, 0)
    return Cells(
        round(entries), round(COMPRESSED_ENTRY * layers + waiting), cache.window or 0, ratio, fixed_bytes=fixed
    )


def needed_bytes(cell: Cells, demand: Demand) -> int:
    """Bytes of the pool of one rank that holds all requests at full length, with its fixed division."""
    asked = demand.requests * demand.tokens
    tokens = asked
    if cell.window_bytes:
        # A prefill step's tokens are in the windowed pool until the step is done.
        recent = demand.requests * min(demand.tokens, cell.window + 1) + min(demand.step_tokens, asked)
        least = -int(-recent // cell.window_ratio)
        tokens = max(asked, least) if cell.token_bytes else least
    size = _tokens_bytes(cell, tokens)
    if cell.state_bytes:
        size = _with_states(cell, demand, size, tokens)
    return size + cell.fixed_bytes


def most_bytes(cell: Cells, demand: Demand) -> int | None:
    """Bytes of the pool of one rank that ``max_total_tokens`` ends; None where nothing does."""
    if demand.most_tokens is None:
        return None
    size = _tokens_bytes(cell, demand.most_tokens)
    return int(size * (1 + demand.state_ratio)) + 1 + cell.fixed_bytes if cell.state_bytes else size + cell.fixed_bytes


def _tokens_bytes(cell: Cells, tokens: int) -> int:
    return int(tokens * cell.pair_bytes) + 1 if cell.window_bytes else tokens * cell.token_bytes


def _with_states(cell: Cells, demand: Demand, size: int, tokens: int) -> int:
    """Bytes of a pool whose part for tokens is at least ``size``, and whose part for states serves all requests."""
    share = demand.state_ratio
    if not demand.checked_tokens:
        states = (demand.requests * cell.slots + 1) * cell.state_bytes
        return max(int(size * (1 + share)) + 1 if size else 0, int(states * (1 + share) / share) + 1)
    # Drafts share the states' part with the slots, and what they leave of it is the tokens': there is no closed form.
    alone = Cells(cell.token_bytes, cell.window_bytes, cell.window, cell.window_ratio, cell.state_bytes, cell.slots)

    unbounded = replace(demand, most_tokens=None)  # ``max_total_tokens`` ends a pool, whatever its size

    def holds(steps: int) -> bool:
        found = capacity(alone, steps * STEP_BYTES, unbounded)
        return found.tokens >= tokens and found.slots >= demand.requests * cell.slots

    high = -(-max(size, cell.state_bytes) // STEP_BYTES)
    while not holds(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high * STEP_BYTES


def capacity(cell: Cells, pool_bytes: int, demand: Demand) -> Capacity:
    """Tokens and requests of the full context that a pool of ``pool_bytes`` on each rank holds."""
    left = max(0, pool_bytes - cell.fixed_bytes)
    by_states = None
    slots = 0
    if cell.state_bytes:
        checked, share = demand.checked_tokens, demand.state_ratio
        budget = left * share / (1 + share) - cell.state_bytes * (1 + checked)
        slots = max(0, int(budget // (cell.state_bytes * (1 + checked / cell.slots))))
        by_states = slots // cell.slots
        left -= (slots + 1) * cell.state_bytes
        if checked:
            left -= checked * (min(demand.running, by_states) + 1) * cell.state_bytes
        left = max(0, left)
    if not cell.pair_bytes:
        tokens = demand.tokens * (by_states or 0)
        return Capacity(tokens, float(by_states or 0), slots)
    tokens = int(left / cell.pair_bytes)
    if demand.most_tokens is not None:
        tokens = min(tokens, demand.most_tokens)
    requests = tokens / demand.tokens
    if cell.window_bytes:
        requests = min(requests, tokens * cell.window_ratio / min(demand.tokens, cell.window + 1))
    if by_states is not None:
        requests = min(requests, float(by_states))
    return Capacity(tokens, requests, slots)
