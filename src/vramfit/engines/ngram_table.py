"""Tables of n-grams, whose rows the last tokens choose, that servers keep in pinned host memory.

Each GPU reads the few rows of its tokens there, so that a table takes no card's memory: 95 GiB of Qwen3.8-Flash-Next's
weights. Tables of embeddings by layer (Gemma 3n, Gemma 4 E) are on the cards as other embeddings are.
"""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit.model.ngram_table import is_ngram_table
from vramfit.quantization.checkpoint import Checkpoint
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.terms import Ledger
    from vramfit.quantization.checkpoint import Stored


def tables_of(checkpoint: Checkpoint) -> list[Stored]:
    """Tensors that are tables of n-grams: none in most models, two in DeepSeek-V4.1."""
    model = checkpoint.model
    return [row for row in checkpoint.stored if is_ngram_table(model, row.tensor) and not row.layers]


def table_bytes(checkpoint: Checkpoint) -> int:
    """Bytes of the tables of n-grams, which the ranks of one copy of the model share; 0 for a model without one."""
    return sum([row.bytes_each * row.tensor.copies for row in tables_of(checkpoint)])


@per_model
def on_cards(checkpoint: Checkpoint) -> Checkpoint:
    """Checkpoint without its tables of n-grams; itself for a model without one."""
    tables = tables_of(checkpoint)
    if not tables:
        return checkpoint
    rest = tuple([row for row in checkpoint.stored if all(row is not table for table in tables)])
    return Checkpoint(checkpoint.model, checkpoint.scheme, rest, checkpoint.source, family=checkpoint.family)


def sentence(size: int) -> list[str]:
    """Assumption of an estimate whose table of n-grams takes ``size`` bytes of host memory; none for 0."""
    return (
        [f"the table of n-grams, {gib(size)}, is in pinned host memory, which is the engine's default"] if size else []
    )


def account(ledger: Ledger, size: int, source: str) -> None:
    """Add the term of a table that takes ``size`` bytes of host memory, in all copies of the model; none for 0."""
    ledger.add_sum(
        "weights", "host", "table of n-grams", size, source,
        "in pinned host memory, where each GPU reads the rows of its tokens", table_bytes=size,
    )  # fmt: skip
