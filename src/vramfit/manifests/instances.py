"""GPUs of a cloud's type of machine, by the catalogue's offers and the types that its cards name."""

from __future__ import annotations

import fnmatch
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_PROVIDERS = ("aws ", "azure ", "gcp ", "lambda ", "nebius ", "vultr ")
_REMARK = re.compile(r"\(([^()]*)\)")
_AZURE = "standard_"


def machine_gpus(machine: str, entries: Iterable[dict[str, Any]]) -> list[tuple[str, int | None]]:
    """Ids of the cards that machines of a type have, with the number of cards where an offer states it.

    ``entries`` are the catalogue's compiled GPUs. Several ids come of a type that has one of several cards.
    """
    wanted = machine.strip().lower().removeprefix(_AZURE)
    found: list[tuple[str, int | None]] = []
    for entry in entries:
        for rent in entry.get("rents", ()):
            if str(rent.get("instance", "")).lower() == wanted:
                found.append((entry["id"], rent.get("gpus", 1)))
                break
        else:
            if any(fnmatch.fnmatchcase(wanted, pattern) for pattern in _patterns(entry.get("instances", ()))):
                found.append((entry["id"], None))
    return found


def _patterns(written: Iterable[str]) -> Iterator[str]:
    """Patterns of types in a card's list, whose entries read ``aws p5e/p5en.*`` or ``gcp a3-highgpu-*, a3-megagpu-*``."""
    for text in written:
        if "fractional" in text:
            continue  # a part of a card, whose size the type alone does not show
        for part in _REMARK.sub("", text.lower()).split(","):
            one = part.strip()
            for provider in _PROVIDERS:
                one = one.removeprefix(provider)
            if not one or " + " in one:
                continue  # a card added to a machine of any kind, which its type does not show
            first, slash, rest = one.partition("/")
            yield one.replace("/", "") if not slash else rest.strip()
            if slash:
                yield first.strip() + (rest[rest.index(".") :] if "." in rest and "." not in first else "")
