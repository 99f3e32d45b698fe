"""An engine's view of GPUs is all that an estimate knows of them.

``READ`` lists the facts that each view reads. It is held to be exact: no other fact of a GPU is looked at, each of these
is, and each of these makes a difference; and an estimate stays what it is when all other facts change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.catalogued import catalogue, some_gpu_id
from tests.deployed import job, workload
from vramfit._record import fields, is_record, replace
from vramfit.engines import engine, estimate, names
from vramfit.engines.interface import Job
from vramfit.engines.resolve import deployments
from vramfit.errors import VramfitError
from vramfit.hardware import Gpu
from vramfit.workload.common import CLASSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vramfit.engines import Deployment
    from vramfit.engines.interface import View

USABLE = {"vendor", "memory_bytes", "unified", "usable_readings"}
"""Facts that decide what a program can have of a GPU."""
READ = {
    "transformers": {"compute_target", *USABLE},
    "llama.cpp": {"compute_target", "cores", *USABLE},
    "vllm": {"compute_target", "name", "cores", "id", "segment", "nvlink_bytes_per_second", *USABLE},
    "sglang": {"vendor", "compute_target", "memory_bytes", "nvlink_bytes_per_second", "id", "unified", "segment"},
    "ollama": {"compute_target", "cores", *USABLE},
    "exllamav2": {"vendor", "compute_target"},
    "exllamav3": {"vendor", "compute_target"},
    "mlx": {"vendor", "compute_target", "usable_readings"},
    "tensorrt-llm": {"vendor", "compute_target", "id", "unified", "segment"},
    "diffusers": {"compute_target", *USABLE},
    "comfyui": {"compute_target", *USABLE},
    "whisper.cpp": {"vendor", "compute_target", "cores"},
    "faster-whisper": {"compute_target"},
    "openai-whisper": {"vendor", "compute_target"},
}
"""Facts of a GPU that each engine's view reads, in one set of settings or another."""
MODELS = (
    "llama-3.2-1b", "qwen3-30b-a3b", "deepseek-v2-lite", "gemma-3-4b", "gpt-oss-20b", "mamba2-2.7b", "qwen3.5-0.8b",
    "llava-1.6-13b", "llama-3.2-11b-vision", "sdxl-base", "kokoro-82m",
)  # fmt: skip
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    {"context": 32768, "parallel": 4},
    {"gpu_layers": "auto"},
    {"images": 0},
    {"reserve": 2**30, "platform": "windows"},
    {"flash_attention": "off"},
    {"task": "qlora"},
)
QUANTS = (*CLASSES, "MXFP4")
TELLING = (
    "gtx1050", "gtx1080", "rtx4090", "l40s", "a100-sxm4-80gb", "h100-sxm", "h200", "b200", "gb200", "gb10", "mi300x", "arcb580",
    "m4-max-128gb",
)  # fmt: skip
"""GPUs on different sides of what engines distinguish."""
COUNTS = (1, 2, 8)
"""Numbers of GPUs: one machine or several, by the kind of GPU."""
VIEWED: tuple[dict[str, Any], ...] = (
    {},
    {"gpu_layers": "auto"},
    {"images": 1},
    {"images": 1, "platform": "windows"},
)
"""Fields of workloads that a view depends on, one of each branch."""

gpus = st.one_of(st.sampled_from(TELLING), some_gpu_id).map(lambda name: catalogue().gpu(name))


def test_every_engine_is_in_the_table() -> None:
    """A new engine says what it reads."""
    assert set(names()) == set(READ)
    assert all(facts <= set(fields(Gpu)) for facts in READ.values())


class Watched(Gpu):
    """A GPU that notes which of its facts are read, also by its own properties."""

    def __init__(self, gpu: Gpu) -> None:
        super().__init__(**{name: getattr(gpu, name) for name in fields(Gpu)})
        self.__dict__["noted"] = set()

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__(self, "__dict__")
        if "noted" in own and name in fields(Gpu):
            own["noted"].add(name)
        return object.__getattribute__(self, name)


FURTHER: dict[str, dict[str, Any]] = {"vllm": {"engine_version": "0.19.0"}, "transformers": {"task": "qlora"}}
"""Fields with which an engine's view reads more: an older release, and fine-tuning, whose slack is what a GPU has left."""


def viewed(name: str) -> tuple[dict[str, Any], ...]:
    """Fields of workloads that an engine's view depends on."""
    return (*VIEWED, FURTHER[name]) if name in FURTHER else VIEWED


def seen(name: str, cards: tuple[Gpu, ...], values: Mapping[str, Any]) -> View[Any] | None:
    """The view of some GPUs; None where the engine does not run on them."""
    try:
        return engine(name).view(cards, workload(name, **{"context": 4096, **values}))
    except VramfitError:
        return None


@pytest.mark.parametrize("name", READ)
def test_a_view_reads_these_facts_and_no_others(name: str) -> None:
    """Over cards of every kind, one and two of them, and settings of every branch."""
    noted: set[str] = set()
    answered = 0
    for card in TELLING:
        for values in viewed(name):
            for count in COUNTS:
                watched: Any = Watched(catalogue().gpu(card))
                answered += seen(name, (watched,) * count, values) is not None
                noted |= watched.__dict__["noted"]
    assert answered > 0
    # An engine that refuses a card names it.
    assert READ[name] == noted - ({"name"} - READ[name])


@pytest.mark.parametrize(("name", "fact"), [(name, fact) for name, facts in READ.items() for fact in sorted(facts)])
def test_each_of_these_facts_matters(name: str, fact: str) -> None:
    """Some card of the catalogue with the fact of another is another card to the engine."""
    cards = [catalogue().gpu(card) for card in TELLING]
    changed = [
        (one, other, values, count)
        for values in viewed(name)
        for count in COUNTS
        for one in cards
        for other in cards
        if seen(name, (one,) * count, values)
        != seen(name, (replace(one, **{fact: getattr(other, fact)}),) * count, values)
    ]
    assert changed


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("values", VIEWED, ids=str)
def test_traits_are_plain_values(name: str, values: dict[str, Any]) -> None:
    """No GPU hides in them; they can be compared and told apart in a set."""
    views = [seen(name, (catalogue().gpu(card),) * count, values) for card in TELLING for count in (1, 2)]
    traits = [view.traits for view in views if view is not None]
    assert traits
    assert 0 < len(set(traits)) <= len(traits)
    assert all(_plain(one) for one in traits)
    assert "gpus" not in fields(Job)


def _plain(value: object) -> bool:
    if isinstance(value, tuple):
        return all(map(_plain, value))
    kind = type(value)
    if is_record(kind):
        return not isinstance(value, Gpu) and all(_plain(getattr(value, name)) for name in fields(kind))
    return kind in (int, float, str, bool, type(None))


def resolved(name: str, model: str, keys: Mapping[str, Any], cards: tuple[Gpu, ...]) -> Deployment:
    """The deployment of a request; the test is skipped where it means nothing."""
    try:
        (found,) = deployments({**keys, "engine": name}, cards, catalogue().model(model))
    except VramfitError:
        assume(False)
        raise
    return found


def told(deployment: Deployment) -> Any:
    """The whole estimate, its words with it, but for the rules on what starts, which name the card; or the error's kind."""
    try:
        return replace(estimate(deployment), refusal=None)
    except VramfitError as error:
        return type(error).__name__, error.code


@settings(max_examples=500)
@given(
    st.sampled_from(sorted(READ)),
    st.sampled_from(MODELS),
    st.sampled_from(SETTINGS),
    st.lists(st.tuples(gpus, gpus), min_size=1, max_size=3),
    st.sampled_from(QUANTS),
)
def test_an_estimate_depends_on_no_other_fact(
    name: str, model: str, keys: Mapping[str, Any], pairs: list[tuple[Gpu, Gpu]], word: str
) -> None:
    """Cards of any mixture, each with the other facts of another card: one fact at a time, and all at once."""
    quant = {} if keys.get("task") else {"quant": word}
    asked = resolved(name, model, {**keys, **quant}, tuple(one for one, _ in pairs))
    expected = told(asked)
    others = [fact for fact in fields(Gpu) if fact not in READ[name]]
    for changed in [others, *([fact] for fact in others)]:
        cards = tuple(replace(one, **{fact: getattr(other, fact) for fact in changed}) for one, other in pairs)
        assert expected == told(replace(asked, gpus=cards)), changed


@settings(max_examples=200)
@given(
    st.sampled_from(sorted(READ)),
    st.sampled_from(MODELS),
    st.sampled_from(SETTINGS),
    st.lists(gpus, min_size=1, max_size=3),
)
def test_the_runtime_s_share_is_added_to_what_the_traits_decide(
    name: str, model: str, keys: Mapping[str, Any], cards: list[Gpu]
) -> None:
    """Each GPU in use has its own share on top, in the overhead and at both ends of the interval; the host has none."""
    asked = resolved(name, model, keys if keys.get("task") else {**keys, "quant": "int4"}, tuple(cards))
    try:
        whole = estimate(asked)
    except VramfitError:
        return
    bare = engine(name).estimate(job(asked))
    shares = engine(name).view(asked.gpus, asked.workload).shares
    for number, (before, after, share) in enumerate(zip(bare.gpus, whole.gpus, shares, strict=True)):
        used = number not in bare.idle
        added = replace(
            before,
            overhead_bytes=before.overhead_bytes + used * share.expected,
            low_bytes=before.low_bytes + used * share.low,
            high_bytes=before.high_bytes + used * share.high,
        )
        assert added == after
    assert (bare.host, bare.settings, bare.assumptions) == (whole.host, whole.settings, whole.assumptions)
