"""What servers have in common: layers on GPUs alone, and what they can do without."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deployed import deployed, workload
from tests.samples import gpu, model
from vramfit.engines import engine, estimate
from vramfit.engines.interface import Setting
from vramfit.engines.servers import ServerKeys, refuse_offload, settings
from vramfit.errors import UsageError
from vramfit.quantization import find_scheme

LESS_LEFT = "less is left for other programs on the card"
NO_GRAPHS = "decoding is slower without CUDA graphs, most of all for small models"
SLOWER = "prompts are processed more slowly"


def shares(*pairs: tuple[float, str]) -> list[Setting]:
    return [Setting({"gpu_memory_utilization": share}, words, LESS_LEFT, 1) for share, words in pairs]


def steps(*tokens: int) -> list[Setting]:
    return [
        Setting({"max_batched_tokens": count}, f"process {count:,} tokens per step at most", SLOWER, 2)
        for count in tokens
    ]


EAGER = [Setting({"enforce_eager": True}, "run vllm without CUDA graphs", NO_GRAPHS, 2)]
UP_TO_95 = (0.95, "let vllm take 95% of the card instead of 92%")
UP_TO_98 = (0.98, "let vllm take 98% of the card instead of 92%")


@pytest.mark.parametrize(
    ("expected", "keys", "decided"),
    [
        (
            [*shares(UP_TO_95, UP_TO_98), *EAGER, *steps(1024, 512)],
            ServerKeys(),
            {"gpu_memory_utilization": 0.92, "max_batched_tokens": 2048},
        ),
        # A share that is as large already is not proposed.
        (
            [*shares((0.98, "let vllm take 98% of the card instead of 95%")), *EAGER],
            ServerKeys(),
            {"gpu_memory_utilization": 0.95},
        ),
        (EAGER, ServerKeys(), {"gpu_memory_utilization": 0.98}),
        # Graphs are left out once.
        (steps(512), ServerKeys(enforce_eager=True), {"max_batched_tokens": 1024}),
        # 512 tokens at least.
        (steps(511 + 1), ServerKeys(enforce_eager=True), {"max_batched_tokens": 1025}),
        ([], ServerKeys(enforce_eager=True), {"max_batched_tokens": 1023}),
        # What the server did not decide is not changed.
        ([], ServerKeys(enforce_eager=True), {}),
    ],
)
def test_settings(expected: list[Setting], keys: ServerKeys, decided: dict[str, Any]) -> None:
    """A larger share, no graphs, smaller steps: in the order in which they are worth trying."""
    assert expected == list(settings("vllm", keys, decided, (0.95, 0.98)))


@pytest.mark.parametrize(("name", "expected"), [("vllm", (0.95, 0.98)), ("sglang", (0.633, 0.9, 0.95))])
def test_shares_of_each_server(name: str, expected: tuple[float, ...]) -> None:
    """SGLang's static share leaves activations out, so it goes less far; the first is what weights and cache need."""
    asked = deployed(
        name, (gpu("rtx4090"),), model("llama-2-7b"), find_scheme("fp16"), context=4096, gpu_memory_utilization=0.5
    )
    found = list(engine(name).settings(asked, estimate(asked)))
    assert expected == tuple(
        one.changes["gpu_memory_utilization"] for one in found if "gpu_memory_utilization" in one.changes
    )


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
