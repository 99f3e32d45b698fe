"""Apple's machines by ``sysctl`` and ``system_profiler``."""

from __future__ import annotations

import json

from vramfit.importers.machine.record import Device, Found, Memory, Probe, clean, count, size
from vramfit.units import MIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.importers.machine.place import Place

SYSCTL, PROFILER = "sysctl", "system_profiler"
NAMES = ("hw.memsize", "machdep.cpu.brand_string", "iogpu.wired_limit_mb")
FOLDERS = ("usr/sbin",)
NOT_STATED = "macOS moves memory between programs and the GPU as it is asked for"


def devices(place: Place) -> tuple[Found, Memory]:
    """GPU of a Mac, and its memory, which is the same; of an Intel Mac the cards that it states a size for."""
    output = place.run(SYSCTL, *NAMES, folders=FOLDERS)
    values = parse_sysctl(output.text)  # it fails where a version lacks one of the names, and prints the others
    total, chip = size(values.get("hw.memsize")), clean(values.get("machdep.cpu.brand_string", ""))
    problem = output.problem or "no answer"
    probes = [Probe(SYSCTL, f"{chip or 'no chip'}, {total or 0} bytes" if values else problem, absent=output.absent)]
    shown = place.run(PROFILER, "SPDisplaysDataType", "SPMemoryDataType", "-json", folders=FOLDERS)
    document = _object(shown.text)
    rows = _rows(document, "SPDisplaysDataType")
    probes.append(
        Probe(PROFILER, shown.problem or f"{len(rows)} GPU{'' if len(rows) == 1 else 's'}", absent=shown.absent)
    )
    memory = Memory(total, None, _kind(document))
    if chip.startswith("Apple"):
        limit = size(values.get("iogpu.wired_limit_mb"), MIB)
        first = rows[0] if rows else {}
        device = Device(
            chip, "apple", SYSCTL, total, gap=NOT_STATED, cores=count(str(first.get("sppci_cores") or "")),
            unified=True, usable_bytes=limit, display=bool(first.get("spdisplays_ndrvs")) if rows else None,
        )  # fmt: skip
        return Found((device,), tuple(probes)), memory
    return Found(tuple(_cards(rows)), tuple(probes)), memory


def parse_sysctl(text: str) -> dict[str, str]:
    """Values of ``sysctl NAME…`` by name, of lines such as ``hw.memsize: 38654705664``."""
    pairs = [line.partition(": ") for line in text.splitlines()]
    return {name: value.strip() for name, _, value in pairs if name in NAMES}


def _cards(rows: list[dict[str, Any]]) -> list[Device]:
    """Cards of an Intel Mac with memory of their own: ``spdisplays_vram`` is ``8 GB`` or ``1536 MB``."""
    found = []
    for row in rows:
        number, _, unit = clean(str(row.get("spdisplays_vram") or "")).partition(" ")
        total = size(number, {"GB": 1024 * MIB, "MB": MIB}.get(unit, 0))
        name = clean(str(row.get("sppci_model") or row.get("_name") or ""))
        if name and total:
            vendor = "amd" if "radeon" in name.lower() else "nvidia" if "geforce" in name.lower() else "intel"
            found.append(Device(name, vendor, PROFILER, total, gap="macOS does not state it"))
    return found


def _kind(document: dict[str, Any]) -> str | None:
    """Kind of the memory: ``LPDDR5`` of ``LPDDR5`` and ``lp_ddr4``."""
    for row in _rows(document, "SPMemoryDataType"):
        word = clean(str(row.get("dimm_type") or "")).upper().replace("_", "")
        if word:
            return word
    return None


def _rows(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = document.get(name)
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
