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
        (["-nkvo"], ["--no-kv-offload"]),
        (["--no-mmproj-offload"], ["--mmproj", "host"]),
        (["--no-mmproj"], ["--mmproj", "off"]),
        (["-t", "8", "--no-mmap", "-np", "2"], ["-np", "2"]),
        (["--threads=8", "--mlock", "--temp", "0.7"], []),
        (["--offline", "--json"], ["--offline", "--json"]),
        (["--nonsense", "3"], ["--nonsense", "3"]),
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
        (("-ot", "exps=CPU", "-ot", "norm=CPU"), {"override_tensor": ["exps=CPU", "norm=CPU"], "gpu_layers": "all"}),
        (("-nkvo",), {"kv_offload": False, "override_tensor": None}),
        (("-m", "gemma-3-4b", "--no-mmproj"), {"mmproj": "off", "images": 0}),
        (("-m", "gemma-3-4b", "--no-mmproj-offload"), {"mmproj": "host", "images": 1}),
        (("-cram", "2048", "-ctxcp", "4"), {"cache_ram": "2GiB", "context_checkpoints": 4}),
        (("--cache-ram", "-1", "--ctx-checkpoints", "0"), {"cache_ram": "unlimited", "context_checkpoints": 0}),
        (("-cms", "256", "--adapter-size", "300MiB"), {"checkpoint_min_step": 256, "adapter_size": "300MiB"}),
        (("--cache-ram", "500MB"), {"cache_ram": "500MiB"}),
        (("-g", "h200", "-sm", "tensor"), {"split_mode": "tensor"}),
    ],
)  # fmt: skip
def test_the_keys_that_they_set(flags: tuple[str, ...], keys: dict[str, Any]) -> None:
    (estimate,) = report(*LINE, *flags).estimates

    assert keys == {name: estimate["deployment"][name] for name in keys}


def test_an_unknown_flag_is_still_refused() -> None:
    ran = vramfit("check", *LINE, "--nonsense", "3")

    assert ran.code == 2
    assert "No such option: --nonsense" in ran.err
