"""Terms of an estimate for TensorRT-LLM, whose weights are divided like vLLM's."""

from __future__ import annotations

from vramfit.engines.cache_terms import KINDS
from vramfit.engines.distributed import copies, expert_division, layout, of_one_copy, stage_layers, stage_of
from vramfit.engines.servers import sequences
from vramfit.engines.tensorrtllm.cache import BLOCK, Cache
from vramfit.engines.tensorrtllm.estimate import MAX_BATCH_SIZE, MAX_NUM_TOKENS
from vramfit.engines.tensorrtllm.overhead import (
    ACTIVATION_BYTES,
    GRAPH_BYTES,
    LEAST_BYTES,
    LIBRARIES_BYTES,
    graph_bytes,
    graph_count,
    peer_bytes,
    step_widths,
)
from vramfit.engines.vllm.terms import account_weights

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.tensorrtllm import Cards
    from vramfit.engines.terms import Ledger
    from vramfit.workload.common import Workload

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
        over = expert_division(keys, ranks)
        account_weights(job, ledger, device, gpu.weights_bytes, ranks, count, layers, over)
        _cache(ledger, device, Cache(job.model, work, ranks, layers), gpu.kv_cache_bytes, work, rows)
        _compute(job, ledger, device, gpu.compute_bytes, tokens, ranks)
        ledger.add_sum(
            "overhead",
            device,
            "libraries and workspaces",
            LIBRARIES_BYTES,
            PLANNER,
            "1 GiB",
            library_bytes=LIBRARIES_BYTES,
        )
        peer = peer_bytes(peers)
        ledger.add_sum("overhead", device, "NCCL", peer, PLANNER, f"of {peers} ranks", peer_bytes=peer)
        layer_count = layers[1] - layers[0]
        ledger.add(
            "overhead", device, "CUDA graphs", "layers × batch_sizes × graph_bytes",
            graph_bytes(layer_count, rows, eager=keys.enforce_eager), "NVIDIA/TensorRT-LLM issue 5872", "",
            layers=layer_count, batch_sizes=graph_count(rows), graph_bytes=GRAPH_BYTES,
        )  # fmt: skip


def _cache(ledger: Ledger, device: str, cache: Cache, size: int, work: Workload, rows: int) -> None:
    """Add the paged cache by kinds of layers, and the pool of recurrent states."""
    blocks, left = -(-work.context // BLOCK), size
    for kind in cache.kinds:
        each = kind.layers * kind.token_bytes
        if kind.kind == "state":
            ledger.add(
                "kv_cache", device, "recurrent states", "(max_batch_size + 1) × layers × state_bytes", (rows + 1) * each,
                f"{EXECUTOR}/mamba_cache_manager.py", "", max_batch_size=rows, layers=kind.layers,
                state_bytes=kind.token_bytes,
            )  # fmt: skip
            left -= (rows + 1) * each
        elif kind.kind != "cross":
            ledger.add(
                "kv_cache", device, f"paged cache, {KINDS.get(kind.kind, kind.kind)}",
                "requests × blocks × block_tokens × layers × token_bytes", work.parallel * blocks * BLOCK * each,
                f"{EXECUTOR}/resource_manager.py KVCacheManager", KEPT_WHOLE if kind.window else "", requests=work.parallel,
                blocks=blocks, block_tokens=BLOCK, layers=kind.layers, token_bytes=kind.token_bytes,
            )  # fmt: skip
            left -= work.parallel * blocks * BLOCK * each
    ledger.add_sum(
        "kv_cache", device, "paged cache, cross attention", left, f"{EXECUTOR}/resource_manager.py KVCacheManager",
        "keys and values of what the encoder read", crossed_bytes=left,
    )  # fmt: skip


KEPT_WHOLE = "every token, unless max_attention_window is stated"


def _compute(job: Job[Cards, ServerKeys], ledger: Ledger, device: str, size: int, tokens: int, ranks: int) -> None:
    """Add the activations of a step: so many for each token and width, or the vision encoder's."""
    width, each = step_widths(job.model, ranks)
    if size == round(ACTIVATION_BYTES * tokens * width * each):
        ledger.add(
            "compute", device, "activations of a step", "round(tokens × 2 × width × activations)", size, PLANNER,
            "so many 16-bit activations for each token and element of the width", tokens=tokens, width=width,
            activations=each,
        )  # fmt: skip
        return
    words = "the least that is counted" if size == LEAST_BYTES else "the vision encoder, for all images of a step"
    ledger.add_sum("compute", device, "activations of a step", size, PLANNER, words, activation_bytes=size)
