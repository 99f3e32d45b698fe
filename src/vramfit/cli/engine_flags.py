"""Flags of engines' and trainers' own programs on a command line of ours: tables by spelling, and the keys they state."""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import Record
from vramfit.cli.options import long_flag
from vramfit.engines import engine
from vramfit.engines.keys import every_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vramfit.engines.base import Engine
    from vramfit.launch import Flag, Program
    from vramfit.workload.keys import Key

STAND_IN = "org/name"
"""Model in a command of an engine's that is read for its other flags."""


class Found(Record):
    """Flag of an engine's program on a line of ours."""

    engine: str
    program: Program
    flag: Flag | None
    """Row of the program's table; None for a flag that changes no memory."""
    words: int
    """Number of words behind it: -1 for all up to the next flag."""


@per_model
def flags_of(runtime: Engine[Any, Any]) -> dict[str, Found]:
    """Flags of the first program of an engine, which serves requests, by spelling."""
    from vramfit.launch import OPTIONAL, SWITCH, VALUE, WORDS

    name, found = runtime.name, dict[str, Found]()
    neutral = {**runtime.neutral_flags()}
    program = next((one for one in runtime.programs() if one.flags), None)
    if program is not None:
        counts = {SWITCH: 0, VALUE: 1, OPTIONAL: 0, WORDS: -1}
        neutral = {**program.neutral, **program.unmodelled, **neutral}
        for flag in program.flags:
            for spelling in (flag.flag, *flag.also, *flag.off):
                found[spelling] = Found(name, program, flag, counts[flag.kind])
    for spelling, count in neutral.items():
        if spelling.startswith("-") and program is not None:
            found.setdefault(spelling, Found(name, program, None, count))
    return found


def keys_of(name: str, words: Sequence[str]) -> list[str]:
    """Flags of our own for the keys that an engine reads from its flags, and that it would not state without them."""
    from vramfit.launch.words import Process

    program = next(one for one in engine(name).programs() if one.flags)
    model = (
        [STAND_IN]
        if program.positional
        else [next(flag.flag for flag in program.flags if flag.key == "model"), STAND_IN]
    )
    usual = engine(name).read_command([Process({}, (*program.words, *model))]) or {}
    stated = engine(name).read_command([Process({}, (*program.words, *model, *words))]) or {}
    known, found = every_key(), []
    for key, value in stated.items():
        if key in known and usual.get(key) != value:
            found += _own(known[key], value)
    return found


def _own(key: Key, value: Any) -> list[str]:
    """Flag of a key with a value, in words of a command line."""
    flag = long_flag(key)
    if key.kind == "flag":
        return [flag if value in (True, "true") else f"--no-{flag[2:]}"]
    if isinstance(value, list | tuple):
        return [word for one in value for word in (flag, str(one))]
    return [flag, ("on" if value else "off") if isinstance(value, bool) else str(value)]


def is_a_trainers(flag: str) -> bool:
    """Return True for a setting of transformers' and TRL's trainers; those that change the memory are keys of ours."""
    from vramfit.training.commands.names import TRANSFORMERS, TRL

    return flag[2:].replace("-", "_") in f"{TRANSFORMERS} {TRL}".split()
