"""Speculative decoding in ExLlamaV3: a draft with a cache like the model's, and states to go back to.

Read at turboderp-org/exllamav3 4f8ad01 (1.4.1): a draft, or a prediction head as a component of the model that borrows its
embedding and output head, is loaded before the model, so that it is on the first GPU (``model_init.py``,
``architecture/qwen3_5_mtp.py`` ``attach_to``). Its cache has the size and bits of the model's. A recurrent layer of the
model keeps a state for each drafted token beside the current one, and at least for four (``max_history``,
``modules/gated_delta_net.py``).
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines.exllama import tower_bytes
from vramfit.engines.interface import DeviceMemory, Estimate
from vramfit.engines.speculative import drafting, plain, sentence, together
from vramfit.engines.transformers.estimate import split_layers
from vramfit.memory.kv_cache import caches
from vramfit.memory.weights import slices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vramfit.engines.exllamav3 import ExLlamaKeys
    from vramfit.engines.interface import Job

LEAST_HISTORY = 4
"""Number of states to go back to that are kept at least, whatever is drafted (``default_draft_size``)."""
SOURCE = "turboderp-org/exllamav3 4f8ad01 exllamav3/model_init.py"


def with_draft(job: Job[None, ExLlamaKeys], of_model: Callable[[Job[None, ExLlamaKeys]], Estimate]) -> Estimate:
    """Estimate the model and its draft with ``of_model``, and add both, GPU by GPU.

    Chunks of prompts pass one after the other, so the activations of the model are room enough for the draft's.
    """
    alone = plain(job)
    found = of_model(alone)
    own = of_model(replace(alone, checkpoint=drafting(job.workload).checkpoint, gpu_count=1))
    first = own.gpus[0]
    drafts = []
    for number, states in enumerate(_history_bytes(job)):
        weights, cache = (first.weights_bytes, first.kv_cache_bytes) if number == 0 else (0, 0)
        size = weights + cache + states
        read = first.read_bytes if number == 0 else 0
        drafts.append(DeviceMemory(f"gpu{number}", weights, cache + states, 0, 0, size, size, read))
    gpus = tuple([together(gpu, draft) for gpu, draft in zip(found.gpus, drafts, strict=True)])
    host = together(found.host, own.host)
    notes = (*found.assumptions, sentence(job.workload, drafting(job.workload).checkpoint))
    return replace(found, gpus=gpus, host=host, notes=notes, draft=replace(own, gpus=tuple(drafts)))


def _history_bytes(job: Job[None, ExLlamaKeys]) -> list[int]:
    """Bytes of the states to go back to, GPU by GPU."""
    model, work = job.model, job.workload
    history = max(LEAST_HISTORY, work.speculative_tokens or 0)
    each = [0] * model.layer_count
    for cache in caches(model):
        if cache.kind == "state":
            for layer in cache.layers:
                each[layer] += 4 * cache.recurrent_elements * history * work.parallel
    cut = slices(job.checkpoint)
    spans = split_layers(cut, model.layer_count, job.gpu_count, tower_bytes(job))
    return [sum(each[start:stop]) for start, stop in spans]
