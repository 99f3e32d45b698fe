"""What servers have in common: layers on GPUs alone, and what they can do without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deployed import workload
from tests.samples import model
from vramfit.engines.servers import refuse_offload
from vramfit.errors import UsageError


@pytest.mark.parametrize(
    "values", [{"gpu_layers": 31}, {"gpu_layers": "auto"}, {"gpu_layers": 99}, {"cpu_moe_layers": 1}]
)
def test_layers_in_ram_are_refused(values: dict[str, Any]) -> None:
    """Also where the number is more than the model has: it means another program."""
    with pytest.raises(UsageError) as caught:
        refuse_offload(model("llama-2-7b"), workload("vllm", context=1, **values), "vllm")
    assert "vllm keeps every layer on the GPUs" == caught.value.message
    assert "use --engine llama.cpp for layers in RAM" == caught.value.hint


@pytest.mark.parametrize("layers", ["all", 32])
def test_all_layers_are_not_refused(layers: int | str) -> None:
    """In a word or in a number."""
    refuse_offload(model("llama-2-7b"), workload("vllm", context=1, gpu_layers=layers), "vllm")
