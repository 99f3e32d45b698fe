"""NVIDIA's GPUs by ``nvidia-smi``, and by the kernel module's own files where there is no such program."""

from __future__ import annotations

import re

from vramfit._record import Record, replace
from vramfit.importers.machine.place import Output
from vramfit.importers.machine.record import Device, Found, Probe, clean, count, part, pci_address, pci_id, size
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.importers.machine.place import Place

SOURCE = "nvidia-smi"
FOLDERS = ("usr/lib/wsl/lib", "Windows/System32", "Program Files/NVIDIA Corporation/NVSMI")
"""Folders that have the program where ``PATH`` has not: WSL, Windows, Windows with drivers before 2019."""
QUERIES = (
    (
        "index", "uuid", "name", "memory.total", "memory.used", "memory.free", "pci.bus_id", "pci.device_id",
        "mig.mode.current", "compute_cap", "display_active", "driver_version",
    ),
    ("index", "uuid", "name", "memory.total", "memory.used", "memory.free", "pci.bus_id", "pci.device_id", "driver_version"),
    ("name", "memory.total"),
)  # fmt: skip
"""Fields to ask for, the newest drivers' first: a driver that lacks one prints an error and nothing else. 470 has no
``compute_cap`` (huggingface/candle issue 733), 418 no ``mig.mode.current``."""
NOT_STATED = "nvidia-smi does not state its memory"
MOST_DEVICES = 64


def devices(place: Place) -> Found:
    """GPUs and MIG slices that ``nvidia-smi`` states."""
    output, driver = Output("", None), None
    found: list[Device] = []
    for fields in QUERIES:
        output = place.run(SOURCE, f"--query-gpu={','.join(fields)}", "--format=csv,noheader,nounits", folders=FOLDERS)
        found, driver = ([], None) if output.problem is not None else parse(output.text, fields)
        if found or (output.problem is not None and "not a valid field" not in output.text):
            break
    if output.problem is not None:
        return Found((), (Probe(SOURCE, output.problem, absent=output.absent),))
    if not found:
        line = clean(output.text.strip().partition("\n")[0])
        return Found((), (Probe(SOURCE, f"no GPU in its answer{f': {line}' if line else ''}"),))
    if any(device.mig_enabled for device in found):
        found = _divided(place, found)
    probe = Probe(SOURCE, f"{len(found)} device{'' if len(found) == 1 else 's'}")
    return Found(tuple(found), (probe,), driver)


def parse(text: str, fields: Sequence[str]) -> tuple[list[Device], str | None]:
    """Devices of the lines of a CSV answer with such fields, and the driver's version.

    Lines with another number of fields are no answer. Sizes that a device does not state (``[N/A]``, ``[Not
    Supported]``) are None.
    """
    found = []
    driver = None
    for line in text.splitlines()[:MOST_DEVICES]:
        values = [clean(value) for value in line.split(",")]
        if len(values) != len(fields):
            continue
        row = dict(zip(fields, values, strict=True))
        total = size(row["memory.total"], MIB)
        device_id = row.get("pci.device_id", "").lower().removeprefix("0x")
        capability = row.get("compute_cap", "").split(".")
        if not row["name"] or row["name"].startswith("["):
            continue
        found.append(
            Device(
                row["name"], "nvidia", SOURCE, total,
                used_bytes=part(_mib(row.get("memory.used")), total),
                free_bytes=part(_mib(row.get("memory.free")), total),
                gap=NOT_STATED if total is None else "this driver's nvidia-smi does not state it" if "memory.free" not in row
                else None,
                pci_id=pci_id(device_id[4:], device_id[:4]) if len(device_id) == 8 else None,
                pci_address=pci_address(row.get("pci.bus_id")),
                uuid=row.get("uuid"),
                compute_target=f"sm_{''.join(capability)}" if len(capability) == 2 and all(map(str.isdecimal, capability))
                else None,
                display={"Enabled": True, "Yes": True, "Disabled": False, "No": False}.get(row.get("display_active", "")),
                mig_enabled=row.get("mig.mode.current") == "Enabled",
            )
        )  # fmt: skip
        version = row.get("driver_version", "")
        driver = version if version[:1].isdecimal() else driver
    return found, driver


def _mib(text: str | None) -> int | None:
    number = count(text)
    return None if number is None else number * MIB


class _Slice(Record):
    """MIG slice as two outputs of the program state it."""

    gpu: int
    number: int
    profile: str
    uuid: str


def _divided(place: Place, found: Sequence[Device]) -> list[Device]:
    """Devices with their MIG slices behind them: profiles of ``nvidia-smi -L``, sizes of the table of ``nvidia-smi``."""
    slices = listed_slices(place.run(SOURCE, "-L", folders=FOLDERS).text)
    sizes = slice_sizes(place.run(SOURCE, folders=FOLDERS).text)
    every: list[Device] = []
    for number, device in enumerate(found):
        every.append(device)
        for one in slices:
            if one.gpu == number and device.mig_enabled:
                used, total = sizes.get((one.gpu, one.number), (None, None))
                free = None if used is None or total is None else total - used
                every.append(
                    replace(
                        device, name=f"{device.name} MIG {one.profile}", memory_bytes=total, used_bytes=used, free_bytes=free,
                        gap=NOT_STATED if total is None else None, uuid=one.uuid, mig_parent=device.name,
                        mig_profile=one.profile, mig_enabled=False, display=None,
                    )
                )  # fmt: skip
    return every


def listed_slices(text: str) -> list[_Slice]:
    """Slices of ``nvidia-smi -L``: ``MIG 1g.10gb     Device  3: (UUID: MIG-…)`` below ``GPU 0: NAME (UUID: GPU-…)``."""
    found: list[_Slice] = []
    gpu = -1
    for line in text.splitlines():
        above = re.match(r"GPU (\d{1,3}): ", line)
        below = re.match(r"\s+MIG (\S{1,40})\s+Device\s+(\d{1,3}): \(UUID: (MIG-[^)]{1,80})\)", line)
        if above:
            gpu = int(above[1])
        elif below and gpu >= 0 and len(found) < MOST_DEVICES:
            found.append(_Slice(gpu, int(below[2]), clean(below[1]), clean(below[3])))
    return found


def slice_sizes(text: str) -> dict[tuple[int, int], tuple[int, int]]:
    """Used and total bytes of each slice in the table ``MIG devices``, by the numbers of GPU and slice."""
    found: dict[tuple[int, int], tuple[int, int]] = {}
    _, _, table = text.partition("MIG devices")
    for line in table.partition("Processes")[0].splitlines():
        row = re.match(r"\|\s+(\d{1,3})\s+\d{1,3}\s+\d{1,3}\s+(\d{1,3})\s+\|\s+(\d{1,9})MiB\s*/\s*(\d{1,9})MiB", line)
        if row and int(row[3]) <= int(row[4]):
            found[int(row[1]), int(row[2])] = (int(row[3]) * MIB, int(row[4]) * MIB)
    return found


def module_devices(place: Place) -> Found:
    """GPUs of the kernel module's files, which a container may have without any program: names alone."""
    source = "/proc/driver/nvidia"
    folder = ("proc", "driver", "nvidia")
    found = []
    for name in place.names(*folder, "gpus")[:MOST_DEVICES]:
        text = place.read(*folder, "gpus", name, "information") or ""
        values = {key.strip(): clean(value) for key, _, value in (line.partition(":") for line in text.splitlines())}
        if values.get("Model"):
            address = pci_address(values.get("Bus Location") or name)
            uuid = values.get("GPU UUID", "")
            found.append(
                Device(values["Model"], "nvidia", source, gap=f"{source} does not state its memory", pci_address=address,
                       uuid=uuid if uuid.startswith("GPU-") and "?" not in uuid else None)
            )  # fmt: skip
    if not found:
        return Found((), (Probe(source, "no GPU", absent=not place.exists(*folder)),))
    version = re.search(r"Kernel Module\D{0,40}(\d[\d.]{1,20})", place.read(*folder, "version") or "")
    probe = Probe(source, f"{len(found)} device{'' if len(found) == 1 else 's'}")
    return Found(tuple(found), (probe,), version[1] if version else None)
