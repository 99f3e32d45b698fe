"""Which tests reach a line, recorded once for a state of the source and kept between runs."""

from __future__ import annotations

import ast
import hashlib
import json
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.mutation.mutants import ROOMS
from tests.mutation.tree import pytest_process

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.mutation.mutants import Mutant
    from tests.mutation.tree import Tree

KEPT = Path(tempfile.gettempdir()) / "vramfit-mutation"
RECORD = "VRAMFIT_MUTATION_RECORD"
"""Variable that names the file ``recording`` writes."""
RECORD_SECONDS = 3600
LEFT_OUT = ("tests/engines/test_whole_catalogue.py",)
"""Tests that take minutes and hold figures against bounds only: what they alone would notice counts as survived."""


@dataclass(frozen=True)
class Reach:
    """Tests by the lines they execute."""

    seconds: Mapping[str, float]
    """How long each test takes that passes without a mutant."""
    lines: Mapping[str, Mapping[int, frozenset[str]]]
    """By module and line."""
    imports: Mapping[str, Sequence[tuple[str, int]]] = field(default_factory=dict)
    """Modules and lines that import a module."""

    def tests(self, mutant: Mutant, source: str) -> list[str]:
        """Tests that execute what the mutant changes, the quickest first.

        What is executed when a module is imported (constants, tables) counts as executed where its name is read in the
        same module, and for want of such a place wherever the module is; a module of nothing else counts as executed
        where it is imported.
        """
        here = self.lines.get(mutant.module, {})
        span = range(mutant.start[0], mutant.end[0] + 1)
        found = self._of(here, span) if _in_function(source, mutant.start[0]) else frozenset()
        if not found:
            found = self._of(here, _readers(source, mutant.start[0])) or self._of(here, here)
        for module, line in () if found else self.imports.get(mutant.module, ()):
            found |= self._of(self.lines.get(module, {}), [line])
        return sorted(found, key=lambda name: (self.seconds[name], name))

    def _of(self, here: Mapping[int, frozenset[str]], lines: Iterable[int]) -> frozenset[str]:
        return frozenset().union(*[here.get(line, frozenset()) for line in lines])


def files_of_tests(root: Path, folders: Sequence[str]) -> list[str]:
    """Files of tests that mutants meet, by their paths from the root."""
    paths = sorted(path for folder in folders for path in (root / folder).rglob("test_*.py"))
    names = [path.relative_to(root).as_posix() for path in paths]
    return [name for name in names if name not in LEFT_OUT]


def reach(tree: Tree, files: Sequence[str], jobs: int) -> Reach:
    """The reach of the tests in ``files``; those whose text changed since they were recorded are recorded anew.

    What was recorded holds for one state of the source.
    """
    source = digest(sorted((tree.root / "src").rglob("*.py")))
    KEPT.mkdir(exist_ok=True)
    kept = KEPT / f"reach-{source}.json"
    known: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {}
    digests = {file: digest([tree.root / file]) for file in files}
    stale = [file for file in files if known.get(file, {}).get("digest") != digests[file]]
    if stale:
        print(f"recording which lines {len(stale)} files of tests execute", flush=True)
        with ThreadPoolExecutor(jobs) as pool:
            parts = pool.map(lambda part: _recorded(tree, part), [stale[number::jobs] for number in range(jobs)])
            for part in parts:
                known |= {file: {"digest": digests[file], **record} for file, record in part.items()}
        kept.write_text(json.dumps(known))
    return _joined([known[file] for file in files], imports(tree.root))


def _recorded(tree: Tree, files: Sequence[str]) -> dict[str, Any]:
    """Seconds and lines of each file of tests."""
    if not files:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "record.json"
        pytest_process(tree, ["-p", "tests.mutation.recording", *files], {RECORD: str(out)}, RECORD_SECONDS)
        record = json.loads(out.read_text())
    names = list(record["seconds"])
    sets = [[names[number] for number in one] for one in record["sets"]]
    found: dict[str, Any] = {}
    for file in files:
        mine = {name for name in names if name.partition("::")[0] == file}
        own = [[name for name in one if name in mine] for one in sets]
        lines = {
            module: {line: own[number] for line, number in by_line.items() if own[number]}
            for module, by_line in record["files"].items()
        }
        found[file] = {"seconds": {name: record["seconds"][name] for name in names if name in mine}, "lines": lines}
    return found


def imports(root: Path) -> dict[str, list[tuple[str, int]]]:
    """Modules and lines of the rooms that import a module, by its path from the root."""
    found: dict[str, list[tuple[str, int]]] = {}
    for room in ROOMS:
        for file in sorted((root / room).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module:
                    module = f"src/{node.module.replace('.', '/')}.py"
                    found.setdefault(module, []).append((file.relative_to(root).as_posix(), node.lineno))
    return found


def _joined(records: Iterable[Mapping[str, Any]], imported: Mapping[str, Sequence[tuple[str, int]]]) -> Reach:
    seconds: dict[str, float] = {}
    lines: dict[str, dict[int, set[str]]] = {}
    for record in records:
        seconds |= record["seconds"]
        for module, by_line in record["lines"].items():
            for line, names in by_line.items():
                lines.setdefault(module, {}).setdefault(int(line), set()).update(names)
    frozen = {m: {line: frozenset(names) for line, names in by_line.items()} for m, by_line in lines.items()}
    return Reach(seconds, frozen, imported)


def digest(files: Iterable[Path]) -> str:
    """What changes when the content of a file does."""
    whole = hashlib.sha256()
    for file in files:
        whole.update(file.read_bytes())
    return whole.hexdigest()[:16]


def _in_function(source: str, line: int) -> bool:
    """Whether a line is executed when a function is called, and not when the module is imported."""
    return any(
        isinstance(node, ast.FunctionDef | ast.Lambda)
        and (node.body if isinstance(node, ast.Lambda) else node.body[0]).lineno <= line <= (node.end_lineno or line)
        for node in ast.walk(ast.parse(source))
    )


def _readers(source: str, line: int) -> set[int]:
    """Lines that read a name which the statement at ``line`` of the module gives a value, by way of other such names."""
    tree = ast.parse(source)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    reads = [(node.id, node.lineno) for node in names]
    found: set[int] = set()
    wanted = [line]
    while wanted:
        at = wanted.pop()
        for name in _assigned(tree, at):
            new = {where for read, where in reads if read == name} - found
            found |= new
            wanted += new
    return found


def _assigned(tree: ast.Module, line: int) -> set[str]:
    """Names the module's own statement at a line gives a value to, functions and classes included."""
    names: set[str] = set()
    for node in tree.body:
        if not node.lineno <= line <= (node.end_lineno or node.lineno):
            continue
        if isinstance(node, ast.ClassDef):
            names.add(node.name)
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names |= {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    return names
