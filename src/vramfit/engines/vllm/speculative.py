"""Speculative decoding in vLLM and SGLang: what a draft adds to each rank.

The draft runs on the GPUs of the last pipeline stage, split like the model (vLLM 0.33.0 ``v1/spec_decode/eagle.py``).
A prediction head shares embedding, output head and rotary tables with the model (``load_model`` of the same file). Its
layers join the groups of the paged cache (``v1/core/kv_cache_planning.py``), where one layer more can make every block of
a hybrid model larger, and a recurrent layer has one block more for each drafted token
(``v1/kv_cache_interface.py``, ``num_speculative_blocks``).

SGLang has a pool of tokens for the draft's layers, and for recurrent layers a state for each token of a draft and the one
before, for every running request and one spare (``srt/mem_cache/memory_pool.py``, ``intermediate_ssm``): 2.15 GiB for four
requests of Qwen3.6-27B with two tokens ahead.
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.engines.distributed import expert_division, layout, of_one_copy, stage_layers, stage_of
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate
from vramfit.engines.speculative import drafting, sentence, together
from vramfit.engines.vllm.rotary import rotary_bytes
from vramfit.engines.vllm.weights import stages
from vramfit.quantization.checkpoint import Checkpoint
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vramfit.engines.interface import Job
    from vramfit.engines.speculative import Draft
    from vramfit.engines.vllm.weights import Stage

    Cached = Callable[[Job[Any, Any], int, tuple[int, int]], tuple[int, int]]
    """Function giving the cache of one rank with its draft and that of a spare block, for its ranks and its layers."""

GRAPH_BYTES_PER_LAYER = 18 * MIB
"""Bytes of a draft's CUDA graphs of all batch sizes, per layer. Logs show 0.17-0.38 GiB for 28 layers, 0.56 (28), 0.59 (32),
0.64 (40), 0.72 (36) and 2.41 for 60 layers on four GPUs (vllm-project/vllm issue 7553 and start-up logs of 0.7.3 to 0.10)."""
GRAPH_LOW, GRAPH_HIGH = 0.3, 2.3
"""Lowest and highest factor of that constant in those logs."""
SHARED = ("nextn.embed_tokens.weight", "nextn.shared_head_head.weight")
"""Tensors of a head that servers replace by the model's own."""
SOURCE = "vLLM 0.33.0 v1/spec_decode/eagle.py"


class Copies(Record):
    """Division over copies that are not vLLM's: of the whole model, or of its attention layers as in SGLang."""

    ranks: int
    stages: int
    stage: Stage
    """Weights of the draft on one rank, tables of rotary angles as vLLM has them included."""
    stage_of: Callable[[int], int]
    """Function giving the pipeline stage of a GPU."""


def with_draft(
    job: Job[Any, Any], found: Estimate, kernel: str, spread: tuple[float, float], cached: Cached,
    divided: Copies | None = None,
) -> Estimate:  # fmt: skip
    """Add the draft to the estimate of the model alone, rank by rank.

    ``cached`` gives the bytes of a rank's cache and of one spare block with the draft, as far as they exceed those of the
    model alone. ``kernel`` runs MXFP4 experts, and ``spread`` has the lowest and highest factor of expected weights.
    """
    checkpoint = loaded(drafting(job.workload))
    if divided is None:
        ranks, count = layout(job)
        (stage,) = stages(checkpoint, ranks, 1, kernel, expert_division(job.keys, ranks))
    else:
        ranks, count, stage = divided.ranks, divided.stages, divided.stage
    one = of_one_copy(job)
    weights = stage.weights_bytes
    if drafting(job.workload).method == "mtp":
        weights -= rotary_bytes(checkpoint.model)
    layers = checkpoint.model.layer_count
    graphs = graph_bytes(layers, eager=job.keys.enforce_eager)
    spans = stage_layers(job.model.layer_count, count)
    gpus, drafts = [], []
    for number, gpu in enumerate(found.gpus):
        place = stage_of(number, ranks, count) if divided is None else divided.stage_of(number)
        last = place == count - 1
        cache, block = cached(one, ranks, spans[place]) if last else (0, 0)
        here, graph = (weights, graphs) if last else (0, 0)
        own = DeviceMemory(
            gpu.device,
            here,
            cache,
            0,
            graph + block,
            round(here * spread[0]) + cache + round(graph * GRAPH_LOW),
            round(here * spread[1]) + cache + block + round(graph * GRAPH_HIGH),
            stage.read_bytes if last else 0,
        )
        drafts.append(own)
        gpus.append(together(gpu, own))
    draft = Estimate(tuple(drafts), NOTHING, checkpoint.file_bytes, (), found.settings)
    notes = (*found.assumptions, sentence(job.workload, checkpoint))
    pool = found.pool
    if pool is not None and any(pool.outside_bytes):
        outside = [before + own.overhead_bytes for before, own in zip(pool.outside_bytes, drafts, strict=True)]
        pool = replace(pool, outside_bytes=tuple(outside))
    return replace(found, gpus=tuple(gpus), notes=notes, draft=draft, pool=pool)


def loaded(draft: Draft) -> Checkpoint:
    """Tensors of a draft that servers keep: of a head all but its copies of the model's embedding and output head."""
    found = draft.checkpoint
    if draft.method != "mtp" or not any(row.tensor.name in SHARED for row in found.stored):
        return found
    rows = tuple([row for row in found.stored if row.tensor.name not in SHARED])
    return Checkpoint(found.model, found.scheme, rows, family=found.family)


def graph_bytes(layers: int, *, eager: bool) -> int:
    """Bytes of a draft's CUDA graphs of all batch sizes; 0 if ``eager``, without CUDA graphs."""
    return 0 if eager else GRAPH_BYTES_PER_LAYER * layers
