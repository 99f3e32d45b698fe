"""Formats and options for pipelines; the Action, the hooks and the examples of docs/ci.md as their runners run them."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft4Validator

from tests.command import environment, vramfit
from vramfit.render.github import lines as workflow_commands
from vramfit.render.junit import lines as cases
from vramfit.render.sarif import document, uri

ROOT = Path(__file__).parent.parent
DEPLOYMENTS = """\
defaults: {gpu: rtx4090, engine: vllm, context: 4096}
deployments:
  - {name: fits, model: llama-3.2-1b, quant: bf16}
  - {name: large, model: llama-3.1-70b, quant: bf16}
  - {name: "a,b: 100%", model: llama-9.9-1b, quant: bf16}
"""
SARIF: dict[str, Any] = json.loads(
    (Path(__file__).parent / "schemas" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8")
)
"""Schema of SARIF 2.1.0 by its makers (``tests/schemas/README.md``)."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with deployments, in which the test stands."""
    (tmp_path / "vramfit.yaml").write_text(DEPLOYMENTS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_annotations(project: Path) -> None:
    ran = vramfit("check", "-f", "vramfit.yaml", "--format", "github")
    assert 2 == ran.code
    first, second, third = ran.out.splitlines()
    assert re.match(
        r"::error file=vramfit\.yaml,line=4,title=vramfit%3A large on rtx4090 in bf16::"
        r"Llama 3\.1 70B does not fit an RTX 4090 in BF16: .* short\. Remedy: .+", first,
    )  # fmt: skip
    assert second.startswith("::error file=vramfit.yaml,line=5,title=vramfit%3A a%2Cb%3A 100%25::no model is called")
    assert third.startswith(
        "::notice file=vramfit.yaml,line=3,title=vramfit%3A fits on rtx4090 in bf16::Llama 3.2 1B fits"
    )


def _row(name: str, severity: str = "error", file: str | None = "a.yaml") -> dict[str, Any]:
    error = {"code": "usage", "message": f"wrong\n<{name}>", "hint": None}
    return {"file": file, "line": 3, "severity": severity, "estimate": {"name": name, "error": error}}


@pytest.mark.parametrize(("count", "expected"), [(9, 9), (10, 10), (11, 10), (25, 10)])
def test_ten_annotations_of_a_kind(count: int, expected: int) -> None:
    found = list(workflow_commands([_row(str(number)) for number in range(count)]))
    assert expected == len(found)
    if count > expected:
        assert f"title=vramfit%3A {count - 9} more::a.yaml:3: 9: wrong%0A<9>%0Aa.yaml:3: 10" in found[-1]


def test_an_annotation_without_a_file() -> None:
    assert ["::warning title=vramfit%3A x::wrong%0A<x>"] == list(workflow_commands([_row("x", "warning", None)]))


def test_junit(project: Path) -> None:
    root = ET.fromstring(vramfit("check", "-f", "vramfit.yaml", "--format", "junit").out)
    assert ("testsuites", "3", "1", "1") == (root.tag, *[root.get(key) for key in ("tests", "failures", "errors")])
    (suite,) = root
    found = [(case.get("line"), case.get("file"), [(one.tag, one.get("type")) for one in case]) for case in suite]
    assert [
        ("3", "vramfit.yaml", [("system-out", None)]), ("4", "vramfit.yaml", [("failure", "exceeds")]),
        ("5", "vramfit.yaml", [("error", "unanswered")]),
    ] == found  # fmt: skip


def test_junit_of_any_text_is_xml() -> None:
    root = ET.fromstring("\n".join(cases([_row('a\x00"&\ud800', file='<"b&')])))
    (suite,) = root
    assert ('<"b&', 'a\\x00"&\ufffd') == (suite.get("name"), suite[0].get("name"))


def test_sarif(project: Path) -> None:
    found = json.loads(vramfit("check", "-f", "vramfit.yaml", "--format", "sarif").out)
    Draft4Validator(SARIF).validate(found)
    (run,) = found["runs"]
    assert ["vramfit/exceeds", "vramfit/unanswered"] == [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    results = [
        (one["ruleId"], one["ruleIndex"], one["level"], one["locations"][0]["physicalLocation"])
        for one in run["results"]
    ]
    place = {"artifactLocation": {"uri": "vramfit.yaml"}}
    assert [
        ("vramfit/exceeds", 0, "error", {**place, "region": {"startLine": 4}}),
        ("vramfit/unanswered", 1, "error", {**place, "region": {"startLine": 5}}),
    ] == results


def test_sarif_without_findings_or_places() -> None:
    for rows in ([], [_row("x", "notice")], [_row("x", "warning", None)]):
        Draft4Validator(SARIF).validate(document(rows, "1.0"))
    assert [] == document([_row("x", "notice")], "1.0")["runs"][0]["results"]


def test_the_schema_refuses_what_it_should() -> None:
    """A word of no version, a level of its own, and a property that it does not know."""
    Draft4Validator.check_schema(SARIF)
    good = document([_row("x", "warning", None)], "1.0")
    wrong = [json.loads(json.dumps(good)) for _ in range(3)]
    wrong[0]["version"] = "2.0.0"
    wrong[1]["runs"][0]["results"][0]["level"] = "fatal"
    wrong[2]["runs"][0]["verdict"] = "exceeds"
    assert [True, False, False, False] == [Draft4Validator(SARIF).is_valid(one) for one in (good, *wrong)]


@pytest.mark.parametrize(
    ("expected", "path"),
    [("a/b.yaml", "./a/b.yaml"), ("a%20b%25.yaml", "a b%.yaml"), ("file:///tmp/a", "/tmp/a"), ("file:///C:/a", "C:\\a"),
     ("%C3%A4", "ä")],
)  # fmt: skip
def test_uri(expected: str, path: str) -> None:
    assert expected == uri(path)


TIGHT = "deployments: [{name: t, gpu: 'custom:%sGiB', model: llama-3.1-8b, quant: bf16, engine: transformers, context: 512}]"


def _tight() -> str:
    """Deployment whose expected need is below the GPU's memory and whose high one is not."""
    estimate = vramfit("check", "-f", "-", "--json", stdin=TIGHT % 80).estimates[0]
    need = estimate["required_bytes"]
    middle: float = (need["expected"] + need["high"]) / 2 / 2**30
    return TIGHT % middle


@pytest.mark.parametrize(("fail_on", "tight", "exceeds"), [("exceeds", 0, 1), ("tight", 1, 1), ("never", 0, 0)])
def test_fail_on(fail_on: str, tight: int, exceeds: int) -> None:
    assert "tight" == vramfit("check", "-f", "-", "--json", stdin=_tight()).estimates[0]["verdict"]
    codes = [vramfit("check", "-f", "-", "--fail-on", fail_on, stdin=text).code for text in (_tight(), TIGHT % 12)]
    assert [tight, exceeds] == codes
    assert 2 == vramfit("check", "-f", "-", "--fail-on", fail_on, stdin=DEPLOYMENTS).code


@pytest.mark.parametrize(
    ("message", "arguments"),
    [
        ("--fail-on tight and --level tight exclude each other", "-f vramfit.yaml --fail-on tight --level tight"),
        ("--fail-on goes with --file", "-g l4 -m llama-3.2-1b --fail-on never"),
        ("--format sarif goes with --file", "-g l4 -m llama-3.2-1b --format sarif"),
        ('fail_on: "x" is not a valid value', "-f vramfit.yaml --fail-on x"),
    ],
)
def test_what_excludes_each_other(message: str, arguments: str, project: Path) -> None:
    ran = vramfit("check", *arguments.split())
    assert (2, f"error: {message}") == (ran.code, ran.err.splitlines()[0])


def test_output(project: Path) -> None:
    """A file has the whole answer or stays as it was; its mode stays too."""
    path = project / "out.json"
    path.write_text("before", encoding="utf-8")
    path.chmod(0o640)
    assert 4 == vramfit("check", "-f", "missing.yaml", "-o", str(path)).code
    assert "before" == path.read_text(encoding="utf-8")
    ran = vramfit("check", "-f", "vramfit.yaml", "--json", "-o", str(path))
    assert "" == ran.out
    assert vramfit("check", "-f", "vramfit.yaml", "--json").out == path.read_text(encoding="utf-8")
    assert 0o640 == path.stat().st_mode & 0o777
    assert ["out.json", "vramfit.yaml"] == sorted(one.name for one in project.iterdir())
    assert 4 == vramfit("check", "-f", "vramfit.yaml", "-o", str(project / "no" / "x")).code


def test_the_folder_s_file_is_what_is_checked_without_keys(project: Path) -> None:
    ran = vramfit("check", "--json")
    assert ["fits", "large", "a,b: 100%"] == [one["name"] for one in ran.estimates]
    assert vramfit("check", "-f", "vramfit.yaml", "--json") == ran
    assert "reading vramfit.yaml" in vramfit("check", terminal=True).err
    assert "reading" not in vramfit("check", "--quiet", terminal=True).err
    assert 0 == vramfit("check", "-g", "l4", "-m", "llama-3.2-1b").code


def test_several_files(project: Path) -> None:
    (project / "b.yaml").write_text(DEPLOYMENTS.replace("fits", "other"), encoding="utf-8")
    found = vramfit("check", "-f", "vramfit.yaml", "-f", "b.yaml", "--format", "github").out
    assert [("vramfit.yaml", 1), ("b.yaml", 1)] == [
        (name, found.count(f"::notice file={name}")) for name in ("vramfit.yaml", "b.yaml")
    ]


def repository(folder: Path, name: str = "vramfit.yaml", text: str = DEPLOYMENTS) -> Path:
    """Local git repository with one file."""
    folder.mkdir()
    (folder / name).write_text(text, encoding="utf-8")
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def _installed(folder: Path) -> Path:
    """Folder with a program ``vramfit`` that is this one, as an installation would put it."""
    place = folder / "vramfit" / "bin"
    place.mkdir(parents=True)
    program = place / "vramfit"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m vramfit "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return place


def action_step(inputs: dict[str, str], folder: Path, temporary: Path) -> tuple[int, str, dict[str, str]]:
    """Run the Action's checking step as a runner does: its shell, its variables from the inputs and their defaults."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    given = {name: str(one.get("default", "")) for name, one in action["inputs"].items()} | inputs
    assert set(given) == set(action["inputs"])
    step = action["runs"]["steps"][1]
    variables = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda found: given[found[1]], value)
        for name, value in step["env"].items()
    }
    output = temporary / "output"
    output.write_text("", encoding="utf-8")
    script = temporary / "step.sh"
    script.write_text(step["run"], encoding="utf-8")
    ran = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        env=environment(**variables, RUNNER_TEMP=str(temporary), GITHUB_OUTPUT=str(output)),
    )  # fmt: skip
    outputs = dict(line.split("=", 1) for line in output.read_text(encoding="utf-8").splitlines())
    return ran.returncode, ran.stdout, outputs


@pytest.mark.parametrize(
    ("code", "inputs"),
    [
        (2, {}), (2, {"files": "vramfit.yaml", "fail-on": "never"}),
        (1, {"files": "compose.yaml\n", "gpu": "rtx3060-12gb", "args": "--offline\n"}),
        (0, {"files": "compose.yaml", "gpu": "h100-sxm", "args": "--offline", "format": "sarif", "output": "out.sarif"}),
    ],
)  # fmt: skip
def test_the_action_runs_in_a_repository(code: int, inputs: dict[str, str], tmp_path: Path) -> None:
    folder = repository(tmp_path / "repository")
    (folder / "compose.yaml").write_text(
        "services:\n  chat:\n    image: vllm/vllm-openai\n    gpus: all\n    command: --model Qwen/Qwen3-8B --dtype bfloat16\n",
        encoding="utf-8",
    )
    _installed(tmp_path)
    ran, out, outputs = action_step(inputs, folder, tmp_path)
    assert (code, {"exit-code": str(code)}) == (ran, outputs)
    if "output" in inputs:
        Draft4Validator(SARIF).validate(json.loads((folder / "out.sarif").read_text(encoding="utf-8")))
    else:
        assert out.startswith("::error file=")


def test_the_action_s_installation_is_of_its_own_folder() -> None:
    """``github.action_path`` is where a runner has checked the Action out; the package stands there."""
    action = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
    step = action["runs"]["steps"][0]
    assert "${{ github.action_path }}" == step["env"]["VRAMFIT_SOURCE"]
    assert '"$VRAMFIT_SOURCE[hub]"' in step["run"]
    assert (ROOT / "pyproject.toml").exists()
    names = set(re.findall(r"\$\{\{ inputs\.([\w-]+) \}\}", (ROOT / "action.yml").read_text(encoding="utf-8")))
    assert names == set(action["inputs"])


def hook(identity: str) -> dict[str, Any]:
    """One of the hooks."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    (found,) = [one for one in hooks if one["id"] == identity]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("identity", "code", "text", "arguments"),
    [
        ("vramfit", 2, DEPLOYMENTS, []),
        ("vramfit", 0, "\n".join(DEPLOYMENTS.splitlines()[:3]), []),
        ("vramfit-files", 1, "\n".join(DEPLOYMENTS.splitlines()[:4]), ["--file", "vramfit.yaml"]),
    ],
)
def test_hooks_run_in_a_repository(identity: str, code: int, text: str, arguments: list[str], tmp_path: Path) -> None:
    """As pre-commit runs a hook: the entry's words, then its arguments, in the repository, without file names."""
    one = hook(identity)
    assert (one["pass_filenames"], one["language"]) == (False, "python")
    folder = repository(tmp_path / "repository", text=text)
    place = _installed(tmp_path)
    listed = subprocess.run(["git", "ls-files"], cwd=folder, capture_output=True, text=True, check=True).stdout.split()
    assert [name for name in listed if re.search(one.get("files", ""), name)] == ["vramfit.yaml"]
    env = environment(PATH=f"{place}{os.pathsep}{os.environ['PATH']}")
    words = [*shlex.split(one["entry"]), *arguments]
    assert code == subprocess.run(words, cwd=folder, capture_output=True, env=env, check=False, timeout=120).returncode


def examples() -> dict[str, Any]:
    """YAML blocks of docs/ci.md by the heading above each."""
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    found = {}
    for part in page.split("\n## ")[1:]:
        blocks = re.findall(r"```yaml\n(.*?)```", part, re.DOTALL)
        found[part.splitlines()[0]] = yaml.safe_load(blocks[0])
    return found


def test_examples_of_the_page_run(tmp_path: Path) -> None:
    """GitHub's inputs are the Action's, GitLab's line runs, pre-commit's hooks exist."""
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    (written,) = re.findall(r"```yaml\n(defaults.*?)```", page, re.DOTALL)
    folder = repository(tmp_path / "repository", text=written)
    place = _installed(tmp_path)
    shown = examples()
    inputs = shown["GitHub"]["jobs"]["fit"]["steps"][1]["with"]
    assert 0 == action_step(inputs, folder, tmp_path)[0]
    env = environment(PATH=f"{place}{os.pathsep}{os.environ['PATH']}")
    command = shown["GitLab"]["fit"]["script"][1]
    assert 0 == subprocess.run(["sh", "-c", command], cwd=folder, env=env, check=False, timeout=120).returncode
    assert "testsuites" == ET.parse(folder / shown["GitLab"]["fit"]["artifacts"]["reports"]["junit"]).getroot().tag
    (listed,) = shown["pre-commit"]["repos"]
    assert {"vramfit", "vramfit-files"} == {one["id"] for one in listed["hooks"]}
    assert all(hook(one["id"])["entry"].startswith("vramfit check") for one in listed["hooks"])
