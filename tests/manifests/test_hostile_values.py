"""Values that no manifest has, at every place of those that were found, and variables that multiply."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from vramfit.errors import UsageError, VramfitError
from vramfit.manifests import Broken, Container
from vramfit.manifests import read as reading
from vramfit.manifests.variables import MOST_CHARACTERS, env_file, expanded, interpolated

FOUND = sorted((Path(__file__).parent / "found").iterdir())
VALUES = (
    "[a, b]",
    "{a: b}",
    "9" * 5000,
    "-1",
    "1e999",
    "inf",
    "nan",
    '"²"',
    "null",
    '""',
    "*x",
    "2147483648",
    "${A:-",
    "'a",
)


def containers(text: str) -> list[object]:
    """What a manifest starts; an error of ours is an answer too."""
    try:
        return list(reading.read(text, "hostile.yaml", ".", {}))
    except VramfitError as error:
        return [error]


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.stem)
def test_no_value_ends_in_anything_but_an_error_of_ours(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    places = [number for number, line in enumerate(lines) if ": " in line and not line.lstrip().startswith("#")]
    assert places != []
    found = []
    for number in places:
        key = lines[number].partition(": ")[0]
        for value in VALUES:
            found += containers("\n".join([*lines[:number], f"{key}: {value}", *lines[number + 1 :]]))
    assert len(found) >= len(places) * len(VALUES)


COMPOSE = "services:\n  a:\n    image: vllm/vllm-openai\n    command: --model a/b\n{}"


@pytest.mark.parametrize(
    ("rest", "gpus"),
    [
        ("    gpus: 2000000000\n", 1024),
        ("    deploy: {resources: {reservations: {devices: [{capabilities: [gpu], count: 9999999999}]}}}\n", 1024),
        ("    gpus: 2\n", 2),
    ],
)
def test_a_number_of_gpus_is_no_more_than_a_set_has(rest: str, gpus: int) -> None:
    """Two thousand million took 16 GiB, one number for each."""
    (one,) = containers(COMPOSE.format(rest))
    assert isinstance(one, Container)
    assert one.ask.count == gpus
    assert one.ask.indices == tuple(range(gpus))


def test_a_variable_that_is_a_list_is_an_error() -> None:
    (one,) = containers(COMPOSE.format("    environment: {A: [b]}\n"))
    assert isinstance(one, Broken)
    assert one.error.message == "the value of A is no text"


def doubling(text: str) -> list[str]:
    return [text.format(name=f"A{number}", before=f"A{number - 1}") for number in range(1, 40)]


def test_variables_that_double_end_in_an_error() -> None:
    """Forty lines would be a terabyte."""
    written = "A0=xxxxxxxx\n" + "\n".join(doubling("{name}=${{{before}}}${{{before}}}"))
    with pytest.raises(UsageError, match="longer than 262,144 characters with its variables"):
        env_file(written, {})
    variables = {"A": "x" * (MOST_CHARACTERS // 2)}
    assert interpolated("${A}$A", variables) == "x" * MOST_CHARACTERS
    with pytest.raises(UsageError, match="longer than"):
        interpolated("${A}${A}$A", variables)
    with pytest.raises(UsageError, match="longer than"):
        expanded("$(A)$(A)$(A)", variables)


def test_a_file_of_many_variables_takes_no_longer_than_its_length() -> None:
    """Each line copied all those in front of it."""
    count = 40_000
    began = time.process_time()
    found = env_file("N0=x\n" + "".join([f"N{number}=${{N{number - 1}}}\n" for number in range(1, count)]), {"N5": "y"})
    assert (len(found), found["N4"], found["N6"], found[f"N{count - 1}"]) == (count, "x", "y", "y")
    assert time.process_time() - began < 3


def test_items_of_kubernetes_that_double_are_the_error_of_their_pod() -> None:
    env = [
        {"name": "A0", "value": "x" * 64},
        *[json.loads(one) for one in doubling('{{"name": "{name}", "value": "$({before})$({before})"}}')],
    ]
    pod = {"containers": [{"name": "a", "image": "vllm/vllm-openai", "args": ["--model", "a/b"], "env": env}]}
    text = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": pod})
    (one,) = containers(text)
    assert isinstance(one, Broken)
    assert "with its variables" in one.error.message
