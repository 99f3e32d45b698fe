"""Defaults of the user's own: where they are read, what counts more, and what the report says of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.command import vramfit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.command import Ran


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Configuration folder of a user."""
    monkeypatch.setenv("VRAMFIT_CONFIG_DIR", str(tmp_path))
    return tmp_path


def written(folder: Path, text: str) -> None:
    (folder / "config.yaml").write_text(text, encoding="utf-8")


def engine_and_gpu(ran: Ran) -> tuple[str, str]:
    first = ran.estimates[0]
    return first["engine"], first["gpu"]["id"]


def test_a_file_stands_in_for_flags(folder: Path) -> None:
    written(folder, "# mine\ngpu: 3090\nengine: vLLM\nram: 64GB\nlevel: fits\n")

    ran = vramfit("check", "-m", "qwen3-8b", "--json")

    first = ran.estimates[0]
    assert ("vllm", "rtx3090", "64GiB", "fits") == (
        first["engine"], first["gpu"]["id"], first["deployment"]["ram"], first["deployment"]["level"]
    )  # fmt: skip
    place = str(folder / "config.yaml")
    assert [f"{name} is from {place}" for name in ("gpu: 3090", "ram: 64GB", "level: fits", "engine: vLLM")] == [
        note for note in first["assumptions"] if " is from " in note
    ]


def test_a_file_stands_in_for_flags_of_a_curve_and_a_comparison(folder: Path) -> None:
    written(folder, "gpu: 3090\nengine: vLLM\n")

    curve = json.loads(vramfit("plot", "-m", "qwen3-8b", "--json").out)
    sides = json.loads(vramfit("compare", "model=qwen3-8b context=4096", "model=qwen3-8b context=8192", "--json").out)

    assert "rtx3090" in json.dumps(curve)
    assert ["vllm", "vllm"] == [one["deployment"]["engine"] for one in sides["deployments"]]


def test_what_yaml_alone_can_read(folder: Path) -> None:
    written(folder, 'gpu: ["rtx3090", "rtx4090"]  # two\n')

    assert "rtx3090+rtx4090" == vramfit("check", "-m", "qwen3-8b", "--json").estimates[0]["gpu"]["id"]


def test_what_counts_more(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A flag, a variable, a deployment of a file, the settings, the default."""
    written(folder, "engine: sglang\n")
    deployments = tmp_path / "deployments.yaml"
    deployments.write_text("deployments: [{gpu: rtx4090, model: qwen3-8b, engine: vllm}]", encoding="utf-8")
    asked = ("check", "-g", "rtx4090", "-m", "qwen3-8b", "--json")

    assert "sglang" == vramfit(*asked).estimates[0]["engine"]
    assert "vllm" == vramfit("check", "-f", str(deployments), "--json").estimates[0]["engine"]
    monkeypatch.setenv("VRAMFIT_ENGINE", "llama.cpp")
    assert "llama.cpp" == vramfit(*asked).estimates[0]["engine"]
    assert "llama.cpp" == vramfit("check", "-f", str(deployments), "--json").estimates[0]["engine"]
    assert "transformers" == vramfit(*asked, "--engine", "transformers").estimates[0]["engine"]


@pytest.mark.parametrize(
    ("engine", "arguments"),
    [
        ("llama.cpp", ("-g", "rtx4090", "-m", "qwen3-8b", "--quant", "Q4_K_M")),
        ("ollama", ("-g", "rtx4090", "-m", "qwen3:8b")),
        ("vllm", ("-g", "m3-max-64gb", "-m", "qwen3-8b")),
        ("transformers", ("-g", "rtx4090", "-m", "qwen3-8b", "--task", "lora")),
        ("vllm", ("-g", "rtx4090", "-m", "qwen3-8b", "--quant", "int4")),
    ],
)
def test_a_default_engine_stands_in_for_the_default_alone(
    folder: Path, engine: str, arguments: tuple[str, ...]
) -> None:
    """What a name, a scheme, a GPU or a task says of the engine counts for more."""
    written(folder, "engine: vllm\n")

    assert engine == vramfit("check", *arguments, "--json").estimates[0]["engine"]


def test_a_platform_is_not_that_of_a_mac(folder: Path) -> None:
    written(folder, "platform: windows\n")

    assert (
        "macos"
        == vramfit("check", "-g", "m3-max-64gb", "-m", "qwen3-8b", "--json").estimates[0]["deployment"]["platform"]
    )
    assert (
        "windows"
        == vramfit("check", "-g", "rtx4090", "-m", "qwen3-8b", "--json").estimates[0]["deployment"]["platform"]
    )


def test_a_default_that_changes_nothing_is_not_named(folder: Path) -> None:
    written(folder, "level: tight\n")

    first = vramfit("check", "-g", "rtx4090", "-m", "qwen3-8b", "--json").estimates[0]
    assert [] == [note for note in first["assumptions"] if " is from " in note]


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("engin: vllm\n", 2, 'unknown setting "engin"'),
        ("- a\n", 4, "not a mapping"),
        ("model: qwen3-8b\n", 2, 'unknown setting "model"'),
        ("ram: 64\n", 2, 'size "64" has no unit'),
    ],
)
def test_what_is_no_setting(folder: Path, text: str, code: int, message: str) -> None:
    written(folder, text)

    ran = vramfit("check", "-g", "rtx4090", "-m", "qwen3-8b")
    assert code == ran.code
    assert message in ran.err.splitlines()[0]


def test_recommend_is_for_the_user_s_gpu(folder: Path) -> None:
    written(folder, "gpu: rtx3060-12gb\n")

    ran = vramfit("recommend", "--limit", "1", "--json")
    assert 0 == ran.code
    assert '"rtx3060-12gb"' in ran.out


def test_an_error_about_a_variable_s_value_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody looks for the fault in a variable that was set long ago."""
    monkeypatch.setenv("VRAMFIT_GPU", "nope")
    ran = vramfit("check", "-m", "qwen3-8b")

    assert (2, 'error: no GPU is called "nope"') == (ran.code, ran.err.splitlines()[0])
    assert ran.err.endswith("; gpu: nope is from VRAMFIT_GPU\n")
    assert "VRAMFIT_GPU" not in vramfit("check", "-g", "rtx4090", "-m", "nope-9b", "--offline").err


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("VRAMFIT_RAM", "64", "write GiB, for example 64GiB; ram is from VRAMFIT_RAM"),
        ("VRAMFIT_PLATFORM", "dos", "expected one of: linux, windows, macos; platform is from VRAMFIT_PLATFORM"),
    ],
)
def test_a_variable_whose_value_cannot_be_read_is_named(
    name: str, value: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    ran = vramfit("check", "-g", "rtx4090", "-m", "qwen3-8b")

    assert (2, f"hint: {hint}") == (ran.code, ran.err.splitlines()[1])


@pytest.mark.parametrize(
    ("variable", "warning"),
    [
        ("VRAMFIT_GPUS", "warning: VRAMFIT_GPUS sets nothing; did you mean VRAMFIT_GPU?\n"),
        ("VRAMFIT_XYZQ", "warning: VRAMFIT_XYZQ sets nothing\n"),
        ("VRAMFIT_PAGER", ""),
    ],
)
def test_a_variable_that_sets_nothing_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, warning: str) -> None:
    monkeypatch.setenv(variable, "4090")
    asked = ("check", "-g", "rtx4090", "-m", "qwen3-8b", "--quant", "Q4_K_M", "--json")

    assert (0, warning) == (vramfit(*asked).code, vramfit(*asked).err)
    assert vramfit(*asked, "--quiet").code == 0
    monkeypatch.setenv("VRAMFIT_QUIET", "1")
    assert vramfit(*asked).err == ""
