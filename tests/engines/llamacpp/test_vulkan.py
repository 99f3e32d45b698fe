"""Vulkan's own limits, against what llama.cpp reports there; other back ends do not have them."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.each import each
from tests.engines.llamacpp.asking import devices, estimated
from vramfit.answer import answer
from vramfit.checks import check
from vramfit.engines.keys import parse_request
from vramfit.engines.llamacpp.schedule import aligned, high_water
from vramfit.engines.llamacpp.vulkan import PIECE_BYTES, buffer_bytes, windows_bytes
from vramfit.engines.resolve import resolve
from vramfit.report import estimate_object
from vramfit.sources import open_catalogue
from vramfit.units import GIB, MIB

TABLE = yaml.safe_load(Path(__file__).with_name("vulkan.yaml").read_text(encoding="utf-8"))
ROWS = [(model, row) for model, rows in TABLE.items() for row in rows]


def asked(row: dict[str, Any]) -> dict[str, Any]:
    """The settings of a row as a workload has them."""
    work = {key: value for key, value in row.items() if key != "compute"}
    work["flash_attention"] = work.get("flash_attention", "on") == "on"
    return work


@pytest.mark.parametrize(("model", "row"), ROWS, ids=[f"{model} {row}" for model, row in ROWS])
def test_buffers_are_those_llama_cpp_reports(model: str, row: dict[str, Any]) -> None:
    """To two parts in a hundred; most are exact."""
    ours = devices(estimated(model, "F16", backend="vulkan", **asked(row)))
    for name, mib in each(row["compute"].items()):
        assert ours[name].compute_bytes / MIB == pytest.approx(mib, rel=0.02, abs=3)


def test_a_table_of_scores_beyond_4_gib_is_the_cpu_s_on_vulkan_alone() -> None:
    """64 heads x 512 tokens x 32768 cells x 4 bytes are 4 GiB, one byte more than can be bound."""
    work: dict[str, Any] = {"context": 32768, "flash_attention": False}
    cuda, vulkan = (estimated("gpt-oss-20b", "F16", backend=backend, **work) for backend in (None, "vulkan"))
    assert cuda.gpus[0].compute_bytes > 4 * GIB > vulkan.gpus[0].compute_bytes
    assert vulkan.host.compute_bytes > 4 * GIB > cuda.host.compute_bytes
    assert cuda.gpus[0].weights_bytes == vulkan.gpus[0].weights_bytes


def test_several_streams_of_a_latent_cache_leave_a_product_to_the_cpu() -> None:
    cuda, vulkan = (
        estimated("deepseek-v2-lite", "F16", context=2048, parallel=4, backend=backend) for backend in (None, "vulkan")
    )
    assert vulkan.host.compute_bytes > cuda.host.compute_bytes
    together = [
        estimated("deepseek-v2-lite", "F16", context=8192, parallel=4, unified_kv=True, backend=backend).host
        for backend in (None, "vulkan")
    ]
    assert together[0] == together[1]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 60)), max_size=30))
def test_small_graphs_are_laid_out_as_anywhere(spans: list[tuple[int, int]]) -> None:
    """Within one piece the rules are the same: each tensor comes at its turn and goes so many turns later."""
    sizes = [aligned(1 + size) for _, size in spans]
    events: list[int] = []
    going: dict[int, list[int]] = {}
    for number, (lasts, _) in enumerate(spans):
        events += [2 * gone + 1 for gone in going.pop(number, [])]
        events.append(2 * number)
        going.setdefault(number + 1 + lasts, []).append(number)
    assert buffer_bytes(events, sizes) == high_water(events, sizes)


def test_large_tensors_are_pieces_of_their_own() -> None:
    """Three quarters of a piece each: no two share one, and one that came back is used again."""
    size = PIECE_BYTES * 3 // 4
    assert 2 * size == buffer_bytes([0, 2], [size, size])
    assert 2 * size == buffer_bytes([0, 2, 1, 4], [size] * 3)
    assert 3 * PIECE_BYTES == buffer_bytes([0], [3 * PIECE_BYTES])


def test_the_sixteenth_piece_takes_whatever_comes() -> None:
    """Fifteen of three quarters of a piece; what comes then lies in one, and is a hole for what is as large together."""
    size = PIECE_BYTES * 3 // 4
    many = [2 * number for number in range(17)]
    assert 15 * size + 2 * size == buffer_bytes([*many[:15], 30, 32, 31, 33, 34], [size] * 17 + [2 * size])
    # The fourteenth and the fifteenth are pieces of their own, and too small for what is as large as both.
    assert 13 * size + 4 * size == buffer_bytes([*many[:13], 26, 28, 27, 29, 30], [size] * 15 + [2 * size])


def test_a_full_piece_has_no_end_to_grow() -> None:
    """Two halves fill it; each comes back, in any order, and a whole takes the place of both."""
    half = PIECE_BYTES // 2
    sizes = [half, half, PIECE_BYTES]
    assert PIECE_BYTES == buffer_bytes([0, 2, 1, 3, 4], sizes)
    assert PIECE_BYTES == buffer_bytes([0, 2, 3, 1, 4], sizes)
    # One of them is no place for a whole.
    assert 2 * PIECE_BYTES == buffer_bytes([0, 2, 1, 4], sizes)
    # A third behind it is a piece of its own, and smaller ones take the hole that one leaves.
    assert PIECE_BYTES + half == buffer_bytes([0, 2, 4], [half] * 3)
    assert PIECE_BYTES == buffer_bytes([0, 2, 1, 4, 6], [half, half, half // 2, half // 2])


def test_more_context_never_needs_less_while_tables_can_be_bound() -> None:
    """Beyond that the CPU takes over, and the card needs less."""
    contexts = [4096, 8192, 16384, 32768]
    totals = [
        estimated("llama-3.1-8b", "Q4_K_M", context=context, flash_attention=False, backend="vulkan")
        .gpus[0]
        .total_bytes
        for context in contexts
    ]
    assert all(less <= more for less, more in pairwise(totals))


def test_vulkan_on_windows_keeps_768_mib_of_nvidia_cards() -> None:
    """Free memory of three machines of HilbertraumAI/HilbertRaum, none of which the rule exceeds by more than 40 MiB."""
    free = {"rtx3060-laptop": 5226, "rtx3080ti": 11_316, "gtx1070ti": 7504}
    offered = {name: windows_bytes(open_catalogue().gpus(name)[0]) / MIB for name in free}

    assert {name: -250 < offered[name] - free[name] < 40 for name in free} == dict.fromkeys(free, True)


@pytest.mark.parametrize(
    ("usable", "request_"),
    [
        (round(6144 * 0.98) - 768, {"platform": "windows", "backend": "vulkan"}),
        (round(6144 * 0.938), {"platform": "windows"}),
        (round(6144 * 0.938), {"platform": "windows", "backend": "cuda"}),
        (round(6144 * 0.998) - 400, {"backend": "vulkan"}),
        (5500, {"platform": "windows", "backend": "vulkan", "usable": "5500MiB"}),
    ],
)
def test_what_a_backend_offers(usable: int, request_: dict[str, Any]) -> None:
    """In the verdict and in the report alike."""
    raw = {"gpu": "rtx3060-laptop", "model": "llama-3.2-1b", "quant": "Q8_0", "engine": "llama.cpp", **request_}
    deployment = resolve(parse_request(raw), open_catalogue())[0]
    found = answer(deployment)

    assert [usable] == [round(size / MIB) for size in found.verdict.usable_bytes]
    assert usable == round(
        estimate_object(next(check(parse_request(raw), open_catalogue())))["gpu"]["usable_bytes"] / MIB
    )
