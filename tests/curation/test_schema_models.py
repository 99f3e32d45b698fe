"""What ``validate_models`` accepts, merges and says of a faulty file."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from vramfit.curation.schema_models import InvalidModelsError, ModelsFile, validate_models

SMALL: dict[str, Any] = {
    "sources": {"card": "a model card"},
    "architectures": {"llama": {}, "qwen3": {"qk_norm": "head"}},
    "towers": {"clip": {"class_token": True}},
    "families": {"tiny": {"architecture": "llama", "licence": "mit", "context": 2048}},
    "models": [
        {
            "id": "tiny-1b",
            "name": "Tiny 1B",
            "family": "tiny",
            "layers": 2,
            "hidden": 64,
            "ffn": 128,
            "heads": 4,
            "vocab": 100,
            "sources": ["card"],
        }
    ],
}


def changed(**changes: Any) -> dict[str, Any]:
    """The small file with fields of its only entry changed; None removes one."""
    document = copy.deepcopy(SMALL)
    entry = document["models"][0]
    entry.update(changes)
    document["models"][0] = {key: value for key, value in entry.items() if value is not None}
    return document


def faults(document: dict[str, Any]) -> list[str]:
    """What is said of a faulty file."""
    with pytest.raises(InvalidModelsError) as caught:
        validate_models(document)
    return caught.value.faults


def test_an_entry_inherits_and_overrides() -> None:
    (entry,) = validate_models(changed(context=4096, architecture="qwen3", traits={"qkv_bias": True}))

    assert (entry["licence"], entry["context"]) == ("mit", 4096)
    assert entry["traits"] == {"qk_norm": "head", "qkv_bias": True}


def test_a_tower_gets_its_kind() -> None:
    rule = {"rule": "fixed", "tokens": 576}
    (entry,) = validate_models(changed(vision={"kind": "clip", "layers": 2, "image_tokens": rule}))

    assert entry["vision"] == {"class_token": True, "kind": "clip", "layers": 2, "image_tokens": rule}


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"layers": "2"}, "tiny-1b: layers: Input should be a valid integer"),
        ({"layer": 2}, "tiny-1b: layer: Extra inputs are not permitted"),
        ({"moe": {"experts": 2, "active": 3, "width": 8}}, "tiny-1b: moe.active: 3 exceeds experts (2)"),
        ({"moe": {"experts": 2, "active": 1}}, "tiny-1b: moe.width: missing"),
        ({"traits": {"qk_norm": "heads"}}, "tiny-1b: traits.qk_norm: Input should be 'head' or 'projection'"),
        ({"family": "huge"}, "tiny-1b: family: no such family: huge"),
        ({"architecture": "gpt"}, "tiny-1b: architecture: no such architecture: gpt"),
        ({"sources": ["blog"]}, "tiny-1b: sources: no such source: blog"),
        ({"hidden": None}, "tiny-1b: hidden: missing"),
        ({"pattern": "5*sliding full"}, "tiny-1b: window: missing, a layer is sliding"),
        ({"pattern": "mamba"}, "tiny-1b: ssm: missing, a layer is mamba"),
        ({"pattern": "sideways"}, "tiny-1b: pattern: no such kind of layer: sideways"),
        ({"pattern": "2*(full"}, "tiny-1b: pattern: unbalanced ( in a layer pattern"),
        ({"kv_heads": 3}, "tiny-1b: kv_heads: 4 heads cannot share 3"),
        ({"vision": {"kind": "eye"}}, "tiny-1b: vision.kind: no such tower: eye"),
        ({"vision": {"kind": "clip"}}, "tiny-1b: vision.image_tokens: missing"),
        ({"id": "Tiny 1B"}, "Tiny 1B: id: String should match pattern"),
    ],
)
def test_faults_name_entry_and_field(changes: dict[str, Any], fault: str) -> None:
    assert any(line.startswith(fault) for line in faults(changed(**changes)))


def test_an_id_stands_once() -> None:
    document = copy.deepcopy(SMALL)
    document["models"] *= 2

    assert faults(document) == ["tiny-1b: id: is used twice"]


def test_every_fault_is_told() -> None:
    assert len(faults(changed(hidden=None, vocab=None, sources=["blog"]))) == 3


def test_the_schema_is_json_schema() -> None:
    schema = ModelsFile.model_json_schema()

    assert set(schema["properties"]) == {"sources", "architectures", "towers", "families", "models"}
    assert "rule" in schema["$defs"]["Fixed"]["required"]


def test_the_catalogue_is_large_and_recalled_entries_say_so(document: dict[str, Any]) -> None:
    entries = validate_models(document)

    assert len(entries) >= 390
    assert all(entry["sources"] for entry in entries)
    assert "recalled" in next(entry for entry in entries if entry["id"] == "cogito-v2-109b")["sources"]
