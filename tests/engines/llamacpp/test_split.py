"""How several GPUs share a model: by layers, in asked proportions, by rows, or not at all; and what back end each has."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.llamacpp.asking import CARD, devices, estimated
from tests.samples import gpu
from vramfit.errors import UsageError
from vramfit.units import MIB

MODEL, CARDS = "llama-3.1-8b", [CARD, CARD, CARD]


def test_one_card_of_three() -> None:
    """Everything is on the asked one as if it were alone, and the others hold nothing."""
    alone = estimated(MODEL)
    for main in range(3):
        found = estimated(MODEL, gpus=CARDS, split_mode="none", main_gpu=main)
        assert [0 if number != main else alone.gpus[0].total_bytes for number in range(3)] == [
            card.total_bytes for card in found.gpus
        ]
        assert f"gpu{main}" == found.gpus[main].device
        assert alone.host == found.host


def test_tensor_split_decides_which_layers_go_where() -> None:
    """``-ts 3,1``: 25 of 33 layers (the output is one) on the first card; ``0,1`` leaves it empty but for its context."""
    found = estimated(MODEL, "F16", gpus=2, tensor_split=(3.0, 1.0))
    cache = found.gpus[0].kv_cache_bytes + found.gpus[1].kv_cache_bytes
    assert 32 * found.gpus[0].kv_cache_bytes == 25 * cache
    empty = estimated(MODEL, "F16", gpus=2, tensor_split=(0.0, 1.0))
    assert (0, 0) == (empty.gpus[0].weights_bytes, empty.gpus[0].kv_cache_bytes)
    equal = estimated(MODEL, "F16", gpus=2, tensor_split=(1.0, 1.0))
    assert equal.gpus == estimated(MODEL, "F16", gpus=2).gpus


def test_rows() -> None:
    """Matrices are cut in half; norms and cache stay with the layers, which the cards have 17 and 15 of.

    Llama 3.1 8B in F16 by hand: 32 layers of 2 x 4096 x 4096 (query, output), 2 x 4096 x 1024 (key, value) and
    3 x 4096 x 14336, and a head of 128256 x 4096, in two bytes; two norms of 4096 a layer and one more, in four.
    """
    matrices = 2 * (32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 3 * 4096 * 14336) + 128256 * 4096)
    by_layers, by_rows = (estimated(MODEL, "F16", gpus=2, split_mode=mode) for mode in ("layer", "row"))
    first, second = (card.weights_bytes for card in by_rows.gpus)
    assert (first - matrices // 2, second - matrices // 2) == (17 * 2 * 4 * 4096, 15 * 2 * 4 * 4096 + 4 * 4096)
    assert sum(card.weights_bytes for card in by_layers.gpus) == first + second
    assert [card.kv_cache_bytes for card in by_layers.gpus] == [card.kv_cache_bytes for card in by_rows.gpus]
    assert by_rows.host.weights_bytes == by_layers.host.weights_bytes
    # No copies for a pipeline: the graph is smaller.
    assert by_rows.gpus[0].compute_bytes < by_layers.gpus[0].compute_bytes


@pytest.mark.parametrize("model", ["llama-3.1-8b", "qwen3-30b-a3b", "deepseek-v2-lite", "gemma-3-4b", "mamba2-2.7b"])
@pytest.mark.parametrize("layers", ["all", 0, 7])
def test_rows_move_weights_between_cards_only(model: str, layers: Any) -> None:
    """Nothing is lost, whatever is cut: rounding to 128 rows moves less than a hundredth."""
    shares = (2.0, 1.0, 1.0)
    whole, cut = (
        devices(estimated(model, gpus=3, gpu_layers=layers, split_mode=mode, tensor_split=shares))
        for mode in ("layer", "row")
    )
    names = ("gpu0", "gpu1", "gpu2")
    total = sum(whole[name].weights_bytes for name in names)
    assert total == pytest.approx(sum(cut[name].weights_bytes for name in names), abs=200)
    assert whole["host"].weights_bytes == cut["host"].weights_bytes
    assert all(cut[name].weights_bytes >= 0 for name in names)


@pytest.mark.parametrize(
    ("message", "cards", "work"),
    [
        ("main_gpu 2 is none of 2 GPUs", 2, {"split_mode": "none", "main_gpu": 2}),
        ("tensor_split names 3 GPUs of 2", 2, {"tensor_split": (1.0, 1.0, 1.0)}),
        ("llama.cpp cannot split rows with vulkan", 2, {"split_mode": "row", "backend": "vulkan"}),
        ("llama.cpp cannot split rows with metal", [gpu("rtx4090", vendor="apple")] * 2, {"split_mode": "row"}),
        ("backend rocm does not drive NVIDIA A100-SXM4-80GB", 1, {"backend": "rocm"}),
        ("backend vulkan does not drive NVIDIA GeForce RTX 4090", [gpu("rtx4090", vendor="apple")], {"backend": "vulkan"}),
        ("llama.cpp does not run on NVIDIA GeForce RTX 4090", [gpu("rtx4090", vendor="google")], {}),
    ],
)  # fmt: skip
def test_refusals(message: str, cards: Any, work: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        estimated(MODEL, gpus=cards, **work)
    assert message == caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("vendor", "backend", "expected"),
    [
        ("nvidia", "cuda", 475),
        ("amd", "rocm", 475),
        ("apple", "metal", 0),
        ("intel", "vulkan", 150),
        ("custom", "cuda", 475),
    ],
)
def test_each_vendor_has_its_back_end(vendor: str, backend: str, expected: int) -> None:
    """Told in the report, with what the runtime takes besides."""
    found = estimated(MODEL, gpus=[gpu("rtx4090", vendor=vendor)])
    assert backend == found.settings["backend"]
    assert found.gpus[0].overhead_bytes / MIB == pytest.approx(expected, abs=1)


def test_another_back_end_on_the_same_card() -> None:
    """Vulkan on an NVIDIA card: no CUDA context, and a quantized cache is not unpacked."""
    quantized: dict[str, Any] = {"kv_cache_type": "q8_0", "kv_cache_type_v": "q8_0", "context": 131072}
    cuda, vulkan = (estimated(MODEL, backend=backend, **quantized) for backend in ("cuda", "vulkan"))
    assert vulkan.gpus[0].overhead_bytes < cuda.gpus[0].overhead_bytes
    assert vulkan.gpus[0].weights_bytes == cuda.gpus[0].weights_bytes
    sycl = estimated(MODEL, gpus=[gpu("rtx4090", vendor="intel")], backend="sycl")
    assert 250 * MIB == sycl.gpus[0].overhead_bytes


def test_cards_of_two_vendors() -> None:
    """Each with its own; the report names none for all."""
    found = estimated(MODEL, gpus=[gpu("rtx4090"), gpu("rtx4090", vendor="amd")])
    assert found.settings["backend"] is None


def test_a_cache_whose_blocks_do_not_divide_the_heads_is_refused() -> None:
    """Phi-2's heads are 80 wide: "K cache type q8_0 with block size 32 does not divide n_embd_head_k=80" (llama.cpp v0.5.0)."""
    with pytest.raises(UsageError, match="in blocks of 32, and this model's heads are 80 wide"):
        estimated("phi-2", kv_cache_type="q8_0")
