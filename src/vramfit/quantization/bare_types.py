"""Files that a stock type's bare name (``Q4_K_M``) stands for, where publishers' files of that name are not stock.

Nobody downloads the output of ``llama-quantize`` with its defaults of a model whose publishers have recipes of their own:
Unsloth's files of hybrid models since February 2026 are larger than the stock mix of the same name, and are replaced by
``UD`` files of that name later (noonghunna/club-3090 pull request 1068: Qwen3.8-27B's IQ4_NL and IQ4_XS by UD-IQ4_XS on
19 August 2026). A bare name is then in the middle of the files that Unsloth has published under it, and its interval
holds those of every publisher.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.quantization import Checkpoint, Stored, derive
from vramfit.quantization.mixes import FLOATS, HEADER_BYTES, head_of, is_hybrid, is_recent, kind_of
from vramfit.quantization.mixes_measured import UNSLOTH
from vramfit.quantization.publishers import DYNAMIC, WITH_HEAD

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Scheme

OWNERS = ("unsloth",)
"""Owners of repositories whose plain files a bare name is taken for."""


class Published(Record):
    """Ratios of the files that a bare name may stand for to the stock type, prediction heads left out."""

    low: float
    expected: float
    high: float
    idle_bytes: int = 0
    """Bytes of the prediction head that Unsloth's files have beside the model's layers."""


@per_model
def published(model: Model, scheme: Scheme) -> Published | None:
    """Ratios of publishers' files to a stock type of GGUF; None where no published file of the name is known."""
    if not model.files or scheme.family != "gguf" or "mix" in scheme.settings or "ends" in scheme.settings:
        return None
    stock = derive(model, scheme)
    own, head = stock.file_bytes, head_of(model, stock.stored)
    known, own_files, idle = [1.0], list[float](), 0
    for name, size in model.files:
        label = name.removesuffix(WITH_HEAD)
        owner, _, kind = label.partition("-")
        if kind != scheme.id:
            continue
        carried = head if label != name else 0
        known.append((size - HEADER_BYTES * model.vocab - carried) / own)
        if label.startswith(DYNAMIC) or owner in OWNERS:
            own_files.append(known[-1])
            idle = max(idle, carried)
    hybrid = is_recent(model) and is_hybrid(model)
    if hybrid and f"{DYNAMIC}{scheme.id}" not in [name.removesuffix(WITH_HEAD) for name, _ in model.files]:
        base, low, _, high = UNSLOTH.get(scheme.id, {}).get(kind_of(model), ("", 1.0, 1.0, 1.0))
        known += [low, high] if base == scheme.id else []
    expected = 1.0
    if hybrid and own_files:
        expected = sum(own_files) / len(own_files)
    if known == [1.0]:
        return None
    return Published(min(known), expected, max(known), idle if expected != 1.0 else 0)


@per_model
def as_published(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint with the tensors that are quantized as large as in publishers' files; itself where it is stock."""
    found = published(checkpoint.model, checkpoint.scheme)
    if found is None or found.expected == 1.0:
        return checkpoint
    text = [row for row in checkpoint.stored if row.tensor.part == "text"]
    kept = sum([row.total_bytes for row in text if row.type in FLOATS])
    whole = sum([row.total_bytes for row in text])
    ratio = (whole * found.expected - kept) / (whole - kept)
    rows = [
        Stored(row.tensor, row.type, round(row.bytes_each * ratio), row.layers)
        if row.tensor.part == "text" and row.type not in FLOATS
        else row
        for row in checkpoint.stored
    ]
    return Checkpoint(
        checkpoint.model, checkpoint.scheme, tuple(rows), idle_bytes=found.idle_bytes, family=checkpoint.family
    )


def spread_of_publishers(checkpoint: Checkpoint) -> tuple[float, float]:
    """Shares by which publishers' files of a stock type are known to be less and more than expected.

    Unsloth's ``UD`` files are among them, because people leave that out of their names.
    """
    found = published(checkpoint.model, checkpoint.scheme)
    return (0.0, 0.0) if found is None else (1 - found.low / found.expected, found.high / found.expected - 1)
