"""AMD's GPUs: by the files of the kernel's drivers amdgpu and KFD, with names of ``amd-smi`` or ``rocm-smi``."""

from __future__ import annotations

import json

from vramfit._record import replace
from vramfit.importers.machine import drm
from vramfit.importers.machine.record import (
    Device,
    Found,
    Probe,
    clean,
    count,
    number_in,
    part,
    pci_address,
    pci_id,
    size,
)
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from vramfit.importers.machine.place import Place
    from vramfit.importers.machine.record import Memory

VENDOR = "1002"
SYSFS, AMD_SMI, ROCM_SMI = "/sys/class/drm (amdgpu)", "amd-smi", "rocm-smi"
FOLDERS = ("opt/rocm/bin",)
INTEGRATED = ("gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036", "gfx1037", "gfx1103", "gfx1150",
              "gfx1151", "gfx1152", "gfx1153")  # fmt: skip
"""Targets that are APUs (LLVM, User Guide for AMDGPU Backend, table of processors)."""
PAGE_BYTES = 4096
"""Bytes of a page of the machines that have APUs."""
NODES = ("sys", "class", "kfd", "kfd", "topology", "nodes")
SMALL_CARVE_OUT = 2**31
"""Largest memory of its own that an AMD GPU of unknown target may have and still be taken for an APU; no card that
amdgpu drives and catalogues list has less."""
UNNAMED = "AMD GPU"
"""Name of a device whose marketing name nothing states, in front of its number."""
NOT_STATED = "amdgpu does not state its memory"


def devices(place: Place, memory: Memory) -> Found:
    """GPUs of amdgpu's files; names and missing sizes by AMD's programs, where one is installed."""
    targets = kfd_targets(place)
    found = [_device(place, card, targets, memory) for card in drm.cards(place, VENDOR)]
    probes = [Probe(SYSFS, f"{len(found)} device{'' if len(found) == 1 else 's'}" if found else "no GPU", not found)]
    for source, arguments, parse in _PROGRAMS:
        output = place.run(source, *arguments, folders=FOLDERS)
        if output.problem is not None:
            probes.append(Probe(source, output.problem, absent=output.absent))
            continue
        named = parse(output.text)
        probes.append(
            Probe(source, f"{len(named)} device{'' if len(named) == 1 else 's'}" if named else "no GPU in its answer")
        )
        found = merged(found, named)
        if named:
            break
    version = place.read("sys", "module", "amdgpu", "version")
    return Found(tuple(found), tuple(probes), clean(version) if version else None)


def _device(place: Place, card: drm.Card, targets: Mapping[str, str], memory: Memory) -> Device:
    """GPU of amdgpu's files, an APU with the larger of its two pools."""

    def state(name: str) -> int | None:
        return count(place.read(*card.folder, f"mem_info_{name}"))

    own, used, lent = state("vram_total"), state("vram_used"), state("gtt_total")
    target = targets.get(card.pci_address or "")
    guessed = target is None and own is not None and own <= SMALL_CARVE_OUT and (lent or 0) > own
    integrated = target in INTEGRATED or guessed
    total = own
    if integrated and own is not None and lent is not None:
        total, used, free = _pool(place, own, used, lent, state("gtt_used"), memory)
    else:
        used = part(used, total)
        free = None if used is None or total is None else total - used
    name = clean(place.read(*card.folder, "product_name") or "")
    return Device(
        name or f"{UNNAMED} {card.pci_id}", "amd", SYSFS, total or None, used_bytes=used, free_bytes=free,
        gap=None if used is not None else NOT_STATED,
        pci_id=card.pci_id, pci_address=card.pci_address, compute_target=target, display=card.display,
        integrated=integrated, unified=integrated, usable_bytes=total or None if integrated else None,
        shared_bytes=(own or 0) + memory.total_bytes if integrated and memory.total_bytes else None,
    )  # fmt: skip


def _pool(
    place: Place, own: int, own_used: int | None, lent: int, lent_used: int | None, memory: Memory
) -> tuple[int, int | None, int | None]:
    """Total, used and free bytes of an APU: of its carve-out, or of the pages that GTT lends it, whichever is larger.

    ROCm allocates from one of them: with 4 GiB of carve-out and 96 GiB of GTT it reports 98,304 MiB (noamsto/nix-amd-ai
    issue 42). What GTT may lend, TTM limits, and the machine does: with ``amdgpu.gttsize`` alone at 128 GiB it reports
    62.47 GiB, half of 124.92 (ROCm/legacy-rocm-build issue 6004).
    """
    pages = count(place.read("sys", "module", "ttm", "parameters", "pages_limit"))
    limits = [lent, memory.total_bytes or lent] + ([pages * PAGE_BYTES] if pages else [])
    lent = min(limits)
    if own >= lent:
        used = part(own_used, own)
        return own, used, None if used is None else own - used
    used = None if lent_used is None else min(lent_used, lent)
    free = None if used is None else lent - used
    if free is not None and memory.available_bytes is not None:
        free = min(free, memory.available_bytes)
    return lent, used, free


def kfd_targets(place: Place) -> dict[str, str]:
    """Compute targets of KFD's nodes by PCI address: ``gfx_target_version 90402`` is gfx942 (ROCm/rocm-cli PR 343)."""
    found = {}
    for node in place.names(*NODES):
        lines = (place.read(*NODES, node, "properties") or "").splitlines()
        values = {key: count(value) for key, _, value in (line.partition(" ") for line in lines)}
        version, place_id = values.get("gfx_target_version"), values.get("location_id")
        if version and place_id is not None:
            major, minor, step = version // 10000, version // 100 % 100, version % 100
            bus, slot, function = place_id >> 8 & 0xFF, place_id >> 3 & 0x1F, place_id & 7
            address = f"{values.get('domain') or 0:04x}:{bus:02x}:{slot:02x}.{function}"
            found[address] = f"gfx{major}{minor:x}{step:x}"
    return found


def parse_amd_smi(text: str) -> list[Device]:
    """GPUs of ``amd-smi static --asic --bus --vram --json``: a list of objects, from version 7 on under ``gpu_data``."""
    document = _json(text)
    rows = document.get("gpu_data") if isinstance(document, dict) else document
    found = []
    for row in rows if isinstance(rows, list) else ():
        asic, bus, vram = (_object(row, name) for name in ("asic", "bus", "vram"))
        if not asic:
            continue
        sized = _object(vram, "size")
        total = number_in(sized, "value") if sized.get("unit") in ("MB", "MiB") else None
        target = clean(str(asic.get("target_graphics_version") or ""))
        found.append(
            _named(AMD_SMI, asic.get("market_name"), str(asic.get("device_id") or ""), bus.get("bdf"),
                   target, None if total is None else total * MIB, None)
        )  # fmt: skip
    return found


def parse_rocm_smi(text: str) -> list[Device]:
    """GPUs of ``rocm-smi --showproductname --showbus --showmeminfo all --json``, whose values are all texts.

    Before 6.0 keys are in other cases (``Card series``).
    """
    document = _json(text)
    found = []
    for name, row in document.items() if isinstance(document, dict) else ():
        if not name.startswith("card") or not isinstance(row, dict):
            continue
        values = {str(key).lower(): str(value) for key, value in row.items()}
        target = clean(values.get("gfx version", ""))
        total, used = size(values.get("vram total memory (b)")), count(values.get("vram total used memory (b)"))
        lent, lent_used = size(values.get("gtt total memory (b)")), count(values.get("gtt total used memory (b)"))
        if target in INTEGRATED and total is not None and lent is not None and lent > total:
            total, used = lent, lent_used
        found.append(
            _named(
                ROCM_SMI,
                values.get("card series"),
                values.get("card model", ""),
                values.get("pci bus"),
                target,
                total,
                used,
            )
        )
    return found


def _named(
    source: str, name: Any, device_id: str, address: Any, target: str, total: int | None, used: int | None
) -> Device:
    """Device of a row of one of AMD's programs; a model that is written out (``Radeon RX 7900``) is no PCI id."""
    words = clean(str(name or ""))
    number = pci_id(VENDOR, device_id)
    used = part(used, total)
    integrated = target in INTEGRATED
    return Device(
        words if words not in ("", "N/A") else f"{UNNAMED} {number or ''}".strip(), "amd", source, total,
        used_bytes=used,
        free_bytes=None if used is None or total is None else total - used,
        gap=None if used is not None else f"{source} does not state it",
        pci_id=number, pci_address=pci_address(str(address or "")),
        compute_target=target if target.startswith("gfx") else None,
        integrated=integrated, unified=integrated, usable_bytes=total if integrated else None,
    )  # fmt: skip


def merged(found: Sequence[Device], named: Sequence[Device]) -> list[Device]:
    """Devices of the files with what a program adds to them; the program's own where the files have none.

    A device of both is known by its address on the bus, or by its number where there are as many of each.
    """
    if not found:
        return list(named)
    by_address = {one.pci_address: one for one in named if one.pci_address is not None}
    in_order = dict(enumerate(named)) if len(named) == len(found) and not by_address else {}
    return [
        _completed(device, by_address.get(device.pci_address or "") or in_order.get(number))
        for number, device in enumerate(found)
    ]


def _completed(device: Device, other: Device | None) -> Device:
    """Device of the files with the name of a program's row, and with its sizes where the files have none."""
    if other is None:
        return device
    changes: dict[str, Any] = {"compute_target": device.compute_target or other.compute_target}
    if not other.name.startswith(UNNAMED):
        changes["name"] = other.name
    if device.memory_bytes is None:
        changes |= {name: getattr(other, name) for name in ("memory_bytes", "used_bytes", "free_bytes", "gap")}
    return replace(device, **changes)


def _json(text: str) -> Any:
    """JSON of an output, in front of which a program may print warnings; None for none."""
    starts = [at for at in (text.find("{"), text.find("[")) if at >= 0]
    if not starts:
        return None
    try:
        return json.JSONDecoder().raw_decode(text[min(starts) :])[0]
    except (ValueError, RecursionError):
        return None


def _object(row: Any, name: str) -> dict[str, Any]:
    found = row.get(name) if isinstance(row, dict) else None
    return found if isinstance(found, dict) else {}


_PROGRAMS = (
    (AMD_SMI, ("static", "--asic", "--bus", "--vram", "--json"), parse_amd_smi),
    (ROCM_SMI, ("--showproductname", "--showbus", "--showmeminfo", "all", "--json"), parse_rocm_smi),
)
