"""Comments of ours behind the call that loads a model: what they state, and what they are not."""

from __future__ import annotations

import json

import pytest

from tests.command import report, vramfit
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
        ({"context": "2", "parallel": "3"}, "  # 2 tokens, 3 sequences"),
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


@pytest.mark.parametrize("kind", ["AutoModel", "AutoModelForSequenceClassification"])
def test_comments_of_a_model_that_generates_nothing(kind: str) -> None:
    """The tokens that it reads stand in the comment, since no call states them."""
    assert keys(kind, "  # 400 tokens, 4 sequences") == {"model": "a/b", "context": "400", "parallel": "4"}


@pytest.mark.parametrize(
    ("model", "loader", "call"),
    [
        ("whisper-large-v3", "AutoModelForSpeechSeq2Seq", "model.generate(**inputs, max_length=400)"),
        ("flan-t5-base", "AutoModelForSeq2SeqLM", "model.generate(**inputs, max_length=400)"),
        ("bge-m3", "SentenceTransformer", "model.encode(texts, batch_size=1)  # 400 tokens"),
        ("bge-reranker-base", "CrossEncoder", "model.predict(pairs, batch_size=1)"),
        ("qwen3-reranker-0.6b", "AutoModelForCausalLM", "model(**inputs).logits  # 400 tokens"),
        ("llava-1.5-7b", "AutoModelForImageTextToText", "model.generate(**inputs, max_length=400)"),
    ],
)
def test_the_class_that_loads_a_model(model: str, loader: str, call: str) -> None:
    """By what the model reads, and by whether it generates; the command gives the same deployment again."""
    (asked,) = report(
        "-g", "rtx4090", "-m", model, "--engine", "transformers", "--quant", "fp16", "-c", "400"
    ).estimates  # fmt: skip
    command = str(asked["command"])
    ran = vramfit("check", "-g", "rtx4090", "--json", "--", "python", "-c", command)
    (read,) = json.loads(ran.out)["estimates"]

    assert f" import {loader}; model = {loader}" in command
    assert command.endswith(f"; answer = {call}")
    assert (read["model"]["id"], read["required_bytes"]) == (model, asked["required_bytes"])
