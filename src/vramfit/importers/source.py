"""Byte ranges of a file, wherever it lies: what the header walks read from.

Headers stand in front of gigabytes of tensors, so a walk asks for ranges and never for a file. ``FileSource`` answers
from this disk; a source over HTTP answers the same calls.
"""

from __future__ import annotations

import os
import stat

from vramfit.errors import InputError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol
else:
    Protocol = object

SHOWN_CHARACTERS = 120
"""A name from a file is cut here in messages: one line stays one line."""

ELSEWHERE = (
    (b"version https://git-lfs", "a Git LFS pointer, not the file", "run `git lfs pull` in its folder"),
    (b"<!DOCTYPE", "a web page", "download the file itself, by its resolve address"),
    (b"<html", "a web page", "download the file itself, by its resolve address"),
    (b"PK\x03\x04", "a ZIP archive, as PyTorch pickles are", "ask for a safetensors or GGUF file of the model"),
    (b"\x80\x02", "a Python pickle", "ask for a safetensors or GGUF file of the model"),
)
"""First bytes of what people have under a model's name by accident, what it is, and what to do."""


class ByteSource(Protocol):
    """A file that answers byte ranges."""

    name: str
    """File name for messages and reports."""
    size_bytes: int | None
    """Bytes of the whole file; None where its server does not say."""

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from ``offset`` on: ``length`` of them, fewer only at the end of the file.

        Raises:
            InputError: the range cannot be read.
        """


class Folder(Protocol):
    """A directory or repository whose files can be opened by name."""

    name: str
    """Name of the folder in messages."""

    def names(self) -> tuple[str, ...]:
        """Names of the files directly in the folder, sorted."""

    def open(self, name: str) -> ByteSource:
        """One file of the folder.

        Raises:
            InputError: there is no such file, or it cannot be opened.
        """


class FileSource:
    """A regular file of this disk, opened for each range: a set of 163 shards leaves no file open behind it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = printable(os.path.basename(path))
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode):
                # Opening a FIFO would wait for its writer, and a device has no end.
                raise InputError(f"{printable(path)} is {_kind(status.st_mode)}, not a file", "name a file")
        except OSError as error:
            raise unreadable(path, error) from None
        except ValueError:
            raise InputError(f"{printable(path)} is no file name", "name a file") from None
        self.size_bytes: int | None = status.st_size

    def read(self, offset: int, length: int) -> bytes:
        """See ``ByteSource``."""
        try:
            with open(self.path, "rb", buffering=0) as file:
                file.seek(offset)
                parts = []
                while length > 0:
                    part = file.read(length)
                    if not part:
                        break
                    parts.append(part)
                    length -= len(part)
        except (OSError, OverflowError) as error:
            raise unreadable(self.path, error) from None
        return parts[0] if len(parts) == 1 else b"".join(parts)


class LocalFolder:
    """A directory of this disk."""

    def __init__(self, path: str) -> None:
        self.path = path or os.curdir
        self.name = printable(self.path)

    def names(self) -> tuple[str, ...]:
        """See ``Folder``; links that lead nowhere are not among them."""
        try:
            with os.scandir(self.path) as entries:
                return tuple(sorted([entry.name for entry in entries if _is_file(entry)]))
        except OSError as error:
            raise unreadable(self.path, error) from None

    def open(self, name: str) -> FileSource:
        """See ``Folder``."""
        return FileSource(os.path.join(self.path, name))


def kind_of(path: str) -> str:
    """``file``, ``directory`` or an empty text for what is at a path; a link that leads nowhere is a file."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return "file" if os.path.lexists(path) else ""
    return "directory" if stat.S_ISDIR(mode) else "file"


def printable(text: str) -> str:
    """``text`` for one line of a terminal: control characters and other unprintable ones as escapes, cut where long."""
    if len(text) > SHOWN_CHARACTERS:
        text = text[: SHOWN_CHARACTERS - 1] + "…"
    if text.isprintable():
        return text
    return "".join([c if c.isprintable() else c.encode("unicode_escape", "replace").decode("ascii") for c in text])


def unreadable(path: str, error: OSError | OverflowError) -> InputError:
    """The error for a file the system would not open or read."""
    reason = getattr(error, "strerror", None) or "cannot be read"
    return InputError(f"{printable(path)}: {reason[:1].lower()}{reason[1:]}", "check the name and its permissions")


def foreign(source: ByteSource, first: bytes, wanted: str) -> InputError:
    """The error for a file that begins with ``first`` and so is not a ``wanted``."""
    if not source.size_bytes and not first:
        return InputError(f"{source.name} is empty", "download it again")
    for magic, kind, hint in ELSEWHERE:
        if first.startswith(magic):
            return InputError(f"{source.name} is {kind}", hint)
    return InputError(f"{source.name} is not a {wanted} file: it begins with {first[:8].hex(' ')}", None)


def truncated(source: ByteSource, needed_bytes: int) -> InputError:
    """The error for a file that ends before what its own header promises."""
    has = "" if source.size_bytes is None else f" at {source.size_bytes:,} bytes"
    return InputError(
        f"{source.name} ends{has}, before the {needed_bytes:,} bytes that its header promises",
        "download it again: it is incomplete",
    )


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a directory"
    if stat.S_ISFIFO(mode):
        return "a named pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        # A link to itself is there, and cannot be opened: whoever opens it learns why.
        return True
