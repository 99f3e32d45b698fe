"""Memory of Ollama: llama.cpp's server with different defaults.

Read in ollama/ollama at fb3076099 (2026-08-21), which starts ``llama-server`` (``llm/llama_server.go``, ``startLlamaServer``)
and leaves the placement to its ``--fit``. Ollama itself decides the context, according to the memory of the GPUs
(``server/routes.go``), the batch, and whether one GPU is enough (``server/sched.go``).

Ollama's environment variables are deployment keys here; the environment itself is not read. OLLAMA_CONTEXT_LENGTH is
``context``, OLLAMA_NUM_PARALLEL ``parallel``, OLLAMA_KV_CACHE_TYPE ``kv_cache_type``, OLLAMA_FLASH_ATTENTION
``flash_attention``, OLLAMA_GPU_OVERHEAD ``reserve``, OLLAMA_SCHED_SPREAD ``sched_spread``; the model parameters num_gpu,
num_batch and main_gpu are ``gpu_layers``, ``ubatch`` and ``main_gpu``. draft_num_predict is ``speculative_tokens``: with it
Ollama drafts by the prediction head in the model's file, and without it not (``llm/llama_server.go``, ``appendDraftArgs``).
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import replace
from vramfit.engines import estimate as estimated
from vramfit.engines.cuda import PASCAL, XAVIER, at_least
from vramfit.engines.interface import Job, Words
from vramfit.engines.llamacpp import estimate as llamacpp
from vramfit.engines.llamacpp.placement import FILE_TYPE, loaded, parts_of
from vramfit.errors import UsageError
from vramfit.hardware import usable_bytes
from vramfit.units import GIB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.engines.interface import Deployment, Estimate
    from vramfit.engines.ollama import Cards, OllamaKeys
    from vramfit.hardware import Gpu
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint, Scheme
    from vramfit.workload.common import Workload
    from vramfit.workload.keys import Request

CONTEXT_TIERS = ((47 * GIB, 262144), (23 * GIB, 32768), (0, 4096))
"""Least memory of all GPUs together in bytes, and the default context for it in tokens (``server/routes.go``, "vram-based
default context")."""

PREDICTED_SHARE = 0.8
"""Largest share of one GPU's free memory that the predicted memory of a model may be, for the model to be put on that GPU
alone (``bestSingleGPUFit``)."""

ONE_AT_A_TIME = (
    "mllama", "qwen3vl", "qwen3vlmoe", "qwen35", "qwen35moe", "qwen3next", "lfm2", "lfm2moe", "nemotron_h",
    "nemotron_h_moe",
)  # fmt: skip
"""Architectures for which Ollama processes one request at a time (``Scheduler.load`` of ``server/sched.go``)."""

BATCHES = ((2048, 32768, 0.6, 2 * GIB), (1024, 4096, 0.75, 768 * MIB))
"""Automatic batch sizes and their conditions: size, context that must be exceeded, largest share of the free memory that
the predicted memory may be, and the assumed cost in bytes (``automaticGenerationBatch``)."""

BATCH = 512
"""Batch size if no entry of ``BATCHES`` applies."""
CONSTRAINED_BATCH = 256
CONSTRAINED_BYTES = 8 * GIB
"""Batch size on CUDA without flash attention beyond 4096 tokens, and the largest card in bytes that it applies to."""

PROJECTOR_HEADROOM_BYTES = GIB
"""Bytes that every GPU must have free in addition to the projector's weights; else the projector stays in RAM
(``mmprojOffloadHeadroom``)."""


RELEASED_FILE = "BF16"
"""File type of a model released in MXFP4: the library's gpt-oss keeps attention, embedding and head in BF16
(ollama.com/library/gpt-oss: 14 GB and 65 GB)."""


def stored(model: Model, scheme: Scheme) -> Checkpoint:
    """Find the library's file of a model in a scheme."""
    return loaded(model, scheme, RELEASED_FILE if model.dtype == "mxfp4" else FILE_TYPE)


def defaults(request: Request, gpus: tuple[Gpu, ...], model: Model, scheme: Scheme) -> dict[str, object]:
    """Values for context, parallel, flash attention and batch that Ollama sets, or that the request states, by key.

    Raises ``UsageError`` if the request asks for several sequences of a model that Ollama runs one at a time.
    """
    platform, reserve = request.get("platform", "linux"), request.get("reserve", 0)
    parallel = 1 if _one_at_a_time(model) else request.get("parallel", 1)
    if request.get("parallel", 1) != parallel:
        raise UsageError(f"Ollama runs {model.name} with one request at a time", "leave parallel at 1")
    context = request.get("context", min(_tier(gpus, platform, reserve)[1], model.context))
    flash = "on" if all(_flash_attention(gpu, request.get("backend")) for gpu in gpus) else "off"
    free = [usable_bytes(gpu, platform) - reserve for gpu in gpus]
    predicted = _predicted_bytes(stored(model, scheme), min(context, model.context) * parallel)
    whole, chosen = sum(free), _enough(predicted, free)
    if not request.get("sched_spread") and chosen is not None:
        whole = free[chosen]
    cuda = any(gpu.vendor == "nvidia" for gpu in gpus) and request.get("backend", "cuda") == "cuda"
    without = cuda and request.get("flash_attention", flash) == "off"
    batch = _batch(context * parallel, predicted, whole, min(free), without)
    batch = request.get("ubatch", request.get("batch", batch))
    return {"context": context, "parallel": parallel, "flash_attention": flash, "batch": batch, "ubatch": batch}


def batch_of(deployment: Deployment, keys: OllamaKeys) -> int:
    """Batch that Ollama chooses for a deployment by itself."""
    work = deployment.workload
    request: dict[str, Any] = {
        "platform": work.platform,
        "reserve": work.reserve_bytes,
        "context": work.context,
        "parallel": work.parallel,
        "flash_attention": "on" if work.flash_attention else "off",
        "sched_spread": keys.sched_spread,
    }
    if keys.backend is not None:
        request["backend"] = keys.backend
    return int(str(defaults(request, deployment.gpus, deployment.model, deployment.scheme)["ubatch"]))


def check(checkpoint: Checkpoint, work: Workload, keys: OllamaKeys) -> None:
    """Raise ``UsageError`` for settings that Ollama does not have, and for what llama.cpp refuses."""
    if work.kv_cache_type != work.kv_cache_type_v:
        raise UsageError("Ollama has one cache type for K and V", "leave kv_cache_type_v out")
    if keys.split_mode in ("row", "tensor") or keys.tensor_split is not None:
        raise UsageError("Ollama splits by layers in proportion to memory", "use --engine llama.cpp for other splits")
    draft = (keys.draft_kv_cache_type, keys.draft_kv_cache_type_v, keys.draft_gpu_layers, keys.draft_cpu_moe_layers)
    if draft != ("f16", None, "all", 0):
        raise UsageError("Ollama has no setting for the draft's cache or layers", "use --engine llama.cpp for these")
    if keys.batch != keys.ubatch:
        raise UsageError("Ollama has one batch size (num_batch)", "give ubatch alone")
    llamacpp.check(checkpoint.model, work)


def estimate(job: Job[Cards, OllamaKeys]) -> Estimate:
    """Estimate the memory like that of llama.cpp, with the GPUs and the projector's device that Ollama would choose."""
    work, keys = job.workload, job.keys
    settings: dict[str, object] = {}
    if keys.split_mode == "layer" and job.gpu_count > 1:
        alone = _alone(job)
        if alone is not None:
            work = replace(work, own=replace(keys, split_mode="none", main_gpu=alone))
            settings = {"split_mode": "none", "main_gpu": alone}
    found = llamacpp.estimate(Job(job.checkpoint, work, job.traits.llamacpp, job.gpu_count), _tower_on_host(job))
    notes = Words(_words, job, found, settings)
    return replace(found, settings={**found.settings, **settings}, notes=notes)


def _tier(gpus: tuple[Gpu, ...], platform: str, reserve: int) -> tuple[int, int]:
    """Least memory and default context of the tier that the GPUs' memory together is in."""
    total = sum([_total_bytes(gpu, platform) - reserve for gpu in gpus])
    return next(tier for tier in CONTEXT_TIERS if total >= tier[0] or not tier[0])


def context_of_tier(deployment: Deployment) -> tuple[str, ...]:
    """Sentence on the default context, where that is the deployment's and a card of less memory would have a smaller one."""
    work, model = deployment.workload, deployment.model
    least, tokens = _tier(deployment.gpus, work.platform, work.reserve_bytes)
    smallest = min(CONTEXT_TIERS[-1][1], model.context)
    if work.context != min(tokens, model.context) or work.context == smallest:
        return ()
    below = CONTEXT_TIERS[-2][0]
    return (
        f"{work.context:,} tokens are Ollama's default from {least // GIB} GiB of GPU memory on, which is {smallest:,} below"
        f" {below // GIB} GiB, so that a larger GPU may not hold what a smaller one does; --context states another",
    )


def left_to_itself(deployment: Deployment, found: Estimate) -> tuple[str, ...]:
    """Sentence on the placement that Ollama would choose by itself, if it differs from that of the deployment."""
    work = deployment.workload
    if found.settings.get("cpu_moe_layers", work.cpu_moe_layers) or work.gpu_layers != "all":
        return ()
    own = estimated(replace(deployment, workload=replace(work, gpu_layers="auto"))).settings
    if own["gpu_layers"] == "all" and not own.get("cpu_moe_layers"):
        return ()
    kept = f"{own['gpu_layers']} of {deployment.model.layer_count + 1} layers on the GPUs"
    if own["gpu_layers"] == "all":
        kept = f"the experts of {own['cpu_moe_layers']} layers in RAM"
    return (f"left to itself (num_gpu unset) Ollama would keep 1 GiB free and put {kept}",)


def _words(job: Job[Cards, OllamaKeys], found: Estimate, settings: Mapping[str, object]) -> tuple[str, ...]:
    """Assumptions of llama.cpp, and sentences on Ollama's decisions."""
    work = job.workload
    words = [*found.assumptions]
    if settings:
        words.append(f"Ollama puts it on GPU {settings['main_gpu']} alone, which has room enough; see sched_spread")
    if work.images and _tower_on_host(job):
        words.append("Ollama keeps the projector in RAM when not all layers are on the GPU, or memory is short")
    if found.settings.get("cpu_moe_layers", work.cpu_moe_layers):
        words.append("Ollama has no parameter for experts in RAM: leave num_gpu unset, and it chooses by itself")
    return tuple(words)


def _alone(job: Job[Cards, OllamaKeys]) -> int | None:
    """Number of the GPU that takes the whole model; None if it is spread over all GPUs."""
    work = job.workload
    if job.keys.main_gpu:
        return job.keys.main_gpu
    if job.keys.sched_spread or work.gpu_layers == 0:
        return None
    context = min(work.context, job.model.context) * work.parallel
    return _enough(_predicted_bytes(job.checkpoint, context), list(job.traits.free_bytes))


def _enough(predicted: int, free: list[int]) -> int | None:
    """Number of the GPU with most free memory, if ``bestSingleGPUFit`` considers it enough; else None."""
    most = max(range(len(free)), key=free.__getitem__)
    return most if predicted <= free[most] * PREDICTED_SHARE else None


def _tower_on_host(job: Job[Cards, OllamaKeys]) -> bool:
    """Return True if the projector stays in RAM (``shouldDisableMMProjOffload``)."""
    work, model = job.workload, job.model
    if not work.images or model.vision is None:
        return False
    if isinstance(work.gpu_layers, int) and work.gpu_layers < model.layer_count + 1:
        return True
    needed = parts_of(job.checkpoint).vision_bytes + PROJECTOR_HEADROOM_BYTES
    return any(free < needed for free in job.traits.free_bytes)


def _total_bytes(gpu: Gpu, platform: str) -> int:
    """Bytes that the runtime reports as a GPU's total memory; on Windows more than what a program can use."""
    return gpu.memory_bytes if platform == "windows" else usable_bytes(gpu, platform)


@per_model
def _predicted_bytes(checkpoint: Checkpoint, tokens: int) -> int:
    """Bytes that Ollama predicts: the file, and a cache whose layers all have the fewest KV heads.

    Source: ``PredictServerVRAM``.
    """
    model, parts = checkpoint.model, parts_of(checkpoint)
    widths = [mixer.widths for group in model.layers for mixer in group.mixers]
    heads = [own.kv_heads for own in widths if own.scored_heads]
    most = max([own.scored_heads for own in widths], default=0)
    width = model.hidden // most if most else 0
    cache = 2 * model.layer_count * min(heads, default=1) * width * tokens * 2
    return parts.file_bytes - parts.vision_bytes + cache


def _batch(tokens: int, predicted: int, free: int, smallest: int, cuda_without_flash: bool) -> int:
    """Automatic batch size of text generation."""
    if cuda_without_flash:
        return CONSTRAINED_BATCH if tokens > BATCHES[-1][1] and smallest <= CONSTRAINED_BYTES else BATCH
    for size, beyond, share, cost in BATCHES:
        if tokens > beyond and predicted <= free * share and predicted + cost <= free * PREDICTED_SHARE:
            return size
    return BATCH


def _one_at_a_time(model: Model) -> bool:
    """Return True if Ollama processes one request at a time: for embedding models, and ``ONE_AT_A_TIME``."""
    return model.modality == "embedding" or model.architecture.gguf in ONE_AT_A_TIME


def _flash_attention(gpu: Gpu, backend: str | None) -> bool:
    """Return True if Ollama turns flash attention on by itself.

    It does so on all GPUs but Xavier and CUDA cards before Pascal (``ml/device.go``).
    """
    if gpu.vendor != "nvidia" or backend == "vulkan" or gpu.compute_capability is None:
        return True
    return at_least(gpu, PASCAL) and gpu.compute_capability != XAVIER
