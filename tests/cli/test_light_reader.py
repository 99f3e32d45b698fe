"""The light reader: what it accepts means exactly what Typer makes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.command import vramfit
from vramfit.cli.app import app, run_app
from vramfit.cli.options import ARGUMENTS, COMMANDS, long_flag, options, read, spellings

if TYPE_CHECKING:
    from vramfit.workload.keys import Key


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        ({"gpu": ["rtx4090"], "model": "llama-2-7b"}, "check --gpu rtx4090 --model llama-2-7b"),
        ({"gpu": ["rtx4090"], "model": "llama-2-7b"}, "check -g rtx4090 -m llama-2-7b"),
        ({"gpu": ["rtx4090"], "model": "llama-2-7b", "json": True}, "check --model=llama-2-7b --json --gpu=rtx4090"),
        ({"gpu": ["rtx4090", "rtx3090"]}, "check -g rtx4090 -g rtx3090"),
        ({"kv_cache_type": "q8_0", "context": "8192", "gpu_layers": "33"}, "check -ctk q8_0 -c 8192 -ngl 33"),
        ({"unified_kv": "true", "swa_full": "false"}, "check --unified-kv --no-swa-full"),
        ({"unified_kv": "false"}, "check --unified-kv --no-unified-kv"),
        ({"quant": "int8"}, "check --quant fp16 --quant int8"),
        ({"file": ["-"], "format": "ndjson", "any": True}, "check -f - --format ndjson --any"),
        ({"context": "-1"}, "check --context -1"),
        ({"name": "a=b"}, "check --name=a=b"),
        ({"name": ""}, "check --name="),
        ({}, "check"),
        ({"gpu": ["rtx40*"], "model": ["qwen3-*", "phi-4"]}, "matrix -g rtx40* -m qwen3-* -m phi-4"),
        ({"quant": ["Q4_K_M", "best"], "context": "8192"}, "matrix --quant Q4_K_M --quant best -c 8192"),
        ({"gpu": ["rtx4090"], "use": "code", "min_speed": "20"}, "recommend -g rtx4090 --use code --min-speed 20"),
        ({"model": "phi-4", "limit": "3"}, "recommend -m phi-4 --limit 3"),
    ],
)
def test_read(expected: dict[str, Any], line: str) -> None:
    """Raw values by option name; nothing is judged here."""
    assert expected == read(line.split())


@pytest.mark.parametrize(
    "line",
    [
        "", "chek", "--help", "--version", "-h", "check --help", "check -h", "check --bogus 1", "check extra",
        "check --gp rtx4090", "check --gpu", "check -g rtx4090 --model", "check --json=1", "check --unified-kv=true",
        "check --no-json", "check --no-unified-kv=1", "check --no-gpu", "check -grtx4090", "check -g=rtx4090", "check -ctk=f16",
        "matrix --name a", "recommend --any",
        "check --", "check -", "check -- vllm serve x", "check --GPU rtx4090", "check -gm x",
    ],
)  # fmt: skip
def test_everything_else_is_typer_s(line: str) -> None:
    """Whatever is not known in full is left to the app, which owns every usage text."""
    assert read(line.split()) is None


def parameters(command: str) -> dict[str, Any]:
    """The Typer command's options by name."""
    found: Any = typer.main.get_command(app)
    for word in command.split():
        found = found.commands[word]
    return {parameter.name: parameter for parameter in found.params}


@pytest.mark.parametrize("command", COMMANDS)
def test_typer_has_the_same_options(command: str) -> None:
    """One declaration serves both; neither has an option the other lacks, but for help and words without a flag."""
    own = [key.name for key in ARGUMENTS.get(command, ())]
    assert own + [key.name for key in options(command)] == [name for name in parameters(command) if name != "help"]


@pytest.mark.parametrize(
    ("command", "key"),
    [(command, key) for command in COMMANDS for key in options(command)],
    ids=lambda part: part if isinstance(part, str) else part.name,
)
def test_typer_has_the_same_spellings_and_kinds(command: str, key: Key) -> None:
    """Flags, whether they take a value, and whether they may be repeated."""
    option = parameters(command)[key.name]
    assert set(spellings(key)) == set(option.opts)
    assert (key.kind in ("switch", "flag")) == option.is_flag
    assert (key.kind == "texts") == option.multiple
    assert ([f"--no-{long_flag(key)[2:]}"] if key.kind == "flag" else []) == list(option.secondary_opts)
    assert not option.required


@pytest.mark.parametrize("command", COMMANDS)
def test_no_flag_means_two_things(command: str) -> None:
    """Nor does a ``--no-`` form collide with another option."""
    flags = [flag for key in options(command) for flag in spellings(key)]
    flags += [f"--no-{long_flag(key)[2:]}" for key in options(command) if key.kind == "flag"]
    assert sorted(set(flags)) == sorted(flags)


TEXTS = {
    "gpu": ["rtx4090", "2xrtx3090", "rtx4900", "3080", "custom:10GiB", "custom:x", ""],
    "model": ["llama-3.2-1b", "llava-1.6-13b", "lama", ""],
    "quant": ["fp16", "int4", "Q4_K_M", "int7", ""],
    "file": ["-", "/nowhere/x.yaml"],
    "name": ["nightly", "", "-"],
}
WORDS = {
    "count": ["1", "64", "0", "-1", "4k", "--5"],
    "count-or-word": ["0", "8", "all", "auto", "some"],
    "number": ["0.9", "2", "nan", "x"],
    "size": ["64GiB", "1GB", "64", "GiB"],
}
STDIN = "deployments: [{gpu: rtx4090, model: llama-3.2-1b, name: a}, {gpu: rtx4900, model: llama-3.2-1b}]"


@st.composite
def command_lines(draw: st.DrawFn) -> list[str]:
    """Arguments of ``check``, mostly sensible: its flags in any spelling, values good and bad, and some stray words."""
    words = ["check"]
    for _ in range(draw(st.integers(0, 6))):
        key = draw(st.sampled_from(options("check")))
        flag = draw(st.sampled_from(spellings(key)))
        if key.kind in ("switch", "flag"):
            words.append(f"--no-{long_flag(key)[2:]}" if key.kind == "flag" and draw(st.booleans()) else flag)
            continue
        value = draw(st.sampled_from(TEXTS.get(key.name) or WORDS.get(key.kind) or [*key.words, "other", ""]))
        words += [f"{flag}={value}"] if flag.startswith("--") and draw(st.booleans()) else [flag, value]
    for name in ("gpu", "model"):
        if draw(st.integers(0, 3)):
            words += [f"--{name}", TEXTS[name][0]]
    if not draw(st.integers(0, 19)):
        words.insert(
            draw(st.integers(1, len(words))), draw(st.sampled_from(["extra", "--bogus", "--", "--gp", "--help"]))
        )
    return words


@settings(max_examples=120)
@given(command_lines())
def test_both_paths_print_the_same(arguments: list[str]) -> None:
    """What the light reader accepts gives the same output, errors and exit code through Typer."""
    light = vramfit(*arguments, stdin=STDIN)
    assert "Traceback" not in light.err
    assert light.code in (0, 1, 2, 3, 4), light
    if read(arguments) is not None:
        assert vramfit(*arguments, stdin=STDIN, run=run_app) == light


@settings(max_examples=50)
@given(st.lists(st.text(max_size=8), max_size=5))
def test_any_words_are_answered_or_refused(words: list[str]) -> None:
    """No command line ends in a traceback or an internal error."""
    ran = vramfit("check", *words)
    assert ran.code in (0, 1, 2, 3, 4), ran
