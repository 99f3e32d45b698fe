"""Graphics cards as the Linux kernel lists them under ``/sys/class/drm`` and ``/sys/bus/pci``, without any program."""

from __future__ import annotations

from vramfit._record import Record
from vramfit.importers.machine.record import clean, pci_address, pci_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.machine.place import Place

FOLDER = ("sys", "class", "drm")
PCI = ("sys", "bus", "pci", "devices")
DISPLAY_CLASS = "0x03"
"""Beginning of the class of display controllers (PCI Code and ID Assignment): VGA 0x0300, 3D 0x0302, other 0x0380."""
ACCELERATOR_CLASS = "0x12"
"""Beginning of the class of processing accelerators, as which some Instinct cards register."""
MOST_CARDS = 64


class Card(Record):
    """Graphics card of a folder."""

    folder: tuple[str, ...]
    """Parts of the path of its PCI device."""
    vendor: str
    """PCI number of the vendor, ``10de``."""
    pci_id: str
    pci_address: str | None
    driver: str | None
    """Kernel module that drives it: ``amdgpu``, ``xe``, ``nouveau``."""
    display: bool | None


def cards(place: Place, vendor: str) -> list[Card]:
    """Cards of a vendor that have a kernel driver, in the kernel's order."""
    names = place.names(*FOLDER)
    numbers = [name for name in names if name.startswith("card") and name[4:].isdecimal()]
    found = []
    for name in sorted(numbers, key=lambda one: int(one[4:]))[:MOST_CARDS]:
        card = _card(place, (*FOLDER, name, "device"), None)
        if card is None or card.vendor != vendor:
            continue
        outlets = [place.read(*FOLDER, one, "status") for one in names if one.startswith(f"{name}-")]
        states = [state.strip() for state in outlets if state is not None]
        found.append(Card(**{**vars(card), "display": "connected" in states if states else None}))
    return found


def on_the_bus(place: Place) -> list[Card]:
    """Display controllers and accelerators of the PCI bus, those without a driver too."""
    found: list[Card] = []
    for name in place.names(*PCI):
        kind = (place.read(*PCI, name, "class") or "").strip()
        if kind.startswith((DISPLAY_CLASS, ACCELERATOR_CLASS)) and len(found) < MOST_CARDS:
            card = _card(place, (*PCI, name), name)
            if card is not None:
                found.append(card)
    return found


def _card(place: Place, folder: tuple[str, ...], address: str | None) -> Card | None:
    vendor, device = place.read(*folder, "vendor"), place.read(*folder, "device")
    number = None if vendor is None or device is None else pci_id(vendor, device)
    if number is None:
        return None
    lines = (place.read(*folder, "uevent") or "").splitlines()
    event = {key: clean(value) for key, _, value in (line.partition("=") for line in lines)}
    address = pci_address(event.get("PCI_SLOT_NAME") or address)
    return Card(folder, number[:4], number, address, event.get("DRIVER"), None)
