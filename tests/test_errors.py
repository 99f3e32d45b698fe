"""The kinds of errors, their exit codes and the words scripts read."""

from __future__ import annotations

import inspect

import pytest

from vramfit import errors
from vramfit.errors import VramfitError

KINDS = {
    "UsageError": ("usage", 2),
    "UnknownGpu": ("unknown-gpu", 2),
    "UnknownModel": ("unknown-model", 2),
    "AmbiguousName": ("ambiguous-name", 2),
    "UnsupportedScheme": ("unsupported-quant", 2),
    "CannotTell": ("cannot-tell", 3),
    "InputError": ("input", 4),
    "UnknownMemory": ("cannot-tell", 3),
    "MissingModel": ("missing-model", 4),
    "CatalogueError": ("catalogue", 4),
}


def kinds() -> dict[str, type[VramfitError]]:
    """Every error class of the module but the root."""
    found = inspect.getmembers(errors, inspect.isclass)
    return {name: kind for name, kind in found if issubclass(kind, VramfitError) and kind is not VramfitError}


@pytest.mark.parametrize("name", KINDS)
def test_code_and_exit_code(name: str) -> None:
    """The word and the exit code of each kind are part of the contract and never change."""
    kind = kinds()[name]
    assert KINDS[name] == (kind.code, kind.exit_code)


def test_every_kind_has_a_word_of_its_own() -> None:
    """No two kinds share a word, each is kebab-case, and each exit code is one of the documented ones."""
    words = [kind.code for kind in kinds().values() if "code" in vars(kind)]
    assert sorted(set(words)) == sorted(words)
    assert all(word.replace("-", "").isalpha() and word.islower() for word in words)
    assert {kind.exit_code for kind in kinds().values()} <= {2, 3, 4}


def test_message_and_hint() -> None:
    """An error tells what is wrong and, apart from that, what to do; ``str`` is the message alone."""
    error = errors.UnknownGpu('no GPU is called "rtx4900"', "did you mean rtx4090?")
    assert 'no GPU is called "rtx4900"' == str(error) == error.message
    assert "did you mean rtx4090?" == error.hint
    assert errors.InputError("x").hint is None
