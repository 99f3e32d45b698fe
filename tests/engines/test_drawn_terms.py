"""Terms of drawn deployments of every engine and task: sums equal the estimate, and formulas give the bytes."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from tests.engines.arithmetic import names, value
from tests.reports.draw import draw
from tests.reports.listed import listed
from vramfit.engines import estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import PARTS, terms
from vramfit.errors import VramfitError
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.engines import Deployment, Estimate
    from vramfit.engines.terms import Term

DRAWN = 300


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Deployment, Estimate, tuple[Term, ...]]]:
    """Drawn deployments that have an answer, each with its estimate and terms, in every quantization."""
    every = draw(listed(sys.executable, tmp_path_factory.mktemp("home")))
    drawn = every[:DRAWN] + [one for one in every[DRAWN:] if one.get("engine") == "tensorrt-llm"]
    found = []
    for keys in drawn:
        for deployment in _resolved(keys):
            try:
                found.append((str(keys["name"]), deployment, estimate(deployment), terms(deployment)))
            except VramfitError:
                continue
    return found


def _resolved(keys: dict[str, Any]) -> tuple[Deployment, ...]:
    try:
        return resolve(parse_request(keys), open_catalogue())
    except VramfitError:
        return ()


def test_every_engine_and_task_is_there(explained: list[tuple[str, Deployment, Estimate, tuple[Term, ...]]]) -> None:
    """The draw reaches all of them with answers, not with refusals alone."""
    kinds = {(deployment.engine, deployment.workload.task) for _, deployment, _, _ in explained}
    engines = {engine for engine, _ in kinds}

    assert len(explained) > DRAWN
    assert len(engines) == 9
    assert {("transformers", task) for task in ("inference", "full", "lora", "qlora")} <= kinds


def test_sums_are_the_estimates(explained: list[tuple[str, Deployment, Estimate, tuple[Term, ...]]]) -> None:
    """For every device and part, to the byte."""
    wrong = []
    for name, _, found, listing in explained:
        summed = Counter[tuple[str, str]]()
        for term in listing:
            summed[term.device, term.part] += term.bytes
        for device in (*found.gpus, found.host):
            wrong += [
                (name, device.device, part)
                for part in PARTS
                if summed[device.device, part] != getattr(device, f"{part}_bytes")
            ]
    assert [] == wrong


def test_formulas_give_the_bytes(explained: list[tuple[str, Deployment, Estimate, tuple[Term, ...]]]) -> None:
    """With the inputs in the place of their names, none of which is missing or left over."""
    every = [(name, term) for name, _, _, listing in explained for term in listing]

    assert [] == [(name, term) for name, term in every if value(term.formula, term.inputs) != term.bytes]
    assert [] == [(name, term) for name, term in every if names(term.formula) != set(term.inputs)]
    assert len(every) > 20 * DRAWN


def test_every_term_says_whence(explained: list[tuple[str, Deployment, Estimate, tuple[Term, ...]]]) -> None:
    """A name and a source; no name twice in one part of a device."""
    every = [(name, term) for name, _, _, listing in explained for term in listing]
    twice = [
        (name, key)
        for name, _, _, listing in explained
        for key, count in Counter((term.device, term.part, term.name) for term in listing).items()
        if count > 1
    ]

    assert [] == [(name, term) for name, term in every if not (term.name and term.source and term.bytes)]
    assert [] == twice


def test_most_weights_are_elements_and_bits(
    explained: list[tuple[str, Deployment, Estimate, tuple[Term, ...]]],
) -> None:
    """What layouts and divisions add is little: nearly all bytes of weights are derived from counted elements."""
    derived = whole = 0
    for _, deployment, _, listing in explained:
        if deployment.workload.task == "inference":
            derived += sum(term.bytes for term in listing if term.part == "weights" and "elements" in term.inputs)
            whole += sum(term.bytes for term in listing if term.part == "weights")
    assert derived / whole > 0.9
