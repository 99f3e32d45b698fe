"""Settings of llama.cpp that save memory at little cost, in the order in which to try them."""

from __future__ import annotations

from vramfit.engines.interface import Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.engines.llamacpp import LlamaCppKeys

LEAST_UBATCH = 64
"""Number of tokens of the smallest physical batch that a remedy proposes."""


def settings(keys: LlamaCppKeys) -> Iterator[Setting]:
    """Remedies in order: only the window of sliding-window layers, logits only for the slots, ever smaller batches."""
    if keys.swa_full:
        trade = "the cache no longer serves prompts that branch off far back"
        yield Setting({"swa_full": False}, "keep only the window of sliding-window layers", trade, 1)
    if keys.outputs == "batch":
        trade = "nothing for llama-server, which needs no more"
        yield Setting({"outputs": "slots"}, "reserve logits for the slots alone", trade, 1)
    tokens = min(keys.ubatch, keys.batch)
    while tokens >= 2 * LEAST_UBATCH:
        tokens //= 2
        summary = f"process {tokens} tokens per step (ubatch)"
        yield Setting({"ubatch": tokens}, summary, "prompts are processed more slowly", 2)
