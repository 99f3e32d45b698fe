"""The package's finder: what it loads in groups, when it leaves a module to Python, and which files it does not trust."""

from __future__ import annotations

import compileall
import os
import shutil
import stat
import subprocess
import sys
from _imp import source_hash
from marshal import dumps
from typing import TYPE_CHECKING

import pytest

from tests.command import SOURCE
from vramfit import _boot, _finder, _groups
from vramfit._boot import DIGEST_KEY, FINDER, GROUPS_MAGIC, INDEX_LENGTH_BYTES
from vramfit._finder import CompiledFinder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PROGRAM = """
import sys
sys.path.insert(0, {folder!r})
from vramfit import __main__
from vramfit.cli import process
def leave(code):
    from vramfit._finder import CompiledFinder
    finder = next(one for one in sys.meta_path if isinstance(one, CompiledFinder))
    print(code, len(finder.places), len(finder.alone), getattr(sys.modules["vramfit.render.json"], "MARK", 0), file=sys.stderr)
process._leave = leave
sys.argv = ["vramfit", "check", "-g", "rtx4090", "-m", "llava-1.6-13b", "--json"]
__main__.main()
"""
"""A check that ends with what it found: exit code, groups in the file, modules found one by one, a mark in a module."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="groups are read on POSIX alone")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy of the package with its compiled files, as an installation has it."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(SOURCE / "vramfit", folder / "vramfit", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(SOURCE.parent / "data", folder / "vramfit" / "data", dirs_exist_ok=True)
    assert compileall.compile_dir(str(folder / "vramfit"), quiet=1)
    from vramfit.curation.compile import compile_directory

    data = str(SOURCE.parent / "data")
    (folder / "vramfit" / "data" / "catalogue.bin").write_bytes(compile_directory(data, ("", ())))
    return folder


def found_or_empty(path: str) -> os.stat_result:
    """Status of a file; of one that is not there, that of an empty file of 1970."""
    try:
        return os.stat(path)
    except OSError:
        return os.stat_result((0,) * 10)


def run(installed: Path, cache: Path, *flags: str) -> tuple[list[int], bytes]:
    """Run a check with a cache: the figures of ``PROGRAM``, and what was printed."""
    done = subprocess.run(
        [sys.executable, "-I", *flags, "-c", PROGRAM.format(folder=str(installed))],
        env={"HOME": str(cache), "XDG_CACHE_HOME": str(cache), "XDG_CONFIG_HOME": str(cache), "PATH": os.environ["PATH"]},
        capture_output=True, check=False,
    )  # fmt: skip
    return [int(word) for word in done.stderr.split()], done.stdout


def test_without_compiled_files_groups_are_made_from_sources(installed: Path, tmp_path: Path) -> None:
    """As in a container whose environment says ``PYTHONDONTWRITEBYTECODE``: Python would compile every source each time."""
    package, cache = tmp_path / "site", tmp_path / "cache"
    shutil.copytree(installed, package, ignore=shutil.ignore_patterns("__pycache__"))
    first, text = run(package, cache, "-B")
    run(package, cache, "-B")
    third, same = run(package, cache, "-B")
    assert first[2] > 60
    assert third == [1, third[1], 1, 0]  # the module that writes a preload's equal parts once
    assert text == same != b""
    assert list(package.rglob("*.pyc")) == []


def only_file(cache: Path) -> Path:
    """The file of groups, which is the only one of its kind in a cache."""
    (found,) = (cache / "vramfit").glob("modules-*.bin")
    return found


def test_the_second_check_loads_groups_and_answers_the_same(installed: Path, tmp_path: Path) -> None:
    first, text = run(installed, tmp_path)
    file = only_file(tmp_path)
    second, again = run(installed, tmp_path)
    third, last = run(installed, tmp_path)
    assert first[:2] == [1, 0]
    assert first[2] > 60
    assert second == [1, second[1], 1, 0]  # the module that makes the code lean
    assert third == [1, second[1], 1, 0]  # the module that writes a preload's equal parts once
    assert 10 < second[1] < 60
    assert text == again == last != b""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_a_changed_source_is_read_anew_and_its_group_written_anew(installed: Path, tmp_path: Path) -> None:
    package = tmp_path / "site"
    shutil.copytree(installed, package)
    assert compileall.compile_dir(str(package / "vramfit"), quiet=1)
    cache = tmp_path / "cache"
    cache.mkdir()
    run(package, cache)
    run(package, cache)
    before, _ = run(package, cache)
    changed = package / "vramfit" / "render" / "json.py"
    changed.write_text(changed.read_text(encoding="utf-8") + "\nMARK = 7\n", encoding="utf-8")
    seen, _ = run(package, cache)
    assert compileall.compile_file(str(changed), quiet=1)
    rewritten, _ = run(package, cache)
    run(package, cache)
    after, _ = run(package, cache)
    assert before == [1, before[1], 1, 0]  # the module that writes a preload's equal parts once
    assert seen[3] == rewritten[3] == after[3] == 7
    assert after == [1, before[1], 1, 7]


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_read(installed: Path, tmp_path: Path, mode: int) -> None:
    run(installed, tmp_path)
    only_file(tmp_path).chmod(mode)
    figures, text = run(installed, tmp_path)
    assert figures[:2] == [1, 0]
    assert figures[2] > 60
    assert text.startswith(b"{")


def groups_of(index: bytes, data: bytes = b"") -> bytes:
    """Content of a file of groups as its writer makes it, with an index of one's own."""
    digest = source_hash(DIGEST_KEY, index)
    return GROUPS_MAGIC + len(index).to_bytes(INDEX_LENGTH_BYTES, "little") + digest + index + data


def planted(file: Path, mark: Path) -> None:
    """Write a file of groups whose one group makes a file where it is run."""
    source = str(SOURCE / "vramfit" / "units.py")
    code = compile(f"open({str(mark)!r}, 'w').close()", source, "exec")
    data = dumps(((("vramfit.units", False, source, _boot.state_of(source)),), (code,)))
    places = {"vramfit.units": (0, len(data), True, source_hash(DIGEST_KEY, data))}
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_bytes(groups_of(dumps(places), data))
    file.chmod(0o600)


PLANTS: dict[str, tuple[Callable[[Path], object], bool]] = {
    "own": (lambda file: None, True),
    "writable by the group": (lambda file: file.chmod(0o620), False),
    "writable by all": (lambda file: file.chmod(0o602), False),
    "a link": (lambda file: file.symlink_to(file.rename(file.with_name("elsewhere"))), False),
    "a second name": (lambda file: file.with_name("elsewhere").hardlink_to(file), False),
    "a folder of all": (lambda file: file.parent.chmod(0o777), False),
    "a folder of the group": (lambda file: file.parent.chmod(0o770), False),
}
"""Changes of a file of groups or of its folder, and whether what is in the file is run after."""


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_file_of_groups_is_never_run(tmp_path: Path, plant: str) -> None:
    change, runs = PLANTS[plant]
    mark = tmp_path / "ran"
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}
    script = (
        "from vramfit._boot import start; groups = start(); from vramfit._finder import put_first; "
        "print(put_first(groups).path); import vramfit.units"
    )
    run = [sys.executable, "-c", script]
    path = subprocess.run(run, env=environment, check=True, capture_output=True, text=True).stdout.strip()
    file = tmp_path / "vramfit" / os.path.basename(path)
    planted(file, mark)
    change(file)
    subprocess.run(run, env=environment, check=True, capture_output=True)
    assert mark.exists() is runs


def test_a_file_of_another_user_is_never_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = CompiledFinder(str(SOURCE / "vramfit")).path
    assert path is not None
    planted(tmp_path / "vramfit" / os.path.basename(path), tmp_path / "ran")
    assert list(CompiledFinder(str(SOURCE / "vramfit")).places) == ["vramfit.units"]
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert CompiledFinder(str(SOURCE / "vramfit")).places == {}


def test_one_changed_byte_of_a_file_of_groups_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the index and of the code: ``marshal`` may crash on either."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    finder = CompiledFinder(str(SOURCE / "vramfit"))
    assert finder.path is not None
    file = tmp_path / "vramfit" / os.path.basename(finder.path)
    planted(file, tmp_path / "ran")
    whole = file.read_bytes()
    assert CompiledFinder(str(SOURCE / "vramfit")).group("vramfit.units") is not None
    noticed = []
    for at in range(len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        found = CompiledFinder(str(SOURCE / "vramfit"))
        noticed.append("vramfit.units" not in found.places or found.group("vramfit.units") is None)
    assert noticed == [True] * len(whole)


def test_groups_are_not_written_where_they_would_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    (tmp_path / "vramfit").mkdir()
    finder = CompiledFinder(str(SOURCE / "vramfit"))
    finder.alone.append(("vramfit.whole", ("vramfit.whole", False, "", (0, 0)), compile("A = 1", "a", "exec")))
    (tmp_path / "vramfit").chmod(0o777)
    assert not _groups.write(finder)
    assert list((tmp_path / "vramfit").iterdir()) == []
    (tmp_path / "vramfit").chmod(0o700)
    assert _groups.write(finder)


def test_a_damaged_group_is_left_out_and_the_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    code = compile("A = 1", "a", "exec")

    def written(*names: str) -> list[str]:
        finder = CompiledFinder(str(SOURCE / "vramfit"))
        finder.alone += [(name, (name, False, "", (0, 0)), code) for name in names]
        assert _groups.write(finder)
        return list(CompiledFinder(str(SOURCE / "vramfit")).places)

    assert written("vramfit.a", "vramfit.b") == [FINDER, "vramfit.a", "vramfit.b"]
    (file,) = (tmp_path / "vramfit").iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert written("vramfit.c") == [FINDER, "vramfit.a", "vramfit.c"]


def test_a_file_of_another_user_a_link_and_a_folder_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o700)
    file = tmp_path / "groups.bin"
    places = {"vramfit.units": (0, 1, True, b"12345678")}
    file.write_bytes(groups_of(dumps(places), b"N"))
    file.chmod(0o600)
    link = tmp_path / "link.bin"
    link.symlink_to(file)
    pipe = tmp_path / "pipe.bin"
    os.mkfifo(pipe, 0o600)
    handle, start, found = _boot._open_groups(str(file))
    os.close(handle)
    assert start == file.stat().st_size - 1
    assert found == places
    for path in (link, tmp_path, pipe, tmp_path / "missing"):
        assert _boot._open_groups(str(path)) == (-1, 0, {})
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert _boot._open_groups(str(file)) == (-1, 0, {})


@pytest.mark.parametrize(
    "content",
    [
        b"",
        GROUPS_MAGIC,
        GROUPS_MAGIC + b"\xff\xff\xff\xff" + b"N",
        b"\0" * 8 + (1).to_bytes(INDEX_LENGTH_BYTES, "little") + b"N",
        GROUPS_MAGIC + (3).to_bytes(INDEX_LENGTH_BYTES, "little") + b"{zz",
        groups_of(b"{zz"),
        groups_of(b"N")[:-1] + b"F",
    ],
)
def test_a_damaged_file_has_no_groups(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "groups.bin"
    file.write_bytes(content)
    file.chmod(0o600)
    tmp_path.chmod(0o700)
    assert _boot._open_groups(str(file)) == (-1, 0, {})


def test_a_cut_off_group_is_found_one_by_one(installed: Path, tmp_path: Path) -> None:
    run(installed, tmp_path)
    run(installed, tmp_path)
    whole, text = run(installed, tmp_path)
    file = only_file(tmp_path)
    os.truncate(file, file.stat().st_size // 2)
    cut, same = run(installed, tmp_path)
    run(installed, tmp_path)
    mended, _ = run(installed, tmp_path)
    assert text == same
    assert cut[2] > 0
    assert mended == whole


def test_no_home_directory_no_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    for base, home, expected in (
        ("/cache", "/home/me", "/cache/vramfit/modules-"),
        ("relative", "/home/me", "/home/me/.cache/vramfit/modules-"),
        ("", "relative", None),
        ("", "", None),
    ):
        monkeypatch.setenv("XDG_CACHE_HOME", base)
        monkeypatch.setenv("HOME", home)
        path = _boot._groups_path("/package")
        assert path is None if expected is None else path is not None and path.startswith(expected)


def test_a_member_that_fails_is_not_left_among_the_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    finder = CompiledFinder(str(SOURCE / "vramfit"))
    names = ("vramfit.first_of_a_test", "vramfit.second_of_a_test", "vramfit.third_of_a_test")
    members = tuple((name, False, "", (0, 0)) for name in names)
    codes = tuple(compile(text, name, "exec") for text, name in zip(("A = 1", "1 / 0", "B = 2"), names, strict=True))
    module = finder.module(names[-1], False, "", None)
    monkeypatch.setitem(sys.modules, names[-1], module)
    with pytest.raises(ZeroDivisionError):
        _finder._Loader(finder, members, codes).exec_module(module)
    assert finder.loading == []
    assert sys.modules.pop(names[0]).__dict__["A"] == 1
    assert names[1] not in sys.modules
    assert not hasattr(module, "B")


def test_a_package_that_no_group_loaded_before_is_loaded_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group was written when another had loaded the package of a member; the next command may not have loaded it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "parent_of_a_test").mkdir()
    (tmp_path / "parent_of_a_test" / "__init__.py").write_text("LOADED = True\n", encoding="utf-8")
    finder = CompiledFinder(str(SOURCE / "vramfit"))
    names = ("parent_of_a_test.member", "last_of_a_test")
    codes = (
        compile("A = 1", "a", "exec"),
        compile("from parent_of_a_test import LOADED, member", "b", "exec"),
    )
    module = finder.module(names[-1], False, "", None)
    monkeypatch.setitem(sys.modules, names[-1], module)
    _finder._Loader(finder, tuple((name, False, "", (0, 0)) for name in names), codes).exec_module(module)
    assert module.__dict__["LOADED"] is True
    assert module.__dict__["member"] is sys.modules.pop(names[0])
    del sys.modules["parent_of_a_test"]


def test_a_root_that_was_never_finished_is_no_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    finder = CompiledFinder(str(SOURCE / "vramfit"))
    code = compile("A = 1", "a", "exec")
    finder.alone.append(("vramfit.broken", ("vramfit.part", False, "", (0, 0)), code))
    assert not _groups.write(finder)
    finder.alone.append(("vramfit.whole", ("vramfit.whole", False, "", (0, 0)), code))
    assert _groups.write(finder)
    assert list(CompiledFinder(str(SOURCE / "vramfit")).places) == [FINDER, "vramfit.whole"]


def test_a_module_that_a_group_lacks_becomes_a_group_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group is what its module loaded when it was made; another command may not have loaded a part of that before."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = str(SOURCE / "vramfit")
    code = compile("A = 1", "a", "exec")
    first = CompiledFinder(folder)
    first.alone.append(("vramfit.whole", ("vramfit.whole", False, "", (0, 0)), code))
    assert _groups.write(first)
    second = CompiledFinder(folder)
    second.alone.append(("vramfit.whole", ("vramfit.part", False, "", (0, 0)), code))
    assert _groups.write(second)
    assert list(CompiledFinder(folder).places) == [FINDER, "vramfit.whole", "vramfit.part"]


def test_a_file_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "vramfit").write_text("a file where the folder should be", encoding="utf-8")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    finder = CompiledFinder(str(SOURCE / "vramfit"))
    finder.alone.append(("vramfit.whole", ("vramfit.whole", False, "", (0, 0)), compile("A = 1", "a", "exec")))
    assert not _groups.write(finder)


def test_modules_are_found_one_by_one_beside_other_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    finder = CompiledFinder(str(SOURCE / "vramfit"))
    finder.places["vramfit.units"] = (0, 0, True, b"")
    monkeypatch.setattr(_finder, "other_threads", lambda: 1)
    finder.find_spec("vramfit.units", [str(SOURCE / "vramfit")])
    assert "vramfit.units" in finder.places
    monkeypatch.setattr(_finder, "other_threads", lambda: 0)
    finder.find_spec("vramfit.units", [str(SOURCE / "vramfit")])
    assert "vramfit.units" not in finder.places


def test_modules_are_of_a_class_of_their_own_and_packages_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An attribute that a module lacks is none, as ever; a package may have a function that makes it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    finder = CompiledFinder(str(SOURCE / "vramfit"))
    module, package = finder.module("one_of_a_test", False, "", None), finder.module("many_of_a_test", True, "", None)
    assert (type(module), type(package)) == (_finder.Module, type(sys))
    assert getattr(module, "__path__", 7) == 7
    assert (module.__name__, module.__package__, package.__package__) == ("one_of_a_test", "", "many_of_a_test")
    with pytest.raises(AttributeError, match="nothing"):
        _ = module.nothing
    monkeypatch.setitem(sys.modules, "one_of_a_test", module)
    with pytest.raises(ImportError, match="cannot import name 'nothing' from 'one_of_a_test'"):
        exec("from one_of_a_test import nothing")
    for name, made in (("one_of_a_test", _finder.Module), ("many_of_a_test", type(None))):
        spec = finder._spec(name, made is not _finder.Module, "", None)
        loader = _finder._Loader(finder, ((name, made is not _finder.Module, "", (0, 0)),), ())
        assert type(loader.create_module(spec)) is made


FINDER_OF = """
import sys
sys.path.insert(0, {folder!r})
from vramfit import __main__
from vramfit.cli import process
process._leave = lambda code: None
sys.argv = ["vramfit", "check", "-g", "rtx4090", "-m", "llava-1.6-13b", "--json"]
sys.stdout = open("/dev/null", "w")
__main__.main()
finder = sys.modules["vramfit._finder"]
print(finder.__spec__.loader is None, getattr(finder, "MARK", 0), finder.__file__, file=sys.stderr)
"""
"""A check that ends with whether the finder came from a group, a mark in its module, and its source."""


def finder_of(installed: Path, cache: Path) -> list[str]:
    """Run a check where no .pyc files are written, and return the words of ``FINDER_OF``."""
    done = subprocess.run(
        [sys.executable, "-I", "-B", "-c", FINDER_OF.format(folder=str(installed))],
        env={"HOME": str(cache), "XDG_CACHE_HOME": str(cache), "XDG_CONFIG_HOME": str(cache), "PATH": os.environ["PATH"]},
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    return done.stderr.split()


def test_the_finder_comes_from_a_group_of_its_source_as_it_is(installed: Path, tmp_path: Path) -> None:
    """Where no .pyc files are written Python would compile it for every command."""
    package, cache = tmp_path / "site", tmp_path / "cache"
    shutil.copytree(installed, package, ignore=shutil.ignore_patterns("__pycache__"))
    source = package / "vramfit" / "_finder.py"
    first, second = finder_of(package, cache), finder_of(package, cache)
    source.write_text(source.read_text(encoding="utf-8") + "\nMARK = 7\n", encoding="utf-8")
    changed, again = finder_of(package, cache), finder_of(package, cache)
    assert first == ["False", "0", str(source)]
    assert second == ["True", "0", str(source)]
    assert changed == ["False", "7", str(source)]
    assert again == ["True", "7", str(source)]


PRELOADED = """
import sys
sys.path.insert(0, {folder!r})
from vramfit import __main__
from vramfit.cli import process
def leave(code):
    from vramfit._finder import CompiledFinder, PRELOAD
    finder = next(one for one in sys.meta_path if isinstance(one, CompiledFinder))
    held = [name for name in finder.places if name.startswith(PRELOAD)]
    print(code, len(held), finder.preloaded, len(finder.read), int(finder.dropped), file=sys.stderr)
process._leave = leave
sys.argv = ["vramfit", *{arguments!r}]
__main__.main()
"""
"""A command that ends with its code, the preloads that it found, modules run ahead, groups read, and 1 for a dropped one."""
CHECK = ("check", "-g", "rtx4090", "-m", "llava-1.6-13b", "--json")


def figures(installed: Path, cache: Path, *arguments: str) -> tuple[list[int], bytes]:
    """Run a command with a cache: the figures of ``PRELOADED``, and what was printed."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", PRELOADED.format(folder=str(installed), arguments=arguments)],
        env={"HOME": str(cache), "XDG_CACHE_HOME": str(cache), "XDG_CONFIG_HOME": str(cache), "PATH": os.environ["PATH"]},
        capture_output=True, check=False,
    )  # fmt: skip
    return [int(word) for word in done.stderr.split()], done.stdout


def test_what_commands_with_the_same_options_load_is_run_ahead(installed: Path, tmp_path: Path) -> None:
    """Once all is lean: with other values too, and nothing that another command would not load for other options."""
    texts = [figures(installed, tmp_path, *CHECK)[1] for _ in range(2)]
    written, text = figures(installed, tmp_path, *CHECK)
    used, same = figures(installed, tmp_path, *CHECK)
    other, _ = figures(installed, tmp_path, "check", "-g", "rtx3060-12gb", "-m", "llama-3.1-8b", "--json")
    more, _ = figures(installed, tmp_path, *CHECK, "--quant", "int8")

    assert {*texts, text, same} == {text} != {b""}
    assert written[:3] == [1, 0, 0]
    assert written[3] > 20
    assert used[:2] == [1, 1]
    assert used[2] > 90
    assert used[3:] == [0, 0]
    assert other[1:3] == used[1:3]
    assert more[2] == 0


def test_a_preload_of_other_sources_is_dropped_and_made_again(installed: Path, tmp_path: Path) -> None:
    package, cache = tmp_path / "site", tmp_path / "cache"
    shutil.copytree(installed, package)
    assert compileall.compile_dir(str(package / "vramfit"), quiet=1)
    for _ in range(3):
        figures(package, cache, *CHECK)
    whole, text = figures(package, cache, *CHECK)
    changed = package / "vramfit" / "render" / "json.py"
    changed.write_text(changed.read_text(encoding="utf-8") + "\nMARK = 7\n", encoding="utf-8")
    stale, same = figures(package, cache, *CHECK)
    for _ in range(3):
        figures(package, cache, *CHECK)
    again, last = figures(package, cache, *CHECK)

    assert stale == [1, 0, 0, stale[3], 1]
    assert again == whole
    assert text == same == last


@pytest.mark.parametrize(
    ("same", "arguments"),
    [
        (True, ["check", "--gpu=rtx4090", "-m", "qwen3-8b"]),
        (True, ["check", "-m", "a", "--gpu", "b"]),
        (True, ["check", "-mllama", "--gpu", "b", "--gpu", "c"]),
        (False, ["check", "-m", "a"]),
        (False, ["check", "-m", "a", "--gpu", "b", "--json"]),
        (False, ["list", "-m", "a", "--gpu", "b"]),
    ],
)
def test_a_preload_is_of_a_command_and_its_options(same: bool, arguments: list[str]) -> None:
    """Whatever their values and order: some are secrets, and a loop has others each time."""
    assert same is (_finder.preload_name(arguments) == _finder.preload_name(["check", "-m", "x", "--gpu", "y"]))
    assert _finder.preload_name(["4090", "-m", "x"]) == _finder.preload_name(["3090", "-m", "y"])
    assert _finder.preload_name([]).startswith(_finder.PRELOAD)


def preloading(names: list[str], *texts: str) -> CompiledFinder:
    """Finder that read so many groups, whose modules have these texts."""
    finder = CompiledFinder(str(SOURCE / "vramfit"))
    if FINDER not in finder.places:
        finder.alone = [
            (name, (name, False, "", (0, 0)), compile(text, name, "exec"))
            for name, text in zip(names, texts, strict=True)
        ]
        assert _groups.write(finder)
        finder = CompiledFinder(str(SOURCE / "vramfit"))
    finder.places = {name: (*place[:2], True, place[3]) for name, place in finder.places.items()}
    finder.preload, finder.read, finder.read_members, finder.finished = "preload a", names, len(names), names[::-1]
    return finder


def test_a_preload_is_worth_some_groups_and_few_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(_boot, "stat", found_or_empty)
    names = [f"vramfit.part{number}_of_a_test" for number in range(4)]
    finder = preloading(names, *["A = 1"] * 4)
    assert finder.lacks_preload()
    finder.read = names[:3]
    assert not finder.lacks_preload()
    finder.read, finder.preloaded = names, 4
    assert not finder.lacks_preload()
    finder.read_members = 5
    assert finder.lacks_preload()
    finder.preloaded = 0
    for number in range(_finder.MOST_PRELOADS):
        assert finder.lacks_preload()
        finder.preload = f"preload {number}"
        assert _groups.write(finder)
        finder.places[finder.preload] = finder.places[FINDER]
    assert not finder.lacks_preload()


def test_modules_run_ahead_in_the_order_in_which_they_were_finished(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(_boot, "stat", found_or_empty)
    names = [f"vramfit.part{number}_of_a_test" for number in range(4)]
    needs = [f"from {later} import A" for later in names[1:]]
    assert _groups.write(preloading(names, *needs, "A = 1"))
    finder = CompiledFinder(str(SOURCE / "vramfit"))
    monkeypatch.setattr(_finder, "preload_name", lambda arguments: "preload a")
    monkeypatch.setattr(_finder, "other_threads", lambda: 0)
    finder.load_ahead([])
    assert finder.finished == names[::-1]
    assert (finder.preloaded, finder.dropped) == (4, False)
    for name in names:
        del sys.modules[name]


def test_a_preload_that_fails_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong shows where the module is needed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(_boot, "stat", found_or_empty)
    names = [f"vramfit.part{number}_of_a_test" for number in range(4)]
    assert _groups.write(preloading(names, "A = 1", "1 / 0", "A = 1", "A = 1"))
    finder = CompiledFinder(str(SOURCE / "vramfit"))
    monkeypatch.setattr(_finder, "preload_name", lambda arguments: "preload a")
    monkeypatch.setattr(_finder, "other_threads", lambda: 0)
    finder.load_ahead([])
    assert (finder.dropped, finder.preloaded, "preload a" in finder.places) == (True, 2, False)
    assert not finder.is_complete()
    assert _groups.write(finder)
    assert "preload a" not in CompiledFinder(str(SOURCE / "vramfit")).places
    assert [name in sys.modules for name in names] == [False, False, True, True]
    for name in names[2:]:
        del sys.modules[name]


def test_a_command_whose_traceback_is_asked_for_has_no_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their code says a function's first line for all of it."""
    monkeypatch.setenv("VRAMFIT_DEBUG", "1")
    assert _boot.start() is None


def test_modules_of_groups_say_that_they_are_loaded() -> None:
    """Python's import system asks every module that is loaded for it, and writes an error's message where it is missing."""
    made = CompiledFinder(str(SOURCE / "vramfit")).module("vramfit.part_of_a_test", False, "/part_of_a_test.py", None)
    assert vars(made.__spec__)["_initializing"] is False
