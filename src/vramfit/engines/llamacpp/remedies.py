"""Settings of llama.cpp that save memory at little cost, in the order in which to try them."""

from __future__ import annotations

from vramfit.engines.interface import Setting

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.engines.interface import Estimate
    from vramfit.engines.llamacpp.keys import LlamaCppKeys
    from vramfit.hardware import Gpu
    from vramfit.workload.common import Workload

LEAST_UBATCH = 64
"""Number of tokens of the smallest physical batch that a remedy proposes."""
PARTS = 100
"""Sum of the proportions that a remedy proposes."""


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


def divisions(
    keys: LlamaCppKeys, gpus: Sequence[Gpu], work: Workload, estimate: Estimate, usable: Sequence[int]
) -> Iterator[Setting]:
    """Proportions that move layers from the fuller GPUs to the emptier ones, the whole way, half of it, and further.

    Experts in RAM leave some layers far smaller than the others, so that equal numbers of layers do not fill GPUs alike:
    the remaining experts are on the last one. Last come the other splits: over all GPUs for a deployment on one of them,
    and of every matrix, which fills equal cards alike whatever the layers weigh.
    """
    if keys.split_mode == "none":
        summary, trade = "divide the layers over all GPUs (-sm layer)", "nothing: the other cards are idle today"
        yield Setting({"split_mode": "layer"}, summary, trade, 1)
    yield from _proportions(keys, gpus, work, estimate, usable)
    if keys.split_mode == "layer" and not (keys.override_tensor or keys.adapter_bytes) and keys.kv_offload:
        trade = "experimental in llama.cpp; faster over a fast link, slower over a narrow one"
        yield Setting({"split_mode": "tensor"}, "divide every matrix over the GPUs (-sm tensor)", trade, 2)


def _proportions(
    keys: LlamaCppKeys, gpus: Sequence[Gpu], work: Workload, estimate: Estimate, usable: Sequence[int]
) -> Iterator[Setting]:
    """Proportions for the split by layers."""
    from vramfit.hardware import usable_bytes

    if (
        keys.split_mode != "layer"
        or "split_mode" in estimate.settings
        or "auto" in (work.gpu_layers, work.cpu_moe_layers)
    ):
        return
    now = keys.tensor_split or [usable_bytes(gpu, work.platform) for gpu in gpus]
    filled = [device.total_bytes / limit for device, limit in zip(estimate.gpus, usable, strict=True) if limit > 0]
    if len(filled) < len(gpus) or min(filled) <= 0 or sum(now) <= 0:
        return
    proposed = {_parts(now)}
    for power in (1.0, 0.5, 0.25, 1.5, 2.0):
        shares = _parts([share / full**power for share, full in zip(now, filled, strict=True)])
        if shares in proposed or 0 in shares:
            continue
        proposed.add(shares)
        text = ",".join([f"{share:g}" for share in shares])
        yield Setting(
            {"tensor_split": shares},
            f"divide the layers over the GPUs as {text} (-ts)",
            "nothing: as many layers, more of them on the emptier card",
            1,
        )


def _parts(shares: Sequence[float]) -> tuple[float, ...]:
    """Proportions as whole numbers of about ``PARTS`` together."""
    whole = sum(shares)
    return tuple([float(round(PARTS * share / whole)) for share in shares])
