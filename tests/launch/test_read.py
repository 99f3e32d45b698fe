"""Words of command lines become keys and values by a table of flags."""

from __future__ import annotations

import pytest

from vramfit.errors import UsageError
from vramfit.launch import SWITCH, Flag, Program, neutral
from vramfit.launch.read import arguments, first, pairs, values
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
        ("serve model --contxt 5", "--contxt of serve model is not known here", "did you mean --context"),
        ("serve model --zzzzz", "--zzzzz of serve model is not known here", "leave it out if it changes nothing"),
        ("serve model -x", "-x of serve model is not known here", None),
        ("serve model x y", 'serve model has no place for "y"', "is a flag missing in front of it?"),
        ("serve model -c", "-c of serve model has no value", "write it behind -c"),
        ("serve model --eager=true", "--eager of serve model has no value", "write --eager alone"),
        ("SERVE_SEAT=3 serve model", 'no variable of serve model is called "SERVE_SEAT"', "SERVE_SEATS"),
    ],
)
def test_what_is_not_known_is_refused(line: str, message: str, hint: str | None) -> None:
    """It might change the memory: the error names it, and the nearest that is known."""
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
