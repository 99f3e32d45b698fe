"""Every GGUF file type of 25 models against llama.cpp's own accounting (``gguf_sizes.yaml``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.each import each
from tests.quantization.builders import build
from vramfit.model import tensors
from vramfit.quantization import derive, find_scheme

TABLE: dict[str, dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("gguf_sizes.yaml").read_text("utf-8"))

MIB = 2**20
ROUNDING_MIB = 0.005 + 1e-9
"""Half of the last digit llama-quantize prints, and the noise of a binary fraction on its edge."""


@pytest.mark.parametrize("name", TABLE)
def test_sizes_are_llama_cpps_to_the_last_printed_digit(name: str) -> None:
    row = TABLE[name]
    model = build(name, **row["facts"])

    for file_type, mib in each(row["sizes"].items()):
        size = derive(model, find_scheme(file_type)).file_bytes

        assert size / MIB == pytest.approx(mib, abs=ROUNDING_MIB, rel=0), file_type


@pytest.mark.parametrize("name", TABLE)
def test_the_table_describes_the_models_llama_cpp_counted(name: str) -> None:
    model = build(name, **TABLE[name]["facts"])

    assert sum(tensor.elements * tensor.count for tensor in tensors(model)) == TABLE[name]["parameters"]


def test_the_table_holds_31_file_types_of_each_model() -> None:
    assert {len(row["sizes"]) for row in TABLE.values()} == {31}
    assert len(TABLE) == 25
