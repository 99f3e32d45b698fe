"""Commands of a shell's history without what the shell puts in front of them."""

from __future__ import annotations

import pytest

from vramfit.launch.history import entries


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  498  cd /data\n  499  vllm serve a\n", ("cd /data", "vllm serve a")),
        ("  500* ls\n 1001  x\n", ("ls", "x")),
        (" 12  2026-11-29 17:00:00 vllm serve a\n", ("vllm serve a",)),
        (" 12  [2026-11-29 17:00] vllm serve a\n", ("vllm serve a",)),
        ("  1  vllm serve a \\\n  --port 80\n  2  ls\n", ("vllm serve a \\\n  --port 80", "ls")),
        (": 1700000000:0;vllm serve a\n: 1700000001:12;ls\n", ("vllm serve a", "ls")),
        (": 1700000000:0;vllm serve a \\\n --port 80\n", ("vllm serve a \\\n --port 80",)),
        ("- cmd: vllm serve a\n  when: 1700000000\n  paths:\n    - a\n- cmd: ls\n", ("vllm serve a", "ls")),
        ("#1700000000\nvllm serve a\n#1700000005\nls\n", ("vllm serve a", "ls")),
        ("#!/bin/sh\nvllm serve a\n", ()),
        ("vllm serve a\n  2  x\n", ()),
        ("", ()),
    ],
)
def test_entries(text: str, expected: tuple[str, ...]) -> None:
    """Of Bash, zsh and fish; a script is none."""
    assert expected == entries(text)
