"""Distribution of a model over GPUs in SGLang, with copies of the whole model or of its attention layers.

``--dp-size`` runs copies of the whole model, each on GPUs of its own. ``--attn-dp-size`` (once ``--dp-size`` with
``--enable-dp-attention``) copies the attention layers only: each copy has requests and a cache of its own, and the
feed-forward layers and the output head are split over the GPUs of all copies (0.5.23 ``srt/arg_groups/fields/parallel.py``;
``srt/models/deepseek_v2.py``: ``VocabParallelEmbedding(enable_tp=not is_dp_attention_enabled())``).
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import replace
from vramfit.engines import distributed
from vramfit.engines.distributed import layout
from vramfit.engines.interface import Job
from vramfit.engines.ngram_table import on_cards, table_bytes
from vramfit.engines.servers import ONE_MACHINE
from vramfit.engines.sglang.share import Spread
from vramfit.engines.vllm.kv_tables import has_mixer
from vramfit.engines.vllm.rotary import SEVERAL_POSITIONS, rotary_bytes
from vramfit.engines.vllm.weights import Stage, stages
from vramfit.errors import UsageError
from vramfit.quantization.checkpoint import Checkpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.servers import ServerKeys
    from vramfit.engines.sglang import Cards, SGLangKeys
    from vramfit.engines.vllm.speculative import Copies
    from vramfit.model import Model

WIDE = ("ffn_", "output.")
"""Beginnings of the names of tensors that all copies of the attention layers share."""


def as_server(job: Job[Cards, SGLangKeys]) -> Job[Cards, ServerKeys]:
    """Job as functions for every server take it."""
    return Job(job.checkpoint, job.workload, job.traits, job.gpu_count)


def spread_of(job: Job[Cards, SGLangKeys]) -> Spread:
    """Division of the model over the GPUs; ``data_parallel`` with ``expert_parallel`` copies the attention layers alone.

    Raises ``UsageError`` if the GPUs or the model cannot be divided like that.
    """
    copies = job.keys.data_parallel or 1
    if copies == 1:
        return Spread(*layout(as_server(job)))
    each, left = divmod(job.gpu_count, copies)
    if left or not each:
        raise UsageError(
            f"data_parallel {copies} does not divide {job.gpu_count} GPUs",
            "each copy needs as many GPUs as the others",
        )
    keys = replace(job.keys, data_parallel=None, expert_parallel=False)
    traits = replace(job.traits, spread=ONE_MACHINE)
    alone = replace(job, gpu_count=each, traits=traits, workload=replace(job.workload, own=keys))
    return Spread(*layout(as_server(alone)), copies, job.keys.expert_parallel)


def stage_of(spread: Spread, number: int) -> int:
    """Pipeline stage of the GPU with that number."""
    if spread.shares_experts:
        return number // spread.width
    return distributed.stage_of(number, spread.ranks, spread.stages)


def checkpoint_on_cards(job: Job[Cards, SGLangKeys]) -> Checkpoint:
    """Checkpoint of a job, without a table of n-grams that stays in host memory."""
    return on_cards(job.checkpoint) if _table_on_host(job) else job.checkpoint


def host_table_bytes(job: Job[Cards, SGLangKeys]) -> int:
    """Bytes of the table of n-grams in host memory, over all copies of the attention layers.

    The table is there by default on NVIDIA cards (0.5.23 ``srt/arg_groups/model_overrides/qwen4_exp.py``).
    """
    return table_bytes(job.checkpoint) * (job.keys.data_parallel or 1) if _table_on_host(job) else 0


def _table_on_host(job: Job[Cards, SGLangKeys]) -> bool:
    """Return True if tables of n-grams stay in host memory by default: on NVIDIA cards, but for those of DeepSeek-V4.1
    (0.5.23 ``srt/environ.py``, ``SGLANG_ENABLE_DSV41_ENGRAM_HOST_TABLE``)."""
    return job.traits.link != "rocm" and not has_mixer(job.model, "compressed")


def stage_weights(checkpoint: Checkpoint, spread: Spread, kernel: str) -> tuple[Stage, ...]:
    """Weights of one rank in each pipeline stage."""
    angles = rotary_bytes(checkpoint.model)
    wider = angles_bytes(checkpoint.model) - angles
    if spread.attention_copies == 1:
        found = stages(checkpoint, spread.ranks, spread.stages, kernel)
        return tuple([Stage(stage.weights_bytes + wider, stage.read_bytes) for stage in found])
    own, wide = parts_of_copies(checkpoint)
    pairs = zip(
        stages(own, spread.ranks, spread.stages, kernel), stages(wide, spread.width, spread.stages, kernel), strict=True
    )
    return tuple(
        [Stage(a.weights_bytes + b.weights_bytes - angles + wider, a.read_bytes + b.read_bytes) for a, b in pairs]
    )


def draft_copies(job: Job[Cards, SGLangKeys], spread: Spread, kernel: str) -> Copies:
    """Division of a draft over copies, which is that of the model: its attention layers are copied where the model's are."""
    from vramfit.engines.speculative import drafting
    from vramfit.engines.vllm.speculative import Copies, loaded

    checkpoint = loaded(drafting(job.workload))
    alone = replace(spread, stages=1)
    (stage,) = stage_weights(checkpoint, alone, kernel)
    wider = angles_bytes(checkpoint.model) - rotary_bytes(checkpoint.model)
    own = Stage(stage.weights_bytes - wider, stage.read_bytes)
    return Copies(spread.ranks, spread.stages, own, lambda number: stage_of(spread, number))


def angles_bytes(model: Model) -> int:
    """Bytes of the tables of rotary angles: vLLM's in 32 bits, and no more rows for positions in time, height and width.

    Source: 0.5.23 ``srt/layers/rotary_embedding/base.py`` ("cache needs to be in FP32 for numerical stability"), ``mrope.py``.
    """
    several = model.vision is not None and model.vision.frames == 2
    return 2 * rotary_bytes(model) // (SEVERAL_POSITIONS if several else 1)


@per_model
def parts_of_copies(checkpoint: Checkpoint) -> tuple[Checkpoint, Checkpoint]:
    """Tensors that each copy of the attention layers has, and those that the copies share."""
    own = tuple([row for row in checkpoint.stored if not row.tensor.name.startswith(WIDE)])
    wide = tuple([row for row in checkpoint.stored if row.tensor.name.startswith(WIDE)])
    model, scheme = checkpoint.model, checkpoint.scheme
    return (
        Checkpoint(model, scheme, own, family=checkpoint.family),
        Checkpoint(model, scheme, wide, family=checkpoint.family),
    )
