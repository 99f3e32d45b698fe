"""Names from outside on every sink: no control character, no text that turns direction, no formula, no forged line or markup."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.command import vramfit

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {
    "escape": "\x1b[31mred\x1b[0m", "bell": "a\x07b", "backspace": "ab\x08\x08c", "bidi": "a\u202eb\u2066c",
    "line": "one\r\nerror: forged", "separator": "a\u2028b\x85c", "formula": "=1+2", "plus": "+1", "minus": "-1",
    "at": "@SUM(A1)", "tab": "\t=1", "command": "=cmd|' /C calc'!A0", "markdown": "a|b `c` *d* [e](f) <img src=x>",
    "mention": "@someone $x$ ~~y~~", "annotation": "a::error::b%0A::error file=x::c", "xml": "]]><a/>&lt;\x00\x0b",
}  # fmt: skip
"""Hostile names by what they try."""
FORMATS = ("table", "plain", "json", "ndjson", "csv", "markdown", "github", "junit", "sarif")
NUMBER = re.compile(r"-?[0-9.]+(e-?[0-9]+)?")
TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\x85"


def shown(name: str, style: str, folder: Path, **keys: str) -> tuple[str, str]:
    """Both streams of a check of two deployments, one that is answered and one whose model nobody has."""
    path = folder / "hostile.json"
    known = {"gpu": "rtx4090", "model": "llama-2-7b", "quant": "int4", "name": name, **keys}
    path.write_text(json.dumps({"deployments": [known, {**known, "model": f"nobody-{name}"}]}), encoding="utf-8")
    ran = vramfit("check", "-f", str(path), "--format", style, "--offline")
    assert ran.code in (1, 2, 3, 4)
    return ran.out, ran.err


def raw(text: str) -> set[str]:
    """Characters of an output that a terminal would act upon."""
    return {one for one in text if (not one.isprintable() and one not in "\r\n\t") or one in TURNING}


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("kind", NAMES)
def test_a_name_stays_a_name(kind: str, style: str, tmp_path: Path) -> None:
    out, err = shown(NAMES[kind], style, tmp_path)
    assert (set(), set()) == (raw(out), raw(err))
    assert style == "csv" or "error: forged" not in [line[:13] for line in (out + err).replace("\r", "\n").splitlines()]


@pytest.mark.parametrize("kind", ["formula", "plus", "minus", "at", "tab", "command"])
def test_no_cell_of_csv_is_a_formula(kind: str, tmp_path: Path) -> None:
    """A spreadsheet takes a cell for one by its first character; numbers below zero are no text."""
    out, _ = shown(NAMES[kind], "csv", tmp_path)
    cells = [cell for row in csv.reader(io.StringIO(out)) for cell in row]
    assert len(cells) > 20
    assert [cell for cell in cells if cell and cell[0] in "=+-@\t\r" and not NUMBER.fullmatch(cell)] == []


@pytest.mark.parametrize("kind", NAMES)
def test_the_formats_of_machines_stay_whole(kind: str, tmp_path: Path) -> None:
    """JUnit and SARIF parse, and each annotation of GitHub is one line of its own."""
    assert ET.fromstring(shown(NAMES[kind], "junit", tmp_path)[0]).tag == "testsuites"
    assert json.loads(shown(NAMES[kind], "sarif", tmp_path)[0])["version"] == "2.1.0"
    lines = shown(NAMES[kind], "github", tmp_path)[0].splitlines()
    starting = [line for line in lines if line.startswith("::")]
    assert len(starting) <= 3
    assert not [line for line in starting if "::error::b" in line.partition(" ")[2].partition("::")[0]]


def test_markdown_mentions_nobody(tmp_path: Path) -> None:
    out, _ = shown(NAMES["mention"], "markdown", tmp_path)
    assert "@someone" not in out
    assert "$x$" not in out
