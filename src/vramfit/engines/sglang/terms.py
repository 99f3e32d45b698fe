"""Terms of an estimate for SGLang, whose layers come from vLLM."""

from __future__ import annotations

from vramfit.engines import ngram_table
from vramfit.engines.cache_terms import bits_of, equal_rows
from vramfit.engines.distributed import stage_layers
from vramfit.engines.sglang.estimate import plan, rank_cells, rank_overhead, rank_slots
from vramfit.engines.sglang.layout import (
    angles_bytes,
    as_server,
    checkpoint_on_cards,
    host_table_bytes,
    parts_of_copies,
    stage_of,
)
from vramfit.engines.sglang.overhead import (
    DECODE_BYTES_PER_LAYER,
    NVLINK_BYTES,
    NVLINK_BYTES_EACH,
    PEER_BYTES,
    PEER_BYTES_EACH,
    PREFILL_GRAPH_BYTES,
)  # fmt: skip
from vramfit.engines.terms import span
from vramfit.engines.vllm.terms import account_step, add_angles, add_slots
from vramfit.engines.vllm.weight_terms import MORE, add_rank_weights, rank_groups
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import DeviceMemory, Estimate, Job
    from vramfit.engines.sglang import Cards, SGLangKeys
    from vramfit.engines.sglang.cache import Cells
    from vramfit.engines.sglang.estimate import Plan
    from vramfit.engines.sglang.overhead import Overhead
    from vramfit.engines.sglang.share import Spread
    from vramfit.engines.terms import Ledger

SGLANG = "SGLang 0.5.23"


def account(job: Job[Cards, SGLangKeys], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms of each rank to the ledger."""
    if estimate.draft is not None:
        from vramfit.engines import speculative
        from vramfit.engines.vllm.speculative import SOURCE

        speculative.account(job, estimate, ledger, account, SOURCE)
        return
    made = plan(job)
    spread = made.spread
    spans = stage_layers(job.model.layer_count, spread.stages)
    for number, gpu in enumerate(estimate.gpus):
        layers = spans[stage_of(spread, number)]
        slots = rank_slots(job, spread)[stage_of(spread, number)]
        if slots:
            add_slots(ledger, gpu.device, slots, as_server(job).keys, f"{SGLANG} srt/lora/mem_pool.py")
        _account_weights(job, ledger, gpu.device, gpu.weights_bytes - slots, spread, layers)
        _account_cache(job, ledger, gpu, rank_cells(job, made, layers), made, layers)
        account_step(as_server(job), ledger, gpu.device, gpu.compute_bytes, made.step_tokens, spread.width)
        _account_overhead(ledger, gpu.device, rank_overhead(job, made, layers), job.gpu_count)
    table = host_table_bytes(job)
    moved = estimate.host.weights_bytes - table
    ngram_table.account(ledger, table, f"{SGLANG} srt/arg_groups/model_overrides/qwen4_exp.py")
    ledger.add_sum(
        "weights", "host", "weights in RAM", moved, f"{SGLANG} srt/utils/offloader.py",
        "bytes of each GPU's weights that --cpu-offload-gb leaves in RAM", moved_bytes=moved,
    )  # fmt: skip


def _account_weights(
    job: Job[Cards, SGLangKeys], ledger: Ledger, device: str, size: int, spread: Spread, layers: tuple[int, int]
) -> None:
    """Add the weights of one rank: its part of the loaded tensors, and the tables of rotary angles."""
    angles = angles_bytes(job.model)
    if spread.attention_copies == 1:
        groups = [rank_groups(checkpoint_on_cards(job), spread.ranks, None, layers, spread.stages)]
    else:
        own, wide = parts_of_copies(checkpoint_on_cards(job))
        groups = [
            rank_groups(own, spread.ranks, None, layers, spread.stages),
            rank_groups(wide, spread.width, None, layers, spread.stages),
        ]
    more = f"{MORE}, less what stays in RAM" if job.keys.cpu_offload_bytes else MORE
    add_rank_weights(ledger, device, span(*layers), groups, size - angles, f"{SGLANG} srt/layers", more)
    add_angles(ledger, device, angles, job.model.context, 4, f"{SGLANG} srt/layers/rotary_embedding/base.py")


def _account_cache(
    job: Job[Cards, SGLangKeys], ledger: Ledger, gpu: DeviceMemory, cell: Cells, made: Plan, layers: tuple[int, int]
) -> None:
    """Add the pool: tokens of all requests, and what windows, states and pools of fixed proportions make of it."""
    demand = made.demand
    size, asked = gpu.kv_cache_bytes, demand.requests * demand.tokens
    source = f"{SGLANG} srt/model_executor/pool_configurator.py"
    inputs: dict[str, float] = {
        "requests": demand.requests, "tokens": demand.tokens, "token_bytes": cell.token_bytes
    }  # fmt: skip
    if size == asked * cell.token_bytes + cell.fixed_bytes:
        formula, note = "requests × tokens × token_bytes", "of all layers of the rank"
        bits = bits_of(made.cache_type)
        rows = equal_rows(job.model, layers, made.spread.ranks, cell.token_bytes, (bits, bits))
        if rows is not None:
            del inputs["token_bytes"]
            formula, note = f"requests × tokens × {rows[0]}", "widths are those of one GPU"
            inputs |= rows[1]
        if cell.fixed_bytes:
            formula, inputs = f"{formula} + fixed_bytes", {**inputs, "fixed_bytes": cell.fixed_bytes}
        ledger.add("kv_cache", gpu.device, "token pool", formula, size, source, note, **inputs)
        return
    extra = size - asked * cell.token_bytes
    words = []
    if cell.window_bytes:
        words.append(f"a pool of {cell.window_ratio:g} tokens of {cell.window_bytes:,} B for windowed layers")
    if cell.state_bytes:
        words.append(f"{cell.slots} slots of {cell.state_bytes:,} B for the states of a request, in a fixed proportion")
    if cell.fixed_bytes:
        words.append(f"{cell.fixed_bytes:,} B that depend on neither")
    ledger.add(
        "kv_cache", gpu.device, "token pool", "requests × tokens × token_bytes + beside_bytes", size, source,
        "; ".join(["of all layers that keep every token", *words]), **inputs, beside_bytes=extra,
    )  # fmt: skip


def _account_overhead(ledger: Ledger, device: str, extra: Overhead, gpu_count: int) -> None:
    """Add what a process holds before it loads, its CUDA graphs, workspaces and libraries."""
    logs, environ = "start-up logs in issues of sgl-project/sglang", f"{SGLANG} srt/environ.py"
    hook = f"{SGLANG} srt/arg_groups/memory_hook.py"
    base, each = next(
        (
            (base, each)
            for base, each in ((NVLINK_BYTES, NVLINK_BYTES_EACH), (PEER_BYTES, PEER_BYTES_EACH))
            if extra.before_bytes == base + each * gpu_count
        ),
        (extra.before_bytes, 0),
    )
    ledger.add(
        "overhead", device, "process and links", "linked_bytes + gpus × gpu_bytes" if each else "process_bytes",
        extra.before_bytes, logs, "measured: alone, or by what the GPUs speak over (NVLink, PCIe, ROCm)",
        **({"linked_bytes": base, "gpus": gpu_count, "gpu_bytes": each} if each else {"process_bytes": base}),
    )  # fmt: skip
    for name, size, one, what, source in (
        ("CUDA graphs for decoding", extra.decode_bytes, DECODE_BYTES_PER_LAYER, "layers", logs),
        ("CUDA graphs for prefill", extra.prefill_bytes, PREFILL_GRAPH_BYTES, "sizes", hook),
    ):
        ledger.add(
            "overhead",
            device,
            name,
            f"{what} × graph_bytes",
            size,
            source,
            "",
            **{what: size // one, "graph_bytes": one},
        )
    for name, size, words, source in (
        ("attention workspace", extra.workspace_bytes, "384 MiB except on Hopper", environ),
        ("cache of image embeddings", extra.images_bytes, "100 MiB", environ),
        ("libraries", extra.libraries_bytes, "160 MiB", logs),
    ):
        ledger.add_product(
            "overhead",
            device,
            name,
            "mebibytes × 1048576",
            size,
            source,
            words,
            factor=MIB,
            alone="bytes",
            mebibytes=None,
        )
