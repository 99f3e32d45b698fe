"""Records of what a machine has, and of what was asked to learn it."""

from __future__ import annotations

from vramfit._record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_NAME = 100
"""Characters of a name that are kept; drivers print fewer than 64 (NVML_DEVICE_NAME_V2_BUFFER_SIZE is 96)."""
MOST_BYTES = 2**50
"""Memory that no device has: a larger number is a fault of what printed it."""


class Probe(Record):
    """Source that was asked, and its outcome."""

    source: str
    """Program, library or folder, as a person would look for it."""
    outcome: str
    """Number of GPUs that it had, or the reason why it had none."""
    absent: bool = False
    """True if this machine does not have the source at all, which is no news."""


class Device(Record):
    """One GPU as its driver states it, or a MIG slice of one."""

    name: str
    """Name that the driver prints; ``PCI device 10de:2684`` where none is known."""
    vendor: str
    """``nvidia``, ``amd``, ``intel``, ``apple``."""
    source: str
    """Source that stated it, as in ``Probe.source``."""
    memory_bytes: int | None = None
    """Total that the driver reports; of a unified device the memory that it shares; None where nothing states it."""
    used_bytes: int | None = None
    """Memory that programs hold now, without what the driver keeps for itself."""
    free_bytes: int | None = None
    """Memory that nobody holds now."""
    gap: str | None = None
    """Reason why the free memory is not known."""
    pci_id: str | None = None
    """Vendor and device, ``10de:2684``."""
    pci_address: str | None = None
    """Domain, bus, device and function, ``0000:01:00.0``."""
    uuid: str | None = None
    compute_target: str | None = None
    """``sm_89``, ``gfx1100``."""
    cores: int | None = None
    """GPU cores, where the system counts them (Apple)."""
    integrated: bool = False
    """True for a GPU without memory of its own."""
    unified: bool = False
    """True if CPU and GPU share ``memory_bytes``."""
    usable_bytes: int | None = None
    """Memory that a program can have where the system states it: carve-out and GTT of an APU, Metal's wired limit."""
    shared_bytes: int | None = None
    """Memory of a machine whose CPU and GPU share it, the GPU's carve-out included, where that is not
    ``memory_bytes``."""
    display: bool | None = None
    """True if a display is attached; None where nobody says."""
    mig_parent: str | None = None
    """Name of the GPU that a MIG slice is part of."""
    mig_profile: str | None = None
    """``1g.10gb`` of a slice."""
    mig_enabled: bool = False
    """True for a GPU that is divided: programs get its slices alone."""


class Found(Record):
    """Devices that one source or several state, with what was asked."""

    devices: tuple[Device, ...] = ()
    probes: tuple[Probe, ...] = ()
    driver: str | None = None
    """Version of the driver."""


class Memory(Record):
    """Memory of the machine, or of the container that the program runs in."""

    total_bytes: int | None = None
    available_bytes: int | None = None
    """Memory that a new program could have without swapping."""
    kind: str | None = None
    """``DDR5``, ``LPDDR5X``, with the rate where it is known: ``DDR5-5600``."""
    limit: str | None = None
    """Source of a limit below the machine's memory: ``cgroup v2``; None where there is none."""


class Machine(Record):
    """Machine as its sources state it."""

    devices: tuple[Device, ...]
    """Devices in the drivers' order, those that variables hide left out."""
    memory: Memory
    platform: str
    """``linux``, ``windows`` (WSL too, whose drivers are Windows') or ``macos``."""
    driver: str | None
    probes: tuple[Probe, ...]
    notes: tuple[str, ...]
    """Sentences on what was left out, and why."""


def clean(text: str) -> str:
    """Text of a driver as one short line without control characters."""
    line = "".join([letter if letter.isprintable() else " " for letter in text])
    return " ".join(line.split())[:LONGEST_NAME].strip()


def count(text: str | None) -> int | None:
    """Whole number that is no less than 0; None for anything else a program prints (``[N/A]``, ``-1``, ``nan``)."""
    digits = (text or "").strip()
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 20 else None


def size(text: str | None, factor: int = 1) -> int | None:
    """Bytes of a whole number of units of ``factor`` bytes; None for 0 and for what no machine has."""
    number = count(text)
    return number * factor if number and number * factor < MOST_BYTES else None


def part(number: int | None, whole: int | None) -> int | None:
    """Part of a whole, in bytes; None where it is more than that, or either is unknown."""
    return number if number is not None and whole is not None and number <= whole else None


def pci_id(vendor: str, device: str) -> str | None:
    """``10de:2684`` of two hexadecimal numbers with or without ``0x``; None where one is none."""
    parts = [word.strip().lower().removeprefix("0x").rjust(4, "0") for word in (vendor, device)]
    if any(len(word) != 4 or not set(word) <= set("0123456789abcdef") for word in parts):
        return None
    return ":".join(parts)


def pci_address(text: str | None) -> str | None:
    """``0000:01:00.0`` of NVIDIA's ``00000000:01:00.0`` or of ``0000:01:00.0``; None for anything else."""
    parts = (text or "").strip().lower().split(":")
    if len(parts) != 3 or not all(set(word) <= set("0123456789abcdef.") and word for word in parts):
        return None
    return ":".join((parts[0][-4:].rjust(4, "0"), *parts[1:]))


def number_in(words: Mapping[str, object], key: str) -> int | None:
    """Whole number under a key of a JSON object, written as a number or as a text."""
    value = words.get(key)
    return None if isinstance(value, bool) or not isinstance(value, int | str) else count(str(value))
