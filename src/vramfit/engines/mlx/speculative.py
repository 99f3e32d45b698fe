"""Speculative decoding in MLX: a draft model in mlx-lm, the prediction head as a drafter of its own in mlx-vlm.

A draft has caches of the same kind and length as the model's (ml-explore/mlx-lm d78bf58e ``mlx_lm/generate.py``
``speculative_generate_step``), and none of its temporary arrays exist beside the model's. mlx-lm takes back rejected tokens
by trimming caches, which states of recurrent layers do not allow; mlx-vlm keeps those from before a round and computes them
anew (Blaizzy/mlx-vlm 9b13f522 ``models/qwen3_5/language.py`` ``rollback_speculative_cache``).
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines.interface import DeviceMemory, Estimate
from vramfit.engines.speculative import drafting, plain, sentence, together
from vramfit.errors import UsageError
from vramfit.memory.kv_cache import caches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vramfit.engines.interface import Job
    from vramfit.engines.mlx import MlxKeys

SOURCE = "ml-explore/mlx-lm d78bf58e mlx_lm/generate.py; Blaizzy/mlx-vlm 9b13f522 mlx_vlm/speculative"


def with_draft(job: Job[int | None, MlxKeys], of_model: Callable[[Job[int | None, MlxKeys]], Estimate]) -> Estimate:
    """Estimate the model and its draft with ``of_model``, and add both.

    Raises ``UsageError`` for a draft model beside a model with recurrent layers.
    """
    draft, work = drafting(job.workload), job.workload
    states = _states_bytes(job)
    if states and draft.method != "mtp":
        raise UsageError(
            f"mlx-lm cannot take back drafted tokens of {job.model.name}, whose layers keep recurrent states",
            "use --speculative mtp, which mlx-vlm runs, or leave speculative out",
        )
    alone = plain(job)
    found = of_model(alone)
    text = replace(alone.workload, images=0, image_size=None)
    own = of_model(replace(alone, checkpoint=draft.checkpoint, workload=text))
    (first,) = own.gpus
    size = first.weights_bytes + first.kv_cache_bytes + states
    device = DeviceMemory(
        "gpu0", first.weights_bytes, first.kv_cache_bytes + states, 0, 0, size, size, first.read_bytes
    )
    (gpu,) = found.gpus
    notes = (*found.assumptions, sentence(work, draft.checkpoint))
    return replace(found, gpus=(together(gpu, device),), notes=notes, draft=replace(own, gpus=(device,)))


def _states_bytes(job: Job[int | None, MlxKeys]) -> int:
    """Bytes of the recurrent states of all sequences, which a round starts from."""
    total = 0
    for cache in caches(job.model):
        if cache.kind == "state":
            each = 2 * cache.convolution_elements + 4 * cache.recurrent_elements
            total += each * len(cache.layers) * job.workload.parallel
    return total
