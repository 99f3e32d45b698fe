"""What holds for every estimate, the vision tower, and what the estimate says in words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.llamacpp.asking import CARD, catalogue_model, devices, estimated
from tests.samples import gpu, model
from vramfit.engines.llamacpp import ENGINE
from vramfit.engines.llamacpp.cards import vision_compute_bytes
from vramfit.quantization import find_scheme
from vramfit.units import MIB

SETTINGS = st.fixed_dictionaries(
    {
        "context": st.integers(1, 50_000),
        "parallel": st.integers(1, 8),
        "ubatch": st.sampled_from([1, 64, 512, 2048]),
        "flash_attention": st.booleans(),
        "unified_kv": st.booleans(),
        "swa_full": st.booleans(),
        "outputs": st.sampled_from(["slots", "batch"]),
        "kv_cache_type": st.sampled_from(["f16", "q8_0"]),
        "gpu_layers": st.sampled_from(["all", "auto", 0, 1, 7]),
        "cpu_moe_layers": st.sampled_from([0, "auto", "all", 3]),
        "gpus": st.integers(1, 3),
        "images": st.integers(0, 2),
    }
)
NAMES = st.sampled_from(
    ["llama-3.2-1b", "gemma-3-4b", "gpt-oss-20b", "deepseek-v2-lite", "qwen3-next-80b-a3b", "mamba2-2.7b", "llava-1.5-7b",
     "gemma-3n-e4b", "qwen3-vl-4b", "llama-4-scout", "deepseek-v4-flash"]
)  # fmt: skip


@given(name=NAMES, asked=SETTINGS)
def test_every_estimate(name: str, asked: dict[str, Any]) -> None:
    """No part is negative, the interval holds the total, and every weight is somewhere exactly once."""
    found = estimated(name, **asked)
    assert asked["gpus"] == len(found.gpus)
    for device in (*found.gpus, found.host):
        parts = (device.weights_bytes, device.kv_cache_bytes, device.compute_bytes, device.overhead_bytes)
        assert min(parts) >= 0
        assert device.low_bytes <= sum(parts) == device.total_bytes <= device.high_bytes
        assert 0 <= device.read_bytes <= device.weights_bytes or device is found.host
    placed = sum(device.weights_bytes for device in (*found.gpus, found.host))
    towers = not asked["images"] and catalogue_model(name).vision is not None
    if not towers and not catalogue_model(name).tied:
        assert placed == found.checkpoint_bytes
    assert all(said and "  " not in said for said in found.assumptions)


@given(name=NAMES, context=st.integers(8192, 50_000), ubatch=st.sampled_from([64, 512, 2048]))
def test_flash_attention_never_costs_memory(name: str, context: int, ubatch: int) -> None:
    """Scores of a long context are held without it: as much as with it, or more."""
    on, off = (estimated(name, context=context, ubatch=ubatch, flash_attention=on).gpus[0] for on in (True, False))
    assert on.compute_bytes <= off.compute_bytes * 1.02 + MIB
    assert on.kv_cache_bytes <= off.kv_cache_bytes


def test_scores_grow_with_heads_and_context() -> None:
    """Llama 2 7B without flash attention: 32 heads x 512 tokens x 4 bytes for every cell, and the mask in F32."""
    short, long = (
        estimated("llama-2-7b", flash_attention=False, context=tokens).gpus[0].compute_bytes for tokens in (4096, 8192)
    )
    assert 4096 * 512 * 4 * 33 == long - short


def test_logits_of_a_batch() -> None:
    """A row of 128256 floats for each of 512 tokens, and the final state and its norm beside them."""
    slots, batch = (estimated("llama-3.1-8b", outputs=outputs).gpus[0].compute_bytes for outputs in ("slots", "batch"))
    assert slots < 512 * 128256 * 4 < batch
    assert batch == pytest.approx(512 * (128256 + 2 * 4096) * 4, rel=0.01)


def test_a_matrix_in_ram_is_copied_for_a_long_prompt() -> None:
    """With no layer on the GPU one matrix at a time is: 14336 x 4096 of a layer, or the output's 128256 x 4096 in F16.

    The latter only where logits of a batch are wanted; and none for 16 tokens.
    """
    slots, batch = (
        estimated("llama-3.1-8b", "F16", gpu_layers=0, outputs=outputs).gpus[0].compute_bytes
        for outputs in ("slots", "batch")
    )
    hidden, inner, logits = 512 * 4096 * 4, 512 * 14336 * 4, 512 * 128256 * 4
    assert slots == pytest.approx(14336 * 4096 * 2 + 3 * inner + hidden, rel=0.1)
    assert batch == pytest.approx(128256 * 4096 * 2 + logits + hidden, rel=0.01)
    assert estimated("llama-3.1-8b", "F16", gpu_layers=0, ubatch=16).gpus[0].compute_bytes < MIB


def test_names_of_the_same_file() -> None:
    """16-bit schemes of other engines are the GGUF types of their names."""
    assert estimated("llama-3.1-8b", "BF16").gpus == estimated("llama-3.1-8b", "bf16").gpus
    assert estimated("gpt-oss-20b", "MXFP4_MOE").gpus == estimated("gpt-oss-20b", "mxfp4").gpus


def test_the_tables_agree_with_the_rest() -> None:
    """Classes are schemes of a family the engine loads; every cache type has a size."""
    assert {"fp16", "int8", "int4"} == set(ENGINE.scheme_of_class)
    assert {"gguf"} == {find_scheme(name).family for name in ENGINE.scheme_of_class.values()}
    for kind in ENGINE.cache_types:
        assert 0 < estimated("llama-3.1-8b", kv_cache_type=kind).gpus[0].kv_cache_bytes


def test_the_tower_is_loaded_for_images_only() -> None:
    """LLaVA 1.5 7B: a file of 595 MiB (23 of 24 layers), on the first card."""
    without, beside = (estimated("llava-1.5-7b", "F16", 2, images=images).gpus for images in (0, 1))
    assert (beside[0].weights_bytes - without[0].weights_bytes) / MIB == pytest.approx(595, abs=1)
    assert beside[0].compute_bytes > without[0].compute_bytes
    assert without[1] == beside[1]


@pytest.mark.parametrize(
    ("name", "mebibytes"),
    [
        ("qwen3-vl-4b", 223.30),  # ggml-org/llama.cpp pull request 22673
        ("qwen3.6-27b", 248.10),  # a log of the same warm-up at 1472 x 1472 pixels
    ],
)
def test_the_towers_buffer(name: str, mebibytes: float) -> None:
    assert vision_compute_bytes(catalogue_model(name), flash_attention=True) / MIB == pytest.approx(mebibytes, abs=0.2)


@pytest.mark.parametrize(
    ("expected", "name", "size"),
    [
        # The warm-up of a tower that takes more: 46 x 46 tokens of four patches, as of any smaller image. The first has a gated
        # network: input, norm, and gate, up and product.
        (4 * 4 * 46**2 * (2 * 1280 + 3 * 3420 + 3 * 14**2), "qwen2.5-vl-7b", None),
        (4 * 4 * 46**2 * (6 * 1152 + 3 * 16**2), "qwen3-vl-8b", None),
        (4 * 4 * 46**2 * (6 * 1152 + 3 * 16**2), "qwen3-vl-8b", (640, 640)),
        # A larger image, 50 x 50 tokens; the largest that is taken has 4,096.
        (4 * 4 * 50**2 * (6 * 1152 + 3 * 16**2), "qwen3-vl-8b", (1600, 1600)),
        (4 * 4 * 4096 * (6 * 1152 + 3 * 16**2), "qwen3-vl-8b", (3584, 2240)),
        # Scaled to a longest side: 1,024 tokens, of one patch or of four.
        (4 * 1024 * (2 * 1024 + 3 * 4096 + 3 * 16**2), "pixtral-12b", None),
        # One tile of 24 x 24 patches with the class token: the projector's two rows of 5,120 are the widest.
        (4 * 577 * (2 * 5120 + 3 * 14**2), "llava-1.6-13b", None),
        (4 * 577 * (2 * 5120 + 3 * 14**2), "llava-1.6-13b", (5000, 5000)),
        (4 * 4096 * (2 * 5376 + 3 * 14**2), "gemma-3-27b", None),
    ],
)
def test_the_widest_part_of_the_tower(expected: int, name: str, size: tuple[int, int] | None) -> None:
    assert expected == vision_compute_bytes(catalogue_model(name), flash_attention=True, size=size)


@pytest.mark.parametrize(
    ("expected", "name"),
    [
        (4 * (577 * 5 * 1024 + 16 * 577**2 + 3 * 577 * 14**2), "llava-1.6-13b"),
        (4 * (8464 * 5 * 1280 + 16 * 8464**2 + 3 * 8464 * 14**2), "qwen2.5-vl-7b"),
    ],
)
def test_the_scores_of_the_tower(expected: int, name: str) -> None:
    """Five widths of a patch, and a score of each head for every pair."""
    assert expected == vision_compute_bytes(catalogue_model(name), flash_attention=False)


def test_a_model_without_a_tower_has_no_such_buffer() -> None:
    assert 0 == vision_compute_bytes(model("llama-2-7b"), flash_attention=True)
    assert estimated("llama-2-7b").gpus == estimated("llama-2-7b", images=1).gpus


def test_a_tower_without_flash_attention_holds_its_scores() -> None:
    """577 patches of CLIP: 16 heads x 577 x 577 floats."""
    on, off = (vision_compute_bytes(model("llava-1.5-7b"), flash_attention=on) for on in (True, False))
    assert 4 * 16 * 577 * 577 < off
    assert on < off


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("rounds the context up to 4352", {"context": 4100}),
        ("loaded twice", {"name": "llama-3.2-1b"}),
        ("one row per sequence", {}),
        ("in proportion to their memory", {"gpus": 2}),
        ("held four times", {"gpus": 2}),
        ("computed by the CPU", {"gpu_layers": 3}),
        ("computed by the CPU", {"name": "qwen3-30b-a3b", "cpu_moe_layers": 1}),
        ("auto leaves 1024 MiB", {"gpu_layers": "auto"}),
        ("unpacks the cache to F16", {"kv_cache_type": "q8_0", "kv_cache_type_v": "q8_0", "context": 32768}),
        ("vision tower", {"name": "llava-1.5-7b", "images": 1}),
    ],
)
def test_what_is_taken_for_granted_is_said(said: str, asked: dict[str, Any]) -> None:
    """Where it matters, and only there."""
    found = estimated(asked.get("name", "llama-3.1-8b"), **{k: v for k, v in asked.items() if k != "name"})
    assert 1 == sum(said in sentence for sentence in found.assumptions)
    plain = estimated("llama-2-7b", outputs="batch")
    assert () == plain.assumptions


def test_nothing_depends_on_the_card_but_its_overhead() -> None:
    """Buffers are the same on every card (35 set-ups of one benchmark: XiongjieDai/GPU-Benchmarks-on-LLM-Inference)."""
    ours, other = (
        devices(estimated("llama-3.1-8b", gpus=[card]))["gpu0"] for card in (CARD, gpu("rtx3060-12gb", cores=3584))
    )
    assert (ours.weights_bytes, ours.kv_cache_bytes, ours.compute_bytes) == (
        other.weights_bytes, other.kv_cache_bytes, other.compute_bytes,
    )  # fmt: skip
    assert ours.overhead_bytes != other.overhead_bytes


def test_an_amd_card_converts_scores() -> None:
    """An RX 7900 class card held 2.3 GiB beside its buffers without flash attention: the upper end allows for it."""
    found = estimated(
        "qwen3-32b", gpus=[gpu("rtx4090", vendor="amd")], context=16384, flash_attention=False, outputs="batch"
    ).gpus[0]
    assert found.low_bytes < 26976 * MIB < found.high_bytes


@pytest.mark.parametrize(("outputs", "said"), [("slots", 1), ("batch", 0)])
def test_rows_of_logits_are_spoken_of_where_few_are_reserved(outputs: str, said: int) -> None:
    """A batch of 512 rows of 128,256 logits would be 250 MiB."""
    words = estimated("llama-3.1-8b", outputs=outputs).assumptions
    assert sum("logits are reserved for one row per sequence" in one for one in words) == said
