"""``vramfit recommend``, as a user or a script sees it."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import validator, vramfit
from tests.each import each

if TYPE_CHECKING:
    from collections.abc import Sequence

FOR_A_CARD = ("-g", "rtx3060-12gb", "--limit", "3")
FOR_A_MODEL = ("-m", "qwen3-14b", "--limit", "2")


def told(*arguments: str) -> Any:
    """The document of ``vramfit recommend … --json``; each recommendation is an estimate of the contract."""
    ran = vramfit("recommend", *arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    document = json.loads(ran.out)
    assert list(document) == [
        "format_version", "vramfit_version", "gpu", "model", "use", "min_speed", "min_quality", "level", "recommendations",
    ]  # fmt: skip
    for entry in document["recommendations"]:
        validator("estimate").validate(entry)
    return document


def test_what_to_run_on_a_card() -> None:
    """Three models that fit with room to spare, fast enough to read along, each with its command."""
    document = told(*FOR_A_CARD)
    assert (["rtx3060-12gb"], None, "chat", 5, "noticeable", "fits") == tuple(
        document[name] for name in list(document)[2:8]
    )
    entries = document["recommendations"]
    assert [1, 2, 3] == [entry["rank"] for entry in entries]
    for entry in entries:
        assert "fits" == entry["verdict"]
        assert entry["tokens_per_second"] >= 5
        assert entry["limits"]["max_context"] >= entry["deployment"]["context"] == 4096
        assert entry["released"]


def test_what_to_get_for_a_model() -> None:
    """Two offers to own and two to rent, with price or dated rent."""
    entries = told(*FOR_A_MODEL)["recommendations"]
    assert [1, 2, 1, 2] == [entry["rank"] for entry in entries]
    assert [True, True, False, False] == [entry["cost"]["price_usd"] is not None for entry in entries]
    assert all(entry["cost"]["as_of"] for entry in entries[2:])


def test_wishes_are_kept_to() -> None:
    """Use, context, speed, quantization and engine."""
    arguments = (
        "--use",
        "code",
        "--context",
        "16384",
        "--min-speed",
        "30",
        "--quant",
        "Q4_K_M",
        "--engine",
        "llama.cpp",
    )
    for entry in each(told("-g", "rtx4090", *arguments)["recommendations"]):
        assert "code" == entry["model"]["modality"]
        assert (16384, "Q4_K_M", "llama.cpp") == (
            entry["deployment"]["context"], entry["quant"]["scheme"], entry["engine"],
        )  # fmt: skip
        assert entry["tokens_per_second"] >= 30


def test_the_level_can_be_lowered() -> None:
    """What only just fits is then recommended too."""
    strict = told("-g", "rtx4060", "-c", "4096")["recommendations"]
    loose = told("-g", "rtx4060", "-c", "4096", "--level", "tight")["recommendations"]
    assert {"fits"} == {entry["verdict"] for entry in strict}
    assert "tight" in {entry["verdict"] for entry in loose}


def test_several_cards() -> None:
    """As check takes them."""
    for arguments in (("-g", "2xrtx3090"), ("-g", "rtx4090", "-g", "rtx3090")):
        (entry,) = told(*arguments, "--limit", "1")["recommendations"]
        assert 2 == entry["gpu"]["count"]


def test_nothing_to_recommend() -> None:
    """Is an answer, and a no."""
    ran = vramfit("recommend", "-g", "gtx1050", "--min-speed", "5000", "--json")
    assert (1, []) == (ran.code, json.loads(ran.out)["recommendations"])
    table = vramfit("recommend", "-g", "gtx1050", "--min-speed", "5000", "--format", "table")
    assert 1 == table.code
    assert table.out.startswith("Nothing in the catalogue runs on gtx1050 for chat: at least 5000 tokens/s")
    none = vramfit("recommend", "-m", "kimi-k3", "--quant", "fp16", "--min-speed", "5000", "--format", "table")
    assert 1 == none.code
    assert none.out.startswith("No GPU with a known price, within what is asked, runs kimi-k3")


@pytest.mark.parametrize(
    ("code", "word", "arguments"),
    [
        (2, "unknown-gpu", ["-g", "rtx4900"]),
        (2, "unknown-model", ["-m", "qwen3-8bb"]),
        (2, "usage", ["-g", "rtx4090", "-m", "qwen3-8b"]),
        (2, "usage", []),
        (2, "usage", ["-g", "rtx4090", "--use", "cooking"]),
        (2, "usage", ["-g", "rtx4090", "--min-speed", "fast"]),
        (2, "usage", ["-g", "rtx4090", "--limit", "0"]),
        (2, "usage", ["-m", "qwen3-8b", "--use", "chat"]),
        (2, "usage", ["-g", "rtx4090", "--budget", "500"]),
        (2, "unsupported-quant", ["-g", "rtx4090", "--quant", "q9"]),
        (2, "unsupported-quant", ["-g", "rtx4090", "--quant", "Q4_K_M", "--engine", "vllm"]),
        (3, "cannot-tell", ["-m", "sdxl-base"]),
    ],
)
def test_errors(code: int, word: str, arguments: Sequence[str]) -> None:
    """One line and a hint; the object under JSON, and nothing else on stdout."""
    ran = vramfit("recommend", *arguments, "--json")
    assert code == ran.code
    document = json.loads(ran.out)
    assert (word, True) == (document["error"]["code"], bool(document["error"]["hint"]))
    assert ran.err.startswith("error: ")
    assert (code, "") == (vramfit("recommend", *arguments).code, vramfit("recommend", *arguments).out)


@pytest.mark.parametrize("arguments", [FOR_A_CARD, FOR_A_MODEL])
def test_rows_are_the_same_in_every_format(arguments: Sequence[str]) -> None:
    """Plain, CSV and NDJSON say what the document says."""
    entries = told(*arguments)["recommendations"]
    assert entries == [
        json.loads(line) for line in vramfit("recommend", *arguments, "--format", "ndjson").out.splitlines()
    ]
    for style, dialect in (("plain", "excel-tab"), ("csv", "excel")):
        text = vramfit("recommend", *arguments, "--format", style).out
        rows = list(csv.DictReader(io.StringIO(text), dialect=dialect))
        assert [row["model"] for row in rows] == [entry["model"]["id"] for entry in entries]
        assert [row["gpu"] for row in rows] == [entry["deployment"]["gpu"] for entry in entries]
        for row, entry in zip(rows, entries, strict=True):
            assert row["headroom_bytes"] == str(entry["headroom_bytes"])
            assert row["quality"] == entry["quality"]["label"]
            assert row["price_usd"] == str((entry.get("cost") or {}).get("price_usd") or "")
        assert len(rows) == len(vramfit("recommend", *arguments, "--format", style, "--no-header").out.splitlines())


@pytest.mark.parametrize("arguments", [FOR_A_CARD, FOR_A_MODEL, ("-g", "m4-max-128gb"), ("-m", "deepseek-r1")])
def test_tables_fit_eighty_columns(arguments: Sequence[str]) -> None:
    """But for commands, which are never broken inside a word."""
    ran = vramfit("recommend", *arguments, "--format", "table")
    table, _, _ = ran.out.partition("\nTo run ")
    assert max(map(len, table.splitlines())) <= 80
    for entry in told(*arguments)["recommendations"]:
        assert entry["model"]["id"] in table or entry["deployment"]["gpu"] in table
        assert entry["quant"]["scheme"] in table


def test_markdown() -> None:
    """A table GitHub draws, one for each question."""
    lines = vramfit("recommend", *FOR_A_MODEL, "--format", "markdown").out.splitlines()
    assert 2 == sum(line.startswith("|  | gpu |") for line in lines)
    assert all(line.startswith("|") for line in lines if line)
