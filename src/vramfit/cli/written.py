"""Writing of an answer to a file in one step, so that no reader sees half of it."""

from __future__ import annotations

import contextlib
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
    """Write a text beside a file and then put it in the file's place; a link stays a link, and a device is written to."""
    target = os.path.realpath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        _write(target, text, "w")
        return
    temporary = f"{target}.{os.urandom(4).hex()}.tmp"
    try:
        with open(temporary, "x", encoding="utf-8", newline="") as file:
            file.write(text)
        if os.path.exists(target):
            os.chmod(temporary, os.stat(target).st_mode & 0o7777)
        os.replace(temporary, target)
    except OSError as error:
        raise _unwritten(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(temporary)


def _write(path: str, text: str, mode: str) -> None:
    try:
        with open(path, mode, encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        raise _unwritten(path, error) from None


def _unwritten(path: str, error: OSError) -> InputError:
    return InputError(f"cannot write {path}: {error.strerror or error}", "give a file in a folder that can be written")
