"""Memory of MLX on Apple silicon: mlx-lm, and mlx-vlm for models that read images.

Weights, caches and temporary arrays are in the memory that CPU and GPU share, up to the working set that Metal
recommends, which mlx-lm wires (``mlx_lm/generate.py`` ``wired_limit``). Read at ml-explore/mlx-lm d78bf58e.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate
from vramfit.errors import UsageError
from vramfit.memory.activations import peak_bytes
from vramfit.memory.kv_cache import caches
from vramfit.memory.vision import crossed_tokens, encoder_bytes
from vramfit.memory.weights import slices
from vramfit.units import MIB, gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.engines.mlx import MlxKeys
    from vramfit.memory.kv_cache import Cache

STEP = 256
"""Number of tokens by which a cache grows (``mlx_lm/models/cache.py`` ``KVCache.step``)."""
PREFILL = 2048
"""Number of prompt tokens processed at a time, unless ``--prefill-step-size`` states another (``generate_step``)."""
GROUP, GROUP_BYTES = 64, 2 * 2
"""Number of elements of a group in a quantized cache, and bytes of its 16-bit scale and bias (``QuantizedKVCache``)."""
BITS = {f"int{bits}": bits for bits in (8, 6, 5, 4, 3, 2)}
"""Bits of an element of a quantized cache (``--kv-bits``, ml-explore/mlx ``mlx/ops.cpp`` ``quantize``)."""

IN_FLIGHT = 4.4
"""Number of layers whose temporary arrays exist at the same time while a prompt is processed, because MLX evaluates ahead.
Peak memory less weights and cache of Qwen3-4B and Qwen3-30B-A3B in eleven precisions is 3.9 to 4.7 times that of one
layer (``mlx_lm/BENCHMARKS.md``)."""
COMPUTE_LOW, COMPUTE_HIGH = 0.5, 1.5
"""Lowest and highest factor of the expected temporary arrays: wider than the spread above, since it is of two models."""
PROCESS_BYTES = 250 * MIB
PROCESS_LOW, PROCESS_HIGH = 0.2, 4.0
"""Bytes of Metal's context, compiled kernels and the interpreter, which MLX's own figures leave out, and the factors of
their lower and upper bound; not measured here."""


def estimate(job: Job[int | None, MlxKeys]) -> Estimate:
    """Estimate the memory of one process; raises ``UsageError`` for layers in RAM, and for different types of K and V."""
    model, work = job.model, job.workload
    if work.draft is not None:
        from vramfit.engines.mlx.speculative import with_draft

        return with_draft(job, estimate)
    if work.kv_cache_type != work.kv_cache_type_v:
        raise UsageError("mlx keeps K and V in one type", "leave kv_cache_type_v out")
    if work.cpu_moe_layers or work.gpu_layers not in ("all", model.layer_count):
        raise UsageError("mlx keeps every layer in the memory both processors share", "leave gpu_layers out")
    cut = slices(job.checkpoint)
    kept = sum(len(cache.layers) * cache_bytes(cache, job) for cache in caches(model)) * work.parallel
    beside = temporaries(job)
    fixed = cut.total_bytes + kept
    spare = cut.total_bytes - _least_weights(job, cut.total_bytes)
    more = _most_weights(job, cut.total_bytes) - cut.total_bytes
    gpu = DeviceMemory(
        "gpu0",
        cut.total_bytes,
        kept,
        beside.compute,
        PROCESS_BYTES,
        fixed - spare + round(beside.low * COMPUTE_LOW) + round(PROCESS_BYTES * PROCESS_LOW),
        fixed + more + round(beside.compute * COMPUTE_HIGH) + round(PROCESS_BYTES * PROCESS_HIGH),
        sum(cut.layer_read_bytes) + cut.output_read_bytes,
    )
    assumptions = [f"a prompt is read {step_tokens(job):,} tokens at a time"]
    if beside.text > beside.layers and work.kv_cache_type in BITS:
        assumptions.append("a quantized cache has no fused kernel in MLX, so a prompt's scores grow with the context")
    elif beside.text > beside.layers:
        assumptions.append(
            "heads this wide have no fused kernel for prompts in MLX, so their scores grow with the context; the newest"
            " versions have one on an M5 for some"
        )
    if beside.tower_scores:
        assumptions.append("the vision tower keeps the scores of all pairs of patches: a smaller image takes far less")
    if spare:
        assumptions.append(
            "a conversion that also quantizes the vision tower, or all networks alike, has fewer weights"
        )
    if work.kv_cache_type in BITS and any(cache.window for cache in caches(model)):
        assumptions.append("caches of sliding windows stay 16-bit, which mlx-lm cannot quantize")
    settings = {"max_batched_tokens": step_tokens(job)}
    return Estimate((gpu,), NOTHING, cut.total_bytes, tuple(assumptions), settings, refusal=_too_large(job, beside))


def step_tokens(job: Job[int | None, MlxKeys]) -> int:
    """Number of prompt tokens that are processed at a time."""
    return job.keys.max_batched_tokens or PREFILL


def _too_large(job: Job[int | None, MlxKeys], beside: Temporaries) -> str | None:
    """Sentence on attention scores that are larger than Metal lets one buffer be; None if they are not.

    An array is one buffer (ml-explore/mlx 846d17622 ``mlx/backend/metal/allocator.cpp`` ``malloc``).
    """
    largest = job.traits
    if largest is None or max(beside.scores, beside.tower_scores) <= largest:
        return None
    scores = max(beside.scores, beside.tower_scores)
    of = "the vision tower" if beside.tower_scores == scores else "a layer"
    return f"Metal refuses one buffer of {gib(scores)} for the attention scores of {of}: its largest is {gib(largest)}"


class Temporaries(Record):
    """Bytes of arrays that exist while a prompt is processed."""

    layers: int
    """Results of the layers in flight."""
    scores: int
    """Attention scores of one layer of the language model."""
    tower: int
    """Results of one layer of the vision tower, which is evaluated together with the first tokens."""
    tower_scores: int
    """Attention scores and masks of one layer of the tower."""
    low: int
    """Lower bound, before it is scaled: without the scores that the newest versions do not keep."""

    @property
    def compute(self) -> int:
        """Bytes at the peak, in the tower or in the language model."""
        return self.tower + max(self.tower_scores, self.text)

    @property
    def text(self) -> int:
        """Bytes of the language model: of all layers in flight, or of the one whose scores are written.

        A layer with large scores is not computed ahead of others: Gemma 4 31B in 4 bits took 34.2, 20.9, 23.5 and 21.9 GB for
        prompts of 21,400 and 38,500 tokens, 8,192 to 512 at a time (nicedreamzapp/claude-code-local pull request 44), and
        Qwen3.5 9B read 64,022 tokens in steps of 8,192 on 32 GB (0xSero/local-ai-registry pull request 43).
        """
        return max(self.layers, self.scores + round(self.layers / IN_FLIGHT))


def temporaries(job: Job[int | None, MlxKeys]) -> Temporaries:
    """Arrays beside weights and caches: the language model's for one step of the prompt, and the vision tower's."""
    from vramfit.engines.mlx.attention import prompt_scores, tower_scores

    model, work = job.model, job.workload
    step = min(step_tokens(job), work.context)
    layers = round(IN_FLIGHT * peak_bytes(model, step * work.parallel, flash_attention=True, sequence=step))
    scores = prompt_scores(model, work, step, work.kv_cache_type in BITS)
    tower = encoder_bytes(model, work.images, work.image_size)
    least = max(layers, scores.low + round(layers / IN_FLIGHT))
    return Temporaries(layers, scores.expected, tower, tower_scores(model, work), max(tower, least))


def _least_weights(job: Job[int | None, MlxKeys], total_bytes: int) -> int:
    """Bytes of weights of the smallest conversion in the scheme; those of the checkpoint itself if they are stated."""
    checkpoint = job.checkpoint
    if job.scheme.family != "mlx" or checkpoint.source or checkpoint.scaled != 1:
        return total_bytes
    from vramfit.quantization.mlx import least_bytes

    return min(total_bytes, least_bytes(checkpoint))


def _most_weights(job: Job[int | None, MlxKeys], total_bytes: int) -> int:
    """Bytes of weights of the largest conversion in the scheme, likewise."""
    checkpoint = job.checkpoint
    if "average" not in job.scheme.settings or checkpoint.source or checkpoint.scaled != 1:
        return total_bytes
    from vramfit.quantization.mlx import most_bytes

    return most_bytes(checkpoint)


def cache_bytes(cache: Cache, job: Job[int | None, MlxKeys]) -> int:
    """Bytes that one layer caches for one sequence.

    A full layer has room for a multiple of 256 tokens. A sliding layer keeps its window and, while the prompt is
    processed, the tokens of one step (``RotatingKVCache``). Latent attention keeps its latent. A recurrent layer keeps
    its convolution in 16 bits and its matrix in 32.
    """
    work, model = job.workload, job.model
    if cache.kind == "state":
        return 2 * cache.convolution_elements + 4 * cache.recurrent_elements
    tokens = -(-cache.tokens_kept(work.context) // STEP) * STEP
    if cache.kind == "cross":
        tokens = crossed_tokens(model, cache.encoder_tokens, work)
    elif cache.window is not None:
        tokens = min(-(-work.context // STEP) * STEP, cache.window - 1 + min(step_tokens(job), work.context))
        if cache.ratio:
            tokens += work.context // cache.ratio
    width = cache.key_width + cache.value_width + cache.index_width
    bits = BITS.get(work.kv_cache_type)
    if bits is None or cache.window is not None:
        return tokens * 2 * width
    return tokens * (width * bits // 8 + width // GROUP * GROUP_BYTES)
