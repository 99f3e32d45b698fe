"""What a check loads: the light path stays light.

Start-up is most of what a check costs in a script, so this pins it without a clock. docs/architecture.md, "Start-up".
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import pytest

from tests.command import SOURCE

FORBIDDEN = {
    "argparse", "ast", "click", "collections", "copy", "csv", "dataclasses", "datetime", "decimal", "difflib", "enum",
    "fractions", "functools", "hashlib", "importlib.metadata", "importlib.resources", "inspect", "json", "logging",
    "operator", "pathlib", "pickle", "platform", "pydantic", "random", "re", "rich", "shlex", "shutil", "socket",
    "subprocess", "tempfile", "threading", "tokenize", "traceback", "typer", "typing", "urllib", "warnings", "yaml",
}  # fmt: skip
"""Modules known to cost more than they are worth here."""

STANDARD = {
    "__future__", "atexit", "_collections_abc", "_json", "_stat", "genericpath", "marshal", "os", "os.path",
    "posixpath", "stat", "ntpath", "nt", "gc",
}  # fmt: skip
"""All of the standard library that a check loads beyond ``python -I -S``; ``site`` loads most of it anyway."""

ALLOWED = {
    "vramfit", "vramfit.__main__", "vramfit._memo", "vramfit._record", "vramfit.answer",
    "vramfit.checks", "vramfit.errors", "vramfit.hardware", "vramfit.quantities", "vramfit.search", "vramfit.sources",
    "vramfit.units", "vramfit.verdict",
    *(f"vramfit.report{name}" for name in ("", ".amounts", ".asked", ".notes")),
    *(
        f"vramfit.catalogue{name}"
        for name in ("", ".container", ".custom", ".files", ".gpu_lookup", ".listings", ".lookup", ".names", ".rows")
    ),
    *(f"vramfit.cli{name}" for name in ("", ".check", ".console", ".options", ".process")),
    *(
        f"vramfit.engines{name}"
        for name in (
            "", ".base", ".cuda", ".interface", ".keys", ".naming", ".profile", ".pipelines", ".quants", ".resolve",
            ".servers", ".workloads",
        )
    ),
    *(f"vramfit.engines.transformers{name}" for name in ("", ".estimate", ".launch", ".speed", ".training")),
    *(f"vramfit.launch{name}" for name in ("", ".write")),
    *(f"vramfit.memory{name}" for name in ("", ".activations", ".kv_cache", ".vision", ".weights")),
    *(
        f"vramfit.model{name}"
        for name in ("", ".architecture", ".counted", ".encoder", ".image_rules", ".image_rules.anyres", ".packed", ".traits")
    ),
    *(
        f"vramfit.quantization{name}"
        for name in ("", ".bare_types", ".bitsandbytes", ".checkpoint", ".gguf", ".gguf_layout", ".gguf_mix", ".linears",
                     ".mixes", ".mixes_measured", ".plain", ".publishers", ".quality", ".quality_measured", ".schemes",
                     ".spelling")
    ),
    *(
        f"vramfit.remedies{name}"
        for name in ("", ".combinations", ".cost", ".hardware", ".models", ".settings", ".weights")
    ),
    *(
        f"vramfit.training{name}"
        for name in ("", ".activations", ".memory", ".network", ".profile", ".script", ".states", ".trainers",
                     ".trainers.transformers", ".check", ".loss", ".trainers.unsloth")
    ),
    *(f"vramfit.speed{name}" for name in ("", ".decode", ".prefill")),
    *(f"vramfit.workload{name}" for name in ("", ".common", ".keys", ".optimizers", ".training", ".tuning")),
    *(f"vramfit.render{name}" for name in ("", ".fields", ".headline", ".json", ".plain", ".words")),
}  # fmt: skip
"""Our own modules on the light path. Each costs about a third of a percent of a check: add one on purpose."""
FURTHER = {"several cards": {"vramfit.engines.support", "vramfit.engines.transformers.support"}}
"""Modules of single lines: a 70B model is offered a rented MI300X, which has rules of its own."""

ENGINE = "vramfit.engines.llamacpp"
"""A package of small modules, one for each part of a graph; those it needs are its own business."""

HEADLINE = ("check", "--gpu", "rtx4090", "--model", "llava-1.6-13b", "--json")
LINES = {
    "the headline": HEADLINE,
    "plain": HEADLINE[:-1],
    "ndjson": (*HEADLINE[:-1], "--format", "ndjson"),
    "llama.cpp": ("check", "-g", "rtx3060-12gb", "-m", "qwen3-30b-a3b", "--quant", "Q4_K_M", "--json"),
    "several cards": ("check", "-g", "2xrtx3090", "-m", "llama-3.1-70b", "--json"),
    "custom card": ("check", "-g", "custom:24GiB@1008GB/s", "-m", "llama-3.1-8b", "--json"),
}


def loaded(code: str) -> set[str]:
    """Modules an isolated interpreter without ``site`` has loaded after running ``code``."""
    script = f"{code}\nimport sys\nsys.stderr.write('\\0' + ' '.join(sys.modules))"
    # A default of the reader's own (VRAMFIT_GPU, ...) loads the module that reads such defaults.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VRAMFIT_")}
    command = [sys.executable, "-I", "-S", "-c", script]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return set(told.stderr.rpartition("\0")[2].split())


@cache
def after(line: tuple[str, ...]) -> set[str]:
    """Modules loaded by a command line, beyond those of a bare interpreter."""
    run = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); from vramfit.__main__ import main; main({list(line)!r})"
    return loaded(run) - loaded("pass")


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    """The catalogue is compiled when the data changed, which is no light work: not measured here."""
    from vramfit.sources import open_catalogue

    open_catalogue()


@pytest.mark.parametrize("name", LINES)
def test_nothing_heavy_is_loaded(name: str) -> None:
    """None of the modules that cost more than the check itself, nor anything below them."""
    assert set() == {
        module for module in after(LINES[name]) if module in FORBIDDEN or module.split(".")[0] in FORBIDDEN
    }


@pytest.mark.parametrize("name", LINES)
def test_the_standard_library_is_hardly_used(name: str) -> None:
    """A list, so that a new import is a decision."""
    assert set() == {module for module in after(LINES[name]) if not module.startswith("vramfit")} - STANDARD


@pytest.mark.parametrize("name", LINES)
def test_our_own_modules_are_those_needed(name: str) -> None:
    """Likewise; engines, schemes, renderers and the slow path of the catalogue are loaded when used."""
    ours = {module for module in after(LINES[name]) if module.startswith("vramfit")}
    assert set() == {module for module in ours - ALLOWED - FURTHER.get(name, set()) if not module.startswith(ENGINE)}
    assert {"vramfit.checks", "vramfit.verdict", "vramfit.catalogue.lookup"} <= ours


def test_every_module_of_the_list_is_loaded_by_some_line() -> None:
    """What the list allows and nobody needs would let something back in unseen."""
    ours = {module for line in LINES.values() for module in after(line) if module.startswith("vramfit")}
    assert set() == ALLOWED - ours


def test_the_table_is_drawn_without_the_console_of_rich() -> None:
    """Its text and its styles are enough, and the console is most of what Rich takes to load."""
    run = f"import sys; sys.path.insert(0, {str(SOURCE)!r}); import vramfit.render.screen, vramfit.render.story"
    rich = {module for module in loaded(f"import site; site.main(); {run}") if module.startswith("rich")}
    assert "rich.text" in rich
    assert "rich.console" not in rich


def test_the_measure_sees_what_is_loaded() -> None:
    """Were a forbidden module loaded, it would be found, and what it pulls in."""
    assert {"json", "re", "enum"} <= loaded("import json") - loaded("pass")


def test_a_module_that_is_not_used_is_not_loaded() -> None:
    """Plain fp16 alone needs no quantization but the plain one."""
    line = ("check", "-g", "a100-sxm4-80gb", "-m", "llama-3.1-8b", "--quant", "fp16", "--json")
    assert not {m for m in after(line) if "bitsandbytes" in m or "gguf" in m or m.startswith("vramfit.remedies.hard")}


def test_remedies_that_cannot_help_are_not_loaded() -> None:
    """No setting makes room for weights that exceed the card, and no combination is needed where one change is enough."""
    ours = {module for module in after(HEADLINE) if module.startswith("vramfit.remedies.")}
    assert {f"vramfit.remedies.{name}" for name in ("cost", "hardware", "models", "weights")} == ours
