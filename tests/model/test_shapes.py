"""The shapes of whole models against those that transformers makes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

from vramfit.model import Model, tensors

SHAPES: dict[str, dict[str, int]] = yaml.safe_load((Path(__file__).parent / "shapes.yaml").read_text("utf-8"))


@pytest.mark.parametrize("key", SHAPES)
def test_as_many_tensors_of_each_shape(models: dict[str, Model], key: str) -> None:
    counted: Counter[str] = Counter()
    for tensor in tensors(models[key]):
        if not tensor.buffer:
            axes = sorted(axis for axis in tensor.shape if axis > 1) or [1]
            counted["x".join(map(str, axes))] += tensor.count

    assert {str(shape): count for shape, count in SHAPES[key].items()} == dict(counted)
