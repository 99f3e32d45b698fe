"""Remedies of commands as people write them: read again, each remedy's command gives what the remedy promises."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from vramfit.__main__ import main
from vramfit.engines import engine
from vramfit.engines.commands import read_command
from vramfit.launch.read import arguments

if TYPE_CHECKING:
    from vramfit.launch import Program

FOUND: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "commands.yaml").read_text(encoding="utf-8"))
ASKED = [number for number, row in enumerate(FOUND) if "asked" in row]
OFTEN = 5
"""Each so many of the commands are asked in a usual run, the others in a slow one."""

WITHOUT = [
    number
    for number, row in enumerate(FOUND)
    # vLLM starts on no card at 1.0 of it, and with no context beyond the model's: neither setting is one that remedies change.
    if "--gpu_memory_utilization 1.0" in str(row["text"]) or "--max-model-len 1048576" in str(row["text"])
]
"""Commands without a remedy."""


def checked(deployment: dict[str, Any], folder: Path) -> dict[str, Any]:
    """First estimate of ``check --file`` for one deployment, read from the catalogue alone; an error's object."""
    path = folder / "deployments.yaml"
    path.write_text(yaml.safe_dump({"deployments": [deployment]}), encoding="utf-8")
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        main(["check", "--json", "--offline", "--file", str(path)])
    report = json.loads(out.getvalue())
    found: dict[str, Any] = report["estimates"][0] if "estimates" in report else report
    return found


def again(remedy: dict[str, Any], asked: dict[str, Any], folder: Path) -> tuple[str, int] | str:
    """Verdict and need of a remedy's command; the error's message where there is none.

    The model is named where the command names a file of another machine, or none.
    """
    gpu = {"gpu": remedy["changes"].get("gpu", asked["gpu"]), "command": remedy["command"]}
    rest = {name: value for name, value in asked.items() if name not in ("gpu", "model")}
    found = checked({**gpu, **rest}, folder)
    if "error" in found and "model" in asked:
        found = checked({**gpu, **rest, "model": remedy["changes"].get("model", asked["model"])}, folder)
    if "error" in found:
        return str(found["error"]["message"])
    return found["verdict"], found["required_bytes"]["expected"]


def test_what_is_asked_is_enough() -> None:
    """Every command that is read is asked about, but for those with a draft of files that are nowhere known."""
    drafting = [number for number, row in enumerate(FOUND) if "draft_model" in row.get("keys", {})]
    assert len(drafting) < 8
    read = [number for number, row in enumerate(FOUND) if "keys" in row]
    assert [number for number in read if number not in drafting] == [
        number for number in ASKED if number not in drafting
    ]
    assert set(ASKED) <= set(read)


@pytest.mark.parametrize(
    "number",
    [pytest.param(n, marks=() if i % OFTEN == 0 else pytest.mark.slow) for i, n in enumerate(ASKED)],
)
def test_every_remedy_s_command_gives_its_promise(number: int, tmp_path: Path) -> None:
    asked = FOUND[number]["asked"]
    estimate = checked({**asked, "command": FOUND[number]["text"]}, tmp_path)
    assert bool(estimate["remedies"]) == (estimate["verdict"] != "fits" and number not in WITHOUT)
    stated = estimate["remedies"]
    promised = [(one["verdict"], one["required_bytes"]) for one in stated]
    assert promised == [again(one, asked, tmp_path) for one in stated]


@pytest.mark.parametrize(
    "number",
    [pytest.param(n, marks=() if i % OFTEN == 1 else pytest.mark.slow) for i, n in enumerate(ASKED)],
)
def test_every_remedy_s_command_starts_the_user_s_program(number: int, tmp_path: Path) -> None:
    """With every word of the user's that states no deployment key; another engine's command says that it is one."""
    asked, text = FOUND[number]["asked"], FOUND[number]["text"]
    own = programs(text)
    kept = {word for program, words in own for word in words if word in program.neutral}
    others, lost = [], []
    for remedy in checked({**asked, "command": text}, tmp_path)["remedies"]:
        if "engine" in remedy["changes"]:
            others += [] if f"# another program than {own[0][0].title}: " in remedy["command"] else [remedy["command"]]
            continue
        found = programs(remedy["command"])
        words = {word for _, behind in found for word in behind}
        lost += [remedy["command"]] if kept - words or own[0][0].words not in [one.words for one, _ in found] else []
    assert others == lost == []


def programs(text: str) -> list[tuple[Program, tuple[str, ...]]]:
    """Programs of its engine that a command starts, each with the words behind it."""
    command = read_command(text)
    found = []
    for one in command.processes:
        for program in engine(command.engine).programs():
            words = arguments(program, one)
            if words is not None:
                found.append((program, words))
    return found
