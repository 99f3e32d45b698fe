"""Words of command lines become keys and values by a table of flags."""

from __future__ import annotations

import json

import pytest

from vramfit.errors import CannotTell, UsageError
from vramfit.launch import OPTIONAL, SWITCH, WORDS, Flag, Program, neutral
from vramfit.launch.read import arguments, first, notes, pairs, values
from vramfit.launch.shell import Process, process, processes

TABLE = Program(
    ("serve", "model"),
    (
        Flag("-c", "context", ("--context",)),
        Flag("--bits", "bits", read=lambda text: None if text == "auto" else int(text)),
        Flag("--eager", "eager", ("-e",), SWITCH, off=("--no-eager",)),
        Flag("--all", "layers", (), SWITCH, on="all"),
    ),
    also=(("python", "-m", "served"),),
    positional="name",
    variables=(Flag("SERVE_SEATS", "seats"),),
    prefix="SERVE_",
    neutral=neutral("--quiet", "--host --port SERVE_HOME", "--alias"),
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("serve model", {}),
        ("serve model x", {"name": "x"}),
        ("serve model x -c 5", {"name": "x", "context": "5"}),
        ("serve model -c 5 x", {"name": "x", "context": "5"}),
        ("serve model --context=5", {"context": "5"}),
        ("serve model --context 5", {"context": "5"}),
        ("serve model -c 5 --context 6", {"context": "6"}),
        ("serve model -c -1", {"context": "-1"}),
        ("serve model --context=", {"context": ""}),
        ("serve model --bits 4", {"bits": 4}),
        ("serve model --bits=auto", {}),
        ("serve model --eager", {"eager": True}),
        ("serve model -e", {"eager": True}),
        ("serve model --no-eager", {"eager": False}),
        ("serve model --eager --no_eager", {"eager": False}),
        ("serve model --all", {"layers": "all"}),
        ("serve model --quiet x --host 0.0.0.0 --port=80", {"name": "x"}),
        ("serve model x --alias a b c --eager", {"name": "x", "eager": True}),
        ("serve model x --alias=a --eager", {"name": "x", "eager": True}),
        ("serve model x --alias", {"name": "x"}),
        ("SERVE_SEATS=3 serve model", {"seats": "3"}),
        ("SERVE_SEATS=3 SERVE_HOME=/x HF_TOKEN=y serve model", {"seats": "3"}),
        ("/opt/bin/serve model x", {"name": "x"}),
        ("python3.11 -m served x", {"name": "x"}),
        ("serve model x 2>&1", {"name": "x"}),
    ],
)
def test_values(line: str, expected: dict[str, object]) -> None:
    """Flags in any order and spelling, the last of two, neutral ones passed over with what belongs to them."""
    assert expected == first(TABLE, processes(line))


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("serve model x y", 'serve model has no place for "y"', "is a flag missing in front of it?"),
        ("serve model -c", "-c of serve model has no value", "write it behind -c"),
        ("serve model --eager=3", "--eager of serve model has no value", "write --eager alone"),
        ("serve model $NAME", "$NAME is not set, and the command depends on it", "write a line NAME=… in front"),
        (
            "serve model --context $SIZE",
            "$SIZE is not set, and --context depends on it",
            "write a line SIZE=… in front",
        ),
        (
            "serve model --context ${SIZE}k",
            "$SIZE is not set, and --context depends on it",
            "write a line SIZE=… in front",
        ),
        (
            "serve model --context $(nproc)",
            "$(nproc) is not run here, and --context depends on it",
            "write what it prints",
        ),
        ("serve model --context `nproc`", "`…` is not run here, and --context depends on it", "write what it prints"),
    ],
)
def test_what_has_no_value_is_refused(line: str, message: str, hint: str | None) -> None:
    """The error names the flag, the word or the variable, and the next step."""
    with pytest.raises(UsageError) as caught:
        first(TABLE, processes(line))
    assert message == caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    "line", ["serve", "serve models", "models serve model", "python -m serve", "", "echo serve model"]
)
def test_other_programs(line: str) -> None:
    """None is no command without flags."""
    assert first(TABLE, processes(line)) is None


def test_arguments_are_what_stands_behind_the_start() -> None:
    """With a folder in front of the program, and whichever Python."""
    assert ("x",) == arguments(TABLE, process(["./serve", "model", "x"]))
    assert ("x",) == arguments(TABLE, process(["/usr/bin/python3", "-m", "served", "x"]))
    assert arguments(TABLE, process(["pythonic", "-m", "served"])) is None
    assert values(TABLE, process(["pythonic", "-m", "served"])) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a b", [Process({}, ("a", "b"))]),
        ("a 'b c' \"d\" e\\ f", [Process({}, ("a", "b c", "d", "e f"))]),
        ("a b &\nc", [Process({}, ("a", "b")), Process({}, ("c",))]),
        ("a; b && c | d", [Process({}, (word,)) for word in "abcd"]),
        ("a \\\n  --b 5", [Process({}, ("a", "--b", "5"))]),
        ("X=1 Y='2 3' a b=c", [Process({"X": "1", "Y": "2 3"}, ("a", "b=c"))]),
        ("a b > file", [Process({}, ("a", "b"), "file")]),
        ("a b >> file", [Process({}, ("a", "b"), "file")]),
        ("a < file", [Process({}, ("a",))]),
        ("a # a note", [Process({}, ("a",))]),
        ('a {\\"b\\":1}', [Process({}, ("a", '{"b":1}'))]),
    ],
)
def test_processes(text: str, expected: list[Process]) -> None:
    """As a shell parts them; redirections and assignments are told from arguments."""
    assert expected == processes(text)


def test_an_open_quote_is_refused() -> None:
    """No shell would run it."""
    with pytest.raises(UsageError, match="cannot read the command: no closing quotation"):
        processes("serve 'model")


def test_pairs_of_parameters() -> None:
    """Known ones become keys, neutral ones go, others are refused with the nearest."""
    flags = (Flag("num_gpu", "gpu_layers"), Flag("num_batch", "ubatch", read=int))
    assert {"gpu_layers": "3", "ubatch": 4} == pairs(
        flags, [("num_gpu", "3"), ("num_batch", "4"), ("seed", "1")], ("seed",), "parameter"
    )
    with pytest.raises(UsageError) as caught:
        pairs(flags, [("num_gpus", "3")], ("seed",), "parameter")
    assert ('no parameter is called "num_gpus"', "did you mean num_gpu?") == (caught.value.message, caught.value.hint)


def test_the_table_of_neutral_flags() -> None:
    """Without a value, with one, with any number."""
    assert {"-a": 0, "--b": 0, "-c": 1, "-d": -1} == neutral("-a --b", "-c", "-d")


@pytest.mark.parametrize(
    ("line", "expected", "found"),
    [
        (
            "serve model x --contxt 5",
            {"name": "x"},
            ("--contxt of serve model is not known, and left out of the estimate: did you mean --context?",),
        ),
        ("serve model --zzzzz x", {"name": "x"}, ("--zzzzz of serve model is not known, and left out of the estimate",)),
        ("serve model -x -y 3 z", {"name": "z"}, (
            "-x of serve model is not known, and left out of the estimate",
            "-y of serve model is not known, and left out of the estimate",
        )),
        ("SERVE_SEAT=3 serve model", {}, (
            "SERVE_SEAT of serve model is not known, and left out of the estimate: did you mean SERVE_SEATS?",
        )),
        ("serve model --port $PORT --host ${HOST}", {}, ()),
        ("serve model --context ${SIZE:-9}", {"context": "9"}, ()),
        ("SIZE=7\nserve model --context $SIZE", {"context": "7"}, ()),
        ("serve model --eager=true --eager=false", {"eager": False}, ()),
        ("serve model " + " ".join(f"--z{n}zzzzzzz" for n in range(10)), {}, (
            *[f"--z{n}zzzzzzz of serve model is not known, and left out of the estimate" for n in range(8)],
            "2 more flags of serve model are not known",
        )),
    ],
)  # fmt: skip
def test_what_is_not_known_is_named(line: str, expected: dict[str, object], found: tuple[str, ...]) -> None:
    """It is passed over with the word behind it, unless that is the only one that the program may be started with."""
    (process,) = processes(line)
    assert (expected, found) == (values(TABLE, process), notes(TABLE, process))


KINDS = Program(
    ("serve",),
    (
        Flag("--layers", "layers", ("-l",), OPTIONAL, on="all"),
        Flag("--split", "split", (), WORDS),
        Flag("--drafts", "drafts", read=json.loads),
    ),
    positional="name",
    named=("--model",),
    shortens=True,
    unmodelled=neutral("", "--blocks"),
    refused={"--twice": ("--twice is not modelled", "leave it out")},
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("serve --layers", {"layers": "all"}),
        ("serve --layers 3", {"layers": "3"}),
        ("serve --layers -1", {"layers": "-1"}),
        ("serve --layers=2 x", {"layers": "2", "name": "x"}),
        ("serve -l --split 3 1", {"layers": "all", "split": "3,1"}),
        ("serve --model x", {"name": "x"}),
        ("serve --model=x", {"name": "x"}),
        ("serve --model x y", {"name": "y"}),
        ("serve x --lay 3", {"name": "x", "layers": "3"}),
        ("serve --drafts.a 3 --drafts.b.c=x", {"drafts": {"a": 3, "b": {"c": "x"}}}),
        ("serve --blocks 3 x", {"name": "x"}),
    ],
)
def test_kinds_of_flags(line: str, expected: dict[str, object]) -> None:
    """Values that may be left out, several words, parts of JSON, and the beginning of a flag."""
    assert expected == first(KINDS, processes(line))


def test_a_refused_flag() -> None:
    """No answer is right without it."""
    with pytest.raises(CannotTell, match="--twice is not modelled"):
        first(KINDS, processes("serve --twice x"))
