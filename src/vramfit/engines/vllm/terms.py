"""Terms of an estimate for vLLM."""

from __future__ import annotations

from vramfit.engines.distributed import copies, expert_division, layout, of_one_copy, stage_layers, stage_of
from vramfit.engines.terms import span, stored_inputs
from vramfit.engines.vllm.parts import parts, steps
from vramfit.engines.vllm.pool import Caches
from vramfit.engines.vllm.release import release
from vramfit.engines.vllm.rotary import rotary_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from vramfit.engines.interface import DeviceMemory, Estimate, Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.terms import Ledger
    from vramfit.engines.vllm import Cards
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

        speculative.account(job, estimate, ledger, account, SOURCE)
        return
    ranks, count = layout(job)
    job = of_one_copy(job)
    tokens, rows = steps(job)
    facts = release(job.keys)
    for number, gpu in enumerate(estimate.gpus):
        layers = stage_layers(job.model.layer_count, count)[stage_of(number, ranks, count)]
        account_weights(job, ledger, gpu.device, gpu.weights_bytes, ranks, count, layers)
        block = account_cache(job, ledger, gpu, estimate.plan, number)
        own = parts(job, facts, stage_of(number, ranks, count))
        account_peak(job, ledger, gpu.device, own.peak, facts, tokens, rows)
        account_budget(ledger, gpu.device, own, ranks, facts, job.traits.processes_bytes)
        spare = "one block of the pool is never given out"
        ledger.add("overhead", gpu.device, "spare block", spare, block, f"{VLLM} v1/core/block_pool.py null_block")
    if estimate.host.weights_bytes:
        formula = "parameters of the layers from the first on, until cpu_offload bytes of each GPU are reached"
        ledger.add(
            "weights", "host", "weights in host memory", formula, estimate.host.weights_bytes,
            f"{VLLM} model_executor/offloader/uva.py", cpu_offload_bytes=job.keys.cpu_offload_bytes, gpus=len(estimate.gpus),
        )  # fmt: skip


def account_peak(
    job: Job[Cards, ServerKeys], ledger: Ledger, device: str, peak: Peak, facts: Release, tokens: int, rows: int
) -> None:
    """Add the profile run's peak: what exists throughout, and the larger of what comes and goes."""
    kept = "cuBLAS workspace + buffers of experts + outputs of the vision encoder and its pixels"
    came = peak.total_bytes - peak.counts_bytes
    name, formula, size = "sampler", "sequences x vocabulary x bytes of an entry + hidden states", peak.sampler_bytes
    if peak.encoder_bytes == came:
        name, formula, size = "vision encoder", "images x patches x 2 x (4 width + 2 feed-forward) + pixels", came
    elif peak.forward_bytes > peak.sampler_bytes:
        name, formula, size = "forward pass", "tokens x 2 x (3 hidden + the widest layer)", peak.forward_bytes
    ledger.add("compute", device, "kept during the profile run", kept, came - size, PROFILE, tokens=tokens)
    ledger.add(
        "compute", device, name, formula, size, PROFILE, tokens=tokens, sequences=rows, hidden=job.model.hidden,
        vocab=job.model.vocab, images=job.workload.images, bytes_of_an_entry=facts.sampler_bytes(job.model),
    )  # fmt: skip
    ledger.add(
        "compute", device, "counts of sampled tokens", "sequences x vocabulary x 4.125", peak.counts_bytes,
        f"{VLLM} v1/worker/gpu/sample/penalties.py", sequences=rows, vocab=job.model.vocab,
    )  # fmt: skip


def account_budget(ledger: Ledger, device: str, own: Parts, ranks: int, facts: Release, processes_bytes: int) -> None:
    """Add libraries and CUDA graphs of one rank, and what its processes take of a memory shared with the CPU."""
    version = ".".join(map(str, facts.numbers))
    inside = "measured: one GPU, and more for each further rank"
    ledger.add(
        "overhead", device, "libraries", inside, own.libraries.inside_bytes - processes_bytes, MEASURED, ranks=ranks,
        version=version,
    )  # fmt: skip
    shared = "0.058 x the memory that CPU and GPU share"
    ledger.add("overhead", device, "host memory of the processes", shared, processes_bytes, MEASURED)
    outside = "measured: what the first look at the card finds taken beyond a process's context"
    ledger.add("overhead", device, "NCCL", outside, own.libraries.outside_bytes, MEASURED, ranks=ranks)
    graphs = "160 MiB + layers x (sizes x 0.20 + whole steps x 0.11 MiB) + split outputs of attention"
    ledger.add("overhead", device, "CUDA graphs", graphs, own.graphs_bytes, MEASURED, in_share=facts.graphs_in_share)


def account_cache(job: Job[Cards, ServerKeys], ledger: Ledger, gpu: DeviceMemory, plan: object, number: int) -> int:
    """Add the cache of one rank, and return the bytes of one block."""
    if not isinstance(plan, Caches):
        raise TypeError("an estimate of vLLM has the caches of its ranks")
    one = plan.blocks[number]
    formula = "requests x blocks of one at full length x bytes of a block"
    if job.keys.kv_cache_memory_bytes is not None:
        formula = "the stated size, and no less than requests x blocks of one at full length x bytes of a block"
    ledger.add(
        "kv_cache", gpu.device, "paged cache", formula, gpu.kv_cache_bytes, f"{VLLM} v1/kv_cache_interface.py",
        requests=plan.requests, blocks=one.count, block_bytes=one.block_bytes, context=job.workload.context,
    )  # fmt: skip
    return one.block_bytes


def account_weights(
    job: Job[V, ServerKeys], ledger: Ledger, device: str, size: int, ranks: int, count: int, layers: tuple[int, int]
) -> None:
    """Add the weights of one rank: its part of the loaded tensors, tables of rotary angles, and slots of adapters."""
    angles, slots = rotary_bytes(job.model), 0
    keys = job.keys
    if keys.max_loras:
        from vramfit.engines.vllm.lora import slot_bytes

        stage = [start for start, _ in stage_layers(job.model.layer_count, count)].index(layers[0])
        slots = slot_bytes(job, ranks, count, expert_division(keys, ranks))[stage]
        ledger.add(
            "weights", device, "slots of adapters", "2 B x slots x rank x (inputs + outputs on a rank) of each linear layer",
            slots, f"{VLLM} lora/layers", max_loras=keys.max_loras, max_lora_rank=keys.max_lora_rank,
        )  # fmt: skip
    more = {"data_parallel": copies(keys)} if copies(keys) > 1 else {}
    more |= {"expert_parallel": 1} if keys.expert_parallel else {}
    more |= {"cpu_offload_bytes": keys.cpu_offload_bytes} if keys.cpu_offload_bytes else {}
    ledger.add(
        "weights", device, f"cut of {span(*layers)}, embedding, head and towers",
        "sum over the tensors of their cut for a rank, in the layout and padding of the kernels", size - angles - slots,
        f"{VLLM} model_executor/layers", tensor_parallel=ranks, pipeline_parallel=count, **more,
        **stored_inputs(job.checkpoint, range(*layers)),
    )  # fmt: skip
    ledger.add(
        "weights", device, "tables of rotary angles", "2 x width x positions, for each kind of layer", angles,
        f"{VLLM} layers/rotary_embedding/base.py", positions=job.model.context,
    )  # fmt: skip


def account_step(job: Job[V, ServerKeys], ledger: Ledger, device: str, size: int, tokens: int) -> None:
    """Add the activations of one step."""
    formula = "the largest of tokens x 2 x (3 hidden + the widest layer), the sampler's logits and the vision encoder"
    ledger.add(
        "compute", device, "activations of a step", formula, size, f"{VLLM} v1/worker/gpu_model_runner.py profile_run",
        tokens=tokens, hidden=job.model.hidden, vocab=job.model.vocab, images=job.workload.images,
    )  # fmt: skip
