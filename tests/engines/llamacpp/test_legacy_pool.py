"""Copies of an unpacked cache that ROCm's pool keeps in builds before June 2026."""

from __future__ import annotations

import pytest

from tests.engines.llamacpp.asking import catalogue_model, estimated
from vramfit.engines.llamacpp.legacy_pool import pool_bytes, stranded_bytes
from vramfit.sources import open_catalogue
from vramfit.units import MIB
from vramfit.workload.common import Workload

EACH = 53_760
"""Bytes of a piece for 512 cells of 100 bytes: 1.05 times of them."""


@pytest.mark.parametrize(
    ("rows", "cells", "batch", "expected"),
    [
        ([], 1024, 512, 0),
        ([100], 512, 512, EACH),
        ([100], 300, 512, 31_500),
        ([100], 1024, 512, 3 * EACH),
        ([100], 1536, 512, 6 * EACH),
        ([100, 100], 1024, 512, 6 * EACH),
        # The piece of twenty batches has room for the twenty-first.
        ([100], 20 * 512, 512, 210 * EACH),
        ([100], 21 * 512, 512, 210 * EACH),
        ([100], 22 * 512, 512, 232 * EACH),
        ([100], 1024, 1024, 2 * EACH),
        # K finds the piece that V had before, which is twice as wide.
        ([100, 200], 1024, 512, 7 * EACH),
    ],
)
def test_pieces(rows: list[int], cells: int, batch: int, expected: int) -> None:
    assert pool_bytes(rows, cells, batch) == expected


@pytest.mark.parametrize(
    ("key_type", "value_type", "flash_attention", "mebibytes"),
    [("f16", "f16", True, 0), ("q8_0", "q8_0", False, 0), ("q8_0", "q8_0", True, 1856), ("q8_0", "f16", True, 928)],
)
def test_of_a_model(key_type: str, value_type: str, flash_attention: bool, mebibytes: int) -> None:
    """1,840 MiB were free in issue 11337 of ggml-org/llama.cpp, and a long prompt ran out of memory."""
    work = Workload(32768, kv_cache_type=key_type, kv_cache_type_v=value_type, flash_attention=flash_attention)
    assert stranded_bytes(catalogue_model("qwen2.5-coder-32b"), work, 32768, 512) // MIB == mebibytes


def test_only_rocm_has_it() -> None:
    card, work = (
        open_catalogue().gpu("rx7900xtx"),
        {"context": 32768, "kv_cache_type": "q8_0", "kv_cache_type_v": "q8_0"},
    )
    rocm = estimated("qwen2.5-coder-32b", "IQ4_XS", [card], **work)
    vulkan = estimated("qwen2.5-coder-32b", "IQ4_XS", [card], backend="vulkan", **work)
    plain = estimated(
        "qwen2.5-coder-32b", "IQ4_XS", [card], **work | {"kv_cache_type": "f16", "kv_cache_type_v": "f16"}
    )
    lost = "builds before June 2026 lose up to 1,856 MiB of a ROCm card"
    assert [any(text.startswith(lost) for text in found.assumptions) for found in (rocm, vulkan, plain)] == [
        True,
        False,
        False,
    ]
    spans = [found.gpus[0].high_bytes - found.gpus[0].total_bytes for found in (rocm, plain)]
    assert spans[0] > spans[1] + 1600 * MIB


def test_a_gpu_without_attention_keeps_nothing() -> None:
    """Some layers of Nemotron Super have no attention, so that the seventh of eight cards unpacks no cache."""
    cards = (open_catalogue().gpu("rx5700"),) * 8
    found = [
        estimated("nemotron-super-49b", "Q3_K_S", cards, kv_cache_type=kind, kv_cache_type_v=kind)
        for kind in ("iq4_nl", "f16")
    ]
    highest = [[gpu.high_bytes for gpu in one.gpus] for one in found]
    assert [gpu.kv_cache_bytes for gpu in found[1].gpus][6] == 0
    assert highest[0][6] == highest[1][6]
    assert highest[0][5] > highest[1][5]
