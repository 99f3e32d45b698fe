"""Terms of an estimate for MLX."""

from __future__ import annotations

from vramfit.engines.cache_terms import add_cache, cache_name
from vramfit.engines.compute_terms import add_encoder
from vramfit.engines.mlx.estimate import BITS, IN_FLIGHT, PROCESS_BYTES, STEP, cache_bytes, step_tokens, temporaries
from vramfit.engines.tensor_terms import add_tensors, rows_of
from vramfit.engines.terms import span
from vramfit.memory.activations import peak_bytes
from vramfit.memory.kv_cache import caches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Estimate, Job
    from vramfit.engines.mlx import MlxKeys
    from vramfit.engines.terms import Ledger

MLX = "ml-explore/mlx-lm d78bf58e"
KERNELS = "ml-explore/mlx 846d17622 scaled_dot_product_attention.cpp use_fallback"
TOWERS = "Blaizzy/mlx-vlm 9b13f522 models/pixtral/vision.py, models/mllama/vision.py"
VLM = "Blaizzy/mlx-vlm 9b13f522"


def account(job: Job[int | None, MlxKeys], estimate: Estimate, ledger: Ledger) -> None:
    """Add the terms to the ledger: weights, caches, temporary arrays of a prompt, and the memory of the process."""
    if estimate.draft is not None:
        from vramfit.engines import speculative
        from vramfit.engines.mlx.speculative import SOURCE

        speculative.account(job, estimate, ledger, account, SOURCE)
        return
    model, work, (gpu,) = job.model, job.workload, estimate.gpus
    layers = range(model.layer_count)
    rows = rows_of(job.checkpoint, layers, lambda _: True)
    where = span(0, model.layer_count) if layers else ""
    add_tensors(ledger, "gpu0", where, rows, gpu.weights_bytes, f"{MLX} mlx_lm/convert.py")
    bits = BITS.get(work.kv_cache_type, 16)
    for cache in caches(model):
        count = len(cache.layers)
        tokens = -(-cache.tokens_kept(work.context) // STEP) * STEP
        if cache.window is not None:
            tokens = min(-(-work.context // STEP) * STEP, cache.window - 1 + min(step_tokens(job), work.context))
        add_cache(
            ledger, "gpu0", cache_name(cache), cache, count, work.parallel,
            count * cache_bytes(cache, job) * work.parallel, f"{MLX} mlx_lm/models/cache.py", tokens, (bits, bits),
        )  # fmt: skip
    _compute(job, ledger)
    ledger.add_sum(
        "overhead", "gpu0", "process", PROCESS_BYTES, "not measured here; the interval is wide",
        "Metal's context, kernels and the interpreter", process_bytes=PROCESS_BYTES,
    )  # fmt: skip


def _compute(job: Job[int | None, MlxKeys], ledger: Ledger) -> None:
    """Add the temporary arrays of the peak: of the tower with its scores, or of the language model beside it."""
    model, work, beside = job.model, job.workload, temporaries(job)
    add_encoder(ledger, "gpu0", model, work.images, work.image_size, VLM)
    if beside.tower_scores > beside.text:
        ledger.add_sum(
            "compute", "gpu0", "vision encoder's scores", beside.tower_scores, TOWERS,
            "pairs of patches x (4 B x heads + 6 B of the mask)", score_bytes=beside.tower_scores,
        )  # fmt: skip
        return
    step = min(step_tokens(job), work.context)
    layer = peak_bytes(model, step * work.parallel, flash_attention=True, sequence=step)
    many = beside.text == beside.layers
    ledger.add(
        "compute", "gpu0", "temporaries of a prompt", "round(in_flight × layer_bytes)", beside.layers if many else layer,
        f"{MLX} mlx_lm/BENCHMARKS.md", f"results of one layer for {step * work.parallel:,} tokens, of several at a time",
        in_flight=IN_FLIGHT if many else 1, layer_bytes=layer,
    )  # fmt: skip
    ledger.add_sum(
        "compute", "gpu0", "attention scores", beside.text - (beside.layers if many else layer), KERNELS,
        "tokens of a step x heads x cached tokens x 2 B, without a fused kernel", score_bytes=0 if many else beside.scores,
    )  # fmt: skip
