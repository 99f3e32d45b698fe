"""Speech recognition with Whisper on one GPU: the sizes of a model, and estimates that are sums of buffers.

Programs that run Whisper alone (whisper.cpp, faster-whisper) load the whole model on one GPU and allocate a few buffers of
sizes that the model tells: an encoder reads 30 seconds of sound as 1,500 positions, and a decoder writes up to 448 tokens.
"""

from __future__ import annotations

from vramfit._record import Record
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate, first_alone
from vramfit.errors import CannotTell, UsageError
from vramfit.memory.weights import slices

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vramfit.engines.interface import Job
    from vramfit.engines.terms import Ledger
    from vramfit.model import Model
    from vramfit.quantization import Checkpoint
    from vramfit.workload.common import Workload

BEAMS = 5
"""Number of hypotheses that a decoder follows where nothing else is stated: whisper-cli (``whisper_full_default_params``),
faster-whisper (``transcribe.py`` ``beam_size``) and OpenAI's whisper (``transcribe.py`` ``--beam_size``)."""
TEXT_TOKENS = 448
"""Tokens that Whisper's decoder has positions for."""


class Sizes(Record):
    """Sizes of a Whisper model."""

    width: int
    """Width of the residual streams of encoder and decoder."""
    inner: int
    """Width of the encoder's feed-forward networks."""
    heads: int
    """Number of attention heads of the encoder."""
    channels: int
    """Number of channels of the spectrogram."""
    positions: int
    """Number of positions of the encoder's output for 30 seconds of sound."""
    layers: int
    """Number of layers of the decoder."""
    vocabulary: int


class Buffer(Record):
    """Buffer of an estimate: a term with its bytes."""

    part: str
    """Part of the breakdown: ``kv_cache``, ``compute`` or ``overhead``."""
    name: str
    formula: str
    bytes: int
    source: str
    inputs: dict[str, int]
    note: str = ""


def sizes(model: Model) -> Sizes | None:
    """Sizes of a Whisper model; None for a model of another kind."""
    tower = model.audio
    if model.modality != "speech-to-text" or tower is None or not tower.layers or not tower.mel_bins:
        return None
    if model.architecture.model_type != "whisper" or not isinstance(tower.positions, int):
        return None
    return Sizes(
        model.hidden, tower.ffn, tower.heads, tower.mel_bins, tower.positions, model.layer_count, model.vocab
    )  # fmt: skip


def known_sizes(model: Model) -> Sizes:
    """Sizes of a model that ``check`` has let pass."""
    found = sizes(model)
    if found is None:
        raise CannotTell(f"{model.name} is no Whisper model", "leave out --engine")
    return found


def check(title: str, checkpoint: Checkpoint, work: Workload) -> None:
    """Raise ``CannotTell`` for a model that is not Whisper, and ``UsageError`` for layers in RAM."""
    if sizes(checkpoint.model) is None:
        raise CannotTell(
            f"{title} is modelled for Whisper alone, which {checkpoint.model.name} is not",
            "leave out --engine, or use --engine transformers",
        )
    if work.cpu_moe_layers or work.gpu_layers != "all":
        raise UsageError(f"{title} loads the whole model on one GPU", "leave gpu_layers out")


def estimate(job: Job[Any, Any], buffers: Sequence[Buffer], low: int, more: int, notes: list[str]) -> Estimate:
    """Estimate of one process on the first GPU: its weights and buffers.

    ``low`` is the lower bound of the buffers in bytes, and ``more`` what the upper bound has beyond the expected ones.
    """
    weights = slices(job.checkpoint).total_bytes
    cache, compute, overhead = [
        sum([one.bytes for one in buffers if one.part == part]) for part in ("kv_cache", "compute", "overhead")
    ]
    high = weights + cache + compute + overhead + more
    gpu = DeviceMemory("gpu0", weights, cache, compute, overhead, weights + low, high, weights)
    idle = tuple(range(1, job.gpu_count))
    if idle:
        notes = [*notes, "the model is on one GPU; the others stay idle"]
    return Estimate(first_alone(gpu, job.gpu_count), NOTHING, weights, tuple(notes), {}, idle=idle)


def account(job: Job[Any, Any], found: Estimate, ledger: Ledger, buffers: Sequence[Buffer], source: str) -> None:
    """Add the terms of an estimate to the ledger: tensors by what they do, and each buffer."""
    from vramfit.engines.tensor_terms import add_tensors, rows_of

    rows = rows_of(job.checkpoint, range(job.model.layer_count), lambda row: True)
    add_tensors(ledger, "gpu0", "decoder", rows, found.gpus[0].weights_bytes, source)
    for one in buffers:
        ledger.add(one.part, "gpu0", one.name, one.formula, one.bytes, one.source, one.note, **one.inputs)
