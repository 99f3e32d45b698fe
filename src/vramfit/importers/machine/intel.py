"""Intel's GPUs: by the files of the kernel's drivers i915 and xe, with names and sizes of ``xpu-smi``."""

from __future__ import annotations

import json

from vramfit._record import replace
from vramfit.importers.machine import drm
from vramfit.importers.machine.record import Device, Found, Probe, clean, number_in, part, pci_address, pci_id, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.machine.place import Place

VENDOR = "8086"
SYSFS, XPU_SMI = "/sys/class/drm (i915, xe)", "xpu-smi"
INTEGRATED_ADDRESS = "0000:00:02.0"
"""Address of the GPU inside every Intel processor (Intel Graphics PRM, "Device 2")."""
MOST_ASKED = 8
NOT_STATED = "the kernel's files do not state it"


def devices(place: Place) -> Found:
    """GPUs of the kernel's files; ``xpu-smi`` is asked only where there is one with memory of its own."""
    found = [_device(card) for card in drm.cards(place, VENDOR)]
    probes = [Probe(SYSFS, f"{len(found)} device{'' if len(found) == 1 else 's'}" if found else "no GPU", not found)]
    if all(device.integrated for device in found) and (found or place.program(XPU_SMI) is None):
        return Found(tuple(found), tuple(probes))
    output = place.run(XPU_SMI, "discovery", "-j")
    if output.problem is not None:
        return Found(tuple(found), (*probes, Probe(XPU_SMI, output.problem, absent=output.absent)))
    rows = parse(output.text)
    for number, row in enumerate(rows[:MOST_ASKED]):
        if row.memory_bytes is None:  # versions 1.x state sizes of one device at a time
            more = parse(place.run(XPU_SMI, "discovery", "-d", str(number), "-j").text)
            rows[number] = more[0] if len(more) == 1 else row
    probes.append(
        Probe(XPU_SMI, f"{len(rows)} device{'' if len(rows) == 1 else 's'}" if rows else "no GPU in its answer")
    )
    return Found(tuple(_merged(found, rows)), tuple(probes))


def _device(card: drm.Card) -> Device:
    integrated = card.pci_address == INTEGRATED_ADDRESS
    return Device(
        f"Intel GPU {card.pci_id}", "intel", SYSFS, gap=NOT_STATED, pci_id=card.pci_id, pci_address=card.pci_address,
        display=card.display, integrated=integrated, unified=integrated,
    )  # fmt: skip


def parse(text: str) -> list[Device]:
    """GPUs of ``xpu-smi discovery -j``, or the one of ``discovery -d N -j``.

    The physical size counts; what one allocation may take is wrong on some parts (intel/xpumanager issue 117).
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return []
    rows = document.get("device_list", [document]) if isinstance(document, dict) else []
    found = []
    for row in rows if isinstance(rows, list) else ():
        name = clean(str(row.get("device_name") or "")) if isinstance(row, dict) else ""
        if not name:
            continue
        total = size(str(row.get("memory_physical_size_byte") or ""))
        free = part(number_in(row, "memory_free_size_byte"), total)
        address = pci_address(str(row.get("pci_bdf_address") or ""))
        found.append(
            Device(
                name, "intel", XPU_SMI, total,
                used_bytes=None if free is None or total is None else total - free, free_bytes=free,
                gap=None if free is not None else "xpu-smi does not state it",
                pci_id=pci_id(VENDOR, str(row.get("pci_device_id") or "")), pci_address=address,
                integrated=address == INTEGRATED_ADDRESS, unified=address == INTEGRATED_ADDRESS,
            )
        )  # fmt: skip
    return found


def _merged(found: list[Device], rows: list[Device]) -> list[Device]:
    """Devices of the program, with displays of the files, and those of the files that the program leaves out."""
    by_address = {device.pci_address: device for device in found}
    every = []
    for row in rows:
        known = by_address.pop(row.pci_address, None)
        every.append(row if known is None else replace(row, display=known.display))
    return [*every, *by_address.values()] if rows else found
