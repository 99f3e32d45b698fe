"""Entries that a pattern means: ``rtx40*`` is every GPU whose id begins so. Loaded by commands that ask for many."""

from __future__ import annotations

from vramfit.catalogue.names import parse_gpu
from vramfit.errors import UnknownGpu, UnknownModel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vramfit.catalogue.lookup import Catalogue

WILD = "*?["


def gpu_names(catalogue: Catalogue, asked: Iterable[str]) -> tuple[str, ...]:
    """Names for ``Catalogue.gpus``: those asked for, and for each pattern every id it matches, with its count.

    Each once, in the order asked and then the catalogue's. Raises ``UnknownGpu`` for a pattern that matches nothing.
    """
    ids: list[str] = []
    found: dict[str, None] = {}
    for name in asked:
        count, one = parse_gpu(name)
        if not _is_pattern(one):
            found.setdefault(name)
            continue
        ids = ids or [row.id for row in catalogue.gpu_rows()]
        matched = _matching(one, ids)
        if not matched:
            raise UnknownGpu(f'no GPU\'s id matches "{one}"', _hint(one, ids, "gpus"))
        found |= dict.fromkeys([entry if count == 1 else f"{count}x{entry}" for entry in matched])
    return tuple(found)


def model_names(catalogue: Catalogue, asked: Iterable[str]) -> tuple[str, ...]:
    """Names for ``Catalogue.model``, likewise; raises ``UnknownModel``."""
    ids: list[str] = []
    found: dict[str, None] = {}
    for name in asked:
        if not _is_pattern(name):
            found.setdefault(name)
            continue
        ids = ids or [row.id for row in catalogue.model_rows()]
        matched = _matching(name, ids)
        if not matched:
            raise UnknownModel(f'no model\'s id matches "{name}"', _hint(name, ids, "models"))
        found |= dict.fromkeys(matched)
    return tuple(found)


def _is_pattern(name: str) -> bool:
    return any(character in name for character in WILD)


def _matching(pattern: str, ids: Sequence[str]) -> list[str]:
    from fnmatch import fnmatchcase

    folded = pattern.strip().lower()
    return [entry for entry in ids if fnmatchcase(entry, folded)]


def _hint(pattern: str, ids: Sequence[str], kind: str) -> str:
    """Hint with the nearest ids to what the pattern says outside its wild cards."""
    from vramfit.catalogue.nearest import nearest

    stem = "".join([character for character in pattern.lower() if character not in WILD + "]"])
    near = nearest(stem, ids)[:3] if stem else []
    listed = f"see `vramfit list {kind}`"
    return f"the nearest {'are' if len(near) > 1 else 'is'} {', '.join(near)}; {listed}" if near else listed
