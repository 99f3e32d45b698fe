"""Slots for LoRA adapters, which vLLM allocates beside the weights for all adapters that one step can use.

Each linear layer of the language model has a matrix A of ``max_lora_rank`` rows for its inputs and a matrix B for its
outputs in each of ``max_loras`` slots, in the model's 16 bits. A is whole on every rank for layers divided by their
outputs, and B for those divided by their inputs (``fully_sharded_loras`` is off unless asked for). Projections that are
loaded as one matrix have an A each. Routed experts have both for each expert of the rank. Some classes have slots for
embedding and head too, which are whole on every rank. vLLM counts all of them to the model that it loads.

Read in vLLM 0.33.0: ``lora/layers/base_linear.py``, ``column_parallel_linear.py``, ``fused_moe.py``,
``logits_processor.py``, ``vocab_parallel_embedding.py``, ``lora/model_manager.py`` ``_create_lora_modules`` (towers have
none unless ``enable_tower_connector_lora``), ``v1/worker/gpu_model_runner.py`` ``load_model``.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines.distributed import REPLICATED, REPLICATED_ROOMS, ROW_PARALLEL, Experts, local_share, stage_layers
from vramfit.engines.vllm.weights import EXPERTS
from vramfit.errors import UsageError
from vramfit.model import tensors
from vramfit.model.architecture import Attention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vramfit.engines.interface import Job
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.vllm.loaded import Loaded
    from vramfit.model import Model, Tensor

ELEMENT_BYTES = 2
"""Bytes of an element: the 16 bits of the model (``lora_dtype``, ``auto``)."""
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""Values that ``max_lora_rank`` can have (``config/lora.py`` ``MaxLoRARanks``)."""
LARGEST_VOCABULARY = 258_048
"""Largest number of rows of a head that can have slots (``logits_processor.py``)."""
WITH_VOCABULARY = frozenset((
    "apertus", "exaone", "exaone4", "exaone_moe", "falcon_h1", "granite", "granitemoe", "granitemoehybrid",
    "granitemoeshared", "jamba", "lfm2", "lfm2_moe", "llama", "minicpm", "mixtral", "nemotron", "nemotron_h",
    "nemotron-nas", "phimoe", "qwen3", "qwen3_5_text", "qwen3_5_moe_text", "qwen3_moe", "solar",
))  # fmt: skip
"""Architectures with slots for embedding and head (``embedding_modules`` of ``model_executor/models/*.py``)."""
THREE = "attn_qkv"
"""Fused projection of queries, keys and values, which counts as three layers with equal inputs."""


def with_slots(job: Job[Any, ServerKeys], found: Sequence[Loaded], ranks: int, over: Experts | None) -> list[Loaded]:
    """Weights of one rank in each stage with the slots of adapters; raises ``UsageError`` for a rank vLLM does not have."""
    slots = slot_bytes(job, ranks, len(found), over)
    return [
        replace(
            load,
            weights_bytes=load.weights_bytes + size,
            low_bytes=load.low_bytes + size,
            high_bytes=load.high_bytes + size,
        )
        for load, size in zip(found, slots, strict=True)
    ]


def slot_bytes(job: Job[Any, ServerKeys], ranks: int, count: int, over: Experts | None) -> list[int]:
    """Bytes of all slots on one rank of each of ``count`` pipeline stages."""
    keys, model = job.keys, job.model
    if keys.max_lora_rank not in RANKS:
        raise UsageError(
            f"max_lora_rank {keys.max_lora_rank} is no rank that vLLM has slots for",
            f"use one of {', '.join(str(rank) for rank in RANKS)}",
        )
    each = keys.max_loras * keys.max_lora_rank * ELEMENT_BYTES
    sizes = [each * width for width in stage_widths(model, ranks, count, over)]
    if model.architecture.model_type in WITH_VOCABULARY and model.vocab <= LARGEST_VOCABULARY:
        sizes[0] += each * (model.vocab + model.hidden)
        sizes[-1] += each * (model.vocab + model.hidden)
    return sizes


def stage_widths(model: Model, ranks: int, count: int, over: Experts | None) -> list[int]:
    """Sums of inputs and outputs of all linear layers' adapters on one rank of each of ``count`` pipeline stages."""
    division = over or Experts(ranks, False)
    layers = [0] * model.layer_count
    for tensor in tensors(model):
        if tensor.part == "text" and tensor.linear and tensor.layers:
            width = _width(model, tensor, ranks, division)
            for index in tensor.layers:
                layers[index] += width
    return [sum(layers[start:stop]) for start, stop in stage_layers(model.layer_count, count)]


def _width(model: Model, tensor: Tensor, ranks: int, division: Experts) -> int:
    """Sum of the inputs and outputs of a layer's adapters on one rank, over all experts of the rank."""
    stem = tensor.name.removesuffix(".weight")
    inputs, outputs = tensor.shape[0], tensor.shape[1]
    if EXPERTS in tensor.name:
        above, below = division.share(model, tensor)
        number = tensor.shape[-1] * above // below if division.whole else tensor.shape[-1]
        parts = 1 if division.whole else division.ranks
        cut_in, cut_out = (inputs // parts, outputs) if stem.startswith("ffn_down") else (inputs, outputs // parts)
        return number * (cut_in + cut_out)
    if stem in REPLICATED or tensor.name.startswith(REPLICATED_ROOMS):
        return inputs + outputs
    above, below = local_share(model, tensor, ranks)
    if stem in ROW_PARALLEL:
        return inputs * above // below + outputs
    return inputs * (3 if stem == THREE and _is_attention(model, tensor) else 1) + outputs * above // below


def _is_attention(model: Model, tensor: Tensor) -> bool:
    return any(
        tensor.layers[0] in group.indices and any(isinstance(mixer, Attention) for mixer in group.mixers)
        for group in model.layers
    )
