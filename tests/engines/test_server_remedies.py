"""What servers can do without, in the order in which it is worth trying."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deployed import deployed
from tests.samples import gpu, model
from vramfit.engines import engine, estimate
from vramfit.engines.interface import Setting
from vramfit.quantization import find_scheme
from vramfit.units import GIB

LESS_LEFT = "less is left for other programs on the card"
NO_GRAPHS = "decoding is slower without CUDA graphs, most of all for small models"
SLOWER = "prompts are processed more slowly"


def shares(*pairs: tuple[float, str]) -> list[Setting]:
    return [Setting({"gpu_memory_utilization": share}, words, LESS_LEFT, 1) for share, words in pairs]


def requests(*counts: int) -> list[Setting]:
    return [
        Setting(
            {"max_num_seqs": count}, f"process {count:,} requests at once at most", "more of them than that queue", 1
        )
        for count in counts
    ]


def steps(*tokens: int) -> list[Setting]:
    return [
        Setting({"max_batched_tokens": count}, f"process {count:,} tokens per step at most", SLOWER, 2)
        for count in tokens
    ]


def found(name: str = "vllm", sample: str = "llama-2-7b", cards: int = 1, **values: Any) -> list[Setting]:
    """Settings of a deployment on RTX 4090s."""
    asked = deployed(name, (gpu("rtx4090"),) * cards, model(sample), find_scheme("fp16"), context=4096, **values)
    return list(engine(name).settings(asked, estimate(asked)))


EAGER = [Setting({"enforce_eager": True}, "run vllm without CUDA graphs", NO_GRAPHS, 2)]
EXPERTS = [
    Setting(
        {"expert_parallel": True}, "keep whole experts on each GPU instead of a part of each (expert parallel)",
        "GPUs wait for the one whose experts are asked most", 1,
    )
]  # fmt: skip
UP_TO_95 = (0.95, "let vllm take 95% of the card instead of 92%")
UP_TO_98 = (0.98, "let vllm take 98% of the card instead of 92%")


@pytest.mark.parametrize(
    ("expected", "values"),
    [
        ([*shares(UP_TO_95, UP_TO_98), *requests(128, 64, 32, 16, 8), *EAGER, *steps(1024, 512)], {}),
        # A share that is as large already is not proposed.
        (
            [*shares((0.95, "let vllm take 95% of the card instead of 50%"),
                     (0.98, "let vllm take 98% of the card instead of 50%")), *steps(512)],
            {"gpu_memory_utilization": 0.5, "max_num_seqs": 15, "enforce_eager": True, "max_batched_tokens": 1025},
        ),
        # Never fewer requests than are asked at once, nor fewer than 512 tokens a step.
        (
            [*shares(UP_TO_95, UP_TO_98), *requests(128, 64), *EAGER],
            {"parallel": 33, "max_batched_tokens": 1023},
        ),
        # Whole experts on each GPU, for a mixture on several.
        (
            [*shares(UP_TO_95, UP_TO_98), *EXPERTS, *EAGER],
            {"sample": "mixtral-8x7b", "cards": 2, "max_num_seqs": 8, "max_batched_tokens": 512},
        ),
        (
            [*shares(UP_TO_95, UP_TO_98), *EAGER],
            {"sample": "mixtral-8x7b", "max_num_seqs": 8, "max_batched_tokens": 512},
        ),
    ],
)  # fmt: skip
def test_settings(expected: list[Setting], values: dict[str, Any]) -> None:
    """A larger share, fewer requests, whole experts, no graphs, smaller steps."""
    assert expected == found(**values)


def test_experts_are_whole_once() -> None:
    assert not [
        one for one in found(sample="mixtral-8x7b", cards=2, expert_parallel=True) if "expert_parallel" in one.changes
    ]


@pytest.mark.parametrize(
    ("name", "expected", "of"),
    [("vllm", (0.95, 0.98), "of the card"), ("sglang", (0.633, 0.9, 0.95), "of the"),
     ("tensorrt-llm", (0.95,), "of what is free")],
)  # fmt: skip
def test_shares_of_each_server(name: str, expected: tuple[float, ...], of: str) -> None:
    """SGLang's static share leaves activations out, so it goes less far; TensorRT-LLM's is of what is left."""
    given = [one for one in found(name, gpu_memory_utilization=0.5) if "gpu_memory_utilization" in one.changes]
    assert expected == tuple(one.changes["gpu_memory_utilization"] for one in given)
    assert all(f"% {of}" in one.summary and "50" in one.summary for one in given)


def test_a_share_that_is_free_comes_first() -> None:
    """24,080 MiB less 4 GiB of a desktop and 440 MiB of context are 81 %."""
    first = found(reserve_bytes=4 * GIB)[0]
    summary = "let vllm take 81% of the card, which is free, instead of 92%"
    assert Setting({"gpu_memory_utilization": 0.81}, summary, "a smaller cache: more requests queue", 1) == first
    assert not [one for one in found() if "which is free" in one.summary]
    # Where next to nothing is free, no share is proposed.
    assert not [one for one in found(reserve_bytes=18 * GIB) if "which is free" in one.summary]
    # Servers that do not look start all the same.
    assert not [one for one in found("tensorrt-llm", reserve_bytes=4 * GIB) if "which is free" in one.summary]


@pytest.mark.parametrize(
    ("expected", "cards", "values"),
    [
        ([], 1, {}),
        ([{"tensor_parallel": 1, "pipeline_parallel": 2}], 2, {}),
        ([{"tensor_parallel": 2, "pipeline_parallel": 2}, {"tensor_parallel": 1, "pipeline_parallel": 4}], 4, {}),
        (
            [{"tensor_parallel": 4, "pipeline_parallel": 1}, {"tensor_parallel": 1, "pipeline_parallel": 4}],
            4, {"tensor_parallel": 2, "pipeline_parallel": 2},
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["vllm", "sglang", "tensorrt-llm"])
def test_divisions(name: str, expected: list[dict[str, int]], cards: int, values: dict[str, int]) -> None:
    """Every other pair of ranks and stages, most ranks first."""
    asked = deployed(name, (gpu("rtx4090"),) * cards, model("llama-2-7b"), find_scheme("fp16"), context=4096, **values)
    needed = estimate(asked)
    assert expected == [one.changes for one in engine(name).divisions(asked, needed, ())]
