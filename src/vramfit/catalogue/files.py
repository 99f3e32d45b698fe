"""Files of the catalogue: where they are, how they are read and kept.

An installed wheel carries the compiled catalogue beside the package (``vramfit/data/catalogue.bin``), a checkout keeps
one in ``$XDG_CACHE_HOME/vramfit/``. ``sources`` decides which of them is fresh.
"""

from __future__ import annotations

import os
import sys

from vramfit.catalogue.container import BadContainerError, Container, checksum
from vramfit.errors import CatalogueError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    Own: TypeAlias = tuple[str, bytes | None, bool]
    """File of the user's: path, content (None: cannot be read), whether it was named on the command line."""

SOURCES = ("gpus.yaml", "models.yaml")
COMPILED = "catalogue.bin"
MOST_BYTES = 16 * 2**20
"""Bytes of a catalogue file that are read."""

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
"""Folder of the package."""


def own_files(extra: Sequence[str] = ()) -> list[Own]:
    """Read the user's own catalogue files, in the order in which they are laid over the built-in one.

    Raises ``CatalogueError`` for one of ``extra`` that cannot be read.
    """
    found: list[Own] = []
    for path in own_paths():
        try:
            os.stat(path)
        except OSError:
            continue
        try:
            found.append((path, read_bytes(path, 0), False))
        except CatalogueError:
            found.append((path, None, False))
    found += [(os.path.abspath(path), read_bytes(path), True) for path in extra]
    return found


def own_paths() -> list[str]:
    """Paths where the user's own catalogue files may be; none without a home directory."""
    folder = config_folder()
    return [] if folder is None else [os.path.join(folder, name) for name in SOURCES]


def config_folder() -> str | None:
    """Folder of the user's own settings and catalogue files; None without a home directory.

    It is ``VRAMFIT_CONFIG_DIR``, else ``vramfit`` in ``XDG_CONFIG_HOME``, in ``APPDATA`` on Windows, in
    ``~/Library/Application Support`` where macOS has it there, or in ``~/.config``.
    """
    own = os.environ.get("VRAMFIT_CONFIG_DIR", "")
    if os.path.isabs(own):
        return own
    if not os.path.isabs(os.environ.get("XDG_CONFIG_HOME", "")):
        roaming = os.environ.get("APPDATA", "") if os.name == "nt" else ""
        if os.path.isabs(roaming):
            return os.path.join(roaming, "vramfit")
        if sys.platform == "darwin":
            library = os.path.join(os.path.expanduser("~"), "Library", "Application Support", "vramfit")
            if os.path.isdir(library):
                return library
    base = _xdg("XDG_CONFIG_HOME", ".config")
    return None if base is None else os.path.join(base, "vramfit")


def source_directory() -> str:
    """Directory of the built-in catalogue's YAML files: the checkout's ``data/``, or beside the installed package."""
    return data_directory() or os.path.join(PACKAGE, "data")


def read_bytes(path: str, seconds: float = 10) -> bytes:
    """Content of a catalogue file; raises ``CatalogueError`` when it cannot be read, or is silent for so many seconds."""
    from vramfit.bounded import read_bytes as read

    try:
        return read(path, MOST_BYTES, seconds)
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise CatalogueError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def compiled_path() -> str | None:
    """Path of the built-in catalogue's compiled form, whether it is there or not; None without a home directory."""
    data = data_directory()
    return installed_path() if data is None else cache_path(data)


def installed_path() -> str:
    """Path at which an installed package keeps the compiled catalogue."""
    return os.path.join(PACKAGE, "data", COMPILED)


def data_directory() -> str | None:
    """``data/`` of the checkout this package runs from; None when it is installed."""
    source = os.path.dirname(PACKAGE)
    data = os.path.join(os.path.dirname(source), "data")
    if os.path.basename(source) == "src" and os.path.exists(os.path.join(data, "gpus.yaml")):
        return data
    return None


def cache_path(compiled_from: str) -> str | None:
    """Path of the compiled form of a data directory, or of it and the user's files; None without a home directory."""
    base = _xdg("XDG_CACHE_HOME", ".cache")
    return (
        None if base is None else os.path.join(base, "vramfit", f"catalogue-{checksum(compiled_from.encode()):08x}.bin")
    )


def spare_path(path: str, *, make: bool = True) -> str | None:
    """Path of a cache file where the user's folder for caches cannot be written; None without a folder of the user's alone.

    It is below the folder of the login, or that of temporary files. With ``make`` the folder is made where it is missing.
    """
    if os.name != "posix":
        return None
    base = os.environ.get("XDG_RUNTIME_DIR", "")
    folder = f"{base}/vramfit" if base[:1] == "/" else f"/tmp/vramfit-{os.geteuid()}"  # noqa: S108  (owner and mode are checked)
    try:
        if make:
            os.makedirs(folder, 0o700, exist_ok=True)
        status = os.lstat(folder)
    except OSError:
        return None
    return (
        os.path.join(folder, os.path.basename(path)) if status.st_mode & KIND == 0o040000 and _is_own(status) else None
    )


def _xdg(variable: str, otherwise: str) -> str | None:
    """A directory of the XDG specification, which says to ignore relative values; None without a home directory."""
    base = os.environ.get(variable, "")
    if not os.path.isabs(base):
        base = os.path.join(os.path.expanduser("~"), otherwise)
    return base if os.path.isabs(base) else None


def write_atomically(path: str, content: bytes) -> bool:
    """Replace a file of the user's cache in one step, so that no other process reads half of it; tell whether it was.

    Failure to write is ignored. File and folder are the user's alone, since what is kept may be private or run, and no
    link of the temporary file's name is followed.
    """
    temporary = f"{path}.{os.urandom(8).hex()}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        with open(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError:
        _unlink(temporary)
        return False
    return True


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return


KIND, FILE = 0o170000, 0o100000
WRITABLE_BY_OTHERS = 0o022
_HOW = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
_ITSELF = _HOW | getattr(os, "O_NOFOLLOW", 0)


pread: Callable[[int, int, int], bytes] | None = getattr(os, "pread", None)
"""Reading at a place of a file in one call, which Windows does not have."""


class _File:
    """File read in parts, by one descriptor for its life: another process may put a newer file in its place.

    With ``own`` it must be the user's under one name, no link, and nobody else may write to it; ``OSError`` otherwise, as for
    what is no file.
    """

    def __init__(self, path: str, own: bool) -> None:
        self._descriptor = os.open(path, _ITSELF if own else _HOW)
        status = os.fstat(self._descriptor)
        self.size = status.st_size
        if status.st_mode & KIND != FILE or (own and not (_is_own(status) and status.st_nlink == 1)):
            raise OSError("not the user's own file")

    def read(self, start: int, length: int) -> bytes:
        # The length of a damaged part may be 4 GiB, for which memory would be taken before anything is read.
        length = min(length, self.size)
        if pread is not None:
            return pread(self._descriptor, length, start)
        os.lseek(self._descriptor, start, os.SEEK_SET)
        return os.read(self._descriptor, length)

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        # At the interpreter's end the module's names may be gone already.
        if hasattr(self, "_descriptor"):
            close(self._descriptor)


def _is_own(status: os.stat_result) -> bool:
    """True for what belongs to the user and what nobody else may write to; always where files have no owner."""
    return os.name != "posix" or (status.st_uid == os.geteuid() and not status.st_mode & WRITABLE_BY_OTHERS)


def is_own_file(path: str) -> bool:
    """True for a file of the user's own, no link, that nobody else may write to."""
    try:
        status = os.lstat(path)
    except OSError:
        return False
    return status.st_mode & KIND == FILE and _is_own(status)


def read_compiled(path: str, own: bool = False) -> Container | None:
    """The compiled file at ``path``, of which only the parts asked for are read; None if there is no sound one.

    With ``own`` it must be the user's own file, since what is in it is trusted.
    """
    try:
        file = _File(path, own)
        return Container(file.read, file.size)
    except (OSError, BadContainerError):
        return None
