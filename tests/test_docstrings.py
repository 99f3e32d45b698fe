"""Every public thing says what it stands for."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parent.parent / "src" / "vramfit"
MODULES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")
}
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def public(tree: ast.Module) -> Iterator[tuple[str, Definition]]:
    """Public classes and functions of a module and public methods of its public classes, with their dotted names."""

    def below(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Definition]]:
        for node in body:
            if isinstance(node, ast.If):
                # What runs instead of a definition for type checkers is documented there.
                yield from below(node.body, prefix)
            if not isinstance(node, Definition) or node.name.startswith("_"):
                continue
            yield prefix + node.name, node
            if isinstance(node, ast.ClassDef):
                yield from below(node.body, f"{prefix}{node.name}.")

    yield from below(tree.body, "")


@pytest.mark.parametrize("name", MODULES)
def test_modules_and_what_they_offer_have_docstrings(name: str) -> None:
    """The module, each public class, function and method; the first line is a sentence."""
    tree = MODULES[name]
    missing = [] if ast.get_docstring(tree) else [name]
    for dotted, node in public(tree):
        text = ast.get_docstring(node)
        if text is None:
            missing.append(dotted)
        elif text.splitlines()[0].rstrip()[-1:] not in ".:;?)`":
            missing.append(f"{dotted}: {text.splitlines()[0]}")
    assert missing == []


SIZES = (
    "memory",
    "size",
    "weights",
    "cache",
    "bandwidth",
    "headroom",
    "overhead",
    "usable",
    "reserve",
    "vram",
    "total",
)
UNITS = ("bytes", "byte", "tokens", "pixels", "elements", "mib", "gib", "gb", "parameters", "per_second", "layers")


def sizes(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Integer fields, functions and methods of a module, each with all that is written of it; local helpers left out."""
    inside = [node for kind in ast.walk(tree) if isinstance(kind, ast.ClassDef) for node in kind.body]
    for node in [*tree.body, *inside]:
        if isinstance(node, ast.FunctionDef) and node.returns is not None and ast.unparse(node.returns) == "int":
            yield node.name, f"{node.name} {ast.get_docstring(node) or ''}"
        if isinstance(node, ast.ClassDef):
            for field, following in zip(node.body, [*node.body[1:], None], strict=True):
                if isinstance(field, ast.AnnAssign) and "int" in ast.unparse(field.annotation).split(" | "):
                    text = ast.unparse(following) if isinstance(following, ast.Expr) else ""
                    name = ast.unparse(field.target)
                    yield name, f"{name} {text}"


@pytest.mark.parametrize("name", MODULES)
def test_sizes_tell_their_unit(name: str) -> None:
    """In the name or the line below it: no one need guess whether a size is bytes, tokens or pixels."""
    told = [(field, text.lower()) for field, text in sizes(MODULES[name]) if any(word in field for word in SIZES)]
    assert [] == [field for field, text in told if not any(unit in text for unit in UNITS)]


def test_there_are_sizes_to_tell() -> None:
    """The reader above finds them: a field and a function."""
    found = {name for name, _ in sizes(MODULES["hardware.py"])}
    assert {"memory_bytes", "usable_bytes"} <= found
