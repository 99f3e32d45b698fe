"""The prompt: how fast its tokens are taken in, which arithmetic decides rather than memory."""

from __future__ import annotations

from vramfit.speed.decode import (
    HOST_COPY_BYTES_PER_SECOND,
    attention_operations,
    constant,
    kin,
    ranks_of,
    runtime,
    shape,
)
from vramfit.speed.fitted import (
    ATTENTION_SHARE,
    MATRIX_GAIN_16_BIT,
    MATRIX_SHARE,
    PIPELINE,
    PREFILL_BUS_SHARE,
    RANKS_SHARE,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.hardware import Gpu

CHUNK_TOKENS = {"vllm": 2048, "sglang": 2048, "tensorrt-llm": 2048, "mlx": 2048, "exllamav3": 2048}
"""Prompt tokens of one pass, where ``max_batched_tokens`` does not say; llama.cpp has ``ubatch``, transformers takes all."""
SMALLEST_GPU_BATCH = 32
"""Tokens from which llama.cpp copies a layer in RAM to the GPU rather than computing it on the CPU (ggml-org/llama.cpp
``ggml/src/ggml-cuda/ggml-cuda.cu`` ``op_offload_min_batch_size``)."""


def seconds(deployment: Deployment, estimate: Estimate, tokens: int) -> tuple[float, float, float, float] | None:
    """Seconds for a prompt of ``tokens``, by what they wait for: compute, memory bandwidth, interconnect, PCIe.

    None where nothing is generated or embedded, or where a card's arithmetic or memory rate is unknown.
    """
    model, work = deployment.model, deployment.workload
    if work.task != "inference" or not model.layers:
        return None
    engine = runtime(deployment.engine)
    matrix = matrix_seconds(deployment, tokens)
    rates = [_rate(gpu, engine, deployment) for gpu in deployment.gpus]
    if matrix is None or None in rates or any(gpu.bandwidth_bytes_per_second is None for gpu in deployment.gpus):
        return None
    rate = min([each for each in rates if each is not None])
    gpu = deployment.gpus[0]
    flash = "on" if work.flash_attention or engine != "llama.cpp" else "off"
    attention_share = ATTENTION_SHARE["apple" if gpu.vendor == "apple" else flash]
    # A token looks back on half of the prompt on average.
    attention = tokens * attention_operations(model, max(1, tokens // 2)) / (rate * attention_share)
    chunk = min(
        tokens, getattr(work.own, "ubatch", tokens) if engine == "llama.cpp" else _chunk(deployment, engine, tokens)
    )
    chunks = -(-tokens // chunk)
    weights = 0.0
    for card, memory in zip(deployment.gpus, estimate.gpus, strict=True):
        bus = (card.bandwidth_bytes_per_second or 1) * PREFILL_BUS_SHARE
        weights += chunks * memory.weights_bytes / bus
    compute, links = matrix + attention, 0.0
    ranks = ranks_of(deployment, estimate)
    if ranks > 1:
        compute, weights = compute / (ranks * RANKS_SHARE), weights / ranks
        link = gpu.nvlink_bytes_per_second or gpu.host_link_bytes_per_second
        if link is not None:
            moved = 2 * model.layer_count * tokens * model.hidden * 2 * 2 * (ranks - 1) / ranks
            links = moved / link
    elif engine == "llama.cpp" and len(deployment.gpus) > 1:
        # Chunks follow each other through the cards like through a pipeline.
        cards = len(deployment.gpus)
        gained = (cards * chunks / (cards + chunks - 1)) ** PIPELINE["exponent"] / (1 + PIPELINE["cost"])
        compute, weights = compute / gained, weights / gained
    pcie = 0.0
    if estimate.streamed_bytes:
        pcie = estimate.streamed_bytes / HOST_COPY_BYTES_PER_SECOND
    elif estimate.host.read_bytes and chunk >= SMALLEST_GPU_BATCH and not gpu.unified:
        embedding = model.vocab * model.hidden * _bytes_per_weight(deployment, estimate)
        pcie = chunks * max(0.0, estimate.host.weights_bytes - embedding) / HOST_COPY_BYTES_PER_SECOND
    return compute, weights, links, pcie


def matrix_seconds(deployment: Deployment, tokens: int) -> float | None:
    """Seconds of arithmetic in the matrices of all layers for ``tokens`` at once, were it all on one card at a time."""
    engine = runtime(deployment.engine)
    rates = [_rate(gpu, engine, deployment) for gpu in deployment.gpus]
    known = [rate for rate in rates if rate]
    if len(known) < len(rates):
        return None
    return 2 * tokens * shape(deployment.model).parameters / (sum(known) / len(known))


def plain(deployment: Deployment) -> bool:
    """Whether the weights go into the matrix units as they are stored."""
    return deployment.scheme.family == "plain" or deployment.scheme.id in ("F16", "BF16", "F32")


def _rate(gpu: Gpu, engine: str, deployment: Deployment) -> float | None:
    """Operations per second a card reaches in large matrices.

    llama.cpp's kernels follow the shader cores, so its shares are of the FP32 rate, by kind of card; the others call
    the vendor's matrix libraries, and theirs are of the dense 16-bit rate.
    """
    if engine in MATRIX_SHARE:
        peak = gpu.tflops.get("fp32")
        if peak is None:
            return None
        kind = kin(gpu)
        share = constant(MATRIX_SHARE, engine, kind)
        if engine == "llama.cpp" and plain(deployment):
            share *= constant(MATRIX_GAIN_16_BIT, engine, kind)
        return peak * 1e12 * share
    peak = gpu.tflops.get("fp16")
    if peak is None:
        return None
    return peak * 1e12 * MATRIX_SHARE[""]["16-bit" if plain(deployment) else ""]


def _chunk(deployment: Deployment, engine: str, tokens: int) -> int:
    return getattr(deployment.workload.own, "max_batched_tokens", None) or CHUNK_TOKENS.get(engine, tokens)


def _bytes_per_weight(deployment: Deployment, estimate: Estimate) -> float:
    return estimate.checkpoint_bytes / deployment.model_parameters
