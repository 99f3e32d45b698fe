"""The compiled catalogue in the user's cache: whose it must be, what becomes of damage, and where it is kept otherwise."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import pytest

from vramfit import sources
from vramfit.catalogue import files
from vramfit.catalogue.container import in_memory
from vramfit.curation.packing import pack
from vramfit.importers.facts_cache import FactsCache

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.skipif(os.name != "posix", reason="owners and modes are POSIX's")

ASKED = "what was asked for"
KEY = (ASKED, ())
SOUND = pack(KEY, {"a": ["sound"]}, {"t": {"x": 1}}, {"r": [{"n": 1}, {"n": 2}]})
PLANTED = pack(KEY, {"a": ["planted"]}, {"t": {"x": 9}}, {"r": [{"n": 9}, {"n": 9}]})


def opened(path: Path, compiled: list[bytes]) -> object:
    """Container as a checkout opens it, of which every compilation is noted."""

    def compile_() -> bytes:
        compiled.append(SOUND)
        return SOUND

    return sources._fresh(str(path), ASKED, compile_) or sources._spare(str(path), ASKED, compile_)


def section(path: Path, compiled: list[bytes]) -> object:
    """Section of that container."""
    return opened(path, compiled).section("a")  # type: ignore[attr-defined]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Planted file, which is well formed and of the right key."""
    path = tmp_path / "vramfit" / "catalogue.bin"
    path.parent.mkdir(mode=0o700)
    path.write_bytes(PLANTED)
    path.chmod(0o600)
    return path


def test_a_file_of_the_users_own_is_read(path: Path) -> None:
    compiled: list[bytes] = []
    assert section(path, compiled) == ["planted"]
    assert compiled == []


def _pipe(path: Path) -> Path:
    os.mkfifo(path, 0o600)
    return path


PLANTS: dict[str, Callable[[Path], object]] = {
    "writable by the group": lambda path: path.chmod(0o620),
    "writable by all": lambda path: path.chmod(0o606),
    "a link": lambda path: path.symlink_to(path.rename(path.with_name("elsewhere"))),
    "a second name": lambda path: path.with_name("elsewhere").hardlink_to(path),
    "a pipe": lambda path: os.replace(_pipe(path.with_name("elsewhere")), path),
}
"""Changes of the planted file after which nothing of it is believed."""


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_file_is_made_anew(path: Path, plant: str) -> None:
    PLANTS[plant](path)
    compiled: list[bytes] = []
    assert section(path, compiled) == ["sound"]
    assert section(path, compiled) == ["sound"]
    assert compiled == [SOUND]
    status = path.lstat()
    assert (stat.S_IMODE(status.st_mode), stat.S_ISREG(status.st_mode), status.st_nlink) == (0o600, True, 1)
    elsewhere = path.with_name("elsewhere")
    assert not elsewhere.exists() or elsewhere.read_bytes() == PLANTED


def test_a_file_of_another_user_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert files.read_compiled(str(path), own=True) is None
    assert files.read_compiled(str(path)) is not None


def test_a_temporary_file_that_is_there_already_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if its random name were guessed: what a link of that name leads to stays as it is."""
    monkeypatch.setattr(os, "urandom", bytes)
    victim, path = tmp_path / "victim", tmp_path / "catalogue.bin"
    victim.write_bytes(b"mine")
    for target in (victim, tmp_path / "not there yet"):
        (tmp_path / f"catalogue.bin.{'00' * 8}.tmp").symlink_to(target)
        assert not files.write_atomically(str(path), b"new")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["victim"]
    assert victim.read_bytes() == b"mine"
    assert files.write_atomically(str(path), b"new")
    assert path.read_bytes() == b"new"


def test_temporary_files_have_names_of_chance_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    replace = os.replace

    def noted(source: str, target: str) -> None:
        names.append(os.path.basename(source))
        assert stat.S_IMODE(os.stat(source).st_mode) == 0o600
        replace(source, target)

    monkeypatch.setattr(os, "replace", noted)
    before = os.umask(0)
    try:
        for _ in range(3):
            assert files.write_atomically(str(tmp_path / "new" / "catalogue.bin"), b"x")
    finally:
        os.umask(before)
    assert len(set(names)) == 3
    assert [one.name for one in (tmp_path / "new").iterdir()] == ["catalogue.bin"]
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o700


@pytest.mark.parametrize("part", ["section", "record", "shard"])
def test_a_damaged_part_is_made_anew(path: Path, part: str) -> None:
    """Found only when the part is asked for: the header of the file is sound."""
    content = bytearray(SOUND)
    at = {"section": SOUND.index(b"sound"), "record": SOUND.rindex(b"n"), "shard": SOUND.index(b"\x01x")}[part]
    content[at] ^= 1
    path.write_bytes(bytes(content))
    compiled: list[bytes] = []
    container = opened(path, compiled)
    assert (container.section("a"), container.record("r", 0), container.record("r", 1)) == (  # type: ignore[attr-defined]
        ["sound"], {"n": 1}, {"n": 2},
    )  # fmt: skip
    assert container.look_up("t", "x") == 1  # type: ignore[attr-defined]
    assert compiled == [SOUND]
    assert path.read_bytes() == SOUND


def test_a_damaged_length_takes_no_memory(path: Path) -> None:
    """A part of 4 GiB by its index, of a file of some kilobytes."""
    asked: list[int] = []
    file = files._File(str(path), True)

    def noted(handle: int, length: int, start: int) -> bytes:
        asked.append(length)
        return os.pread(handle, length, start)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "pread", noted)
        assert file.read(0, 2**32 - 1) == PLANTED
    assert asked == [len(PLANTED)]


def test_in_an_unwritable_cache_a_spare_folder_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("a file where the folder should be", encoding="utf-8")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    path, compiled = tmp_path / "file" / "vramfit" / "catalogue.bin", list[bytes]()
    assert [section(path, compiled) for _ in range(3)] == [["sound"]] * 3
    assert compiled == [SOUND]
    spare = tmp_path / "runtime" / "vramfit" / "catalogue.bin"
    assert spare.read_bytes() == SOUND
    assert stat.S_IMODE(spare.parent.stat().st_mode) == 0o700
    spare.chmod(0o622)
    assert section(path, compiled) == ["sound"]
    assert len(compiled) == 2
    assert stat.S_IMODE(spare.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_spare_folder_that_others_may_write_to_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = tmp_path / "vramfit"
    assert files.spare_path("/cache/vramfit/catalogue.bin") == str(folder / "catalogue.bin")
    folder.chmod(mode)
    assert files.spare_path("/cache/vramfit/catalogue.bin") is None


def test_a_spare_folder_that_is_a_link_or_of_another_user_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "theirs").mkdir(mode=0o700)
    (tmp_path / "vramfit").symlink_to(tmp_path / "theirs")
    assert files.spare_path("/cache/catalogue.bin") is None
    (tmp_path / "vramfit").unlink()
    assert files.spare_path("/cache/catalogue.bin") is not None
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert files.spare_path("/cache/catalogue.bin") is None


def test_without_a_spare_folder_it_is_made_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "file"))
    compiled: list[bytes] = []
    path = tmp_path / "file" / "vramfit" / "catalogue.bin"
    assert [section(path, compiled) for _ in range(2)] == [["sound"]] * 2
    assert compiled == [SOUND, SOUND]


def test_kept_facts_of_a_repository_are_the_users_own(tmp_path: Path) -> None:
    cache = FactsCache("huggingface.co", str(tmp_path))
    cache.keep("org/name", "commit", {"size": 1})
    assert cache.facts("org/name", "commit") == {"size": 1}
    (file,) = tmp_path.rglob("commit.json")
    file.chmod(0o666)
    assert cache.facts("org/name", "commit") == {}
    file.chmod(0o600)
    file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(tmp_path / "elsewhere.json")
    assert cache.facts("org/name", "commit") == {}


def test_containers_of_this_file_are_sound() -> None:
    assert in_memory(SOUND).section("a") == ["sound"]
    assert in_memory(PLANTED).section("a") == ["planted"]


def test_without_reading_at_a_place_the_file_is_read_from_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows."""
    monkeypatch.setattr(files, "pread", None)
    assert files._File(str(path), True).read(3, 5) == PLANTED[3:8]


@pytest.mark.parametrize(
    ("key", "current"),
    [
        ((ASKED, ()), True),
        ((ASKED, (("/nowhere", -1, -1),)), True),
        ((ASKED, (("/nowhere", 1, 1),)), False),
        (("other", ()), False),
        (("0.1.0", (("/a", 1, 1),)), False),
        (["a key"], False),
        ((), False),
        (None, False),
    ],
)
def test_a_file_is_current_by_its_key(key: object, current: bool) -> None:
    assert sources.is_current(key, ASKED) is current


def test_a_file_is_current_while_what_it_was_made_of_is(tmp_path: Path) -> None:
    (tmp_path / "gpus.yaml").write_text("a", encoding="utf-8")
    stamps = sources.stamps_of(str(tmp_path), ())
    assert [size for _, size, _ in stamps] == [1, -1]
    assert sources.is_current((ASKED, stamps), ASKED)
    (tmp_path / "models.yaml").write_text("b", encoding="utf-8")
    assert not sources.is_current((ASKED, stamps), ASKED)
