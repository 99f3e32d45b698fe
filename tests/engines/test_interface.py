"""The records engines answer with, and the registry of engines."""

from __future__ import annotations

import pytest

from vramfit.engines import MODULES, DeviceMemory, engine
from vramfit.errors import CannotTell
from vramfit.quantization import find_scheme
from vramfit.workload import CACHE_TYPES, CLASSES, ENGINES


def test_total_is_the_sum_of_the_parts() -> None:
    """The expected need of a device; the interval is told apart."""
    assert 1111 == DeviceMemory("gpu0", 1, 10, 100, 1000, 5, 9999).total_bytes


@pytest.mark.parametrize("name", MODULES)
def test_every_registered_engine_says_what_it_takes(name: str) -> None:
    """A scheme it can load for each class, known cache types, and inference among its tasks."""
    module = engine(name)
    assert set(CLASSES) <= set(module.SCHEME_OF_CLASS)
    for word in CLASSES:
        scheme = find_scheme(module.SCHEME_OF_CLASS[word])
        assert scheme.family in module.FAMILIES
        assert word == scheme.precision
    assert set(module.CACHE_TYPES) <= set(CACHE_TYPES)
    assert "inference" in module.TASKS
    assert callable(module.estimate)


def test_registered_engines_are_ones_of_the_contract() -> None:
    """Their names are what ``--engine`` takes."""
    assert set(MODULES) <= set(ENGINES)


@pytest.mark.parametrize("name", [name for name in ENGINES if name not in MODULES])
def test_an_engine_that_is_not_modelled_is_no_guess(name: str) -> None:
    """The contract names it, nobody has modelled it: exit 3, with those that are."""
    with pytest.raises(CannotTell) as caught:
        engine(name)
    assert f'engine "{name}" is not modelled yet' == caught.value.message
    assert all(known in (caught.value.hint or "") for known in MODULES)
