"""Folders of sentence-transformers: the weights of the modules behind the transformer are counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import vramfit
from tests.importers import models
from tests.importers.trees import hub_snapshot

if TYPE_CHECKING:
    from pathlib import Path

INPUTS, OUTPUTS = models.HIDDEN, 512
DENSE: dict[str, tuple[str, tuple[int, ...]]] = {
    "linear.weight": ("F32", (OUTPUTS, INPUTS)),
    "linear.bias": ("F32", (OUTPUTS,)),
}
ADDED = OUTPUTS * (INPUTS + 1)
PATHS = ("", "1_Pooling", "2_Dense", "3_Normalize")


def write(folder: Path, paths: tuple[object, ...] = PATHS) -> Path:
    """A model whose dense layer is in safetensors; a pooling has settings alone, a normalization not even a folder."""
    models.write_folder(folder / str(paths[0]))
    modules = [{"idx": number, "name": str(number), "path": path} for number, path in enumerate(paths)]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text("{}", encoding="utf-8")
    models.write_safetensors(folder / "2_Dense" / "model.safetensors", DENSE)
    return folder


def estimate(*arguments: str) -> dict[str, Any]:
    ran = vramfit("check", "-g", "rtx4090", "--quant", "bf16", *arguments, "--offline", "--json")
    assert (0, "") == (ran.code, ran.err)
    found: dict[str, Any] = ran.estimates[0]
    return found


@pytest.mark.parametrize("paths", [PATHS, ("0_Transformer", *PATHS[1:])])
def test_a_dense_layer_is_counted(tmp_path: Path, paths: tuple[object, ...]) -> None:
    """Its parameters, and its bytes as stored, whether or not the transformer has a folder of its own."""
    found = estimate("-m", str(write(tmp_path / "st", paths)))
    assert (models.PARAMETERS + ADDED, 2 * models.PARAMETERS + 4 * ADDED) == (
        found["model"]["parameters"], found["breakdown"]["weights"],
    )  # fmt: skip
    assert found["model"]["source"]["files_read"] == [
        "config.json", "model.safetensors", "modules.json", "2_Dense/model.safetensors",
    ]  # fmt: skip


def test_a_dense_layer_stays_as_it_is_saved(tmp_path: Path) -> None:
    """Quantization is the transformer's."""
    folder, plain = write(tmp_path / "st"), models.write_folder(tmp_path / "plain")
    both = [estimate("-m", str(path), "--quant", "int8")["breakdown"]["weights"] for path in (folder, plain)]
    assert both[0] - both[1] in (2 * ADDED, 4 * ADDED)


@pytest.mark.parametrize("bias", [True, False])
def test_a_pickled_dense_layer_is_counted_by_its_settings(tmp_path: Path, bias: bool) -> None:
    folder = write(tmp_path / "st")
    (folder / "2_Dense" / "model.safetensors").unlink()
    (folder / "2_Dense" / "pytorch_model.bin").write_bytes(b"PK")
    settings = {"in_features": INPUTS, "out_features": OUTPUTS, "bias": bias}
    (folder / "2_Dense" / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    assert models.PARAMETERS + OUTPUTS * (INPUTS + bias) == estimate("-m", str(folder))["model"]["parameters"]


def test_a_configuration_alone_has_its_dense_layer_too(tmp_path: Path) -> None:
    folder = write(tmp_path / "st")
    (folder / "model.safetensors").unlink()
    assert models.PARAMETERS + ADDED == estimate("-m", str(folder))["model"]["parameters"]


def test_a_repository_of_the_cache(disk: Path, tmp_path: Path) -> None:
    """Folders below a repository are read as those of a directory are."""
    folder = write(tmp_path / "st")
    names = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in names}
    hub_snapshot(disk / "cache" / "huggingface" / "hub", "acme/st", contents)
    assert models.PARAMETERS + ADDED == estimate("-m", "acme/st")["model"]["parameters"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "modules.json is no list of modules"),
        ('[{"path": "../x"}]', "modules.json names the folder '../x'"),
        ('[{"path": "."}]', "modules.json names the folder '.'"),
        ('[{"path": "a/b"}]', "modules.json names the folder 'a/b'"),
        ("[7]", "modules.json names the folder None"),
        ("[" * 100_000, "modules.json"),
        (json.dumps([{"path": "x"}] * 65), "modules.json is no list of modules"),
    ],
)
def test_lists_that_are_none(tmp_path: Path, text: str, said: str) -> None:
    folder = write(tmp_path / "st")
    (folder / "modules.json").write_text(text, encoding="utf-8")
    ran = vramfit("check", "-g", "rtx4090", "-m", str(folder))
    assert (4, "") == (ran.code, ran.out)
    assert said in ran.err.splitlines()[0]
