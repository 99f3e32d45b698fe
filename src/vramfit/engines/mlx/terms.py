"""Terms of an estimate for MLX."""

from __future__ import annotations

from vramfit.engines.mlx.estimate import IN_FLIGHT, PREFILL, PROCESS_BYTES, cache_bytes, temporaries
from vramfit.engines.terms import STORED, cache_inputs, cache_name, stored_inputs
from vramfit.memory.kv_cache import caches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.terms import Ledger

EVERYTHING = ("token_embd", "position_embd", "output", "per_layer", "vision", "projector", "audio", "component")
MLX = "ml-explore/mlx-lm d78bf58e"
KERNELS = "ml-explore/mlx 846d17622 scaled_dot_product_attention.cpp use_fallback"
TOWERS = "Blaizzy/mlx-vlm 9b13f522 models/pixtral/vision.py, models/mllama/vision.py"


def account(job: Job[None, None], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms to the ledger: weights, caches, temporary arrays of a prompt, and the memory of the process."""
    if estimate.draft is not None:
        from vramfit.engines import speculative
        from vramfit.engines.mlx.speculative import SOURCE

        speculative.account(job, estimate, ledger, account, SOURCE)
        return
    work, (gpu,) = job.workload, estimate.gpus
    inputs = stored_inputs(job.checkpoint, range(job.model.layer_count), EVERYTHING)
    ledger.add("weights", "gpu0", "weights", STORED, gpu.weights_bytes, f"{MLX} mlx_lm/convert.py", **inputs)
    for cache in caches(job.model):
        ledger.add(
            "kv_cache", "gpu0", cache_name(cache), "layers x sequences x tokens, in steps of 256, x widths x bits / 8",
            len(cache.layers) * cache_bytes(cache, job) * work.parallel, f"{MLX} mlx_lm/models/cache.py",
            layers=len(cache.layers), sequences=work.parallel, context=work.context, type=work.kv_cache_type,
            **cache_inputs(cache),
        )  # fmt: skip
    beside, tokens = temporaries(job), min(PREFILL, work.context) * work.parallel
    ledger.add(
        "compute", "gpu0", "vision encoder", "images x patches x 2 x (4 x width + 2 x network's)", beside.tower,
        "Blaizzy/mlx-vlm 9b13f522", images=work.images,
    )  # fmt: skip
    if beside.tower_scores > beside.layers + beside.scores:
        pairs = "pairs of patches x (4 x heads + 6 of the mask)"
        ledger.add("compute", "gpu0", "vision encoder's scores", pairs, beside.tower_scores, TOWERS, images=work.images)
    else:
        ledger.add(
            "compute", "gpu0", "temporaries of a prompt", "layers in flight x one layer's results", beside.layers,
            f"{MLX} mlx_lm/BENCHMARKS.md", in_flight=IN_FLIGHT, tokens=tokens,
        )  # fmt: skip
        ledger.add(
            "compute", "gpu0", "attention scores", "tokens of a step x heads x cached tokens x 2", beside.scores, KERNELS,
            tokens=tokens, context=work.context,
        )  # fmt: skip
    process = "Metal's context, kernels and the interpreter"
    ledger.add("overhead", "gpu0", "process", process, PROCESS_BYTES, "not measured here; the interval is wide")
