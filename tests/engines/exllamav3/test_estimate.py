"""ExLlamaV3: the embedding in system RAM, pages of tokens, windows of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.command import report
from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import terms
from vramfit.errors import UsageError
from vramfit.quantization import derive, find_scheme
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.engines import Estimate


def estimated(**request: Any) -> Estimate:
    """The estimate of a request: Llama 3.1 8B at 4 bits on an RTX 4090 unless it says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "exl3-4.0", "engine": "exllamav3", **request}
    return estimate(resolve(parse_request(raw), open_catalogue())[0])


@pytest.mark.parametrize("quant", ["exl3-2.25", "exl3-4.0", "exl3-8.0-h8", "fp16"])
@pytest.mark.parametrize("gpu", ["rtx4090", "3xrtx3090"])
def test_all_but_the_embedding_is_on_the_gpus(quant: str, gpu: str) -> None:
    model, scheme = open_catalogue().model("llama-3.1-8b"), find_scheme(quant)
    found = estimated(quant=quant, gpu=gpu)

    assert found.host.weights_bytes == 2 * 128256 * 4096
    assert sum(device.weights_bytes for device in (*found.gpus, found.host)) == derive(model, scheme).file_bytes


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (131_072 * 4096, {}),
        (131_072 * 256, {"context": 1}),  # pages of 256 tokens
        (131_072 * 2 * 4352, {"context": 4097, "parallel": 2}),
        # 8 bits and a 16-bit scale for each 32; K and V on their own
        (131_072 * 4096 * 34 // 64, {"kv_cache_type": "int8"}),
        (131_072 * 4096 * 18 // 64, {"kv_cache_type": "int4"}),
        (131_072 * 4096 * (34 + 18) // 128, {"kv_cache_type": "int8", "kv_cache_type_v": "int4"}),
        # any number of bits from 2 to 8, in the words of each program, and two of them at once
        *[(131_072 * 4096 * (4 * bits + 2) // 64, {"kv_cache_type": f"q{bits}"}) for bits in range(2, 9)],
        (131_072 * 4096 * 26 // 64, {"kv_cache_type": 6}),
        (131_072 * 4096 * (26 + 34) // 128, {"kv_cache_type": "6,8"}),
        (131_072 * 4096 * (18 + 10) // 128, {"kv_cache_type": "q4,q2"}),
        (131_072 * 4096 * (14 + 30) // 128, {"kv_cache_type": "q3", "kv_cache_type_v": "q7"}),
        # the latent is quantized, the rotary key is not
        (61 * (512 + 64) * 2 * 4096, {"model": "deepseek-v3", "gpu": "8xh200"}),
        (61 * (512 * 34 // 32 + 64 * 2) * 4096, {"model": "deepseek-v3", "gpu": "8xh200", "kv_cache_type": "int8"}),
        # 24 layers, each second one a window of 128 and two pages, which fill three
        (12 * 2 * 512 * 2 * (16_384 + 768), {"model": "gpt-oss-20b", "context": 16_384}),
        (24 * 2 * 512 * 2 * 16_384, {"model": "gpt-oss-20b", "context": 16_384, "swa_full": True}),
    ],
)
def test_kv_cache(expected: int, request_: dict[str, Any]) -> None:
    assert expected == sum(gpu.kv_cache_bytes for gpu in estimated(**request_).gpus)


LAYER = 2 * (4 * 4096 + 3 * 14_336)
"""Bytes of a token's results in one layer of Llama 3.1 8B: residual stream, gate, up and their product."""


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        # The largest matrix, 4096 x 14336, is unpacked to 16 bits; 16-bit weights need no such room.
        (2048 * LAYER + 2 * 4096 * 14_336, {}),
        (2048 * LAYER, {"quant": "fp16"}),
        (1000 * LAYER + 2 * 4096 * 14_336, {"context": 1000}),
    ],
)
def test_activations_of_a_chunk(expected: int, request_: dict[str, Any]) -> None:
    assert [expected] == [gpu.compute_bytes for gpu in estimated(**request_).gpus]


@pytest.mark.parametrize(("tokens", "context"), [(256, 1), (256, 256), (512, 257), (1024, 1000)])
def test_terms_of_the_cache_name_whole_pages(tokens: int, context: int) -> None:
    raw = {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "exl3-4.0", "engine": "exllamav3", "context": context}
    (term,) = [one for one in terms(resolve(parse_request(raw), open_catalogue())[0]) if one.part == "kv_cache"]

    assert (term.inputs["tokens"], term.bytes) == (tokens, 131_072 * tokens)


@pytest.mark.parametrize(
    ("message", "request_"),
    [
        ("exllamav3 runs on NVIDIA and AMD GPUs", {"gpu": "arcb580"}),
        ("exllamav3 is answered with every layer on the GPUs", {"gpu_layers": 3}),
        ("exllamav3 quantizes both K and V, or neither", {"kv_cache_type": "int8", "kv_cache_type_v": "f16"}),
    ],
)
def test_what_exllamav3_does_not_do(message: str, request_: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        estimated(**request_)
    assert message == caught.value.message


def test_its_scheme_chooses_the_engine_and_the_command_runs_it() -> None:
    (row,) = report("-g", "rtx3060-12gb", "-m", "llama-3.1-8b", "--quant", "exl3-8.0", "-c", "40960").estimates

    assert row["engine"] == "exllamav3"
    commands = [remedy["command"] for remedy in row["remedies"] if remedy["changes"].get("engine") is None]
    assert "python examples/chat.py -m llama-3.1-8b-exl3-4.0 -cs 40960" in commands


@pytest.mark.parametrize(
    ("kept", "earlier", "context"),
    [
        # 52 of 62 layers look back over 1,024 tokens and keep two more pages; of less than that, early versions kept less
        (10 * 256 + 52 * 1536, 62 * 256, 256),
        (10 * 30_720 + 52 * 1536, 62 * 30_720, 30_720),
    ],
)
def test_early_versions_kept_every_token_of_a_window(kept: int, earlier: int, context: int) -> None:
    """2 x 16 x 128 elements a token and layer in 6.5 bits: 201 KiB over all 62 of Gemma 3 27B (exllamav3 issue 50)."""
    request = {"model": "gemma-3-27b", "quant": "exl3-5.0", "kv_cache_type": "q6", "images": 0, "context": context}
    each = 4096 * 26 // 32
    sliding = (kept - 10 * context) * 4096 * 2 + 10 * context * each
    now, full = (estimated(**request, swa_full=swa_full) for swa_full in (False, True))

    assert [sliding, earlier * each] == [found.gpus[0].kv_cache_bytes for found in (now, full)]
    assert now.gpus[0].low_bytes == min(now.gpus[0].low_bytes, full.gpus[0].low_bytes)
    assert now.gpus[0].high_bytes == full.gpus[0].high_bytes + max(0, sliding - earlier * each)
    early = [note for note in now.assumptions if note.startswith("early versions (0.0.3)")]
    assert (context > 1536) is bool(early)


def test_a_tower_is_loaded_for_images_alone() -> None:
    text, seeing = (estimated(model="gemma-3-4b", images=images) for images in (0, 1))

    assert text.gpus[0].weights_bytes < seeing.gpus[0].weights_bytes
    assert "without images the vision tower is not loaded" in text.assumptions
    assert "without images the vision tower is not loaded" not in seeing.assumptions


@pytest.mark.parametrize(
    ("count", "moved"),
    [
        (0, 0),
        (1, 1),
        (20, 20),
        (48, 48),
        ("all", 48),
        (99, 48),
    ],
)
def test_experts_of_the_first_layers_in_ram(count: int | str, moved: int) -> None:
    """48 layers of 128 experts, of three matrices of 2048 x 768 at 4 bits with two vectors each."""
    experts = 128 * 3 * (2048 * 768 // 2 + 2 * (2048 + 768))
    whole = estimated(model="qwen3-30b-a3b", gpu="2xrtx3090")
    found = estimated(model="qwen3-30b-a3b", gpu="2xrtx3090", cpu_moe_layers=count)

    assert found.host.weights_bytes - whole.host.weights_bytes == moved * experts
    assert (
        sum(gpu.weights_bytes for gpu in whole.gpus) - sum(gpu.weights_bytes for gpu in found.gpus) == moved * experts
    )
    assert found.host.read_bytes == round(moved * experts * 8 / 128)
    assert found.checkpoint_bytes == whole.checkpoint_bytes


def test_only_layers_with_experts_count() -> None:
    """DeepSeek-V2-Lite's first layer is dense, and is none of those that ``--moe_cpu_offload`` counts."""
    one = estimated(model="deepseek-v2-lite", cpu_moe_layers=1)
    none = estimated(model="deepseek-v2-lite")

    assert one.gpus[0].weights_bytes < none.gpus[0].weights_bytes
    assert one.gpus[0].high_bytes - one.gpus[0].low_bytes > none.gpus[0].high_bytes - none.gpus[0].low_bytes


def test_number_of_layers_with_experts_in_ram_is_stated() -> None:
    with pytest.raises(UsageError, match="does not choose"):
        estimated(model="qwen3-30b-a3b", cpu_moe_layers="auto")


def test_table_of_ngrams_stays_on_the_disk() -> None:
    """320 million rows of 160 elements at 6 bits with a scale: 39.04 GB (syv-ai/qwen38-27b-rtx3090 issue 103).

    A machine with the experts of 32 of its layers in RAM has 39 + 4 GB in use (turboderp-org/exllamav3 issue 324).
    """
    found = estimated(
        model="qwen3.8-flash-next", gpu="rtx5090", quant="exl3-4.05", context=131_072, cpu_moe_layers=32, images=0
    )

    assert found.host.weights_bytes == pytest.approx(43e9, rel=0.02)
    assert found.gpus[0].total_bytes < 30e9 < found.gpus[0].high_bytes * 1.02
    assert found.checkpoint_bytes == pytest.approx(39.04e9 + 66.2e9, rel=0.005)
    assert "the table of n-grams stays on the disk, which is the default (ngram_ram)" in found.assumptions
