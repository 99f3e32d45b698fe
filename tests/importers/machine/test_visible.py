"""Variables that hide GPUs, as CUDA, HIP and Level Zero read them."""

from __future__ import annotations

import pytest

from vramfit._record import replace
from vramfit.importers.machine.record import Device
from vramfit.importers.machine.visible import visible

NVIDIA = [Device(f"card {number}", "nvidia", "x", uuid=f"GPU-{number}abc") for number in range(3)]
AMD = [Device(f"radeon {number}", "amd", "x") for number in range(3)]
INTEL = [Device(f"arc {number}", "intel", "x") for number in range(2)]
DIVIDED = [
    replace(NVIDIA[0], mig_enabled=True),
    Device("slice 0", "nvidia", "x", uuid="MIG-1", mig_parent="card 0"),
    Device("slice 1", "nvidia", "x", uuid="MIG-2", mig_parent="card 0"),
]


@pytest.mark.parametrize(
    ("devices", "variables", "expected"),
    [
        (NVIDIA, {}, ["card 0", "card 1", "card 2"]),
        (NVIDIA, {"CUDA_VISIBLE_DEVICES": "2,0"}, ["card 2", "card 0"]),
        (NVIDIA, {"CUDA_VISIBLE_DEVICES": "1, 1"}, ["card 1"]),
        (NVIDIA, {"CUDA_VISIBLE_DEVICES": ""}, []),
        (NVIDIA, {"CUDA_VISIBLE_DEVICES": "-1"}, []),
        (NVIDIA, {"CUDA_VISIBLE_DEVICES": "1,7,0"}, ["card 1"]),
        (NVIDIA, {"CUDA_VISIBLE_DEVICES": "GPU-2a"}, ["card 2"]),
        (NVIDIA, {"CUDA_VISIBLE_DEVICES": "GPU-"}, []),
        (NVIDIA, {"CUDA_VISIBLE_DEVICES": "none"}, []),
        (NVIDIA, {"HIP_VISIBLE_DEVICES": "0"}, ["card 0", "card 1", "card 2"]),
        (DIVIDED, {"CUDA_VISIBLE_DEVICES": "0"}, ["slice 0"]),
        (DIVIDED, {"CUDA_VISIBLE_DEVICES": "MIG-2"}, ["slice 1"]),
        (DIVIDED, {"CUDA_VISIBLE_DEVICES": "GPU-0abc"}, ["slice 0"]),
        (AMD, {"ROCR_VISIBLE_DEVICES": "1,2", "HIP_VISIBLE_DEVICES": "1"}, ["radeon 2"]),
        (AMD, {"ROCR_VISIBLE_DEVICES": "GPU-deadbeef"}, ["radeon 0", "radeon 1", "radeon 2"]),
        (INTEL, {"ZE_AFFINITY_MASK": "1.0"}, ["arc 1"]),
        (INTEL, {"GGML_VK_VISIBLE_DEVICES": "0"}, ["arc 0"]),
        ([*NVIDIA, *AMD], {"GGML_VK_VISIBLE_DEVICES": "0"}, [one.name for one in (*NVIDIA, *AMD)]),
        ([*NVIDIA, *AMD], {"CUDA_VISIBLE_DEVICES": "1"}, ["card 1", "radeon 1"]),
        ([*AMD, *NVIDIA], {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": "2"}, ["radeon 2"]),
        ([*AMD, *NVIDIA], {"CUDA_VISIBLE_DEVICES": "GPU-1"}, ["radeon 0", "radeon 1", "radeon 2", "card 1"]),
    ],
)
def test_what_is_left(devices: list[Device], variables: dict[str, str], expected: list[str]) -> None:
    left, notes = visible(devices, {**variables, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"})
    assert [device.name for device in left] == expected
    applies = any(name in note for name in variables for note in notes)
    assert applies == (len(variables) > 0 and variables.keys() != {"HIP_VISIBLE_DEVICES"})


def test_unequal_cards_may_be_numbered_otherwise() -> None:
    order = "the cards are in the order of their slots; CUDA may number the fastest 0"
    assert visible(NVIDIA, {})[1] == [order]
    assert visible(NVIDIA, {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"})[1] == []
    assert visible(NVIDIA[:1] * 2, {})[1] == []


def test_a_value_that_is_long_or_no_text_is_not_repeated() -> None:
    _, (note,) = visible(NVIDIA[:1], {"CUDA_VISIBLE_DEVICES": "\x1b[2J" + "x" * 100})
    assert note == "CUDA_VISIBLE_DEVICES=104 characters: 0 of 1 NVIDIA GPUs"
