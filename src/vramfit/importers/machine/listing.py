"""Plain data of a machine, for ``list gpus --here``."""

from __future__ import annotations

from vramfit.errors import CannotTell, NoGpu
from vramfit.importers.machine.chosen import GIVE, outcomes
from vramfit.importers.machine.match import match

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.catalogue import Catalogue
    from vramfit.importers.machine.record import Device, Machine


def machine_object(machine: Machine, catalogue: Catalogue) -> dict[str, Any]:
    """Object of a machine with all of its GPUs; raises ``NoGpu`` where it has none that programs see."""
    if not machine.devices:
        raise NoGpu(f"no GPU was found on this machine: {outcomes(machine)}", GIVE)
    memory = machine.memory
    return {
        "gpus": [_device_object(number, device, machine, catalogue) for number, device in enumerate(machine.devices)],
        "machine": {
            "platform": machine.platform,
            "driver": machine.driver,
            "ram_bytes": memory.total_bytes,
            "ram_available_bytes": memory.available_bytes,
            "ram_kind": memory.kind,
            "ram_limited_by": memory.limit,
            "notes": list(machine.notes),
            "asked": [{"source": probe.source, "outcome": probe.outcome} for probe in machine.probes],
        },
    }


def _device_object(number: int, device: Device, machine: Machine, catalogue: Catalogue) -> dict[str, Any]:
    try:
        entry = match(device, catalogue, machine.platform).entry
    except CannotTell:
        entry = None
    return {
        "index": number,
        "id": entry,
        "name": device.name,
        "vendor": device.vendor,
        "memory_bytes": device.memory_bytes,
        "used_bytes": device.used_bytes,
        "free_bytes": device.free_bytes,
        "unknown_because": device.gap,
        "usable_bytes": device.usable_bytes,
        "unified": device.unified,
        "integrated": device.integrated,
        "display": device.display,
        "compute_target": device.compute_target,
        "pci_id": device.pci_id,
        "pci_address": device.pci_address,
        "uuid": device.uuid,
        "mig_parent": device.mig_parent,
        "mig_profile": device.mig_profile,
        "mig_enabled": device.mig_enabled,
        "source": device.source,
    }
