"""References and files of variables."""

from __future__ import annotations

import pytest

from vramfit.manifests.sizes import docker_bytes, kubernetes_bytes, spelled
from vramfit.manifests.variables import env_file, expanded, interpolated, references

SET = {"A": "1", "EMPTY": ""}


@pytest.mark.parametrize(
    ("expected", "text"),
    [
        ("1 1 $ $x", "$A ${A} $$ $$x"), ("2", "${B:-2}"), ("", "${EMPTY-2}"), ("2", "${EMPTY:-2}"), ("1", "${A:-2}"),
        ("3", "${A:+3}"), ("", "${B:+3}"), ("${B}", "$B"), ("${B}", "${B:?must be set}"), ("1x", "${B:-${A}x}"),
        ("100%", "100%"),
    ],
)  # fmt: skip
def test_interpolated(expected: str, text: str) -> None:
    assert expected == interpolated(text, SET)


@pytest.mark.parametrize(
    ("expected", "text"), [("1-1", "$(A)-$(A)"), ("$(B)", "$(B)"), ("$(A)", "$$(A)"), ("$A", "$A"), ("", "$(EMPTY)")]
)
def test_expanded(expected: str, text: str) -> None:
    assert expected == expanded(text, SET)


def test_references() -> None:
    assert ("B", "C") == references("x${B}/${C}$D")


def test_env_file() -> None:
    """Comments, quotes, exports, references to earlier lines; a line that assigns nothing is left out."""
    text = "# head\nA=1\nexport B = two # note\nC='$A # x'\nD=\"$A b\" # note\nE=${A}-${Z:-z}\nnothing\nF=#\n"
    expected = {"A": "1", "B": "two", "C": "$A # x", "D": "1 b", "E": "1-z", "F": ""}
    assert expected == env_file(text, {})


@pytest.mark.parametrize(
    ("expected", "text"),
    [(2**36, "64Gi"), (64 * 10**9, "64G"), (2 * 10**9, "2e9"), (1024, "1024"), (1536, "1.5Ki"), (0, "100m"), (None, "x"),
     (None, "5Xi")],
)  # fmt: skip
def test_kubernetes_bytes(expected: int | None, text: str) -> None:
    assert expected == kubernetes_bytes(text)


@pytest.mark.parametrize(
    ("expected", "text"), [(2**36, "64g"), (2**36, "64GB"), (2**29, "512M"), (7, "7b"), (None, "max"), (None, "4x")]
)
def test_docker_bytes(expected: int | None, text: str) -> None:
    assert expected == docker_bytes(text)


def test_spelled() -> None:
    assert ("64GiB", None, None) == (spelled(2**36), spelled(0), spelled(None))
