"""Flags of llama-server on a line of ours: those of keys, switches, and what changes no memory."""

from __future__ import annotations

from typing import Any

import pytest

from tests.command import report, vramfit
from vramfit.cli.flags import translated

LINE = ("-g", "h200", "-m", "qwen3-30b-a3b", "--quant", "Q4_K_M")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["-cmoe"], ["--cpu-moe-layers", "all"]),
        (["--cpu-moe", "-c", "8k"], ["--cpu-moe-layers", "all", "-c", "8k"]),
        (["--no-kv-unified"], ["--no-unified-kv"]),
        (["--no-mmproj"], ["--images", "0"]),
        (["-t", "8", "--no-mmap", "-np", "2"], ["-np", "2"]),
        (["--threads=8", "--mlock", "--temp", "0.7"], []),
        (["--offline", "--json"], ["--offline", "--json"]),
        (["--nonsense", "3"], ["--nonsense", "3"]),
        (["-t"], []),
    ],
)
def test_translation(flags: list[str], expected: list[str]) -> None:
    assert translated(["check", *flags]) == ["check", *expected]


@pytest.mark.parametrize(
    ("flags", "keys"),
    [
        (("-np", "4", "-kvu"), {"parallel": 4, "unified_kv": True}),
        (("-ngl", "99"), {"gpu_layers": 99}),
        (("-ngl", "-1"), {"gpu_layers": "all"}),  # all of it fits, so that is what auto chooses
        (("-ngl", "-2"), {"gpu_layers": "all"}),
        (("-c", "0"), {"context": 40960}),
        (("--ctx-size", "16k", "--flash-attn", "0"), {"context": 16384, "flash_attention": "off"}),
        (("-fa", "auto", "--batch-size", "1024"), {"flash_attention": "on", "batch": 1024}),
        (("--ubatch-size", "256"), {"ubatch": 256}),
        (("-ncmoe", "5"), {"cpu_moe_layers": 5}),
        (("-cmoe", "-t", "16", "--no-mmap"), {"cpu_moe_layers": "all"}),
    ],
)  # fmt: skip
def test_the_keys_that_they_set(flags: tuple[str, ...], keys: dict[str, Any]) -> None:
    (estimate,) = report(*LINE, *flags).estimates

    assert keys == {name: estimate["deployment"][name] for name in keys}


def test_an_unknown_flag_is_still_refused() -> None:
    ran = vramfit("check", *LINE, "--nonsense", "3")

    assert ran.code == 2
    assert "No such option: --nonsense" in ran.err
