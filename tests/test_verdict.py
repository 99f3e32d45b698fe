"""Does it fit: the contract's words, device by device."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deployed import deployed
from tests.samples import gpu, model
from vramfit.engines.interface import NOTHING, DeviceMemory, Estimate
from vramfit.engines.pool import Pool
from vramfit.quantization import find_scheme
from vramfit.units import GIB
from vramfit.verdict import LEVELS, Verdict, judge


def device(name: str, low: int, expected: int, high: int) -> DeviceMemory:
    """A device whose expected total is all weights."""
    return DeviceMemory(name, expected, 0, 0, 0, low, high)


def judged(*needs: tuple[int, int, int], usable: int = 10, host: int = 0, **work: Any) -> Verdict:
    """The verdict for needs (low, expected, high) in GiB on cards with ``usable`` GiB each."""
    cards = tuple(gpu("rtx4090", usable_mib={"linux": usable * 1024}) for _ in needs)
    devices = tuple(device(f"gpu{i}", *(GIB * n for n in need)) for i, need in enumerate(needs))
    estimate = Estimate(devices, device("host", *[host * GIB] * 3), 0, (), {})
    return judge(
        deployed("transformers", cards, model("llama-2-7b"), find_scheme("fp16"), context=4096, **work), estimate
    )


@pytest.mark.parametrize(
    ("word", "headroom", "need"),
    [
        ("fits", 2, (7, 8, 9)),
        ("fits", 1, (8, 9, 10)),
        ("tight", 1, (8, 9, 11)),
        ("tight", 0, (9, 10, 11)),
        ("exceeds", -1, (9, 11, 12)),
        ("exceeds", -1, (11, 11, 11)),
        ("exceeds", -90, (99, 100, 101)),
    ],
)
def test_one_gpu(word: str, headroom: int, need: tuple[int, int, int]) -> None:
    """``fits`` if even the high need is within, ``tight`` if the expected one is, else ``exceeds``; bounds included."""
    verdict = judged(need)
    assert (word, headroom * GIB) == (verdict.word, verdict.headroom_bytes)


@pytest.mark.parametrize(
    ("word", "headroom", "needs"),
    [
        ("fits", 1, [(7, 8, 9), (8, 9, 10)]),
        ("tight", 1, [(7, 8, 9), (8, 9, 11)]),
        ("exceeds", -1, [(1, 1, 1), (10, 11, 12)]),
        ("exceeds", -2, [(11, 12, 13), (10, 11, 12)]),
    ],
)
def test_several_gpus(word: str, headroom: int, needs: list[tuple[int, int, int]]) -> None:
    """Every share must fit its card: room on one does not help the other."""
    verdict = judged(*needs)
    assert (word, headroom * GIB) == (verdict.word, verdict.headroom_bytes)


def test_what_others_hold_is_taken_off() -> None:
    """``reserve`` lowers what each card offers."""
    assert "fits" == judged((7, 8, 9), reserve_bytes=GIB).word
    assert "tight" == judged((7, 8, 9), reserve_bytes=2 * GIB).word
    verdict = judged((7, 8, 9), reserve_bytes=12 * GIB)
    assert ("exceeds", (-2 * GIB,)) == (verdict.word, verdict.usable_bytes)


def test_the_host_counts_where_its_size_is_given() -> None:
    """Offloaded layers need RAM too; unknown RAM is not checked."""
    assert ("fits", None) == (judged((1, 1, 1), host=100).word, judged((1, 1, 1), host=100).host_headroom_bytes)
    assert "fits" == judged((1, 1, 1), host=64, ram_bytes=64 * GIB).word
    verdict = judged((1, 1, 1), host=65, ram_bytes=64 * GIB)
    assert ("exceeds", 9 * GIB, -GIB) == (verdict.word, verdict.headroom_bytes, verdict.host_headroom_bytes)


def test_levels() -> None:
    """``fits`` reaches both levels, ``tight`` its own, ``exceeds`` none."""
    reached = {
        (word, level): Verdict(word, 0, (), None).reaches(level) for word in LEVELS for level in ("fits", "tight")
    }
    assert {pair for pair, yes in reached.items() if yes} == {("fits", "fits"), ("fits", "tight"), ("tight", "tight")}


NEEDS = st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 50)).map(lambda n: tuple(sorted(n)))


@given(st.lists(NEEDS, min_size=1, max_size=4), st.integers(1, 60), st.integers(0, 20))
def test_more_memory_never_turns_a_yes_into_a_no(needs: list[tuple[int, int, int]], usable: int, more: int) -> None:
    """The verdict improves with the card, and its word and headroom never disagree."""
    before, after = judged(*needs, usable=usable), judged(*needs, usable=usable + more)
    assert LEVELS[before.word] <= LEVELS[after.word]
    assert before.headroom_bytes + more * GIB == after.headroom_bytes
    assert (before.word == "exceeds") == (before.headroom_bytes < 0)


@pytest.mark.parametrize(
    ("word", "headroom", "budget"), [("fits", 2, 20), ("fits", 1, 9), ("tight", 0, 8), ("exceeds", -1, 7)]
)
@pytest.mark.parametrize("rounded_up", [True, False])
def test_an_engine_s_own_limit(word: str, headroom: int, budget: int, rounded_up: bool) -> None:
    """Half of a card of 10 GiB and what lies outside: where that is less than the card offers, it is the limit."""
    card = gpu("rtx4090", usable_mib={"linux": 10 * 1024})
    need, pool = device("gpu0", 7 * GIB, 8 * GIB, 9 * GIB), Pool(0.5, ((budget - 5) * GIB,), rounded_up)
    estimate = Estimate((need,), NOTHING, 0, (), {}, pool=pool)
    found = judge(deployed("vllm", (card,), model("llama-2-7b"), find_scheme("fp16"), context=4096), estimate)
    assert (word, headroom * GIB) == (found.word, found.headroom_bytes)
    assert (min(budget, 10) * GIB,) == found.usable_bytes


def together(
    host: int, *needs: int, segment: str = "apple", memory: int = 16, usable: int = 12, **work: Any
) -> Verdict:
    """The verdict for needs in GiB of devices that share a machine's ``memory`` with the CPU, which has ``host``."""
    facts = {"unified": True, "segment": segment, "memory_mib": memory * 1024, "usable_mib": {"linux": usable * 1024}}
    cards = tuple(gpu("rtx4090", **facts) for _ in needs)
    devices = tuple(device(f"gpu{i}", *[GIB * need] * 3) for i, need in enumerate(needs))
    estimate = Estimate(devices, device("host", *[host * GIB] * 3), 0, (), {})
    return judge(
        deployed("transformers", cards, model("llama-2-7b"), find_scheme("fp16"), context=4096, **work), estimate
    )


@pytest.mark.parametrize(
    ("word", "room", "host", "needs", "work"),
    [
        ("fits", 0, 8, (8,), {}),
        ("exceeds", -1, 9, (8,), {}),
        ("exceeds", -26, 42, (0,), {}),
        ("fits", 0, 16, (8, 8), {}),
        ("exceeds", -1, 17, (8, 8), {}),
        ("exceeds", -1, 1, (17,), {"usable": 16}),
        # What others hold is of the same memory.
        ("exceeds", -1, 8, (8,), {"reserve_bytes": GIB}),
        # Less RAM than the machine has is all that the host's share may take; more there is not.
        ("exceeds", -1, 8, (1,), {"ram_bytes": 7 * GIB}),
        ("exceeds", -1, 9, (8,), {"ram_bytes": 64 * GIB}),
        # The RAM beside an integrated GPU is what its owner put in.
        ("fits", 47, 9, (8,), {"ram_bytes": 64 * GIB, "segment": "apu"}),
        ("exceeds", -1, 9, (8,), {"segment": "apu"}),
        # It may have all that is known: then the machine's memory is not.
        ("fits", None, 99, (8,), {"segment": "apu", "usable": 16}),
    ],
)
def test_shared_memory_counts_once(
    word: str, room: int | None, host: int, needs: tuple[int, ...], work: dict[str, Any]
) -> None:
    """Shares of the CPU and of devices that use the same memory are held against the machine's."""
    verdict = together(host, *needs, **work)
    assert (word, None if room is None else room * GIB) == (verdict.word, verdict.host_headroom_bytes)


@pytest.mark.parametrize(
    ("word", "headroom", "refusal", "spare"),
    [("fits", 4, None, 4), ("exceeds", -1, "too few blocks", 5), ("exceeds", -6, "too few blocks", 10)],
)
def test_what_must_be_left_besides(word: str, headroom: int, refusal: str | None, spare: int) -> None:
    """A need of 6 GiB on a card of 10, of which an engine wants some more before it starts."""
    pool = Pool(1.0, (0,), True, spare_bytes=(spare * GIB,), spare_reason="too few blocks")
    estimate = Estimate((device("gpu0", *[6 * GIB] * 3),), NOTHING, 0, (), {}, pool=pool)
    cards = (gpu("rtx4090", usable_mib={"linux": 10 * 1024}),)
    found = judge(deployed("transformers", cards, model("llama-2-7b"), find_scheme("fp16"), context=4096), estimate)
    assert (word, headroom * GIB, refusal) == (found.word, found.headroom_bytes, found.refusal)
