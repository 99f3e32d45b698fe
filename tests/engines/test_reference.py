"""Published files by the names that users give."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import model
from vramfit.engines.reference import Reference, reference
from vramfit.quantization import find_scheme


@pytest.mark.parametrize(
    ("name", "stated", "expected"),
    [
        ("meta-llama/llama-2-7b-hf", {}, {"repository": "meta-llama/Llama-2-7b-hf"}),
        ("https://huggingface.co/acme/Llama-2-7B", {}, {"repository": "acme/Llama-2-7B"}),
        ("acme/Llama-2-7B-AWQ", {"quant": "awq"}, {"repository": "acme/Llama-2-7B-AWQ", "quant": "awq"}),
        (
            "hf.co/acme/Llama-2-7B-GGUF:Q4_K_M",
            {"quant": "Q4_K_M", "family": "gguf"},
            {"repository": "acme/Llama-2-7B-GGUF", "gguf": True, "quant": "Q4_K_M", "choice": True},
        ),
        (
            "acme/Llama-2-7B-GGUF",
            {"family": "gguf"},
            {"repository": "acme/Llama-2-7B-GGUF", "gguf": True, "choice": True},
        ),
        (
            "acme/Llama-2-7B-q8_0-GGUF",
            {"quant": "Q8_0", "family": "gguf"},
            {"repository": "acme/Llama-2-7B-q8_0-GGUF", "gguf": True, "quant": "Q8_0"},
        ),
        (
            "Llama-2-7B-Q8_0-00001-of-00002.gguf",
            {"quant": "Q8_0", "family": "gguf"},
            {"gguf": True, "file": "Llama-2-7B-Q8_0-00001-of-00002.gguf", "quant": "Q8_0"},
        ),
        ("ollama:Llama2:7b", {"library": "ollama", "quant": "Q4_K_M"}, {"tag": "llama2:7b", "quant": "Q4_K_M"}),
        ("llama2:7b-mlx", {}, None),
        ("acme/models/Llama-2-7B", {}, None),
        ("llama-2-7b", {}, None),
    ],
)
def test_what_a_name_means(name: str, stated: dict[str, str], expected: dict[str, Any] | None) -> None:
    """Repositories as the catalogue spells them, files and tags; a repository of GGUF files has several types."""
    found = None if expected is None else Reference(**expected)
    assert reference(name, stated, model("llama-2-7b")) == found


@pytest.mark.parametrize(
    ("has", "scheme", "files"),
    [
        (True, "Q4_K_M", Reference("a/b", gguf=True, choice=True)),
        (True, "Q4_K_M", Reference("a/b", gguf=True, quant="Q8_0", choice=True)),
        (False, "Q4_K_M", Reference("a/b", gguf=True, quant="Q8_0")),
        (True, "Q8_0", Reference(tag="a:b", quant="Q8_0")),
        (False, "awq", Reference("a/b")),
        (True, "awq", Reference("a/b", quant="awq")),
    ],
)
def test_what_files_have(has: bool, scheme: str, files: Reference) -> None:
    assert files.has(find_scheme(scheme)) is has


@pytest.mark.parametrize(
    ("expected", "scheme"), [("Q4_K_M", "i1-Q4_K_M"), ("UD-Q4_K_XL", "UD-Q4_K_XL"), ("BF16", "bf16")]
)
def test_types_in_names(expected: str, scheme: str) -> None:
    """Importance matrices are in the repository's name, not in the type's."""
    assert Reference("a/b", gguf=True).type_of(find_scheme(scheme)) == expected
