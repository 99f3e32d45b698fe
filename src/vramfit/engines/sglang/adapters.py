"""Slots for LoRA adapters, which SGLang allocates beside the weights for all adapters of one batch.

Each layer has a matrix A and a matrix B of ``max_lora_rank`` in each of ``max_loras_per_batch`` slots, divided over the
ranks as in vLLM (``vllm.lora``). SGLang makes them for the modules that its adapters change, which a deployment does not
say: all linear layers of the language model are taken, so that the slots are an upper bound.

Read in SGLang 0.5.23: ``srt/lora/mem_pool.py`` ``init_buffers``, ``get_lora_A_shape``, ``get_lora_B_shape``; they are
allocated before the cache's pool (``srt/model_executor/model_runner.py``).
"""

from __future__ import annotations

from vramfit.engines.vllm.lora import ELEMENT_BYTES, stage_widths
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.interface import Job
    from vramfit.engines.sglang import Cards, SGLangKeys
    from vramfit.engines.sglang.share import Spread


def slot_bytes(job: Job[Cards, SGLangKeys], spread: Spread) -> list[int]:
    """Bytes of all slots on one rank of each pipeline stage.

    Raises ``UsageError`` for copies of the attention layers, whose adapters are divided otherwise than their layers.
    """
    if spread.attention_copies > 1:
        raise UsageError(
            "adapters beside copies of the attention layers are not estimated for sglang", "leave expert_parallel out"
        )
    each = job.keys.max_loras * job.keys.max_lora_rank * ELEMENT_BYTES
    return [each * width for width in stage_widths(job.model, spread.ranks, spread.stages, None)]
