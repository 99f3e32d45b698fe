"""Entries that devices are, and devices that a program would use."""

from __future__ import annotations

import pytest

from vramfit._record import replace
from vramfit.errors import CannotTell, NoGpu
from vramfit.importers.machine.chosen import gpu_words, used_devices
from vramfit.importers.machine.match import match
from vramfit.importers.machine.record import Device, Machine, Memory, Probe
from vramfit.sources import open_catalogue
from vramfit.units import GIB, MIB

CARD = Device("NVIDIA GeForce RTX 4090", "nvidia", "nvidia-smi", 24564 * MIB, pci_id="10de:2684")
RADEON = Device("Radeon RX 7900 XTX", "amd", "rocm-smi", 24560 * MIB)
RAPHAEL = Device("AMD GPU 1002:164e", "amd", "x", GIB, integrated=True, unified=True)
PARENT = Device("NVIDIA A100-SXM4-80GB", "nvidia", "NVML", 81920 * MIB, mig_enabled=True)
SLICE = Device("NVIDIA A100-SXM4-80GB MIG 1g.10gb", "nvidia", "NVML", 9728 * MIB, mig_parent="NVIDIA A100-SXM4-80GB")


def of(*devices: Device) -> Machine:
    return Machine(devices, Memory(), "linux", None, (Probe("nvidia-smi", "2 devices"),), ())


@pytest.mark.parametrize(
    ("name", "mib", "pci", "expected", "changed"),
    [
        ("NVIDIA GeForce RTX 4090", 24564, None, "rtx4090", False),
        ("NVIDIA GeForce RTX 4090", 49140, None, "rtx4090-48gb", False),
        ("NVIDIA GeForce RTX 4090", 24217, None, "rtx4090", True),
        ("NVIDIA GeForce RTX 3080", 10240, None, "rtx3080-10gb", False),
        ("NVIDIA GeForce RTX 3080", 12288, None, "rtx3080-12gb", False),
        ("NVIDIA GeForce RTX 3060", 12288, "10de:2503", "rtx3060-12gb", False),
        ("NVIDIA GeForce RTX 2080 Ti", 11019, None, "rtx2080ti", True),
        ("NVIDIA RTX A6000", 46068, None, "rtxa6000", True),
        ("NVIDIA A40", 49140, None, "a40", True),
        ("Tesla T4", 15360, None, "t4", False),
        ("NVIDIA H100 80GB HBM3", 81559, None, "h100-sxm", False),
        ("AMD GPU 1002:744c", 24560, "1002:744c", "rx7900xtx", False),
        ("AMD GPU 1002:744c", 20464, "1002:744c", "rx7900xt", False),
        ("Intel(R) Arc(TM) B580 Graphics", 12216, None, "arcb580", True),
    ],
)
def test_entries(name: str, mib: int, pci: str | None, expected: str, changed: bool) -> None:
    """``changed`` is true where the driver's number counts, since it is less, or ECC was switched."""
    vendor = "amd" if "AMD" in name else "intel" if "Intel" in name else "nvidia"
    device = Device(name, vendor, "x", mib * MIB, pci_id=pci)
    found = match(device, open_catalogue(), "linux")
    assert (found.entry, found.gpu is not None) == (expected, changed)
    if found.gpu is not None:
        usual = open_catalogue().gpu(expected)
        assert found.gpu.memory_bytes == mib * MIB
        assert found.gpu.usable_readings["linux"] < mib * MIB or device.vendor != "nvidia"
        assert found.gpu.bandwidth_bytes_per_second == usual.bandwidth_bytes_per_second


@pytest.mark.parametrize("mib", [20000, 22000, 30000, 12000])
def test_other_memory_is_another_card(mib: int) -> None:
    """Its chip is that of the card of its name; its bandwidth is not known, and no more than it has is usable."""
    found = match(replace(CARD, memory_bytes=mib * MIB), open_catalogue(), "linux")
    assert found.entry is None
    assert found.gpu is not None
    assert (found.gpu.architecture, found.gpu.bandwidth_bytes_per_second) == ("Ada Lovelace", None)
    assert found.gpu.usable_readings["linux"] < mib * MIB


def test_a_slice_is_a_part_of_its_gpu() -> None:
    found = match(SLICE, open_catalogue(), "linux")
    assert found.gpu is not None
    assert ("sm_80", "Ampere", None) == (found.gpu.compute_target, found.gpu.architecture, found.gpu.cores)
    assert found.gpu.tflops == {}


def test_a_name_without_memory_that_several_share() -> None:
    with pytest.raises(CannotTell) as error:
        match(Device("NVIDIA GeForce RTX 3060", "nvidia", "x", gap="nothing states it"), open_catalogue(), "linux")
    assert "rtx3060-8gb, rtx3060-12gb share its name" in error.value.message


@pytest.mark.parametrize(
    ("devices", "expected", "note"),
    [
        ((CARD, CARD), [CARD, CARD], None),
        ((CARD, RAPHAEL), [CARD], "AMD GPU 1002:164e is integrated and left out"),
        ((RAPHAEL,), [RAPHAEL], None),
        ((CARD, RADEON), [CARD], "Radeon RX 7900 XTX is left out"),
        ((RADEON, CARD, CARD), [CARD, CARD], "Radeon RX 7900 XTX is left out"),
        ((PARENT, SLICE), [SLICE], None),
        ((PARENT, SLICE, SLICE), [SLICE], "the first of 2 is taken"),
        ((PARENT, SLICE, CARD), [CARD], "1 MIG slices are left out beside whole GPUs"),
    ],
)
def test_devices_that_a_program_uses(devices: tuple[Device, ...], expected: list[Device], note: str | None) -> None:
    used, notes = used_devices(of(*devices))
    assert used == expected
    assert (note is None and notes == []) or (note is not None and note in notes[0])


@pytest.mark.parametrize("devices", [(), (PARENT,)])
def test_no_device_to_use(devices: tuple[Device, ...]) -> None:
    with pytest.raises(NoGpu):
        used_devices(of(*devices))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({}, []),
        ({"gpu": None}, []),
        ({"gpu": "Auto"}, ["auto"]),
        ({"gpu": ["rtx4090", " AUTO "]}, ["rtx4090", "auto"]),
        ({"gpu": ("rtx4090", 4090)}, ["rtx4090", 4090]),
    ],
)
def test_words_of_the_key(keys: dict[str, object], expected: list[object]) -> None:
    assert gpu_words(keys) == expected
