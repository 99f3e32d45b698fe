"""Variables that hide GPUs from programs: ``CUDA_VISIBLE_DEVICES`` and its kin, applied to a list of devices."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vramfit.importers.machine.record import Device

RUNTIMES = (
    ("nvidia", ("CUDA_VISIBLE_DEVICES",)),
    ("amd", ("ROCR_VISIBLE_DEVICES",)),
    ("amd", ("HIP_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES")),
    ("intel", ("ZE_AFFINITY_MASK",)),
)
"""Variables of each vendor's runtime, of which the first that is set counts, in the order in which they apply: HIP numbers
what ROCr has left, and reads CUDA's variable as its own (ROCm documentation, GPU isolation techniques)."""
VULKAN = "GGML_VK_VISIBLE_DEVICES"
"""Variable of llama.cpp's Vulkan backend, for cards of any vendor."""


def visible(devices: Sequence[Device], variables: Mapping[str, str]) -> tuple[list[Device], list[str]]:
    """Devices that programs started from here see, and a sentence on each variable that is set."""
    left, notes = list(devices), []
    for vendor, names in RUNTIMES:
        name = next((name for name in names if name in variables), None)
        if name is not None and any(device.vendor == vendor for device in left):
            left, note = _applied(left, vendor, name, variables[name])
            notes.append(note)
    value = variables.get(VULKAN)
    vendors = {device.vendor for device in left}
    if value is not None and len(vendors) == 1:
        left, note = _applied(left, vendors.pop(), VULKAN, value)
        notes.append(note)
    elif value is not None and left:
        notes.append(f"{VULKAN} is not applied: in which order Vulkan has cards of several vendors is not known")
    cards = {device.name for device in left if device.vendor == "nvidia" and device.mig_parent is None}
    if len(cards) > 1 and variables.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID":
        notes.append("the cards are in the order of their slots; CUDA may number the fastest 0")
    return left, notes


def _applied(devices: list[Device], vendor: str, name: str, value: str) -> tuple[list[Device], str]:
    """Devices with those of a vendor chosen by a variable, in its order; all of them where it names one that is not here.

    Like CUDA, the list ends at the first entry that is no device.
    """
    own = [device for device in devices if device.vendor == vendor]
    chosen: list[Device] = []
    for word in [word.strip() for word in value.split(",")]:
        found = _meant(word, own)
        if found is None and _is_uuid(word) and any(device.uuid is None for device in own):
            return devices, f"{name} is not applied: the driver does not state which GPU {word[:60]} is"
        if found is None:
            break
        chosen += [found] if found not in chosen else []
    shown = value if value.isprintable() and len(value) <= 60 else f"{len(value)} characters"
    note = f"{name}={shown}: {len(chosen)} of {len(_wholes(own))} {vendor.upper() if vendor == 'amd' else vendor.title()} GPUs"
    others = [device for device in devices if device.vendor != vendor]
    at = devices.index(own[0])
    before = [device for device in devices[:at] if device.vendor != vendor]
    return [*before, *chosen, *[device for device in others if device not in before]], note.replace("Nvidia", "NVIDIA")


def _meant(word: str, own: Sequence[Device]) -> Device | None:
    """Device of a number or of the beginning of a UUID; of a divided GPU its first slice."""
    number, _, _ = word.partition(".")
    if number.isascii() and number.isdecimal() and len(number) < 5:
        wholes = _wholes(own)
        if int(number) >= len(wholes):
            return None
        device = wholes[int(number)]
        return device if not device.mig_enabled else _first_slice(device, own)
    if not _is_uuid(word):
        return None
    starts = [device for device in own if device.uuid is not None and device.uuid.startswith(word)]
    if len(starts) != 1:
        return None
    return starts[0] if not starts[0].mig_enabled else _first_slice(starts[0], own)


def _first_slice(parent: Device, own: Sequence[Device]) -> Device | None:
    behind = own[list(own).index(parent) + 1 :]
    return behind[0] if behind and behind[0].mig_parent is not None else None


def _wholes(own: Sequence[Device]) -> list[Device]:
    return [device for device in own if device.mig_parent is None]


def _is_uuid(word: str) -> bool:
    return word.startswith(("GPU-", "MIG-"))
