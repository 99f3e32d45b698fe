"""Terms of an estimate for vLLM."""

from __future__ import annotations

from vramfit.engines.distributed import layout, stage_layers
from vramfit.engines.terms import span, stored_inputs
from vramfit.engines.vllm.kv_cache import bytes_needed, kinds
from vramfit.engines.vllm.overhead import graph_bytes, libraries_bytes
from vramfit.engines.vllm.parts import parts, steps
from vramfit.engines.vllm.release import release
from vramfit.engines.vllm.rotary import rotary_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from vramfit.engines.interface import Estimate, Job
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
LOGS = "start-up logs in issues of vllm-project/vllm"


def account(job: Job[Cards, ServerKeys], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms of each rank to the ledger."""
    if estimate.draft is not None:
        from vramfit.engines import speculative
        from vramfit.engines.vllm.speculative import SOURCE

        speculative.account(job, estimate, ledger, account, SOURCE)
        return
    ranks, count = layout(job)
    tokens, rows = steps(job)
    facts = release(job.keys)
    for number, gpu in enumerate(estimate.gpus):
        layers = stage_layers(job.model.layer_count, count)[number // ranks]
        account_weights(job, ledger, gpu.device, gpu.weights_bytes, ranks, count, layers)
        cache, block = bytes_needed(job.model, job.workload, ranks, layers, tokens)
        found = [
            f"{kind.layers} x {kind.kind}, {kind.token_bytes} B"
            for kind in kinds(job.model, job.workload, ranks, layers)
        ]
        ledger.add(
            "kv_cache", gpu.device, "paged cache", "blocks of all sequences at full length x bytes of a block", cache,
            f"{VLLM} v1/kv_cache_interface.py", blocks=cache // block if block else 0, block_bytes=block, layers=found,
            sequences=job.workload.parallel, context=job.workload.context,
        )  # fmt: skip
        own = parts(job, facts, number // ranks)
        account_peak(job, ledger, gpu.device, own.peak, facts, tokens, rows)
        account_budget(ledger, gpu.device, own, ranks, facts)
        spare = "one block of the pool is never given out"
        ledger.add("overhead", gpu.device, "spare block", spare, block, f"{VLLM} v1/core/block_pool.py null_block")


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


def account_budget(ledger: Ledger, device: str, own: Parts, ranks: int, facts: Release) -> None:
    """Add libraries and CUDA graphs of one rank."""
    version = ".".join(map(str, facts.numbers))
    inside = "measured: one GPU, and more for each further rank"
    ledger.add(
        "overhead", device, "libraries", inside, own.libraries.inside_bytes, MEASURED, ranks=ranks, version=version
    )
    outside = "measured: what the first look at the card finds taken beyond a process's context"
    ledger.add("overhead", device, "NCCL", outside, own.libraries.outside_bytes, MEASURED, ranks=ranks)
    graphs = "160 MiB + layers x (sizes x 0.20 + whole steps x 0.11 MiB) + split outputs of attention"
    ledger.add("overhead", device, "CUDA graphs", graphs, own.graphs_bytes, MEASURED, in_share=facts.graphs_in_share)


def account_weights(
    job: Job[V, ServerKeys], ledger: Ledger, device: str, size: int, ranks: int, count: int, layers: tuple[int, int]
) -> None:
    """Add the weights of one rank: its part of the loaded tensors, and the tables of rotary angles."""
    angles = rotary_bytes(job.model)
    ledger.add(
        "weights", device, f"cut of {span(*layers)}, embedding, head and towers",
        "sum over the tensors of their cut for a rank, in the layout and padding of the kernels", size - angles,
        f"{VLLM} model_executor/layers", tensor_parallel=ranks, pipeline_parallel=count,
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


def account_overhead(job: Job[V, ServerKeys], ledger: Ledger, device: str, ranks: int, layers: tuple[int, int]) -> None:
    """Add libraries and CUDA graphs of one rank."""
    formula = "80 MiB + 225 MiB for each further rank"
    ledger.add("overhead", device, "libraries", formula, libraries_bytes(ranks), LOGS, ranks=ranks)
    layer_count = layers[1] - layers[0]
    graphs = graph_bytes(layer_count, eager=job.keys.enforce_eager)
    ledger.add("overhead", device, "CUDA graphs", "18 MiB x layers", graphs, LOGS, layers=layer_count)
