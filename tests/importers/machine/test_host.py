"""Memory of a Linux machine: the kernel's numbers, limits of cgroups, the kind of the modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vramfit.importers.machine.host import is_wsl, memory, module_kind
from vramfit.importers.machine.place import Place
from vramfit.importers.machine.record import Memory

if TYPE_CHECKING:
    from pathlib import Path

MEMINFO = {"proc/meminfo": "MemTotal:       65536000 kB\nMemFree: 1 kB\nMemAvailable:   32768000 kB\n"}
TOTAL, AVAILABLE = 65536000 * 1024, 32768000 * 1024


def rooted(folder: Path, files: dict[str, str | bytes]) -> Place:
    for path, content in files.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    return Place(str(folder), "linux", {})


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, Memory(TOTAL, AVAILABLE)),
        ({"sys/fs/cgroup/memory.max": "max\n"}, Memory(TOTAL, AVAILABLE)),
        ({"sys/fs/cgroup/memory.max": f"{TOTAL}\n"}, Memory(TOTAL, AVAILABLE)),
        (
            {"sys/fs/cgroup/memory.max": "8000000000\n", "sys/fs/cgroup/memory.current": "3000000000\n",
             "sys/fs/cgroup/memory.stat": "anon 1\ninactive_file 1000000000\n"},
            Memory(8000000000, 6000000000, None, "cgroup v2"),
        ),
        (
            {"proc/self/cgroup": "0::/user.slice/app\n", "sys/fs/cgroup/user.slice/memory.max": "50000000000\n",
             "sys/fs/cgroup/user.slice/app/memory.max": "9000000000\n",
             "sys/fs/cgroup/user.slice/app/memory.current": "10000000000\n"},
            Memory(9000000000, 0, None, "cgroup v2"),
        ),
        (
            {"proc/self/cgroup": "4:memory:/docker/1\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "7000000000\n",
             "sys/fs/cgroup/memory/memory.usage_in_bytes": "1000000000\n"},
            Memory(7000000000, 6000000000, None, "cgroup v1"),
        ),
        ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, Memory(TOTAL, AVAILABLE)),
        ({"proc/self/cgroup": "0::/../../../etc\n", "sys/fs/cgroup/etc/memory.max": "1\n"},
         Memory(1, 1, None, "cgroup v2")),
    ],
)  # fmt: skip
def test_limits(files: dict[str, str | bytes], expected: Memory, tmp_path: Path) -> None:
    assert memory(rooted(tmp_path, {**MEMINFO, **files})) == expected


def test_no_files_at_all(tmp_path: Path) -> None:
    assert memory(rooted(tmp_path, {})) == Memory()


def structure(kind: int, speed: int, configured: int) -> bytes:
    """SMBIOS structure of a memory device with fields that count: kind, speed, configured speed."""
    content = bytearray(0x28)
    content[0], content[0x12] = 17, kind
    content[0x15:0x17], content[0x20:0x22] = speed.to_bytes(2, "little"), configured.to_bytes(2, "little")
    return bytes(content)


@pytest.mark.parametrize(
    ("modules", "expected"),
    [
        ([structure(34, 5600, 5200), structure(34, 5600, 5200)], "DDR5-5200"),
        ([structure(26, 3200, 0)], "DDR4-3200"),
        ([structure(34, 5600, 5600), structure(2, 0, 0)], "DDR5-5600"),
        ([structure(34, 5600, 5600), structure(26, 3200, 3200)], None),
        ([b"\x11"], None),
        ([structure(35, 0, 0)], "LPDDR5"),
    ],
)
def test_kinds_of_smbios(modules: list[bytes], expected: str | None, tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        f"sys/firmware/dmi/entries/17-{number}/raw": one for number, one in enumerate(modules)
    }
    assert module_kind(rooted(tmp_path, files)) == expected


def test_kinds_of_edac(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "sys/devices/system/edac/mc/mc0/dimm0/dimm_mem_type": "Registered-DDR4\n",
        "sys/devices/system/edac/mc/mc0/dimm4/dimm_mem_type": "Registered-DDR4\n",
    }
    assert module_kind(rooted(tmp_path, files)) == "DDR4"


def test_wsl(tmp_path: Path) -> None:
    assert not is_wsl(rooted(tmp_path / "a", {"proc/sys/kernel/osrelease": "6.8.0-49-generic\n"}))
    assert is_wsl(rooted(tmp_path / "b", {"proc/sys/kernel/osrelease": "5.10.16.3-microsoft-standard-WSL2\n"}))
