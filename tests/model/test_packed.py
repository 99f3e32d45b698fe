"""Models as the compiled catalogue holds them."""

from __future__ import annotations

import marshal
from typing import TYPE_CHECKING

import pytest

from tests.each import each
from tests.samples import model
from vramfit._record import replace
from vramfit.model import active_parameters, max_image_tokens, parameters, tensors
from vramfit.model.packed import pack, unpack

if TYPE_CHECKING:
    from vramfit.model import Model


def again(packed: Model) -> Model:
    """A model after its stay in a compiled file."""
    return unpack(marshal.loads(marshal.dumps(pack(packed), 2)))


def test_every_model_of_the_catalogue_comes_back(models: dict[str, Model]) -> None:
    for key, one in each(models.items()):
        back = again(one)
        assert back == one, key
        counts = [(tensors(m), parameters(m), active_parameters(m), max_image_tokens(m)) for m in (back, one)]
        assert counts[0] == counts[1], key


def test_only_what_differs_from_a_default_is_kept() -> None:
    packed = pack(model("llama-3.1-8b"))
    assert packed["traits"] == {"": "Traits"}
    assert packed["layers"][0]["mixers"] == (
        {"": "Attention", "kind": "full", "heads": 32, "kv_heads": 8, "head_dim": 128, "value_dim": 128},
    )


def test_a_tower_is_unpacked_when_it_is_asked_for() -> None:
    back = again(model("llava-1.5-7b"))
    assert back.sees
    assert "vision" not in vars(back)
    assert back.vision == model("llava-1.5-7b").vision
    assert back.vision is back.vision
    assert back.audio is None


def test_a_changed_copy_has_the_tower_too() -> None:
    back = replace(again(model("llava-1.5-7b")), name="X")
    assert (back.name, back.vision) == ("X", model("llava-1.5-7b").vision)


def test_a_model_without_a_tower_has_none() -> None:
    back = again(model("llama-3.1-8b"))
    assert (back.sees, back.vision, back.audio) == (False, None, None)


def test_a_model_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="a Model has no smell"):
        _ = again(model("llava-1.5-7b")).smell  # type: ignore[attr-defined]
