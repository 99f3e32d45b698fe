"""Memory of openai-whisper beside what its README requires, and its lines and scripts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.command import report
from vramfit.engines.commands import read_command


@pytest.mark.parametrize(
    ("gigabytes", "model"),
    [
        # README.md at c0d2f62, "Required VRAM".
        (1, "whisper-tiny"),
        (1, "whisper-base"),
        (2, "whisper-small"),
        (5, "whisper-medium"),
        (10, "whisper-large-v3"),
        (6, "whisper-large-v3-turbo"),
    ],
)
def test_required_memory(gigabytes: int, model: str) -> None:
    """Rounded as the README rounds it."""
    row = report("-g", "rtx4090", "-m", model, "--engine", "openai-whisper", "--quant", "fp32").estimates[0]
    need = row["required_bytes"]

    assert need["low"] < gigabytes * 1e9 < need["high"]
    assert gigabytes == pytest.approx(need["expected"] / 1e9, abs=0.7)


def test_a_script_that_halves_the_weights() -> None:
    """large-v2 takes 4,708 MiB then (README.md of SYSTRAN/faster-whisper at 65882ee)."""
    row = report("-g", "rtx3070ti", "-m", "whisper-large-v2", "--engine", "openai-whisper", "--quant", "fp32")

    assert row.estimates[0]["required_bytes"]["low"] < 4708 * 2**20


def test_nothing_is_quantized() -> None:
    """The three classes are answered, and two of them with a reason."""
    rows = report("-g", "rtx4090", "-m", "whisper-small", "--engine", "openai-whisper").estimates

    assert [("fp32", "fits"), ("int8_float16", "unsupported"), ("awq", "unsupported")] == [
        (row["quant"]["scheme"], row["verdict"]) for row in rows
    ]


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("whisper sound.mp3", {"model": "whisper-large-v3-turbo", "quant": "fp32"}),
        (
            "whisper sound.mp3 --model large --language de --beam_size 1",
            {"model": "whisper-large-v3", "quant": "fp32", "beam_size": "1"},
        ),
        (
            "import whisper\nmodel = whisper.load_model('medium.en')\nmodel.transcribe('a.mp3')",
            {"model": "whisper-medium.en", "quant": "fp32"},
        ),
    ],
)
def test_what_is_read(text: str, keys: dict[str, Any]) -> None:
    found = read_command(text)

    assert ("openai-whisper", keys) == (found.engine, found.keys)


def test_what_is_written_is_read_back() -> None:
    row = report("-g", "rtx4090", "-m", "whisper-small", "--engine", "openai-whisper", "--quant", "fp16").estimates[0]

    assert "whisper sound.wav --model small --beam_size 5" == row["command"]
    assert {"model": "whisper-small", "quant": "fp32", "beam_size": "5"} == read_command(row["command"]).keys
