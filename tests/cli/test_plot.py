"""``vramfit plot``: points that are those of checks, where it stops fitting, the drawing, and pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.command import report, vramfit
from vramfit.render.curve import cells, short

ASKED = ("-g", "rtx4090", "-m", "llama-3.1-8b", "--quant", "Q4_K_M", "--parallel", "2")


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


def drawn(*words: str) -> dict[str, Any]:
    """The points as JSON."""
    ran = vramfit("plot", *words, "--json")
    assert (ran.code, ran.err) == (0, "")
    document: dict[str, Any] = json.loads(ran.out)
    return document


@pytest.mark.parametrize(("over", "flag"), [("context", "--context"), ("parallel", "--parallel")])
def test_points_are_checks(over: str, flag: str) -> None:
    """The first, a middle and the last point are what a check with that value says, and so is where it ends."""
    document = drawn("-g", "rtx4090", "-m", "llama-3.1-8b", "--quant", "Q4_K_M", "--over", over, "--points", "8")
    points = document["points"]
    for point in (points[0], points[3], points[-1]):
        asked = report("-g", "rtx4090", "-m", "llama-3.1-8b", "--quant", "Q4_K_M", flag, str(point["value"])).estimates[
            0
        ]
        assert point["required_bytes"] == asked["required_bytes"]["expected"]
        assert (point["usable_bytes"], point["verdict"]) == (asked["gpu"]["usable_bytes"], asked["verdict"])
    limits = report("-g", "rtx4090", "-m", "llama-3.1-8b", "--quant", "Q4_K_M").estimates[0]["limits"]
    assert document["largest_that_fits"] == limits[f"max_{over}"]


def test_it_stops_fitting_where_the_line_is_crossed() -> None:
    """Points up to the largest that fits are below the line, those beyond above it."""
    document = drawn(*ASKED)
    stops = document["largest_that_fits"]
    below = [one["required_bytes"] <= one["usable_bytes"] for one in document["points"]]

    assert below == [one["value"] <= stops for one in document["points"]]
    assert {True, False} == set(below)


def test_images_carry_their_tokens() -> None:
    """The context grows with the images unless it is given, which then bounds them."""
    free = drawn("-g", "rtx4090", "-m", "qwen2.5-vl-7b", "--quant", "int8", "--over", "images", "--to", "8")
    bound = drawn(
        "-g", "rtx4090", "-m", "qwen2.5-vl-7b", "--quant", "int8", "--over", "images", "--image-size", "1024x1024",
        "--context", "4096",
    )  # fmt: skip
    most = report(
        "-g", "rtx4090", "-m", "qwen2.5-vl-7b", "--quant", "int8", "--images", "7", "--context", str(7 * 16384)
    ).estimates[0]

    assert [one["value"] for one in free["points"]] == list(range(1, 8))  # the eighth exceeds the model's 128,000
    assert free["points"][-1]["required_bytes"] <= most["required_bytes"]["expected"]
    sized = report("-g", "rtx4090", "-m", "qwen2.5-vl-7b", "--quant", "int8", "--image-size", "1024x1024").estimates[0]
    assert bound["points"][-1]["value"] == 4096 // sized["model"]["image_tokens"] > 1


def test_every_scheme_of_the_engine() -> None:
    """By size, the largest first, each once; the sentence names the first that fits."""
    words = ("-g", "rtx4090", "-m", "llama-3.1-8b", "--engine", "llama.cpp", "--over", "quant")
    names = [one["value"] for one in drawn(*words)["points"]]
    out = vramfit("plot", *words, terminal=True).out

    assert names[:3] == ["F32", "BF16", "F16"]
    assert len(names) == len(set(names)) > 20
    assert out.endswith("Fits from BF16 on: 15.05 GiB of the 23.52 GiB that a program can have.\n")


def test_the_drawing() -> None:
    """As many columns as points, the line, the legend and the sentence; each row is as wide as the terminal at most."""
    out = vramfit("plot", *ASKED, terminal=True).out
    lines = out.splitlines()
    line = next(row for row in lines if "───" in row and "GiB" in row)

    assert lines[0].startswith("Llama 3.1 8B in Q4_K_M on NVIDIA GeForce RTX 4090, llama.cpp: memory over the context")
    assert line.startswith("  23.52 GiB ─")
    assert "█ weights  ▓ KV cache  ▒ compute  ░ overhead  ─── usable" in out
    assert lines[-1].startswith("Fits up to 76,")
    assert max(map(len, lines)) <= 100


def test_a_column_has_its_parts() -> None:
    """From the bottom up, as high as the need."""
    point = {"weights_bytes": 50, "kv_cache_bytes": 25, "compute_bytes": 12, "overhead_bytes": 13}
    assert cells(point, 100, 8) == "████▓▓▒░"
    assert cells(point, 200, 8) == "██▓░"


@pytest.mark.parametrize(
    ("value", "text"), [(4096, "4k"), (131072, "128k"), (2**20, "1M"), (1000, "1,000"), (7, "7"), (1536, "1,536")]
)
def test_values_are_short(value: int, text: str) -> None:
    assert short(value) == text


def test_a_terminal_without_unicode() -> None:
    """Every character of the drawing has a plain one."""
    from vramfit.render.curve import draw
    from vramfit.render.page import Page

    page = Page(80, "ascii", colour=False)
    draw(page, drawn(*ASKED, "--points", "4"))

    assert page.drawn().isascii()


def test_rows() -> None:
    """CSV, plain and Markdown have a row for each point."""
    for style in ("csv", "plain"):
        out = vramfit("plot", *ASKED, "--points", "4", "--format", style, "--no-header").out
        assert len(out.splitlines()) == 4
    markdown = vramfit("plot", *ASKED, "--points", "4", "--format", "markdown").out
    assert markdown.count("\n| ") == 5
    assert "Fits up to 76," in markdown


@pytest.mark.parametrize(("name", "begins"), [("x.svg", b"<?xml"), ("x.png", b"\x89PNG"), ("x.pdf", b"%PDF")])
def test_pictures(name: str, begins: bytes, tmp_path: Path) -> None:
    """Equal questions give equal files."""
    pytest.importorskip("matplotlib")
    path = tmp_path / name
    ran = vramfit("plot", *ASKED, "--points", "4", "--output", str(path))
    first = path.read_bytes()
    vramfit("plot", *ASKED, "--points", "4", "--output", str(path))

    assert (ran.code, ran.out, ran.err) == (0, "", "")
    assert first.startswith(begins)
    assert first == path.read_bytes()


@pytest.mark.parametrize(
    ("name", "begins"), [("x.html", "<!DOCTYPE html>"), ("x.md", "Llama 3.1 8B in Q4_K_M on NVIDIA GeForce RTX 4090")]
)
def test_a_page_beside_what_is_printed(name: str, begins: str, tmp_path: Path) -> None:
    """``--export`` writes a page that stands alone, and stdout has what it has without."""
    path = tmp_path / name
    ran = vramfit("plot", *ASKED, "--points", "4", "--export", str(path), "--json")

    assert (ran.code, ran.err) == (0, "")
    assert len(json.loads(ran.out)["points"]) == 4
    assert path.read_text(encoding="utf-8").startswith(begins)
    assert "Fits up to 76," in path.read_text(encoding="utf-8")


def test_a_picture_beside_what_is_printed(tmp_path: Path) -> None:
    """Pictures are those of ``--output``; an ending that names neither is refused before anything is computed."""
    pytest.importorskip("matplotlib")
    ran = vramfit("plot", *ASKED, "--points", "4", "--export", str(tmp_path / "a.svg"), "--format", "csv")
    vramfit("plot", *ASKED, "--points", "4", "--output", str(tmp_path / "b.svg"))
    wrong = vramfit("plot", *ASKED, "--export", str(tmp_path / "a.txt"))

    assert len(ran.out.splitlines()) == 5
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (wrong.code, wrong.err.splitlines()[1]) == (2, "hint: end the file's name with .svg, .html or .md")


def test_a_text_goes_into_a_file_too(tmp_path: Path) -> None:
    """``--output`` with another ending writes what would be printed."""
    vramfit("plot", *ASKED, "--points", "4", "--format", "csv", "--output", str(tmp_path / "p.csv"))
    assert (tmp_path / "p.csv").read_bytes().startswith(b"context,required_bytes,")


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with what to install, before anything is computed."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ran = vramfit("plot", *ASKED, "--output", "x.svg")

    assert ran.code == 2
    assert (
        ran.err
        == "error: a picture needs matplotlib, which is not installed\nhint: pip install matplotlib where vramfit is installed;"
        " without --output the curve is drawn in the terminal\n"
    )
    assert not Path("x.svg").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--over", "images"), "error: Llama 3.1 8B takes no images\n"),
        (("--over", "layers"), 'error: over: "layers" is not a valid value\n'),
        (("--points", "1"), 'error: points: "1" is not a valid value\n'),
        (("--format", "github"), 'error: format: "github" is not a valid value\n'),
    ],
)
def test_what_is_refused(words: tuple[str, ...], message: str) -> None:
    ran = vramfit("plot", *ASKED, *words)

    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith(message)
    assert ran.err.splitlines()[1].startswith("hint: ")


def test_a_command_and_fine_tuning() -> None:
    """A launch command is drawn as well; fine-tuning over the tokens of a sample."""
    ran = vramfit("plot", "-g", "rtx4090", "--points", "2", "--json", "--", "llama-server", "-m", "Qwen3-8B-Q8_0.gguf")
    trained = drawn("-g", "rtx4090", "-m", "llama-3.1-8b", "--task", "qlora", "--points", "2")
    asked = report(
        "-g",
        "rtx4090",
        "-m",
        "llama-3.1-8b",
        "--task",
        "qlora",
        "--sequence-length",
        str(trained["points"][0]["value"]),
    ).estimates[0]

    assert json.loads(ran.out)["engine"] == "llama.cpp"
    assert trained["points"][0]["required_bytes"] == asked["required_bytes"]["expected"]
