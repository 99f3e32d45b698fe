"""``vramfit list``: filters, order and formats, as a user or a script sees them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.command import process, vramfit


def listed(*arguments: str) -> list[dict[str, Any]]:
    """The objects of ``vramfit list … --json``, with nothing on stderr."""
    ran = vramfit("list", *arguments, "--json")
    assert (ran.code, ran.err) == (0, "")
    document = json.loads(ran.out)
    assert list(document) == ["format_version", arguments[0]]
    assert document["format_version"] == "1.0"
    objects: list[dict[str, Any]] = document[arguments[0]]
    return objects


def ids(*arguments: str) -> list[str]:
    """Their ids."""
    return [one["id"] for one in listed(*arguments)]


def test_everything_is_listed() -> None:
    """The four lists, at the sizes promised."""
    assert len(ids("gpus")) >= 320
    assert len(ids("models")) >= 390
    assert {"fp16", "Q4_K_M", "nf4"} <= set(ids("quants"))
    assert {"transformers", "llama.cpp", "vllm"} <= set(ids("engines"))


def test_gpu_filters() -> None:
    """Consumer cards of NVIDIA with 24 GB or more on the box, by memory; the 3090 is not from 2024."""
    found = listed(
        "gpus",
        "--vendor",
        "nvidia",
        "--segment",
        "consumer",
        "--min-memory",
        "24GB",
        "--since",
        "2024",
        "--sort",
        "memory",
    )

    assert {"rtx5090"} <= {gpu["id"] for gpu in found}
    assert not {"rtx3090", "rtx4090", "rtx5080"} & {gpu["id"] for gpu in found}
    assert all(gpu["vendor"] == "nvidia" and gpu["segment"] == "consumer" for gpu in found)
    assert [gpu["marketed_gb"] for gpu in found] == sorted(gpu["marketed_gb"] for gpu in found)


def test_filters_take_several_words() -> None:
    """Repeated, each adds; different ones narrow."""
    assert set(ids("gpus", "--vendor", "amd", "--vendor", "intel")) == {
        *ids("gpus", "--vendor", "amd"),
        *ids("gpus", "--vendor", "intel"),
    }
    assert {gpu["architecture"] for gpu in listed("gpus", "--family", "ada", "--vendor", "nvidia")} == {"Ada Lovelace"}
    assert set(ids("gpus", "--max-memory", "8GB", "--max-price", "150")) >= {"gtx1050ti"}


def test_model_filters() -> None:
    """LLaVA 1.6 13B counts 13.35 billion and is named 13B: both bounds let it in."""
    found = listed("models", "--modality", "vision-language", "--min-parameters", "13B", "--max-parameters", "13B")

    assert "llava-1.6-13b" in [model["id"] for model in found]
    assert all(model["modality"] == "vision-language" for model in found)
    assert {model["family"] for model in listed("models", "--family", "qwen3")} >= {"qwen3"}
    assert not any(model["family"].startswith("qwen3.5") for model in listed("models", "--family", "qwen3"))


def test_sorting_and_searching() -> None:
    """From the smallest up, or down with --reverse."""
    sizes = [model["parameters"] for model in listed("models", "--sort", "parameters")]

    assert sizes == sorted(sizes)
    assert [m["parameters"] for m in listed("models", "--sort", "parameters", "--reverse")] == sizes[::-1]
    assert ids("gpus", "--search", "GeForce RTX 4090")[0] == "rtx4090"
    assert ids("gpus", "--search", "nothing like it") == []


def test_quant_filters() -> None:
    """By class, family and engine."""
    assert {quant["class"] for quant in listed("quants", "--class", "int8")} == {"int8"}
    assert {quant["family"] for quant in listed("quants", "--family", "gguf", "--sort", "bits")} == {"gguf"}
    assert "Q4_K_M" not in ids("quants", "--engine", "transformers")


def test_a_pipe_gets_tabs_and_a_terminal_a_table() -> None:
    """The table has units and a count; the pipe has bytes, one GPU per line."""
    piped = vramfit("list", "gpus", "--search", "rtx4090")
    lines = piped.out.splitlines()
    assert lines[0].split("\t")[:4] == ["id", "name", "vendor", "marketed_gb"]
    assert lines[1].split("\t")[:4] == ["rtx4090", "NVIDIA GeForce RTX 4090", "nvidia", "24"]

    shown = vramfit("list", "gpus", "--search", "rtx4090", "--color", "never", terminal=True)
    assert "24 GB" in shown.out
    assert "23.5 GiB" in shown.out
    assert shown.out.rstrip().endswith("GPUs")
    assert max(map(len, shown.out.splitlines())) <= 80


def test_every_format() -> None:
    """The same two cards in each."""
    cards = ("gpus", "--search", "rtx4090", "--sort", "id", "--segment", "consumer")
    told = ids(*cards)

    assert [row["id"] for row in csv.DictReader(io.StringIO(vramfit("list", *cards, "--format", "csv").out))] == told
    ndjson = vramfit("list", *cards, "--format", "ndjson").out.splitlines()
    assert [json.loads(line)["id"] for line in ndjson] == told
    plain = vramfit("list", *cards, "--format", "plain", "--no-header").out.splitlines()
    assert [line.split("\t")[0] for line in plain] == told
    markdown = vramfit("list", *cards, "--format", "markdown").out.splitlines()
    assert [line.split("|")[1].strip() for line in markdown[2:]] == told
    assert markdown[1].startswith("| :-- | --: |")


@pytest.mark.parametrize("kind", ["gpus", "models", "quants", "engines"])
def test_every_list_in_every_format(kind: str) -> None:
    """None breaks on any entry, and none writes an error."""
    for style in ("table", "plain", "json", "ndjson", "csv", "markdown"):
        ran = vramfit("list", kind, "--format", style)
        assert (ran.code, ran.err) == (0, ""), style
        assert ran.out


def test_an_empty_list_is_no_error() -> None:
    """JSON is an empty list, plain is empty, the table says so."""
    nothing = ("list", "gpus", "--search", "zzzz")

    assert json.loads(vramfit(*nothing, "--json").out)["gpus"] == []
    assert vramfit(*nothing).out == ""
    assert vramfit(*nothing, "--color", "never", terminal=True).out.strip() == "no GPUs"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("gpus", "--vendor", "nvdia"), 'no vendor is called "nvdia"'),
        (("gpus", "--min-memory", "24"), 'size "24" has no unit'),
        (("gpus", "--sort", "colour"), 'gpus cannot be sorted by "colour"'),
        (("gpus", "--since", "now"), '--since: "now" is not a date'),
        (("models", "--min-parameters", "7"), '"7" is not a number of parameters'),
        (("models", "--modality", "smell"), 'no modality is called "smell"'),
        (("quants", "--engine", "steam"), "steam"),
        (("gpus", "--format", "yaml"), 'format: "yaml" is not a valid value'),
        (("gpus", "--json", "--format", "csv"), "--json and --format exclude each other"),
        (("gpus", "--color", "red"), 'color: "red" is not a valid value'),
        (("cards",), "cards"),
        ((), "Missing command"),
    ],
)
def test_usage_errors(arguments: tuple[str, ...], message: str) -> None:
    """One line and a hint on stderr, nothing on stdout, exit 2 (3 for an engine that is not modelled)."""
    ran = vramfit("list", *arguments)

    assert ran.code in (2, 3)
    assert (ran.out == "") or "--json" in arguments
    assert message in ran.err
    assert ran.err.startswith("error: ")


def test_an_error_under_json_is_an_object() -> None:
    """So that a parser never meets empty input."""
    ran = vramfit("list", "gpus", "--vendor", "nvdia", "--json")

    assert json.loads(ran.out)["error"]["code"] == "usage"
    assert ran.code == 2


def test_a_reader_that_goes_away_is_no_error() -> None:
    """``| head -1`` ends quietly."""
    import subprocess
    import sys

    from tests.command import environment

    command = f"{sys.executable} -m vramfit list models --json | head -1"
    ran = subprocess.run(["bash", "-c", command], capture_output=True, env=environment(), check=True, timeout=60)

    assert (ran.stdout, ran.stderr) == (b"{\n", b"")


def test_ascii_terminals_get_ascii() -> None:
    """What the encoding lacks is replaced, never an error."""
    ran = process("list", "models", "--format", "markdown", variables={"PYTHONIOENCODING": "ascii"})

    assert (ran.returncode, ran.stderr) == (0, b"")
    assert ran.stdout.isascii()
