"""The bill of materials: every package that is required, in the version that is installed."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from tests.sbom import NAME, bill, purl

ROOT = Path(__file__).parent.parent
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]


def test_what_is_declared_is_in_it_as_installed() -> None:
    found = {one["name"]: one["version"] for one in bill()["components"]}
    names = [Requirement(line).name for line in DECLARED]
    assert len(names) >= 4
    assert {name: found.get(name) for name in names} == {name: metadata.version(name) for name in names}
    assert "pydantic-core" in found  # what is required of what is required
    assert {"pytest", "huggingface-hub"}.isdisjoint(found)


def test_an_extra_is_added() -> None:
    """The extra is installed for development."""
    plain, more = ({one["name"] for one in bill(extras)["components"]} for extras in (frozenset(), frozenset({"hub"})))
    assert "huggingface-hub" in more - plain
    assert plain < more


def test_every_reference_leads_somewhere() -> None:
    found = bill()
    refs = {found["metadata"]["component"]["bom-ref"], *[one["bom-ref"] for one in found["components"]]}
    assert {one["ref"] for one in found["dependencies"]} == refs
    assert {other for one in found["dependencies"] for other in one["dependsOn"]} == refs - {purl(NAME)}


def test_the_command_writes_the_same_bytes_each_time(tmp_path: Path) -> None:
    file = tmp_path / "sbom.json"
    command = [sys.executable, "-m", "tests.sbom"]
    subprocess.run([*command, "--output", str(file)], cwd=ROOT, check=True, timeout=60)
    printed = subprocess.run(command, cwd=ROOT, check=True, timeout=60, capture_output=True, text=True).stdout
    assert printed == file.read_text(encoding="utf-8")
    found = json.loads(printed)
    assert (found["bomFormat"], found["specVersion"], found["version"]) == ("CycloneDX", "1.6", 1)
