"""Terms of an estimate for SGLang, whose layers come from vLLM."""

from __future__ import annotations

from vramfit.engines.distributed import stage_layers
from vramfit.engines.sglang.estimate import plan, rank_cells, rank_overhead, rank_slots
from vramfit.engines.sglang.layout import angles_bytes, as_server, stage_of
from vramfit.engines.terms import span, stored_inputs
from vramfit.engines.vllm.terms import account_step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.sglang import Cards, SGLangKeys
    from vramfit.engines.sglang.overhead import Overhead
    from vramfit.engines.sglang.share import Spread
    from vramfit.engines.terms import Ledger


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
            ledger.add(
                "weights", gpu.device, "slots of adapters",
                "2 B x slots x rank x (inputs + outputs on a rank) of each linear layer", slots,
                "SGLang 0.5.23 srt/lora/mem_pool.py", max_loras=job.keys.max_loras, max_lora_rank=job.keys.max_lora_rank,
            )  # fmt: skip
        _account_weights(job, ledger, gpu.device, gpu.weights_bytes - slots, spread, layers)
        cell = rank_cells(job, made, layers)
        ledger.add(
            "kv_cache", gpu.device, "token pool", "tokens x bytes of a token, in pools of fixed proportions",
            gpu.kv_cache_bytes, "SGLang 0.5.23 srt/model_executor/pool_configurator.py", sequences=made.demand.requests,
            context=made.demand.tokens, token_bytes=cell.token_bytes, window_bytes=cell.window_bytes,
            window_ratio=cell.window_ratio, state_bytes=cell.state_bytes, slots=cell.slots, fixed_bytes=cell.fixed_bytes,
        )  # fmt: skip
        account_step(as_server(job), ledger, gpu.device, gpu.compute_bytes, made.step_tokens)
        _account_overhead(ledger, gpu.device, rank_overhead(job, made, layers), job.gpu_count)
    moved = "bytes of each GPU's weights that --cpu-offload-gb leaves in RAM"
    ledger.add(
        "weights", "host", "weights in RAM", moved, estimate.host.weights_bytes, "SGLang 0.5.23 srt/utils/offloader.py"
    )


def _account_weights(
    job: Job[Cards, SGLangKeys], ledger: Ledger, device: str, size: int, spread: Spread, layers: tuple[int, int]
) -> None:
    """Add the weights of one rank: its part of the loaded tensors, and the tables of rotary angles."""
    angles = angles_bytes(job.model)
    ledger.add(
        "weights", device, f"cut of {span(*layers)}, embedding, head and towers",
        "sum over the tensors of their cut for a rank, in the layout and padding of vLLM's kernels", size - angles,
        "SGLang 0.5.23 srt/layers", tensor_parallel=spread.ranks, pipeline_parallel=spread.stages, copies=spread.copies,
        **stored_inputs(job.checkpoint, range(*layers)),
    )  # fmt: skip
    ledger.add(
        "weights", device, "tables of rotary angles", "4 x width x positions, for each kind of layer", angles,
        "SGLang 0.5.23 srt/layers/rotary_embedding/base.py", positions=job.model.context,
    )  # fmt: skip


def _account_overhead(ledger: Ledger, device: str, extra: Overhead, gpu_count: int) -> None:
    """Add what a process holds before it loads, its CUDA graphs, workspaces and libraries."""
    logs = "start-up logs in issues of sgl-project/sglang"
    ranks = "90 MiB alone; NVLink 1750 MiB + 30 a rank, PCIe 130 MiB + 66 a rank, ROCm 3200 MiB"
    ledger.add("overhead", device, "process and links", ranks, extra.before_bytes, logs, gpus=gpu_count)
    ledger.add("overhead", device, "CUDA graphs for decoding", "6 MiB x layers", extra.decode_bytes, logs)
    hook = "SGLang 0.5.23 srt/arg_groups/memory_hook.py"
    ledger.add("overhead", device, "CUDA graphs for prefill", "8 MiB x sizes", extra.prefill_bytes, hook)
    environ = "SGLang 0.5.23 srt/environ.py"
    ledger.add("overhead", device, "attention workspace", "384 MiB except on Hopper", extra.workspace_bytes, environ)
    ledger.add("overhead", device, "cache of image embeddings", "100 MiB", extra.images_bytes, environ)
    ledger.add("overhead", device, "libraries", "160 MiB", extra.libraries_bytes, logs)
