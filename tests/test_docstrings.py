"""Every public thing says what it stands for."""

from __future__ import annotations

import ast
import re
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


OPENINGS = {
    "all", "also", "and", "are", "as", "at", "because", "both", "but", "by", "either", "everything", "for", "from",
    "has", "have", "how", "if", "in", "into", "is", "it", "its", "likewise", "more", "most", "neither", "none",
    "nor", "not", "nothing", "of", "on", "only", "or", "same", "so", "such", "than", "that", "their", "then",
    "there", "these", "they", "this", "those", "to", "what", "when", "where", "whether", "which", "who", "why",
    "with", "without",
}  # fmt: skip
"""Words that begin a fragment, and no sentence on what a thing is or does."""
UNNAMED = {"told", "said", "held", "way", "ways", "tried", "kin"}
"""Words that are no names of a thing, but in ``if_tried``, a key of the contract."""


def documented(tree: ast.AST) -> Iterator[str]:
    """Every docstring of a module, and every string behind a field or constant, which documents it."""
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else ():
            value = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                yield value.value


def opening(text: str) -> str:
    """First word of a text in small letters, ``same`` for *The same*; empty where it begins with code or a number."""
    found = re.match(r"(?:The (?=same\b))?([A-Za-z'-]+)", text)
    return "" if found is None else found[1].lower()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("The same of keys.", "same"),
        ("The bytes of it.", "the"),
        ("Whether it fits.", "whether"),
        ("On-demand price.", "on-demand"),
        ("``2xrtx3090``: an id.", ""),
        ("16-bit weights.", ""),
    ],
)
def test_openings_are_read(text: str, word: str) -> None:
    """Articles are passed over only in front of *same*."""
    assert word == opening(text)


@pytest.mark.parametrize("name", MODULES)
def test_docstrings_begin_with_what_a_thing_is_or_does(name: str) -> None:
    """A noun or a verb, never *The same*, *As*, *Of*, *All*, *What*: a stranger reads each one by itself."""
    assert [] == [text for text in documented(MODULES[name]) if opening(text) in OPENINGS]


def identifiers(tree: ast.AST) -> set[str]:
    """Names that a module gives: of functions, classes, parameters, variables and attributes."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, Definition):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
    return found


def test_identifiers_are_read() -> None:
    """One of each kind, and none that is only used."""
    module = ast.parse("class A:\n    b: int\n    def c(self, d):\n        e, self.f = g.h, 1\n")
    assert {"A", "b", "c", "self", "d", "e", "f"} == identifiers(module)


@pytest.mark.parametrize("name", MODULES)
def test_identifiers_are_names_of_things(name: str) -> None:
    """A noun of the field for a value: no participle that leaves open of what."""
    names = {one.replace("if_tried", "") for one in identifiers(MODULES[name])}
    assert [] == sorted(name for name in names if UNNAMED & set(name.lower().split("_")))


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
