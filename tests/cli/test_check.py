"""``vramfit check``: what is printed, where, and with which exit code."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tests.command import Ran, validator, vramfit
from tests.each import each

ASKED = ("check", "-g", "rtx4090", "-m", "llava-1.6-13b")
HEADER = [
    "name", "gpu", "model", "engine", "quant", "verdict", "required_bytes", "usable_bytes", "headroom_bytes",
    "weights_bytes", "kv_cache_bytes", "compute_bytes", "overhead_bytes", "max_context", "decode_tokens_per_second",
    "error",
]  # fmt: skip
"""Columns of ``plain`` that scripts cut; new ones go to the end."""


def printed(style: str, *more: str) -> Ran:
    """The example in one format."""
    ran = vramfit(*ASKED, "--format", style, *more)
    assert (1, "") == (ran.code, ran.err)
    return ran


def test_json_is_the_json_format() -> None:
    """``--json`` and ``--format json`` are the same bytes; both together are allowed."""
    assert vramfit(*ASKED, "--json") == printed("json") == printed("json", "--json")


def test_ndjson_is_the_estimates_one_per_line() -> None:
    """Compact, in order, each equal to its entry in the document."""
    ran = printed("ndjson")
    assert vramfit(*ASKED, "--json").estimates == ran.lines
    assert all(
        line == json.dumps(json.loads(line), separators=(",", ":"), ensure_ascii=False) for line in ran.out.splitlines()
    )


def test_plain_is_one_line_per_estimate() -> None:
    """Tab-separated, with the columns scripts rely on, and the figures of the report."""
    header, *rows = [line.split("\t") for line in printed("plain").out.splitlines()]
    assert header[: len(HEADER)] == HEADER
    for row, estimate in zip(rows, vramfit(*ASKED, "--json").estimates, strict=True):
        told = dict(zip(header, row, strict=True))
        assert [told[c] for c in ("gpu", "model", "quant", "verdict")] == [
            "rtx4090", "llava-1.6-13b", estimate["quant"]["scheme"], estimate["verdict"],
        ]  # fmt: skip
        assert str(estimate["required_bytes"]["expected"]) == told["required_bytes"]
        assert str(estimate["headroom_bytes"]) == told["headroom_bytes"]


def test_plain_without_its_header() -> None:
    """``--no-header`` leaves the rest as it is."""
    assert printed("plain").out.split("\n", 1)[1] == printed("plain", "--no-header").out


def test_csv_holds_the_report_s_figures() -> None:
    """Field names flattened with dots; a reader of CSV gets them back."""
    rows = list(csv.DictReader(io.StringIO(printed("csv").out, newline="")))
    for row, estimate in each(zip(rows, vramfit(*ASKED, "--json").estimates, strict=True)):
        assert str(estimate["required_bytes"]["high"]) == row["required_bytes.high"]
        assert estimate["gpu"]["name"] == row["gpu.name"]
        assert str(estimate["deployment"]["context"]) == row["deployment.context"]


def test_markdown_is_a_table_of_pipes() -> None:
    """A header, a rule, and a row for each estimate."""
    lines = printed("markdown").out.splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert 5 == len(rows)
    assert 1 == len({line.count("|") for line in rows})


def test_table_says_the_answer_in_words() -> None:
    """For people: the verdict of each row, the deficit, and what would make it fit."""
    text = printed("table").out
    for words in ("LLaVA 1.6 13B", "RTX 4090", "exceeds", "fits", "24.87"):
        assert words in text


def test_a_terminal_gets_the_table_and_a_pipe_plain() -> None:
    """Unless a format is asked for."""
    assert printed("plain").out == vramfit(*ASKED).out
    assert "\t" not in vramfit(*ASKED, terminal=True).out
    assert printed("json").out == vramfit(*ASKED, "--json", terminal=True).out


@pytest.mark.parametrize("style", ["table", "plain", "ndjson", "json", "csv", "markdown"])
def test_every_format_has_the_same_exit_code(style: str) -> None:
    """The answer, not its print, decides."""
    assert 0 == vramfit(*ASKED, "--quant", "int8", "--format", style).code
    assert 1 == vramfit(*ASKED, "--format", style).code
    assert 2 == vramfit("check", "-g", "rtx4900", "-m", "llava-1.6-13b", "--format", style).code


@pytest.mark.parametrize(
    ("code", "word", "arguments"),
    [
        (4, "no-gpu", ["-m", "llama-2-7b"]),
        (4, "no-gpu", ["-g", "auto", "-m", "llama-2-7b"]),
        (2, "usage", []),
        (2, "usage", ["-g", "rtx4090", "-m", "llama-2-7b", "--free"]),
        (2, "usage", ["-g", "rtx4090", "-m", "llama-2-7b", "--reserve", "auto"]),
        (2, "usage", ["-g", "auto", "-m", "llama-2-7b", "--free", "--reserve", "1GiB"]),
        (2, "usage", ["-g", "rtx4090"]),
        (2, "unknown-gpu", ["-g", "rtx4900", "-m", "llama-2-7b"]),
        (2, "unknown-model", ["-g", "rtx4090", "-m", "lama-2-7b"]),
        (2, "ambiguous-name", ["-g", "3080", "-m", "llama-2-7b"]),
        (2, "unsupported-quant", ["-g", "rtx4090", "-m", "llama-2-7b", "--quant", "int7"]),
        (
            2,
            "unsupported-quant",
            ["-g", "rtx4090", "-m", "llama-2-7b", "--engine", "transformers", "--quant", "Q4_K_M"],
        ),
        (2, "usage", ["-g", "rtx4090", "-m", "llama-2-7b", "--context", "-1"]),
        (2, "usage", ["-g", "rtx4090", "-m", "llama-2-7b", "--ram", "64"]),
        (2, "usage", ["-g", "rtx4090", "-m", "llama-2-7b", "--images", "1"]),
        (2, "usage", ["-g", "rtx4090", "-m", "llama-2-7b", "--engine", "llama.cpp", "--task", "lora"]),
        (2, "usage", ["-g", "0xrtx4090", "-m", "llama-2-7b"]),
        (2, "usage", ["-g", "custom:24", "-m", "llama-2-7b"]),
        (3, "cannot-tell", ["-g", "rtx4090", "-m", "llama-2-7b", "--gpu-layers", "auto"]),
        (3, "cannot-tell", ["-g", "rtx4090", "-m", "kokoro-82m", "--engine", "vllm"]),
        (4, "input", ["--file", "/nowhere/deployments.yaml"]),
    ],
)
def test_errors(code: int, word: str, arguments: list[str]) -> None:
    """One ``error:`` line and a ``hint:`` on stderr; under ``--json`` the same words as an object on stdout."""
    plain = vramfit("check", *arguments)
    assert (code, "") == (plain.code, plain.out)
    first, *rest = plain.err.splitlines()
    assert first.startswith("error: ")
    assert len(rest) <= 1
    assert all(line.startswith("hint: ") for line in rest)
    for flag in (["--json"], ["--format", "json"]):
        told = vramfit("check", *arguments, *flag)
        assert (code, plain.err) == (told.code, told.err)
        error = told.document["error"]
        assert (word, first) == (error["code"], f"error: {error['message']}")
        assert [f"hint: {error['hint']}"] * len(rest) == rest
    (line,) = vramfit("check", *arguments, "--format", "ndjson").out.splitlines()
    validator("error").validate(json.loads(line))


def test_json_and_another_format_exclude_each_other() -> None:
    """And the refusal itself is JSON, since that was asked for."""
    ran = vramfit(*ASKED, "--json", "--format", "csv")
    assert 2 == ran.code
    assert "usage" == ran.document["error"]["code"]


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (1, ["-m", "llava-1.6-13b"]),
        (0, ["-m", "llava-1.6-13b", "--any"]),
        (1, ["-m", "llama-3.1-405b", "--any"]),
        (0, ["-m", "llama-3.2-1b"]),
        (1, ["-m", "llava-1.6-13b", "--quant", "fp16", "--any"]),
    ],
)
def test_any(code: int, arguments: list[str]) -> None:
    """The first row decides, or with ``--any`` the best one."""
    assert code == vramfit("check", "-g", "rtx4090", *arguments).code


def test_level_fits_is_stricter() -> None:
    """A tight answer is a yes at level ``tight`` and a no at level ``fits``."""
    limits = vramfit("check", "-g", "rtx4090", "-m", "llama-3.1-8b", "--quant", "bf16", "--json").estimates[0]["limits"]
    tight = ("check", "-g", "rtx4090", "-m", "llama-3.1-8b", "--quant", "bf16", "-c", str(limits["max_context"]))
    assert [0, 0, 1] == [vramfit(*tight, *more).code for more in ([], ["--level", "tight"], ["--level", "fits"])]
    assert "tight" == vramfit(*tight, "--level", "fits", "--json").estimates[0]["verdict"]


@pytest.mark.parametrize(
    ("same", "other"),
    [
        (["-g", "rtx4090"], ["--gpu", "RTX 4090"]),
        (["-g", "rtx4090"], ["--gpu", "NVIDIA GeForce RTX 4090"]),
        (["-g", "rtx4090"], ["--gpu", "4090"]),
        (["-g", "2xrtx3090"], ["--gpu", "2x RTX 3090"]),
    ],
)
def test_spellings_of_a_gpu(same: list[str], other: list[str]) -> None:
    """An alias is the same card; only the report's ``deployment`` tells how it was asked."""
    one, two = (vramfit("check", *gpu, "-m", "llama-2-7b", "--json").estimates[0] for gpu in (same, other))
    for estimate in (one, two):
        del estimate["deployment"]["gpu"]
    assert one == two


def test_a_mixed_pair_of_cards_may_be_repeated_or_counted() -> None:
    """``-g a -g a`` is ``-g 2xa``."""
    twice, counted = (
        vramfit("check", *gpus, "-m", "llama-2-13b", "--json").estimates[0]
        for gpus in (["-g", "rtx3090", "-g", "rtx3090"], ["-g", "2xrtx3090"])
    )
    assert twice["required_bytes"] == counted["required_bytes"]
    assert (2, 2) == (twice["gpu"]["count"], counted["gpu"]["count"])


def test_a_name_is_copied_into_the_report() -> None:
    """Also one that is not ASCII."""
    estimate: Any = vramfit(*ASKED, "--name", "Nachtlauf \u2192 8 GB", "--json").estimates[0]
    assert ("Nachtlauf \u2192 8 GB",) * 2 == (estimate["name"], estimate["deployment"]["name"])
