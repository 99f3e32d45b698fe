"""Sentences on the file that an estimate is for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.catalogued import catalogue
from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve

TAKEN = "is taken as what Unsloth publishes under the name"


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (1, {"quant": "Q4_K_M"}),
        (1, {"quant": "IQ3_XXS"}),
        # Files are published in 16 bits as they are; a stated size is what the file weighs.
        (0, {"quant": "F16"}),
        (0, {"quant": "Q4_K_M", "file_size": "530MB"}),
    ],
)
def test_what_a_bare_type_is_taken_for(expected: int, request_: dict[str, Any]) -> None:
    asked = parse_request({"gpu": "rtx4090", "model": "qwen3.5-0.8b", "engine": "llama.cpp", **request_})
    found = estimate(resolve(asked, catalogue())[0])

    assert expected == sum(TAKEN in sentence for sentence in found.assumptions)
