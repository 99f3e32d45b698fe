"""What an estimate reads of a GPU is what its engine says it reads: two GPUs of equal traits can share one estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.catalogued import catalogue, some_gpu_id
from vramfit._record import fields, replace
from vramfit.engines import MODULES, Deployment, Estimate, engine
from vramfit.engines.resolve import deployments
from vramfit.errors import VramfitError
from vramfit.hardware import Gpu
from vramfit.workload.common import CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping

ENGINES = tuple(MODULES)
MODELS = (
    "llama-3.2-1b", "qwen3-30b-a3b", "deepseek-v2-lite", "gemma-3-4b", "gpt-oss-20b", "mamba2-2.7b", "qwen3.5-0.8b",
    "llava-1.6-13b", "llama-3.2-11b-vision",
)  # fmt: skip
KEYS: tuple[dict[str, Any], ...] = (
    {},
    {"context": 32768, "parallel": 4},
    {"gpu_layers": "auto"},
    {"images": 0},
    {"reserve": 2**30, "platform": "windows"},
    {"flash_attention": "off"},
    {"task": "qlora"},
)

QUANTS = (*CLASSES, "MXFP4")
TELLING = ("gtx1050", "rtx4090", "l40s", "a100-sxm4-80gb", "h100-sxm", "h200", "b200", "gb10", "mi300x", "m4-max-128gb")
"""GPUs on different sides of what engines distinguish."""

gpus = st.one_of(st.sampled_from(TELLING), some_gpu_id).map(lambda name: catalogue().gpu(name))
altered = st.builds(
    lambda one, other, names: replace(one, **{name: getattr(other, name) for name in names}),
    gpus,
    gpus,
    st.sets(st.sampled_from(fields(Gpu))),
)
"""A GPU with some facts of another."""


def resolved(name: str, model: str, keys: Mapping[str, Any], cards: tuple[Gpu, ...]) -> tuple[Deployment, ...]:
    """The deployments of a request; the test is skipped where it means nothing."""
    try:
        return deployments({**keys, "engine": name}, cards, catalogue().model(model))
    except VramfitError:
        assume(False)
        raise


def told(deployment: Deployment) -> tuple[Any, ...] | tuple[str, str]:
    """The estimate without each GPU's share, and the budgets likewise; or the refusal."""
    try:
        found = engine(deployment.engine).estimate(deployment)
    except VramfitError as error:
        return type(error).__name__, error.code
    return bare(deployment, found).gpus, found.host, bare_budgets(deployment, found)


def bare(deployment: Deployment, found: Estimate) -> Estimate:
    """The estimate as a sweep keeps it."""
    devices = []
    for device, gpu in zip(found.gpus, deployment.gpus, strict=True):
        share = engine(deployment.engine).runtime_share(gpu, deployment.workload)
        devices.append(
            replace(
                device,
                overhead_bytes=device.overhead_bytes - share.expected,
                low_bytes=device.low_bytes - share.low,
                high_bytes=device.high_bytes - share.high,
            )
        )
    return replace(found, gpus=tuple(devices))


def bare_budgets(deployment: Deployment, found: Estimate) -> tuple[int, ...] | None:
    if found.budget_bytes is None:
        return None
    module, work = engine(deployment.engine), deployment.workload
    shares = [module.runtime_share(gpu, work).expected for gpu in deployment.gpus]
    return tuple(budget - share for budget, share in zip(found.budget_bytes, shares, strict=True))


@settings(max_examples=500)
@given(
    st.sampled_from(ENGINES),
    st.sampled_from(MODELS),
    st.sampled_from(KEYS),
    st.lists(st.tuples(gpus, altered), min_size=1, max_size=3),
    st.sampled_from(QUANTS),
)
def test_gpus_of_equal_traits_differ_in_share_and_budget_alone(
    name: str, model: str, keys: Mapping[str, Any], pairs: list[tuple[Gpu, Gpu]], word: str
) -> None:
    """A card, or another with any of its facts changed: unless the traits differ, the rest of the estimate does not."""
    module = engine(name)
    quant = {} if keys.get("task") else {"quant": word}
    one = tuple(pair[0] for pair in pairs)
    (asked,) = resolved(name, model, {**keys, **quant}, one)
    # Each fact by itself and all together: a change of many may hide one behind another.
    other = tuple(pair[1] for pair in pairs)
    changes = [other] + [
        tuple(replace(a, **{field: getattr(b, field)}) for a, b in zip(one, other, strict=True))
        for field in fields(Gpu)
    ]
    expected = told(asked)
    for cards in changes:
        if module.gpu_traits(cards, asked.workload) != module.gpu_traits(one, asked.workload):
            continue
        changed = replace(asked, gpus=cards)
        found = told(changed)
        assert found[:2] == expected[:2]
        if len(expected) == 3 and expected[2] is not None:
            kept = bare(asked, module.estimate(asked))
            assert found[2] == module.budgets(cards, asked.model, asked.workload, kept)


class Watched:
    """A GPU that notes which of its facts are read."""

    def __init__(self, gpu: Gpu) -> None:
        self._gpu = gpu
        self.read: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.read.add(name)
        return getattr(self._gpu, name)

    def __hash__(self) -> int:
        return hash(self._gpu)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Watched) and self._gpu == other._gpu


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("card", ["rtx4090", "h200", "mi300x", "m4-max-128gb", "arcb580", "gtx1080"])
@pytest.mark.parametrize("keys", KEYS, ids=str)
def test_no_other_fact_is_looked_at(name: str, card: str, keys: Mapping[str, Any]) -> None:
    """Estimating reads no fact that neither the three functions nor the usable memory read."""
    module: Any = engine(name)
    gpu = catalogue().gpu(card)
    try:
        (asked, *_) = deployments({**keys, "engine": name}, (gpu,), catalogue().model("gemma-3-4b"))
        bare_estimate = bare(asked, module.estimate(asked))
    except VramfitError:
        return
    watched: Any = Watched(gpu)
    module.estimate(replace(asked, gpus=(watched,)))
    estimated, watched.read = watched.read, set()
    module.gpu_traits((watched,), asked.workload)
    module.runtime_share(watched, asked.workload)
    module.budgets((watched,), asked.model, asked.workload, bare_estimate)
    declared = watched.read | {"usable_readings", "memory_bytes", "vendor", "unified"}
    # Names are for messages and assumptions.
    assert estimated - declared <= {"name", "id"}
