"""Memory of a loss that is computed in chunks, without the logits of all tokens.

Liger takes about as many chunks as the vocabulary has widths, rounded up to a power of two (liger-kernel 0.8.5
``ops/fused_linear_cross_entropy.py``: ``inc_factor``); Unsloth as many as the free memory needs.
"""

from __future__ import annotations

from vramfit.training.activations import WIDTH
from vramfit.units import GIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.training.profile import Trainer

CHUNK_BYTES = 10
"""Bytes per logit in a chunk of a fused loss: 16-bit and fp32 logits, and the gradient in fp32."""
FREE_CHUNK_BYTES = 4 * GIB
"""Largest chunk that follows the free memory (unsloth_zoo 2026.10.9 ``fused_losses/cross_entropy_loss.py``
``_CE_TARGET_GB_CAP``)."""
LEAST_CHUNKS = 4
"""Least number of such chunks (``get_chunk_size`` in the same file)."""


def chunk_bytes(model: Model, tokens: int, trainer: Trainer, spare: int) -> tuple[int, int]:
    """Bytes of a fused loss at the start of the backward pass, and of these the part that shrinks to what is left.

    ``spare`` is the number of bytes that are free at that moment. The gradient of the hidden states is kept besides.
    """
    whole = CHUNK_BYTES * model.vocab * tokens
    if trainer.chunk_share:
        chunk = min(whole // LEAST_CHUNKS, FREE_CHUNK_BYTES, round(trainer.chunk_share * spare))
        return chunk, chunk
    chunks = 1
    while chunks * model.hidden < model.vocab:
        chunks *= 2
    return whole // chunks + 2 * WIDTH * model.hidden * tokens, 0
