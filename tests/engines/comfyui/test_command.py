"""Command that starts ComfyUI, by the mode of offloading."""

from __future__ import annotations

import pytest

from tests.command import report


@pytest.mark.parametrize(
    ("expected", "arguments"),
    [
        ("python main.py", ()),
        ("python main.py", ("--component-offload", "model")),
        ("python main.py --highvram", ("--component-offload", "none")),
        ("python main.py --lowvram", ("--component-offload", "group")),
        ("python main.py --novram", ("--component-offload", "sequential")),
    ],
)
def test_flags_of_a_mode(expected: str, arguments: tuple[str, ...]) -> None:
    row = report("-g", "h200", "-m", "flux.2-dev", "--engine", "comfyui", *arguments).estimates[0]

    assert (row["verdict"], row["command"]) == ("fits", expected)
