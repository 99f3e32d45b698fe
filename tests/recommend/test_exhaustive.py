"""Best choice against an exhaustive search: nothing that is passed over without an estimate meets the criteria."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import pytest

from tests.catalogued import catalogue
from vramfit.engines import engine
from vramfit.engines.machine import check_machine
from vramfit.engines.resolve import deployments
from vramfit.engines.workloads import DEFAULT_CONTEXT_TOKENS
from vramfit.errors import VramfitError
from vramfit.recommend.attempts import Attempts
from vramfit.recommend.choices import (
    EXPERTS_ON,
    Choice,
    Criteria,
    _choice_of,
    best_choice,
    engines,
)
from vramfit.sweep.ladder import ladder
from vramfit.workload.common import EXPERTS

GPUS = (
    "gtx1080", "rtx2060-6gb", "rtx3060-12gb", "rtx4060ti-16gb", "rtx3090", "2xrtx3090", "rtx5090", "a100-pcie-40gb",
    "4xrtx4090", "8xh100-sxm", "m2-16gb", "m4-max-64gb", "rx7900xtx", "2xarcb580", "a100-pcie-80gb", "gb10",
)  # fmt: skip
MODELS = (
    "qwen3-8b", "llama-3.3-70b", "qwen3-30b-a3b", "gpt-oss-20b", "gemma-3-27b", "mistral-7b", "llama-3.2-1b", "phi-4",
    "mixtral-8x7b", "qwen3-32b", "gemma-3-4b", "llama-4-scout", "deepseek-r1", "qwen2.5-72b", "gpt-oss-120b",
)  # fmt: skip
GIB = 2**30
CRITERIA: tuple[dict[str, Any], ...] = (
    {},
    {"level": "tight"},
    {"context": 32768},
    {"parallel": 4},
    {"ram": 64 * GIB},
    {"kv_cache_type": "q8_0", "engine": "llama.cpp"},
    {"cpu_moe_layers": 8, "engine": "llama.cpp"},
    {"platform": "windows"},
    {"reserve": 4 * GIB},
    {"gpu_layers": 10, "engine": "llama.cpp"},
    {"cpu_moe_layers": 999, "engine": "llama.cpp", "ram": 256 * GIB},
    {"cpu_offload": 20 * GIB, "engine": "vllm"},
)


def criteria_of(keys: dict[str, Any], speed: float) -> Criteria:
    """Criteria with deployment keys and a least speed; every label of quality is offered, which makes long ladders."""
    labels = ("reference", "near-lossless", "small", "noticeable", "severe")
    return Criteria({"level": "fits", **keys}, speed, False, False, Attempts(), labels)


def exhaustive(model: Any, gpus: Any, criteria: Criteria) -> Choice | None:
    """Best choice of every engine and scheme, each resolved and estimated by itself."""
    found = [_first(name, model, gpus, criteria) for name in engines(gpus, criteria)]
    return min((one for one in found if one is not None), key=lambda one: one.order, default=None)


def _first(name: str, model: Any, gpus: Any, criteria: Criteria) -> Choice | None:
    runtime = engine(name)
    keys = {"context": min(DEFAULT_CONTEXT_TOKENS, model.context), **criteria.keys, "engine": name}
    schemes = [one for one in ladder(model, name, criteria.labels, False) if runtime.computes_with(one, gpus)]
    rounds: list[dict[str, Any]] = [{}]
    if model.has_experts and keys.get("ram") is not None and EXPERTS not in keys and runtime.places_experts:
        rounds.append({EXPERTS: EXPERTS_ON})
    for more, scheme in product(rounds, schemes):
        try:
            (one,) = deployments({**keys, **more, "quant": runtime.word_of(scheme)}, gpus, model)
            check_machine(gpus, one.workload.platform, runtime.spans_machines)
        except VramfitError:
            continue
        choice = _choice_of(one, criteria)
        if choice is not None:
            return choice
    return None


def summary(choice: Choice | None) -> tuple[str, str, str, int, float, Any] | None:
    """What a choice is: engine, scheme, verdict, need, speed and experts in RAM."""
    if choice is None:
        return None
    one, found = choice.answer.deployment, choice.answer
    return (
        one.engine, one.scheme.id, found.verdict.word, found.required_bytes, choice.speed, found.command,
    )  # fmt: skip


def compared(gpus: Any, models: Any, criteria: Any, speeds: Any, cases: int, seed: int) -> tuple[list[Any], int]:
    """Cases where the two searches differ, out of a draw, and the number of cases that have a choice at all."""
    draw = random.Random(seed)
    every = list(product(gpus, models, criteria, speeds))
    different, answered = [], 0
    for gpu, name, keys, speed in draw.sample(every, min(cases, len(every))):
        model, cards = catalogue().model(name), catalogue().gpus(gpu)
        fast = summary(best_choice(model, cards, criteria_of(keys, speed)))
        whole = summary(exhaustive(model, cards, criteria_of(keys, speed)))
        answered += whole is not None
        if fast != whole:
            different.append((gpu, name, keys, speed, fast, whole))
    return different, answered


def test_pruning_loses_nothing() -> None:
    """Draw of GPUs, models and criteria."""
    different, answered = compared(GPUS[:12], MODELS[:8], CRITERIA, (0.0, 25.0), 120, 1)
    assert answered > 30
    assert [] == different


@pytest.mark.slow
def test_pruning_loses_nothing_over_a_large_draw() -> None:
    """More of each."""
    different, answered = compared(GPUS, MODELS, CRITERIA, (0.0, 5.0, 25.0), 2000, 2)
    assert answered > 500
    assert [] == different
