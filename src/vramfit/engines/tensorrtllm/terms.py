"""Terms of an estimate for TensorRT-LLM, whose weights are divided like vLLM's."""

from __future__ import annotations

from vramfit.engines.distributed import copies, layout, of_one_copy, stage_layers, stage_of
from vramfit.engines.servers import sequences
from vramfit.engines.tensorrtllm.cache import BLOCK, Cache
from vramfit.engines.tensorrtllm.estimate import MAX_BATCH_SIZE, MAX_NUM_TOKENS
from vramfit.engines.tensorrtllm.overhead import LIBRARIES_BYTES, graph_bytes, graph_count, peer_bytes
from vramfit.engines.vllm.terms import account_weights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.tensorrtllm import Cards
    from vramfit.engines.terms import Ledger

EXECUTOR = "TensorRT-LLM _torch/pyexecutor"
PLANNER = "ai-dynamo/aiconfigurator sdk/backends/trtllm_backend.py"


def account(job: Job[Cards, ServerKeys], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms of each rank to the ledger."""
    job = of_one_copy(job)
    ranks, count = layout(job, cuts_blocks=True)
    work, keys = job.workload, job.keys
    peers = ranks * copies(keys)
    tokens = keys.max_batched_tokens or MAX_NUM_TOKENS
    rows = sequences(keys, work, MAX_BATCH_SIZE)
    for number, gpu in enumerate(estimate.gpus):
        device, layers = gpu.device, stage_layers(job.model.layer_count, count)[stage_of(number, ranks, count)]
        account_weights(job, ledger, device, gpu.weights_bytes, ranks, count, layers)
        cache = Cache(job.model, work, ranks, layers)
        states = cache.states_bytes(rows)
        found = [f"{kind.layers} x {kind.kind}, {kind.token_bytes} B" for kind in cache.kinds]
        ledger.add(
            "kv_cache", device, "paged cache", "requests x blocks of 32 tokens x layers x bytes of a token",
            gpu.kv_cache_bytes - states, f"{EXECUTOR}/resource_manager.py KVCacheManager", layers=found,
            requests=work.parallel, context=work.context, block=BLOCK,
        )  # fmt: skip
        ledger.add(
            "kv_cache", device, "recurrent states", "(max_batch_size + 1) x bytes of a request's states", states,
            f"{EXECUTOR}/mamba_cache_manager.py", max_batch_size=rows, state_bytes=cache.state_bytes,
        )  # fmt: skip
        ledger.add(
            "compute", device, "activations of a step", "2 x tokens x width x activations per element, and the encoder",
            gpu.compute_bytes, PLANNER, tokens=tokens, hidden=job.model.hidden, ranks=ranks, images=work.images,
        )  # fmt: skip
        ledger.add("overhead", device, "libraries and workspaces", "1 GiB", LIBRARIES_BYTES, PLANNER)
        ledger.add("overhead", device, "NCCL", "by the number of ranks", peer_bytes(peers), PLANNER, ranks=peers)
        layer_count = layers[1] - layers[0]
        ledger.add(
            "overhead", device, "CUDA graphs", "0.5 MiB x layers x batch sizes",
            graph_bytes(layer_count, rows, eager=keys.enforce_eager), "NVIDIA/TensorRT-LLM issue 5872",
            layers=layer_count, batch_sizes=graph_count(rows),
        )  # fmt: skip
