"""GPUs of a name that the table of names does not have: its count and the card's own name. Loaded for such a name only."""

from __future__ import annotations

from vramfit.catalogue.device_lines import readings
from vramfit.catalogue.everyday import counted
from vramfit.catalogue.machines import built, refuse
from vramfit.catalogue.names import normalise
from vramfit.catalogue.nearest import in_another_order
from vramfit.errors import AmbiguousName, UnknownGpu

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Meant = tuple[int, str, tuple[str, ...]]
    """Number of cards, the name of one, and sentences on how the name was read."""


def worded(
    name: str, number: Callable[[str], int], look_up: Callable[[str], int | tuple[int, ...] | None]
) -> Meant | None:
    """Number of cards, the name of one, and sentences; None for a name that has no card known here.

    ``number`` is that of the entry which a name means, and ``look_up`` those that have a folded name. Raises ``UnknownGpu``
    for a part of a card, an accelerator that is no GPU, and a machine or a processor of unknown graphics.
    """
    machine = built(name)
    if machine is not None:
        return machine[0], machine[1], machine[2:]
    several = counted(name)
    if several is None or several[0] == 1:
        printed = _printed(name, number) or _ordered(name, look_up)
        if printed is not None:
            return 1, printed, ()
    if several is None:
        refuse(name)
        return None
    return several[0], several[1], several[2:]


def _printed(name: str, number: Callable[[str], int]) -> str | None:
    """Name of the card in a line that a program or a shop printed; None where the line has no card known here."""
    for reading in readings(name):
        try:
            number(reading)
        except AmbiguousName:
            return reading
        except UnknownGpu as error:
            if error.message.startswith("no GPU is called"):
                continue
            raise
        return reading
    return None


def _ordered(name: str, look_up: Callable[[str], int | tuple[int, ...] | None]) -> str | None:
    """Name with its words in the order that the table has, where only one card has it: ``RTX 4000 Ada SFF``."""
    orders: dict[int, str] = {}

    def known(text: str) -> int | tuple[int, ...] | None:
        found = look_up(normalise(text))
        if isinstance(found, int):
            orders[found] = text
        return found

    one = in_another_order(name, known)
    return None if one is None else orders[one]
