"""Commands put through the engines' own parsers and classes, where these are installed: ``pytest -m slow``.

None of them is a dependency. What is not installed, or cannot be imported without its GPU, is skipped; ``test_flags``
holds all commands against recorded flags. In an environment of its own, on a machine without a GPU, all of this passed
on 2026-11-29 with torch 2.13 (CPU), transformers 5.24, peft 0.21, trl 1.16, mlx-lm 0.32 with ``mlx[cpu]``, and without
their dependencies (``--no-deps``, the missing imports by hand) sglang 0.5.23 and vllm 0.33.0.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.util
import shlex
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.launch.test_flags import ASKED, OWN, SCENARIOS, command_of, own_command, remedies

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

CLASSES = {
    "BitsAndBytesConfig": "transformers", "LoraConfig": "peft", "TrainingArguments": "transformers",
}  # fmt: skip
"""Classes that our Python makes before any model is loaded, and their packages."""


def commands() -> Iterator[str]:
    """Of every remedy of the questions of ``test_flags``, and of its scenarios with each server."""
    for number in range(len(ASKED)):
        for remedy in remedies(number, True):
            yield remedy.command
    for engine in ("vllm", "sglang"):
        for number in range(len(SCENARIOS)):
            yield command_of(engine, number)
    for number in range(len(OWN)):
        yield own_command(number)


def lines(program: str) -> list[list[str]]:
    """The arguments of each shell line that starts ``program``."""
    found = []
    for text in commands():
        if ".from_pretrained(" in text:
            continue
        for line in text.split("\n"):
            words = shlex.split(line.removesuffix(" &"))
            while words and words[0].partition("=")[0].isidentifier() and "=" in words[0]:
                words = words[1:]
            if words[: len(program.split())] == program.split():
                found.append(words[len(program.split()) :])
    return found


def imported(name: str) -> Any:
    """The module, or the reason to skip."""
    try:
        return importlib.import_module(name)
    except Exception as error:  # engines fail in many ways where there is no GPU
        pytest.skip(f"{name} cannot be imported: {error}")


@pytest.mark.parametrize("name", CLASSES)
def test_python_makes_its_settings(name: str) -> None:
    """Each class takes the arguments it is given."""
    made: Any = getattr(imported(CLASSES[name]), name)
    names = {"torch": imported("torch"), name: made}
    calls = {
        ast.unparse(node)
        for text in commands()
        if ".from_pretrained(" in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name
    }
    assert calls
    if importlib.util.find_spec("deepspeed") is None:
        calls = {call for call in calls if "deepspeed" not in call}
    for call in calls:
        if name == "TrainingArguments":  # bf16 asks for a device that has it
            call = call.replace("bf16=True", "bf16=False")  # noqa: PLW2901
        assert isinstance(eval(call, names), made), call


def test_sglang_parses_its_commands() -> None:
    """``sglang.launch_server`` builds its parser from ``ServerArgs``."""
    arguments = imported("sglang.srt.server_args").ServerArgs
    parser = argparse.ArgumentParser(exit_on_error=False)
    arguments.add_cli_args(parser)
    found = lines("python -m sglang.launch_server")
    assert found
    for words in found:
        parser.parse_args(words)


def test_vllm_parses_its_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """``vllm serve`` has a function that makes its parser; its defaults ask which device there is."""
    platform: Any = imported("vllm.platforms").current_platform
    monkeypatch.setattr(type(platform), "device_type", "cuda")
    made = imported("vllm.entrypoints.common.cli_args").make_arg_parser
    flexible = imported("vllm.utils.argparse_utils").FlexibleArgumentParser
    found = lines("vllm serve")
    assert found
    for words in found:
        made(flexible()).parse_args(words[1:])


def test_mlx_parses_its_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """``mlx_lm.generate`` parses in ``main``: it is stopped when the arguments are read."""
    program = imported("mlx_lm.generate")
    parse = argparse.ArgumentParser.parse_args

    class Parsed(Exception):
        pass

    def stop(self: argparse.ArgumentParser, *given: Any) -> None:
        parse(self, *given)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    from tests.launch.test_flags import APPLE
    from vramfit.answer import answer
    from vramfit.engines.keys import parse_request
    from vramfit.engines.resolve import resolve
    from vramfit.sources import open_catalogue

    for quant in ("mlx-4bit", "bf16"):
        asked = {"gpu": APPLE, "model": "llama-3.1-8b", "engine": "mlx", "quant": quant}
        lines = answer(resolve(parse_request(asked), open_catalogue())[0]).command.split("\n")
        (words,) = [words for words in map(shlex.split, lines) if words[0] == "mlx_lm.generate"]
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(Parsed):
            program.main()
