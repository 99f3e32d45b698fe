"""Pairs of changes, where one is not enough: fewer bits per weight and another, or a smaller cache and another.

Servers, which have many settings, get three: fewer bits per weight, a smaller cache, and another.
"""

from __future__ import annotations

from vramfit.engines import DEFAULT, engine, names
from vramfit.quantization import find_scheme
from vramfit.remedies import Proposal, hardware, settings, weights
from vramfit.workload.common import CLASSES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vramfit.remedies import Changes, Question

    Strategy = Callable[[Question], Iterator[Proposal]]


def _bought(question: Question) -> Iterator[Proposal]:
    """Cheapest cards to buy, be they more of the same or bigger; with ``everything`` each."""
    found = [*hardware.several(question), *hardware.bigger(question)]
    found.sort(key=lambda one: (one.answer.verdict.word != "fits", one.price_usd is None, one.price_usd))
    yield from found if question.everything else found[:1]


UPON_WEIGHTS = (weights.offloaded, settings.settings, _bought, hardware.rented)
"""Strategies applied upon fewer bits per weight."""
UPON_TIGHT = (settings.settings,)
"""Strategies applied where fewer bits per weight fit, but only just: the one that leaves most of what was asked counts."""
UPON_CACHE = (settings.settings, weights.offloaded)


def pairs(question: Question) -> Iterator[Proposal]:
    """Combinations that fit, those of fewer bits per weight first."""
    before = question.asked.deployment
    for changes, summary in _fewer_bits(question):
        yield from _both(question, "quantize", changes, summary, UPON_WEIGHTS)
    if not question.asked.weights_short:
        for kind in [k for k in settings.CACHE_USUAL if k in engine(before.engine).cache_types][-1:]:
            if before.workload.kv_cache_type in settings.WIDE_TYPES:
                summary = f"quantize the KV cache to {kind}"
                yield from _both(question, "quantize-kv", {"kv_cache_type": kind}, summary, UPON_CACHE)


def triples(question: Question) -> Iterator[Proposal]:
    """Fewer bits per weight, a smaller cache, and a setting or less of what was asked: for engines that combine three."""
    before = question.asked.deployment
    runtime = engine(before.engine)
    kinds = [kind for kind in settings.CACHE_USUAL if kind in runtime.cache_types][-1:]
    if runtime.most_changes < 3 or before.workload.kv_cache_type not in settings.WIDE_TYPES:
        return
    for changes, summary in _fewer_bits(question, loaded=True):
        for kind in kinds:
            both = {**changes, "kv_cache_type": kind}
            found = _both(question, "quantize", both, f"{summary}, the KV cache to {kind}", (settings.settings,))
            yield from found if question.everything else _most_kept(found)


def _most_kept(found: Iterable[Proposal]) -> list[Proposal]:
    """Return the proposal that leaves most of what was asked, among those that fit if any does; none of none.

    Requests that wait lose nothing, which a shorter context does.
    """
    order = sorted(found, key=lambda one: (one.answer.verdict.word != "fits", "context" in one.changes, -one.kept))
    return order[:1]


def engines(question: Question) -> Iterator[Proposal]:
    """The model in the nearest precision with other engines that need less.

    All of them where everything is wanted, and the usual one where the engine has no code for the model.
    """
    before = question.asked.deployment
    if before.workload.task != "inference" or not (question.everything or question.lacks_code):
        return
    for name in names() if question.everything else (DEFAULT,):
        if name == before.engine:
            continue
        module = engine(name)
        same = before.scheme.family in module.families
        scheme = module.word_of(before.scheme) if same else module.scheme_of_class[before.scheme.precision]
        changes = {"engine": name, "quant": scheme}
        after = question.attempt(changes)
        if after is not None and question.improves(after):
            trade = "another engine" if same else "another engine, and its own file or checkpoint"
            yield Proposal("engine-setting", changes, f"run it with {name} as {scheme}", trade, after, 2)


def _fewer_bits(question: Question, *, loaded: bool = False) -> Iterator[tuple[Changes, str]]:
    """Usual scheme of each lower class, 4 bits first since they leave most room for the other half.

    Before 4 bits come those that the engine has for newer cards, and with ``loaded`` the 8 bits that it makes while
    loading.
    """
    before = question.asked.deployment
    name = engine(before.engine).fallback or before.engine
    runtime = engine(name)
    lower = CLASSES[CLASSES.index(before.scheme.precision) + 1 :]
    schemes = [(*runtime.loads_in_class.get(word, ()), runtime.scheme_of_class[word]) for word in reversed(lower)]
    if not question.everything:
        made = [one for word in lower[:-1] for one in runtime.loads_in_class.get(word, ())]
        schemes = [tuple(made) if loaded else (), *schemes[:1]]
    for found in dict.fromkeys(one for several in schemes for one in several):
        scheme = find_scheme(found)
        changes = {"quant": scheme.id} if name == before.engine else {"engine": name, "quant": scheme.id}
        yield changes, f"quantize to {scheme.id}" + ("" if name == before.engine else f" for {name}")


def joined(kind: str, changes: Changes, summary: str, found: Proposal, least_effort: int) -> Proposal:
    """One proposal from the changes of a first half and the proposal ``found`` upon them."""
    second = found.summary
    if ", and " not in second:
        # Two things in the second half make a list of three.
        second = second.replace(" and ", ", and ") if " and " in second else f"and {second}"
    return Proposal(
        kind,
        {**changes, **found.changes},
        f"{summary}, {second}",
        f"{found.answer.quality[1]}; {found.trade}",
        found.answer,
        max(found.effort, least_effort),
        found.kept,
        found.price_usd,
        found.cloud,
    )


def _both(
    question: Question, kind: str, changes: Changes, summary: str, strategies: tuple[Strategy, ...]
) -> Iterator[Proposal]:
    half = question.upon(changes)
    if half is None or half.asked.verdict.word == "fits":
        return
    engine_too = "engine" in changes
    tight = half.improves(half.asked)
    for strategy in UPON_TIGHT if tight else strategies:
        if strategy is settings.settings and half.asked.weights_short:
            continue
        usable = [
            one
            for one in strategy(half)
            if one.kind != "quantize-kv" or kind != "quantize-kv"
            if not tight or one.answer.verdict.word == "fits"
        ]
        for found in _most_kept(usable) if tight and not question.everything else usable:
            yield joined(kind, changes, summary, found, 2 if engine_too else 1)
