"""What of a card a program can use."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import gpu
from vramfit.hardware import gpu_from_facts, usable_bytes
from vramfit.units import GB, MIB

# MiB that nvidia-smi prints and MiB that CUDA offers, both on Linux, headless: ollama/ollama PR 16031 and issue 17482,
# vllm-project/vllm start-up logs ("79.22 GiB" of an H100), ggml-org/llama.cpp issue logs.
READINGS = [
    ("RTX 3060", 12288, 11906),
    ("T4", 15360, 14912),
    ("A10G", 23028, 22587),
    ("RTX 3090", 24576, 24126),
    ("RTX 4090", 24564, 24080),
    ("H100", 81559, 81100),
    ("B200", 183359, 182642),
]


@pytest.mark.parametrize(("name", "reported", "offered"), READINGS)
def test_rule_for_cuda_on_linux(name: str, reported: int, offered: int) -> None:
    """Without a reading, the rule comes within 150 MiB of what CUDA offers."""
    card = gpu("rtx4090", name=name, memory_mib=reported, usable_mib={})
    assert abs(usable_bytes(card, "linux") - offered * MIB) <= 150 * MIB


def test_a_reading_wins_over_the_rule() -> None:
    """Where someone has read the figure, it is used; other platforms follow the rule."""
    card = gpu("rtx4090")
    assert 24080 * MIB == usable_bytes(card, "linux")
    assert 12345 * MIB == usable_bytes(gpu("rtx4090", usable_mib={"windows": 12345}), "windows")


def test_windows_keeps_more_back() -> None:
    """An RTX 4090 has 23,040 MiB free on Windows (ggml-org/llama.cpp issue 27680)."""
    assert abs(usable_bytes(gpu("rtx4090"), "windows") - 23040 * MIB) < 8 * MIB


def test_windows_takes_nothing_off_shared_memory() -> None:
    """What an integrated GPU may use of the host's memory is stated as such."""
    card = gpu("rtx4090", vendor="amd", usable_mib={}, unified=True)
    assert card.memory_bytes == usable_bytes(card, "windows")


@pytest.mark.parametrize(
    "facts",
    [
        {"vendor": "amd", "usable_mib": {}},
        {"vendor": "apple", "usable_mib": {}, "unified": True},
        {"vendor": "nvidia", "usable_mib": {}, "unified": True},
        {"vendor": "intel", "usable_mib": {}},
    ],
)
def test_others_report_what_they_offer(facts: dict[str, object]) -> None:
    """ROCm, Level Zero, Metal and unified memory have nothing taken off on their own platform."""
    assert 24564 * MIB == usable_bytes(gpu("rtx4090", **facts), "linux")


@given(st.integers(1024, 2**20), st.integers(0, 2**16), st.sampled_from(["nvidia", "amd", "apple"]))
def test_more_memory_is_never_less_usable(memory: int, more: int, vendor: str) -> None:
    """The rules grow with the card, and never offer more than the driver reports."""
    small = gpu("rtx4090", memory_mib=memory, usable_mib={}, vendor=vendor)
    large = gpu("rtx4090", memory_mib=memory + more, usable_mib={}, vendor=vendor)
    for platform in ("linux", "windows", "macos"):
        assert usable_bytes(small, platform) <= usable_bytes(large, platform) <= large.memory_bytes


@pytest.mark.parametrize(
    ("expected", "link"),
    [(31.504, "4.0 x16"), (15.76, "3.0 x16"), (63.008, "5.0 x16"), (15.752, "4.0 x8"), (1.97, "3.0 x2")],
)
def test_host_link(expected: float, link: str) -> None:
    """PCIe bandwidth in one direction, after line coding: GB/s of PCI-SIG's generations times the lanes."""
    assert round(expected * GB) == gpu("rtx4090", pcie=link).host_link_bytes_per_second


@pytest.mark.parametrize("link", [None, "", "9.9 x16", "4.0", "4.0 xmany", "NVLink"])
def test_an_unknown_link_is_none(link: str | None) -> None:
    """What is not known is None, never 0 and never guessed."""
    assert gpu("rtx4090", pcie=link).host_link_bytes_per_second is None


def test_gpu_from_facts_converts_units() -> None:
    """Catalogue entries are in MiB and decimal GB/s, records in bytes; absent facts are None."""
    card = gpu("a100-sxm4-80gb", nvlink_gb_s=600)
    assert 81920 * MIB == card.memory_bytes
    assert 2039 * GB == card.bandwidth_bytes_per_second
    assert 600 * GB == card.nvlink_bytes_per_second
    assert [("example", "one-card", 1, 1.5, "2026-11")] == [
        (r.provider, r.instance, r.gpus, r.usd_per_hour, r.as_of) for r in card.rents
    ]
    bare = {"id": "x", "name": "X", "vendor": "nvidia", "segment": "consumer", "vram_gb": 8, "memory_mib": 8192}
    assert gpu_from_facts({**bare, "memory_measured": False}).bandwidth_bytes_per_second is None
