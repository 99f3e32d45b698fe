"""Table of n-grams, whose rows the last tokens choose, that servers keep in pinned host memory.

Each GPU reads the few rows of its tokens there, so that the table takes no card's memory: 95 GiB of Qwen3.8-Flash-Next's
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


def table_of(checkpoint: Checkpoint) -> Stored | None:
    """Tensor that is a table of n-grams; None for a model without one."""
    model = checkpoint.model
    return next((row for row in checkpoint.stored if is_ngram_table(model, row.tensor) and not row.layers), None)


def table_bytes(checkpoint: Checkpoint) -> int:
    """Bytes of the table of n-grams, which the ranks of one copy of the model share; 0 for a model without one."""
    row = table_of(checkpoint)
    return 0 if row is None else row.bytes_each


@per_model
def on_cards(checkpoint: Checkpoint) -> Checkpoint:
    """Checkpoint without its table of n-grams; itself for a model without one."""
    table = table_of(checkpoint)
    if table is None:
        return checkpoint
    rest = tuple([row for row in checkpoint.stored if row is not table])
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
