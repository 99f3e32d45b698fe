"""Settings that SGLang chooses itself: tokens of a prefill step, batches captured in CUDA graphs, and its static share.

``mem_fraction_static`` is the share of a card for weights and cache. SGLang leaves out what it expects activations and
CUDA graphs to take, by the size of the card and of a step. The rule was rewritten several times, so each release is
computed by its own (wheels 0.4.3.post4, 0.4.6.post5, 0.4.7, 0.4.8.post1, 0.5.0rc0, 0.5.1.post3, 0.5.2, 0.5.3.post1,
0.5.6.post2, 0.5.8, 0.5.10, 0.5.12, 0.5.15 and 0.5.19 ``srt/server_args.py``, 0.5.23 ``srt/arg_groups/memory_hook.py``).
A release between two of them follows the older one.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.units import GIB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model

SIZES = (
    (20 * GIB, 2048, 8, 8),
    (35 * GIB, 4096, 48, 160),
    (60 * GIB, 4096, 32, 160),
    (160 * GIB, 8192, 256, 512),
    (None, 16384, 512, 512),
)
"""Defaults by memory of the card: upper limit of the memory, tokens of a prefill step, and the largest batch captured in a
CUDA graph, with fewer than four ranks and with more."""
SIZES_OLD = ((20 * GIB, 2048, 8, 8), (35 * GIB, 2048, 24, 80), *SIZES[2:])
"""Defaults of 0.5.3 to 0.5.19."""
SIZES_FIXED = ((35 * GIB, 2048, 8, 80), (160 * GIB, 8192, 160, 160), (None, 16384, 160, 160))
"""Defaults of 0.4.8 to 0.5.2. Before 0.4.8 the first line ended at 25,000 MiB, and the last one did not exist."""
SIZES_EARLY = ((25_000 * MIB, 2048, 8, 80), (None, 8192, 160, 160))

FIXED_BYTES = 512 * MIB
"""Bytes reserved on every card ("constant meta data")."""
TOKEN_BYTES = 3 * MIB // 2
"""Bytes reserved for each token of a step, ``chunked_prefill_size``: 1.5 MB, "a heuristic value"."""
LEAST_TOKENS = 2048
"""Least number of tokens of a step that bytes are reserved for."""
SEQUENCE_BYTES = 2 * MIB
"""Bytes reserved for CUDA graphs, for each sequence of the largest captured batch."""
COPY_SEQUENCE_BYTES = 3 * MIB
COPY_SEQUENCE_BYTES_LARGE = COPY_SEQUENCE_BYTES // 2
LARGE_BATCH = 300
"""Bytes that attention with copies of its own (``attn_dp_size``) reserves in addition, for each sequence and each copy, and
again for batches above this number of sequences (``reserve_for_graph_mb``)."""
PREFILL_GRAPH_BYTES = 8 * MIB
LATENT_GRAPH_BYTES = 3 * GIB // 2
"""Bytes reserved for the graph of each captured prefill size, and for all of them together if the model has latent
attention (``reserve_for_graph_mb``)."""
RANK_BYTES = 128 * MIB
"""Bytes reserved for each rank, tensor-parallel or pipeline-parallel."""
LARGE_BYTES, LARGE_RESERVE_BYTES = 60 * GIB, 10 * GIB
"""Memory in bytes above which a card reserves more, and the bytes that it reserves at least."""
LEAST_SHARE = 0.01
"""Share below which a stated one is refused; computed ones are no less, whatever a card is too small for."""

PREFILL_STEPS = ((4, 33, 4), (48, 257, 16), (288, 513, 32), (576, 1025, 64), (1280, 4097, 256), (4608, None, 512))
"""Sizes of prefill steps captured in CUDA graphs, as ranges, the last of which ends with the largest step
(``cuda_graph_hook.py`` ``generate_prefill_cuda_graph_batch_sizes``)."""
LATENT_PREFILL_TOKENS = 8192
"""Largest captured prefill step of a model with latent attention."""

VISION_SHARE = 0.95
VISION_STEP, VISION_LOW, VISION_HIGH = 0.1, 0.8, 1.05
VISION_LAYERS, VISION_HIDDEN = 24, 1024
"""Factor of the static share for a model that sees: 0.95, and 0.1 of that less for each time that the encoder's
``layers x hidden²`` exceeds that of CLIP ViT-L, within two bounds (``adjust_mem_fraction_for_vlm``, from 0.5.0 on). The
numbers are read from the configuration as ``num_hidden_layers`` and ``hidden_size``; where it calls them otherwise, those
of CLIP ViT-L count."""
DEPTH = ("qwen2-vl", "qwen2.5-vl", "qwen3-vl", "qwen3.5", "glm4v", "glm-ocr")
"""Towers whose configuration calls the number of layers ``depth``."""
NEITHER = ("kimi", "deepseek-vl2", "molmo", "molmo2", "unmodelled")
"""Towers whose configuration calls both numbers otherwise (``vt_num_hidden_layers``, ``layers`` and ``width``)."""

BREAKABLE_VISION = ("minimax_m3", "minimax_m3_vl_text", "glm5_next")
"""Architectures of models that see and whose prefill is captured all the same (``configs/model_config.py``
``multimodal_breakable_cuda_graph_supported_model_archs``)."""
BREAKABLE_VISION_KINDS = ("qwen3.5", "kimi")
"""Towers of such models: Qwen3.5 to 3.8, Kimi K2.5."""
UNCAPTURED = ("kimi_linear", "kimi_k3", "deepseek_v4")
"""Architectures whose prefill is not captured (``disable_breakable_cudagraph_if_incompatible``)."""
NEWEST = (0, 5, 23)
"""Newest release whose source was read."""


class Spread(Record):
    """Division of a model over GPUs."""

    ranks: int
    """GPUs that each attention layer is split over."""
    stages: int
    """Pipeline stages."""
    copies: int = 1
    """Copies with requests of their own: of the whole model, or of its attention layers."""
    shares_experts: bool = False
    """True if the copies are of the attention layers, and all GPUs of a stage share the feed-forward layers."""

    @property
    def width(self) -> int:
        """``tp_size``: GPUs that the feed-forward layers of one stage are split over."""
        return self.ranks * self.copies if self.shares_experts else self.ranks

    @property
    def attention_copies(self) -> int:
        """``attn_dp_size``: copies of the attention layers in one copy of the feed-forward layers."""
        return self.copies if self.shares_experts else 1


class Graphs(Record):
    """CUDA graphs that a server captures."""

    batch: int
    """Largest batch captured for decoding; 0 without CUDA graphs."""
    prefill_steps: int
    """Number of prefill sizes captured; 0 if prefill is not."""


def sizes(memory_bytes: int, ranks: int, release: tuple[int, ...] = NEWEST) -> tuple[int, int]:
    """Default tokens of a prefill step and largest captured batch, for a card's memory and a number of ranks."""
    for limit, tokens, few, many in _sizes(release):
        if limit is None or memory_bytes < limit:
            return tokens, few if ranks < 4 else many
    raise AssertionError("the last row has no limit")


def _sizes(release: tuple[int, ...]) -> tuple[tuple[int | None, int, int, int], ...]:
    if release >= (0, 5, 20):
        return SIZES
    if release >= (0, 5, 3):
        return SIZES_OLD
    return SIZES_FIXED if release >= (0, 4, 8) else SIZES_EARLY


def graphs(
    model: Model, tokens: int, batch: int, spread: Spread, *, eager: bool, release: tuple[int, ...] = NEWEST
) -> Graphs:
    """CUDA graphs of a server whose prefill steps have ``tokens`` tokens and whose captured batches end at ``batch``.

    Prefill is captured from 0.5.10 on, except with pipeline stages and for the models that the hook names.
    """
    if eager:
        return Graphs(0, 0)
    name = model.architecture.model_type or ""
    sees = model.vision is not None or model.audio is not None
    kind = "" if model.vision is None else model.vision.kind
    captured = (
        release >= (0, 5, 10)
        and spread.stages == 1
        and name not in UNCAPTURED
        and (not sees or name in BREAKABLE_VISION or kind in BREAKABLE_VISION_KINDS)
    )
    largest = min(tokens, LATENT_PREFILL_TOKENS) if model.has_latent_attention else tokens
    return Graphs(batch, count_prefill_steps(largest) if captured else 0)


def count_prefill_steps(tokens: int) -> int:
    """Number of prefill sizes up to ``tokens`` for which a CUDA graph is captured."""
    count = 0
    for start, stop, step in PREFILL_STEPS:
        count += len(range(start, tokens + 1 if stop is None else min(stop, tokens + 1), step))
    return count


def static_share(
    memory_bytes: int,
    model: Model,
    tokens: int,
    captured: Graphs,
    spread: Spread,
    *,
    speculative: str | None = None,
    release: tuple[int, ...] = NEWEST,
) -> float:
    """Default of ``mem_fraction_static``: the share of a card that weights and cache can take, between 0 and 1.

    ``memory_bytes`` is the memory of the smallest card and ``tokens`` the number of tokens of a prefill step.
    """
    if release < (0, 4, 8):
        from vramfit.engines.sglang.early import early_share

        return early_share(memory_bytes, spread.width * spread.stages, speculative, release)
    if release < (0, 5, 3):
        from vramfit.engines.sglang.early import fixed_reserve_bytes

        reserved = fixed_reserve_bytes(memory_bytes, spread, speculative)
    else:
        reserved = _reserved_bytes(memory_bytes, model, tokens, captured, spread)
        if speculative is not None and release < (0, 5, 13):
            reserved += (6 if speculative == "draft" else 2 if release < (0, 5, 9) else 4) * GIB
    share = max(LEAST_SHARE, round((memory_bytes - reserved) / memory_bytes, 3))
    if model.vision is None or release < (0, 5):
        return share
    return max(LEAST_SHARE, round(share * vision_factor(model), 4))


def _reserved_bytes(memory_bytes: int, model: Model, tokens: int, captured: Graphs, spread: Spread) -> int:
    """Bytes that are left out for activations and CUDA graphs (``handle_gpu_memory_settings``)."""
    reserved = FIXED_BYTES + TOKEN_BYTES * max(tokens, LEAST_TOKENS) + RANK_BYTES * spread.width * spread.stages
    reserved += SEQUENCE_BYTES * captured.batch
    if spread.attention_copies > 1:
        reserved += COPY_SEQUENCE_BYTES * captured.batch * spread.attention_copies
        if captured.batch > LARGE_BATCH:
            reserved += COPY_SEQUENCE_BYTES_LARGE * captured.batch * spread.attention_copies
    if captured.prefill_steps:
        reserved += LATENT_GRAPH_BYTES if model.has_latent_attention else PREFILL_GRAPH_BYTES * captured.prefill_steps
    return max(reserved, LARGE_RESERVE_BYTES) if memory_bytes > LARGE_BYTES else reserved


def vision_factor(model: Model) -> float:
    """Factor of the static share for a model that sees, by the size of its encoder."""
    tower = model.vision
    if tower is None:
        return 1.0
    layers, hidden = tower.layers, tower.hidden
    if tower.kind in NEITHER or not hidden:
        layers, hidden = VISION_LAYERS, VISION_HIDDEN
    elif tower.kind in DEPTH:
        layers = VISION_LAYERS
    if tower.kind == "qwen2-vl":
        hidden = model.hidden  # its ``hidden_size`` is that of the language model, and ``embed_dim`` the tower's
    ratio = layers * hidden**2 / (VISION_LAYERS * VISION_HIDDEN**2)
    return VISION_SHARE * max(VISION_LOW, min(VISION_HIGH, 1 - VISION_STEP * (ratio - 1)))
