"""Who may import whom: docs/architecture.md, "Who may import whom", as a test."""

from __future__ import annotations

import ast
import itertools
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from vramfit.engines import names

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "vramfit"

LAYERS = (
    ("__main__",),
    ("cli",),
    ("_groups", "api"),
    ("sources",),
    ("render", "curation", "manifests"),
    ("importers",),
    ("recommend", "matrix", "verify", "comparison", "curve"),
    ("checks", "report", "entries"),
    ("sweep",),
    ("remedies",),
    ("answer",),
    ("verdict", "speed"),
    ("engines",),
    ("training",),
    ("launch", "memory"),
    ("catalogue",),
    ("quantization",),
    ("model", "hardware", "workload"),
    ("quantities",),
    ("units",),
    ("_equal_parts", "_lean"),
    ("bounded", "errors", "search", "similar", "_memo", "_finder"),
    ("_boot",),
    ("_record",),
)
"""Rooms from top to bottom: one may import those of lower lines."""
BESIDE = {("report", "checks")}
"""Neighbours that may meet: the report is the plain-data form of what ``check`` returns."""
TYPES_ONLY = {("_memo", "model")}
"""Names an annotation needs from above; nothing is imported when the program runs."""
UNAWARE = {
    "curation": {"checks", "report", "remedies", "verdict", "speed", "engines", "memory", "render", "cli"},
    "importers": {"checks", "report", "remedies", "verdict", "speed", "render", "cli"},
    "manifests": {"checks", "report", "remedies", "speed", "curation", "render", "importers", "cli"},
    "render": {
        "checks", "report", "entries", "remedies", "verdict", "speed", "engines", "memory", "catalogue", "curation",
        "sources", "importers", "manifests", "cli",
    },
}  # fmt: skip
"""Rooms that know less than their height would let them: they make core types, or read plain data, and nothing else."""

HOMES = {
    "typer": ("cli/",),
    "click": (),
    "rich": ("render/", "cli/"),
    "pydantic": ("curation/",),
    # Files of other programs are data that enter too, and allow what the catalogue refuses: documents, aliases, tags.
    "yaml": ("curation/strict_yaml.py", "manifests/documents.py"),
    "hatchling": ("curation/build_hook.py",),
    "inspect": ("cli/app.py", "cli/catalogue.py", "curation/generated.py"),
    **dict.fromkeys(
        ("socket", "ssl", "http", "urllib", "ftplib", "smtplib", "asyncio", "requests", "httpx", "huggingface_hub"),
        ("importers/",),
    ),
    "threading": ("importers/progress.py", "importers/machine/place.py", "importers/brief.py"),
    "subprocess": ("importers/machine/place.py", "cli/pager.py"),
    "pynvml": ("importers/machine/nvml.py",),
    "matplotlib": ("render/chart.py",),
    "concurrent": ("importers/hub.py",),
    "time": ("cli/progress.py", "importers/client.py", "importers/facts_cache.py"),
    **dict.fromkeys(("multiprocessing", "pickle", "shelve", "ctypes", "random"), ()),
}
"""The only files that may import a module, by how their path below ``src/vramfit`` begins."""


OTHERWISE_NAMED = {
    "ollama": ("catalogue/", "curation/", "entries/", "importers/", "model/", "render/"),
    "mlx": ("catalogue/", "curation/", "importers/", "quantization/"),
    "llama.cpp": ("importers/",),
    "transformers": ("training/", "workload/"),
    "vllm": ("training/",),
}
"""Where an engine's name means something else: Ollama's library of models, the family of MLX's schemes, llama.cpp's cache
of files, the trainer of transformers, and settings of trainers that name the vLLM beside them."""


@dataclass(frozen=True)
class Import:
    """One import statement's target."""

    file: str
    line: int
    module: str
    """Dotted name; of ``from vramfit import x`` the module ``vramfit.x`` where there is one."""
    types: bool
    """Under ``TYPE_CHECKING`` alone."""
    deferred: bool
    """Inside a function."""

    @property
    def where(self) -> str:
        """For messages: ``engines/resolve.py:7 imports vramfit.checks``."""
        return f"{self.file}:{self.line} imports {self.module}"


def _is_types_block(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _exists(module: str) -> bool:
    path = PACKAGE.parent / Path(*module.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def _targets(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, "imports are absolute"
        module = node.module or ""
        below = [f"{module}.{alias.name}" for alias in node.names]
        inside = [name for name in below if name.startswith("vramfit") and _exists(name)]
        return inside + ([module] if len(inside) < len(below) else [])
    if (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("__import__", "import_module")
    ):
        # A name put together at run time, as for a row of a table, belongs to what the table lists.
        return [str(one.value) for one in node.args[:1] if isinstance(one, ast.Constant)]
    return []


def _walk(node: ast.AST, file: str, types: bool, deferred: bool) -> list[Import]:
    found = [Import(file, node.lineno, name, types, deferred) for name in _targets(node)]  # type: ignore[attr-defined]
    inside = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
    if _is_types_block(node):
        assert isinstance(node, ast.If)
        for statement in node.body:
            found += _walk(statement, file, True, inside)
        for statement in node.orelse:
            found += _walk(statement, file, types, inside)
        return found
    for child in ast.iter_child_nodes(node):
        found += _walk(child, file, types, inside)
    return found


@cache
def imports() -> tuple[Import, ...]:
    """Every import of the package."""
    found: list[Import] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            found += _walk(node, path.relative_to(PACKAGE).as_posix(), False, False)
    return tuple(found)


def room(name: str) -> str:
    """``engines`` of ``engines/resolve.py`` and of ``vramfit.engines.resolve``."""
    parts = name.removesuffix(".py").replace("/", ".").split(".")
    return parts[1] if parts[0] == "vramfit" and len(parts) > 1 else parts[0]


def rank() -> dict[str, int]:
    """Height of each room, the lowest 0."""
    return {name: height for height, names in enumerate(reversed(LAYERS)) for name in names}


def between_rooms() -> list[Import]:
    """Imports that leave their room for another one of the package."""
    return [
        one
        for one in imports()
        if one.module.startswith("vramfit.") and room(one.module) != room(one.file) and room(one.file) != "__init__"
    ]


def test_the_reader_of_imports_reads_them() -> None:
    """A test that finds nothing would always pass: a few that are there."""
    found = {(one.file, one.module, one.types, one.deferred) for one in imports()}
    assert ("verdict.py", "vramfit.engines", False, False) in found
    assert ("verdict.py", "vramfit.engines.interface", True, False) in found
    assert ("cli/process.py", "vramfit.cli.options", False, True) in found
    tree = ast.parse('def later():\n    return __import__("vramfit.checks")')
    assert [(one.module, one.deferred) for one in _walk(tree.body[0], "x.py", False, False)] == [
        ("vramfit.checks", True)
    ]
    assert len(between_rooms()) > 100


def test_every_room_has_its_place() -> None:
    """A new room is put into the order above, and into docs/architecture.md."""
    rooms = {path.stem for path in PACKAGE.glob("*.py")} | {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert rooms - {"__init__"} <= set(rank())


def test_dependencies_run_one_way() -> None:
    """Higher rooms import lower ones, never back and never sideways, at the top of a file or inside a function."""
    height = rank()
    wrong = []
    for one in between_rooms():
        edge = (room(one.file), room(one.module))
        if edge[1] == "__init__" or edge in BESIDE or (one.types and edge in TYPES_ONLY):
            continue
        if height[edge[0]] <= height[edge[1]]:
            wrong.append(one.where)
    assert wrong == []


def test_rooms_that_know_less() -> None:
    """The catalogue and the importers know nothing of the check, the renderers nothing but plain data."""
    assert [] == [one.where for one in between_rooms() if room(one.module) in UNAWARE.get(room(one.file), set())]


def words(tree: ast.AST) -> set[str]:
    """Every string of a module but its docstrings."""
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in alone]
    return {node.value for node in found if isinstance(node.value, str)}


def test_words_are_read_without_docstrings() -> None:
    """A test that finds nothing would always pass."""
    module = ast.parse(
        '"""vllm"""\nA = "mlx"\n"""sglang"""\ndef f(b="x"):\n    """ollama"""\n    return {"y": f"{b}z"}'
    )
    assert {"mlx", "x", "y", "z"} == words(module)


def test_engines_are_known_by_name_in_their_folders_alone() -> None:
    """What differs between engines is asked of the engine, so that another one is a folder and a registration."""
    engines = set(names())
    found: dict[str, set[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE).as_posix()
        named = words(ast.parse(path.read_text(encoding="utf-8"))) & engines
        named -= {name for name in named if file.startswith(OTHERWISE_NAMED.get(name, ("\0",)))}
        if named and not file.startswith("engines/"):
            found[file] = named
    assert {} == found


@pytest.mark.parametrize("module", HOMES)
def test_what_is_heavy_or_dangerous_has_one_home(module: str) -> None:
    """Typer in the command line, Rich in the renderers, Pydantic and YAML in the catalogue, the network in importers.

    Nothing unpickles or throws dice: same input, same bytes. Threads and clocks are for waiting on servers and drivers,
    and for how long a branch of the Hub is taken to be where it was; programs are started to ask for this machine's GPUs.
    """
    used = [one for one in imports() if one.module.split(".")[0] == module and not one.types]
    assert [] == [one.where for one in used if not one.file.startswith(HOMES[module] or ("\0",))]


@pytest.mark.parametrize(("module", "file"), [("typer", "cli/app.py"), ("yaml", "curation/strict_yaml.py")])
def test_homes_are_lived_in(module: str, file: str) -> None:
    """The names above are those the package really imports."""
    assert any(one.module == module and one.file == file for one in imports())


def test_only_known_packages() -> None:
    """What is imported is the standard library, the four dependencies, the build backend in its hook, or an extra."""
    import sys

    outside = {one.module.split(".")[0] for one in imports()} - set(sys.stdlib_module_names) - {"vramfit"}
    assert outside <= {"typer", "rich", "pydantic", "yaml", "hatchling", "huggingface_hub", "pynvml", "matplotlib"}


def module_of(file: str) -> str:
    """``vramfit.engines.resolve`` of ``engines/resolve.py``."""
    return "vramfit." + file.removesuffix(".py").replace("/", ".").removesuffix(".__init__")


def circles(edges: set[tuple[str, str]]) -> list[str]:
    """A circle of each kind among the edges from what needs something to what it needs, written ``a -> b -> a``."""
    graph: dict[str, set[str]] = {}
    for source, needed in edges:
        graph.setdefault(source, set()).add(needed)
    found: list[str] = []
    done: set[str] = set()

    def visit(node: str, path: tuple[str, ...]) -> None:
        if node in path:
            found.append(" -> ".join([*path[path.index(node) :], node]))
        elif node not in done:
            for needed in sorted(graph.get(node, ())):
                visit(needed, (*path, node))
            done.add(node)

    for node in sorted(graph):
        visit(node, ())
    return found


def test_circles_are_found() -> None:
    assert circles({("a", "b"), ("b", "c"), ("a", "c")}) == []
    assert circles({("a", "b"), ("b", "c"), ("c", "b"), ("c", "a")}) == ["a -> b -> c -> a", "b -> c -> b"]


def test_no_module_needs_one_that_needs_it() -> None:
    """At its top or inside a function: what is imported late is needed as well."""
    edges = {
        (module_of(one.file), one.module) for one in imports() if one.module.startswith("vramfit.") and not one.types
    }
    assert len(edges) > 400
    assert circles(edges) == []


def test_no_room_needs_one_that_needs_it() -> None:
    edges = {(room(one.file), room(one.module)) for one in between_rooms() if not one.types}
    assert len(edges) > 50
    assert circles({edge for edge in edges if "__init__" not in edge}) == []


def test_the_documented_order_is_this_one() -> None:
    """docs/architecture.md draws the same picture: each line of rooms stands above the next."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    block = text.split("## Who may import whom")[1].split("```")[1].removeprefix("text\n")
    lines = [re.findall(r"[a-z_]+", line) for line in block.splitlines() if line.strip()]
    height = rank()
    told = [name for names in lines for name in names]
    assert {name for name in height if not name.startswith("_")} <= set(told) <= set(height)
    for upper, lower in itertools.pairwise(lines):
        assert min(height[name] for name in upper) > max(height[name] for name in lower)
