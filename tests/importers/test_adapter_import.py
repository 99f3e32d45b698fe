"""LoRA adapters behind ``--model``: the base by any of its names, the adapter's matrices beside it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import vramfit
from tests.importers import models
from tests.importers.trees import hub_snapshot
from tests.importers.write_gguf import GgufWriter

if TYPE_CHECKING:
    from pathlib import Path

RANK = 16
MATRICES: dict[str, tuple[str, tuple[int, ...]]] = {
    f"base_model.model.model.layers.{layer}.self_attn.q_proj.lora_{half}.weight": ("F16", shape)
    for layer in range(models.LAYERS)
    for half, shape in (("A", (RANK, models.HIDDEN)), ("B", (models.HIDDEN, RANK)))
}
ADAPTER_BYTES = 4 * models.LAYERS * 2 * RANK * models.HIDDEN
"""Bytes of the matrices in 32 bits."""


def write(folder: Path, base: object, *, weights: bool = True) -> Path:
    """An adapter's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base}), encoding="utf-8")
    if weights:
        models.write_safetensors(folder / "adapter_model.safetensors", MATRICES)
    return folder


def estimate(*arguments: str) -> dict[str, Any]:
    ran = vramfit("check", "-g", "rtx4090", "--engine", "transformers", *arguments, "--offline", "--json")
    assert (0, "") == (ran.code, ran.err)
    found: dict[str, Any] = ran.estimates[0]
    return found


def command(name: str, *more: str) -> str:
    """The command of the best GPU for a model."""
    ran = vramfit("recommend", "-m", name, "--limit", "1", *more, "--format", "ndjson")
    text: str = json.loads(ran.out.splitlines()[0])["command"]
    return text


@pytest.mark.parametrize("quant", ["bf16", "int8", "nf4"])
def test_a_base_of_the_catalogue(tmp_path: Path, quant: str) -> None:
    """The entry's answer and the adapter's bytes in 32 bits, whatever the model is quantized to."""
    folder = write(tmp_path / "lora", "meta-llama/Llama-3.1-8B")
    both = [estimate("-m", name, "--quant", quant) for name in (str(folder), "llama-3.1-8b")]
    parts = ("weights", "kv_cache", "compute")
    assert [ADAPTER_BYTES, 0, 0] == [both[0]["breakdown"][part] - both[1]["breakdown"][part] for part in parts]
    assert both[0]["quant"] == both[1]["quant"]
    assert [str(folder), both[1]["model"]["parameters"]] == [both[0]["model"][key] for key in ("id", "parameters")]
    assert both[0]["model"]["source"]["files_read"] == ["adapter_config.json", "adapter_model.safetensors"]
    assert [note for note in both[0]["assumptions"] if "adapter" in note][-2:] == [
        "it is an adapter of Llama 3.1 8B: its 32,768 parameters are counted in 32 bits (0.1 MiB), as PEFT loads them",
        "slots that a server reserves for further adapters (vLLM's --max-loras) are not in the estimate",
    ]


def test_a_base_that_sees(tmp_path: Path) -> None:
    """The tower of the entry is still there."""
    folder = write(tmp_path / "lora", "llava-hf/llava-v1.6-vicuna-13b-hf")
    both = [estimate("-m", name, "--quant", "int8") for name in (str(folder), "llava-1.6-13b")]
    assert both[0]["breakdown"]["weights"] - both[1]["breakdown"]["weights"] == ADAPTER_BYTES
    assert both[0]["breakdown"]["compute"] == both[1]["breakdown"]["compute"]


@pytest.mark.parametrize("place", ["directory", "cache"])
def test_a_base_of_this_disk(disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    """A directory as training left its name, or a repository that the Hub's cache holds."""
    monkeypatch.chdir(tmp_path)
    made = models.write_folder(tmp_path / "made")
    if place == "cache":
        cache = disk / "cache" / "huggingface" / "hub"
        hub_snapshot(cache, "acme/Foo", {path.name: path.read_bytes() for path in sorted(made.iterdir())})
    write(tmp_path / "lora", "made" if place == "directory" else "acme/Foo")
    both = [estimate("-m", name, "--quant", "stored") for name in ("./lora", "./made")]
    assert both[0]["breakdown"]["weights"] - both[1]["breakdown"]["weights"] == ADAPTER_BYTES
    assert both[0]["quant"] == both[1]["quant"]
    assert ("./made" if place == "directory" else "acme/Foo") in command(
        "./lora", "--engine", "vllm", "--quant", "bf16"
    )


def test_the_commands_run_the_base(tmp_path: Path) -> None:
    folder = write(tmp_path / "lora", "meta-llama/Llama-3.1-8B")
    assert "vllm serve meta-llama/Llama-3.1-8B" in command(str(folder), "--engine", "vllm", "--quant", "bf16")


def test_a_quantized_base_states_its_scheme(tmp_path: Path) -> None:
    """The keys of the base's name are the adapter's."""
    folder = write(tmp_path / "lora", "unsloth/Meta-Llama-3.1-8B-bnb-4bit")
    assert estimate("-m", str(folder))["quant"]["scheme"] == "nf4"


@pytest.mark.parametrize(
    ("base", "weights", "said"),
    [
        (None, True, "is an adapter that names no base model"),
        ("", True, "is an adapter that names no base model"),
        (7, True, "is an adapter that names no base model"),
        ("/root/models/llama", True, "is an adapter of /root/models/llama, which is not on this disk"),
        ("https://example.com/x.gguf", True, "which is not on this disk"),
        ("lora", True, "is itself an adapter, named as the base of lora"),
        ("other", True, "is itself an adapter"),
        ("meta-llama/Llama-3.1-8B", False, "the weights of the adapter lora are not there"),
        ("gguf", True, "which is here as GGUF: llama.cpp takes adapters as GGUF alone"),
    ],
)
def test_what_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, base: object, weights: bool, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "lora", base, weights=weights)
    write(tmp_path / "other", "lora")
    (tmp_path / "gguf").mkdir()
    models.gguf().write(tmp_path / "gguf" / "x.gguf")
    ran = vramfit("check", "-g", "rtx4090", "-m", "./lora", "--offline")
    assert (4, "") == (ran.code, ran.out)
    assert said in ran.err.splitlines()[0].replace("./", "")
    assert len(ran.err.splitlines()) <= 2


def test_a_pickled_adapter_is_not_opened(tmp_path: Path) -> None:
    folder = write(tmp_path / "lora", "meta-llama/Llama-3.1-8B", weights=False)
    (folder / "adapter_model.bin").write_bytes(b"PK\x03\x04")
    ran = vramfit("check", "-g", "rtx4090", "-m", str(folder))
    assert (4, True) == (ran.code, "are a pickle, which is not opened" in ran.err)


def test_a_model_beside_an_adapter_is_the_model(tmp_path: Path) -> None:
    """A folder that holds its own weights is that model, whatever was trained on it."""
    folder = models.write_folder(tmp_path / "both")
    write(folder, "acme/Foo")
    assert estimate("-m", str(folder))["breakdown"]["weights"] == 2 * models.PARAMETERS


@pytest.mark.parametrize(
    ("page", "said"), [(None, "trained on, and"), ("https://hf.co/a/b", "as of https://hf.co/a/b,")]
)
def test_a_gguf_adapter_is_refused_by_name(tmp_path: Path, page: str | None, said: str) -> None:
    """llama.cpp puts it on its model with a flag of its own."""
    writer = GgufWriter().add("general.type", "string", "adapter").add("adapter.type", "string", "lora")
    if page is not None:
        writer.add("general.base_model.0.repo_url", "string", page)
    path = writer.tensor("blk.0.attn_q.weight.lora_a", (256, 16), 0).write(tmp_path / "x.gguf")
    ran = vramfit("check", "-g", "rtx4090", "-m", str(path))
    assert (4, "") == (ran.code, ran.out)
    assert "x.gguf is a LoRA adapter, not a model" in ran.err
    assert said in ran.err.splitlines()[1]
