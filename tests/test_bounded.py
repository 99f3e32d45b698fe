"""Bounds of what is read: devices that never end, pipes that stay silent, folders, and files that are too long."""

from __future__ import annotations

import errno
import io
import os
import threading
from typing import TYPE_CHECKING

import pytest

from tests.command import vramfit
from vramfit.bounded import CHUNK_BYTES, read_bytes, read_stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="devices and named pipes are POSIX's")

MIB = 1 << 20


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path, 0o600)
    return path


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, MIB - 1, MIB])
def test_a_file_within_the_bound_is_whole(tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    (tmp_path / "file").write_bytes(content)
    assert read_bytes(str(tmp_path / "file"), MIB) == content
    assert read_stream(io.BytesIO(content), MIB) == content


@pytest.mark.parametrize("more", [1, CHUNK_BYTES, 5 * MIB])
def test_a_file_beyond_the_bound_is_none(tmp_path: Path, more: int) -> None:
    (tmp_path / "file").write_bytes(bytes(MIB + more))
    with pytest.raises(OSError, match="more than 1 MiB, the most that is read of it") as raised:
        read_bytes(str(tmp_path / "file"), MIB)
    assert raised.value.errno == errno.EFBIG
    with pytest.raises(OSError, match="more than 1 MiB"):
        read_stream(io.BytesIO(bytes(MIB + more)), MIB)


def test_a_device_without_an_end_is_read_to_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    read = os.read

    def counted(handle: int, length: int) -> bytes:
        chunk = read(handle, length)
        taken.append(len(chunk))
        return chunk

    monkeypatch.setattr(os, "read", counted)
    with pytest.raises(OSError, match="more than 1 MiB"):
        read_bytes("/dev/zero", MIB)
    assert MIB < sum(taken) <= MIB + CHUNK_BYTES


def test_an_empty_device_is_empty() -> None:
    assert read_bytes("/dev/null", MIB) == b""


def test_a_folder_a_missing_file_and_a_null_byte_are_errors(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_bytes(str(tmp_path), MIB)
    with pytest.raises(FileNotFoundError):
        read_bytes(str(tmp_path / "missing"), MIB)
    with pytest.raises(ValueError, match="null byte"):
        read_bytes("a\0b", MIB)


def test_no_descriptor_is_left_open(tmp_path: Path, pipe: Path) -> None:
    def free() -> int:
        handle = os.open(os.devnull, os.O_RDONLY)
        os.close(handle)
        return handle

    before = free()
    for path in ("/dev/zero", str(tmp_path), str(pipe)):
        with pytest.raises(OSError):  # noqa: PT011  (three kinds)
            read_bytes(path, 10, 0)
    assert free() == before


def test_a_pipe_without_a_writer_is_given_up(pipe: Path) -> None:
    with pytest.raises(OSError, match="a pipe that nothing is written to") as raised:
        read_bytes(str(pipe), MIB, 0)
    assert raised.value.errno == errno.ETIMEDOUT


@pytest.fixture
def written(pipe: Path) -> Iterator[int]:
    """Descriptor of a writer of the pipe, which stays open."""
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    handle = os.open(pipe, os.O_WRONLY)
    os.close(reader)
    yield handle
    os.close(handle)


def test_a_pipe_whose_writer_stays_silent_is_given_up(pipe: Path, written: int) -> None:
    """Before the first byte, and after some: a writer that stops and does not go away would be waited for for ever."""
    with pytest.raises(OSError, match="a pipe that nothing is written to"):
        read_bytes(str(pipe), MIB, 0)


def test_a_pipe_whose_writer_stops_is_given_up(pipe: Path) -> None:
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY)
    os.write(writer, b"deployments:")
    with pytest.raises(OSError, match="a pipe that nothing is written to"):
        read_bytes(str(pipe), MIB, 0)
    os.close(writer)
    os.close(reader)


def test_a_pipe_is_read_to_its_end(pipe: Path) -> None:
    content = os.urandom(3 * CHUNK_BYTES + 1)
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    assert read_bytes(str(pipe), MIB) == content
    writer.join()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/dev/zero", "more than 10 MiB, the most that is read of it"),
        (".", "Is a directory"),
        ("a\0b", "embedded null byte"),
    ],
)
def test_a_command_says_why_a_file_is_not_read(path: str, reason: str) -> None:
    ran = vramfit("check", "--file", path)
    assert ran.code == 4
    first, hint = ran.err.splitlines()
    assert reason in first
    assert hint.startswith("hint: ")
