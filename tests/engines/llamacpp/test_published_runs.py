"""Runs that people published with the buffers llama.cpp printed, and examples worked out from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.engines.llamacpp.asking import estimated, mebibytes
from tests.samples import gpu
from vramfit.units import MIB

if TYPE_CHECKING:
    from vramfit.engines import DeviceMemory, Estimate

BATCH: dict[str, Any] = {"outputs": "batch"}
BEFORE: dict[str, Any] = {"outputs": "batch", "flash_attention": False}
"""Builds before June 2026 keep the logits of a whole batch; those of 2024 have flash attention off."""


def summed(found: Estimate) -> tuple[float, float, float]:
    """Weights, cache and compute buffers of all GPUs in MiB."""
    rows = [mebibytes(device) for device in found.gpus]
    return sum(row[0] for row in rows), sum(row[1] for row in rows), sum(row[2] for row in rows)


PRINTED: dict[str, tuple[tuple[str, str], dict[str, Any], tuple[float, float, float | None]]] = {
    # XiongjieDai/GPU-Benchmarks-on-LLM-Inference at aa72e0ec, LLaMA 3/Gaming GPUs/3090_v3.ipynb (May 2024).
    "one 3090": (("llama-3-8b", "Q4_K_M"), {"context": 8192, **BEFORE}, (4403.49, 1024, 560.00)),
    # The same, 3090_2_v3.ipynb and Professional GPUs/A40_4_v3.ipynb.
    "two 3090": (("llama-3-8b", "Q4_K_M"), {"context": 8192, "gpus": 2, **BEFORE}, (4403.49, 1024, 1280.03)),
    "four A40": (("llama-3-8b", "Q4_K_M"), {"context": 8192, "gpus": 4, **BEFORE}, (4403.49, 1024, 2560.05)),
    # TheTom/turboquant_plus at ba52ad10, benchmark-results-raw: llama-perplexity, four sequences of 512 tokens.
    "hybrid, q4_0": (
        ("qwen3.5-27b", "Q8_0"),
        {"context": 512, "parallel": 4, "kv_cache_type": "q4_0", "kv_cache_type_v": "q4_0", **BATCH},
        (25972, 634.5, 495.0),
    ),
    "hybrid mixture, f16": (
        ("qwen3.5-35b-a3b", "Q8_0"), {"context": 512, "parallel": 4, **BATCH}, (34668, 291.25, 493.0),
    ),
    # ggml-org/llama.cpp pull request 6122: Command R with its tied head on the GPU again.
    "tied": (("command-r-v01", "Q4_K_S"), {"context": 4096, **BEFORE}, (19423.91, 5120, None)),
    # ggml-org/llama.cpp issue 14740.
    "phi": (("phi-4-mini", "F16"), {}, (7317.01, 512, None)),
    # ikawrakow/ik_llama.cpp discussion 562 (an RTX 4080): its build reserves more logits.
    "Q4_0": (("llama-3.1-8b", "Q4_0"), {"context": 16384, "ubatch": 1024, **BATCH}, (4155.99, 2048, None)),
    # Logs kept in public repositories as test data.
    "ollama, four sequences in one cache": (
        ("llama-3.1-8b", "Q4_K_M"),
        {"context": 8192, "parallel": 4, "unified_kv": True, **BEFORE},
        (4403.49, 1024, 560.00),
    ),
    "sliding windows on Metal": (("gemma-3-4b", "Q4_K_M"), {"context": 8192, **BATCH}, (2368, 334, 517)),
    "V100": (("llama-2-7b", "F16"), {"context": 512, **BEFORE}, (12603.02, 256, None)),
    "Radeon VII": (
        ("qwen3-8b", "Q4_K_M"),
        {"context": 8192, "kv_cache_type": "q4_0", "kv_cache_type_v": "q4_0", **BATCH},
        (4455.34, 324, 304.75),
    ),
    "long scores on gfx1100": (("qwen3-32b", "Q4_K_M"), {"context": 16384, **BEFORE}, (18423.65, 4096, 2136.01)),
    "Vulkan on an RTX 5080": (("qwen2.5-7b", "Q8_0"), {"context": 16384, **BATCH}, (7165.44, 896, 304.0)),
    "staged output": (("qwen3-14b", "Q8_0"), {"gpu_layers": 0, **BEFORE}, (0, 0, 1094.99)),
    "tied and small": (("qwen3-0.6b", "Q8_0"), {**BATCH, "flash_attention": False}, (604.15, 448, 298.75)),
    "experts in RAM": (
        ("gpt-oss-20b", "MXFP4_MOE"), {"context": 131072, "cpu_moe_layers": 24, **BATCH}, (1242.03, 3090, None),
    ),
}  # fmt: skip
"""Model and quant, settings, and what was printed: weights, cache, compute buffers, in MiB over all GPUs."""


@pytest.mark.parametrize("name", PRINTED)
def test_printed_buffers(name: str) -> None:
    """Weights and cache to the MiB, compute buffers to one part in twenty: builds differ in what they reserve."""
    (model, quant), asked, (weights, cache, buffers) = PRINTED[name]
    found = summed(estimated(model, quant, **asked))
    assert found[0] == pytest.approx(weights, abs=0.6)
    assert found[1] == pytest.approx(cache, abs=0.1)
    if buffers is not None:
        assert found[2] == pytest.approx(buffers, rel=0.05)


RTX_4090 = gpu("rtx4090", usable_mib={"linux": 24080}, cores=16384)
"""24080 MiB can be allocated on a card without a screen (llama.cpp's own listing of devices)."""

APPLE = gpu("rtx4090", vendor="apple")


def test_llava_1_6_13b_in_sixteen_bits() -> None:
    """Whole it needs 4.6 GiB more than the card has; 33 layers of 41 run, 34 are 100 MiB too many or 200 too few.

    llama.cpp's own accounting (no_alloc memory breakdown, release v0.5.0) of the language model; the mmproj file's
    size is that of its tensors in F16 without the tower's last layer.
    """
    asked: dict[str, Any] = {"gpus": [RTX_4090], "images": 1}
    whole, thirty_four, thirty_three = (
        estimated("llava-1.6-13b", "F16", gpu_layers=count, **asked) for count in ("all", 34, 33)
    )
    tower = mebibytes(whole.gpus[0])[0] - mebibytes(estimated("llava-1.6-13b", "F16", gpus=[RTX_4090]).gpus[0])[0]
    assert tower == pytest.approx(615, abs=1)
    text = [estimated("llava-1.6-13b", "F16", gpus=[RTX_4090], gpu_layers=count).gpus[0] for count in ("all", 34, 33)]
    for row, expected in zip(text, [(24514, 3200, 105), (20278, 2640, 242), (19673, 2560, 242)], strict=True):
        assert mebibytes(row) == pytest.approx(expected, abs=1.5)
    assert mebibytes(whole.host)[0] == pytest.approx(312, abs=1.5)
    assert mebibytes(thirty_three.host)[0] == pytest.approx(5152, abs=1.5)
    assert whole.gpus[0].low_bytes > 24080 * MIB
    assert thirty_three.gpus[0].high_bytes < 24080 * MIB
    assert abs(thirty_four.gpus[0].total_bytes - 24080 * MIB) < 250 * MIB


def test_llama_70b_on_two_3090() -> None:
    """llama.cpp's own accounting at 8192, 16384 and 20480 tokens, 4 outputs."""
    cards = [gpu("rtx3090", usable_mib={"linux": 24124}, cores=10496)] * 2
    rows = [
        [mebibytes(card) for card in estimated("llama-3.1-70b", gpus=cards, context=context).gpus]
        for context in (8192, 16384, 20480)
    ]
    assert [[(20038, 1312), (19940, 1248)], [(20038, 2624), (19940, 2496)], [(20038, 3280), (19940, 3120)]] == [
        [(int(card[0]), int(card[1])) for card in row] for row in rows
    ]
    assert [[296, 360], [328, 392], [344, 408]] == [[round(card[2]) for card in row] for row in rows]
    halved = estimated("llama-3.1-70b", gpus=cards[:1], context=8192, gpu_layers=40)
    assert mebibytes(halved.gpus[0]) == pytest.approx((19940, 1248, 315), abs=1)
    assert (20602, 1312) == tuple(map(int, mebibytes(halved.host)[:2]))


@pytest.mark.parametrize(
    ("layers", "weights", "host", "buffers"),
    [(0, 17524, 166, 100), (24, 9154, None, 233.5), (28, 7808, 9882, 233.5), (48, 784, 16906, 233.5)],
)
def test_qwen3_30b_a3b_with_experts_in_ram(layers: int, weights: int, host: int | None, buffers: float) -> None:
    """llama.cpp's own accounting of Q4_K_M at 16384 tokens: 1536 MiB of cache wherever the experts are."""
    found = estimated("qwen3-30b-a3b", context=16384, cpu_moe_layers=layers)
    assert (weights, 1536) == tuple(map(int, mebibytes(found.gpus[0])[:2]))
    assert mebibytes(found.gpus[0])[2] == pytest.approx(buffers, abs=1.1)
    assert host is None or host == int(mebibytes(found.host)[0])


def test_gpt_oss_20b_keeps_short_windows() -> None:
    """12 of 24 layers look back 128 tokens: 768 cells each, whatever the context; 16 GB hold all 131072 tokens."""
    short, whole, four = (
        estimated("gpt-oss-20b", "MXFP4_MOE", context=context, parallel=slots, unified_kv=slots > 1)
        for context, slots in ((4096, 1), (131072, 1), (131072, 4))
    )
    assert (10949, 114) == tuple(map(int, mebibytes(short.gpus[0])[:2]))
    assert (10949, 3090) == tuple(map(int, mebibytes(whole.gpus[0])[:2]))
    assert 586 == int(mebibytes(short.host)[0])
    assert mebibytes(short.gpus[0])[2] == pytest.approx(91.5, abs=1)
    assert mebibytes(whole.gpus[0])[2] == pytest.approx(215.5, abs=1)
    assert 3072 + 24 == mebibytes(four.gpus[0])[1]
    assert 10694 == int(mebibytes(estimated("gpt-oss-20b", "Q4_K_M", context=8192).gpus[0])[0])


def test_gemma_3_27b_at_its_longest() -> None:
    """52 of 62 layers look back 1024 tokens; 62 full layers would be 62 GiB of cache.

    The tied embedding is on the card as head and on the host as embedding.
    """
    alone, four = (estimated("gemma-3-27b", context=131072, parallel=slots, unified_kv=slots > 1) for slots in (1, 4))
    assert (15773, 10 * 131072 * 8192 // MIB + 52 * 1536 * 8192 // MIB) == tuple(map(int, mebibytes(alone.gpus[0])[:2]))
    assert 10864 == int(mebibytes(alone.gpus[0])[1])
    assert 12112 == int(mebibytes(four.gpus[0])[1])
    assert 1102 == int(mebibytes(alone.host)[0])
    assert mebibytes(alone.gpus[0])[2] == pytest.approx(292.5, abs=1)


def test_a_quantized_cache_is_unpacked_on_cuda() -> None:
    """Flash attention of Gemma 3 27B at 131072 tokens needs K and V in F16: 2 x 4096 x 131072 bytes, 1 GiB.

    It goes beside what the accounting of a Vulkan device says (``ggml-cuda/fattn.cu``, ``launch_fattn``).
    """
    asked: dict[str, Any] = {"context": 131072, "kv_cache_type": "q8_0", "kv_cache_type_v": "q8_0"}
    found = estimated("gemma-3-27b", **asked).gpus[0]
    apple = estimated("gemma-3-27b", gpus=[APPLE], **asked).gpus[0]
    plain = estimated("gemma-3-27b", context=131072).gpus[0]
    assert 5771 == int(mebibytes(found)[1])
    assert found.compute_bytes == apple.compute_bytes
    beside = found.compute_bytes + found.overhead_bytes - plain.overhead_bytes
    assert beside == pytest.approx(1190 * MIB, rel=0.02)
    assert 0 == apple.overhead_bytes


READ_OFF: list[tuple[dict[str, Any], float]] = [
    # An A40 by the driver's per-process counter, less the buffers of the process: 297 MiB.
    ({"cores": 10752, "compute_target": "sm_86"}, 297),
    # "unaccounted" in llama.cpp's exit table (ggml-org/llama.cpp pull request 15860): 451 to 456, 708 to 712.
    ({"cores": 16384, "compute_target": "sm_89"}, 453),
    ({"cores": 24064, "compute_target": "sm_120"}, 710),
]


@pytest.mark.parametrize(("facts", "mebi"), READ_OFF)
def test_the_context_grows_with_the_card(facts: dict[str, Any], mebi: float) -> None:
    found: DeviceMemory = estimated("llama-3.1-8b", gpus=[gpu("rtx4090", **facts)]).gpus[0]
    assert found.overhead_bytes == pytest.approx(mebi * MIB, rel=0.12)
    parts = found.weights_bytes + found.kv_cache_bytes
    assert found.low_bytes < parts + found.compute_bytes + mebi * MIB < found.high_bytes


def test_other_makers() -> None:
    """Four ROCm devices held 1.90 GiB beside their buffers; Apple's driver shows none."""
    amd = estimated("llama-3.1-8b", gpus=[gpu("rtx4090", vendor="amd")] * 4)
    assert sum(card.overhead_bytes for card in amd.gpus) == pytest.approx(1.9 * 1024 * MIB, rel=0.05)
    assert 0 == estimated("llama-3.1-8b", gpus=[APPLE]).gpus[0].overhead_bytes
