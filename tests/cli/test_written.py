"""Files that answers are written into: links, devices, folders, names and modes, all in a folder of the test's own."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from vramfit.cli.written import may_follow, replace
from vramfit.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="links and modes are POSIX's")


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_link_stays_a_link_and_its_file_is_written(tmp_path: Path) -> None:
    """A shell's ``>``, ``uv export -o`` and ``ruff --output-file`` do the same."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "real").write_text("before")
    (tmp_path / "link").symlink_to("folder/real")
    replace(str(tmp_path / "link"), "after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "real").read_text() == "after"
    assert (left(tmp_path), left(tmp_path / "folder")) == (["folder", "link"], ["real"])


def test_a_link_to_nothing_makes_the_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("new")
    replace(str(tmp_path / "link"), "after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "new").read_text() == "after"


def test_another_name_of_a_file_keeps_what_it_had(tmp_path: Path) -> None:
    """A hard link is another name of the file that was there, which is replaced and not written into."""
    (tmp_path / "one").write_text("before")
    os.link(tmp_path / "one", tmp_path / "two")
    replace(str(tmp_path / "two"), "after")
    assert ((tmp_path / "one").read_text(), (tmp_path / "two").read_text()) == ("before", "after")


@pytest.mark.parametrize(
    ("link_owner", "folder_mode", "folder_owner", "followed"),
    [
        (1000, 0o1777, 0, True),  # one's own in /tmp
        (0, 0o1777, 0, True),  # of the folder's owner
        (1001, 0o1777, 0, False),
        (0, 0o1777, 1001, False),
        (1001, 0o0777, 0, True),  # all may replace anything there, whatever is done here
        (1001, 0o1755, 0, True),
        (1001, 0o0755, 1001, True),
    ],
)
def test_links_that_are_followed_are_those_linux_follows(
    link_owner: int, folder_mode: int, folder_owner: int, followed: bool
) -> None:
    assert may_follow(link_owner, 0o040000 | folder_mode, folder_owner, 1000) is followed


def test_a_link_that_another_user_planted_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    (tmp_path / "mine").write_text("before")
    (tmp_path / "shared" / "report").symlink_to(tmp_path / "mine")
    lstat = os.lstat

    def of_another(path: str) -> os.stat_result:
        found = lstat(path)
        return os.stat_result([*found[:4], found.st_uid + 1, *found[5:]])

    monkeypatch.setattr(os, "lstat", of_another)
    with pytest.raises(InputError, match="a link of another user's in a folder that all may write to"):
        replace(str(tmp_path / "shared" / "report"), "after")
    assert (tmp_path / "mine").read_text() == "before"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/file", "No such file or directory"),
        ("folder", "Is a directory"),
        ("file/", "Is a directory"),
        ("loop", "Too many levels of symbolic links"),
        ("x" * 256, "File name too long"),
        ("file/under", "Not a directory"),
    ],
)
def test_what_cannot_be_written_is_one_error_by_its_own_name(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("before")
    (tmp_path / "loop").symlink_to("again")
    (tmp_path / "again").symlink_to("loop")
    before = left(tmp_path)
    path = f"{tmp_path}/{name}"
    with pytest.raises(InputError) as raised:
        replace(path, "after")
    assert raised.value.message == f"cannot write {path}: {reason}"
    assert left(tmp_path) == before
    assert (tmp_path / "file").read_text() == "before"


def test_a_name_may_be_as_long_as_names_can_be(tmp_path: Path) -> None:
    """The file beside it had a longer one."""
    path = tmp_path / ("x" * 255)
    replace(str(path), "after")
    assert path.read_text() == "after"


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o644), (0o600, 0o600), (0o4755, 0o755), (0o2770, 0o770)])
def test_a_file_keeps_who_may_read_it_and_runs_as_nobody_else(tmp_path: Path, before: int, after: int) -> None:
    path = tmp_path / "file"
    path.write_text("before")
    path.chmod(before)
    replace(str(path), "after")
    assert stat.S_IMODE(path.stat().st_mode) == after


def test_a_device_is_written_to(tmp_path: Path) -> None:
    replace(os.devnull, "after")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode)
    with pytest.raises(InputError, match="cannot write /dev/full: No space left on device"):
        replace("/dev/full", "after")
    assert left(tmp_path) == []
