"""Published configurations against the catalogue's entries of the same models: one report, however a model is named.

``published/`` has ``config.json`` files of the Hub as PyPI aiconfigurator-core 0.12.0 copies them (``model_configs/``,
Apache-2.0), without the lists of modules that quantizations leave out. ``published.yaml`` says where a report differs
on purpose, and why.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from vramfit.answer import answer
from vramfit.checks import Checked
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.importers.client import Network
from vramfit.importers.load import Importer
from vramfit.report import estimate_object
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from collections.abc import Callable

    from vramfit.catalogue import Catalogue

HERE = Path(__file__).parent
FILES = sorted((HERE / "published").glob("*.json"))
DELIBERATE: dict[str, Any] = yaml.safe_load((HERE / "published.yaml").read_text(encoding="utf-8"))
PROVENANCE = (
    "name", "command", "assumptions", "rule_of_thumb", "remedies", "deployment.model", "deployment.name", "model.id",
    "model.name", "model.family", "model.knowledge", "model.source",
)  # fmt: skip
"""Fields that say what was asked and where it was read; the rule of thumb is that of the name."""
ASKED = (("transformers", "bf16"), ("vllm", "fp8"), ("sglang", "nvfp4"), ("llama.cpp", "Q4_K_M"))


@cache
def catalogue() -> Catalogue:
    return open_catalogue((), cache(lambda: Importer(Network(offline=True))))


@cache
def repository(file: Path) -> str:
    stated: str = json.loads(file.read_text(encoding="utf-8"))["repository"]
    return stated


def report(model: str, engine: str, quant: str) -> dict[str, Any]:
    """The estimate on two cards, without what differs by nature: caches of 16 bits, whatever a file asks for.

    Without limits and remedies, which are further estimates, and quality, which depends on the scheme alone.
    """
    keys = {"gpu": "2xb300", "model": model, "engine": engine, "quant": quant, "context": 4096}
    request = parse_request(keys if engine == "transformers" else {**keys, "kv_cache_type": "f16"})
    (deployment,) = resolve(request, catalogue())
    found, nothing = answer(deployment), ("", "")
    estimate = estimate_object(Checked(request, found, nothing, nothing, None, None, None, ()))
    return {path: value for path, value in flat(estimate).items() if not path.startswith(PROVENANCE)}


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """The values of a report by dotted paths."""
    if isinstance(value, dict):
        return {k: v for key, inner in value.items() for k, v in flat(inner, f"{path}.{key}".lstrip(".")).items()}
    return {path: value}


def compared() -> list[tuple[Path, str, str]]:
    left_out = {*DELIBERATE["without_entry"], *DELIBERATE["incomplete"]}
    others = DELIBERATE["another_checkpoint"]
    return [
        (file, engine, quant)
        for file in FILES
        for engine, quant in ASKED
        if repository(file) not in {*left_out, *others.get(quant, ())}
    ]


def expected(name: str, engine: str, quant: str) -> set[str]:
    """Fields that may differ."""
    rows = [row for row in DELIBERATE["differing"] if name in row["models"]]
    rows = [row for row in rows if row.get("engine") in (None, engine) and row.get("quant") in (None, quant)]
    return {field for row in rows for field in row["fields"]}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], str]:
    """Folders with a configuration alone, one for each file, so that the importer reads it once."""

    @cache
    def folder(file: Path) -> str:
        made = tmp_path_factory.mktemp("config")
        config = json.loads(file.read_text(encoding="utf-8"))["config"]
        (made / "config.json").write_text(json.dumps(config), encoding="utf-8")
        return str(made)

    return folder


@pytest.mark.parametrize(("file", "engine", "quant"), compared(), ids=lambda one: getattr(one, "stem", one))
def test_a_configuration_gives_the_report_of_its_entry(
    file: Path, engine: str, quant: str, folders: Callable[[Path], str]
) -> None:
    name = repository(file)
    by_name, by_file = report(name, engine, quant), report(folders(file), engine, quant)
    differing = {path for path in by_name.keys() | by_file.keys() if by_name.get(path) != by_file.get(path)}
    assert differing == expected(name, engine, quant)


def test_the_others_have_no_entry() -> None:
    unknown = [name for name in map(repository, FILES) if not catalogue().knows(name)]
    assert unknown == DELIBERATE["without_entry"]
