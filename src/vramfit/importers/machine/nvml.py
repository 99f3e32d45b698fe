"""NVIDIA's GPUs by NVML, through the package nvidia-ml-py (module ``pynvml``), where it is installed.

NVML is the library below ``nvidia-smi``; names of its functions are those of NVIDIA's NVML API reference.
"""

from __future__ import annotations

from vramfit.importers.machine.record import MOST_BYTES, Device, Found, Probe, clean, pci_address, pci_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vramfit.importers.machine.place import Place

SOURCE = "NVML"
MOST_DEVICES = 64
NOT_STATED = "NVML does not state its memory"


def devices(place: Place) -> Found:
    """GPUs and MIG slices that NVML states; a missing package or library, or any fault of them, is the probe's outcome."""
    try:
        library = _library()
        if library is None:
            return Found((), (Probe(SOURCE, "nvidia-ml-py is not installed", absent=True),))
        found = place.within(lambda: _read(library))
    except Exception as error:  # a package of that name may raise anything
        words = clean(str(error)) or type(error).__name__
        return Found((), (Probe(SOURCE, words, absent="not found" in words.lower()),))
    if found is None:
        return Found((), (Probe(SOURCE, "no answer in time"),))
    return found


def _library() -> Any:
    from importlib import import_module
    from importlib.util import find_spec

    return None if find_spec("pynvml") is None else import_module("pynvml")


def _read(nvml: Any) -> Found:
    nvml.nvmlInit()
    try:
        driver = _asked(nvml.nvmlSystemGetDriverVersion)
        found: list[Device] = []
        for index in range(min(int(nvml.nvmlDeviceGetCount()), MOST_DEVICES)):
            found += _with_slices(nvml, nvml.nvmlDeviceGetHandleByIndex(index))
        probe = Probe(SOURCE, f"{len(found)} device{'' if len(found) == 1 else 's'}")
        return Found(tuple(found), (probe,), None if driver is None else _text(driver))
    finally:
        _asked(nvml.nvmlShutdown)


def _asked(function: Callable[..., Any], *arguments: Any) -> Any:
    """Answer of an NVML function; None where the device or the driver does not have it."""
    try:
        return function(*arguments)
    except Exception:  # NVMLError has a class for each code, and old packages lack whole functions
        return None


def _text(value: Any) -> str:
    """Text of a name; packages before 11.5 give bytes."""
    return clean(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))


def _with_slices(nvml: Any, handle: Any) -> list[Device]:
    """Device of a handle, and its MIG slices behind it."""
    mode = _asked(lambda: nvml.nvmlDeviceGetMigMode(handle)[0])
    device = _device(nvml, handle, mig_enabled=mode == 1)
    found = [device]
    most = _asked(lambda: int(nvml.nvmlDeviceGetMaxMigDeviceCount(handle))) or 0
    for index in range(min(most, MOST_DEVICES) if mode == 1 else 0):
        part = _asked(lambda number=index: nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, number))
        if part is not None:
            found.append(_slice(nvml, part, device))
    return found


def _device(nvml: Any, handle: Any, *, mig_enabled: bool) -> Device:
    total, used, free = _memory(nvml, handle)
    pci = _asked(lambda: nvml.nvmlDeviceGetPciInfo(handle))
    number = getattr(pci, "pciDeviceId", None)
    display, capability = (
        _asked(lambda: nvml.nvmlDeviceGetDisplayActive(handle)),
        _asked(lambda: nvml.nvmlDeviceGetCudaComputeCapability(handle)),
    )
    uuid = _asked(lambda: nvml.nvmlDeviceGetUUID(handle))
    return Device(
        _text(nvml.nvmlDeviceGetName(handle)) or "NVIDIA GPU",
        "nvidia",
        SOURCE,
        total,
        used,
        free,
        None if total is not None else NOT_STATED,
        pci_id=pci_id(f"{number & 0xFFFF:x}", f"{number >> 16:x}") if isinstance(number, int) and number > 0 else None,
        pci_address=None if pci is None else pci_address(_text(getattr(pci, "busId", ""))),
        uuid=None if uuid is None else _text(uuid),
        compute_target=f"sm_{capability[0]}{capability[1]}" if isinstance(capability, tuple | list) else None,
        display=None if display is None else bool(display),
        mig_enabled=mig_enabled,
    )


def _slice(nvml: Any, handle: Any, parent: Device) -> Device:
    """Slice of a GPU, whose name NVML ends in its profile: ``NVIDIA A100-SXM4-80GB MIG 1g.10gb``."""
    total, used, free = _memory(nvml, handle)
    name, uuid = _asked(lambda: nvml.nvmlDeviceGetName(handle)), _asked(lambda: nvml.nvmlDeviceGetUUID(handle))
    profile = "" if name is None else _text(name).rpartition(" MIG ")[2]
    return Device(
        parent.name if not profile else f"{parent.name} MIG {profile}",
        "nvidia",
        SOURCE,
        total,
        used,
        free,
        None if total is not None else NOT_STATED,
        pci_id=parent.pci_id,
        pci_address=parent.pci_address,
        uuid=None if uuid is None else _text(uuid),
        compute_target=parent.compute_target,
        mig_parent=parent.name,
        mig_profile=profile or None,
    )


def _memory(nvml: Any, handle: Any) -> tuple[int | None, int | None, int | None]:
    """Total, used and free bytes of a device; None for what it does not state.

    Version 2 of the structure counts apart what the driver keeps (NVML 11.5); version 1 counts it as used.
    """
    version = getattr(nvml, "nvmlMemory_v2", None)
    info = None if version is None else _asked(lambda: nvml.nvmlDeviceGetMemoryInfo(handle, version=version))
    info = info or _asked(lambda: nvml.nvmlDeviceGetMemoryInfo(handle))
    total, used, free = [_bytes(getattr(info, name, None)) for name in ("total", "used", "free")]
    return (total or None, used, free) if total and (used or 0) <= total and (free or 0) <= total else (None,) * 3


def _bytes(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MOST_BYTES else None
