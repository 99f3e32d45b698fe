"""Writer of the groups of modules that ``vramfit._finder`` loads at once.

Loaded only by a command that had to find modules one by one, after its answer is out. The file is the user's own, in a
folder that is made for the user alone.
"""

from __future__ import annotations

import os
from marshal import dumps

from vramfit._finder import GROUPS_MAGIC, INDEX_LENGTH_BYTES, MOST_INDEX_BYTES, CompiledFinder

MOST_GROUPS = 400
"""Number of groups beyond which none is added, more than the package has modules, so that the file cannot grow for ever."""


def write(finder: CompiledFinder) -> bool:
    """Add a group for each module that a function loaded and no group holds; tell whether the file was written.

    Groups that are there stay, but for those whose sources changed, which the finder has dropped. A file that cannot be
    written is no error: the next command finds its modules one by one again.
    """
    if finder.path is None:
        return False
    bodies: dict[str, list[tuple[object, object]]] = {}
    for outermost, member, code in finder.alone:
        if outermost not in finder.places:
            bodies.setdefault(outermost, []).append((member, code))
    # A module that failed was never finished, so what it had loaded until then is no group.
    new = {name: body for name, body in bodies.items() if body[-1][0][0] == name}  # type: ignore[index]
    if not new or len(new) + len(finder.places) > MOST_GROUPS:
        return False
    try:
        groups = {name: finder.data(name) for name in finder.places}
    except OSError:
        groups = {}
    groups |= {name: dumps(tuple(zip(*body, strict=True))) for name, body in new.items()}
    return _replace(finder.path, groups)


def _replace(path: str, groups: dict[str, bytes]) -> bool:
    """Write the file anew beside the old one, and put it in its place."""
    places, offset = {}, 0
    for name, data in groups.items():
        places[name] = (offset, len(data))
        offset += len(data)
    index = dumps(places)
    head = GROUPS_MAGIC + len(index).to_bytes(INDEX_LENGTH_BYTES, "little") + index
    if len(head) > MOST_INDEX_BYTES:
        return False
    temporary = f"{path}.{os.urandom(8).hex()}"
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError:
        return False
    try:
        with os.fdopen(file, "wb") as stream:
            stream.write(b"".join((head, *groups.values())))
        os.replace(temporary, path)
    except OSError:
        _remove(temporary)
        return False
    return True


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return
