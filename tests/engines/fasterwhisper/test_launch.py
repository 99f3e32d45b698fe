"""Scripts and lines of faster-whisper and WhisperX: what they state, and that what is written is read back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.command import report
from vramfit.engines.commands import read_command
from vramfit.errors import UsageError

LOAD = "from faster_whisper import WhisperModel"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        (
            f"{LOAD}\nmodel = WhisperModel('large-v3', device='cuda', compute_type='float16')\n"
            "segments, info = model.transcribe('a.mp3', beam_size=5)",
            {"model": "whisper-large-v3", "quant": "fp16", "beam_size": "5"},
        ),
        (
            "from faster_whisper import WhisperModel, BatchedInferencePipeline\nmodel = WhisperModel('turbo', "
            "compute_type='int8_float16')\nb = BatchedInferencePipeline(model=model)\nb.transcribe('a.mp3', batch_size=16)",
            {"model": "whisper-large-v3-turbo", "quant": "int8_float16", "parallel": "16"},
        ),
        (f"{LOAD}\nmodel = WhisperModel('distil-large-v3')", {"model": "distil-large-v3", "quant": "fp16"}),
        (
            "import whisperx\nmodel = whisperx.load_model('large-v2', 'cuda', compute_type='float16')\n"
            "model.transcribe(audio, batch_size=16)",
            {"model": "whisper-large-v2", "quant": "fp16", "parallel": "16"},
        ),
        (
            "whisperx sound.wav --model large-v2 --diarize --batch_size 4 --compute_type int8",
            {"model": "whisper-large-v2", "quant": "int8_float16", "parallel": "4"},
        ),
        ("whisperx sound.wav", {"model": "small", "quant": "fp16", "parallel": 8}),
        (
            "faster-whisper-xxl a.mp3 -m large-v3 --compute_type int8_float32 --beam_size 1",
            {"model": "whisper-large-v3", "quant": "int8_float32", "beam_size": "1"},
        ),
    ],
)
def test_what_is_read(text: str, keys: dict[str, Any]) -> None:
    found = read_command(text)

    assert ("faster-whisper", {**keys, "model": keys["model"].replace("small", "whisper-small")}) == (
        found.engine, found.keys,
    )  # fmt: skip


def test_the_cpu_is_no_gpu() -> None:
    with pytest.raises(UsageError) as caught:
        read_command("whisperx sound.wav --device cpu")
    assert "the command runs on the CPU, and no GPU is used" == caught.value.message


@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        (
            "from faster_whisper import WhisperModel; model = WhisperModel('large-v3', device='cuda', compute_type='float16');"
            " segments, info = model.transcribe('sound.wav', beam_size=5)",
            ("-m", "whisper-large-v3", "--quant", "fp16"),
        ),
        (
            "from faster_whisper import WhisperModel, BatchedInferencePipeline; model = WhisperModel('distil-large-v3', "
            "device='cuda', compute_type='int8_float16'); segments, info = "
            "BatchedInferencePipeline(model).transcribe('sound.wav', batch_size=4, beam_size=1)",
            ("-m", "distil-large-v3", "--quant", "int8", "--parallel", "4", "--beam-size", "1"),
        ),
    ],
)
def test_what_is_written_is_read_back(expected: str, arguments: tuple[str, ...]) -> None:
    asked = report("-g", "rtx4090", "--engine", "faster-whisper", *arguments).estimates[0]
    found = read_command(asked["command"])
    words = [word for name, value in found.keys.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    again = report("-g", "rtx4090", "--engine", found.engine, *words).estimates[0]

    assert (expected, asked["required_bytes"]) == (asked["command"], again["required_bytes"])
