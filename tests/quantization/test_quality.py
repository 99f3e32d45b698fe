"""Quality labels, the evidence behind them, and the order best first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vramfit.quantization import SCHEMES
from vramfit.quantization.quality import LABELS, SIZE_CLASSES, cache_quality, quality, quality_rank
from vramfit.quantization.quality_measured import CACHE_MEASURED, CACHE_SOURCES, MEASURED, SOURCES

SMALL, LARGE = 8_000_000_000, 70_000_000_000


# Labels that follow from the published figures by hand, at 8B and 70B: the worse of perplexity and MMLU.
@pytest.mark.parametrize(
    ("scheme", "small", "large"),
    [
        ("Q8_0", "near-lossless", "near-lossless"),
        ("Q6_K", "near-lossless", "near-lossless"),
        ("Q5_K_M", "near-lossless", "near-lossless"),
        ("Q5_K_S", "small", "near-lossless"),
        ("Q4_K_M", "small", "small"),
        ("IQ4_XS", "small", "small"),
        ("Q4_0", "noticeable", "small"),
        ("Q3_K_M", "noticeable", "noticeable"),
        ("Q3_K_S", "severe", "noticeable"),
        ("Q2_K", "severe", "noticeable"),
        ("IQ2_S", "severe", "severe"),
        ("IQ1_S", "severe", "severe"),
        ("int8", "small", "small"),
        ("nf4", "noticeable", "noticeable"),
        ("fp8", "small", "near-lossless"),
        ("fp8-block", "near-lossless", "near-lossless"),
        ("gptq-int8", "small", "small"),
        ("gptq-int4", "noticeable", "small"),
        ("awq", "noticeable", "small"),
        ("nvfp4", "noticeable", "small"),
        ("exl2-6.5", "near-lossless", "near-lossless"),
        ("exl2-5.0", "small", "small"),
        ("exl2-3.5", "noticeable", "noticeable"),
        ("i1-Q4_K_M", "small", "small"),
        ("nf4-single", "noticeable", "noticeable"),
        ("exl3-4.0", "unknown", "unknown"),
        ("hqq-int4", "unknown", "unknown"),
        ("bf16", "reference", "reference"),
        ("F16", "reference", "reference"),
    ],
)
def test_labels_by_size(scheme: str, small: str, large: str) -> None:
    """Small and large models differ where their figures do."""
    assert (quality(scheme, SMALL)[0], quality(scheme, LARGE)[0]) == (small, large)


@pytest.mark.parametrize(
    ("scheme", "parameters", "evidence"),
    [
        ("Q5_K_M", SMALL, "perplexity +0.91 %, MMLU -0.30 points on Llama-3-8B"),
        ("IQ2_XXS", LARGE, "perplexity +136 %, MMLU -8.5 points on Llama-3-70B"),
        ("awq", SMALL, "MMLU -3.1 to -3.9 points, mean of tasks -2.8 points on Qwen2-7B and Llama-3.1-8B"),
        ("mlx-4bit", 4_000_000_000, "MMLU-Pro -3.3 points on Qwen3-4B"),
        ("Q4_K_M", 30_500_000_000, "perplexity +1.5 % on Qwen3-30B-A3B"),
        ("fp8", 1_000_000_000, "MMLU -1.0 points on Llama-3.1-8B; smaller models lose more"),
        ("hqq-int4", SMALL, "nothing measured for this scheme"),
    ],
)
def test_the_evidence_is_the_figures(scheme: str, parameters: int, evidence: str) -> None:
    """What was measured, on what, and whether it was a larger model than the asked one."""
    assert quality(scheme, parameters)[1] == evidence


@pytest.mark.parametrize(
    ("scheme", "dtype", "label"),
    [
        ("MXFP4", "mxfp4", "reference"),
        ("MXFP4", "bf16", "noticeable"),
        ("MXFP4_MOE", "mxfp4", "reference"),
        ("fp8-block", "fp8", "reference"),
        ("Q4_K_M", "mxfp4", "small"),
    ],
)
def test_the_released_precision_loses_nothing(scheme: str, dtype: str, label: str) -> None:
    """gpt-oss was trained in MXFP4; quantizing another model to it is a loss."""
    assert quality(scheme, 20_900_000_000, dtype)[0] == label


def test_best_first_at_8b() -> None:
    """The order in which llama.cpp's types are offered: by measured loss, then by bits."""
    types = [scheme.id for scheme in SCHEMES.values() if scheme.family == "gguf" and scheme.id in MEASURED]
    assert sorted(types, key=lambda kind: quality_rank(kind, SMALL)) == [
        "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0", "Q4_K_M", "Q4_K_S", "IQ4_NL", "IQ4_XS", "Q4_1", "Q4_0",
        "Q3_K_L", "Q3_K_M", "IQ3_M", "IQ3_S", "IQ3_XS", "IQ3_XXS", "Q3_K_S", "Q2_K", "IQ2_M", "Q2_K_S", "IQ2_S",
        "IQ2_XS", "IQ2_XXS", "IQ1_M", "IQ1_S",
    ]  # fmt: skip


@given(st.sampled_from(sorted(SCHEMES)), st.sampled_from(sorted(SCHEMES)), st.integers(10**8, 10**12))
def test_rank_and_label_agree(one: str, other: str, parameters: int) -> None:
    """A scheme with the better label comes first; equal ranks are equal ids; the reference comes before everything."""
    order = ("reference", *LABELS)
    first, second = quality(one, parameters)[0], quality(other, parameters)[0]
    if "unknown" not in (first, second):
        rank, above = quality_rank(one, parameters), quality_rank(other, parameters)
        if order.index(first) < order.index(second):
            # The label's cut may fall within a tenth of a unit, which ranks alike and is then ordered by bits.
            assert rank // 1000 <= above // 1000
    assert (quality_rank(one, parameters) == quality_rank(other, parameters)) == (one == other)


@pytest.mark.parametrize(("scheme", "after", "before"), [("hqq-int8", "Q6_K", "Q4_0"), ("exl3-3.0", "Q4_K_M", "Q2_K")])
def test_the_unmeasured_stands_with_its_width(scheme: str, after: str, before: str) -> None:
    """Unknown is no reason to be offered last, or first."""
    assert quality_rank(after, SMALL) < quality_rank(scheme, SMALL) < quality_rank(before, SMALL)


@pytest.mark.parametrize(
    ("keys", "values", "label"),
    [
        ("f16", "f16", "reference"),
        ("q8_0", "q8_0", "near-lossless"),
        ("f16", "q8_0", "near-lossless"),
        ("q8_0", "q4_0", "small"),
        ("q4_0", "q4_0", "small"),
        ("q5_1", "q5_1", "near-lossless"),
        ("iq4_nl", "iq4_nl", "small"),
        ("fp8", "fp8", "near-lossless"),
        ("q6_0", "f16", "unknown"),
    ],
)
def test_caches(keys: str, values: str, label: str) -> None:
    """The worse of keys and values."""
    assert cache_quality(keys, values)[0] == label


def test_every_figure_has_its_source() -> None:
    """And a model whose size is plausible; KL divergence and perplexity are not negative where they are given."""
    for table, sources in ((MEASURED, SOURCES), (CACHE_MEASURED, CACHE_SOURCES)):
        for rows in table.values():
            for model, billions, perplexity, divergence, mmlu, average, letters in rows:
                assert letters
                assert set(letters) <= set(sources)
                assert 0.1 < billions < 1000, model
                assert any(figure is not None for figure in (perplexity, divergence, mmlu, average))
                assert divergence is None or divergence >= 0
    assert set(MEASURED) <= {*SCHEMES, "exl2-8.0", "exl2-6.5", "exl2-5.0", "exl2-4.25", "exl2-3.5", "mlx-6bit",
                             "mlx-5bit", "mlx-5bit-g32", "mlx-4bit-g32"}  # fmt: skip
    assert SIZE_CLASSES == tuple(sorted(SIZE_CLASSES))
