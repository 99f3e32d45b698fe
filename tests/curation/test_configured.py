"""Entries built from the fields of a configuration: what they state, what they may not, and what a table of n-grams counts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.catalogued import catalogue
from vramfit.curation.configured import completed, model_of
from vramfit.model import active_parameters, parameters, tensors

CONFIG = {
    "model_type": "qwen3", "hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32,
    "num_key_value_heads": 8, "head_dim": 128, "intermediate_size": 12288, "vocab_size": 151936,
    "max_position_embeddings": 40960, "tie_word_embeddings": False,
}  # fmt: skip
"""Fields of the config.json of Qwen/Qwen3-8B."""
TOTAL = 8_190_735_360
"""Its parameters, by the header of its files."""


def facts(**changes: Any) -> dict[str, Any]:
    return {"id": "it", "name": "It 8B", "family": "it", "config": CONFIG, **changes}


def test_a_configuration_gives_tensors_and_caches() -> None:
    model = model_of(facts(released="2026-01", licence="mit", hf=["a/b"], gguf="qwen3"))

    assert (parameters(model), active_parameters(model)) == (TOTAL, TOTAL)
    assert (model.id, model.context, model.layer_count, model.nominal_billions) == ("it", 40960, 36, 8.0)
    assert (model.released, model.licence, model.hf) == ("2026-01", "mit", ("a/b",))
    assert (model.architecture.model_type, model.architecture.gguf) == ("qwen3", "qwen3")


@pytest.mark.parametrize(
    ("field", "expected", "changes"),
    [
        ("context", 131072, {"context": 131072}),
        ("dtype", "fp8", {"dtype": "fp8"}),
        ("modality", "code", {"modality": "code"}),
        ("mtp_layers", 1, {"mtp_layers": 1}),
    ],
)
def test_fields_of_the_entry_go_before_the_configuration_s(
    field: str, expected: object, changes: dict[str, Any]
) -> None:
    assert getattr(model_of(facts(**changes)), field) == expected


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"sources": ["hf"]}, ()),
        ({"sources": ["llmfit"], "note": "Its codec comes on top"}, ("of It 8B: Its codec comes on top",)),
        (
            {"sources": ["recalled"]},
            ("figures of It 8B are from memory and were compared with no copy of its configuration",),
        ),
        (
            {"sources": ["recalled", "llmfit"]},
            (
                "figures of It 8B are from memory and were compared with no copy of its configuration; its tensors add up"
                " to the total that was published",
            ),
        ),
        (
            {"sources": ["llmfit", "solved"]},
            ("figures of It 8B are chosen so that its tensors add up to the total that was published",),
        ),
        ({"sources": ["llmfit", "solved"], "note": "Its width is solved"}, ("of It 8B: Its width is solved",)),
    ],
)
def test_a_model_says_what_its_figures_rest_on(stated: dict[str, Any], expected: tuple[str, ...]) -> None:
    model = model_of(facts(**stated))

    assert model.caveats == expected
    assert parameters(model) == TOTAL


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        ("layers: is the configuration's", {"layers": 36}),
        ("vocab: is the configuration's", {"vocab": 1}),
        ("config: ", {"config": {**CONFIG, "model_type": "no_such_type"}}),
    ],
)
def test_what_is_refused(message: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=message):
        model_of(facts(**changes))


def test_lists_show_what_the_configuration_says() -> None:
    assert completed(facts())["context"] == 40960
    assert completed(facts(context=8192))["context"] == 8192
    assert completed({"id": "other"}) == {"id": "other"}


def test_a_table_of_n_grams_is_looked_up() -> None:
    """Qwen3.8 Flash Next: 51.2 of 176.9 billion parameters are a table, and 6 are active (ggml-org/llama.cpp PR 27742)."""
    model = catalogue().model("qwen3.8-flash-next")
    table = {row.name: row.shape for row in tensors(model)}["per_layer_token_embd.weight"]

    assert table == (160, 320_000_000)
    assert parameters(model) == 177_392_584_816
    assert active_parameters(model) == 7_755_925_616
    assert model.architecture.gguf == "qwen4exp"
