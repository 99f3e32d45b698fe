"""Commands and configurations of trainers as deployment keys: a module a trainer, with ``PROGRAM`` and ``keys``.

``PROGRAM`` tells what starts the trainer and which settings it has, ``keys`` makes deployment keys of what was stated, with
the trainer's own defaults for what was not. ``launchers`` has the programs that start one on several GPUs.
"""

from __future__ import annotations

from vramfit.errors import UsageError
from vramfit.launch.read import arguments, values
from vramfit.training.commands.launchers import PROGRAMS as LAUNCHERS
from vramfit.training.commands.launchers import divided

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.launch import Program
    from vramfit.launch.words import Process

NAMES = ("axolotl", "llama_factory", "trl", "torchtune", "litgpt", "qwen")
"""Modules of this folder with a trainer's commands."""


def programs() -> tuple[Program, ...]:
    """Programs of all trainers, and of what launches them."""
    return (*LAUNCHERS, *[program for name in NAMES for program in _module(name).PROGRAMS], _module("scripts").SETTINGS)


def read(given: list[Process]) -> dict[str, object] | None:
    """Deployment keys of the first line that starts a trainer; None if no line does.

    Raises ``UsageError`` for a launcher of a script that is none of a known trainer, and as the trainers' modules do.
    """
    launched: dict[str, object] = {}
    launcher = ""
    for one in given:
        for program in LAUNCHERS:
            stated = values(program, one)
            if stated is not None:
                launched, launcher = divided(stated), program.title
        for name in NAMES:
            for program in _module(name).PROGRAMS:
                stated = values(program, one)
                if stated is not None:
                    found = {**launched, **_module(name).keys(stated, program)}
                    return _kept(found)
        stated = _module("scripts").read(one) if one.calls else None
        if stated is not None:
            return _kept({**launched, **stated})
    if launcher:
        script = next((one.words for one in given if not any(arguments(p, one) is not None for p in LAUNCHERS)), ())
        shown = next((word for word in script if word.endswith(".py")), " ".join(script[:3]) or "nothing")
        raise UsageError(
            f"{launcher} starts {shown}, which is no script of a trainer that is known",
            "state what it trains: -m MODEL --task full|lora|qlora --sequence-length … --micro-batch … --trainer …",
        )
    return None


def _kept(found: dict[str, object]) -> dict[str, object]:
    """The keys without fp32 weights where the states are divided, which then have copies of their own."""
    if found.get("sharding", "none") != "none":
        found.pop("mixed_precision", None)
    return found


def _module(name: str) -> Any:
    return __import__(f"vramfit.training.commands.{name}", fromlist=["PROGRAMS"])
