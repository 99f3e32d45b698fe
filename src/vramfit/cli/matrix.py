"""``vramfit matrix``: which of these models fit which of these GPUs."""

from __future__ import annotations

import sys

from vramfit.cli.check import answered, catalogue_of, in_place
from vramfit.cli.on_machine import with_machine
from vramfit.cli.options import HERE, MANY_OPTIONS
from vramfit.cli.printing import colour_of, print_lines
from vramfit.cli.progress import Progress
from vramfit.engines.keys import every_key, parse_request
from vramfit.errors import UsageError
from vramfit.workload.common import CLASSES
from vramfit.workload.keys import Key, parse_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


EVERYTHING = "*"

ASKED: tuple[Key, ...] = (
    Key(
        "gpu",
        "texts",
        "GPU, as in check, or all whose ids match a pattern: 'rtx40*', '2xrtx3090'; repeatable",
        flags=("-g",),
        default_text="every GPU",
        separator=",+",
    ),
    Key(
        "model",
        "texts",
        "model, as in check, or all whose ids match a pattern: 'qwen3-*'; repeatable",
        flags=("-m",),
        default_text="every model",
    ),
    Key("quant", "texts", "a scheme or class; repeatable; best: the best that fits", default_text="all three classes"),
)
"""Keys that take several values here, instead of the deployment keys of these names."""

_NAMES = {key.name: key for key in ASKED}
OPTIONS: tuple[Key, ...] = (
    *[_NAMES.get(key.name, key) for key in every_key().values() if key.name != "name"],
    *MANY_OPTIONS,
    HERE,
)


def run(values: Mapping[str, Any]) -> int:
    """Answer one ``matrix`` command line from its raw option values; returns the exit code."""
    return answered(values, _print)


def _print(style: str, keys: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    return in_place(output, lambda: _tell(style, keys, output))


def _tell(style: str, keys: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    from vramfit.catalogue.patterns import gpu_names, model_names
    from vramfit.matrix import matrix

    catalogue = catalogue_of(output)
    keys, catalogue = with_machine(keys, catalogue, output)
    asked = {name: parse_value(key, keys[name]) for name, key in _NAMES.items() if name in keys}
    request = parse_request({name: value for name, value in keys.items() if name not in _NAMES})
    here = "here" in output
    if here and "model" in asked:
        raise UsageError("--here and --model exclude each other", "give one of them")
    if "gpu" not in asked and "model" not in asked and not here:
        raise UsageError(
            "missing --gpu or --model", "vramfit matrix -g 'rtx40*' -m 'qwen3-*'; for everything, -g '*' -m '*'"
        )
    gpus = gpu_names(catalogue, asked.get("gpu", (EVERYTHING,)))
    if "quant" in asked:
        request["quant"] = asked["quant"]
    if here:
        from vramfit.cli.here import ModelsHere
        from vramfit.quantization import STORED

        models = ModelsHere(catalogue).names()
        request.setdefault("quant", (STORED,))
    else:
        models = model_names(catalogue, asked.get("model", (EVERYTHING,)))
    rows = len(models) * len(request.get("quant") or CLASSES)
    progress = Progress("rows", quiet="quiet" in output, to_file=output.get("output", "-") != "-")
    report = matrix(request, gpus, models, catalogue)
    report = {**report, "rows": progress.counted(report["rows"], rows)}
    if style == "table" and sys.stdout.isatty() and "format" not in output:
        from vramfit.render.matrix_summary import floods, print_summary

        if floods(rows, len(gpus)):
            print_summary(report, stream=sys.stdout, colour=colour_of(output))
            return 0
    if style == "table":
        from vramfit.render.matrix import print_matrix

        print_matrix(report, stream=sys.stdout, colour=colour_of(output))
        return 0
    from vramfit.render.csv import LINE_END
    from vramfit.render.matrix import lines

    end = LINE_END if style == "csv" else "\n"
    print_lines(style, lines(style, report, header=not output.get("no_header"), line_end=end))
    return 0
