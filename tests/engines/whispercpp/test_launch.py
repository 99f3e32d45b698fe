"""Commands of whisper.cpp: what they state, and that what is written is read back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.command import report
from vramfit.engines.commands import read_command
from vramfit.errors import CannotTell


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (
            "./build/bin/whisper-cli -m models/ggml-large-v3-turbo-q5_0.bin -f samples/jfk.wav -t 8",
            {"model": "whisper-large-v3-turbo", "quant": "Q5_0"},
        ),
        ("whisper-cli sound.wav", {"model": "whisper-base.en", "quant": "F16"}),
        (
            "whisper-cli -m ggml-medium.en.bin -bs 1 -nfa -p 2 a.wav",
            {
                "model": "whisper-medium.en", "quant": "F16", "beam_size": "1", "parallel": "2", "flash_attention": "off",
            },
        ),
        ("whisper-server -m ggml-small-q8_0.bin", {"model": "whisper-small", "quant": "Q8_0", "beam_size": 2}),
        ("whisper-server -m ggml-small.bin -bs 5", {"model": "whisper-small", "quant": "F16", "beam_size": "5"}),
        ("whisper-cli -m ggml-distil-large-v3.bin a.wav", {"model": "distil-large-v3", "quant": "F16"}),
        ("whisper-cli -m ggml-large.bin a.wav", {"model": "whisper-large-v3", "quant": "F16"}),
        ("whisper-cli -m my-own.bin a.wav", {"model": "my-own.bin"}),
    ],
)  # fmt: skip
def test_lines_that_are_read(text: str, keys: dict[str, Any]) -> None:
    found = read_command(text)

    assert ("whisper.cpp", keys) == (found.engine, found.keys)


def test_without_a_gpu() -> None:
    with pytest.raises(CannotTell) as caught:
        read_command("whisper-cli -ng -m ggml-small.bin a.wav")
    assert "the CPU computes everything" in caught.value.message


@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        (
            "hf download ggerganov/whisper.cpp ggml-large-v3-turbo-q5_0.bin --local-dir models\n"
            "whisper-cli sound.wav -m models/ggml-large-v3-turbo-q5_0.bin -bs 5",
            ("-m", "whisper-large-v3-turbo", "--quant", "Q5_0"),
        ),
        (
            "hf download ggerganov/whisper.cpp ggml-small-q5_1.bin --local-dir models\n"
            "whisper-cli sound.wav -m models/ggml-small-q5_1.bin -p 2 -bs 1 -nfa",
            (
                "-m",
                "whisper-small",
                "--quant",
                "Q5_1",
                "--parallel",
                "2",
                "--beam-size",
                "1",
                "--flash-attention",
                "off",
            ),
        ),
    ],
)
def test_a_written_command_is_read_back(expected: str, arguments: tuple[str, ...]) -> None:
    asked = report("-g", "rtx4090", "--engine", "whisper.cpp", *arguments).estimates[0]
    found = read_command(asked["command"])
    words = [word for name, value in found.keys.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    again = report("-g", "rtx4090", "--engine", found.engine, *words).estimates[0]

    assert (expected, asked["required_bytes"]) == (asked["command"], again["required_bytes"])
