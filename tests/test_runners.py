"""The hooks under pre-commit itself, and the Action from its first step on: both install the program, from the network."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.test_ci import DEPLOYMENTS, ROOT, action_step, repository

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
AUTHOR = ["-c", "user.name=a", "-c", "user.email=a@b.c"]


def environment(**more: str) -> dict[str, str]:
    """This process's environment without the path to the sources: what is run is what was installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | more


LEFT = (".git", ".venv", "__pycache__", ".*_cache", "*.egg-info", ".hypothesis")


def _git(folder: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    env = environment(PRE_COMMIT_HOME=str(folder.parent / "cache"))
    return subprocess.run(
        ["git", *AUTHOR, *words], cwd=folder, capture_output=True, text=True, check=check, timeout=900, env=env
    )


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """This project as a git repository of one commit, as a hook's ``repo`` or a runner's checkout is."""
    folder = tmp_path_factory.mktemp("published") / "vramfit"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*LEFT))
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        _git(folder, *words)
    return folder


def test_pre_commit_runs_the_hooks(published: Path, tmp_path: Path) -> None:
    """A commit whose deployments do not fit is refused; one that touches none of the files is not asked about."""
    folder = repository(tmp_path / "repository", text="\n".join(DEPLOYMENTS.splitlines()[:3]) + "\n")
    compose = "services:\n  chat:\n    image: vllm/vllm-openai\n    gpus: all\n    command: --model Qwen/Qwen3-0.6B\n"
    (folder / "compose.yaml").write_text(compose, encoding="utf-8")
    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8").partition("## pre-commit")[2]
    shown = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0])
    shown["repos"][0]["repo"] = str(published)
    shown["repos"][0]["rev"] = _git(published, "rev-parse", "HEAD").stdout.strip()
    (folder / ".pre-commit-config.yaml").write_text(yaml.safe_dump(shown), encoding="utf-8")
    env = environment(PRE_COMMIT_HOME=str(tmp_path / "cache"))
    subprocess.run([sys.executable, "-m", "pre_commit", "install"], cwd=folder, check=True, env=env, timeout=120)
    (folder / "vramfit.yaml").write_text("\n".join(DEPLOYMENTS.splitlines()[:3]) + "\n\n", encoding="utf-8")
    _git(folder, "add", "-A")
    fits = _git(folder, "commit", "-m", "fits", check=False)
    assert (0, 1) == (fits.returncode, fits.stderr.count("vramfit (Compose, Kubernetes")), fits.stderr
    assert 2 == fits.stderr.count("Passed")
    (folder / "vramfit.yaml").write_text("\n".join(DEPLOYMENTS.splitlines()[:4]) + "\n", encoding="utf-8")
    _git(folder, "add", "-A")
    large = _git(folder, "commit", "-m", "large", check=False)
    assert 1 == large.returncode
    assert "hook id: vramfit\n- exit code: 1" in large.stderr
    assert "\tllama-3.1-70b\t" in large.stderr
    assert "fits" == _git(folder, "log", "-1", "--format=%s").stdout.strip()


def test_the_action_from_its_first_step_on(published: Path, tmp_path: Path) -> None:
    """The installation into the runner's temporary folder, and the check with what was installed."""
    folder = repository(tmp_path / "repository")
    step = yaml.safe_load((published / "action.yml").read_text(encoding="utf-8"))["runs"]["steps"][0]
    env = environment(VRAMFIT_PYTHON=sys.executable, VRAMFIT_SOURCE=str(published), RUNNER_TEMP=str(tmp_path))
    ran = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert 0 == ran.returncode, ran.stderr
    assert os.access(tmp_path / "vramfit" / "bin" / "vramfit", os.X_OK)
    code, out, outputs = action_step({}, folder, tmp_path)
    assert (2, {"exit-code": "2"}, True) == (code, outputs, out.startswith("::error file=vramfit.yaml,line=4"))
