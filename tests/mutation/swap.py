"""Functions whose code a mutant changes, given their new code where they are: nothing is imported again."""

from __future__ import annotations

import gc
import inspect
from types import CodeType, FunctionType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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


def swap(file: str, before: str, after: str, functions: Mapping[Place, list[FunctionType]]) -> bool:
    """Change the live functions of a module as its source changes; whether all of the change is within functions."""
    changes = changed_functions(before, after)
    if not changes:
        return False
    for old, new in changes:
        live = functions.get((file, old.co_name, old.co_firstlineno), [])
        if not live or any(one.__code__ != old for one in live):
            return False
        for one in live:
            one.__code__ = new.replace(co_filename=file)
    return True


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
