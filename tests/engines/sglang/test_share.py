"""SGLang's own settings: steps, captured batches and the static share, release by release."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import model
from vramfit.engines.sglang.early import early_share, fixed_reserve_bytes
from vramfit.engines.sglang.share import Graphs, Spread, count_prefill_steps, graphs, sizes, static_share, vision_factor
from vramfit.units import GIB, MIB

ONE = Spread(1, 1)
LLAMA = model("llama-3.1-8b")
SEEING = model("llava-1.5-7b")


@pytest.mark.parametrize(
    ("expected", "gib", "ranks", "release"),
    [
        # 0.5.23 ``memory_hook.py``: the limits are those of nvidia-smi, and four ranks count as many.
        ((2048, 8), 19.9, 1, (0, 5, 23)),
        ((2048, 8), 19.9, 4, (0, 5, 23)),
        ((4096, 48), 20, 3, (0, 5, 23)),
        ((4096, 160), 20, 4, (0, 5, 23)),
        ((4096, 32), 35, 1, (0, 5, 23)),
        ((4096, 160), 59.9, 8, (0, 5, 23)),
        ((8192, 256), 60, 1, (0, 5, 23)),
        ((8192, 512), 159.9, 4, (0, 5, 23)),
        ((16384, 512), 160, 1, (0, 5, 23)),
        # 0.5.19 and before had fewer on 24 and 32 GB.
        ((2048, 24), 24, 1, (0, 5, 19)),
        ((2048, 80), 24, 4, (0, 5, 3)),
        ((4096, 32), 40, 1, (0, 5, 19)),
        ((2048, 8), 34.9, 1, (0, 5, 2)),
        ((8192, 160), 80, 1, (0, 4, 8)),
        ((16384, 160), 192, 8, (0, 5, 2)),
        ((2048, 80), 24, 4, (0, 4, 3)),
        ((8192, 160), 32, 1, (0, 4, 7)),
    ],
)
def test_sizes(expected: tuple[int, int], gib: float, ranks: int, release: tuple[int, ...]) -> None:
    """By the memory of the card and the number of ranks."""
    assert expected == sizes(int(gib * GIB), ranks, release)


@pytest.mark.parametrize(
    ("count", "tokens"),
    [
        (0, 3), (1, 4), (8, 32), (8, 47), (9, 48), (22, 256), (22, 287), (23, 288), (30, 512), (30, 575), (31, 576),
        (38, 1024), (38, 1279), (39, 1280), (50, 4096), (50, 4607), (51, 4608), (51, 5119), (52, 5120), (58, 8192),
        (74, 16_384),
    ],
)  # fmt: skip
def test_sizes_of_prefill(count: int, tokens: int) -> None:
    """By 4 up to 32, by 16 up to 256, by 32, 64 and 256 to 512, 1,024 and 4,096, and on by 512 (``cuda_graph_hook.py``)."""
    assert count == count_prefill_steps(tokens)


@pytest.mark.parametrize(
    ("expected", "of", "keys"),
    [
        (Graphs(48, 50), LLAMA, {}),
        (Graphs(0, 0), LLAMA, {"eager": True}),
        # Stages of a pipeline, models that see and Kimi Linear capture no prefill, and neither did 0.5.9.
        (Graphs(48, 0), LLAMA, {"spread": Spread(1, 2)}),
        (Graphs(48, 0), SEEING, {}),
        (Graphs(48, 0), LLAMA, {"release": (0, 5, 9)}),
        (Graphs(48, 50), LLAMA, {"release": (0, 5, 10)}),
        # No more than 8,192 tokens with latent attention.
        (Graphs(48, 58), model("latent"), {"tokens": 16_384}),
        (Graphs(48, 74), LLAMA, {"tokens": 16_384}),
    ],
)
def test_graphs(expected: Graphs, of: Any, keys: dict[str, Any]) -> None:
    """Which CUDA graphs are captured."""
    given: dict[str, Any] = {"tokens": 4096, "spread": ONE, "eager": False, **keys}
    assert expected == graphs(of, given.pop("tokens"), 48, given.pop("spread"), **given)


@pytest.mark.parametrize(
    ("reserved_mib", "tokens", "captured", "spread", "memory_mib"),
    [
        # 512 + 1.5 x step + 128 a rank + 2 a captured sequence + 8 for each captured prefill size.
        (512 + 1.5 * 4096 + 128 + 2 * 48 + 8 * 50, 4096, Graphs(48, 50), ONE, 24_564),
        (512 + 1.5 * 4096 + 4 * 128 + 2 * 160 + 8 * 50, 4096, Graphs(160, 50), Spread(4, 1), 24_564),
        (512 + 1.5 * 4096 + 4 * 128 + 2 * 160, 4096, Graphs(160, 0), Spread(2, 2), 24_564),
        # Fewer tokens than 2,048 keep back no less.
        (512 + 1.5 * 2048 + 128, 512, Graphs(0, 0), ONE, 24_564),
        # Cards above 60 GiB keep 10 GiB back at least; here the sum is more.
        (512 + 1.5 * 8192 + 128 + 2 * 256 + 8 * 58, 8192, Graphs(256, 58), ONE, 81_920),
        (10 * 1024, 2048, Graphs(8, 0), ONE, 81_920),
        # Copies of the attention layers: 3 a sequence and copy, and 1.5 more above 300 sequences.
        (512 + 1.5 * 8192 + 8 * 128 + 2 * 256 + 3 * 256 * 8, 8192, Graphs(256, 0), Spread(1, 1, 8, True), 143_771),
        (512 + 1.5 * 8192 + 8 * 128 + 2 * 512 + 4.5 * 512 * 8, 8192, Graphs(512, 0), Spread(1, 1, 8, True), 143_771),
        # Copies of the whole model reserve nothing for each other.
        (512 + 1.5 * 8192 + 128 + 2 * 256, 8192, Graphs(256, 0), Spread(1, 1, 8), 143_771),
    ],
)
def test_static_share(reserved_mib: float, tokens: int, captured: Graphs, spread: Spread, memory_mib: int) -> None:
    """Worked out from ``memory_hook.py``, to the three decimals SGLang keeps."""
    expected = round(1 - reserved_mib / memory_mib, 3)
    assert expected == static_share(memory_mib * MIB, LLAMA, tokens, captured, spread)


def test_latent_attention_keeps_back_a_fixed_size_for_graphs() -> None:
    """1.5 GiB, if any prefill is captured."""
    reserved = 512 + 1.5 * 4096 + 128 + 2 * 48
    for sizes_, more in ((50, 1536), (0, 0)):
        found = static_share(24_564 * MIB, model("latent"), 4096, Graphs(48, sizes_), ONE)
        assert round(1 - (reserved + more) / 24_564, 3) == found


@pytest.mark.parametrize(
    ("expected", "tower"),
    [
        # CLIP ViT-L itself; SigLIP of Gemma 3: 27 x 1152^2 is 1.4238 times as much.
        (0.95, {}),
        (0.95 * (1 - 0.1 * 0.423828125), {"layers": 27, "hidden": 1152}),
        # Llama 4's 34 x 1408^2, and InternViT-6B beyond the bound; a small one gains no more than 5 %.
        (0.95 * (1 - 0.1 * (34 * 1408**2 / (24 * 1024**2) - 1)), {"layers": 34, "hidden": 1408}),
        (0.95 * 0.8, {"layers": 45, "hidden": 3200}),
        (0.95 * 1.05, {"layers": 2, "hidden": 128}),
        # ``depth`` is not read: 24 layers count, with the tower's width (Qwen2.5-VL 1280, Qwen3-VL 1152).
        (0.95 * (1 - 0.1 * (1280**2 / 1024**2 - 1)), {"kind": "qwen2.5-vl", "layers": 32, "hidden": 1280}),
        (0.95 * (1 - 0.1 * (1152**2 / 1024**2 - 1)), {"kind": "qwen3-vl", "layers": 27, "hidden": 1152}),
        # ``hidden_size`` of Qwen2-VL's tower is the language model's, here 4,096.
        (0.95 * 0.8, {"kind": "qwen2-vl", "layers": 32, "hidden": 1280}),
        (0.95, {"kind": "kimi", "layers": 27, "hidden": 1152}),
    ],
)
def test_vision_factor(expected: float, tower: dict[str, Any]) -> None:
    """0.95, less by the size of the encoder as the configuration's names let SGLang see it."""
    from vramfit._record import replace

    vision = SEEING.vision
    assert vision is not None
    changed = replace(SEEING, vision=replace(vision, **tower))
    assert expected == pytest.approx(vision_factor(changed), rel=1e-12)
    plain = static_share(24_564 * MIB, LLAMA, 4096, Graphs(48, 0), ONE)
    assert round(plain * expected, 4) == static_share(24_564 * MIB, changed, 4096, Graphs(48, 0), ONE)
    assert plain == static_share(24_564 * MIB, LLAMA, 4096, Graphs(48, 0), ONE)


def test_a_model_that_does_not_see_has_no_factor() -> None:
    """None of its share is kept back for an encoder."""
    assert 1.0 == vision_factor(LLAMA)


@pytest.mark.parametrize(
    ("expected", "memory_mib", "ranks", "speculative", "release"),
    [
        # 0.4.3 ``server_args.py``: by the number of ranks alone.
        (0.88, 24_564, 1, None, (0, 4, 3)),
        (0.87, 24_564, 2, None, (0, 4, 3)),
        (0.85, 24_564, 4, None, (0, 4, 3)),
        (0.81, 196_592, 8, "mtp", (0, 4, 3)),
        (0.79, 81_559, 16, None, (0, 4, 4)),
        # 0.4.6: 0.88 above 80 GiB, and more above 96, but for 18 GiB.
        (0.81, 81_920, 8, None, (0, 4, 6)),
        (0.88, 81_921, 8, None, (0, 4, 6)),
        (0.88, 98_304, 8, None, (0, 4, 6)),
        (round((143_771 - 18_432) / 143_771, 4), 143_771, 8, None, (0, 4, 6)),
        (round(0.88 + 49_152 * 0.12 / 294_896, 4), 294_896, 8, "mtp", (0, 4, 6)),
        # 0.4.7: 0.79 above 180,000 MiB, 20 GiB kept back and 5 % less with drafts.
        (0.79, 196_592, 8, None, (0, 4, 7)),
        (round((143_771 - 20_480) / 143_771, 4), 143_771, 8, "mtp", (0, 4, 7)),
        (round(0.87 * 0.95, 4), 81_559, 2, "mtp", (0, 4, 7)),
    ],
)
def test_early_shares(
    expected: float, memory_mib: int, ranks: int, speculative: str | None, release: tuple[int, ...]
) -> None:
    """Until 0.4.7."""
    assert expected == pytest.approx(early_share(memory_mib * MIB, ranks, speculative, release), abs=1e-12)
    found = static_share(
        memory_mib * MIB, LLAMA, 8192, Graphs(160, 0), Spread(ranks, 1), speculative=speculative, release=release
    )
    assert expected == pytest.approx(found, abs=1e-12)


@pytest.mark.parametrize(
    ("expected_gib", "memory_gib", "spread", "speculative"),
    [
        (2.8 + 0.1, 24, ONE, None),
        (9.5 + 0.5 * 4, 80, Spread(2, 2), None),
        (12 + 0.5 * 8, 141, Spread(8, 1), None),
        (32.0, 192, Spread(8, 1), None),
        (32 + 2, 192, Spread(8, 1), "eagle3"),
        (2.9 + 6, 24, ONE, "draft"),
        (12 + 0.5 * 8 + 4, 141, Spread(1, 1, 8, True), None),
    ],
)
def test_reserves_of_0_4_8(expected_gib: float, memory_gib: int, spread: Spread, speculative: str | None) -> None:
    """Until 0.5.2: by the size of the card, with more for drafts and copies of the attention layers."""
    assert round(expected_gib * GIB) == fixed_reserve_bytes(memory_gib * GIB, spread, speculative)


def test_a_tower_counted_from_0_5_on() -> None:
    """0.4.8 gave a model that sees as much as any."""
    memory, captured = 24_564 * MIB, Graphs(8, 0)
    old, new = (
        static_share(memory, SEEING, 2048, captured, ONE, release=release) for release in ((0, 4, 8), (0, 5, 0))
    )
    assert round(1 - 2.9 * 1024 / 24_564, 3) == old
    assert round(0.95 * old, 4) == new


@pytest.mark.parametrize(
    ("more_gib", "speculative", "release"),
    [
        (2, "mtp", (0, 5, 3)), (6, "draft", (0, 5, 8)), (4, "eagle3", (0, 5, 12)), (0, "mtp", (0, 5, 15)), (0, None, (0, 5, 8)),
    ],
)  # fmt: skip
def test_drafts_kept_more_back(more_gib: int, speculative: str | None, release: tuple[int, ...]) -> None:
    """From 0.5.3 to 0.5.12; later releases count the draft's weights instead."""
    memory_mib = 49_140
    reserved = 512 + 1.5 * 4096 + 128 + 2 * 32 + 1024 * more_gib
    found = static_share(memory_mib * MIB, LLAMA, 4096, Graphs(32, 0), ONE, speculative=speculative, release=release)
    assert round(1 - reserved / memory_mib, 3) == found


def test_a_card_too_small_has_a_share_all_the_same() -> None:
    """Never zero or below, which no share can be."""
    assert 0.01 == static_share(4 * GIB, LLAMA, 8192, Graphs(8, 0), ONE)
    assert 0.01 == static_share(4 * GIB, SEEING, 8192, Graphs(8, 0), ONE)
