"""Comments of ours behind the call that loads a model: what they state, and what they are not."""

from __future__ import annotations

import pytest

from vramfit.engines.commands import read_command
from vramfit.errors import UsageError
from vramfit.launch.files import Files


def keys(kind: str, comment: str) -> dict[str, object]:
    """Keys of a script that loads a model of a class of transformers."""

    def no_file(path: str) -> str:
        raise UsageError(f"cannot read {path}")

    script = f"from transformers import {kind}\nmodel = {kind}.from_pretrained('a/b'){comment}\n"
    return read_command(script, Files(no_file)).keys


@pytest.mark.parametrize(
    ("expected", "comment"),
    [
        ({}, ""),
        ({"gpu_layers": "20"}, "  # 20 layers on GPUs"),
        ({"parallel": "4"}, "  # 4 sequences"),
        ({"gpu_layers": "20", "parallel": "4"}, "  # 20 layers on GPUs, 4 sequences"),
        ({}, "  # 2 threads"),
        ({"parallel": "3"}, "  # 2 tokens, 3 sequences"),
        ({}, "  # sequences"),
        ({}, "  # 2 images of 640x480 pixels"),  # the model of this class sees none
    ],
)
def test_comments_of_a_text_model(expected: dict[str, object], comment: str) -> None:
    assert {"model": "a/b", **expected} == keys("AutoModelForCausalLM", comment)


@pytest.mark.parametrize(
    ("expected", "comment"),
    [
        ({}, ""),
        ({"images": "2"}, "  # 2 images"),
        ({"images": "1"}, "  # 1 image"),
        ({"images": "2", "image_size": "640x480"}, "  # 2 images of 640x480 pixels"),
        ({"parallel": "4", "images": "1", "image_size": "640x480"}, "  # 4 sequences, 1 image of 640x480 pixels"),
    ],
)
def test_comments_of_a_model_that_sees(expected: dict[str, object], comment: str) -> None:
    assert {"model": "a/b", **expected} == keys("AutoModelForImageTextToText", comment)
