"""Commands broken over lines still run as they are copied, indented by the screen."""

from __future__ import annotations

import ast
import shlex

import pytest

from vramfit.render.commands import wrapped

PROGRAM = (
    'import torch, diffusers; p = diffusers.DiffusionPipeline.from_pretrained("black-forest-labs/FLUX.1-dev", '
    'torch_dtype=torch.bfloat16); p.enable_group_offload(onload_device=torch.device("cuda"))'
)


@pytest.mark.parametrize("width", [56, 76, 96, 116, 196])
def test_a_program_in_quotes_is_the_same_program(width: int) -> None:
    lines = wrapped(f"python -c '{PROGRAM}'", width)
    shown = "\n".join(f"  {line}" for line in lines)

    assert max(map(len, lines)) <= width
    assert ast.dump(ast.parse(PROGRAM)) == ast.dump(ast.parse(shlex.split(shown.strip())[2]))


def test_a_short_one_is_left_alone() -> None:
    assert ["python -c 'import torch; print(1)'"] == wrapped("python -c 'import torch; print(1)'", 76)


def test_quotes_within_the_program_are_left_alone() -> None:
    """Its end is not known without a shell's rules."""
    command = f"python -c 'print(1)' && python -c '{'x' * 80}'"
    assert command == " ".join(wrapped(command, 40)).replace(" \\", "").replace("     ", " ")
