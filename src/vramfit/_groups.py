"""Writer of the groups of modules that ``vramfit._finder`` loads at once.

Loaded only by a command that had to find modules one by one, or whose groups are not lean yet, after its answer is out.
The file is the user's own, in a folder that is made for the user alone.
"""

from __future__ import annotations

import os
from _imp import source_hash
from marshal import dumps, loads

from vramfit import _finder
from vramfit._boot import DIGEST_KEY, FINDER, GROUPS_MAGIC, INDEX_LENGTH_BYTES, MOST_INDEX_BYTES, is_own, state_of
from vramfit._finder import PRELOAD
from vramfit.catalogue.files import write_atomically

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    from vramfit._boot import Group, Member
    from vramfit._finder import CompiledFinder

MOST_GROUPS = 800
"""Number of groups beyond which none is added, more than the package has modules, so that the file cannot grow for ever."""


def write(finder: CompiledFinder) -> bool:
    """Add a group for each module that a function loaded and no group holds; tell whether the file was written.

    Groups that are there stay, but for those whose sources changed, which the finder has dropped. Where none is to be
    added, they are made lean: that compiles their sources, which is worth its time only to a command that is run again. Where
    all are, those that were read one by one are joined to a preload; preloads are dropped when a group is added, for they
    may be of other sources. A file that cannot be written is no error: the next command finds its modules one by one again.
    """
    if finder.path is None or not _may_be_read(finder.path):
        return False
    bodies: dict[str, list[tuple[Member, CodeType]]] = {}
    for outermost, member, code in finder.alone:
        # A group was made where some of what its module loads had been loaded before: what is missing becomes a group itself.
        if outermost not in finder.places:
            bodies.setdefault(outermost, []).append((member, code))
        elif member[0] not in finder.places:
            bodies.setdefault(member[0], []).append((member, code))
    # A module that failed was never finished, so what it had loaded until then is no group.
    new = {name: body for name, body in bodies.items() if body[-1][0][0] == name}
    if (new or finder.places) and FINDER not in finder.places:
        new = {FINDER: [_own_module()], **new}
    if len(new) + len(finder.places) > MOST_GROUPS:
        return False
    groups = _sound(finder)
    if new:
        groups = {name: group for name, group in groups.items() if not name.startswith(PRELOAD)}
        groups |= {name: (dumps(tuple(zip(*body, strict=True))), False) for name, body in new.items()}
    elif finder.has_plain_groups() and os.access(os.path.dirname(finder.path), os.W_OK):
        groups = {name: (data if lean else _leaner(data), True) for name, (data, lean) in groups.items()}
    elif finder.lacks_preload():
        groups[finder.preload] = _joined(finder, groups), True
    elif not finder.dropped:
        return False
    return _replace(finder.path, groups)


def _joined(finder: CompiledFinder, groups: dict[str, tuple[bytes, bool]]) -> bytes:
    """One group of all that a command read for its answer, its modules in the order in which they were finished."""
    from vramfit._equal_parts import share

    pairs: dict[str, tuple[Member, CodeType]] = {}
    for name in (finder.preload, *finder.read):
        for member, code in zip(*loads(groups[name][0]), strict=True) if name in groups else ():  # noqa: S302
            pairs[member[0]] = member, code
    pairs.pop(__name__, None)
    return share(dumps(tuple(zip(*[pairs[name] for name in finder.finished if name in pairs], strict=True))))


def _own_module() -> tuple[Member, CodeType]:
    """Member and code of the finder, which Python found by itself."""
    source = _finder.__file__
    with open(source, "rb") as file:
        code: CodeType = compile(file.read(), source, "exec", dont_inherit=True)
    state = state_of(source)
    assert state is not None  # it was read
    return (FINDER, False, source, state), code


def _may_be_read(path: str) -> bool:
    """Tell whether the finder would read a file that is written there: not where others may write to its folder."""
    try:
        return is_own(os.stat(os.path.dirname(path)))
    except OSError:
        return True


def _sound(finder: CompiledFinder) -> dict[str, tuple[bytes, bool]]:
    """Groups of the file by the module that each ends with, its bytes and True if it is lean; without damaged ones."""
    groups = {}
    for name, (_, _, lean, _) in finder.places.items():
        try:
            groups[name] = (finder.data(name), lean)
        except (OSError, ValueError):
            continue
    return groups


def _leaner(data: bytes) -> bytes:
    """Group with lean code, of one whose digest was compared."""
    from vramfit._lean import lean

    group: Group = loads(data)  # noqa: S302
    members, codes = group
    return dumps((members, tuple([lean(member, code) for member, code in zip(members, codes, strict=True)])))


def _replace(path: str, groups: dict[str, tuple[bytes, bool]]) -> bool:
    """Write the file anew beside the old one, and put it in its place."""
    places, offset = {}, 0
    for name, (data, lean) in groups.items():
        places[name] = (offset, len(data), lean, source_hash(DIGEST_KEY, data))
        offset += len(data)
    index = dumps(places)
    length = len(index).to_bytes(INDEX_LENGTH_BYTES, "little")
    head = b"".join((GROUPS_MAGIC, length, source_hash(DIGEST_KEY, index), index))
    if len(head) > MOST_INDEX_BYTES:
        return False
    return write_atomically(path, b"".join((head, *[data for data, _ in groups.values()])))
