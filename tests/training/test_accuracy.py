"""How far estimates of fine-tuning are from measured runs, and from the lengths that Unsloth publishes."""

from __future__ import annotations

from statistics import median

import pytest

from tests.training.errors import PAGE, written
from tests.training.rows import allocated_error, inside, middle, most, process_error, rows, width
from vramfit.checks import check
from vramfit.engines.keys import parse_request
from vramfit.sources import open_catalogue

HELD = [row for row in rows() if row.allocated is not None]
WHOLE = [row for row in rows() if row.process is not None]


def test_there_are_runs() -> None:
    """Of five sources."""
    assert len(HELD) > 100
    assert len(WHOLE) > 100
    assert len({row.source for row in rows()}) == 5


def test_what_a_step_holds() -> None:
    """Within 3 % in the median and 12 % in nineteen of twenty."""
    errors = [allocated_error(row) for row in HELD]
    assert middle(errors) <= 0.03
    assert most(errors) <= 0.12


def test_what_the_process_takes() -> None:
    """Within 6 % in the median, and inside bounds that are no wider than 1.35 in the median."""
    assert middle([process_error(row) for row in WHOLE]) <= 0.06
    assert sum(map(inside, WHOLE)) >= 0.88 * len(WHOLE)
    assert median(map(width, WHOLE)) <= 1.35


@pytest.mark.parametrize(
    ("model", "gib", "trainer", "tokens"),
    [
        ("llama-3.1-8b", 8, "unsloth", 2_972),
        ("llama-3.1-8b", 12, "unsloth", 21_848),
        ("llama-3.1-8b", 16, "unsloth", 40_724),
        ("llama-3.1-8b", 24, "unsloth", 78_475),
        ("llama-3.1-8b", 40, "unsloth", 153_977),
        ("llama-3.1-8b", 48, "unsloth", 191_728),
        ("llama-3.1-8b", 80, "unsloth", 342_733),
        ("llama-3.3-70b", 48, "unsloth", 12_106),
        ("llama-3.3-70b", 80, "unsloth", 89_389),
        ("llama-3.1-8b", 16, "transformers", 2_551),
        ("llama-3.1-8b", 24, "transformers", 5_789),
        ("llama-3.1-8b", 40, "transformers", 12_264),
        ("llama-3.1-8b", 48, "transformers", 15_502),
        ("llama-3.1-8b", 80, "transformers", 28_454),
        ("llama-3.3-70b", 80, "transformers", 6_916),
    ],
)
def test_longest_samples_that_unsloth_publishes(model: str, gib: int, trainer: str, tokens: int) -> None:
    """QLoRA of rank 32 on all linear layers, one sample a step (Unsloth documentation, "Context length benchmarks").

    The second column of the table, Hugging Face with FlashAttention 2, is the trainer ``transformers``.
    """
    keys = {"gpu": (f"custom:{gib}GiB",), "model": model, "task": "qlora", "lora_rank": 32, "trainer": trainer}
    (found,) = check(parse_request(keys), open_catalogue())
    assert found.limits is not None
    assert found.limits.max_context == pytest.approx(tokens, rel=0.08)


def test_the_page_has_the_errors_of_today() -> None:
    """``python -m tests.training.errors write`` makes it so."""
    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page)
