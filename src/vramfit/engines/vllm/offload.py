"""Weights that vLLM leaves in host memory: up to ``--cpu-offload-gb`` bytes of each GPU's layers, read over PCIe.

The layers are gone through from the first one on, parameter by parameter, until as many bytes are in host memory as asked;
the last parameter goes whole. GPUs read them there in every step, without a copy of their own (vLLM 0.33.0
``model_executor/offloader/uva.py`` ``_maybe_offload_to_cpu``). Embedding, head, rotary tables and slots of adapters stay on
the GPU.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines.distributed import stage_layers
from vramfit.engines.vllm.weights import allocated_bytes, parts_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vramfit.engines.distributed import Experts
    from vramfit.engines.interface import Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.vllm.loaded import Loaded


EXPERTS = "_exps"
"""Part of the names of routed experts' parameters."""


def with_offload(
    job: Job[Any, ServerKeys], found: Sequence[Loaded], ranks: int, kernel: str, over: Experts | None
) -> list[Loaded]:
    """Weights of one rank in each stage without the parameters that stay in host memory."""
    model, asked = job.model, job.keys.cpu_offload_bytes
    matrices = parts_of(job.checkpoint, ranks, kernel, over).matrices
    active, left = model.active_shares, []
    for load, (start, stop) in zip(found, stage_layers(model.layer_count, len(found)), strict=True):
        moved = freed = streamed = 0
        for layer in range(start, stop):
            for name, sizes in matrices.items():
                if moved >= asked:
                    break
                moved += sizes[layer]
                freed += allocated_bytes(sizes[layer])
                streamed += round(sizes[layer] * active[layer]) if EXPERTS in name else sizes[layer]
        left.append(
            replace(
                load,
                weights_bytes=load.weights_bytes - freed,
                low_bytes=max(0, load.low_bytes - freed),
                high_bytes=load.high_bytes - freed,
                read_bytes=load.read_bytes - streamed,
                host_bytes=moved,
                streamed_bytes=streamed,
            )
        )
    return left
