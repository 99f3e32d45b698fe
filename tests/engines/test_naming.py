"""Whose files a command names: those a model was read from, or files of a usual name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.deployed import workload
from tests.samples import gpu, model
from vramfit._record import replace
from vramfit.engines import Deployment, engine, estimate
from vramfit.model.origin import Origin
from vramfit.quantization import Checkpoint, find_scheme
from vramfit.quantization.checkpoint import keep

OWN = {"kind": "gguf", "store": "disk"}


def command(name: str, scheme: str, own: bool, **origin: Any) -> str:
    """Command of a model that was read from an ``origin``; of its ``own`` checkpoint, or of one in another scheme."""
    read = replace(model("llama-2-7b"), name="My Model", origin=Origin(**{**OWN, **origin}))
    checkpoint = Checkpoint(read, find_scheme(scheme))
    keep(checkpoint)
    asked = checkpoint if own else Checkpoint(read, find_scheme(scheme))
    deployment = Deployment((gpu("rtx4090"),), asked, name, workload(name, context=4096, batch=512, ubatch=512))
    return engine(name).command(deployment, estimate(deployment))


@pytest.mark.parametrize(
    ("file", "scheme", "own", "origin"),
    [
        ("-m /data/a.gguf", "Q8_0", True, {"path": "/data/a.gguf"}),
        # A file of several in a repository, picked by its quantization where its name states one.
        ("-hf org/name:Q8_0", "Q8_0", True, {"repository": "org/name", "file": "a-Q8_0.gguf", "quant": "Q8_0"}),
        ("-hf org/name", "Q8_0", True, {"repository": "org/name", "file": "a.gguf"}),
        # A repository is not enough, nor is a file: what is on the disk, else what it would be called.
        ("-m /data/a.gguf", "Q8_0", True, {"repository": "org/name", "path": "/data/a.gguf"}),
        ("-m My-Model-Q8_0.gguf", "Q8_0", True, {"repository": "org/name"}),
        ("-m My-Model-Q8_0.gguf", "Q8_0", True, {"file": "a.gguf"}),
        ("-m My-Model-Q8_0.gguf", "Q8_0", True, {}),
        # What is no GGUF file has to be made one.
        ("-m My-Model-bf16.gguf", "bf16", True, {"path": "/data/a", "kind": "safetensors"}),
        # Another quantization is another file.
        ("-m My-Model-Q8_0.gguf", "Q8_0", False, {"path": "/data/a.gguf", "repository": "org/name", "file": "a.gguf"}),
    ],
)
def test_the_file_of_llama_server(file: str, scheme: str, own: bool, origin: dict[str, Any]) -> None:
    assert command("llama.cpp", scheme, own, **origin).startswith(f"llama-server {file} -c 4096 ")


@pytest.mark.parametrize(
    ("source", "own", "origin"),
    [
        ("llama2:7b", True, {"tag": "llama2:7b", "path": "/blobs/sha256-1", "store": "ollama"}),
        ("/data/a.gguf", True, {"path": "/data/a.gguf"}),
        ("../a.gguf", True, {"path": "../a.gguf"}),
        ("./a.gguf", True, {"path": "a.gguf"}),
        ("./My-Model-Q8_0.gguf", True, {}),
        ("./My-Model-Q8_0.gguf", False, {"tag": "llama2:7b", "path": "/data/a.gguf"}),
    ],
)
def test_what_a_modelfile_builds_on(source: str, own: bool, origin: dict[str, Any]) -> None:
    """The user's own tag before the file that it stands for."""
    assert f" 'FROM {source}' " in command("ollama", "Q8_0", own, **origin)
