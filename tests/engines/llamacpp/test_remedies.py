"""Settings of llama.cpp that save memory."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit._record import replace
from vramfit.engines import engine
from vramfit.engines.interface import DeviceMemory, Estimate, Setting
from vramfit.engines.keys import parse_request
from vramfit.engines.llamacpp.keys import LlamaCppKeys
from vramfit.engines.llamacpp.remedies import divisions, settings
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue
from vramfit.workload.common import Workload

WINDOW = Setting(
    {"swa_full": False}, "keep only the window of sliding-window layers",
    "the cache no longer serves prompts that branch off far back", 1,
)  # fmt: skip
LOGITS = Setting(
    {"outputs": "slots"}, "reserve logits for the slots alone", "nothing for llama-server, which needs no more", 1
)


def steps(*tokens: int) -> list[Setting]:
    slower = "prompts are processed more slowly"
    return [Setting({"ubatch": count}, f"process {count} tokens per step (ubatch)", slower, 2) for count in tokens]


@pytest.mark.parametrize(
    ("expected", "values"),
    [
        (steps(256, 128, 64), {}),
        ([WINDOW, LOGITS, *steps(64)], {"swa_full": True, "outputs": "batch", "ubatch": 128}),
        ([LOGITS], {"outputs": "batch", "ubatch": 127}),
        # The logical batch bounds the step.
        (steps(64), {"batch": 128}),
        (steps(75), {"batch": 150}),
        ([WINDOW], {"swa_full": True, "batch": 64}),
    ],
)
def test_settings(expected: list[Setting], values: dict[str, Any]) -> None:
    """Caches and logits first, which cost nothing; then half of each step, down to 64 tokens."""
    assert expected == list(settings(LlamaCppKeys(**values)))


PROJECTOR = Setting({"mmproj": "host"}, "keep the projector in RAM (--no-mmproj-offload)", "images take longer", 2)
STATES = Setting(
    {"context_checkpoints": 0}, "keep no context checkpoints in RAM (--ctx-checkpoints 0)",
    "a prompt that branches off from the last one is processed from its start", 1,
)  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "projector", "short", "values"),
    [
        ([PROJECTOR], True, False, {}),
        ([STATES], False, True, {}),
        ([STATES, PROJECTOR], True, True, {}),
        ([], True, True, {"mmproj": "host", "context_checkpoints": 0}),
    ],
)
def test_what_moves_between_gpu_and_ram(
    expected: list[Setting], projector: bool, short: bool, values: dict[str, Any]
) -> None:
    """A projector that is on the GPU can go to RAM; states that are in RAM need not be kept."""
    assert expected == list(settings(LlamaCppKeys(ubatch=64, **values), projector, short))


@pytest.mark.parametrize(
    ("changes", "keys"),
    [
        ([{"tensor_split": (67.0, 33.0)}, {"tensor_split": (59.0, 41.0)}, {"tensor_split": (54.0, 46.0)},
          {"tensor_split": (74.0, 26.0)}, {"tensor_split": (80.0, 20.0)}, {"split_mode": "tensor"}], {}),
        ([{"split_mode": "layer"}], {"split_mode": "none"}),
        ([], {"split_mode": "tensor"}),
        ([{"tensor_split": (67.0, 33.0)}, {"tensor_split": (59.0, 41.0)}, {"tensor_split": (54.0, 46.0)},
          {"tensor_split": (74.0, 26.0)}, {"tensor_split": (80.0, 20.0)}], {"override_tensor": ("a=CPU",)}),
    ],
)  # fmt: skip
def test_divisions(changes: list[dict[str, Any]], keys: dict[str, Any]) -> None:
    """Layers move off the card that has twice as much; other splits come last, where the settings leave them a choice."""
    filled = [DeviceMemory(f"gpu{number}", size, 0, 0, 0, size, size) for number, size in enumerate((10, 20))]
    estimate = Estimate(tuple(filled), DeviceMemory("host", 0, 0, 0, 0, 0, 0), 0, (), {})
    card = open_catalogue().gpu("rtx3090")
    found = divisions(LlamaCppKeys(**keys), (card, card), Workload(context=4096, gpu_layers="all"), estimate, (20, 20))
    assert changes == [setting.changes for setting in found]


@pytest.mark.parametrize(
    ("offered", "ram_bytes", "overhead_bytes"),
    [
        (True, 99, 50),
        # Enough RAM, no RAM stated, and nothing kept beside the model.
        (False, 100, 50),
        (False, None, 50),
        (False, 50, 0),
    ],
)
def test_states_are_dropped_where_ram_is_short(offered: bool, ram_bytes: int | None, overhead_bytes: int) -> None:
    """The remedy frees what the server keeps in RAM, so it needs RAM that is stated, too little, and held by states."""
    kept = overhead_bytes
    host = DeviceMemory("host", 100 - kept, 0, 0, kept, 100, 100)
    estimate = Estimate((DeviceMemory("gpu0", 1, 0, 0, 0, 1, 1),), host, 0, (), {})
    asked = resolve(parse_request({"gpu": "rtx3090", "model": "llama-3.1-8b", "quant": "Q4_K_M"}), open_catalogue())[0]
    deployment = replace(asked, workload=replace(asked.workload, ram_bytes=ram_bytes))
    assert offered == (STATES in list(engine("llama.cpp").settings(deployment, estimate)))
