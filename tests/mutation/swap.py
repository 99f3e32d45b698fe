"""What a mutant changes, changed where it lives: code of functions, and constants. Nothing is imported again.

For a constant it is less than importing the mutant: what others derived from it stays. So a test that notices the change
notices the mutant, and one that does not says nothing yet.
"""

from __future__ import annotations

import gc
import inspect
import sys
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import ModuleType
    from typing import Literal, TypeAlias

    Swapped: TypeAlias = Literal["all", "part", "nothing"]
    Place = tuple[str, str, int]
    """File, name and first line of a function."""


def functions_by_place() -> dict[Place, list[FunctionType]]:
    """Every function there is; more than one at a place where a function was made by another."""
    found: dict[Place, list[FunctionType]] = {}
    for one in gc.get_objects():
        if isinstance(one, FunctionType):
            code = one.__code__
            found.setdefault((code.co_filename, code.co_name, code.co_firstlineno), []).append(one)
    return found


def swap(file: str, before: str, after: str, functions: Mapping[Place, list[FunctionType]]) -> Swapped:
    """Change what is live of a module as its source changes; how much of the change that is."""
    changes = changed_functions(before, after)
    if changes is None:
        return "part" if _swap_constants(file, before, after) else "nothing"
    for old, new in changes:
        live = functions.get((file, old.co_name, old.co_firstlineno), [])
        if not live or any(one.__code__ != old for one in live):
            return "nothing"
        for one in live:
            one.__code__ = new.replace(co_filename=file)
    return "all" if changes else "nothing"


def _swap_constants(file: str, before: str, after: str) -> bool:
    """Give the module, and those that took it from there, each constant that differs."""
    module = next((one for one in list(sys.modules.values()) if getattr(one, "__file__", None) == file), None)
    if module is None:
        return False
    old, new = _executed(module, before), _executed(module, after)
    names = [name for name in old if name in new and _is_constant(old[name]) and repr(old[name]) != repr(new[name])]
    for name in names:
        known = vars(module)[name]
        for other in list(sys.modules.values()):
            if getattr(other, "__dict__", {}).get(name) is known:
                setattr(other, name, new[name])
    return bool(names)


def _executed(module: ModuleType, source: str) -> dict[str, object]:
    names = {"__name__": module.__name__, "__package__": module.__package__, "__file__": module.__file__}
    exec(compile(source, str(module.__file__), "exec", dont_inherit=True), names)
    return dict(names)


def _is_constant(value: object) -> bool:
    return isinstance(value, bool | int | float | str | tuple | dict | frozenset)


def changed_functions(before: str, after: str) -> list[tuple[CodeType, CodeType]] | None:
    """Code of the module's functions and methods that differ; None where what runs at import differs too."""
    found: list[tuple[CodeType, CodeType]] = []
    bodies = [(compile(before, "", "exec", dont_inherit=True), compile(after, "", "exec", dont_inherit=True))]
    while bodies:
        old, new = bodies.pop()
        if _own(old) != _own(new):
            return None
        for one, other in zip(_inner(old), _inner(new), strict=True):
            if not one.co_flags & inspect.CO_OPTIMIZED:
                bodies.append((one, other))
            elif one != other:
                found.append((one, other))
    return found


def _own(code: CodeType) -> tuple[object, ...]:
    """What a body of a module or a class does itself."""
    constants = [repr(one) for one in code.co_consts if not isinstance(one, CodeType)]
    return code.co_code, code.co_names, constants, len(code.co_consts)


def _inner(code: CodeType) -> Iterator[CodeType]:
    return (one for one in code.co_consts if isinstance(one, CodeType))
