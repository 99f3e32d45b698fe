"""Terms of an estimate for vLLM."""

from __future__ import annotations

from vramfit.engines.distributed import layout, stage_layers
from vramfit.engines.terms import span, stored_inputs
from vramfit.engines.vllm.overhead import graph_bytes, libraries_bytes
from vramfit.engines.vllm.pool import Caches
from vramfit.engines.vllm.rotary import rotary_bytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    from vramfit.engines.interface import DeviceMemory, Estimate, Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.terms import Ledger
    from vramfit.engines.vllm import Cards

    V = TypeVar("V")

VLLM = "vLLM 0.33.0"
LOGS = "start-up logs in issues of vllm-project/vllm"


def account(job: Job[Cards, ServerKeys], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms of each rank to the ledger."""
    if estimate.draft is not None:
        from vramfit.engines import speculative
        from vramfit.engines.vllm.speculative import SOURCE

        speculative.account(job, estimate, ledger, account, SOURCE)
        return
    ranks, count = layout(job)
    tokens = job.keys.max_batched_tokens or job.traits.step_tokens
    for number, gpu in enumerate(estimate.gpus):
        layers = stage_layers(job.model.layer_count, count)[number // ranks]
        account_weights(job, ledger, gpu.device, gpu.weights_bytes, ranks, count, layers)
        block = account_cache(job, ledger, gpu, estimate.plan, number)
        between = 2 * job.model.hidden * tokens if count > 1 else 0
        account_step(job, ledger, gpu.device, gpu.compute_bytes - between, tokens)
        sent = "2 x hidden x tokens of a step"
        ledger.add("compute", gpu.device, "states between stages", sent, between, VLLM, hidden=job.model.hidden)
        account_overhead(job, ledger, gpu.device, ranks, layers)
        spare = "one block of the pool is never given out"
        ledger.add("overhead", gpu.device, "spare block", spare, block, f"{VLLM} v1/core/block_pool.py null_block")


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
