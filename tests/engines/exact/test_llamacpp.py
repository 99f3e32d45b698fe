"""llama.cpp: matrices cut by rows, batches worth copying weights for, tokens that sequences do not divide."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.exact.asking import estimate, of_devices
from vramfit.units import MIB

NORM = 256 * 4
"""Norms are 32-bit in every file."""


def cut(high: tuple[int, int, int], row: int, head_row: int) -> list[int]:
    """Bytes on two cards, the first of which has the layers and the second the output.

    ``high`` are the first card's rows of matrices of 256, 512 and 1024 rows, ``row`` and ``head_row`` the bytes of 256
    weights. A layer has four matrices of 256 rows, two of 512 and one of 256 rows twice as long.
    """
    narrow, wide, head = high
    first = 3 * row * (4 * narrow + 2 * wide + 2 * narrow) + head_row * head
    second = 3 * row * (4 * (256 - narrow) + 2 * (512 - wide) + 2 * (256 - narrow)) + head_row * (1024 - head)
    return [first + 3 * 2 * NORM, second + NORM]


@pytest.mark.parametrize(
    ("quant", "high", "row", "head_row"),
    [
        # Two thirds of 256, 512 and 1024 rows are 170.7, 341.3 and 682.7: cut where they are in 16 bits,
        ("F16", (170, 341, 682), 512, 512),
        # rounded down to 64 rows for Q8_0 (34 bytes for 32 weights),
        ("Q8_0", (128, 320, 640), 272, 272),
        # and to 128 for Q4_0 (18 bytes for 32); its head is Q6_K (210 bytes for 256), which is rounded to 64.
        ("Q4_0", (128, 256, 640), 144, 210),
    ],
)
@pytest.mark.parametrize(
    ("gpu", "split"), [("2xrtx3090", "2,1"), ("2xrtx3090", "20,10"), ("custom:16GiB,custom:8GiB", "")]
)
def test_rows_are_cut_where_their_type_lets_them(
    quant: str, high: tuple[int, int, int], row: int, head_row: int, gpu: str, split: str
) -> None:
    """In asked proportions or by usable memory (``ggml-sycl.cpp`` ``get_row_split``, ``get_row_rounding``)."""
    asked = {"tensor_split": split} if split else {}
    found = estimate(gpu, "three-layers", "llama.cpp", quant, split_mode="row", **asked)

    assert of_devices("weights_bytes", found)[:2] == cut(high, row, head_row)


@pytest.mark.parametrize(("rows", "copied"), [(1, False), (31, False), (32, True), (48, True), (63, True), (64, True)])
def test_weights_in_ram_are_copied_for_32_rows(rows: int, copied: bool) -> None:
    """The GPU computes with nothing of its own: less is computed where the weights are (``ggml-cuda.cu`` ``offload_op``).

    What is copied has a layer's feed-forward network in it, 3 x 256 x 512 weights in 16 bits.
    """
    gpu, host = of_devices(
        "compute_bytes", estimate("rtx3090", "three-layers", "llama.cpp", "F16", gpu_layers=0, ubatch=rows)
    )
    assert (gpu >= 2 * 3 * 256 * 512) if copied else (gpu == 0)
    assert host > 0


@pytest.mark.parametrize(("parallel", "equal", "less"), [(3, (511, 512, 513), 510), (5, (506, 508, 510), 505)])
def test_a_batch_has_as_many_tokens_of_each_sequence(parallel: int, equal: tuple[int, ...], less: int) -> None:
    """Rounded up, so that each sequence has the same (``llama-context.cpp`` ``graph_reserve``)."""

    def compute(batch: int) -> list[int]:
        row = estimate("rtx3090", "three-layers", "llama.cpp", "F16", ubatch=batch, parallel=parallel)
        return of_devices("compute_bytes", row)

    assert len({tuple(compute(batch)) for batch in equal}) == 1
    assert compute(less)[0] < compute(equal[0])[0]


MARGIN = 1024 * 2**20
"""What ``llama-server --fit`` leaves free on each card (``common/common.h`` ``fit_params_target``)."""


@pytest.mark.parametrize("layers", [0, 1, 2, 3, 4])
def test_auto_is_the_most_layers_to_the_byte(layers: int) -> None:
    """On a card with as much as they take and the margin; with a byte less, one layer fewer (none where there is none)."""
    need = of_devices("total_bytes", estimate("custom:24GiB", "three-layers", "llama.cpp", "F16", gpu_layers=layers))[0]
    chosen = [
        estimate(f"custom:{usable}B", "three-layers", "llama.cpp", "F16", gpu_layers="auto")["deployment"]["gpu_layers"]
        for usable in (need + MARGIN, need + MARGIN - 1)
    ]
    assert chosen == [layers if layers < 4 else "all", max(0, layers - 1)]


CONTEXT = 40 * MIB + 82 * round(3.4 * MIB)
"""Of an RTX 3090: 10,496 cores are 82 multiprocessors."""
CONVERTED = 8 * 512 * 512 + 32 * MIB
"""Two copies of the widest activation, 512 wide and of 512 tokens, in 32 bits; cuBLAS's own."""
EMBEDDING = 1024 * 256 * 2


@pytest.mark.parametrize(
    ("gpu", "low", "high", "graphs", "keys"),
    [
        # Half of CUDA's context, and four thirds of it.
        ("rtx3090", CONTEXT // 2, CONTEXT * 4 // 3 + CONVERTED, 1.12, {}),
        ("rtx3090", CONTEXT // 2, CONTEXT * 4 // 3 + CONVERTED, 1.12, {"flash_attention": "off"}),
        ("rx7900xtx", 250 * MIB, 1200 * MIB + CONVERTED, 1.12, {}),
        # hipBLAS converts the scores: as much as the graph again.
        ("rx7900xtx", 250 * MIB, 1200 * MIB + CONVERTED, 2.12, {"flash_attention": "off"}),
        # Metal may map the embedding too; no conversions.
        ("m1-16gb", 0, 150 * MIB + EMBEDDING, 1.12, {}),
        ("m1-16gb", 0, 150 * MIB + EMBEDDING, 1.12, {"flash_attention": "off"}),
        ("m1-16gb", 0, 150 * MIB, 1.12, {"gpu_layers": 0}),
        ("rtx3090", 50 * MIB, 500 * MIB, 1.12, {"backend": "vulkan"}),
    ],
)
def test_the_interval(gpu: str, low: int, high: int, graphs: float, keys: dict[str, Any]) -> None:
    """The graph from 0.9 to 1.12 of what is laid out, the context from its least to its most."""
    row = estimate(gpu, "three-layers", "llama.cpp", "F16", **keys)
    device = row["devices"][0]
    fixed, graph = device["weights_bytes"] + device["kv_cache_bytes"], device["compute_bytes"]

    assert row["required_bytes"]["low"] == fixed + round(0.9 * graph) + low
    assert row["required_bytes"]["high"] == fixed + round(graphs * graph) + high


@pytest.mark.parametrize("model", ["pictures", "frames"])
def test_the_buffer_of_a_tower_smaller_than_its_warm_up(model: str) -> None:
    """200,704 pixels are 1,024 patches of 14: fewer than 46 x 46 tokens of four patches each would be.

    Residual, query, key, value and both turned, 128 wide, and the pixels beside them, in 32 bits.
    """
    seeing, blind = (estimate("rtx3090", model, "llama.cpp", "F16", images=images) for images in (1, 0))
    more = of_devices("compute_bytes", seeing)[0] - of_devices("compute_bytes", blind)[0]

    assert more == 4 * 1024 * (6 * 128 + 3 * 14 * 14)
