"""Memory of SGLang: layers split like in vLLM, a pool of tokens, and a static share for weights and cache.

``mem_fraction_static`` is a share of what is free before SGLang loads (module ``static``). If it is not stated (deployment
key ``gpu_memory_utilization``), SGLang leaves out what it expects activations and CUDA graphs to take (module ``share``).
A deployment fits if weights and the cache of its requests fit into the share, and the rest into what is left of the card.
SGLang's layers come from vLLM, so the formulas for weights and activations are those of ``vllm``.

The formulas follow SGLang 0.5.23; each module names older releases that differ.
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.engines.distributed import sequences_text, split_text, stage_layers
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate
from vramfit.engines.ngram_table import sentence
from vramfit.engines.servers import refuse_offload, sequences, version
from vramfit.engines.serving import WIDE
from vramfit.engines.sglang.attention import refusal
from vramfit.engines.sglang.cache import STATE_RATIO, Cells, Demand, cells, most_bytes, needed_bytes
from vramfit.engines.sglang.layout import (
    as_server,
    checkpoint_on_cards,
    host_table_bytes,
    spread_of,
    stage_of,
    stage_weights,
)
from vramfit.engines.sglang.overhead import Overhead, overhead, workspace_bytes
from vramfit.engines.sglang.positions import context_refusal
from vramfit.engines.sglang.share import NEWEST, Graphs, Spread, graphs, sizes, static_share
from vramfit.engines.sglang.static import Rank, StaticPool
from vramfit.engines.vllm.activations import peak_bytes
from vramfit.engines.vllm.estimate import COMPUTE_HIGH, COMPUTE_LOW, WEIGHTS_HIGH, WEIGHTS_LOW
from vramfit.engines.vllm.loaded import recipe_text, spread_bounds
from vramfit.errors import UsageError
from vramfit.memory.vision import crossed_tokens
from vramfit.model.architecture import Attention
from vramfit.model.mixers import LatentAttention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.engines.sglang import Cards, SGLangKeys
    from vramfit.model import Model
    from vramfit.workload.common import Workload

DRAFT_REQUESTS = 48
"""Default of ``max_running_requests`` with speculative decoding (``arg_groups/speculative_hook.py``)."""


class Plan(Record):
    """Settings that a deployment or SGLang itself decides, and what its requests ask of the cache."""

    spread: Spread
    tokens: int
    """Tokens of a prefill step, over all copies of the attention layers."""
    captured: Graphs
    share: float
    demand: Demand
    cache_type: str

    @property
    def step_tokens(self) -> int:
        """Tokens of a prefill step in each copy of the attention layers."""
        return max(1, self.tokens // self.spread.attention_copies)


def estimate(job: Job[Cards, SGLangKeys]) -> Estimate:
    """Estimate the memory of a server, rank by rank; raises ``UsageError`` for what SGLang refuses."""
    work = job.workload
    _refuse(job)
    made = plan(job)
    if work.draft is None:
        return _estimate(job, made)
    from vramfit.engines.speculative import plain
    from vramfit.engines.vllm.speculative import with_draft

    alone = _estimate(plain(job), made)
    kernel = job.traits.mxfp4_kernel
    bounds, divided = (WEIGHTS_LOW, WEIGHTS_HIGH), None
    if made.spread.copies > 1:
        from vramfit.engines.sglang.layout import draft_copies

        divided = draft_copies(job, made.spread, kernel)
    found = with_draft(job, alone, kernel, bounds, lambda *rank: (_cached_more(made, *rank), 0), divided)
    pool = found.pool
    if not isinstance(pool, StaticPool) or found.draft is None:
        raise AssertionError("an estimate for SGLang has a static pool, and one with a draft has it")
    pairs = zip(pool.ranks, found.gpus, found.draft.gpus, strict=True)
    ranks = [
        replace(
            rank,
            weights_bytes=gpu.weights_bytes,
            cache_bytes=gpu.kv_cache_bytes,
            after_bytes=rank.after_bytes + own.overhead_bytes,
        )
        for rank, gpu, own in pairs
    ]
    return replace(found, pool=replace(pool, ranks=tuple(ranks)))


def plan(job: Job[Cards, SGLangKeys]) -> Plan:
    """Settings of a server with its speculative decoding, if it has one."""
    model, work, keys, cards = job.model, job.workload, job.keys, job.traits
    release = version(keys) or NEWEST
    spread = spread_of(job)
    tokens, batch = sizes(cards.memory_bytes, spread.width, release)
    tokens = keys.max_batched_tokens or tokens
    batch = keys.cuda_graph_max_bs or batch
    if keys.max_num_seqs is not None:
        batch = min(batch, sequences(keys, work, 1))
    captured = graphs(model, tokens, batch, spread, eager=keys.enforce_eager, release=release)
    share = keys.gpu_memory_utilization or static_share(
        cards.memory_bytes, model, tokens, captured, spread, speculative=work.speculative, release=release
    )
    demand = Demand(
        -(-work.parallel // spread.copies),
        work.context + _encoder_tokens(model, work),
        max(1, tokens // spread.attention_copies),
        0 if work.draft is None else 1 + (work.speculative_tokens or 0),
        max(1, (keys.max_num_seqs or max(DRAFT_REQUESTS, work.parallel)) // spread.copies),
        keys.max_total_tokens,
        keys.mamba_full_memory_ratio or STATE_RATIO,
    )
    return Plan(spread, tokens, captured, share, demand, cache_type(model, work.kv_cache_type, cards.eight_bit_latents))


def cache_type(model: Model, stated: str, eight_bit: bool) -> str:
    """Element type of the cache: for sparse latent attention on Blackwell, ``auto`` means 8 bits.

    Source: ``arg_groups/overrides.py`` ``_dsa_kv_cache_dtype_default``.
    """
    sparse = model.has_latent_attention and any(
        isinstance(mixer, LatentAttention) and mixer.indexer_dim for group in model.layers for mixer in group.mixers
    )
    return "fp8" if eight_bit and sparse and stated in WIDE else stated


def rank_cells(job: Job[Cards, SGLangKeys], made: Plan, span: tuple[int, int]) -> Cells:
    """Cells of one rank for the layers of its stage, those of the draft among them."""
    ranks, ratio = made.spread.ranks, job.keys.swa_full_tokens_ratio
    plain_rows = job.traits.link == "rocm" or job.traits.eight_bit_latents
    own = cells(job.model, made.cache_type, ranks, span, plain_rows, ratio)
    if job.workload.draft is None:
        return own
    from vramfit.engines.speculative import drafting

    draft = drafting(job.workload).model
    return own.with_draft(cells(draft, made.cache_type, ranks, (0, draft.layer_count), plain_rows, ratio))


def _cached_more(made: Plan, job: Job[Cards, SGLangKeys], ranks: int, span: tuple[int, int]) -> int:
    """Bytes that a draft adds to the cache of a rank: its own tokens, and states to go back to."""
    from vramfit.engines.speculative import plain

    alone = plain(job)
    whole = needed_bytes(rank_cells(job, made, span), made.demand)
    return whole - needed_bytes(rank_cells(alone, made, span), replace(made.demand, checked_tokens=0))


def _estimate(job: Job[Cards, SGLangKeys], made: Plan) -> Estimate:
    """Estimate of the model alone, with the settings of ``made``."""
    model, work, keys, cards, spread = job.model, job.workload, job.keys, job.traits, made.spread
    # Logits are computed only for the last token of each sequence, so the sampler has one row per sequence.
    peak, _ = peak_bytes(model, made.step_tokens, made.demand.requests, spread.width, work.images, work.image_size)
    weights = stage_weights(checkpoint_on_cards(job), spread, cards.mxfp4_kernel)
    slots = rank_slots(job, spread)
    spans = stage_layers(model.layer_count, spread.stages)
    demand = replace(made.demand, checked_tokens=0)
    extras = [rank_overhead(job, made, span) for span in spans]
    found = [rank_cells(job, made, span) for span in spans]
    caches = [needed_bytes(cell, demand) for cell in found]
    most = [most_bytes(cell, demand) for cell in found]
    workspace = workspace_bytes(model, work.context, spread.ranks, keys.max_num_seqs) if cards.link == "rocm" else 0
    lowest, highest = spread_bounds(job.checkpoint, (WEIGHTS_LOW, WEIGHTS_HIGH))
    gpus, ranks = [], []
    offloaded = 0
    for number in range(job.gpu_count):
        stage = stage_of(spread, number)
        extra, cache = extras[stage], caches[stage]
        whole = weights[stage].weights_bytes
        moved = min(keys.cpu_offload_bytes, whole)
        size = whole - moved + slots[stage]
        offloaded += moved
        beside = slots[stage] - moved
        low = max(0, round(whole * lowest) + beside) + cache + round(peak * COMPUTE_LOW) + extra.low_bytes
        high = round(whole * highest) + beside + cache + round(peak * COMPUTE_HIGH) + extra.high_bytes + workspace
        outside = extra.before_bytes + extra.after_bytes
        gpus.append(DeviceMemory(f"gpu{number}", size, cache, peak, outside, low, high, weights[stage].read_bytes))
        ranks.append(Rank(extra.before_bytes, size, cache, extra.images_bytes, peak + extra.after_bytes, most[stage]))
    outside_bytes = tuple([rank.before_bytes + rank.after_bytes for rank in ranks])
    kept = offloaded + host_table_bytes(job)
    host = replace(NOTHING, weights_bytes=kept, low_bytes=kept, high_bytes=kept)
    return Estimate(
        tuple(gpus),
        host if kept else NOTHING,
        job.checkpoint.file_bytes,
        _assumptions(job, made),
        _settings(job, made),
        offloaded,
        plan=made,
        refusal=refusal(job) or context_refusal(model, work),
        pool=StaticPool(made.share, outside_bytes, False, True, ranks=tuple(ranks), one_request=work.parallel == 1),
    )


def _settings(job: Job[Cards, SGLangKeys], made: Plan) -> dict[str, object]:
    """Settings that SGLang decides, or was given."""
    keys, spread = job.keys, made.spread
    return {
        "tensor_parallel": spread.ranks,
        "pipeline_parallel": spread.stages,
        "data_parallel": spread.copies if spread.copies > 1 else keys.data_parallel,
        "nodes": job.traits.spread.machines,
        "max_num_seqs": None if keys.max_num_seqs is None else sequences(keys, job.workload, 1),
        "max_batched_tokens": made.tokens,
        "gpu_memory_utilization": made.share,
    }


def rank_slots(job: Job[Cards, SGLangKeys], spread: Spread) -> list[int]:
    """Bytes of the slots of adapters on one rank of each pipeline stage; 0 without adapters."""
    if not job.keys.max_loras:
        return [0] * spread.stages
    from vramfit.engines.sglang.adapters import slot_bytes

    return slot_bytes(job, spread)


def rank_overhead(job: Job[Cards, SGLangKeys], made: Plan, span: tuple[int, int]) -> Overhead:
    """Overhead of one rank for the layers of its stage."""
    model, cards, spread = job.model, job.traits, made.spread
    return overhead(
        spread.width * spread.stages,
        span[1] - span[0],
        made.captured.prefill_steps,
        link=cards.link,
        flashinfer=cards.flashinfer,
        decodes_captured=not job.keys.enforce_eager,
        sees=model.vision is not None or model.audio is not None,
    )


def _encoder_tokens(model: Model, work: Workload) -> int:
    """Tokens of an encoder that a request keeps in the pool beside its own (Llama 3.2 Vision, Whisper)."""
    for group in model.layers:
        for mixer in group.mixers:
            if isinstance(mixer, Attention) and mixer.kind == "cross":
                return crossed_tokens(model, mixer.encoder_tokens, work)
    return 0


def _refuse(job: Job[Cards, SGLangKeys]) -> None:
    """Raise ``UsageError`` for keys that SGLang has nothing for, and for what it refuses."""
    work, keys = job.workload, job.keys
    if work.kv_cache_type != work.kv_cache_type_v:
        raise UsageError("sglang keeps K and V in one type", "leave kv_cache_type_v out")
    refuse_offload(job.model, work, "sglang")
    if keys.kv_cache_memory_bytes is not None:
        raise UsageError("sglang takes no size of the cache in bytes", "use --max-total-tokens or a share of the card")
    if keys.swap_space_bytes:
        raise UsageError("sglang has no swap_space", "leave it out")


def _assumptions(job: Job[Cards, SGLangKeys], made: Plan) -> tuple[str, ...]:
    spread, work = made.spread, job.workload
    assumptions = [
        f"the cache holds {sequences_text(work)}; weights and cache may take {made.share:.1%} of the memory that is free"
        " before they are loaded",
        f"a prefill step processes up to {made.tokens:,} tokens",
    ]
    assumptions += recipe_text(job.checkpoint)
    assumptions += sentence(host_table_bytes(job))
    cell = rank_cells(job, made, (0, job.model.layer_count))
    if cell.window_bytes:
        assumptions.append(
            f"windowed layers have a pool of {cell.window_ratio:g} tokens for each of the full layers', whatever their window"
        )
    if cell.state_bytes:
        taken = made.demand.state_ratio / (1 + made.demand.state_ratio)
        assumptions.append(f"{taken:.0%} of the pool is for recurrent states, {cell.slots} slots for each request")
    if made.cache_type != work.kv_cache_type:
        assumptions.append(
            "the cache of sparse latent attention is 8-bit on these cards unless a type is stated to SGLang"
        )
    if job.traits.link == "rocm" and not job.model.has_latent_attention:
        assumptions.append("the upper bound includes AITER's workspace for decoding, which releases size differently")
    if spread.copies > 1:
        what = "attention layers" if spread.shares_experts else "model"
        assumptions.append(f"{spread.copies} copies of the {what}, each with a cache and requests of its own")
        return tuple(assumptions)
    return (*assumptions, *split_text(as_server(job), spread.ranks, spread.stages))
