"""Memory of a Linux machine: ``/proc/meminfo``, the limits of cgroups, and the kind of its modules."""

from __future__ import annotations

from vramfit.importers.machine.record import Memory, count, size
from vramfit.importers.machine.windows import KINDS
from vramfit.units import KIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.machine.place import Place

V2, V1 = ("sys", "fs", "cgroup"), ("sys", "fs", "cgroup", "memory")
DEEPEST = 32
MODULE = "17-"
"""Beginning of the folders of SMBIOS structures of type 17, memory devices (DMTF DSP0134)."""
TYPE_AT, SPEED_AT, CONFIGURED_AT = 0x12, 0x15, 0x20
"""Offsets in such a structure: the kind, the speed in MT/s, the configured speed."""


def memory(place: Place) -> Memory:
    """Memory that programs here can have: the machine's, or the least limit of the cgroups that they are in."""
    lines = (place.read("proc", "meminfo") or "").splitlines()
    stated = {name: value.split()[:1] for name, _, value in (line.partition(":") for line in lines)}

    def kib(name: str) -> int | None:
        return size("".join(stated.get(name, [])), KIB)

    total, available = kib("MemTotal"), kib("MemAvailable")
    limit, used, source = _limit(place)
    kind = module_kind(place)
    if limit is None or (total is not None and limit >= total):
        return Memory(total, available, kind)
    left = limit if used is None else max(0, limit - used)
    return Memory(limit, left if available is None else min(left, available), kind, source)


def _limit(place: Place) -> tuple[int | None, int | None, str]:
    """Least limit of the cgroups, bytes used of it, and their version.

    In a container the root of its own namespace has the limit; outside, each folder on the way to the program's may.
    """
    own = (place.read("proc", "self", "cgroup") or "").splitlines()
    second = next((line.partition("::")[2] for line in own if line.startswith("0::")), "/")
    first = next((line.split(":", 2)[2] for line in own if ":memory:" in line and line.count(":") >= 2), "/")
    found: list[tuple[int, int | None, str]] = []
    for base, path, limit, used, idle, version in (
        (V2, second, "memory.max", "memory.current", "inactive_file", "cgroup v2"),
        (V1, first, "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", "cgroup v1"),
    ):
        parts = [part for part in path.split("/") if part not in ("", ".", "..")][:DEEPEST]
        for depth in range(len(parts) + 1):
            folder = (*base, *parts[:depth])
            most = size(place.read(*folder, limit))
            if most is not None:
                found.append((most, _used(place, folder, used, idle), version))
    return min(found, default=(None, None, ""), key=lambda one: one[0])


def _used(place: Place, folder: tuple[str, ...], used: str, idle: str) -> int | None:
    """Bytes that a cgroup holds, without pages of files that the kernel drops when memory is asked for."""
    usage = count(place.read(*folder, used))
    if usage is None:
        return None
    lines = (place.read(*folder, "memory.stat") or "").splitlines()
    files = next((count(line.partition(" ")[2]) for line in lines if line.startswith(f"{idle} ")), None)
    return max(0, usage - (files or 0))


def module_kind(place: Place) -> str | None:
    """Kind of the memory's modules: by SMBIOS, which root may read, or by EDAC on machines that check errors.

    None where neither can be read, or where modules differ.
    """
    folder = ("sys", "firmware", "dmi", "entries")
    kinds = {
        _smbios_kind(place.read_bytes(*folder, name, "raw") or b"")
        for name in place.names(*folder)
        if name.startswith(MODULE)
    } - {None}
    if not kinds:
        memory_controllers = ("sys", "devices", "system", "edac", "mc")
        for controller in place.names(*memory_controllers):
            for module in place.names(*memory_controllers, controller):
                word = (place.read(*memory_controllers, controller, module, "dimm_mem_type") or "").strip()
                kinds.add(word.rpartition("-")[2] if "DDR" in word else None)
        kinds -= {None}
    return kinds.pop() if len(kinds) == 1 else None


def _smbios_kind(content: bytes) -> str | None:
    """``DDR5-5600`` of a structure of type 17; None for an empty slot."""
    if len(content) < SPEED_AT + 2:
        return None
    kind = KINDS.get(content[TYPE_AT])
    speeds = [content[at : at + 2] for at in (CONFIGURED_AT, SPEED_AT)]
    rate = next((int.from_bytes(two, "little") for two in speeds if len(two) == 2 and any(two)), 0)
    return None if kind is None else f"{kind}-{rate}" if 0 < rate < 0xFFFF else kind


def is_wsl(place: Place) -> bool:
    """True in the Windows Subsystem for Linux, whose kernel says so and whose GPUs Windows' drivers share out."""
    return "microsoft" in (place.read("proc", "sys", "kernel", "osrelease") or "").lower()
