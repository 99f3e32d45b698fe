"""Every flag of a server's own parser is in its table: a key, neutral, not modelled, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from vramfit.engines import engine, names
from vramfit.launch import SWITCH, Program

PARSERS: dict[str, Any] = yaml.safe_load((Path(__file__).parent / "parsers.yaml").read_text(encoding="utf-8"))
COUNTS = {"none": 0, "one": 1, "words": -1}
OTHERWISE = {
    "--api-key",
    "--served-model-name",
    "--collect-detailed-traces",
    "--ignore-patterns",
    "--limit-mm-per-prompt",
}
"""Flags that take several words or one by release, and are read the same with one."""


def table(program: Program) -> dict[str, int | None]:
    """Number of words behind each flag; None for one whose value may be left out or is several words."""
    found: dict[str, int | None] = {}
    for flag in program.flags:
        count = 0 if flag.kind == SWITCH else 1 if flag.kind == "value" else None
        found.update(dict.fromkeys((flag.flag, *flag.also, *flag.off), count))
    found.update(program.neutral)
    found.update(program.unmodelled)
    found.update(dict.fromkeys((*program.settings, *program.named), 1))
    found.update(dict.fromkeys(program.refused, None))
    return found


@pytest.mark.parametrize("name", PARSERS)
def test_every_flag_is_known(name: str) -> None:
    """With as many words behind it as its parser takes, so that none of them is taken for another."""
    known = table(engine(name).programs()[0])
    taken = {flag: COUNTS[kind] for kind in COUNTS for flag in PARSERS[name][kind].split()}
    assert len(taken) > 200
    assert set(taken) - set(known) == set()
    wrong = {flag: (count, known[flag]) for flag, count in taken.items() if known[flag] not in (None, count)}
    assert {} == {flag: counts for flag, counts in wrong.items() if flag not in OTHERWISE}


@pytest.mark.parametrize("name", names())
def test_a_flag_stands_in_one_table(name: str) -> None:
    """A key is not neutral, and what is neutral is modelled."""
    twice = []
    for program in engine(name).programs():
        keys = {word for flag in program.flags for word in (flag.flag, *flag.also, *flag.off)}
        twice += sorted(keys & (set(program.neutral) | set(program.unmodelled)))
        twice += sorted(set(program.neutral) & set(program.unmodelled))

    assert [] == twice
