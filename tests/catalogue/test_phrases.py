"""Names of models as people write them in a sentence."""

from __future__ import annotations

import pytest

from tests.catalogued import catalogue
from vramfit.catalogue.phrases import of_size, phrased
from vramfit.errors import AmbiguousName, UnknownModel


@pytest.mark.parametrize(
    ("name", "model", "stated"),
    [
        ("llama 3 70b q4", "llama-3-70b", {"family": "gguf", "quant": "Q4_K_M"}),
        ("llama-3.3-70b-q8", "llama-3.3-70b", {"family": "gguf", "quant": "Q8_0"}),
        ("qwen3 8b iq4xs", "qwen3-8b", {"family": "gguf", "quant": "IQ4_XS"}),
        ("qwen3 8b in 4 bit", "qwen3-8b", {"quant": "int4"}),
        ("qwen3 8b @ q6", "qwen3-8b", {"family": "gguf", "quant": "Q6_K"}),
        ("qwen3 8 billion", "qwen3-8b", {}),
        ("qwen3 30b moe", "qwen3-30b-a3b", {}),
        ("llama31-8b", "llama-3.1-8b", {}),
        ("L3.3 70B", "llama-3.3-70b", {}),
        ("qwen coder 32b", "qwen2.5-coder-32b", {}),
        ("wan 2.1 t2v 14b", "wan2.1-t2v-14b", {}),
        ("8x7b", "mixtral-8x7b", {}),
        ("8x22b", "mixtral-8x22b", {}),
        ("mistral large 123b", "mistral-large-2", {}),
        ("mistral large 123b iq4xs", "mistral-large-2", {"family": "gguf", "quant": "IQ4_XS"}),
    ],
)
def test_meaning(name: str, model: str, stated: dict[str, str]) -> None:
    known = catalogue()

    assert (model, stated) == (known.model(name).id, known.stated(name))


@pytest.mark.parametrize(
    "name", ["llama 70b q4", "gemma 12b", "q4", "qwen3 8b q5000", "mistral large 40b", "7b", "org/qwen3 8b q4"]
)
def test_what_means_nothing(name: str) -> None:
    """A generation that is not stated, a quantization alone, a size that no such model has, a repository's name."""
    with pytest.raises((UnknownModel, AmbiguousName)):
        catalogue().model(name)


def test_a_name_without_more_has_no_reading() -> None:
    assert [] == list(phrased("in the"))
    assert [] == list(phrased("qwen3-8b"))
    assert [] == list(phrased("hf:org/qwen3 8b q4"))


def test_of_several_sizes_the_stated_one() -> None:
    """Within six hundredths, and one alone."""
    sizes = {1: 123.0, 2: 675.0, 3: 120.0}

    assert 2 == of_size("large 671b", lambda _: (1, 2), sizes.__getitem__)
    assert 1 == of_size("large 0.123t", lambda _: (1, 2), sizes.__getitem__)
    assert None is of_size("large 123b", lambda _: (1, 3), sizes.__getitem__)
    assert None is of_size("large 200b", lambda _: (1, 2), sizes.__getitem__)
    assert None is of_size("123b", lambda _: (1, 2), sizes.__getitem__)
    assert None is of_size("large 12x3b", lambda _: (1, 2), sizes.__getitem__)
