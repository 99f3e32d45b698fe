"""Memory of whisper.cpp beside what it prints, and what changes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import report, vramfit
from vramfit.engines import engine
from vramfit.engines.interface import Job
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.whispercpp.estimate import buffers, decoders, padded
from vramfit.sources import open_catalogue
from vramfit.units import MIB

LOGS: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "logs.yaml").read_text(encoding="utf-8"))
NAMES = {
    "self": "decoder's cache", "cross": "cross attention's cache", "pad": "encoder's keys and values",
    "conv": "convolutions", "encode": "encoder", "crossing": "cross attention", "decode": "decoder",
}  # fmt: skip
"""Names of buffers by those of the log."""


@pytest.mark.parametrize("log", LOGS, ids=lambda log: f"{log['model']}-{log['backend']}-{log.get('flash_attention')}")
def test_sizes_are_those_of_the_log(log: dict[str, Any]) -> None:
    """Weights and caches to the byte that it prints, compute buffers to 1 MB; it starts with one decoder."""
    asked: dict[str, Any] = {key: log[key] for key in ("model", "quant", "flash_attention") if key in log}
    (one,) = resolve(
        parse_request({"gpu": "rtx4090", "engine": "whisper.cpp", "beam_size": 1, **asked}), open_catalogue()
    )
    runtime = engine("whisper.cpp")
    job: Job[Any, Any] = Job(one.checkpoint, one.workload, runtime.view(one.gpus, one.workload).traits, 1)
    found = {buffer.name: buffer.bytes / 1e6 for buffer in buffers(job)}
    printed = {NAMES[name]: log[name] for name in NAMES if name in log}

    assert printed == pytest.approx({name: found[name] for name in printed}, abs=1.0)
    caches = list(NAMES.values())[:3]
    assert {name: printed[name] for name in caches} == {name: round(found[name], 2) for name in caches}


@pytest.mark.parametrize(
    ("expected", "model", "quant"),
    [
        (573_401_440, "whisper-large-v3-turbo", "Q5_0"),
        (1_533_140_992, "whisper-medium", "F16"),
    ],
)
def test_weights_of_a_file(expected: int, model: str, quant: str) -> None:
    """Matrices in the type, convolutions in 16 bits, vectors and tables of positions in 32."""
    row = report("-g", "rtx4090", "-m", model, "--engine", "whisper.cpp", "--quant", quant).estimates[0]

    assert expected == pytest.approx(row["breakdown"]["weights"], abs=5_000)


def test_a_measured_process() -> None:
    """large-v2 in F16 with five hypotheses has 4,127 MiB in use on an RTX 3070 Ti (README.md of SYSTRAN/faster-whisper)."""
    row = report("-g", "rtx3070ti", "-m", "whisper-large-v2", "--engine", "whisper.cpp", "--quant", "F16").estimates[0]
    need = row["required_bytes"]

    assert need["low"] < 4127 * MIB < need["high"]
    assert 4127 * MIB == pytest.approx(need["expected"], rel=0.02)


@pytest.mark.parametrize(("expected", "beams"), [(1, 1), (4, 2), (7, 5), (10, 8)])
def test_decoders_that_the_cache_has_room_for(expected: int, beams: int) -> None:
    """One, or two more than follow hypotheses."""
    assert expected == decoders(beams)


@pytest.mark.parametrize(("expected", "tokens"), [(512, 448), (1536, 1500), (256, 256), (256, 1)])
def test_caches_are_padded(expected: int, tokens: int) -> None:
    assert expected == padded(tokens)


def test_processors_share_the_weights() -> None:
    """Each has caches and buffers of its own."""
    one, three = [
        report(
            "-g", "rtx4090", "-m", "whisper-small", "--engine", "whisper.cpp", "--quant", "Q8_0", "--parallel", count
        )
        for count in ("1", "3")
    ]
    alone, three_times = one.estimates[0]["breakdown"], three.estimates[0]["breakdown"]

    assert alone["weights"] == three_times["weights"]
    assert (3 * alone["kv_cache"], 3 * alone["compute"]) == (three_times["kv_cache"], three_times["compute"])


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        (
            "whisper.cpp is modelled for Whisper alone, which Llama 3.1 8B is not",
            ("-m", "llama-3.1-8b", "--quant", "Q8_0"),
        ),
        ("whisper.cpp has no files in IQ4_XS", ("-m", "whisper-small", "--quant", "IQ4_XS")),
        ("rows of 384 of Whisper tiny are no multiple of Q4_K's blocks", ("-m", "whisper-tiny", "--quant", "Q4_K_M")),
        (
            "whisper.cpp loads the whole model on one GPU",
            ("-m", "whisper-small", "--quant", "F16", "--gpu-layers", "3"),
        ),
    ],
)
def test_what_it_does_not_load(message: str, arguments: tuple[str, ...]) -> None:
    found = vramfit("check", "-g", "rtx4090", "--engine", "whisper.cpp", *arguments)

    assert found.code in (2, 3)
    assert message in found.err
