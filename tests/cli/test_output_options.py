"""Output options that every command has alike: formats it can print, and a file for the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.command import vramfit
from tests.importers import models
from tests.verify.asking import HERE

if TYPE_CHECKING:
    from pathlib import Path

LOG = str(HERE / "logs" / "llamacpp-b5192-glm.log")
PAIR = ("-g", "rtx4090", "-m", "llama-3.1-8b")


@pytest.mark.parametrize(
    "arguments",
    [
        ("matrix", *PAIR), ("recommend", "-g", "rtx4090"), ("explain", *PAIR), ("compare", "quant=int8", "quant=int4", *PAIR),
        ("plot", *PAIR), ("verify", LOG), ("list", "quants"), ("show", "rtx4090"),
    ],
)  # fmt: skip
def test_formats_for_pipelines_are_those_of_check(arguments: tuple[str, ...]) -> None:
    """A command without findings refuses them, where some once printed another format."""
    ran = vramfit(*arguments, "--format", "sarif")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == (
        'error: format: "sarif" is not a valid value\n'
        "hint: expected one of: table, plain, json, ndjson, csv, markdown\n"
    )


def test_a_verified_log_goes_into_a_file(tmp_path: Path) -> None:
    """It was printed to stdout, whatever file was asked for."""
    path = tmp_path / "verified.tsv"
    shown = vramfit("verify", LOG)
    written = vramfit("verify", LOG, "--output", str(path))
    assert (written.code, written.out) == (shown.code, "")
    assert path.read_text("utf-8") == shown.out != ""


def test_an_imported_entry_goes_into_a_file(tmp_path: Path) -> None:
    """And ``-v`` says on stderr what was read."""
    reference = str(models.gguf().write(tmp_path / "small.gguf"))
    path = tmp_path / "own.yaml"
    shown = vramfit("import", reference)
    written = vramfit("import", reference, "--output", str(path), "-v")
    assert (0, "", 0) == (shown.code, shown.err, written.code)
    assert "" == written.out
    assert path.read_text("utf-8") == shown.out != ""
    assert written.err.startswith(f"read: {reference}, ")
    assert written.err.endswith(" parameters\n")
    assert 1 == written.err.count("\n")


@pytest.mark.parametrize("arguments", [("catalogue", "path"), ("catalogue", "schema", "gpus"), ("list", "engines")])
def test_answers_on_the_catalogue_go_into_a_file(arguments: tuple[str, ...], tmp_path: Path) -> None:
    path = tmp_path / "answer"
    shown, written = vramfit(*arguments), vramfit(*arguments, "--output", str(path))
    assert (0, 0, "") == (shown.code, written.code, written.out)
    assert path.read_text("utf-8") == shown.out != ""


def test_quiet_leaves_the_faults_of_a_lint_alone(tmp_path: Path) -> None:
    """Of a clean catalogue nothing is left."""
    path = tmp_path / "models.yaml"
    path.write_text("models: [{id: X}]", encoding="utf-8")
    clean, faulty = vramfit("catalogue", "lint", "--quiet"), vramfit("catalogue", "lint", str(path), "--quiet")
    assert (0, "", "") == (clean.code, clean.out, clean.err)
    assert 1 == faulty.code
    assert str(path) in faulty.out + faulty.err
