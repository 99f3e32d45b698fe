"""GPUs and memory of a Windows machine by PowerShell: Windows' own list, and the registry of its display drivers."""

from __future__ import annotations

import json
import re

from vramfit.importers.machine.record import Device, Found, Memory, Probe, clean, number_in, pci_id, size
from vramfit.units import KIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.importers.machine.place import Place

SOURCE, INTEROP = "powershell", "powershell.exe"
"""Program on Windows, and how WSL reaches it."""
FOLDERS = ("Windows/System32/WindowsPowerShell/v1.0",)
VENDORS = {"10de": "nvidia", "1002": "amd", "8086": "intel"}
MOST_STATED = 2**32 - 2**20
"""Largest ``AdapterRAM``, an unsigned number of 32 bits: a card with more states 4,293,918,720 (oshi/oshi issue 2521)."""
KINDS = {20: "DDR", 21: "DDR2", 24: "DDR3", 26: "DDR4", 34: "DDR5", 27: "LPDDR", 28: "LPDDR2", 29: "LPDDR3",
         30: "LPDDR4", 35: "LPDDR5"}  # fmt: skip
"""Kinds of memory by their number in SMBIOS (DMTF DSP0134, table of memory device types)."""
SCRIPT = (
    "$ErrorActionPreference='SilentlyContinue';"
    "$c='HKLM:\\SYSTEM\\CurrentControlSet\\Control\\Class\\{4d36e968-e325-11ce-bfc1-08002be10318}\\0*';"
    "@{cards=@(Get-CimInstance Win32_VideoController|Select-Object Name,AdapterRAM,PNPDeviceID,DriverVersion,"
    "CurrentHorizontalResolution);"
    "registry=@(Get-ItemProperty -Path $c|ForEach-Object{@{name=$_.DriverDesc;id=$_.MatchingDeviceId;"
    "bytes=$_.'HardwareInformation.qwMemorySize'}});"
    "memory=@(Get-CimInstance Win32_PhysicalMemory|Select-Object SMBIOSMemoryType,ConfiguredClockSpeed);"
    "system=(Get-CimInstance Win32_OperatingSystem|Select-Object TotalVisibleMemorySize,FreePhysicalMemory)}"
    "|ConvertTo-Json -Depth 4 -Compress"
)
"""Question to PowerShell. The registry's class is that of display adapters, whose drivers write their memory there."""


def devices(place: Place) -> tuple[Found, Memory]:
    """GPUs and memory as Windows states them."""
    name = SOURCE if place.system == "windows" or place.program(INTEROP) is None else INTEROP
    output = place.run(name, "-NoProfile", "-NonInteractive", "-Command", SCRIPT, folders=FOLDERS)
    if output.problem is not None:
        return Found((), (Probe(SOURCE, output.problem, absent=output.absent),)), Memory()
    found, memory, driver = parse(output.text)
    probe = Probe(SOURCE, f"{len(found)} device{'' if len(found) == 1 else 's'}" if found else "no GPU in its answer")
    return Found(tuple(found), (probe,), driver), memory


def parse(text: str) -> tuple[list[Device], Memory, str | None]:
    """GPUs, memory and the first driver's version in the answer to ``SCRIPT``."""
    try:
        document = json.loads(text[text.find("{") :])
    except (ValueError, RecursionError):
        return [], Memory(), None
    if not isinstance(document, dict):
        return [], Memory(), None
    sizes = _registered(_rows(document, "registry"))
    system = document.get("system")
    system = system if isinstance(system, dict) else {}
    total, free = [size(str(system.get(name)), KIB) for name in ("TotalVisibleMemorySize", "FreePhysicalMemory")]
    found, driver = [], None
    for row in _rows(document, "cards"):
        device = _device(row, sizes, total)
        if device is not None:
            found.append(device)
            driver = driver or clean(str(row.get("DriverVersion") or "")) or None
    return found, Memory(total, free, _kind(_rows(document, "memory"))), driver


def _device(row: dict[str, Any], sizes: dict[str, int], machine_bytes: int | None) -> Device | None:
    """GPU of one row; None for what is no PCI device of a known vendor (remote displays, virtual ones).

    An integrated GPU has what Windows lets it borrow, which nothing states; its carve-out is not in the machine's bytes.
    """
    name, place = clean(str(row.get("Name") or "")), str(row.get("PNPDeviceID") or "")
    numbers = re.match(r"PCI\\VEN_([0-9A-F]{4})&DEV_([0-9A-F]{4})", place, re.IGNORECASE)
    vendor = None if numbers is None else VENDORS.get(numbers[1].lower())
    if not name or numbers is None or vendor is None:
        return None
    number = pci_id(numbers[1], numbers[2])
    stated = number_in(row, "AdapterRAM")
    small = None if stated is None or stated >= MOST_STATED or stated == 0 else stated
    total = sizes.get(number or "") or sizes.get(name) or small
    integrated = _is_integrated(vendor, name)
    return Device(
        name, vendor, SOURCE, None if integrated else total,
        gap="Windows' list does not state it", pci_id=number, display=bool(row.get("CurrentHorizontalResolution")),
        integrated=integrated, unified=integrated,
        shared_bytes=machine_bytes + (total or 0) if integrated and machine_bytes is not None else None,
    )  # fmt: skip


def _is_integrated(vendor: str, name: str) -> bool:
    """True for a GPU inside a processor, by the vendors' names: Intel's cards are called Arc A or B, AMD's end in no
    ``Graphics`` (``AMD Radeon(TM) 8060S Graphics``)."""
    if vendor == "intel":
        return not re.search(r"Arc(\(TM\))? (Pro )?[AB]\d", name)
    return vendor == "amd" and name.endswith("Graphics") and " RX " not in name


def _registered(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Bytes of each card that its driver wrote into the registry, by PCI id and by name."""
    found: dict[str, int] = {}
    for row in rows:
        total = size(str(row.get("bytes")))
        numbers = re.match(r"pci\\ven_([0-9a-f]{4})&dev_([0-9a-f]{4})", str(row.get("id") or ""), re.IGNORECASE)
        number = None if numbers is None else pci_id(numbers[1], numbers[2])
        for key in (number, clean(str(row.get("name") or ""))):
            if total is not None and key:
                found[key] = min(total, found.get(key, total))
    return found


def _kind(rows: list[dict[str, Any]]) -> str | None:
    """Kind of the memory with its rate, ``DDR5-5600``, if all modules are of one kind."""
    kinds = {(number_in(row, "SMBIOSMemoryType"), number_in(row, "ConfiguredClockSpeed")) for row in rows}
    if len(kinds) != 1:
        return None
    number, rate = kinds.pop()
    kind = KINDS.get(number or 0)
    return f"{kind}-{rate}" if kind and rate else kind


def _rows(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Objects under a key; ConvertTo-Json of Windows PowerShell 5 writes a list of one as the object alone."""
    rows = document.get(name)
    return [row for row in (rows if isinstance(rows, list) else [rows]) if isinstance(row, dict)]
