"""Memory lines of trainers on transformers: the Trainer's metrics, Unsloth's and Axolotl's lines, torch's own names.

Source: huggingface/transformers ``trainer_utils.py`` ``TrainerMemoryTracker``; unslothai/notebooks (its statistics cells);
axolotl-ai-cloud/axolotl ``utils/bench.py``; pytorch/torchtune ``training/memory.py``; Lightning-AI/litgpt
``finetune/lora.py``. Trainers print no model that can be relied on, so that most of the deployment is the user's to give.
"""

from __future__ import annotations

import re

from vramfit.engines.logs import Amount, Figure, Log, LogReader, last, sized

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.engines.base import Engine
    from vramfit.engines.interface import Deployment, Estimate

MARKS = (
    "memory reserved", "reserved memory", "mem_gpu_alloc", "mem_gpu_peaked", "max_memory_allocated", "max_memory_reserved",
    "memory/", "Max memory = ", "peak memory", "Memory used:", "max_mem_active", "max_mem_allocated", "Total batch size",
    "Batch size per device", "Instantaneous batch size per device", "Gradient accumulation steps", "Gradient Accumulation",
    "Loading checkpoint", "Fast Llama patching", "==((====))==",
)  # fmt: skip
"""Words of which each line that is read has one."""

NUMBER = r"(?P<number>\d+(?:\.\d+)?)"
UNIT = r" ?(?P<unit>GiB|MiB|GB|MB)"
PEAK_ALLOCATED, PEAK_RESERVED, LOADED = "peak allocated", "peak reserved", "reserved after loading"
PATTERNS = (
    (PEAK_RESERVED, re.compile(rf"Peak reserved memory = {NUMBER}{UNIT}")),
    (PEAK_RESERVED, re.compile(rf"max_memory_reserved\(?\)?[\"']?[:=] ?{NUMBER}{UNIT}")),
    (PEAK_RESERVED, re.compile(rf"memory/device_mem_reserved\((?P<unit>gib)\)['\"]?: {NUMBER}")),
    (PEAK_RESERVED, re.compile(rf"GPU peak memory reserved: {NUMBER}{UNIT}")),
    (PEAK_ALLOCATED, re.compile(rf"max_memory_allocated\(?\)?[\"']?[:=] ?{NUMBER}{UNIT}")),
    (PEAK_ALLOCATED, re.compile(rf"memory/max_mem_allocated\((?P<unit>gib)\)['\"]?: {NUMBER}")),
    (PEAK_ALLOCATED, re.compile(rf"memory/max_memory_allocated['\"]?: {NUMBER}(?P<unit>)")),
    (PEAK_ALLOCATED, re.compile(rf"GPU peak memory (?:allocation|active): {NUMBER}{UNIT}")),
    (PEAK_ALLOCATED, re.compile(rf"Memory used: {NUMBER}{UNIT}")),
    (LOADED, re.compile(rf"^\W{{0,200}}(?:\S+ \| )?{NUMBER}{UNIT} of memory reserved")),
)  # fmt: skip
TRACKED = {
    name: re.compile(rf"{name}_mem_gpu_{kind}_delta['\"]? *[=:] *(?P<number>-?\d+)(?P<unit>MB|GB|)")
    for name, kind in (("init", "alloc"), ("train", "alloc"))
}
TRACKED_PEAK = re.compile(r"train_mem_gpu_peaked_delta['\"]? *[=:] *(?P<number>\d+)(?P<unit>MB|GB|)")
CARD = re.compile(r"GPU = (?P<name>.{1,200}?)\. Max memory = (?P<number>[\d.]+) GB")
BATCH = re.compile(r"(?:Instantaneous b|B)atch size per (?:device|GPU) *= *(?P<number>\d+)", re.IGNORECASE)
STEPS = re.compile(r"Gradient [Aa]ccumulation steps *= *(?P<number>\d+)")
UNSLOTH = re.compile(r"==\(\(====\)\)==")


def read(lines: Sequence[str]) -> Log | None:
    """Read the last figure of each kind; None if no line states one."""
    figures: dict[str, Figure] = {}
    understood = 0
    for name, pattern in PATTERNS:
        match = last(pattern, lines)
        if match is not None and name not in figures:
            understood += 1
            # torch's numbers are divided by 2^30, whatever the unit is called.
            unit = {"GB": "GiB", "gib": "GiB", "MB": "MiB", "": "GiB"}.get(match["unit"], match["unit"])
            figures[name] = sized(name, "gpu0", match["number"], unit)
    tracked = [last(pattern, lines) for pattern in (*TRACKED.values(), TRACKED_PEAK)]
    if PEAK_ALLOCATED not in figures and tracked[1] is not None and tracked[2] is not None:
        understood += 3
        parts = [_tracked(match) for match in tracked if match is not None]
        figures[PEAK_ALLOCATED] = Figure(
            PEAK_ALLOCATED, "gpu0", sum([one.value for one in parts]), slack=sum([one.slack for one in parts])
        )
    if not figures:
        return None
    keys: dict[str, object] = {}
    card, batch, steps = last(CARD, lines), last(BATCH, lines), last(STEPS, lines)
    if batch is not None:
        keys["micro_batch"] = batch["number"]
    if steps is not None:
        keys["gradient_accumulation"] = steps["number"]
    if last(UNSLOTH, lines) is not None:
        keys["trainer"] = "unsloth"
    names = () if card is None else (card["name"],)
    note = "trainers do not print the length of their samples: --sequence-length N is what they really have"
    return Log(keys, (), names, 1, (), tuple(figures.values()), None, 1, understood, (note,))


def _tracked(match: re.Match[str]) -> Figure:
    """Size as the Trainer's metrics have it: whole MB of 2^20, or bytes."""
    unit = {"MB": "MiB", "GB": "GiB", "": "B"}[match["unit"]]
    return sized("", "", match["number"], unit)


def printed(
    _runtime: Engine[Any, Any], deployment: Deployment, estimate: Estimate, _usable_bytes: tuple[int, ...]
) -> Mapping[tuple[str, str], Amount]:
    """Values of an estimate for torch's peaks: all but the runtime's overhead, with the bounds of the whole.

    What torch reserves is between what is allocated and the whole process.
    """
    gpu = estimate.gpus[0]
    allocated = gpu.weights_bytes + gpu.kv_cache_bytes + gpu.compute_bytes
    low, high = gpu.low_bytes / gpu.total_bytes, gpu.high_bytes / gpu.total_bytes
    return {
        (PEAK_ALLOCATED, "gpu0"): Amount(allocated * low, allocated, allocated * high),
        (PEAK_RESERVED, "gpu0"): Amount(allocated * low, allocated, gpu.high_bytes),
        (LOADED, "gpu0"): Amount(gpu.weights_bytes, gpu.weights_bytes, gpu.weights_bytes),
    }


READER = LogReader(MARKS, read, printed)
