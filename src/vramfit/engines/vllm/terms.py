"""Terms of an estimate for vLLM."""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines import ngram_table
from vramfit.engines.cache_terms import bits_of, equal_rows
from vramfit.engines.distributed import expert_division, layout, of_one_copy, stage_layers, stage_of
from vramfit.engines.terms import span
from vramfit.engines.vllm.activations import widest_layer
from vramfit.engines.vllm.budget import experts_kernel
from vramfit.engines.vllm.graphs import BASE_BYTES, FULL_BYTES, PIECE_BYTES
from vramfit.engines.vllm.loaded import checkpoint_on_cards, division, host_table_bytes
from vramfit.engines.vllm.parts import parts, steps
from vramfit.engines.vllm.pool import Caches, caches
from vramfit.engines.vllm.profile_run import ALLOCATED_BY_KERNEL
from vramfit.engines.vllm.release import COUNTS_BYTES, SAMPLER_BYTES, release
from vramfit.engines.vllm.rotary import rotary_bytes
from vramfit.engines.vllm.weight_terms import MORE, add_rank_weights, rank_groups

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from vramfit.engines.distributed import Experts
    from vramfit.engines.interface import DeviceMemory, Estimate, Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.terms import Ledger
    from vramfit.engines.vllm import Cards
    from vramfit.engines.vllm.graphs import Graphs
    from vramfit.engines.vllm.parts import Parts
    from vramfit.engines.vllm.profile_run import Peak
    from vramfit.engines.vllm.release import Release

    V = TypeVar("V")

VLLM = "vLLM 0.33.0"
PROFILE = f"{VLLM} v1/worker/gpu_model_runner.py profile_run"
MEASURED = "start-up logs of vLLM 0.11 to 0.29 (engines/vllm/budget.py, graphs.py)"


def account(job: Job[Cards, ServerKeys], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms of each rank to the ledger."""
    if estimate.draft is not None:
        from vramfit.engines import speculative
        from vramfit.engines.vllm.speculative import SOURCE

        # The draft's terms have what it adds to a block, and the model's those of its own blocks.
        one = speculative.plain(of_one_copy(job))
        alone = replace(estimate, plan=caches(one, *steps(one)))
        speculative.account(job, alone, ledger, account, SOURCE)
        return
    ranks, count = layout(job)
    job = of_one_copy(job)
    facts = release(job.keys)
    for number, gpu in enumerate(estimate.gpus):
        layers = stage_layers(job.model.layer_count, count)[stage_of(number, ranks, count)]
        account_weights(job, ledger, gpu.device, gpu.weights_bytes, ranks, count, layers, division(job, ranks))
        block = account_cache(job, ledger, gpu, estimate.plan, number, layers, ranks)
        own = parts(job, facts, stage_of(number, ranks, count))
        account_peak(job, ledger, gpu.device, own.peak, facts, ranks)
        account_budget(ledger, gpu.device, own, ranks, facts, job.traits.processes_bytes)
        ledger.add_sum(
            "overhead", gpu.device, "spare block", block, f"{VLLM} v1/core/block_pool.py null_block",
            "one block of the pool is never given out", block_bytes=block,
        )  # fmt: skip
    table, swap = host_table_bytes(job), (job.keys.swap_space_bytes or 0) * job.gpu_count
    moved = estimate.host.weights_bytes - table
    ngram_table.account(ledger, table, f"{VLLM} config/engram.py")
    ledger.add_sum(
        "weights", "host", "weights in host memory", moved, f"{VLLM} model_executor/offloader/uva.py",
        f"parameters of the layers from the first on, until cpu_offload of each of {len(estimate.gpus)} GPUs is reached",
        moved_bytes=moved,
    )  # fmt: skip
    ledger.add(
        "overhead", "host", "swap space", "gpus × swap_bytes", swap, "vLLM 0.17 config/cache.py swap_space",
        "for requests that wait", gpus=job.gpu_count, swap_bytes=job.keys.swap_space_bytes or 0,
    )  # fmt: skip


def account_peak(
    job: Job[Cards, ServerKeys], ledger: Ledger, device: str, peak: Peak, facts: Release, ranks: int
) -> None:
    """Add the profile run's peak: what exists throughout, and the larger of what comes and goes."""
    _, rows = steps(job)
    came = peak.total_bytes - peak.counts_bytes
    if peak.encoder_bytes == came:
        ledger.add_sum(
            "compute", device, "vision encoder", came, PROFILE, "activations of all images of a step, pixels and outputs",
            encoder_bytes=came,
        )  # fmt: skip
    else:
        workspace = job.traits.workspace_bytes
        ledger.add_sum(
            "compute", device, "kept during the profile run", peak.kept_bytes, PROFILE,
            "cuBLAS's workspace; buffers of experts, outputs of the vision encoder and its pixels",
            workspace_bytes=workspace, buffer_bytes=peak.kept_bytes - workspace,
        )  # fmt: skip
        _add_step(job, ledger, device, peak, facts, ranks)
    ledger.add(
        "compute", device, "counts of sampled tokens", "floor(sequences × vocabulary × count_bytes)", peak.counts_bytes,
        f"{VLLM} v1/worker/gpu/sample/penalties.py", sequences=rows, vocabulary=job.model.vocab, count_bytes=COUNTS_BYTES,
    )  # fmt: skip


def _add_step(job: Job[Cards, ServerKeys], ledger: Ledger, device: str, peak: Peak, facts: Release, ranks: int) -> None:
    """Add the larger of the sampler and the forward pass."""
    model = job.model
    tokens, rows = steps(job)
    rows = min(tokens, rows)
    if peak.sampler_bytes >= peak.forward_bytes:
        entry = facts.sampler_bytes(model)
        plain = rows * model.vocab * entry + (tokens + 2 * rows) * 2 * model.hidden
        extra = peak.sampler_bytes - plain
        formula = "sequences × vocabulary × entry_bytes + (tokens + 2 × sequences) × 2 × hidden"
        inputs: dict[str, float] = {
            "sequences": rows, "vocabulary": model.vocab, "entry_bytes": entry, "tokens": tokens, "hidden": model.hidden
        }  # fmt: skip
        if extra:
            formula, inputs = f"{formula} + candidate_bytes", {**inputs, "candidate_bytes": extra}
        ledger.add(
            "compute", device, "sampler", formula, peak.sampler_bytes, PROFILE,
            "logits of every sequence, hidden states of all tokens and two copies of those sampled from", **inputs,
        )  # fmt: skip
        return
    kernel = experts_kernel(job.scheme, job.traits.generation, job.traits.mxfp4_kernel, facts)
    separate = facts.keeps_workspace and kernel not in ALLOCATED_BY_KERNEL
    wide = widest_layer(model, ranks, not separate)
    extra = peak.forward_bytes - tokens * 2 * (3 * model.hidden + wide)
    ledger.add(
        "compute", device, "forward pass", "tokens × 2 × (3 × hidden + widest) + more_bytes", peak.forward_bytes, PROFILE,
        "the wider of attention and feed-forward network on a rank; more: compiled code, 8-bit copies of inputs, what stages"
        " send each other, further residual streams, experts' buffers where those are larger",
        tokens=tokens, hidden=model.hidden, widest=wide, more_bytes=extra,
    )  # fmt: skip


def account_budget(ledger: Ledger, device: str, own: Parts, ranks: int, facts: Release, processes_bytes: int) -> None:
    """Add libraries and CUDA graphs of one rank, and what its processes take of a memory shared with the CPU."""
    version, found = ".".join(map(str, facts.numbers)), own.libraries
    formula, inputs = "alone_bytes", {"alone_bytes": found.alone_bytes}
    if found.linked_bytes:
        formula, inputs = f"{formula} + linked_bytes", {**inputs, "linked_bytes": found.linked_bytes}
    if found.further_ranks:
        formula = f"{formula} + further_ranks × rank_bytes"
        inputs = {**inputs, "further_ranks": found.further_ranks, "rank_bytes": found.rank_bytes}
    ledger.add(
        "overhead", device, "libraries", formula, found.inside_bytes - processes_bytes, MEASURED,
        f"measured: one GPU, ranks that work together, each further rank; here {ranks} of version {version}", **inputs,
    )  # fmt: skip
    ledger.add_sum(
        "overhead", device, "host memory of the processes", processes_bytes, MEASURED,
        "0.058 of the memory that CPU and GPU share", process_bytes=processes_bytes,
    )  # fmt: skip
    ledger.add_sum(
        "overhead", device, "NCCL" if found.nccl_bytes else "larger context", found.outside_bytes, MEASURED,
        "measured: what the first look at the card finds taken beyond a process's context",
        context_bytes=found.context_bytes, nccl_bytes=found.nccl_bytes, experts_bytes=found.experts_bytes,
    )  # fmt: skip
    account_graphs(ledger, device, own.graphs)


def account_graphs(ledger: Ledger, device: str, made: Graphs) -> None:
    """Add the CUDA graphs of one rank: those of each layer and size, of whole steps, and outputs in parts."""
    formula = "base_bytes + round((sizes × piece_bytes + whole × step_bytes) × layers × width / 100)"
    inputs: dict[str, float] = {
        "base_bytes": BASE_BYTES, "sizes": made.sizes, "piece_bytes": PIECE_BYTES, "whole": made.whole,
        "step_bytes": FULL_BYTES, "layers": made.layers, "width": round(100 * made.width),
    }  # fmt: skip
    if made.width == 1:
        formula = formula.replace(" × width / 100", "")
        del inputs["width"]
    if made.outputs_bytes:
        formula, inputs = f"{formula} + outputs_bytes", {**inputs, "outputs_bytes": made.outputs_bytes}
    if made.share != 1:
        formula, inputs = f"round(({formula}) × share / 100)", {**inputs, "share": round(100 * made.share)}
    ledger.add(
        "overhead", device, "CUDA graphs", formula, made.bytes, MEASURED,
        "measured, of each layer for each captured size and each whole step; a layer with experts or states counts as several;"
        " width and share in hundredths",
        **inputs,
    )  # fmt: skip


def account_cache(
    job: Job[Cards, ServerKeys], ledger: Ledger, gpu: DeviceMemory, plan: object, number: int, layers: tuple[int, int],
    ranks: int,
) -> int:  # fmt: skip
    """Add the cache of one rank, and return the bytes of one block."""
    if not isinstance(plan, Caches):
        raise TypeError("an estimate of vLLM has the caches of its ranks")
    one = plan.blocks[number]
    inputs: dict[str, float] = {"requests": plan.requests, "blocks": one.count, "block_bytes": one.block_bytes}
    size, formula = gpu.kv_cache_bytes, "requests × blocks × block_bytes"
    note = f"blocks of one request of {job.workload.context:,} tokens, each with a page of every layer"
    if size != plan.requests * one.count * one.block_bytes:
        formula = f"max(least_bytes, {formula})"
        stated = (job.keys.kv_cache_memory_bytes or 0) - one.block_bytes
        inputs = {"least_bytes": max(one.least_bytes, stated), **inputs}
        note = f"the least that the engine starts with, or the stated size; else {note}"
    rows = _block_rows(job, one.block_bytes, layers, ranks)
    if rows is not None:
        del inputs["block_bytes"]
        formula, inputs = formula.replace("block_bytes", f"block_tokens × {rows[0]}"), {**inputs, **rows[1]}
        note = f"{note}; widths are those of one GPU"
    source = f"{VLLM} v1/kv_cache_interface.py"
    ledger.add("kv_cache", gpu.device, "paged cache", formula, size, source, note, **inputs)
    return one.block_bytes


def _block_rows(
    job: Job[Cards, ServerKeys], block_bytes: int, layers: tuple[int, int], ranks: int
) -> tuple[str, dict[str, float]] | None:
    """Formula of a block's bytes by layers and widths, where all layers have equal caches; None elsewhere."""
    work = job.workload
    bits = bits_of(work.kv_cache_type), bits_of(work.kv_cache_type_v)
    for tokens in BLOCK_TOKENS:
        found = equal_rows(job.model, layers, ranks, block_bytes / tokens, bits)
        if found is not None:
            return found[0], {"block_tokens": tokens, **found[1]}
    return None


BLOCK_TOKENS = (16, 32, 64, 128)
"""Tokens of a block, by kernel (``v1/attention/backends``, ``get_supported_kernel_block_sizes``)."""


def account_weights(
    job: Job[V, ServerKeys], ledger: Ledger, device: str, size: int, ranks: int, count: int, layers: tuple[int, int],
    over: Experts | None,
) -> None:  # fmt: skip
    """Add the weights of one rank: its part of the loaded tensors, tables of rotary angles, and slots of adapters."""
    angles, slots = rotary_bytes(job.model), 0
    keys = job.keys
    if keys.max_loras:
        from vramfit.engines.vllm.lora import slot_bytes

        stage = [start for start, _ in stage_layers(job.model.layer_count, count)].index(layers[0])
        slots = slot_bytes(job, ranks, count, expert_division(keys, ranks))[stage]
        add_slots(ledger, device, slots, keys, f"{VLLM} lora/layers")
    more = f"{MORE}, less what stays in host memory" if keys.cpu_offload_bytes else MORE
    groups = rank_groups(checkpoint_on_cards(job), ranks, over, layers, count)
    add_rank_weights(
        ledger, device, span(*layers), [groups], size - angles - slots, f"{VLLM} model_executor/layers", more
    )
    add_angles(ledger, device, angles, job.model.context, 2, f"{VLLM} layers/rotary_embedding/base.py")


def add_angles(ledger: Ledger, device: str, size: int, positions: int, each: int, source: str) -> None:
    """Add tables with sines and cosines of every position, ``each`` bytes a value, for each kind of layer."""
    ledger.add_product(
        "weights", device, "tables of rotary angles", "widths × positions × bytes_each", size, source,
        "widths of the heads' rotated part, of each kind of layer", alone="table_bytes", widths=None, positions=positions,
        bytes_each=each,
    )  # fmt: skip


def add_slots(ledger: Ledger, device: str, size: int, keys: ServerKeys, source: str) -> None:
    """Add the slots of adapters that a server has beside the model."""
    ledger.add_product(
        "weights", device, "slots of adapters", "2 × slots × rank × widths", size, source,
        "inputs and outputs on a rank of each linear layer, in 16 bits", factor=2, alone="slot_bytes", slots=keys.max_loras,
        rank=keys.max_lora_rank, widths=None,
    )  # fmt: skip


def account_step(job: Job[V, ServerKeys], ledger: Ledger, device: str, size: int, tokens: int, ranks: int) -> None:
    """Add the activations of one step: its largest layer, the sampler's logits, or the vision encoder."""
    model = job.model
    widest = widest_layer(model, ranks) if model.layers else 0
    if size == tokens * 2 * (3 * model.hidden + widest):
        ledger.add(
            "compute", device, "activations of a step", "tokens × 2 × (3 × hidden + widest)", size, PROFILE,
            "the wider of attention and feed-forward network on a rank", tokens=tokens, hidden=model.hidden, widest=widest,
        )  # fmt: skip
        return
    rows = min(tokens, job.workload.parallel)
    if model.vocab and size == rows * model.vocab * SAMPLER_BYTES:
        ledger.add(
            "compute", device, "sampler", "sequences × vocabulary × entry_bytes", size, PROFILE, "", sequences=rows,
            vocabulary=model.vocab, entry_bytes=SAMPLER_BYTES,
        )  # fmt: skip
        return
    ledger.add_sum(
        "compute", device, "vision encoder", size, PROFILE, "activations of all images of a step", encoder_bytes=size
    )
