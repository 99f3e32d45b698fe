"""Start of the command: the file of *groups* of compiled modules, and the finder that reads it.

The console script compiles this module and ``vramfit.__main__`` each time where Python may write no .pyc files
(``PYTHONDONTWRITEBYTECODE``, usual in containers), and that took more than half of a bare interpreter while the finder was
part of them. Hence they are short, and the finder (``vramfit._finder``, which says what groups are) is itself the first
group of the file, and they do without ``__future__``, whose module nothing else of a check loads.

The file holds code, so it is read only if it is a file of the user's own under one name, no link, and nobody else may
write to it or put another into its folder. Its index and each group carry a digest, which is compared before they are
unmarshalled: it finds damage, which ``marshal`` may crash on; against others only the owner and the modes help.
"""

import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER
from _imp import source_hash
from marshal import loads
from os import close, fstat, read, stat
from os import open as open_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    State = tuple[int, int]
    Member = tuple[str, bool, str, State]
    """Module's name, True if it is a package, the path of its source, and the source's state."""
    Group = tuple[tuple[Member, ...], tuple[CodeType, ...]]
    Place = tuple[int, int, bool, bytes]
    """Place of a group in the file, its length in bytes, True if its code is lean, and its digest."""

FINDER = "vramfit._finder"
GROUPS_MAGIC = MAGIC_NUMBER + b"vfg6"
INDEX_LENGTH_BYTES = 4
DIGEST_BYTES = 8
DIGEST_KEY = 0x76666734
"""Key of the digests, which are SipHash-1-3 as for the sources of hash-based .pyc files (PEP 552): a builtin, and quick."""
MOST_INDEX_BYTES = 1 << 16
LARGE_PRIME = 2**61 - 1
"""Divisor whose remainder stands for a folder in the name of its file of groups."""
UNTOUCHED_BYTES = 1 << 20
"""Size of a block that is taken and given back unused at the start. glibc's ``malloc`` maps fresh pages for each block of
128 KiB and more until one as large was given back (mallopt(3), ``M_MMAP_THRESHOLD``), and to touch a fresh page costs some
microseconds: without this a group's bytes take pages that nothing uses again."""
WRITABLE_BY_OTHERS = 0o022
SIZE, SECOND = 6, 8
"""Places of a file's size and of the second of its last change in what ``stat`` returns."""
KIND, FILE = 0o170000, 0o100000
"""Mask and value of the kind in a file's mode (``stat``, which costs too much to load)."""


class Groups:
    """Groups of the modules of one package, whose folder it is given, in the file of the user's cache."""

    def __init__(self, folder: str) -> None:
        self.path = _groups_path(folder)
        self.folder = folder
        self._file, self._start, self.places = _open_groups(self.path)

    def data(self, name: str) -> bytes:
        """Bytes of the group that ends with a module; raises ``OSError`` or ``ValueError`` where they are damaged."""
        offset, length, _, expected = self.places[name]
        found = os.pread(self._file, length, self._start + offset)
        if source_hash(DIGEST_KEY, found) != expected:
            raise ValueError("damaged")
        return found

    def group(self, name: str) -> "Group | None":
        """Group that ends with a module; None where it is damaged, or a member's source is not what it was."""
        try:
            group: Group = loads(self.data(name))  # noqa: S302
            for _, _, source, state in group[0]:
                # As ``state_of`` does; a check asks for a hundred, and each call counts.
                status = stat(source)
                if status[SECOND] != state[1] or status[SIZE] != state[0]:
                    return None
        except (OSError, EOFError, ValueError, TypeError):
            return None
        return group


def _groups_path(folder: str) -> str | None:
    """Path of the file of groups of a package's folder; None without a home directory."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    if base[:1] != "/":
        home = os.environ.get("HOME", "")
        if home[:1] != "/":
            return None
        base = home + "/.cache"
    # Loading a module of checksums for this would take a thirtieth of a bare interpreter.
    number = int.from_bytes(folder.encode(), "little") % LARGE_PRIME
    return f"{base}/vramfit/modules-{number:016x}.{sys.implementation.cache_tag}.bin"


def _open_groups(path: str | None) -> tuple[int, int, "dict[str, Place]"]:
    """Open the file of groups: its handle, where its data begins, and the place of each group behind that.

    There are no groups where the file is not there, not the user's own alone, of another interpreter, or damaged.
    """
    if path is None:
        return -1, 0, {}
    try:
        file = open_file(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return -1, 0, {}
    try:
        if _is_trusted(fstat(file)) and is_own(stat(path.rpartition("/")[0])):
            head = read(file, MOST_INDEX_BYTES)
            begin = len(GROUPS_MAGIC) + INDEX_LENGTH_BYTES + DIGEST_BYTES
            end = begin + int.from_bytes(head[len(GROUPS_MAGIC) : begin - DIGEST_BYTES], "little")
            index = head[begin:end]
            sound = head[begin - DIGEST_BYTES : begin] == source_hash(DIGEST_KEY, index)
            if sound and head.startswith(GROUPS_MAGIC) and end <= len(head):
                return file, end, loads(index)  # noqa: S302
    except (OSError, EOFError, ValueError, TypeError):
        pass
    close(file)
    return -1, 0, {}


def is_own(status: os.stat_result) -> bool:
    """True for what belongs to the user and what nobody else may write to."""
    return status.st_uid == os.geteuid() and not status.st_mode & WRITABLE_BY_OTHERS


def _is_trusted(status: os.stat_result) -> bool:
    """True for a file whose code may be run: the user's own, and under one name, so that nobody put it there by a hard link."""
    return is_own(status) and status.st_mode & KIND == FILE and status.st_nlink == 1


def state_of(source: str) -> "State | None":
    """Size of a source in bytes, and the second of its last change; None where there is no source."""
    try:
        status = stat(source)
    except OSError:
        return None
    return status.st_size, int(status[SECOND])


def start() -> Groups | None:
    """Open the file of groups and make the finder's module of it; None where compiled files are not used at all.

    Nor are groups where a traceback is asked for, since their code has no lines but each function's first.
    """
    if not sys.implementation.cache_tag or sys.pycache_prefix is not None or sys.flags.optimize or os.name != "posix":
        return None
    if os.environ.get("VRAMFIT_DEBUG"):
        return None
    bytes(UNTOUCHED_BYTES)
    groups = Groups(__file__.rpartition("/")[0])
    if FINDER in groups.places and FINDER not in sys.modules:
        _run_finder(groups)
    return groups


def _run_finder(groups: Groups) -> None:
    """Make the finder's module of its group, if that is sound and of the source as it is now."""
    group = groups.group(FINDER)
    if group is None:
        del groups.places[FINDER]
        return
    sys.modules[FINDER] = module = type(sys)(FINDER)
    module.__spec__, module.__file__ = ModuleSpec(FINDER, None, origin=group[0][-1][2]), group[0][-1][2]
    module.__package__ = FINDER.rpartition(".")[0]
    exec(group[1][-1], module.__dict__)  # noqa: S102
