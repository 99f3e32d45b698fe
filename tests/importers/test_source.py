"""Ranges of files of this disk, and the errors of what is no file."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from vramfit.errors import InputError
from vramfit.importers.source import FileSource, LocalFolder, foreign, printable, truncated

if TYPE_CHECKING:
    from pathlib import Path


def test_ranges(tmp_path: Path) -> None:
    """Any range, cut at the end of the file; nothing behind it."""
    path = tmp_path / "x.bin"
    path.write_bytes(bytes(range(100)))
    source = FileSource(str(path))
    assert (source.name, source.size_bytes) == ("x.bin", 100)
    assert source.read(10, 5) == bytes(range(10, 15))
    assert source.read(95, 50) == bytes(range(95, 100))
    assert source.read(200, 5) == b""
    assert source.read(0, 0) == b""


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("directory", "is a directory, not a file"),
        ("pipe", "is a named pipe, not a file"),
        ("socket", "is a socket, not a file"),
        ("missing", "no such file or directory"),
        ("loop", "too many levels of symbolic links"),
        ("dangling", "no such file or directory"),
    ],
)
def test_what_is_no_file(tmp_path: Path, kind: str, message: str) -> None:
    """Each is one line, and none waits for a writer that never comes."""
    path = tmp_path / "x"
    listening = socket.socket(socket.AF_UNIX) if kind == "socket" else None
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif listening is not None:
        listening.bind(str(path))
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "dangling":
        path.symlink_to(tmp_path / "nothing")
    with pytest.raises(InputError) as caught:
        FileSource(str(path))
    if listening is not None:
        listening.close()
    assert caught.value.message.endswith(message)
    assert caught.value.exit_code == 4


def test_devices_are_no_files() -> None:
    """``/dev/zero`` has no end to wait for."""
    with pytest.raises(InputError, match="a device, not a file"):
        FileSource("/dev/zero")


def test_names_that_no_system_takes() -> None:
    """A zero byte cannot be in a name."""
    with pytest.raises(InputError, match="no file name"):
        FileSource("a\0b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_permission(tmp_path: Path) -> None:
    """A file that may not be read."""
    path = tmp_path / "x"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(InputError, match="permission denied"):
        FileSource(str(path)).read(0, 1)


def test_folder(tmp_path: Path) -> None:
    """Files, links to files and links that lead to themselves, neither folders nor links that lead nowhere."""
    (tmp_path / "b").write_bytes(b"1")
    (tmp_path / "c").symlink_to(tmp_path / "b")
    (tmp_path / "d").mkdir()
    (tmp_path / "e").symlink_to(tmp_path / "e")
    (tmp_path / "f").symlink_to(tmp_path / "nowhere")
    folder = LocalFolder(str(tmp_path))
    assert folder.names() == ("b", "c", "e")
    assert folder.open("c").read(0, 9) == b"1"
    with pytest.raises(InputError, match="not a directory"):
        LocalFolder(str(tmp_path / "b")).names()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("model.gguf", "model.gguf"),
        ("a\x1b[31mb\n", "a\\x1b[31mb\\n"),
        ("über", "über"),
        ("\u202egnp", "\\u202egnp"),
        ("\udc80", "\\udc80"),
        ("x" * 300, "x" * 119 + "…"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    """Nothing that a file calls itself moves a cursor, turns a line around or fills a screen."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        (b"", "x is empty", "download it again"),
        (b"version https://git-lfs.github.com/spec/v1\n", "x is a Git LFS pointer, not the file", "run `git lfs pull`"),
        (b"<!DOCTYPE html>", "x is a web page", "download the file itself"),
        (b"PK\x03\x04....", "x is a ZIP archive, as PyTorch pickles are", "ask for a safetensors or GGUF file"),
        (b"\x80\x02}q\x00", "x is a Python pickle", "ask for a safetensors or GGUF file"),
        (b"hello, world", "x is not a GGUF file: it begins with 68 65 6c 6c 6f 2c 20 77", None),
    ],
)
def test_foreign(tmp_path: Path, content: bytes, message: str, hint: str | None) -> None:
    """What people have under a model's name by accident is called by its name."""
    path = tmp_path / "x"
    path.write_bytes(content)
    error = foreign(FileSource(str(path)), content[:24], "GGUF")
    assert error.message == message
    assert (error.hint or "").startswith(hint or "")
    assert (error.hint is None) is (hint is None)


def test_truncated(tmp_path: Path) -> None:
    """Both lengths are told."""
    path = tmp_path / "x"
    path.write_bytes(b"12345")
    assert (
        truncated(FileSource(str(path)), 1234).message
        == "x ends at 5 bytes, before the 1,234 bytes that its header promises"
    )
