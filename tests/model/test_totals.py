"""Whole models, counted from their architecture, against totals that others published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.each import each
from vramfit.model import Model, active_parameters, parameters, tensors

TOTALS: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "exact_totals.yaml").read_text("utf-8"))


@pytest.mark.parametrize(("key", "published"), TOTALS["published"].items())
def test_published_total_is_the_inventory_and_a_named_surplus(
    models: dict[str, Model], key: str, published: int | dict[str, Any]
) -> None:
    if isinstance(published, int):
        published = {"total": published, "surplus": 0, "why": "none"}

    assert published["total"] == parameters(models[key]) + published["surplus"]
    assert published["why"]


@pytest.mark.parametrize(("key", "counted"), TOTALS["counted"].items())
def test_transformers_counts_the_same(models: dict[str, Model], key: str, counted: int) -> None:
    assert counted == parameters(models[key])


def test_surplus_is_small_unless_it_is_prediction_layers_or_a_second_head(models: dict[str, Model]) -> None:
    for key, published in each(TOTALS["published"].items()):
        if (
            isinstance(published, dict)
            and "prediction" not in published["why"]
            and "second time" not in published["why"]
        ):
            assert abs(published["surplus"]) < 0.11 * parameters(models[key]), key


def test_llava_1_6_13b_by_hand(models: dict[str, Model]) -> None:
    """Llama 2 13B's blocks, an embedding padded to 32,064, CLIP ViT-L/14 at 336 pixels, two matrices, one newline."""
    hidden, ffn, layers = 5120, 13824, 40
    linears = layers * (4 * hidden * hidden + 3 * hidden * ffn)
    embedding_and_head = 2 * 32064 * hidden
    norms = (2 * layers + 1) * hidden
    tower = 303_507_456
    projector = 1024 * hidden + hidden + hidden * hidden + hidden
    newline = hidden

    assert linears + embedding_and_head + norms + tower + projector + newline == 13_351_499_776
    assert parameters(models["llava-1.6-13b"]) == 13_351_499_776


@pytest.mark.parametrize(
    ("key", "total", "buffers"),
    [
        # llama.cpp v0.5.0 counts what a GGUF file holds: the language model, and router bias buffers with it.
        ("command-r-v01", 34_980_831_232, 0),
        ("deepseek-v2-lite", 15_706_484_224, 0),
        ("gemma-2-9b", 9_241_705_984, 0),
        ("gemma-3-27b", 27_009_346_304, 0),
        ("gemma-3-4b", 3_880_263_168, 0),
        ("glm-4.5-air", 106_852_251_264, 45 * 128),
        ("gpt-oss-20b", 20_914_757_184, 0),
        ("llama-2-13b", 13_015_864_320, 0),
        ("llama-2-7b", 6_738_415_616, 0),
        ("llama-3.1-70b", 70_553_706_496, 0),
        ("llama-3.1-8b", 8_030_261_248, 0),
        ("llama-3.2-1b", 1_235_814_400, 0),
        ("llama-4-scout", 107_769_861_120, 0),
        ("mamba2-2.7b", 2_702_599_680, 0),
        ("mistral-7b", 7_248_023_552, 0),
        ("mixtral-8x7b", 46_702_792_704, 0),
        ("olmo-2-13b", 13_716_198_400, 0),
        ("phi-4", 14_659_507_200, 0),
        ("qwen2.5-32b", 32_763_876_352, 0),
        ("qwen2.5-7b", 7_615_616_512, 0),
        ("qwen3-0.6b", 596_049_920, 0),
        ("qwen3-30b-a3b", 30_532_122_624, 0),
        ("qwen3-8b", 8_190_735_360, 0),
        ("qwen3-next-80b-a3b", 79_674_391_296, 0),
        ("starcoder2-15b", 15_957_889_024, 0),
    ],
)
def test_llama_cpp_counts_the_same_language_model(models: dict[str, Model], key: str, total: int, buffers: int) -> None:
    rows = [tensor for tensor in tensors(models[key]) if tensor.part == "text"]

    assert total == sum(tensor.elements * tensor.count for tensor in rows)
    assert buffers == sum(tensor.elements * tensor.count for tensor in rows if tensor.buffer)


@pytest.mark.parametrize(
    ("key", "active"),
    [
        # Total less the experts a token does not pass: layers * (count - active) * 3 * hidden * width.
        ("mixtral-8x7b", 46_702_792_704 - 32 * 6 * 3 * 4096 * 14336),
        ("qwen3-30b-a3b", 30_532_122_624 - 48 * 120 * 3 * 2048 * 768),
        ("deepseek-v3", 671_026_404_352 - 58 * 248 * 3 * 7168 * 2048),
        ("llama-3.1-8b", 8_030_261_248),
        # gpt-oss has biases in its experts, Nemotron 3 Ultra two matrices in a narrower space.
        ("gpt-oss-20b", 20_914_757_184 - 24 * 28 * (3 * 2880 * 2880 + 3 * 2880)),
        ("nemotron-3-ultra-550b-a55b", 549_308_968_960 - 48 * 490 * 2 * 2048 * 5120),
    ],
)
def test_active_parameters_leave_out_idle_experts(models: dict[str, Model], key: str, active: int) -> None:
    assert active == active_parameters(models[key])
