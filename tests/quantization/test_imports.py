"""The quantization room is on the fast path: what it imports, and when."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import vramfit
from vramfit.quantization import SCHEMES

SOURCE = Path(vramfit.__file__).parent.parent
HEAVY = ("typing", "re", "json", "enum", "dataclasses", "pathlib", "functools", "collections", "inspect")


def loaded(statement: str) -> set[str]:
    """Modules that a bare interpreter has after ``statement``."""
    code = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); {statement}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


@pytest.mark.parametrize("family", sorted({scheme.family for scheme in SCHEMES.values()}))
def test_families_load_nothing_heavy(family: str) -> None:
    modules = loaded(f"import vramfit.quantization.{family}")

    assert f"vramfit.quantization.{family}" in modules
    assert modules.isdisjoint(HEAVY)


def test_finding_a_listed_scheme_loads_no_family_and_no_grammar() -> None:
    modules = loaded("from vramfit.quantization import find_scheme; find_scheme('q4_k_m')")

    assert {name for name in modules if name.startswith("vramfit.quantization")} == {
        "vramfit.quantization",
        "vramfit.quantization.checkpoint",
        "vramfit.quantization.schemes",
    }
