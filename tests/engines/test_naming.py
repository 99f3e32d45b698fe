"""Whose files a command names: those a model was read from, or files of a usual name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.deployed import deployed, workload
from tests.samples import gpu, model
from vramfit._record import replace
from vramfit.engines import Deployment, engine, estimate
from vramfit.engines.naming import file_stem, repository
from vramfit.model.origin import Origin
from vramfit.quantization import Checkpoint, find_scheme
from vramfit.quantization.checkpoint import keep

if TYPE_CHECKING:
    from vramfit.model import Model

OWN = {"kind": "gguf", "store": "disk"}


def read(name: str = "My Model", **origin: Any) -> Model:
    """Llama 2 7B as it was read from an ``origin``."""
    return replace(model("llama-2-7b"), name=name, origin=Origin(**{**OWN, **origin}))


def command(name: str, scheme: str, own: bool, **origin: Any) -> str:
    """Command of a model that was read from an ``origin``; of its ``own`` checkpoint, or of one in another scheme."""
    found = read(**origin)
    checkpoint = Checkpoint(found, find_scheme(scheme))
    keep(checkpoint)
    asked = checkpoint if own else Checkpoint(found, find_scheme(scheme))
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
        ("/data/a.gguf", True, {"path": "/data/a.gguf"}),
        ("../a.gguf", True, {"path": "../a.gguf"}),
        ("./a.gguf", True, {"path": "a.gguf"}),
        ("./My-Model-Q8_0.gguf", True, {}),
        ("./My-Model-Q8_0.gguf", False, {"tag": "llama2:7b", "path": "/data/a.gguf"}),
    ],
)
def test_what_a_modelfile_builds_on(source: str, own: bool, origin: dict[str, Any]) -> None:
    """A file of the user's own, or the usual name."""
    assert f" 'FROM {source}' " in command("ollama", "Q8_0", own, **origin)


def test_a_tag_needs_no_modelfile() -> None:
    """The user's own tag before the file that it stands for."""
    line = command("ollama", "Q8_0", True, tag="llama2:7b", path="/blobs/sha256-1", store="ollama")
    assert line.endswith(" ollama serve &\nollama run llama2:7b")


@pytest.mark.parametrize(
    ("expected", "origin"),
    [
        ("org/name", {"kind": "safetensors", "repository": "org/name", "path": "/data/a"}),
        ("/data/a", {"kind": "safetensors", "path": "/data/a"}),
        ("My-Model", {"kind": "config"}),
        # A GGUF file is none that servers load: its original, where that is known.
        ("My-Model", {"repository": "org/name-GGUF", "path": "/data/a.gguf"}),
        ("org/name", {"repository": "org/name-GGUF", "base": "org/name"}),
    ],
)
def test_what_servers_load(expected: str, origin: dict[str, Any]) -> None:
    assert repository(deployed("vllm", (), read(**origin), find_scheme("fp16"), context=1)) == expected


def test_what_servers_load_of_the_catalogue() -> None:
    """The repository, or the id where none is known."""
    models = model("llama-2-7b"), model("llama-2-7b", hf=[])
    found = [repository(deployed("vllm", (), each, find_scheme("fp16"), context=1)) for each in models]
    assert found == ["meta-llama/Llama-2-7b-hf", "llama-2-7b"]


@pytest.mark.parametrize(
    ("expected", "name", "quant"),
    [
        ("My-Model-Q8_0", "My Model", None),
        ("org-name-7b-Q8_0", "org/name:7b", None),
        # How the file is stored is no part of the model's name.
        ("My-Model-Q8_0", "My-Model-q4_k_m", "Q4_K_M"),
        ("My-Model-Q8_0", "My-Model-Q8_0", "q8_0"),
        ("My-ModelQ4_0-Q8_0", "My-ModelQ4_0", "Q4_0"),
        ("My-Model-Q4_0-Q8_0", "My-Model-Q4_0", "Q5_0"),
    ],
)
def test_what_a_file_is_called(expected: str, name: str, quant: str | None) -> None:
    found = deployed("llama.cpp", (), read(name, quant=quant), find_scheme("Q8_0"), context=1)
    assert file_stem(found) == expected
