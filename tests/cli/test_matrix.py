"""``vramfit matrix``, as a user or a script sees it."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import process, vramfit

if TYPE_CHECKING:
    from collections.abc import Sequence

PAIRS = ("-g", "rtx4090", "-g", "2xrtx3090", "-m", "llava-1.6-13b", "-m", "qwen3-8b")
COLUMNS = [
    "gpu", "model", "engine", "class", "quant", "quality", "verdict", "required_bytes", "usable_bytes", "headroom_bytes",
    "error",
]  # fmt: skip


def told(*arguments: str) -> Any:
    """The document of ``vramfit matrix … --json``, with nothing on stderr."""
    ran = vramfit("matrix", *arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    document = json.loads(ran.out)
    assert ["format_version", "vramfit_version", "gpus", "models", "cells"] == list(document)
    return document


def cells(*arguments: str) -> list[Any]:
    """Its cells, each with the documented fields."""
    found: list[Any] = told(*arguments)["cells"]
    assert all(list(cell) == COLUMNS for cell in found)
    return found


def test_every_pair_in_the_three_classes() -> None:
    """Model after model, class after class, and the GPUs in the order asked; LLaVA 1.6 13B is too large for one card."""
    found = cells(*PAIRS)
    assert [(cell["model"], cell["class"], cell["gpu"]) for cell in found] == [
        (model, word, gpu)
        for model in ("llava-1.6-13b", "qwen3-8b")
        for word in ("fp16", "int8", "int4")
        for gpu in ("rtx4090", "2xrtx3090")
    ]
    first, second = found[:2]
    assert ("exceeds", "fits") == (first["verdict"], second["verdict"])
    assert first["headroom_bytes"] < 0 < second["headroom_bytes"]
    assert {"transformers"} == {cell["engine"] for cell in found}


def test_a_cell_is_what_check_says() -> None:
    """To the byte."""
    check = json.loads(vramfit("check", "-g", "rtx4090", "-m", "qwen3-8b", "--quant", "Q4_K_M", "--json").out)
    (estimate,) = check["estimates"]
    (cell,) = cells("-g", "rtx4090", "-m", "qwen3-8b", "--quant", "Q4_K_M")
    for name in ("verdict", "headroom_bytes", "engine"):
        assert cell[name] == estimate[name]
    assert cell["required_bytes"] == estimate["required_bytes"]["expected"]
    assert (cell["quant"], cell["quality"]) == (estimate["quant"]["scheme"], estimate["quality"]["label"])


def test_one_side_left_out_is_all_of_it() -> None:
    """But not both: that is a slip more often than a wish."""
    found = cells("-m", "qwen3-8b", "--quant", "int4")
    assert len(found) > 320
    ran = vramfit("matrix")
    assert 2 == ran.code
    assert "-g '*' -m '*'" in ran.err


def test_the_best_scheme_per_cell() -> None:
    """More memory, better quality; where nothing reaches the level, what comes nearest, and how far it is off."""
    found = cells("-g", "rtx4060", "-g", "rtx3060-12gb", "-g", "rtx4090", "-m", "llava-1.6-13b", "--quant", "best")
    assert [(cell["gpu"], cell["quant"]) for cell in found] == [
        ("rtx4060", "IQ2_XS"), ("rtx3060-12gb", "Q4_K_M"), ("rtx4090", "Q8_0"),
    ]  # fmt: skip
    assert ["severe", "small", "near-lossless"] == [cell["quality"] for cell in found]
    (none,) = cells("-g", "gtx1050", "-m", "llama-3.3-70b", "--quant", "best")
    assert ("exceeds", "severe") == (none["verdict"], none["quality"])
    (strict,) = cells("-g", "rtx4060", "-m", "llava-1.6-13b", "--quant", "best", "--level", "fits")
    assert "fits" != strict["verdict"] or strict["quant"] != "IQ2_XS"


def test_the_best_scheme_is_one_that_fits_and_no_better_one_does() -> None:
    """Against each scheme asked by itself."""
    arguments = ("-g", "rtx3060-12gb", "-m", "qwen3-14b")
    (best,) = cells(*arguments, "--quant", "best")
    schemes = ("F16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M")
    verdicts = {scheme: cells(*arguments, "--quant", scheme)[0]["verdict"] for scheme in schemes}
    assert best["quant"] == next(scheme for scheme in schemes if verdicts[scheme] != "exceeds")


def test_what_cannot_be_told_is_a_cell_of_its_own() -> None:
    """A GPU without memory of its own; the others are answered, and the exit code is 0."""
    found = cells("-g", "rtx4090", "-g", "radeon-780m", "-m", "sdxl-base", "-m", "qwen3-8b", "--quant", "int8")
    assert ["fits", "unknown", "fits", "unknown"] == [cell["verdict"] for cell in found]
    assert [None, "cannot-tell", None, "cannot-tell"] == [(cell["error"] or {}).get("code") for cell in found]
    assert found[1]["headroom_bytes"] is None


@pytest.mark.parametrize(
    ("code", "word", "arguments"),
    [
        (2, "unknown-gpu", ["-g", "rtx49*", "-m", "qwen3-8b"]),
        (2, "unknown-gpu", ["-g", "rtx4900", "-m", "qwen3-8b"]),
        (2, "unknown-model", ["-g", "rtx4090", "-m", "qwen33*"]),
        (2, "unknown-model", ["-g", "rtx4090", "-m", "qwen3-8bb"]),
        (2, "ambiguous-name", ["-g", "rtx 3080", "-m", "qwen3-8b"]),
        (2, "unsupported-quant", ["-g", "rtx4090", "-m", "qwen3-8b", "--quant", "q9"]),
        (2, "unsupported-quant", ["-g", "rtx4090", "-m", "qwen3-8b", "--quant", "Q4_K_M", "--engine", "vllm"]),
        (2, "usage", ["-g", "m4-16gb", "-m", "qwen3-8b", "--engine", "sglang"]),
        (2, "usage", ["-g", "rtx4090", "-m", "qwen3-8b", "--context", "many"]),
        (2, "usage", ["-g", "rtx4090", "-m", "qwen3-8b", "--rows", "3"]),
        (3, "cannot-tell", ["-g", "radeon-780m", "-m", "qwen3-8b"]),
    ],
)
def test_errors(code: int, word: str, arguments: Sequence[str]) -> None:
    """Nothing is answered: one line and a hint, the object under JSON, and nothing else on stdout."""
    ran = vramfit("matrix", *arguments, "--json")
    assert code == ran.code
    document = json.loads(ran.out)
    assert (word, True) == (document["error"]["code"], bool(document["error"]["hint"]))
    assert ran.err.startswith("error: ")
    assert "\nhint: " in ran.err
    plain = vramfit("matrix", *arguments)
    assert (code, "") == (plain.code, plain.out)


def test_rows_are_the_same_in_every_format() -> None:
    """Plain, CSV and NDJSON say what the document says."""
    arguments = (*PAIRS, "-g", "radeon-780m")
    found = cells(*arguments)
    ran = vramfit("matrix", *arguments, "--format", "ndjson")
    assert found == [json.loads(line) for line in ran.out.splitlines()]
    for style, dialect in (("plain", "excel-tab"), ("csv", "excel")):
        rows = list(csv.reader(io.StringIO(vramfit("matrix", *arguments, "--format", style).out), dialect))
        assert rows[0] == COLUMNS
        for row, cell in zip(rows[1:], found, strict=True):
            error = cell["error"]
            values = [*[cell[name] for name in COLUMNS[:-1]], f"{error['code']}: {error['message']}" if error else None]
            assert row == ["" if value is None else str(value) for value in values]
        headless = vramfit("matrix", *arguments, "--format", style, "--no-header").out
        assert len(rows) - 1 == len(headless.splitlines())
    assert vramfit("matrix", *arguments).out == vramfit("matrix", *arguments, "--format", "plain").out


def test_csv_ends_its_lines_as_the_standard_says() -> None:
    """Inside a block too."""
    out = process("matrix", *PAIRS, "--format", "csv").stdout
    assert 13 == out.count(b"\r\n") == out.count(b"\n")


def test_tables_of_many_gpus() -> None:
    """No line is wider than the terminal, no GPU is left out; few models stand across."""
    ran = vramfit("matrix", "-g", "rtx40*", "-m", "qwen3-8b", "--format", "table")
    lines = ran.out.splitlines()
    assert ["gpu", "fp16", "int8", "int4", "nf4"] == lines[1].split()
    assert max(map(len, lines)) <= 80
    shown = {line.split()[0] for line in lines[2:] if line and not line.startswith("✓ fits")}
    assert {cell["gpu"] for cell in cells("-g", "rtx40*", "-m", "qwen3-8b")} <= shown
    many = vramfit("matrix", "-g", "rtx40*", "-m", "qwen3-*", "--quant", "best", "--format", "table").out
    assert max(map(len, many.splitlines())) <= 80
    for name in ("rtx4060", "rtx4090-laptop", "qwen3-0.6b", "qwen3-vl-32b"):
        assert name in many


def test_a_terminal_gets_the_table() -> None:
    """In colour, unless it is not wanted."""
    shown = vramfit("matrix", *PAIRS, terminal=True).out
    assert "✗" in shown
    assert "\x1b[" in shown
    assert "\x1b[" not in vramfit("matrix", *PAIRS, "--color", "never", terminal=True).out


def test_own_catalogue_files_are_swept_too(tmp_path: Any) -> None:
    """A GPU of the user's matches patterns."""
    own = tmp_path / "own.yaml"
    own.write_text("gpus:\n  - {id: rtx4090-watercooled, name: My card, family: ada-geforce, vram_gb: 24}\n")
    found = cells("-g", "rtx4090-w*", "-m", "qwen3-8b", "--quant", "int4", "--catalogue", str(own))
    assert ["rtx4090-watercooled"] == [cell["gpu"] for cell in found]


def test_a_reader_that_leaves_is_no_error() -> None:
    """``| head -1``."""
    import subprocess
    import sys

    from tests.command import environment

    command = [sys.executable, "-m", "vramfit", "matrix", "-g", "*", "-m", "qwen*", "--no-header"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as ran:
        assert ran.stdout is not None
        assert ran.stderr is not None
        assert ran.stdout.readline().startswith(b"gtx950\t")
        ran.stdout.close()
        assert ran.stderr.read() == b""
    assert ran.returncode == 0
