"""Settings of llama.cpp that save memory at little cost, in the order in which to try them."""

from __future__ import annotations

from vramfit.engines.interface import Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vramfit.engines.llamacpp import LlamaCppKeys

LEAST_UBATCH = 64
"""Number of tokens of the smallest physical batch that a remedy proposes."""


def settings(keys: LlamaCppKeys, projector: bool = False, short_of_ram: bool = False) -> Iterator[Setting]:
    """Remedies in order: only the window of sliding-window layers, logits only for the slots, ever smaller batches.

    Before the batches comes the projector in RAM, if there is a ``projector`` on a GPU, and if the deployment is
    ``short_of_ram``, that the server keeps no states there.
    """
    if short_of_ram and keys.context_checkpoints:
        trade = "a prompt that branches off from the last one is processed from its start"
        yield Setting({"context_checkpoints": 0}, "keep no context checkpoints in RAM (--ctx-checkpoints 0)", trade, 1)
    if keys.swa_full:
        trade = "the cache no longer serves prompts that branch off far back"
        yield Setting({"swa_full": False}, "keep only the window of sliding-window layers", trade, 1)
    if keys.outputs == "batch":
        trade = "nothing for llama-server, which needs no more"
        yield Setting({"outputs": "slots"}, "reserve logits for the slots alone", trade, 1)
    if projector and keys.mmproj == "gpu":
        yield Setting({"mmproj": "host"}, "keep the projector in RAM (--no-mmproj-offload)", "images take longer", 2)
    tokens = min(keys.ubatch, keys.batch)
    while tokens >= 2 * LEAST_UBATCH:
        tokens //= 2
        summary = f"process {tokens} tokens per step (ubatch)"
        yield Setting({"ubatch": tokens}, summary, "prompts are processed more slowly", 2)
