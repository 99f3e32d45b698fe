"""Numbers that no count is, in every flag of every program: an answer or an error of ours, and no memory taken for them."""

from __future__ import annotations

import resource
import warnings
from typing import TYPE_CHECKING

import pytest

from vramfit.engines import engine, names
from vramfit.engines.commands import with_command
from vramfit.engines.keys import parse_request
from vramfit.errors import VramfitError

if TYPE_CHECKING:
    from vramfit.launch import Program

NUMBERS = ("9" * 5000, "9" * 25, "4294967296", "0", "-1", "²", "٣", "1e999", "nan", "inf", "1_0", "", "1,2,", "3.5")
PROGRAMS = {
    " ".join(program.words): program for name in names() for program in engine(name).programs() if program.words
}
MOST_MIB = 200


def lines(program: Program) -> list[str]:
    """A command for each flag with each number, with the model that the program needs."""
    model = (
        "a/b" if program.positional else next((f"{flag.flag} a/b" for flag in program.flags if flag.key == "model"), "")
    )
    begin = f"{' '.join(program.words)} {model}"
    flags = [flag.flag for flag in (*program.flags, *program.variables) if flag.kind != "switch"]
    return [
        f"{begin} {flag} '{number}'" if flag.startswith("-") else f"{flag}='{number}' {begin}"
        for place, flag in enumerate(flags)
        for number in (NUMBERS if place % 3 == len(begin) % 3 else NUMBERS[:4])
    ]


def asked(command: str) -> str:
    """Kind of the answer to a command; any error but one of ours ends the test."""
    try:
        parse_request(with_command({"command": command})[0])
    except VramfitError as error:
        return type(error).__name__
    return "read"


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_number_of_a_flag_ends_in_anything_but_an_error_of_ours(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = [asked(line) for line in lines(PROGRAMS[name])]
    assert set(found) <= {"read", "UsageError", "CannotTell", "UnknownProgram", "UnsupportedScheme"}
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10 < MOST_MIB


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "litgpt finetune_full a/b --train.micro_batch_size 1344x1008",
            'micro batch: "1344x1008" is not a whole number',
        ),
        ("trl grpo --model_name_or_path a/b --max_completion_length x", 'completion: "x" is not a whole number'),
        ("llama-bench -m x.gguf -ub 9" + "9" * 5000, "is no number of tokens"),
        (["vllm", "serve", None], "command: a list of words has something else in it"),
        (["vllm", "serve", ["a"]], "command: a list of words has something else in it"),
    ],
)
def test_messages(command: str | list[object], message: str) -> None:
    with pytest.raises(VramfitError) as raised:
        with_command({"command": command})
    assert message in raised.value.message


def test_odd_code_warns_nobody() -> None:
    """Python's own warnings went to stderr."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, _ = with_command(
            {"command": "from vllm import LLM\nLLM('a/b', max_model_len=1if 1 else 2)\nx = '\\d'\n"}
        )
    assert found["engine"] == "vllm"


@pytest.mark.parametrize(
    ("command", "keys"),
    [
        (
            ["vllm", "serve", "a/b", "--max-model-len", 4096, "--enforce-eager"],
            {"context": "4096", "enforce_eager": True},
        ),
        (["vllm", "serve", "a/b", "--gpu-memory-utilization", 0.9], {"gpu_memory_utilization": "0.9"}),
        ("litgpt finetune_full a/b", {"micro_batch": 1, "gradient_accumulation": 16}),
        ("litgpt finetune_full a/b --devices auto", {"gradient_accumulation": 16}),
        (
            "litgpt finetune_full a/b --devices 0 --train.micro_batch_size 4",
            {"micro_batch": 4, "gradient_accumulation": 4},
        ),
    ],
)
def test_numbers_of_a_list_are_words_and_defaults_hold(command: str | list[object], keys: dict[str, object]) -> None:
    found, _ = with_command({"command": command})
    assert {name: found[name] for name in keys} == keys
