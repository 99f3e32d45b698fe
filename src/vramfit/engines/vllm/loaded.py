"""Weights that one rank of vLLM loads: its part of the checkpoint and slots for adapters, less what stays in host memory.

Bounds are those of the loading, times the spread of what publishers leave in 16 bits (``quantization.recipes``).
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.engines.distributed import copies, expert_division
from vramfit.engines.interface import NOTHING, DeviceMemory
from vramfit.engines.ngram_table import on_cards, table_bytes
from vramfit.engines.vllm.activations import ACTIVATION_BYTES
from vramfit.engines.vllm.release import release
from vramfit.engines.vllm.weights import stages
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.distributed import Experts
    from vramfit.engines.interface import Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.vllm.weights import Stage
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint

BY_RECIPES = ("nvfp4", "awq", "gptq", "compressed_tensors", "mxfp4", "fp8")
"""Families of schemes of which publishers make checkpoints by recipes that differ (``quantization.recipes.FAMILIES``)."""

SHARED_WHOLE = {
    "deepseek_v2": (0, 11), "deepseek_v3": (0, 11), "deepseek_v32": (0, 11), "kimi_k2": (0, 11), "glm_moe_dsa": (0, 11),
    "llama4_text": (0, 11), "nemotron_h": (0, 15), "qwen2_moe": (0, 21), "qwen3_next": (0, 21), "qwen3_5_moe_text": (0, 21),
}  # fmt: skip
"""Models by ``model_type`` whose shared experts are whole on each rank where tensor, data and expert parallelism come
together, and the first release that does so (``disable_tp=is_sequence_parallel`` in 0.11.0, 0.15.0, 0.21.0 and 0.33.0
``model_executor/models``; ``use_sequence_parallel_moe`` in ``config/parallel.py``): each rank then has tokens of its own."""


TABLE_SHARED_SINCE = (0, 31)
"""Release from which on the copies of a model on one machine share its table of n-grams in host memory."""


class Loaded(Record):
    """Weights of one rank of a pipeline stage, in bytes."""

    weights_bytes: int
    low_bytes: int
    high_bytes: int
    read_bytes: int
    """Bytes of weights on the GPU that are read for each token."""
    host_bytes: int = 0
    """Bytes of weights in host memory."""
    streamed_bytes: int = 0
    """Bytes of these that cross PCIe for each token: without the experts that the router leaves out."""


def loaded(
    job: Job[Any, ServerKeys], ranks: int, count: int, kernel: str, bounds: tuple[float, float], tokens: int
) -> tuple[Loaded, ...]:
    """Weights of one rank in each of ``count`` pipeline stages, for steps of ``tokens`` tokens.

    ``bounds`` are the lowest and the highest factor of what loading makes of a checkpoint.
    """
    keys, over = job.keys, division(job, ranks)
    low, high = spread_bounds(job.checkpoint, bounds)
    found = [_within(stage, low, high) for stage in stages(checkpoint_on_cards(job), ranks, count, kernel, over)]
    buffer = layer_inputs_bytes(job.model, tokens)
    if buffer:
        first = found[0]
        found[0] = replace(
            first,
            weights_bytes=first.weights_bytes + buffer,
            low_bytes=first.low_bytes + buffer,
            high_bytes=first.high_bytes + buffer,
        )
    if keys.max_loras:
        from vramfit.engines.vllm.lora import with_slots

        found = with_slots(job, found, ranks, over)
    if keys.cpu_offload_bytes:
        from vramfit.engines.vllm.offload import with_offload

        found = with_offload(job, found, ranks, kernel, over)
    return tuple(found)


def checkpoint_on_cards(job: Job[Any, ServerKeys]) -> Checkpoint:
    """Checkpoint of a job, without a table of n-grams that stays in host memory."""
    return on_cards(job.checkpoint) if release(job.keys).table_on_host else job.checkpoint


def host_table_bytes(job: Job[Any, ServerKeys]) -> int:
    """Bytes of the table of n-grams in host memory: one for each copy of the model, from 0.31 on for each machine.

    Source: 0.30.0 and 0.31.0 ``config/engram.py`` ``dp_shared_memory``.
    """
    facts = release(job.keys)
    if not facts.table_on_host:
        return 0
    shared = facts.numbers >= TABLE_SHARED_SINCE
    return table_bytes(job.checkpoint) * (job.traits.spread.machines if shared else copies(job.keys))


def layer_inputs_bytes(model: Model, tokens: int) -> int:
    """Bytes of the buffer for the per-layer embeddings of a step of ``tokens`` tokens, which is made with the model.

    Models that read images have it if their layers have inputs of their own (Gemma 3n, Gemma 4 E: 0.19.0 and 0.33.0
    ``models/gemma4_mm.py`` and ``gemma3n_mm.py``, ``per_layer_embeddings``).
    """
    if model.vision is None:
        return 0
    return tokens * model.layer_count * (model.traits.per_layer_embedding or 0) * ACTIVATION_BYTES


def division(job: Job[Any, ServerKeys], ranks: int) -> Experts | None:
    """Division of a job's experts, given the number of ranks of one copy; None if it is that of the other layers."""
    over = expert_division(job.keys, ranks)
    if over is None or not over.whole or ranks == 1 or copies(job.keys) == 1:
        return over
    since = SHARED_WHOLE.get(job.model.architecture.model_type or "")
    return over if since is None or release(job.keys).numbers < since else replace(over, shared_whole=True)


def spread_bounds(checkpoint: Checkpoint, bounds: tuple[float, float]) -> tuple[float, float]:
    """Lowest and highest factor of a checkpoint's expected weights, publishers' recipes included."""
    if checkpoint.source or checkpoint.scheme.family not in BY_RECIPES:
        return bounds
    from vramfit.quantization.recipes import spread

    found = spread(checkpoint)
    return bounds[0] * (1 - found.less), bounds[1] * (1 + found.more)


def recipe_text(checkpoint: Checkpoint) -> list[str]:
    """Sentence on how far publishers' checkpoints differ, for an engine's assumptions; none where they do not."""
    low, high = spread_bounds(checkpoint, (1.0, 1.0))
    if low == high:
        return []
    size = checkpoint.file_bytes
    return [
        f"checkpoints in {checkpoint.scheme.id} take {gib(round(size * low))} to {gib(round(size * high))} by what their "
        "publishers leave in 16 bits; a repository's own files (hf:org/name) say which"
    ]


def host_memory(job: Job[Any, ServerKeys], found: tuple[Loaded, ...], ranks: int) -> DeviceMemory:
    """Host memory of all ranks' weights in it."""
    size = sum([load.host_bytes for load in found]) * ranks * copies(job.keys) + host_table_bytes(job)
    return DeviceMemory("host", size, 0, 0, 0, size, size) if size else NOTHING


def _within(stage: Stage, low: float, high: float) -> Loaded:
    weights = stage.weights_bytes
    return Loaded(weights, round(weights * low), round(weights * high), stage.read_bytes)
