"""Finding of the machine's GPUs: the sources in order, each asked only where those before leave something open."""

from __future__ import annotations

from vramfit.importers.machine import amd, apple, boards, drm, host, intel, nvidia_smi, nvml, windows
from vramfit.importers.machine.place import Place
from vramfit.importers.machine.record import Device, Found, Machine, Probe
from vramfit.importers.machine.visible import visible

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.machine.record import Memory

PCI_SOURCE = "/sys/bus/pci"
CONTAINER = "NVIDIA_VISIBLE_DEVICES"
"""Variable with which NVIDIA's container runtime is told what a container gets; ``void`` and ``none`` are nothing."""


class ThisMachine:
    """Machine that is looked at once, when something of it is asked for."""

    def __init__(self, place: Place | None = None) -> None:
        self._place = Place() if place is None else place
        self._machine: Machine | None = None

    @property
    def machine(self) -> Machine:
        """Machine as its sources state it, looked at once."""
        if self._machine is None:
            self._machine = find(self._place)
        return self._machine

    @property
    def memory(self) -> Memory:
        """Memory of the machine, for which no GPU is looked for where the system's files state it."""
        if self._machine is None and self._place.system == "linux":
            return host.memory(self._place)
        return self.machine.memory


def find(place: Place | None = None) -> Machine:
    """Find the GPUs and the memory of this machine, or of ``place``; nothing found is no error."""
    place = Place() if place is None else place
    if place.system == "macos":
        found, memory = apple.devices(place)
        platform = "macos"
    elif place.system == "windows":
        found, memory = _of_windows(place)
        platform = "windows"
    else:
        memory = host.memory(place)
        found = _of_linux(place, memory)
        platform = "windows" if host.is_wsl(place) else "linux"
        if not found.devices and platform == "windows":
            # WSL hands NVIDIA's library through alone; of other vendors' cards Windows itself knows.
            listed, _ = windows.devices(place)
            found = Found(listed.devices, (*found.probes, *listed.probes), listed.driver)
    devices, notes = visible(found.devices, place.variables)
    if platform == "windows" and place.system == "linux":
        notes.append("in WSL the driver is Windows', so the card's usable memory is taken as on Windows")
    if memory.limit is not None and memory.total_bytes is not None:
        notes.append(f"RAM is limited by {memory.limit}")
    given = place.variables.get(CONTAINER, "").strip()
    if not found.devices and given in ("void", "none"):
        notes.append(f"{CONTAINER}={given}: the container was given no GPU")
    return Machine(tuple(devices), memory, platform, found.driver, found.probes, tuple(notes))


def _of_windows(place: Place) -> tuple[Found, Memory]:
    """GPUs of NVIDIA's driver, and the others of Windows' own list."""
    own = _of_nvidia(place)
    listed, memory = windows.devices(place)
    others = [device for device in listed.devices if device.vendor != "nvidia" or not own.devices]
    return Found(
        (*boards.of_windows(own.devices, memory), *others), (*own.probes, *listed.probes), own.driver or listed.driver
    ), memory


def _of_linux(place: Place, memory: Memory) -> Found:
    """GPUs of the three vendors, and those of the bus whose vendor no driver speaks for."""
    nvidia = _of_nvidia(place)
    if not nvidia.devices:
        module = nvidia_smi.module_devices(place)
        nvidia = Found(module.devices, (*nvidia.probes, *module.probes), module.driver)
    board = boards.devices(place, nvidia.devices, memory)
    others = (amd.devices(place, memory), intel.devices(place))
    devices = (*board.devices, *[device for one in others for device in one.devices])
    bare = _on_the_bus(place, {device.vendor for device in devices})
    probes = (*nvidia.probes, *board.probes, *[probe for one in others for probe in one.probes], *bare.probes)
    driver = next((one.driver for one in (nvidia, *others) if one.driver is not None), None)
    return Found((*devices, *bare.devices), probes, driver)


def _of_nvidia(place: Place) -> Found:
    """GPUs of NVIDIA's driver by its library, or by its program where the library states none."""
    library = nvml.devices(place)
    if library.devices:
        return library
    program = nvidia_smi.devices(place)
    return Found(program.devices, (*library.probes, *program.probes), program.driver or library.driver)


def _on_the_bus(place: Place, known: set[str]) -> Found:
    """Cards whose driver is not loaded, or not for computing (nouveau): their numbers alone."""
    found = []
    for card in drm.on_the_bus(place):
        vendor = windows.VENDORS.get(card.vendor)
        if vendor is None or vendor in known:
            continue
        integrated = card.pci_address == intel.INTEGRATED_ADDRESS
        why = f"driven by {card.driver}" if card.driver else "no driver has it"
        found.append(
            Device(f"PCI device {card.pci_id}", vendor, PCI_SOURCE, gap=f"{why}, which states no memory" if card.driver else why,
                   pci_id=card.pci_id, pci_address=card.pci_address, integrated=integrated, unified=integrated)
        )  # fmt: skip
    words = f"{len(found)} device{'' if len(found) == 1 else 's'}" if found else "no other GPU"
    return Found(tuple(found), (Probe(PCI_SOURCE, words, absent=not found),))
