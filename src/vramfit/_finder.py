"""Finder for the package's own compiled modules, which costs a fraction of what Python's general one does.

A check loads some 90 small modules, and finding them is a third of its start-up: the general finder asks every entry of
``sys.path`` hooks, builds paths piece by piece, takes locks and prepares for cases that do not arise inside one package.
This one does two things about it.

It opens the .pyc file of a module where it must be, and takes it only if it was compiled by this interpreter from the source
as it is now; in every other case it answers None, and Python finds the module as it always does. Where Python may write no
.pyc files (``PYTHONDONTWRITEBYTECODE``, usual in containers) it compiles the source, which Python would do each time.

It also reads *groups* from one file in the user's cache: a module that a function loads when it is called, with all that
this module loads in turn. A group is read at once and run in the order in which Python ran it before, without a search for
each member. The source of each member is compared, as for a .pyc file. What a command had to find one by one is added to the
file when its answer is out (``vramfit._groups``), and the command after that makes the group's code lean
(``vramfit._lean``). Once all is lean, the groups that a command read one after another become one more group, a *preload*,
which commands with the same options run before anything else: most names are then unpacked once, and not once a group. The
file itself, and what is trusted of it, is the business of ``vramfit._boot``.

Only the command installs it; a program that imports vramfit is left alone.
"""

from __future__ import annotations

import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER
from _imp import source_hash
from _thread import _count as other_threads
from marshal import loads
from os import close, read
from os import open as open_file

from vramfit._boot import DIGEST_KEY, FINDER, Groups, state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader  # noqa: F401  (named in a cast)
    from types import CodeType, ModuleType
    from typing import cast

    from vramfit._boot import Group, Member, State
else:
    ModuleType = type(sys)

    def cast(_, value):
        return value


PACKAGE = "vramfit"
INSIDE = PACKAGE + "."
CHECKED_BY_TIME = MAGIC_NUMBER + bytes(4)
"""First bytes of a .pyc file of this interpreter that is validated by its source's time and size (PEP 552)."""
HEADER_BYTES = 16
CACHE_FOLDER = "/__pycache__/"
CACHE_ENDING = f".{sys.implementation.cache_tag}.pyc"
MOST_BYTES = 1 << 16
"""The most that is read of a compiled file: larger ones are left to Python, and the package has none."""

PRELOAD = "preload "
"""Beginning of the names of preloads, which no module has."""
LEAST_GROUPS = 4
"""Number of groups that a command must have read one by one for a preload to be worth writing."""
MOST_PRELOADS = 8
"""Number of preloads beyond which none is added: one takes about half a megabyte."""


class Module(ModuleType):
    """Module that is no package: an attribute that it lacks is looked up without writing the message of an error.

    Every ``from … import`` asks the module for a ``__path__`` first, and Python's own modules write two messages for the
    answer that there is none, a twentieth of a check. A module's ``__getattr__`` function is not called.
    """

    __getattribute__ = object.__getattribute__


class CompiledFinder(Groups):
    """An entry of ``sys.meta_path`` for the modules below one package, whose folder it is given.

    ``opened`` is the file of the package's groups, where that was opened before.
    """

    def __init__(self, folder: str, opened: Groups | None = None) -> None:
        if opened is None:
            super().__init__(folder)
        else:
            vars(self).update(vars(opened))
        self.loading: list[str] = []
        """Modules that are being run, the outermost first; a group counts as its last member."""
        self.alone: list[tuple[str, Member, CodeType]] = []
        """Modules that were found one by one, as they were finished: the outermost at that time, member and code."""
        self.preload = ""
        """Name of the preload for the options of the command; empty while that is not known."""
        self.preloaded = 0
        """Number of modules that were run ahead."""
        self.dropped = False
        """True if there was a preload that is of no use any more."""
        self.read: list[str] = []
        """Groups that were read one by one."""
        self.read_members = 0
        """Number of their members."""
        self.finished: list[str] = []
        """Modules that were run, in the order in which they were finished."""
        self._folder = folder[: -len(PACKAGE)]

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: object = None) -> ModuleSpec | None:
        """Specification of a module whose compiled file is up to date; None for everything else."""
        if path is None or not name.startswith(INSIDE):
            return None
        if name in self.places and not other_threads():
            group = self.group(name)
            if group is not None:
                self.read.append(name)
                self.read_members += len(group[0])
                _, is_package, source, _ = group[0][-1]
                return self._spec(name, is_package, source, _Loader(self, *group))
            del self.places[name]
        return self._compiled(name, path[0]) or (self._compile(name, path[0]) if sys.dont_write_bytecode else None)

    def _compiled(self, name: str, folder: str) -> ModuleSpec | None:
        """Specification of a module by its .pyc file, if that is up to date."""
        is_package = False
        stem = name.rpartition(".")[2]
        try:
            handle = open_file(folder + CACHE_FOLDER + stem + CACHE_ENDING, os.O_RDONLY)
        except OSError:
            is_package = True
            try:
                handle = open_file(f"{folder}/{stem}{CACHE_FOLDER}__init__{CACHE_ENDING}", os.O_RDONLY)
            except OSError:
                return None
        data = read(handle, MOST_BYTES)
        close(handle)
        source = f"{folder}/{stem}{'/__init__.py' if is_package else '.py'}"
        state = state_of(source)
        if state is None or data[:HEADER_BYTES] != CHECKED_BY_TIME + _stamp(state) or len(data) == MOST_BYTES:
            return None
        code = loads(memoryview(data)[HEADER_BYTES:])  # noqa: S302
        loader = _Loader(self, ((name, is_package, source, state),), (code,), alone=True)
        return self._spec(name, is_package, source, loader)

    def _compile(self, name: str, folder: str) -> ModuleSpec | None:
        """Specification of a module by its source, for an interpreter that writes no .pyc files: it goes into a group."""
        path = f"{folder}/{name.rpartition('.')[2]}"
        for is_package, source in ((False, path + ".py"), (True, path + "/__init__.py")):
            state = state_of(source)
            if state is not None:
                with open(source, "rb") as file:
                    code = compile(file.read(), source, "exec", dont_inherit=True)
                loader = _Loader(self, ((name, is_package, source, state),), (code,), alone=True)
                return self._spec(name, is_package, source, loader)
        return None

    def has_plain_groups(self) -> bool:
        """Tell whether code of a group is not lean yet."""
        return False in [lean for _, _, lean, _ in self.places.values()]

    def is_complete(self) -> bool:
        """Tell whether all that was loaded came from groups, of lean code, and nothing is to be gained by a preload."""
        if self.alone or self.dropped or FINDER not in self.places:
            return False
        return not self.has_plain_groups() and not self.lacks_preload()

    def lacks_preload(self) -> bool:
        """Tell whether the groups that were read one by one should become a preload, or outweigh the one that there is."""
        if not self.preload or len(self.read) < LEAST_GROUPS:
            return False
        if self.preloaded:
            return self.read_members > self.preloaded
        return len([name for name in self.places if name.startswith(PRELOAD)]) < MOST_PRELOADS

    def load_ahead(self, arguments: Sequence[str]) -> None:
        """Run what commands with the same options loaded before, where that is known and their sources are unchanged."""
        self.preload = name = preload_name(arguments)
        if name not in self.places or other_threads():
            return
        group, before = self.group(name), len(self.finished)
        try:
            if group is not None:
                self.run(name, group, _Loader(self, group[0][-1:], ()))
        except Exception:  # what is wrong with a module shows where it is needed, and this command may not need it
            group = None
        if group is None:
            del self.places[name]
            self.dropped = True
        self.preloaded = len(self.finished) - before

    def run(self, name: str, group: Group, loader: _Loader, last: ModuleType | None = None) -> None:
        """Run the members of a group that are not loaded yet, in order, and then the ``last`` where its module is given."""
        members, codes = group
        loaded = sys.modules
        waiting = [] if last is not None and len(members) == 1 else loader.waiting(members, codes)
        self.loading.append(name)
        try:
            while waiting:
                one, made, code = waiting[0]
                exec(code, made.__dict__)  # noqa: S102
                parent, _, stem = one.rpartition(".")
                setattr(loaded[parent], stem, made)
                self.finished.append(one)
                del waiting[0]
            if last is not None:
                exec(codes[-1], last.__dict__)  # noqa: S102
                self.finished.append(name)
        finally:
            self.loading.pop()
            for one, _, _ in waiting:
                del loaded[one]

    def _spec(self, name: str, is_package: bool, source: str, loader: object) -> ModuleSpec:
        spec = ModuleSpec(name, cast("Loader", loader), origin=source)
        if is_package:
            spec.submodule_search_locations = [self._folder + name.replace(".", "/")]
        return spec

    def module(self, name: str, is_package: bool, source: str, loader: object) -> ModuleType:
        """Make a module that is not run yet, as Python's import system would."""
        module = ModuleType(name) if is_package else Module(name)
        space = module.__dict__
        space["__spec__"] = spec = self._spec(name, is_package, source, loader)
        # Every import of a module that is loaded asks for this, and for one that lacks it the message of an error is written.
        vars(spec)["_initializing"] = False
        space["__loader__"] = loader
        space["__file__"] = source
        if is_package:
            space["__package__"] = name
            space["__path__"] = spec.submodule_search_locations
        else:
            space["__package__"] = name.rpartition(".")[0]
        return module


def _stamp(state: State) -> bytes:
    """A source's state in eight bytes, as a .pyc file has it."""
    size, second = state
    return ((size & 0xFFFFFFFF) << 32 | second & 0xFFFFFFFF).to_bytes(8, "little")


class _Loader:
    """Loader that runs a module, and before it those that it needs, in the order in which they were finished before."""

    def __init__(
        self, finder: CompiledFinder, members: tuple[Member, ...], codes: tuple[CodeType, ...], alone: bool = False
    ) -> None:
        self._finder = finder
        self._members = members
        self._codes = codes
        self._alone = alone
        """True for a module that was found by itself, which ``CompiledFinder.alone`` gets when it is finished."""

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Make a module that is no package; None for a package, which Python makes by itself."""
        return Module(spec.name) if spec.submodule_search_locations is None else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the members that are not loaded yet, then the module itself, which is the last of them."""
        finder, members, codes = self._finder, self._members, self._codes
        # The loader lives as long as its module: the code of the others would stay with it.
        self._members, self._codes = members[-1:], ()
        name, _, module.__dict__["__file__"], _ = members[-1]
        outermost = finder.loading[0] if finder.loading else name
        finder.run(name, (members, codes), self, module)
        if self._alone:
            finder.alone.append((outermost, members[-1], codes[-1]))

    def waiting(
        self, members: tuple[Member, ...], codes: tuple[CodeType, ...]
    ) -> list[tuple[str, ModuleType, CodeType]]:
        """Make the modules before the last that are not loaded yet: the name of each, the module, and its code."""
        loaded = sys.modules
        own = {member[0] for member in members}
        for name, _, _, _ in members[:-1]:
            # A package that was loaded before when the group was written may not be loaded now.
            parent = name.rpartition(".")[0]
            if parent not in loaded and parent not in own:
                __import__(parent)
        waiting = []
        for (name, is_package, source, _), code in zip(members, codes):  # noqa: B905  (as many of either, by the writer)
            if name not in loaded:
                loaded[name] = made = self._finder.module(name, is_package, source, self)
                waiting.append((name, made, code))
        return waiting


def preload_name(arguments: Sequence[str]) -> str:
    """Name of the preload for a command and its options, whatever their values, as a digest: some values are secrets."""
    first = arguments[0] if arguments and arguments[0].isalpha() else ""
    options = {word.partition("=")[0] if word[:2] == "--" else word[:2] for word in arguments if word[:1] == "-"}
    text = " ".join((first, *sorted(options)))
    return PRELOAD + source_hash(DIGEST_KEY, text.encode("utf-8", "surrogatepass")).hex()


def put_first(opened: Groups) -> CompiledFinder | None:
    """Put a finder with an open file of groups before Python's own; return it, or None where one is there already."""
    if any(isinstance(one, CompiledFinder) for one in sys.meta_path):
        return None
    finder = CompiledFinder(opened.folder, opened)
    sys.meta_path.insert(0, finder)
    return finder
