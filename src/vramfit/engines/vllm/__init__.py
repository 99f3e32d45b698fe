"""vLLM: every layer split over the GPUs, a paged cache, and a fixed share of each card that all of it must fit into.

What is answered is the *need*: the least with which the server starts and holds the asked sequences at full length. What
``nvidia-smi`` shows is the share vLLM takes whatever the model (``gpu_memory_utilization``, 0.92 unless given): weights,
the profile run's peak, CUDA graphs and the cache must fit into it, or vLLM refuses to start, so the share is the limit a
verdict is held against. The CUDA context lies outside of it: vLLM measures from its own first look at the card.

Follows vLLM 0.33.0; where older versions differ, the module that does the sum says so.
"""

from __future__ import annotations

from vramfit.engines import DeviceMemory, Estimate
from vramfit.engines.tensor_parallel import held_text, layout, split_text, stage_layers
from vramfit.engines.vllm.activations import peak_bytes, step_sequences, step_tokens
from vramfit.engines.vllm.kv_cache import bytes_needed
from vramfit.engines.vllm.overhead import overhead, runtime_share, share_bytes
from vramfit.engines.vllm.weights import mxfp4_kernel, stages
from vramfit.errors import UsageError
from vramfit.hardware import usable_bytes
from vramfit.quantization import checkpoint_bytes, store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines import Deployment
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.workload import Workload

__all__ = ["budgets", "estimate", "gpu_traits", "runtime_share"]

SCHEME_OF_CLASS = {"fp16": "fp16", "int8": "w8a8", "int4": "awq"}
FAMILIES = ("plain", "fp8", "awq", "gptq", "compressed_tensors", "bitsandbytes", "mxfp4", "nvfp4", "torchao")
CACHE_TYPES = ("f16", "bf16", "fp8", "fp8_e4m3", "fp8_e5m2", "int8")
TASKS = ("inference",)

UTILIZATION = 0.92
"""``gpu_memory_utilization`` when none is given (``config/cache.py``; 0.9 in older versions)."""
WEIGHTS_LOW, WEIGHTS_HIGH = 0.995, 1.015
"""Loaded weights in start-up logs are within 0.5 % of the sum (tests/engines/measured_vllm.yaml); checkpoints of one
scheme differ more, some keeping further layers at 16 bits."""
WEIGHTS_HIGH_BITSANDBYTES = 1.08
"""The same for bitsandbytes: later versions undo the double quantization (``weights``), and dynamic checkpoints keep
further layers at 16 bits (Llama-3.1-8B 5.60 GiB instead of 5.35, unslothai/notebooks@bdda2efc Llama3.1_(8B)-GRPO)."""
COMPUTE_LOW, COMPUTE_HIGH = 0.4, 1.35
"""Activation peaks in start-up logs as factors of the expected one: from 0.37 (a 14B on two GPUs, vllm-project/vllm
issue 13061) to what the sampler of older versions adds, which the high estimate takes whole."""


def estimate(deployment: Deployment) -> Estimate:
    """Memory of a server, rank by rank; raises ``UsageError`` where vLLM refuses the split or the card."""
    model, work = deployment.model, deployment.workload
    if any(gpu.vendor == "apple" for gpu in deployment.gpus):
        raise UsageError("vllm does not run on Apple GPUs", "use --engine mlx or llama.cpp")
    if work.kv_cache_type != work.kv_cache_type_v:
        raise UsageError("vllm keeps K and V in one type", "leave kv_cache_type_v out")
    refuse_offload(deployment, "vllm")
    ranks, count = layout(deployment)
    first = deployment.gpus[0]
    tokens = work.max_batched_tokens or step_tokens(first)
    peak, peak_high = peak_bytes(model, tokens, step_sequences(first), ranks, work.images, work.image_size)
    utilization = work.gpu_memory_utilization or UTILIZATION
    spans = stage_layers(model.layer_count, count)
    held = stages(model, deployment.scheme, ranks, count, mxfp4_kernel(first))
    weights_high = WEIGHTS_HIGH_BITSANDBYTES if deployment.scheme.family == "bitsandbytes" else WEIGHTS_HIGH
    gpus, budgets = [], []
    for number, gpu in enumerate(deployment.gpus):
        stage, span = held[number // ranks], spans[number // ranks]
        # Between stages the hidden states of one step are sent, and held at both ends.
        compute = peak + (2 * model.hidden * tokens if count > 1 else 0)
        cache, block = bytes_needed(model, work, ranks, span, tokens)
        extra = overhead(gpu, ranks, span[1] - span[0], eager=work.enforce_eager)
        gpus.append(
            DeviceMemory(
                f"gpu{number}",
                stage.weights_bytes,
                cache,
                compute,
                # One block of the pool is never given out (``BlockPool.null_block``).
                extra.expected_bytes + block,
                round(stage.weights_bytes * WEIGHTS_LOW) + cache + round(compute * COMPUTE_LOW) + extra.low_bytes,
                round(stage.weights_bytes * weights_high)
                + cache
                + max(round(compute * COMPUTE_HIGH), peak_high)
                + extra.high_bytes
                + block,
                stage.read_bytes,
            )
        )
        budgets.append(share_bytes(utilization, usable_bytes(gpu, work.platform)) + extra.context_bytes)
    return Estimate(
        tuple(gpus),
        DeviceMemory("host", 0, 0, 0, 0, 0, 0),
        checkpoint_bytes(store(model, deployment.scheme), deployment.scheme),
        _assumptions(deployment, ranks, count, utilization, tokens),
        {
            "tensor_parallel": ranks,
            "pipeline_parallel": count,
            "max_batched_tokens": tokens,
            "gpu_memory_utilization": utilization,
        },
        budget_bytes=tuple(budgets),
    )


def gpu_traits(gpus: tuple[Gpu, ...], work: Workload) -> tuple[object, ...]:
    """Whether vLLM runs on the cards, and what it sets by the first: the size of a step, the kernel of MXFP4 experts."""
    first = gpus[0]
    apple = any(gpu.vendor == "apple" for gpu in gpus)
    return apple, step_tokens(first), step_sequences(first), mxfp4_kernel(first)


def budgets(gpus: tuple[Gpu, ...], model: Model, work: Workload, bare: Estimate) -> tuple[int, ...]:
    """The share of each card that vLLM takes."""
    utilization = work.gpu_memory_utilization or UTILIZATION
    return tuple([share_bytes(utilization, usable_bytes(gpu, work.platform)) for gpu in gpus])


def refuse_offload(deployment: Deployment, name: str) -> None:
    """Raise ``UsageError`` for deployments that ask for layers in host memory, which neither engine computes there."""
    work = deployment.workload
    if work.cpu_moe_layers or work.gpu_layers not in ("all", deployment.model.layer_count):
        raise UsageError(f"{name} keeps every layer on the GPUs", "use --engine llama.cpp for layers in RAM")


def _assumptions(deployment: Deployment, ranks: int, count: int, utilization: float, tokens: int) -> tuple[str, ...]:
    said = [
        f"the cache holds {held_text(deployment.workload)}; vLLM takes {utilization:.0%} "
        "of each card whatever the need, and must start within that",
        f"a step processes up to {tokens:,} tokens",
    ]
    said += split_text(deployment, ranks, count)
    if deployment.scheme.family == "bitsandbytes":
        said.append("needs a vLLM version or plugin that loads bitsandbytes; double-quantized scales are kept so")
    return tuple(said)
