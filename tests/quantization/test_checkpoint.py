"""Checkpoints: stored tensors, where they come from, and what they weigh."""

from __future__ import annotations

import pytest

from tests.samples import model
from vramfit.quantization import SCHEMES, Checkpoint, Stored, bits_per_weight, derive, find_scheme, store

LLAMA_2_7B = 6_738_415_616
"""Parameters of meta-llama/Llama-2-7b-hf, of which 32000 x 4096 are the embedding, and as many the head."""
TOWER = 2 * (303_507_456 + 20_979_712)
"""Bytes of CLIP ViT-L/14 at 336 pixels and LLaVA's projector (openai/clip, config.json)."""


def rows_of(checkpoint: Checkpoint) -> list[tuple[str, str, int]]:
    """Each row's tensor, type and bytes."""
    return [(row.tensor.name, row.type, row.total_bytes) for row in checkpoint.stored]


@pytest.mark.parametrize(
    ("count", "layers"),
    [(3, (0, 4, 5)), (1, ()), (1, (2,))],
)
def test_a_row_stands_for_the_tensor_in_its_layers(count: int, layers: tuple[int, ...]) -> None:
    """Once for each, or once where it stands alone."""
    norm = next(
        row.tensor for row in store(model("llama-2-7b"), SCHEMES["fp32"]) if row.tensor.name == "attn_norm.weight"
    )
    row = Stored(norm, "F32", 64, layers)
    assert (count, count * 64, count * 4096) == (row.count, row.total_bytes, row.elements)


def test_it_is_derived_by_a_scheme() -> None:
    """Every tensor once, as the scheme's family stores it."""
    made, scheme = model("llama-2-7b"), find_scheme("fp16")
    found = derive(made, scheme)
    assert (made, scheme, "") == (found.model, found.scheme, found.source)
    assert found.stored == store(made, scheme)
    assert 2 * LLAMA_2_7B == sum(size for *_, size in rows_of(found))
    assert {"F16"} == {kind for _, kind, _ in rows_of(found)}


def test_it_is_derived_once_for_a_model_and_a_scheme() -> None:
    """So that what is computed from one is remembered; another model of the same figures has its own."""
    made, other = model("llama-2-7b"), model("llama-2-7b")
    assert derive(made, SCHEMES["fp16"]) is derive(made, SCHEMES["fp16"])
    assert derive(made, SCHEMES["fp16"]).stored is derive(made, SCHEMES["fp16"]).stored
    assert derive(made, SCHEMES["fp16"]) is not derive(made, SCHEMES["bf16"])
    assert derive(made, SCHEMES["fp16"]) != derive(other, SCHEMES["fp16"])


def test_it_is_read_from_a_file() -> None:
    """Then the rows are the file's, whatever its scheme would make of the model."""
    made = model("llama-2-7b")
    rows = derive(made, SCHEMES["fp16"]).stored[:2]
    found = Checkpoint(made, SCHEMES["Q4_K_M"], rows, "model.gguf")
    assert rows == found.stored
    assert 2 * (32000 * 4096 + rows[1].elements) == found.file_bytes
    assert "Checkpoint(llama-2-7b, Q4_K_M, model.gguf)" == repr(found)
    assert "Checkpoint(llama-2-7b, fp16, derived)" == repr(derive(made, SCHEMES["fp16"]))


@pytest.mark.parametrize(
    ("expected", "name", "scheme"),
    [
        (2 * LLAMA_2_7B, "llama-2-7b", "fp16"),
        (4 * LLAMA_2_7B, "llama-2-7b", "fp32"),
        # 64 more rows of vocabulary, in embedding and head, and the tower.
        (2 * (LLAMA_2_7B + 2 * 64 * 4096) + TOWER, "llava-1.5-7b", "fp16"),
        # A GGUF file holds the language model alone; norms stay 32-bit.
        (2 * (LLAMA_2_7B + 2 * 64 * 4096) + 2 * 65 * 4096, "llava-1.5-7b", "F16"),
        (2 * LLAMA_2_7B + 2 * 65 * 4096, "llama-2-7b", "F16"),
    ],
)
def test_bytes_of_the_file(expected: int, name: str, scheme: str) -> None:
    """All tensors of a Hugging Face checkpoint, all but the towers of a GGUF file."""
    assert expected == derive(model(name), find_scheme(scheme)).file_bytes


@pytest.mark.parametrize(
    ("expected", "scheme", "parts"),
    [
        (16.0, "fp16", None),
        (32.0, "fp32", None),
        (16.0, "fp16", ("text",)),
        (16.0, "fp16", ("vision", "projector")),
        (0.0, "fp16", ()),
        (0.0, "fp16", ("component",)),
        # Norms in 32 bits: 65 x 4096 of all parameters.
        (16 + 16 * 65 * 4096 / (LLAMA_2_7B + 2 * 64 * 4096), "F16", ("text",)),
    ],
)
def test_bits_of_a_parameter(expected: float, scheme: str, parts: tuple[str, ...] | None) -> None:
    """Over all parts or the named ones; none where there are none."""
    stored = derive(model("llava-1.5-7b"), find_scheme(scheme)).stored
    assert expected == pytest.approx(bits_per_weight(stored, parts), rel=1e-12)
