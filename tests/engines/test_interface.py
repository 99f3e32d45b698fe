"""What engines answer with, and what is the same of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deployed import deployed, job, workload
from tests.each import each
from tests.samples import gpu, model
from vramfit._record import fields, replace
from vramfit.engines import engine, estimate, names
from vramfit.engines.base import Engine
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate, Share, Words
from vramfit.engines.pool import Pool
from vramfit.engines.profile import USUAL
from vramfit.engines.terms import Ledger
from vramfit.quantization import SCHEMES, find_scheme
from vramfit.workload.common import CACHE_TYPES, CLASSES
from vramfit.workload.training import TASKS

if TYPE_CHECKING:
    from vramfit.engines import Deployment


def test_total_is_the_sum_of_the_parts() -> None:
    """The expected need of a device; the interval and what is read of it stand apart."""
    assert 1111 == DeviceMemory("gpu0", 1, 10, 100, 1000, 5, 9999, 7).total_bytes


@pytest.mark.parametrize(
    ("expected", "share", "offered", "outside", "rounded_up"),
    [
        # Whole bytes either way.
        ([50], 0.5, [100], [0], False),
        ([50], 0.5, [100], [0], True),
        # To the nearest, halves to the even one; or always up.
        ([33], 0.3, [110], [0], False),
        ([34], 0.3, [111], [0], True),
        ([33], 0.3, [111], [0], False),
        ([2], 0.5, [5], [0], False),
        ([3], 0.5, [5], [0], True),
        ([4], 0.5, [7], [0], False),
        ([4], 0.5, [7], [0], True),
        # Never more than the card offers, but for what lies outside of the share.
        ([100], 1.0, [100], [0], True),
        ([107], 1.0, [100], [7], True),
        ([107], 1.0, [100], [7], False),
        ([0], 0.9, [0], [0], True),
        ([7], 0.9, [0], [7], False),
        # Each GPU by itself.
        ([51, 202, 3], 0.5, [100, 400, 0], [1, 2, 3], True),
    ],
)
def test_limits_of_a_pool(
    expected: list[int], share: float, offered: list[int], outside: list[int], rounded_up: bool
) -> None:
    """A share of what each GPU offers, in whole bytes, and what is taken outside of it."""
    assert tuple(expected) == Pool(share, tuple(outside), rounded_up).limits(offered)


@given(st.floats(0.01, 1.0), st.lists(st.tuples(st.integers(0, 2**40), st.integers(0, 2**35)), min_size=1, max_size=4))
def test_both_roundings_of_a_pool(share: float, cards: list[tuple[int, int]]) -> None:
    """They are at most a byte apart, and never take more of a GPU than it offers."""
    outside = tuple(beside for _, beside in cards)
    up, nearest = (Pool(share, outside, rounded_up).limits([card for card, _ in cards]) for rounded_up in (True, False))
    for (offered, beside), most, near in zip(each(cards), up, nearest, strict=True):
        assert 0 <= most - near <= 1
        assert beside <= near
        assert most <= offered + beside


@pytest.mark.parametrize(
    ("expected", "fixed"),
    [
        # A stated size replaces the share, on a card that offers more; None stands for the card.
        ((63, 103), (60, None)),
        ((103, 23), (None, 20)),
        ((103, 103), (200, 100)),
    ],
)
def test_a_fixed_limit_of_a_pool(expected: tuple[int, int], fixed: tuple[int | None, int | None]) -> None:
    """Besides what lies outside of it."""
    assert expected == Pool(0.5, (3, 3), True, fixed_bytes=fixed).limits([100, 100])


@pytest.mark.parametrize(
    ("expected", "spare", "left"),
    [
        (0, (), (0, 0)),
        (0, (5, 5), (5, 9)),
        (1, (5, 5), (4, 9)),
        (3, (5, 7), (4, 4)),
        # The need itself is not met, which is worse.
        (0, (5, 5), (-1, 9)),
    ],
)
def test_what_a_pool_lacks(expected: int, spare: tuple[int, ...], left: tuple[int, int]) -> None:
    """Bytes that are not left beside the need, on the GPU with fewest."""
    assert expected == Pool(0.5, (0, 0), True, spare_bytes=spare).lacking_bytes(left)


@pytest.mark.parametrize("offered", [[], [100, 100]])
def test_a_pool_is_for_as_many_gpus_as_it_was_made_for(offered: list[int]) -> None:
    """A limit for each GPU, or an error: never one that is left out."""
    with pytest.raises(ValueError, match="zip"):
        Pool(0.5, (0,), True).limits(offered)


def three_gpus(**more: object) -> Estimate:
    """An estimate of three GPUs: weights of 100, 200 and none."""
    devices = [DeviceMemory(f"gpu{n}", size, 0, 0, 10, size + 5, size + 20, 1) for n, size in enumerate((100, 200, 0))]
    return replace(Estimate(tuple(devices), NOTHING, 300, (), {}), **more)


SHARES = (Share(1, 2, 4), Share(10, 20, 40), Share(100, 200, 400))


@pytest.mark.parametrize(
    ("overheads", "lows", "highs", "idle"),
    [
        ([12, 30, 210], [106, 215, 105], [124, 260, 420], ()),
        ([12, 30, 10], [106, 215, 5], [124, 260, 20], (2,)),
        ([10, 30, 10], [105, 215, 5], [120, 260, 20], (0, 2)),
        ([10, 10, 10], [105, 205, 5], [120, 220, 20], (0, 1, 2)),
    ],
)
def test_the_runtime_s_share_is_added(
    overheads: list[int], lows: list[int], highs: list[int], idle: tuple[int, ...]
) -> None:
    """To overhead, low and high of each GPU in use; what is idle, the host and everything else stay as they are."""
    bare = three_gpus(idle=idle)
    found = bare.on(SHARES)
    assert overheads == [device.overhead_bytes for device in found.gpus]
    assert lows == [device.low_bytes for device in found.gpus]
    assert highs == [device.high_bytes for device in found.gpus]
    kept = ("device", "weights_bytes", "kv_cache_bytes", "compute_bytes", "read_bytes")
    assert [[getattr(d, name) for name in kept] for d in bare.gpus] == [
        [getattr(d, name) for name in kept] for d in found.gpus
    ]
    assert bare == replace(found, gpus=bare.gpus)


@pytest.mark.parametrize(("outside", "idle"), [((3, 21, 201), ()), ((3, 21, 1), (2,)), ((1, 1, 1), (0, 1, 2))])
def test_the_runtime_s_share_lies_outside_of_a_pool(outside: tuple[int, ...], idle: tuple[int, ...]) -> None:
    """The limit an engine sets itself does not count its own context; on an idle GPU there is none."""
    bare = three_gpus(pool=Pool(0.5, (1, 1, 1), True), idle=idle)
    assert Pool(0.5, outside, True) == bare.on(SHARES).pool
    free = replace(bare, pool=Pool(0.5, (1, 1, 1), True, must_be_free=True)).on(SHARES).pool
    context = tuple(taken - 1 for taken in outside)
    assert Pool(0.5, outside, True, must_be_free=True, context_bytes=context) == free


@pytest.mark.parametrize(
    ("expected", "share", "reserve", "context", "must"),
    [
        (0, 0.9, 0, (10, 0), True),
        (1, 0.9, 0, (11, 0), True),
        (5, 0.9, 5, (10, 0), True),
        (60, 0.9, 50, (0, 20), True),
        (0, 0.9, 50, (0, 20), False),
        # The share is rounded up: 90.9 of 101.
        (1, 0.9, 0, (11, 1), True),
    ],
)
def test_memory_that_must_be_free_at_the_start(
    expected: int, share: float, reserve: int, context: tuple[int, int], must: bool
) -> None:
    """The whole share beside the context and what others have, on the GPU with least."""
    offered = [101 if share == 0.9 and context == (11, 1) else 100] * 2
    assert expected == Pool(share, (0, 0), True, must, context).short_bytes(offered, reserve)
    assert three_gpus().on(SHARES).pool is None


@pytest.mark.parametrize(
    ("expected", "beside", "starting", "reserve"),
    [
        (0, (10, 0), (), 0),
        (1, (11, 0), (), 0),
        # The context of 10 counts as well.
        (0, (), (90, 0), 0),
        (3, (), (90, 0), 3),
        (7, (), (0, 97), 0),
        # The larger of both.
        (20, (30, 0), (95, 0), 0),
        (25, (30, 0), (115, 0), 0),
    ],
)
def test_memory_beside_the_share_and_while_it_starts(
    expected: int, beside: tuple[int, ...], starting: tuple[int, ...], reserve: int
) -> None:
    """Further bytes beside a share of 80, and bytes for a moment whatever the share; contexts of 10 and 20."""
    pool = Pool(
        0.8, (0, 0), True, True, (10, 20), beside_bytes=beside, starting_bytes=starting, starting_text="by a cache"
    )
    assert expected == pool.short_bytes([100, 110], reserve)


def test_shares_are_as_many_as_the_gpus() -> None:
    """A share that is missing is an error, never nothing."""
    with pytest.raises(ValueError, match="zip"):
        three_gpus().on(SHARES[:2])


def test_assumptions_are_put_into_words_when_they_are_read() -> None:
    """Not before; two estimates are equal when their words are."""
    written: list[object] = []

    def write(*about: object) -> tuple[str, ...]:
        written.append(about)
        return tuple(map(str, about))

    lazy, same, other = (three_gpus(notes=Words(write, *about)) for about in ((1, 2), ("1", "2"), (3,)))
    assert not written
    assert ("1", "2") == lazy.assumptions
    assert [(1, 2)] == written
    assert (lazy == same, lazy == other) == (True, False)
    assert hash(lazy.notes) == hash(same.notes)
    assert Words(write) != ()
    assert ("as they are",) == three_gpus(notes=("as they are",)).assumptions


@pytest.mark.parametrize("name", names())
def test_every_engine_says_what_it_takes(name: str) -> None:
    """A scheme it can load for each class, known cache types and tasks, and what it is called."""
    asked = engine(name)
    assert isinstance(asked, Engine)
    assert (name, True) == (asked.name, bool(asked.title))
    assert set(CLASSES) == set(asked.scheme_of_class)
    assert {word: word for word in CLASSES} == {
        word: find_scheme(asked.scheme_of_class[word]).precision for word in CLASSES
    }
    assert {find_scheme(scheme).family for scheme in asked.scheme_of_class.values()} <= set(asked.families)
    assert set(asked.families) <= {scheme.family for scheme in SCHEMES.values()}
    assert set(asked.cache_types) <= set(CACHE_TYPES)
    assert len(asked.cache_types) == len(set(asked.cache_types)) > 0
    assert "inference" in asked.tasks
    assert set(asked.tasks) <= set(TASKS)
    assert type(asked).view is not Engine.view
    assert type(asked).estimate is not Engine.estimate


@pytest.mark.parametrize("name", names())
def test_schemes_that_are_made_while_loading(name: str) -> None:
    """Of the class they are tried for, and of a family that the engine loads."""
    asked = engine(name)
    made = [(word, find_scheme(scheme)) for word, schemes in asked.loads_in_class.items() for scheme in schemes]
    assert [word for word, _ in made] == [scheme.precision for _, scheme in made]
    assert {scheme.family for _, scheme in made} <= set(asked.families)
    assert asked.fallback is None or engine(asked.fallback).offloads


def test_places_among_those_recommended_are_one_after_another() -> None:
    """No two engines have one place, so that the order never depends on the registry's."""
    places = {name: engine(name).recommended for name in names()}
    assert {
        "llama.cpp": 0, "mlx": 1, "transformers": 2, "vllm": 3, "sglang": 4, "ollama": None, "exllamav2": None,
        "exllamav3": None, "tensorrt-llm": None, "diffusers": None, "comfyui": None,
        "whisper.cpp": None, "faster-whisper": None, "openai-whisper": None,
    } == places  # fmt: skip


class Bare(Engine[None, None]):
    """An engine that says nothing more than it has to."""

    name = "bare"
    title = "Bare"
    families = ("plain",)
    scheme_of_class = dict.fromkeys(CLASSES, "fp16")
    cache_types = ("f16",)


def asked_of(name: str) -> Deployment:
    """Llama 2 7B in 16 bits on an RTX 4090."""
    return deployed(name, (gpu("rtx4090"),), model("llama-2-7b"), find_scheme("fp16"), context=4096)


def test_what_an_engine_does_not_say() -> None:
    """Inference alone, everything on the GPUs, no keys of its own, no remark, no setting, never recommended."""
    bare, question = Bare(), asked_of("transformers")
    need = estimate(question)
    assert (("inference",), (), None, False, False) == (
        bare.tasks, bare.groups, bare.record, bare.offloads, bare.places_experts,
    )  # fmt: skip
    assert ({}, None, False, None, (), False) == (
        bare.loads_in_class, bare.fallback, bare.spans_machines, bare.recommended, bare.kept_keys, bare.follows_gpus,
    )  # fmt: skip
    assert {} == bare.defaults({}, question.gpus, question.model, question.scheme)
    assert bare.fill({"ubatch": 64}) is None
    assert (True, True) == (
        bare.computes_with(question.scheme, question.gpus),
        bare.recommended_on(question.gpus, "linux"),
    )
    assert ((), ()) == (tuple(bare.remarks(question, need)), tuple(bare.settings(question, need)))
    assert (USUAL, None, 1) == (bare.speed(), bare.chunk_tokens(question.workload, need), bare.ranks(question, need))
    assert bare.read_command([]) is None
    bare.check(question.checkpoint, question.workload)


def test_what_an_engine_has_to_say() -> None:
    """How it sees GPUs, what it needs and why, and how it is run: none of them is made up."""
    bare, question = Bare(), asked_of("transformers")
    for call in (
        lambda: bare.view(question.gpus, question.workload),
        lambda: bare.estimate(job(question)),
        lambda: bare.account(job(question), estimate(question), Ledger()),
        lambda: bare.command(question, estimate(question)),
    ):
        with pytest.raises(NotImplementedError):
            call()


@pytest.mark.parametrize("name", names())
def test_own_keys_are_filled_in_from_a_request(name: str) -> None:
    """Each field by its key's default, or as requested; other engines' keys are passed over."""
    asked = engine(name)
    if asked.record is None:
        assert asked.fill({"ubatch": 64}) is None
        return
    requested = {"ubatch": 64, "enforce_eager": True, "swa_full": True}
    values = {key.stored_as: key.default for group in asked.groups for key in group.keys} | requested
    filled = asked.fill(requested)
    told = {field: getattr(filled, field) for field in fields(asked.record)}
    assert told == {field: values[field] for field in fields(asked.record)}
    work = workload(name, context=1, **told)
    assert filled == asked.own_keys(work)


def test_a_job_has_what_a_deployment_has() -> None:
    """The model and its scheme are the checkpoint's; keys are the engine's own."""
    question = replace(asked_of("llama.cpp"), workload=workload("llama.cpp", context=4096, ubatch=64))
    asked = job(question)
    assert (question.model, question.scheme, 1) == (asked.model, asked.scheme, asked.gpu_count)
    assert 64 == asked.keys.ubatch
    assert 6_738_415_616 == question.model_parameters
