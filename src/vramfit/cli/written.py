"""Writing of an answer to a file in one step, so that no reader sees half of it."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys

from vramfit.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def written(path: str) -> Iterator[None]:
    """Collect what is printed to stdout, and replace the file with it at the end.

    Nothing is written where an error ends it. Raises ``InputError`` where the file cannot be written.
    """
    collected = io.StringIO(newline="")
    before = sys.stdout
    sys.stdout = collected
    try:
        yield
    finally:
        sys.stdout = before
    replace(path, collected.getvalue())


def replace(path: str, text: str) -> None:
    """Write a text beside a file and then put it in the file's place; a link stays a link, and a device is written to.

    Links are followed, as a shell's ``>``, uv and ruff follow them, but for those that others plant (``may_follow``). Raises
    ``InputError`` for these, and where the file cannot be written.
    """
    if _planted(path):
        raise InputError(
            f"{path} is a link of another user's in a folder that all may write to", "remove it, or name another file"
        )
    target = os.path.realpath(path)
    try:
        if path.endswith(("/", os.sep)):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if os.path.islink(target):  # nothing else is left of links that lead to one another
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if os.path.exists(target) and not os.path.isfile(target):
            _write(target, text, "w")
            return
    except OSError as error:
        raise _unwritten(path, error) from None
    # A name of its own, because that of the file may be as long as a name can be.
    temporary = os.path.join(os.path.dirname(target), f".{os.urandom(8).hex()}.tmp")
    try:
        with open(temporary, "x", encoding="utf-8", newline="") as file:
            file.write(text)
        if os.path.exists(target):
            os.chmod(temporary, os.stat(target).st_mode & 0o777)
        os.replace(temporary, target)
    except OSError as error:
        raise _unwritten(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


LINK, KIND = 0o120000, 0o170000
"""Kind of a link in a file's mode, and the mask of kinds."""
SHARED = 0o1002
"""Bits of a folder that all may write to, and in which each may remove what is his own alone: ``/tmp``."""


def may_follow(link_owner: int, folder_mode: int, folder_owner: int, own: int) -> bool:
    """Return True for a link that Linux itself follows where ``fs.protected_symlinks`` is set.

    Of a folder that all may write to it is one of one's own, or of the folder's owner (torvalds/linux
    ``Documentation/admin-guide/sysctl/fs.rst``). A file that is renamed to what the link leads to passes that rule by.
    """
    return folder_mode & SHARED != SHARED or link_owner in (own, folder_owner)


def _planted(path: str) -> bool:
    """True for a link that is not to be followed."""
    try:
        link = os.lstat(path)
        folder = os.stat(os.path.dirname(path) or os.curdir)
    except (OSError, ValueError):
        return False
    own = getattr(os, "geteuid", lambda: link.st_uid)()
    return link.st_mode & KIND == LINK and not may_follow(link.st_uid, folder.st_mode, folder.st_uid, own)


def _write(path: str, text: str, mode: str) -> None:
    with open(path, mode, encoding="utf-8", newline="") as file:
        file.write(text)


def _unwritten(path: str, error: OSError) -> InputError:
    return InputError(f"cannot write {path}: {error.strerror or error}", "give a file in a folder that can be written")
