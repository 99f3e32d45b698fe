"""The question the tool was made for: LLaVA 1.6 13B on an RTX 4090."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.command import environment, process, report, validator, vramfit

HEADLINE = ("check", "--gpu", "rtx4090", "--model", "llava-1.6-13b")


@pytest.fixture(scope="module")
def rows() -> Any:
    """Its three rows."""
    ran = report(*HEADLINE[1:])
    assert ran.code == 1
    return ran.estimates


def test_it_does_not_fit_in_fp16_and_fits_quantized(rows: Any) -> None:
    """The answer, the sum of what it says, and the exit code of its first row."""
    assert [("fp16", "exceeds"), ("int8", "fits"), ("int4", "fits")] == [
        (e["quant"]["class"], e["verdict"]) for e in rows
    ]


def test_weights_and_cache_are_exact(rows: Any) -> None:
    """13,351,499,776 parameters of llava-hf/llava-v1.6-vicuna-13b-hf at 16 bits, and 40 layers of 40 heads of 128.

    Worked out from its config.json: 40 x (4 x 5120^2 + 3 x 5120 x 13824) linear weights, 2 x 32064 x 5120 for
    embedding and head, 81 x 5120 norms, 303,507,456 of CLIP ViT-L/14-336, 31,472,640 of the projector and its newline.
    """
    linear = 40 * (4 * 5120**2 + 3 * 5120 * 13824)
    assert 13_351_499_776 == linear + 2 * 32064 * 5120 + 81 * 5120 + 303_507_456 + 31_472_640
    assert 26_702_999_552 == 2 * 13_351_499_776 == rows[0]["breakdown"]["weights"]
    assert [3_355_443_200] * 3 == [e["breakdown"]["kv_cache"] for e in rows]
    assert 3_355_443_200 == 40 * 2 * 5120 * 2 * 4096
    assert {13_351_499_776} == {e["model"]["parameters"] for e in rows}


def test_quantized_weights_are_exact(rows: Any) -> None:
    """bitsandbytes converts every linear layer, vision tower included; head and embedding stay 16-bit.

    int8: a byte per weight and four for each output row. NF4: half a byte, one byte per 64 weights, four per 64 x 256
    and a 1 KiB code book for each matrix (bitsandbytes ``Int8Params``, ``quantize_4bit``).
    """
    text, tower = 40 * (4 * 5120**2 + 3 * 5120 * 13824), 24 * (4 * 1024**2 + 2 * 1024 * 4096)
    projector = 1024 * 5120 + 5120**2
    linear = text + tower + projector
    kept = 2 * (13_351_499_776 - linear)
    outputs = 40 * (4 * 5120 + 2 * 13824 + 5120) + 24 * (4 * 1024 + 4096 + 1024) + 2 * 5120
    assert linear + 4 * outputs + kept == rows[1]["breakdown"]["weights"]
    matrices = 40 * 7 + 24 * 6 + 2
    nested = linear // 2 + linear // 64 + 4 * (linear // (64 * 256)) + 1024 * matrices
    assert nested + kept == rows[2]["breakdown"]["weights"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (0, {"parameters_billion": 13, "bytes_per_parameter": 2, "required_gb": 26.0, "gpu_gb": 24, "deficit_gb": 2.0}),
        (
            1,
            {
                "parameters_billion": 13,
                "bytes_per_parameter": 1,
                "required_gb": 13.0,
                "gpu_gb": 24,
                "deficit_gb": -11.0,
            },
        ),
        (
            2,
            {
                "parameters_billion": 13,
                "bytes_per_parameter": 0.5,
                "required_gb": 6.5,
                "gpu_gb": 24,
                "deficit_gb": -17.5,
            },
        ),
    ],
)
def test_rule_of_thumb(rows: Any, row: int, expected: dict[str, float]) -> None:
    """What the usual web page says: 26 GB against 24, two too many."""
    assert expected == rows[row]["rule_of_thumb"]


def test_the_card(rows: Any) -> None:
    """24 GB on the box, 24,564 MiB reported, 24,080 MiB usable on Linux (ollama/ollama PR 16031)."""
    gpu = rows[0]["gpu"]
    assert ("rtx4090", 1, 24) == (gpu["id"], gpu["count"], gpu["marketed_gb"])
    assert (24_564 * 2**20, 24_080 * 2**20) == (gpu["memory_bytes"], gpu["usable_bytes"])
    assert abs(gpu["bandwidth_bytes_per_second"] - 1_008e9) < 1e9


def test_every_kind_of_remedy(rows: Any) -> None:
    """What would make it fit: fewer bits, layers in RAM, other cards, rented cards, other models (``test_order`` has all)."""
    remedies = rows[0]["remedies"]
    assert {
        "quantize", "offload-layers", "bigger-gpu", "cloud-gpu", "multi-gpu", "smaller-model", "finetune-smaller",
    } <= {remedy["kind"] for remedy in remedies}  # fmt: skip
    quantized = [remedy["changes"]["quant"] for remedy in remedies if remedy["kind"] == "quantize"]
    assert ["Q8_0", "int8", "nf4"] == quantized
    assert [[], []] == [e["remedies"] for e in rows[1:]]


def test_the_measured_need_is_within_the_interval(rows: Any) -> None:
    """ "More than 30 GB in 16-bit" says a maintainer (haotian-liu/LLaVA issue 1099)."""
    need = rows[0]["required_bytes"]
    assert need["low"] <= need["expected"] <= need["high"]
    assert need["high"] > 30e9


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (1, []),
        (0, ["--quant", "int8"]),
        (0, ["--quant", "int4"]),
        (1, ["--quant", "fp16"]),
        (0, ["--any"]),
        (1, ["--quant", "fp16", "--any"]),
        (0, ["--gpu", "rtx4090"]),
    ],
)
def test_exit_code(code: int, arguments: list[str]) -> None:
    """No without a quant (fp16 decides), yes for int8, yes for any; two cards hold it."""
    assert code == report(*HEADLINE[1:], *arguments).code


@pytest.mark.parametrize(
    ("word", "near", "arguments"),
    [
        ("unknown-gpu", "rtx4090", ["--gpu", "rtx4900", "--model", "llava-1.6-13b"]),
        ("unknown-model", "llava-1.6-13b", ["--gpu", "rtx4090", "--model", "llava-1.6-13"]),
        ("unknown-model", "llava-1.6-13b", ["--gpu", "rtx4090", "--model", "lava-1.6-13b"]),
    ],
)
def test_unknown_names(word: str, near: str, arguments: list[str]) -> None:
    """Exit 2, one line, and the nearest ids; under ``--json`` the error object on stdout as well."""
    plain = vramfit("check", *arguments)
    assert (2, "") == (plain.code, plain.out)
    first, hint = plain.err.splitlines()
    assert first.startswith("error: ")
    assert hint.startswith("hint: ")
    assert near in hint
    told = vramfit("check", *arguments, "--json")
    assert (2, plain.err) == (told.code, told.err)
    validator("error").validate(told.document)
    assert word == told.document["error"]["code"]
    assert near in told.document["error"]["hint"]
    assert f"error: {told.document['error']['message']}" == first


def test_the_whole_report_is_one_document() -> None:
    """UTF-8, two spaces of indent, one newline at the end, and byte for byte what ``json`` would write."""
    told = process(*HEADLINE, "--json")
    assert (1, b"") == (told.returncode, told.stderr)
    text = told.stdout.decode("utf-8")
    assert text == json.dumps(json.loads(text), indent=2, ensure_ascii=False) + "\n"
    validator().validate(json.loads(text))


@pytest.mark.parametrize("style", ["json", "plain", "csv", "markdown", "ndjson", "table"])
def test_a_reader_that_leaves_early(style: str) -> None:
    """``| head -1``: one line, no traceback, nothing on stderr, and the verdict's exit code."""
    command = [sys.executable, "-m", "vramfit", *HEADLINE, "--format", style]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        line = running.stdout.readline()
        running.stdout.close()
        err = running.stderr.read()
        code = running.wait(60)
    assert line.endswith(b"\n")
    assert b"" == err
    assert 1 == code


def test_head_in_a_shell() -> None:
    """The same as a user types it."""
    script = f"{sys.executable} -m vramfit {' '.join(HEADLINE)} --json | head -1"
    told = subprocess.run(["sh", "-c", script], capture_output=True, env=environment(), check=True)
    assert (b"{\n", b"") == (told.stdout, told.stderr)


def test_a_closed_stdout() -> None:
    """Nobody listens from the start: still no traceback, and the verdict's exit code."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "vramfit", *HEADLINE, "--json"]
    try:
        told = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment(), check=False)
    finally:
        os.close(writer)
    assert (1, b"") == (told.returncode, told.stderr)
