"""All deployment keys together: those of ``workload``, and each engine's own."""

from __future__ import annotations

from vramfit._record import replace
from vramfit.engines import DEFAULT, UNMODELLED, names, own_groups
from vramfit.errors import UsageError
from vramfit.workload.common import GROUPS as COMMON
from vramfit.workload.keys import parse_value
from vramfit.workload.training import GROUPS as TRAINING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.workload.keys import Key, Request


_shared: dict[str, Key] = {}
_every: dict[tuple[str, ...], dict[str, Key]] = {}


def common_keys() -> dict[str, Key]:
    """The keys that every engine has, by name; the one of the engine has all engines' names as its choices."""
    if not _shared:
        for group in COMMON:
            _shared.update({key.name: key for key in group.keys})
    default = f"by the model's name, the quant and keys of one engine alone; else {DEFAULT}"
    choices = (*names(), *UNMODELLED)
    _shared["engine"] = replace(_shared["engine"], choices=choices, default_text=default, read=_engine_name)
    return _shared


def _engine_name(spelling: str) -> str:
    """Name of the engine that a spelling means, whatever its case, dots and dashes; the spelling of an unknown one."""
    folded = {_folded(name): name for name in (*names(), *UNMODELLED)}
    return folded.get(_folded(spelling), spelling)


def _folded(name: str) -> str:
    return "".join([letter for letter in name.lower() if letter.isalnum()])


def every_key() -> dict[str, Key]:
    """Every deployment key by name, in the order of help texts and reports; of engines' keys of one name the first."""
    known = _every.get(names())
    if known is None:
        groups = sorted((*COMMON, *TRAINING, *own_groups()), key=lambda group: group.place)
        known = _every[names()] = {}
        for group in groups:
            for key in group.keys:
                known.setdefault(key.name, key)
        known["engine"] = common_keys()["engine"]
    return known


_moving: dict[tuple[str, ...], tuple[tuple[Key, ...], tuple[Key, ...]]] = {}


def moving_keys() -> tuple[tuple[Key, ...], tuple[Key, ...]]:
    """Keys whose default follows the GPUs, the model or the engine, and keys that an engine may decide itself."""
    known = _moving.get(names())
    if known is None:
        every = every_key().values()
        following, decided = [key for key in every if key.follows], [key for key in every if key.decided]
        known = _moving[names()] = (tuple(following), tuple(decided))
    return known


def parse_request(raw: Request) -> dict[str, Any]:
    """A request of typed values from raw ones; raises ``UsageError`` for a key that no engine has."""
    request = {}
    known = common_keys()
    for name, value in raw.items():
        if name not in known:
            known = every_key()
        key = known.get(name)
        if key is None:
            import difflib

            near = difflib.get_close_matches(str(name), known, 2)
            hint = f"did you mean {' or '.join(near)}?" if near else f"known keys: {', '.join(known)}"
            raise UsageError(f'unknown key "{name}"', hint)
        if value is not None:
            request[key.name] = parse_value(key, value)
    return request
