"""Published configurations against the catalogue's entries of the same models: one report, however a model is named.

``published/`` has ``config.json`` files of the Hub as PyPI aiconfigurator-core 0.12.0 copies them (``model_configs/``,
Apache-2.0), without the lists of modules that quantizations leave out. ``published.yaml`` says where a report differs
on purpose, and why.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import vramfit
from vramfit.sources import open_catalogue

HERE = Path(__file__).parent
FILES = sorted((HERE / "published").glob("*.json"))
DELIBERATE: dict[str, Any] = yaml.safe_load((HERE / "published.yaml").read_text(encoding="utf-8"))
PROVENANCE = (
    "name", "command", "assumptions", "rule_of_thumb", "remedies", "deployment.model", "deployment.name", "model.id",
    "model.name", "model.family", "model.knowledge", "model.source",
)  # fmt: skip
"""Fields that say what was asked and where it was read; the rule of thumb is that of the name."""


def repository(file: Path) -> str:
    stated: str = json.loads(file.read_text(encoding="utf-8"))["repository"]
    return stated


def report(model: str) -> dict[str, Any]:
    """The estimate on eight cards, without what differs by nature."""
    ran = vramfit(
        "check", "-g", "8xb300", "-m", model, "--engine", "transformers", "--quant", "bf16", "--context", "4096",
        "--offline", "--json",
    )  # fmt: skip
    assert (ran.code in (0, 1), ran.err) == (True, "")
    (estimate,) = ran.estimates
    return {path: value for path, value in flat(estimate).items() if not path.startswith(PROVENANCE)}


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """The values of a report by dotted paths."""
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in flat(inner, f"{path}.{key}".lstrip(".")).items()}
    return {path: value}


def compared() -> list[Path]:
    left_out = {*DELIBERATE["without_entry"], *DELIBERATE["incomplete"]}
    return [file for file in FILES if repository(file) not in left_out]


@pytest.mark.parametrize("file", compared(), ids=lambda file: file.stem)
def test_a_configuration_gives_the_report_of_its_entry(file: Path, tmp_path: Path) -> None:
    name = repository(file)
    config = json.loads(file.read_text(encoding="utf-8"))["config"]
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    by_name, by_file = report(name), report(str(tmp_path))
    differing = {path for path in by_name.keys() | by_file.keys() if by_name.get(path) != by_file.get(path)}
    assert differing == set(DELIBERATE["differing"].get(name, {"fields": ()})["fields"])


def test_the_others_have_no_entry() -> None:
    catalogue = open_catalogue()
    unknown = [name for name in map(repository, FILES) if not catalogue.knows(name)]
    assert unknown == DELIBERATE["without_entry"]
