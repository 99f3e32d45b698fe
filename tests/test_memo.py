"""Memory for results derived from a model: once for each model, and not for more models than a question has."""

from __future__ import annotations

from vramfit import _memo
from vramfit._memo import per_model


class Made:
    """Anything that results are kept for."""


def test_a_result_is_worked_out_once_for_each_model_and_what_is_asked_of_it() -> None:
    asked: list[tuple[Made, int]] = []

    @per_model
    def doubled(model: Made, number: int) -> int:
        asked.append((model, number))
        return 2 * number

    one, other = Made(), Made()
    assert [doubled(one, 1), doubled(one, 1), doubled(other, 1), doubled(one, 2)] == [2, 2, 2, 4]
    assert asked == [(one, 1), (other, 1), (one, 2)]


def test_what_was_worked_out_before_is_remembered() -> None:
    @per_model
    def made(_: Made) -> str:
        raise AssertionError

    model = Made()
    made.remember(model, "before")
    assert made(model) == "before"


def test_of_too_many_models_the_first_go() -> None:
    """A program that reads models for days kept all of them: 340 MiB after 430,000 configurations."""
    asked: list[Made] = []

    @per_model
    def named(model: Made) -> int:
        asked.append(model)
        return id(model)

    models = [Made() for _ in range(_memo.MOST_KEPT + 10)]
    assert [named(model) for model in models] == [id(model) for model in models]
    named.remember(Made(), 0)
    assert len(named._known) == _memo.MOST_KEPT
    assert named(models[-1]) == id(models[-1])
    assert asked == models
    assert named(models[0]) == id(models[0])
    assert asked == [*models, models[0]]


def test_what_was_read_with_a_model_stays_as_long_as_the_model() -> None:
    """It cannot always be worked out again: tensors of a prediction head, or of a file."""

    @per_model
    def named(_: Made) -> str:
        return "worked out"

    model = Made()
    assert named(model) == "worked out"
    named.remember(model, "read")
    others = [Made() for _ in range(_memo.MOST_KEPT + 10)]
    assert {named(one) for one in others} == {"worked out"}
    assert named(model) == "read"
    named.remember(model, "read again")
    assert (named(model), len(named._given)) == ("read again", 1)
    del model
    assert named._given == {}
