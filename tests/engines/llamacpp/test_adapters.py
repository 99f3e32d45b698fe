"""LoRA adapters are with the layers that they change."""

from __future__ import annotations

from typing import Any

import pytest

from vramfit.answer import Answer, answer
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import terms
from vramfit.errors import UsageError
from vramfit.sources import open_catalogue
from vramfit.units import MIB

CATALOGUE = open_catalogue()


def answered(**keys: Any) -> Answer:
    """Answer for Qwen3 8B, which has 36 layers, on two cards."""
    asked = {"gpu": "2xrtx3090", "model": "qwen3-8b", "engine": "llama.cpp", "quant": "Q4_K_M", **keys}
    return answer(resolve(parse_request(asked), CATALOGUE)[0])


@pytest.mark.parametrize(
    ("keys", "shares"),
    [
        # 37 layers with the output's: 19 and 18 of them on the cards, so 19 and 17 of the model's.
        ({}, (190, 170, 0)),
        ({"tensor_split": "3,1"}, (280, 80, 0)),
        ({"gpu_layers": 11}, (60, 40, 260)),
        ({"gpu_layers": 0}, (0, 0, 360)),
    ],
)
def test_each_layer_has_its_share(keys: dict[str, Any], shares: tuple[int, ...]) -> None:
    without, found = answered(**keys), answered(**keys, adapter_size="360MiB")
    more = [
        one.weights_bytes - other.weights_bytes
        for one, other in zip(
            (*found.estimate.gpus, found.estimate.host), (*without.estimate.gpus, without.estimate.host), strict=True
        )
    ]
    assert [share * MIB for share in shares] == more
    listed = {term.device: term.bytes for term in terms(found.deployment) if term.name == "LoRA adapters"}
    assert {size for size in more if size} == set(listed.values())


def test_a_command_loads_them() -> None:
    assert " --lora adapter.gguf" in answered(adapter_size="10MiB").command


def test_not_with_tensors_split() -> None:
    with pytest.raises(UsageError, match="not modelled with LoRA adapters"):
        answered(adapter_size="10MiB", split_mode="tensor")
