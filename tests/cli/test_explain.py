"""``vramfit explain`` and ``check --explain``: the derivation in every format, and what is no term."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from tests.command import vramfit
from tests.engines.arithmetic import value
from vramfit.render.explain import number, numbers

if TYPE_CHECKING:
    from pathlib import Path

ASKED = ("-g", "rtx4090", "-m", "llama-3.1-8b", "--quant", "fp16", "--context", "1024")
CACHE = """\
Llama 3.1 8B in fp16 on NVIDIA GeForce RTX 4090, transformers

gpu0  0.12 GiB
  KV cache  0.12 GiB
    KV cache, full attention  134,217,728 B
        = layers × sequences × tokens × (key_width × key_bits + value_width × value_bits) / 8
        = 32 × 1 × 1,024 × (1,024 × 16 + 1,024 × 16) / 8
        transformers 5.23.0 cache_utils.py
"""


@pytest.fixture(autouse=True)
def _width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


def test_a_term_for_people() -> None:
    """Formula, the same with its numbers, and the source; sums of a choice are no totals, so nothing is concluded."""
    ran = vramfit("explain", *ASKED, "--term", "kv_cache", terminal=True)

    assert (ran.code, ran.out, ran.err) == (0, CACHE, "")


def test_numbers_are_what_a_calculator_takes() -> None:
    """The second line of a term gives its bytes without the names."""
    (estimate,) = json.loads(vramfit("explain", *ASKED, "--json").out)["estimates"]
    terms = estimate["terms"]
    worked = [numbers(term["formula"], term["inputs"]).replace(",", "") for term in terms if "(" not in term["formula"]]

    assert len(worked) > 5
    assert [term["bytes"] for term in terms if "(" not in term["formula"]] == [value(line, {}) for line in worked]
    assert estimate["remedies"] == []


def test_the_sum_is_the_need_and_the_rest_the_headroom() -> None:
    """The whole derivation ends with what is left of the card."""
    ran = vramfit("explain", *ASKED, terminal=True)
    (estimate,) = json.loads(vramfit("explain", *ASKED, "--json").out)["estimates"]
    need = sum(term["bytes"] for term in estimate["terms"])
    usable = estimate["gpu"]["usable_bytes"]

    assert need == estimate["required_bytes"]["expected"]
    assert f"gpu0: {usable:,} B usable - {need:,} B needed = {usable - need:,} B, " in ran.out
    assert "verdict: fits; the need is between " in ran.out


def test_check_has_them_too() -> None:
    """With --explain alone: JSON under ``terms``, behind the report of the terminal and of Markdown."""
    explained = json.loads(vramfit("explain", *ASKED, "--json").out)["estimates"][0]
    plain = json.loads(vramfit("check", *ASKED, "--json").out)["estimates"][0]
    checked = json.loads(vramfit("check", *ASKED, "--json", "--explain").out)["estimates"][0]

    assert "terms" not in plain
    assert checked == {**plain, "terms": explained["terms"]}
    assert "KV cache, full attention  134,217,728 B" in vramfit("check", *ASKED, "--explain", terminal=True).out
    assert "### gpu0: " in vramfit("check", *ASKED, "--explain", "--format", "markdown").out


def test_formats_for_pipes() -> None:
    """A line for each term; CSV reads back, Markdown has a table for each device with its sum."""
    (estimate,) = json.loads(vramfit("explain", *ASKED, "--json").out)["estimates"]
    rows = list(csv.DictReader(io.StringIO(vramfit("explain", *ASKED, "--format", "csv").out)))
    lines = vramfit("explain", *ASKED, "--format", "plain", "--no-header").out.splitlines()
    markdown = vramfit("explain", *ASKED, "--format", "markdown").out

    assert [(row["name"], int(row["bytes"])) for row in rows] == [(t["name"], t["bytes"]) for t in estimate["terms"]]
    assert [line.split("\t")[5] for line in lines] == [term["name"] for term in estimate["terms"]]
    assert f"| | **sum** | | | **{estimate['required_bytes']['expected']:,}** | |" in markdown


def test_several_devices_and_a_command() -> None:
    """A launch command is explained as a check would answer it; a device is a choice of terms."""
    ran = vramfit("explain", "-g", "rtx4090", "--json", "--", "llama-server", "-m", "Qwen3-8B-Q8_0.gguf", "-c", "4096")
    (estimate,) = json.loads(ran.out)["estimates"]
    host = vramfit("explain", "-g", "rtx4090", "-m", "qwen3-8b", "--quant", "Q8_0", "--term", "host", terminal=True).out

    assert (estimate["engine"], {term["device"] for term in estimate["terms"]}) == ("llama.cpp", {"gpu0", "host"})
    assert "host  " in host
    assert "gpu0  " not in host


def test_equal_devices_are_explained_once(tmp_path: Path) -> None:
    """Two cards with equal shares are one account; two with other shares, and the host, have one each."""
    server = ("-g", "2xl40s", "-m", "qwen3-8b", "--engine", "vllm", "--quant", "fp8")
    spread = ("-g", "2xrtx3090", "-m", "llama-3.1-8b", "--quant", "Q4_K_M")
    lines, others = [vramfit("explain", *asked, terminal=True).out.splitlines() for asked in (server, spread)]
    markdown = vramfit("explain", *server, "--format", "markdown").out

    assert [line.split("  ")[0] for line in lines if line.startswith("gpu")] == [
        "gpu0 and gpu1, each", next(line for line in lines if line.startswith("gpu0 and gpu1: ")),
    ]  # fmt: skip
    assert "\n### gpu0 and gpu1, each: " in markdown
    assert [line.split(" ")[0] for line in others if line.startswith(("gpu", "host"))] == [
        "gpu0", "gpu1", "host", "gpu0:", "gpu1:",
    ]  # fmt: skip


def test_the_first_form_is_explained_where_none_is_asked() -> None:
    """Three derivations would bury the one that was meant."""
    ran = vramfit("explain", "-g", "rtx4090", "-m", "llava-1.6-13b", "--json")

    assert (ran.code, [one["quant"]["scheme"] for one in json.loads(ran.out)["estimates"]]) == (1, ["fp16"])


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (
            ("--term", "kvcach"),
            2,
            'error: term: none is called "kvcach"\nhint: parts: weights, kv_cache, compute, overhead;',
        ),
        (("--format", "junit"), 2, 'error: format: "junit" is not a valid value\nhint: expected one of: table, '),
        (("--export", "x.doc"), 2, 'error: export: "x.doc" says no kind of page\nhint: end the file'),
    ],
)
def test_what_is_refused(words: tuple[str, ...], code: int, error: str) -> None:
    """One line and the next step."""
    ran = vramfit("explain", *ASKED, *words)

    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith(error)
    assert ran.err.count("\n") == 2


def test_a_model_whose_memory_is_unknown(tmp_path: Path) -> None:
    """It has no terms, and says why."""
    config = tmp_path / "config.json"
    config.write_text('{"model_type": "no-such-model", "hidden_size": 8}', encoding="utf-8")
    ran = vramfit("explain", "-g", "rtx4090", "-m", str(config), terminal=True)

    assert ran.code in (3, 4)
    assert ran.out + ran.err


@pytest.mark.parametrize(
    ("given", "shown"),
    [(1024, "1,024"), (8.5, "8.5"), (0.03, "0.03"), (2**40 + 1, "1,099,511,627,777"), (1 / 3, repr(1 / 3))],
)
def test_numbers_are_written_in_full(given: float, shown: str) -> None:
    """What is shown is the number itself, and no rounded one."""
    assert number(given) == shown


def test_names_are_replaced_whole() -> None:
    """``tokens`` is not a part of ``block_tokens``; functions stay."""
    inputs = {"tokens": 7, "block_tokens": 32, "bits": 4.5}
    assert numbers("ceil(tokens × block_tokens × bits / 8) + rest", inputs) == "ceil(7 × 32 × 4.5 / 8) + rest"


@pytest.mark.parametrize(
    ("name", "begins"), [("r.svg", "<svg"), ("r.html", "<!DOCTYPE html>"), ("r.md", "## Llama 3.1 8B")]
)
def test_exported(name: str, begins: str, tmp_path: Path) -> None:
    """The report as a file that stands alone, the same for the same question; it is printed too."""
    path = tmp_path / name
    first = vramfit("explain", *ASKED, "--export", str(path), "--format", "plain")
    text = path.read_text(encoding="utf-8")
    vramfit("explain", *ASKED, "--export", str(path), "--format", "plain")

    assert (first.code, first.out.count("\n") > 5) == (0, True)
    assert text.startswith(begins)
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "holds"), [("r.svg", "</svg>"), ("r.html", "</html>"), ("r.md", "| GPU ")])
def test_a_check_is_exported(name: str, holds: str, tmp_path: Path) -> None:
    """``check`` does so as well; a folder that is not there is one line."""
    ran = vramfit("check", *ASKED, "--export", str(tmp_path / name), "--json")
    gone = vramfit("check", *ASKED, "--export", str(tmp_path / "none" / name))

    assert ran.estimates[0]["verdict"] == "fits"
    assert holds in (tmp_path / name).read_text(encoding="utf-8")
    if name == "r.md":
        page = (tmp_path / name).read_text(encoding="utf-8")
        assert page.startswith("**Llama 3.1 8B fits an RTX 4090 in ")
        assert page.endswith("```\n")
    assert (gone.code, gone.err.splitlines()[1]) == (4, "hint: give a file in a folder that can be written")
