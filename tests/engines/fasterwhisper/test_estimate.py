"""Memory of faster-whisper beside what was measured, its bytes by type, and GPUs that it computes on."""

from __future__ import annotations

import pytest

from tests.command import report, vramfit
from vramfit.units import MIB


@pytest.mark.parametrize(
    ("measured", "model", "quant", "parallel"),
    [
        # SYSTRAN/faster-whisper issue 1030.
        (4521, "whisper-large-v3", "fp16", "1"),
        (2953, "whisper-large-v3", "int8", "1"),
        (2409, "distil-large-v3", "fp16", "1"),
        (1481, "distil-large-v3", "int8", "1"),
        (2537, "whisper-large-v3-turbo", "fp16", "1"),
        # README.md of SYSTRAN/faster-whisper at 65882ee.
        (4525, "whisper-large-v2", "fp16", "1"),
        (6090, "whisper-large-v2", "fp16", "8"),
        (2926, "whisper-large-v2", "int8", "1"),
        (4500, "whisper-large-v2", "int8", "8"),
    ],
)
def test_measured_processes(measured: int, model: str, quant: str, parallel: str) -> None:
    """MiB in use of an RTX 3070 Ti, which shows nothing else."""
    words = ("-m", model, "--quant", quant, "--parallel", parallel, "--engine", "faster-whisper")
    need = report("-g", "rtx3070ti", *words).estimates[0]["required_bytes"]

    assert need["low"] <= measured * MIB <= need["high"]


@pytest.mark.parametrize(
    ("expected", "quant"),
    [
        # 37,760,640 parameters of tiny with the tied head once; in 8 bits a scale for each row of a matrix.
        (2 * 37_760_640, "fp16"),
        (4 * 37_760_640, "fp32"),
    ],
)
def test_weights_of_floats(expected: int, quant: str) -> None:
    row = report("-g", "rtx4090", "-m", "whisper-tiny", "--quant", quant, "--engine", "faster-whisper").estimates[0]

    assert expected == row["breakdown"]["weights"]


def test_weights_in_eight_bits() -> None:
    """Matrices and embeddings as bytes with 4 for each row; convolutions, tables of positions and vectors as floats."""
    row = report("-g", "rtx4090", "-m", "whisper-tiny", "--quant", "int8", "--engine", "faster-whisper").estimates[0]
    width, inner, layers, vocabulary = 384, 1536, 4, 51865
    attention, network = 4 * width * (width + 4), (width + 4) * inner + (inner + 4) * width
    matrices = 3 * layers * attention + 2 * layers * network + vocabulary * (width + 4)
    floats = 37_760_640 - (3 * layers * 4 * width * width + 2 * layers * 2 * width * inner + vocabulary * width)

    assert matrices + 2 * floats == row["breakdown"]["weights"]
    assert "int8_float16" == row["quant"]["scheme"]


@pytest.mark.parametrize(
    ("verdict", "gpu", "quant"),
    [
        ("fits", "rtx2060-6gb", "fp16"), ("unsupported", "gtx1080ti", "fp16"), ("fits", "gtx1080ti", "int8_float32"),
        ("unsupported", "v100-pcie-32gb", "bf16"), ("unsupported", "m4-max-128gb", "fp16"), ("unsupported", "rtx4090", "awq"),
        ("fits", "gtx1080ti", "fp32"), ("fits", "rx7900xtx", "fp16"), ("unsupported", "p100-pcie-16gb", "int8_float32"),
    ],
)  # fmt: skip
def test_gpus_that_it_computes_on(verdict: str, gpu: str, quant: str) -> None:
    row = report("-g", gpu, "-m", "whisper-small", "--quant", quant, "--engine", "faster-whisper").estimates[0]

    assert verdict == row["verdict"]


def test_what_is_cached_for_hypotheses() -> None:
    """Of one window: 448 tokens of each hypothesis, and 1,500 positions of the sound once."""
    found = []
    for beams in ("1", "5"):
        words = ("--quant", "fp16", "--engine", "faster-whisper", "--beam-size", beams)
        found.append(report("-g", "rtx4090", "-m", "whisper-small", *words).estimates[0]["breakdown"]["kv_cache"])

    assert [2 * 2 * 768 * 12 * (1500 + count * 448) for count in (1, 5)] == found


def test_a_model_that_is_not_whisper() -> None:
    found = vramfit("check", "-g", "rtx4090", "-m", "llama-3.1-8b", "--engine", "faster-whisper")

    assert 3 == found.code
    assert "faster-whisper is modelled for Whisper alone, which Llama 3.1 8B is not" in found.err
