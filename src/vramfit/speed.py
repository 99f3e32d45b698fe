"""Tokens per second: a roofline over the bytes each device reads per token.

``t = sum over devices of bytes / (bandwidth x efficiency) + layers x latency (+ bytes over PCIe)``: decoding one
sequence reads every active weight and the cache once per token, and each layer costs a fixed time for its kernels.
Layers spread over several devices run one after another, so their times add.
"""

from __future__ import annotations

from vramfit._record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines import Deployment, Estimate
    from vramfit.hardware import Gpu

# Efficiency of the memory bus and microseconds per layer of llama.cpp's decode, per GPU architecture: least squares on
# single-GPU decode records at short depth (XiongjieDai/GPU-Benchmarks-on-LLM-Inference README @aa72e0e, May 2024
# build; geerlingguy/ai-benchmarks; kyuz0/amd-strix-halo-toolboxes; llama.cpp benches/). Median error 5.4 %, p90 20 %.
LLAMACPP_FIT = {
    "Ada Lovelace": (0.84, 41), "Ampere": (0.81, 69), "Blackwell": (0.87, 56), "Turing": (0.89, 81), "Hopper": (0.65, 107),
    "Pascal": (0.43, 0), "RDNA 3": (0.87, 78), "RDNA 3.5": (0.86, 72), "Apple Silicon": (0.88, 111),
}  # fmt: skip
LLAMACPP_FIT_DEFAULT = (0.75, 80)

# transformers is bound by kernel launches: microseconds per layer that leave premAI-io/benchmarks' A100 figures for
# Llama-2-7B (fp16 37, int8 5.1, 4-bit 19.6 tokens/s) once the bytes are read at 85 % of the bus.
TRANSFORMERS_LAYER_MICROSECONDS = {"int8": 6000, "nf4": 1530, "fp4": 1530}
TRANSFORMERS_LAYER_MICROSECONDS_DEFAULT = 600
TRANSFORMERS_EFFICIENCY = 0.85

MLX_FIT = (0.91, 95)
"""The same of mlx-lm: Qwen3-4B and Qwen3-30B-A3B in eleven precisions on an M4 Max (ml-explore/mlx-lm @d78bf58e
``mlx_lm/BENCHMARKS.md``)."""
SERVERS = ("vllm", "sglang", "exllamav3")
SERVER_EFFICIENCY = 0.85
SERVER_LAYER_MICROSECONDS = 130
SERVER_LAYER_MICROSECONDS_GROUPED = 230
"""vLLM and SGLang: what is left per layer once the bytes are read at 85 % of the bus, 75-182 microseconds for 16- and
8-bit weights and 143-240 for AWQ (SGLang 0.4.6 on an H20, QwenLM/Qwen3 ``speed_benchmark.md`` @7a2f61f; vLLM of May 2024
on an A100, premAI-io/benchmarks README @16338c3)."""
REDUCE_MICROSECONDS = 15
"""One sum over the ranks of a tensor-parallel group, of which a layer has two: NVLink or PCIe peer to peer; slower links
are inside the spread (vLLM on two and four GPUs, mlc-ai/llm-perf-bench README @d401356)."""
HOST_BANDWIDTH_BYTES_PER_SECOND = 89_600_000_000
"""Dual-channel DDR5-5600, the usual desktop; the host's memory is not asked for, so the interval is wide."""
HOST_EFFICIENCY = 0.55
"""Of it that llama.cpp's CPU back end reads in partial offload (XiongjieDai, owner-measured bandwidth: 0.50-0.55)."""
PCIE_EFFICIENCY = 0.8
"""Of the link that pinned host-to-device copies reach."""
SPREAD = {
    "llama.cpp": (0.75, 1.2),
    "ollama": (0.75, 1.2),
    "transformers": (0.5, 2.0),
    "vllm": (0.55, 1.7),
    "sglang": (0.55, 1.7),
}
"""Low and high as factors of the expected rate: p10 to p90 of the records above."""
HOST_SPREAD = (0.55, 1.35)


@record
class Rate:
    """Tokens per second, as an interval."""

    low: float
    expected: float
    high: float


def decode_rate(deployment: Deployment, estimate: Estimate) -> Rate | None:
    """Decode speed of one sequence with its context half full; None where a bandwidth is unknown or nothing decodes."""
    model, work = deployment.model, deployment.workload
    if (
        work.task != "inference"
        or not model.layers
        or not any(g.kv_cache_bytes for g in (*estimate.gpus, estimate.host))
    ):
        return None
    seconds = 0.0
    for gpu, memory in zip(deployment.gpus, estimate.gpus, strict=True):
        if gpu.bandwidth_bytes_per_second is None:
            return None
        efficiency = _efficiency(deployment, gpu)
        cache = memory.kv_cache_bytes / work.parallel / 2
        seconds += (memory.read_bytes + cache) / (gpu.bandwidth_bytes_per_second * efficiency)
    ranks = estimate.settings.get("tensor_parallel")
    if isinstance(ranks, int) and ranks > 1:
        # The ranks of a group read their parts at the same time, and sum twice in every layer.
        seconds = seconds / ranks + model.layer_count * 2 * REDUCE_MICROSECONDS / 1e6
    seconds += model.layer_count * _layer_seconds(deployment)
    spread = SPREAD.get(deployment.engine, (0.5, 1.6))
    if estimate.streamed_bytes:
        link = deployment.gpus[0].host_link_bytes_per_second
        if link is None:
            return None
        seconds += estimate.streamed_bytes / (link * PCIE_EFFICIENCY)
    elif estimate.host.read_bytes:
        cache = estimate.host.kv_cache_bytes / work.parallel / 2
        seconds += (estimate.host.read_bytes + cache) / (HOST_BANDWIDTH_BYTES_PER_SECOND * HOST_EFFICIENCY)
        spread = HOST_SPREAD
    rate = 1 / seconds
    return Rate(_round(rate * spread[0]), _round(rate), _round(rate * spread[1]))


def spill_rate(deployment: Deployment, estimate: Estimate, missing_bytes: int) -> float | None:
    """Tokens per second when ``missing_bytes`` of what the GPU should hold lie in system RAM and cross PCIe per token.

    What the Windows driver's system-memory fallback does, and what accelerate does with offloaded layers; None where
    the link or the resident speed is unknown.
    """
    resident = decode_rate(deployment, estimate)
    link = deployment.gpus[0].host_link_bytes_per_second
    if resident is None or link is None:
        return None
    return _round(1 / (1 / resident.expected + missing_bytes / (link * PCIE_EFFICIENCY)))


def _efficiency(deployment: Deployment, gpu: Gpu) -> float:
    if deployment.engine == "transformers":
        return TRANSFORMERS_EFFICIENCY
    if deployment.engine in SERVERS:
        return SERVER_EFFICIENCY
    if deployment.engine == "mlx":
        return MLX_FIT[0]
    return LLAMACPP_FIT.get(gpu.architecture or "", LLAMACPP_FIT_DEFAULT)[0]


def _layer_seconds(deployment: Deployment) -> float:
    if deployment.engine == "transformers":
        kind = deployment.scheme.settings.get("type", "")
        return TRANSFORMERS_LAYER_MICROSECONDS.get(kind, TRANSFORMERS_LAYER_MICROSECONDS_DEFAULT) / 1e6
    if deployment.engine in SERVERS:
        grouped = deployment.scheme.precision == "int4"
        return (SERVER_LAYER_MICROSECONDS_GROUPED if grouped else SERVER_LAYER_MICROSECONDS) / 1e6
    if deployment.engine == "mlx":
        return MLX_FIT[1] / 1e6
    return LLAMACPP_FIT.get(deployment.gpus[0].architecture or "", LLAMACPP_FIT_DEFAULT)[1] / 1e6


def _round(rate: float) -> float:
    """Three significant digits: no estimate here is better."""
    return float(f"{rate:.3g}")
