"""Entry of the catalogue that a device is, or the GPU that its driver describes where the catalogue has none."""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.errors import AmbiguousName, CannotTell, UnknownGpu, UnknownMemory
from vramfit.hardware import Gpu, usable_bytes
from vramfit.units import GB, GIB, MIB, gib, size_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vramfit.catalogue import Catalogue
    from vramfit.importers.machine.record import Device

NEAR = 0.03
"""Largest difference between what a driver reports and what the catalogue has of the card, as a share: drivers of one card
differ by 2.2 % (an RTX 2080 Ti has 11,019 MiB before version 510 and 11,264 MiB after)."""
SHARED_LEAST = 0.85
"""Least share of its memory that a machine whose GPU shares it reports: a Jetson Orin Nano of 8 GiB has 7,620 MiB."""
ECC, ECC_NEAR = (15 / 16, 7 / 8), 0.005
"""Shares of GDDR memory that are left with ECC on, which its owner may switch, of NVIDIA's cards and of Intel's (an Arc
Pro B60 has 21,414 and 24,480 MiB, intel/xpumanager issue 169), and how near a size must be to one."""
EQUAL_BYTES = 16 * MIB
"""Difference that is none: AMD's files state up to 16 MiB less than the card's memory."""


class Match(Record):
    """Device as an estimate takes it."""

    name: str
    """Name under which a check finds it: an id of the catalogue, or ``custom:SIZE``."""
    gpu: Gpu | None
    """GPU to use in the place of the catalogue's; None where the catalogue's is right."""
    entry: str | None
    """Id of the catalogue's entry; None where it has none."""
    notes: tuple[str, ...] = ()


def match(device: Device, catalogue: Catalogue, platform: str) -> Match:
    """Match of a device; raises ``CannotTell`` for one whose memory neither driver nor catalogue knows."""
    ids = _named(device, catalogue)
    fitting = _fitting(device, ids, catalogue) or _fitting(device, _rebuilt(device, catalogue), catalogue)
    if fitting:
        return _entry(device, _chosen(device, fitting, catalogue), fitting, catalogue, platform)
    if device.memory_bytes is None:
        known = f"{', '.join(ids)} share its name" if ids else "the catalogue does not have it"
        raise CannotTell(
            f"the memory of {device.name} is not known: {device.gap or 'nothing states it'}, and {known}",
            f"give -g {ids[0] if ids else 'custom:24GiB'}, or install its driver's tools",
        )
    return _own(device, _base(device, ids, catalogue), platform)


def _named(device: Device, catalogue: Catalogue) -> tuple[str, ...]:
    """Ids that a device's name and its number on the bus leave, those of the number where the name says nothing."""
    if device.mig_parent is not None:
        return ()
    by_name = catalogue.gpus_called(device.name)
    by_number = () if device.pci_id is None else catalogue.gpus_of_pci_id(device.pci_id)
    both = tuple([one for one in by_name if one in by_number])
    return both or by_name or by_number


def _rebuilt(device: Device, catalogue: Catalogue) -> tuple[str, ...]:
    """Ids of a card that was rebuilt with other memory, which catalogues name by its size: ``RTX 4090 48GB``."""
    if device.memory_bytes is None or device.mig_parent is not None or device.unified:
        return ()
    return catalogue.gpus_called(f"{device.name} {round(device.memory_bytes / GIB)}GB")


def _fitting(device: Device, ids: Iterable[str], catalogue: Catalogue) -> list[str]:
    """Ids whose memory is what the driver reports; all where it reports none and there is one, or memory is borrowed."""
    found = []
    for one in ids:
        try:
            gpu = catalogue.gpu(one)
        except UnknownMemory:
            found.append(one)
            continue
        if (device.memory_bytes is None and device.shared_bytes is None) or _agree(device, gpu):
            found.append(one)
    return found if device.memory_bytes is not None or device.shared_bytes is not None or len(found) == 1 else []


def _agree(device: Device, gpu: Gpu) -> bool:
    """True if a driver's total can be that of a card, ECC on or off."""
    total, usual = device.memory_bytes or 0, gpu.memory_bytes
    if device.unified and device.vendor != "apple":
        return SHARED_LEAST * usual <= (device.shared_bytes or total) <= (1 + NEAR) * usual
    marketed = total / (gpu.marketed_gb * GIB)
    return (
        abs(total - usual) <= NEAR * usual
        or 1 - NEAR <= marketed <= 1
        or any(abs(marketed - share) <= ECC_NEAR for share in ECC)
    )


def _chosen(device: Device, fitting: Sequence[str], catalogue: Catalogue) -> str:
    """Nearest of several entries: of as many cores where the system counts them, else of the nearest memory."""

    def distance(one: str) -> tuple[bool, int]:
        try:
            gpu = catalogue.gpu(one)
        except UnknownMemory:
            return False, 0
        other_cores = device.cores is not None and gpu.cores != device.cores
        return other_cores, abs(gpu.memory_bytes - (device.shared_bytes or device.memory_bytes or gpu.memory_bytes))

    return min(fitting, key=distance)


def _entry(device: Device, one: str, fitting: Sequence[str], catalogue: Catalogue, platform: str) -> Match:
    """Match with an entry, whose memory is the driver's where that is less, or ECC was switched."""
    total = device.memory_bytes
    alike = [other for other in fitting if other != one and not device.unified]
    notes = [f"{device.name} may be {' or '.join(alike)} too: {one} is taken"] if alike else []
    try:
        gpu = catalogue.gpu(one)
    except UnknownMemory:
        return Match(one, None, one, tuple(notes))
    if total is None or device.unified or -EQUAL_BYTES <= total - gpu.memory_bytes <= NEAR * gpu.memory_bytes:
        return Match(one, None, one, tuple(notes))
    usable = usable_bytes(gpu, platform) + total - gpu.memory_bytes
    changed = replace(gpu, memory_bytes=total, usable_readings={platform: usable})
    notes.append(
        f"the driver reports {_mib(total)} of {gpu.name}, not the usual {_mib(gpu.memory_bytes)}: its number counts"
    )
    return Match(one, changed, one, tuple(notes))


def _base(device: Device, ids: Sequence[str], catalogue: Catalogue) -> Gpu | None:
    """Entry whose chip a device has: a card of its name with other memory, or the GPU that a slice is part of."""
    if device.mig_parent is not None:
        ids = catalogue.gpus_called(device.mig_parent)
    for one in ids:
        try:
            return catalogue.gpu(one)
        except (UnknownMemory, UnknownGpu, AmbiguousName):
            continue
    return None


def _own(device: Device, base: Gpu | None, platform: str) -> Match:
    """GPU as its driver describes it: its memory, its name and its chip; its bandwidth is not known."""
    total = device.memory_bytes or 0
    gpu = Gpu(
        id="", name=device.name, vendor=device.vendor, segment="custom" if base is None else base.segment,
        architecture=None if base is None else base.architecture, marketed_gb=round(total / GB, 1),
        memory_bytes=total, memory_measured=True, usable_readings={}, memory_type=None if base is None else base.memory_type,
        unified=device.unified, bandwidth_bytes_per_second=None, cores=None, core_unit=None, tensor_cores=None,
        compute_target=device.compute_target or (None if base is None else base.compute_target), tflops={},
        pcie=None if base is None else base.pcie, nvlink_bytes_per_second=None, price_usd=None, released=None, rents=(),
    )  # fmt: skip
    usable = min(device.usable_bytes or total, usable_bytes(gpu, platform))
    name = f"custom:{size_text(usable)}"
    what = (
        f"the catalogue has no {device.name}"
        if base is None or device.mig_parent
        else f"{base.name} usually has {gib(base.memory_bytes)}"
    )
    note = f"{what}: the {gib(total)} that its driver reports count, and its bandwidth is not known"
    if device.mig_parent is not None:
        note = f"{device.name} is a slice of {gib(total)}, whose bandwidth is not known"
    return Match(name, replace(gpu, id=name, usable_readings={platform: usable}), None, (note,))


def _mib(size_bytes: int) -> str:
    return f"{size_bytes // MIB:,} MiB"
