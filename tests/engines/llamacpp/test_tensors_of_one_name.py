"""Layers with two tensors of one name: none of them is lost, and each has a type."""

from __future__ import annotations

import pytest

from tests.catalogued import catalogue
from vramfit.engines.llamacpp.placement import FIRST_LAYER_TENSORS, _cut
from vramfit.quantization import SCHEMES, store


@pytest.mark.parametrize("scheme", ["Q4_K_M", "Q8_0", "IQ2_M"])
@pytest.mark.parametrize("model", ["ernie-4.5-vl-28b-a3b", "inkling-small-276b-a12b", "qwen3-30b-a3b", "mixtral-8x7b"])
def test_layers_have_all_bytes_that_are_stored_of_them(model: str, scheme: str) -> None:
    """ERNIE 4.5 VL's layers have experts for text and for images, Inkling's two attentions; of the others no name is double."""
    found = catalogue().model(model)
    stored = store(found, SCHEMES[scheme])
    expected = sum(row.bytes_each * row.tensor.copies * len(row.layers) for row in stored if row.layers)
    expected += sum(row.total_bytes for row in stored if row.tensor.name in FIRST_LAYER_TENSORS and not row.layers)
    assert sum(_cut(found, stored).layer_bytes) == expected > 0
