"""RAM that ``llama-server`` takes beside weights and buffers: states to return to, and past prompts.

A model with sliding windows or recurrent states cannot drop the last tokens of a prompt, so the server keeps *context
checkpoints*: the states of a slot, and those cells of its windowed caches that the window still reaches (ggml-org/llama.cpp
v0.5.0 ``tools/server/server-context.cpp`` ``create_checkpoint``; ``src/llama-kv-cache.cpp`` ``state_write``, which leaves
masked cells out). Servers' logs say 149.626 MiB for Qwen3.6 27B and 50.251 MiB for Qwen3.5 9B, which are their states, and
170.013 MiB for Gemma 4 12B with a Q8_0 cache, which is 1,024 cells of 40 layers.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.engines.llamacpp.placement import Resident, local_window
from vramfit.memory.kv_cache import caches, row_bytes
from vramfit.units import GIB, MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.model import Model
    from vramfit.workload.common import Workload

PROCESS_BYTES = 512 * MIB
"""Bytes that the process may take besides: vocabulary, graph, and the host side of a GPU's driver."""


class Kept(Record):
    """RAM of a server beside weights and buffers, in bytes."""

    checkpoint_bytes: int
    """Bytes of one context checkpoint; 0 for a model that needs none."""
    checkpoints: int
    """Number of checkpoints of all slots together once their prompts are as long as they can be."""
    most_checkpoints: int
    """Number of checkpoints that the server may keep at most: builds before June 2026 made one for each request."""
    prompts_bytes: int
    """Bytes that past prompts may take; 0 if they have no bound."""

    @property
    def expected_bytes(self) -> int:
        """Bytes of the checkpoints that long prompts leave."""
        return self.checkpoint_bytes * self.checkpoints

    @property
    def high_bytes(self) -> int:
        """Bytes of everything that the server may keep, and of its process."""
        return self.checkpoint_bytes * self.most_checkpoints + self.prompts_bytes + PROCESS_BYTES


def kept_by_server(model: Model, work: Workload, keys: LlamaCppKeys) -> Kept:
    """Compute the RAM that a server keeps beside weights and buffers."""
    prompts = keys.cache_ram if isinstance(keys.cache_ram, int) else 0
    if not has_checkpoints(model) or not keys.context_checkpoints:
        return Kept(0, 0, 0, prompts)
    each = checkpoint_bytes(model, work, keys)
    most = keys.context_checkpoints * work.parallel
    # The slots of one cache have its cells between them, and each may have a first checkpoint.
    steps = (work.context - 1) // (keys.checkpoint_min_step + 1)
    made = work.parallel + steps if keys.unified_kv else work.parallel * (1 + steps)
    return Kept(each, min(made, most) if each else 0, most if each else 0, prompts)


@per_model
def has_checkpoints(model: Model) -> bool:
    """Return True for a model whose server makes context checkpoints: one with recurrent states or windowed caches."""
    return local_window(model) is not None or any(cache.kind in ("state", "compressed") for cache in caches(model))


def checkpoint_bytes(model: Model, work: Workload, keys: LlamaCppKeys) -> int:
    """Bytes of one context checkpoint; with ``swa_full`` windowed caches are whole, and nothing of them is in it."""
    window, total = local_window(model), 0
    for cache in caches(model):
        if cache.kind == "state":
            each = 4 * (cache.convolution_elements + cache.recurrent_elements)
        elif cache.window is not None and (window is not None or cache.kind == "compressed") and not keys.swa_full:
            row = row_bytes(cache.key_width, work.kv_cache_type) + row_bytes(cache.value_width, work.kv_cache_type_v)
            each = min(cache.window, work.context) * row
        else:
            continue
        total += each * len(cache.layers)
    return total


def without_offload(contents: Mapping[int, Resident], host: int) -> dict[int, Resident]:
    """Return the contents of the devices if caches and states stay in RAM (``--no-kv-offload``)."""
    total = sum([part.cache_bytes for part in contents.values()])
    return {
        device: Resident(part.weights_bytes, part.read_bytes, total if device == host else 0)
        for device, part in contents.items()
    }


def sentences(found: Kept, keys: LlamaCppKeys, ram: bool) -> list[str]:
    """Sentences on what the server keeps in RAM; those on what is not counted only if the RAM is known (``ram``)."""
    texts = []
    if found.expected_bytes:
        texts.append(
            f"RAM has {found.checkpoints} context checkpoints of {found.checkpoint_bytes // MIB} MiB, one for each "
            f"{keys.checkpoint_min_step:,} tokens of a prompt and {keys.context_checkpoints} of a slot at most "
            "(--ctx-checkpoints)"
        )
    if ram and keys.cache_ram != 0:
        bound = f"up to {found.prompts_bytes / GIB:.3g} GiB" if isinstance(keys.cache_ram, int) else "without a bound"
        texts.append(f"RAM holds what the GPUs do not; llama-server keeps prompts there besides, {bound} (--cache-ram)")
    return texts
