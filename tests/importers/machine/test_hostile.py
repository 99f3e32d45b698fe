"""Programs that hang, flood, print rubbish or fail: each is a source's outcome, never a traceback or a guess."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.importers.machine.placing import install_nvml, program
from vramfit.errors import CannotTell, NoGpu
from vramfit.importers.machine import amd, apple, intel, nvidia_smi, windows
from vramfit.importers.machine.chosen import on_this_machine
from vramfit.importers.machine.find import ThisMachine, find
from vramfit.importers.machine.place import MOST_OUTPUT, Place
from vramfit.importers.machine.record import LONGEST_NAME, clean, count, pci_address, pci_id, size
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from pathlib import Path

    from vramfit.importers.machine.record import Device

SHORT_SECONDS = 0.3
SCRIPTS = {
    "hangs": ("/bin/sleep 60", "no answer within 0.3 s"),
    "hangs with its pipe in another's hands": ("/bin/sleep 60 & exit 0", "no answer within 0.3 s"),
    "prints 100 MB": ("/usr/bin/head -c 100000000 /dev/zero", "printed more than 1 MiB"),
    "prints for ever": ("while :; do echo 0123456789012345678901234567890123456789; done", "printed more than 1 MiB"),
    "fails": ("echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18",
              "exit code 18: Failed to initialize NVML: Driver/library version mismatch"),
    "fails in colour": ("printf '\\033[31mno\\033[0m\\007 driver\\n'; exit 9", "exit code 9: [31mno [0m driver"),
    "prints nothing": (":", "no GPU in its answer"),
    "prints no UTF-8": ("printf '\\377\\376\\000,,,'", "no GPU in its answer: \ufffd\ufffd,,,"),
    "is killed": ("kill -9 $$", "exit code -9"),
}  # fmt: skip


def bare(folder: Path) -> Place:
    """Machine that has the programs in ``folder/bin`` and nothing else, and little patience."""
    return Place(str(folder / "root"), "linux", {"PATH": str(folder / "bin")}, SHORT_SECONDS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_program_that_is_no_help(name: str, tmp_path: Path) -> None:
    body, outcome = SCRIPTS[name]
    program(tmp_path / "bin", "nvidia-smi", body)
    begun = time.monotonic()
    machine = find(bare(tmp_path))
    assert () == machine.devices
    assert [outcome] == [probe.outcome for probe in machine.probes if probe.source == "nvidia-smi"]
    assert time.monotonic() - begun < 30  # far above the limit of 0.3 s, far below the 60 s that a program sleeps


def test_no_gpu_is_one_line_with_what_was_asked(tmp_path: Path) -> None:
    program(tmp_path / "bin", "nvidia-smi", "echo 'No devices were found'; exit 6")
    with pytest.raises(NoGpu) as error:
        on_this_machine({}, open_catalogue(), ThisMachine(bare(tmp_path)))
    assert error.value.exit_code == 4
    assert "nvidia-smi: exit code 6: No devices were found" in error.value.message
    assert "nothing at NVML, /proc/driver/nvidia" in error.value.message
    assert "\n" not in error.value.message
    assert error.value.hint is not None
    assert "-g" in error.value.hint


def test_a_program_in_the_working_directory_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one in a relative folder of PATH: whoever can write there is not asked."""
    program(tmp_path / "bin", "nvidia-smi", f"touch {tmp_path}/ran")
    monkeypatch.chdir(tmp_path / "bin")
    place = Place(str(tmp_path / "root"), "linux", {"PATH": f".{os.pathsep}{os.pathsep}../bin"}, SHORT_SECONDS)
    assert place.run("nvidia-smi").absent
    assert not (tmp_path / "ran").exists()


def test_programs_run_in_the_c_locale_without_a_shell(tmp_path: Path) -> None:
    program(tmp_path / "bin", "tool", 'echo "$LC_ALL $1 $#"')
    assert bare(tmp_path).run("tool", "$(touch x); `y` * | z").text == "C $(touch x); `y` * | z 1\n"


def test_nvml_that_hangs_or_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_nvml(tmp_path / "failing", {"fails": "Driver/library version mismatch"}, monkeypatch)
    assert [("NVML", "Driver/library version mismatch")] == [
        (probe.source, probe.outcome) for probe in find(bare(tmp_path)).probes if probe.source == "NVML"
    ]
    hanging = type("Library", (), {"nvmlInit": staticmethod(lambda: time.sleep(5))})
    monkeypatch.setattr("vramfit.importers.machine.nvml._library", lambda: hanging)
    assert "no answer in time" == next(probe.outcome for probe in find(bare(tmp_path)).probes if probe.source == "NVML")


def test_an_answer_of_other_fields_is_no_answer(tmp_path: Path) -> None:
    """Fewer are asked for, down to name and memory."""
    program(tmp_path / "bin", "nvidia-smi", "echo 'NVIDIA GeForce RTX 4090, 24564'")
    (device,) = find(bare(tmp_path)).devices
    assert ("NVIDIA GeForce RTX 4090", 24564 * 2**20, None) == (device.name, device.memory_bytes, device.free_bytes)


def test_windows_knows_the_cards_that_wsl_does_not_hand_through(tmp_path: Path) -> None:
    (tmp_path / "root/proc/sys/kernel").mkdir(parents=True)
    (tmp_path / "root/proc/sys/kernel/osrelease").write_text("6.6.87.2-microsoft-standard-WSL2\n")
    card = '{"Name":"AMD Radeon RX 7900 XTX","AdapterRAM":4293918720,"PNPDeviceID":"PCI\\\\VEN_1002&DEV_744C&SUBSYS_1"}'
    registry = '{"name":"AMD Radeon RX 7900 XTX","id":"PCI\\\\VEN_1002&DEV_744C","bytes":25753026560}'
    program(tmp_path / "bin", "powershell.exe", f"""printf '%s' '{{"cards":{card},"registry":{registry}}}'""")
    asked = on_this_machine({}, open_catalogue(), ThisMachine(bare(tmp_path)))
    assert (["rx7900xtx"], "windows") == (asked.keys["gpu"], asked.keys["platform"])


def test_a_card_whose_memory_nobody_knows(tmp_path: Path) -> None:
    program(tmp_path / "bin", "nvidia-smi", "echo '0, GPU-1, NVIDIA RTX 9999, -5, 1, 2, x, y, [N/A], z, w, 9'")
    with pytest.raises(CannotTell) as error:
        on_this_machine({}, open_catalogue(), ThisMachine(bare(tmp_path)))
    assert "the memory of NVIDIA RTX 9999 is not known" in error.value.message


def sound(device: Device) -> bool:
    """True if what a device states can be: no size below 0, parts within the whole, a name of one line."""
    total = device.memory_bytes
    parts = [one for one in (device.used_bytes, device.free_bytes) if one is not None]
    return (
        (total is None or 0 < total < 2**50)
        and all(total is not None and 0 <= part <= total for part in parts)
        and device.name.isprintable()
        and 0 < len(device.name) <= LONGEST_NAME + len(" MIG ") + LONGEST_NAME
    )


CELL = st.sampled_from(
    ["0", "-1", "1e9", "9" * 30, "24576", "[N/A]", "", "NVIDIA\x1b[31m X", "٣", "nan", "GPU-1", "\u202e"]
)


@given(st.lists(st.lists(CELL, min_size=9, max_size=13).map(", ".join), max_size=4).map("\n".join))
def test_any_csv(text: str) -> None:
    found = [device for fields in nvidia_smi.QUERIES for device in nvidia_smi.parse(text, fields)[0]]

    assert [] == [device for device in found if not sound(device)]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5) | st.floats(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["gpu_data", "asic", "vram", "size", "value", "unit", "card0", "VRAM Total Memory (B)",
                         "Card Series", "device_list", "device_name", "memory_physical_size_byte", "cards", "Name",
                         "PNPDeviceID", "AdapterRAM", "registry", "bytes", "system", "market_name", "GFX Version"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON)
def test_any_json(document: object) -> None:
    import json

    text = json.dumps(document)
    found = [*amd.parse_amd_smi(text), *amd.parse_rocm_smi(text), *intel.parse(text), *windows.parse(text)[0]]
    assert [] == [device for device in found if not sound(device)]


@given(st.text(max_size=80) | st.just("[" * 100_000))
def test_any_text(text: str) -> None:
    assert [] == amd.parse_amd_smi(text)
    assert [] == amd.parse_rocm_smi(text)
    assert [] == intel.parse(text)
    assert [] == windows.parse(text)[0]
    assert {} == apple.parse_sysctl(text)
    assert [] == nvidia_smi.listed_slices(text)
    assert {} == nvidia_smi.slice_sizes(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("24576", 24576), (" 0 ", 0), ("-1", None), ("1.5", None), ("[N/A]", None), ("", None), (None, None), ("²", None)],
)
def test_counts(text: str | None, expected: int | None) -> None:
    assert count(text) == expected


def test_sizes_names_and_numbers() -> None:
    assert (size("24576", 2**20), size("0"), size("9" * 19)) == (24576 * 2**20, None, None)
    assert clean("\x1b[31mNVIDIA\tGeForce\n\x07 RTX  4090 ") == "[31mNVIDIA GeForce RTX 4090"
    assert len(clean("x" * 1000)) == LONGEST_NAME
    assert (pci_id("0x10DE", "0x2684"), pci_id("10de", "xyz"), pci_id("10de", "12345")) == ("10de:2684", None, None)
    assert pci_address("00000000:0A:00.0") == "0000:0a:00.0"
    assert [pci_address(text) for text in ("[N/A]", "", None, "1:2", "a:b:zz")] == [None] * 5


def test_much_of_a_file_is_left_unread(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(b"x" * 10_000_000)
    (tmp_path / "pipe").mkdir()
    place = Place(str(tmp_path))
    assert len(place.read("big") or "") == 2**16
    assert place.read("pipe") is None
    assert place.read("no\0name") is None
    os.mkfifo(tmp_path / "fifo")
    assert place.read("fifo") == ""
    assert MOST_OUTPUT == 2**20
