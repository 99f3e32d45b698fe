"""``vramfit catalogue`` and ``--catalogue``: for people with files of their own."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from tests.command import vramfit
from vramfit.curation.json_schema import json_schema

if TYPE_CHECKING:
    from pathlib import Path

CARD = """\
gpus:
  - id: own-card
    name: Own Card
    vendor: nvidia
    segment: consumer
    vram_gb: 80
    memory: {bandwidth_gb_s: 2000}
"""
WRONG = CARD.replace("vendor: nvidia", "vendr: nvidia")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration directory and a cache of this test's own; returns where the user's files go."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "vramfit").mkdir()
    return tmp_path / "vramfit"


def test_the_shipped_catalogue_is_clean() -> None:
    """Exit 0, nothing on stdout."""
    ran = vramfit("catalogue", "lint")

    assert (ran.code, ran.out) == (0, "")
    assert ran.err.endswith("no faults\n")


def test_faults_are_lines_with_their_place(tmp_path: Path) -> None:
    """As editors and compilers write them; exit 1."""
    path = tmp_path / "mine.yaml"
    path.write_text(WRONG)
    ran = vramfit("catalogue", "lint", str(path))

    assert ran.code == 1
    assert ran.out.splitlines() == [
        f"{path}:2:5 gpus[0].vendor: is missing, in the entry and in its family",
        f"{path}:4:5 gpus[0].vendr: unknown field; did you mean vendor?",
    ]
    assert ran.err.endswith("2 faults\n")


def test_faults_as_json(tmp_path: Path) -> None:
    """With the rule that found each."""
    path = tmp_path / "mine.yaml"
    path.write_text(CARD)
    ran = vramfit("catalogue", "lint", str(path), "--json")
    (fault,) = json.loads(ran.out)["faults"]

    assert (ran.code, ran.err) == (1, "")
    assert fault == {
        "rule": "missing-source",
        "file": str(path),
        "line": 2,
        "column": 5,
        "field": "gpus[0].sources",
        "problem": "no source is named",
        "hint": "add its key to sources:, and describe it in the table at the head of the file",
    }


def test_own_files_are_linted_too(config: Path) -> None:
    """Without arguments: the built-in files, then those of the user."""
    (config / "gpus.yaml").write_text(WRONG)
    ran = vramfit("catalogue", "lint")

    assert ran.code == 1
    assert f"{config / 'gpus.yaml'}:4:5" in ran.out


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Exit 4."""
    ran = vramfit("catalogue", "lint", str(tmp_path / "absent.yaml"))

    assert ran.code == 4
    assert "cannot be read: No such file or directory" in ran.err


@pytest.mark.parametrize("kind", ["gpus", "models"])
def test_schemas_are_printed(kind: str) -> None:
    """The same as in the package."""
    ran = vramfit("catalogue", "schema", kind)

    assert (ran.code, ran.err) == (0, "")
    assert json.loads(ran.out) == json_schema(kind)


def test_there_is_no_schema_of_anything_else() -> None:
    """Exit 2."""
    ran = vramfit("catalogue", "schema", "quants")

    assert ran.code == 2
    assert "gpus, models" in ran.err


def test_paths(config: Path) -> None:
    """Data and schemas are there; own files are where they would be read from."""
    places = json.loads(vramfit("catalogue", "path", "--json").out)["paths"]
    own = [place for place in places if place["what"] == "own"]

    assert [place["path"] for place in own] == [str(config / "gpus.yaml"), str(config / "models.yaml")]
    assert not any(place["exists"] for place in own)
    assert all(place["exists"] for place in places if place["what"] in ("data", "schema"))
    rows = [line.split("\t") for line in vramfit("catalogue", "path").out.splitlines()]
    assert [row[:2] for row in rows] == [[place["what"], place["path"]] for place in places]
    assert all(os.path.isabs(place["path"]) for place in places)


def test_a_named_file_answers_a_check(config: Path, tmp_path: Path) -> None:
    """And a list, and a page."""
    path = tmp_path / "mine.yaml"
    path.write_text(CARD)
    extra = ("--catalogue", str(path))

    check = vramfit("check", "--gpu", "own card", "--model", "llama-3.1-8b", "--quant", "fp16", *extra, "--json")
    assert (check.code, check.err) == (0, "")
    assert check.estimates[0]["gpu"]["marketed_gb"] == 80
    assert "own-card" in vramfit("list", "gpus", *extra).out
    assert str(path) in vramfit("show", "own-card", *extra).out


def test_a_broken_named_file_stops(config: Path, tmp_path: Path) -> None:
    """Exit 4 with file, line and column: half of what was asked for would be the wrong answer."""
    path = tmp_path / "mine.yaml"
    path.write_text(WRONG)
    extra = ("--catalogue", str(path))

    for command in (("check", "-g", "rtx4090", "-m", "llama-3.1-8b"), ("list", "gpus"), ("show", "l4")):
        ran = vramfit(*command, *extra)
        assert (ran.code, ran.out) == (4, "")
        assert ran.err.startswith(f"error: {path}:2:5 gpus[0].vendor: is missing")


def test_a_broken_own_file_is_a_warning(config: Path) -> None:
    """One line on stderr; the built-in catalogue answers."""
    (config / "gpus.yaml").write_text(WRONG)
    check = ("check", "-g", "rtx4090", "-m", "llama-3.1-8b", "--quant", "fp16", "--json")

    for command in (check, ("list", "gpus", "--json"), ("show", "l4", "--json")):
        ran = vramfit(*command)
        assert ran.code == 0
        assert json.loads(ran.out)
        (warning,) = ran.err.splitlines()
        assert warning.startswith(f"warning: {config / 'gpus.yaml'}:2:5 gpus[0].vendor: is missing")


def test_without_a_command() -> None:
    """A usage error with a hint."""
    ran = vramfit("catalogue")

    assert ran.code == 2
    assert "vramfit catalogue --help" in ran.err


def test_summary_of_age_sources_and_prices(config: Path) -> None:
    """Own files count: their entries, their sources, and their prices with the date of these."""
    (config / "gpus.yaml").write_text(
        """sources:
  shop: {name: a list of my shop, as_of: "2026-11-20"}
gpus:
  - {id: rtx3090, price_usd: 700, rents: [{provider: mine, usd_per_hour: 0.21, source: shop}]}
"""
        + CARD.removeprefix("gpus:\n")
    )
    found = json.loads(vramfit("catalogue", "summary", "--json").out)
    shown = json.loads(vramfit("show", "rtx3090", "--json").out)
    sources = {f"{one['kind']}/{one['key']}": one for one in found["sources"]}
    built_in = len(json.loads(vramfit("list", "gpus", "--json").out)["gpus"]) - 1

    assert found["entries"]["gpus"] == built_in + 1
    assert (sources["gpus/nv-open"]["date"], sources["gpus/tpu"]["date"]) == ("2026-03-05", None)
    assert found["oldest"] <= "2026-03-05" <= found["newest"]
    assert found["prices"]["rents, 2026-11-20"] == 1
    assert sum(found["confidence"].values()) == found["entries"]["gpus"]
    assert found["recalled_alone"]["gpus"] == []
    assert (shown["price_usd"], [(rent["usd_per_hour"], rent["as_of"]) for rent in shown["rents"]]) == (
        700, [(0.21, "2026-11-20")],
    )  # fmt: skip


def test_summary_in_lines(config: Path) -> None:
    lines = vramfit("catalogue", "summary").out.splitlines()

    assert [line.partition("\t")[0] for line in lines[:5]] == [
        "gpus", "gpus from memory alone", "models", "models from memory alone", "dates of sources",
    ]  # fmt: skip
    assert lines[lines.index("source\tentries\talone\tdate\tname") + 1].startswith("gpus/")


SMALL = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 1024, "intermediate_size": 2816,
    "num_hidden_layers": 8, "num_attention_heads": 8, "num_key_value_heads": 4, "vocab_size": 32000,
    "max_position_embeddings": 8192, "torch_dtype": "bfloat16", "tie_word_embeddings": False,
}  # fmt: skip


def test_imports_are_appended_to_a_file_one_after_the_other(config: Path, tmp_path: Path) -> None:
    """``vramfit import REF >> models.yaml``, twice: the shell makes the file before the program reads it."""
    file = config / "models.yaml"
    for name, layers in (("kin-small", 8), ("kin-large", 16)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({**SMALL, "num_hidden_layers": layers}))
        file.touch()
        ran = vramfit("import", str(folder / "config.json"), "--offline")
        assert (ran.code, ran.err) == (0, "")
        with file.open("a") as appended:
            appended.write(ran.out)
    linted = vramfit("catalogue", "lint", str(file))
    answers = [vramfit("check", "rtx3060-12gb", name, "--quiet", "--json") for name in ("kin-small", "kin-large")]

    assert (linted.code, linted.out) == (0, "")
    assert [json.loads(ran.out)["estimates"][0]["model"]["id"] for ran in answers] == ["kin-small", "kin-large"]
    assert [ran.err for ran in answers] == ["", ""]


def test_one_entry_appended_twice_is_a_fault(config: Path, tmp_path: Path) -> None:
    file = config / "gpus.yaml"
    file.write_text(f"---\n{CARD}---\n{CARD}")
    ran = vramfit("catalogue", "lint", str(file))

    assert ran.code == 1
    assert 'the id "own-card" is used twice; the first one is on line 3' in ran.out


def test_a_summary_on_a_terminal_is_two_tables(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Aligned, no wider than the terminal, with every figure and source of the lines in a pipe."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    drawn = vramfit("catalogue", "summary", terminal=True).out
    piped = [line.split("\t") for line in vramfit("catalogue", "summary").out.splitlines()]
    lines = drawn.splitlines()

    assert max(map(len, lines)) <= 80
    assert "\t" not in drawn
    assert len(piped) > 20
    assert [row[0] for row in piped if not any(line.startswith(f"{row[0]} ") for line in lines)] == []
