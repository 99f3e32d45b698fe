"""``--gpu auto``, no ``--gpu``, ``--free`` and ``list gpus --here``, on machines of ``tests/importers/machine``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.command import SOURCE, vramfit
from tests.importers.machine.placing import answers, machines, place
from vramfit.importers.machine.find import ThisMachine
from vramfit.importers.machine.place import Place

if TYPE_CHECKING:
    from pathlib import Path

ASKED = ("-m", "llama-3.1-8b", "--quant", "int4", "--json")
LIKE_THEIR_NAME = [
    name
    for name, one in machines().items()
    if not {"usable", "platform"} & one.keys()
    and not any(gpu.startswith("custom:") for gpu in one["gpu"])
    and not any("the driver reports" in note for note in one.get("notes", ()))
]
"""Machines that are no more than their GPUs' names."""


def on(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command run on a machine of ``machines.yaml``."""
    monkeypatch.setattr("vramfit.cli.this_machine._here", [ThisMachine(place(name, folder, monkeypatch))])


def without_notes(estimate: dict[str, Any], count: int) -> dict[str, Any]:
    """An estimate without the first sentences of its assumptions."""
    return {**estimate, "assumptions": estimate["assumptions"][count:]}


@pytest.mark.parametrize("name", LIKE_THEIR_NAME)
def test_a_machine_is_its_gpus(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is the one for the cards' names, with sentences on where they come from in front."""
    on(name, tmp_path, monkeypatch)
    named = vramfit("check", *[word for gpu in machines()[name]["gpu"] for word in ("-g", gpu)], *ASKED)
    for arguments in (("check", *ASKED), ("check", "-g", "auto", *ASKED), ("check", "-g", "AUTO", *ASKED)):
        ran = vramfit(*arguments)
        assert (named.code, named.err) == (ran.code, ran.err)
        (own,), (other,) = ran.estimates, named.estimates
        more = len(own["assumptions"]) - len(other["assumptions"])
        assert "this machine's" in own["assumptions"][0]
        assert other == without_notes(own, more)


def test_some_machines_are_no_more_than_their_names() -> None:
    assert len(LIKE_THEIR_NAME) >= 10


@pytest.mark.parametrize("name", [one for one in machines() if one not in LIKE_THEIR_NAME])
def test_other_machines_are_answered_with_their_own_memory(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on(name, tmp_path, monkeypatch)
    one = machines()[name]
    (estimate,) = vramfit("check", *ASKED).estimates
    keys, gpu = estimate["deployment"], one["gpu"]
    assert (gpu if len(gpu) > 1 else gpu[0]) == keys["gpu"]
    expected = {
        "platform": keys["platform"],
        "usable": keys["usable"],
        **{key: one[key] for key in ("platform", "usable") if key in one},
    }
    assert expected == {"platform": keys["platform"], "usable": keys["usable"]}
    assert estimate["gpu"]["usable_bytes"] > 0


def test_a_card_that_the_catalogue_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is the driver's, its speed is not known, and remedies keep it."""
    on("unknown-card", tmp_path, monkeypatch)
    (estimate,) = vramfit("check", "-m", "llama-3.3-70b", "--quant", "int8", "--json").estimates
    assert "NVIDIA GeForce RTX 9090" == estimate["gpu"]["name"]
    assert "nvidia" == estimate["gpu"]["vendor"]
    assert (49152 * 2**20, None) == (estimate["gpu"]["memory_bytes"], estimate["gpu"]["bandwidth_bytes_per_second"])
    assert None is estimate["throughput"]
    assert "exceeds" == estimate["verdict"]
    assert [] != [one for one in estimate["remedies"] if "gpu" not in one["changes"] and "model" not in one["changes"]]


def test_free_is_the_reserve_that_others_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on("two-rtx3090", tmp_path, monkeypatch)
    named = vramfit("check", "-g", "2xrtx3090", "--reserve", "22833MiB", *ASKED).estimates[0]
    for words in (("--free",), ("--reserve", "auto")):
        (own,) = vramfit("check", *words, *ASKED).estimates
        assert "22833MiB" == own["deployment"]["reserve"]
        assert named == without_notes(own, len(own["assumptions"]) - len(named["assumptions"]))
        assert "others hold 22.30 GiB now on the fullest card; that is taken off" in own["assumptions"]


def test_what_is_free_and_not_stated_is_not_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on("m3-pro", tmp_path, monkeypatch)
    ran = vramfit("check", "--free", *ASKED)
    assert 3 == ran.code
    assert "what is in use of Apple M3 Pro is not known: macOS moves memory" in ran.err


def test_a_command_without_a_gpu_runs_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on("two-rtx3090", tmp_path, monkeypatch)
    command = ("--", "vllm", "serve", "Qwen/Qwen3-8B", "-tp", "2", "--max-model-len", "4096")
    own, *_ = vramfit("check", "--json", *command).estimates
    assert ("2xrtx3090", "vllm") == (own["deployment"]["gpu"], own["engine"])


def test_files_mean_this_machine_where_they_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on("rtx5090-and-3090ti", tmp_path, monkeypatch)
    file = tmp_path / "deployments.yaml"
    file.write_text(
        "defaults: {model: llama-3.1-8b, quant: int4}\n"
        "deployments:\n- {gpu: auto}\n- {name: none}\n- {gpu: [auto], ram: auto}\n- {gpu: rtx4090}\n",
        encoding="utf-8",
    )
    first, second, third, fourth = vramfit("check", "-f", str(file), "--json").estimates
    assert [["rtx5090", "rtx3090ti"]] * 2 == [one["deployment"]["gpu"] for one in (first, second)]
    assert "rtx4090" == fourth["deployment"]["gpu"]
    assert "45GiB" == third["deployment"]["ram"]


def test_ram_that_nothing_states_is_not_guessed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on("two-rtx3090", tmp_path, monkeypatch)
    ran = vramfit("check", "--ram", "auto", *ASKED)
    assert 3 == ran.code
    assert "how much RAM this machine has is not known" in ran.err


def test_ram_of_this_machine_for_a_named_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on("container-of-one-card", tmp_path, monkeypatch)
    (own,) = vramfit("check", "-g", "rtx4090", "--ram", "auto", *ASKED).estimates
    assert "7GiB" == own["deployment"]["ram"]
    assert "RAM is what is available now within the limit of cgroup v2: 7.00 GiB" == own["assumptions"][0]


def test_verbose_says_what_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on("two-rtx3090", tmp_path, monkeypatch)
    lines = vramfit("check", "-v", *ASKED).err.splitlines()
    assert "nvidia-smi: 2 devices" in lines
    assert "amd-smi: not on PATH" in lines


def test_matrix_and_recommend_take_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on("rx7900xt", tmp_path, monkeypatch)
    ran = vramfit("matrix", "-g", "auto", "-m", "llama-3.1-8b", "--format", "json")
    assert "rx7900xt" in ran.out
    assert "note: the GPU is this machine's, by rocm-smi: Radeon RX 7900 XT\n" == ran.err
    own, named = [
        json.loads(vramfit("recommend", "-g", gpu, "--limit", "1", "--json").out) for gpu in ("auto", "rx7900xt")
    ]
    assert named == own


def test_list_has_every_gpu_and_what_was_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on("rx6800-by-files", tmp_path, monkeypatch)
    document = json.loads(vramfit("list", "gpus", "--here", "--json").out)
    assert "1.0" == document["format_version"]
    assert [("rx6800", False), (None, True)] == [(gpu["id"], gpu["integrated"]) for gpu in document["gpus"]]
    machine = document["machine"]
    assert ("linux", 65000000 * 1024) == (machine["platform"], machine["ram_bytes"])
    assert {"source": "/sys/class/drm (amdgpu)", "outcome": "2 devices"} in machine["asked"]
    table = vramfit("list", "gpus", "--here", "--format", "table").out
    for words in ("rx6800", "16.0 GiB", "display", "asked", "nvidia-smi: not on PATH"):
        assert words in table
    for style in ("plain", "csv"):
        assert 3 == len(vramfit("list", "gpus", "--here", "--format", style).out.splitlines())
    assert 4 == len(vramfit("list", "gpus", "--here", "--format", "markdown").out.splitlines())
    assert 2 == len(vramfit("list", "gpus", "--here", "--format", "ndjson").out.splitlines())


def test_list_takes_no_filter_beside_here() -> None:
    ran = vramfit("list", "gpus", "--here", "--vendor", "amd")
    assert 2 == ran.code
    assert "--here lists all GPUs" in ran.err


def test_a_machine_without_a_gpu() -> None:
    """One line and a hint, exit 4, and an object under ``--json``."""
    for arguments in (("check", "-m", "llama-3.1-8b"), ("list", "gpus", "--here")):
        ran = vramfit(*arguments, "--json")
        assert 4 == ran.code
        error = json.loads(ran.out)["error"]
        assert "no-gpu" == error["code"]
        assert f"error: {error['message']}\nhint: {error['hint']}\n" == ran.err
        assert error["message"].startswith("no GPU was found on this machine: nothing at NVML, nvidia-smi")
        assert "-g rtx4090" in error["hint"]


def test_variables_that_hide_every_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = place("two-rtx3090", tmp_path, monkeypatch)
    hidden = Place(str(tmp_path / "root"), "linux", {**here.variables, "CUDA_VISIBLE_DEVICES": ""})
    monkeypatch.setattr("vramfit.cli.this_machine._here", [ThisMachine(hidden)])
    ran = vramfit("check", *ASKED)
    assert 4 == ran.code
    assert "CUDA_VISIBLE_DEVICES=: 0 of 2 NVIDIA GPUs; nvidia-smi: 2 devices" in ran.err


def test_a_process_of_its_own(tmp_path: Path) -> None:
    """The command as a user starts it, with a program of that name in front of PATH."""
    answers(tmp_path, "nvidia-smi", machines()["two-rtx3090"]["programs"]["nvidia-smi"])
    variables = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(SOURCE)}
    variables.pop("CUDA_VISIBLE_DEVICES", None)
    command = [sys.executable, "-m", "vramfit", "check", *ASKED]
    ran = subprocess.run(command, capture_output=True, text=True, env=variables, check=False)
    assert (0, "") == (ran.returncode, ran.stderr)
    assert "2xrtx3090" == json.loads(ran.stdout)["estimates"][0]["deployment"]["gpu"]


def test_a_check_of_a_named_card_asks_nothing() -> None:
    """None of the modules that look at the machine is loaded."""
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r}); from vramfit.__main__ import main\n"
        "main(['check', '-g', 'rtx4090', '-m', 'llama-3.1-8b', '--json'])\n"
        "sys.stderr.write(' '.join(one for one in sys.modules if 'machine' in one))"
    )
    ran = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert "" == ran.stderr
