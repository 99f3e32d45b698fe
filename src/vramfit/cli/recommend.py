"""``vramfit recommend``: what to run on a GPU, or which GPUs to get for a model."""

from __future__ import annotations

import sys

from vramfit.cli.check import answered, opened, with_machine
from vramfit.cli.console import wants_colour, write_lines
from vramfit.cli.options import HERE, MANY_OPTIONS
from vramfit.engines.keys import every_key, parse_request
from vramfit.errors import UsageError
from vramfit.workload.keys import Key, parse_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

WISHES: tuple[Key, ...] = (
    Key(
        "use",
        "choice",
        "with --gpu: what the model is for",
        choices=("chat", "code", "vision", "embedding"),
        default_text="chat",
    ),
    Key(
        "min_speed",
        "number",
        "decode tokens per second at least",
        minimum=0,
        maximum=1e6,
        default_text="5, about as fast as people read",
    ),
    Key("limit", "count", "recommendations at most, of GPUs to own and to rent each", default_text="10"),
)
"""Options for what a recommendation must meet, beside the deployment keys."""

LEVEL = Key("level", "choice", "what each must reach", choices=("fits", "tight"), default_text="fits")
LEFT_OUT = ("name",)
"""Keys without a meaning here: the label."""

OPTIONS: tuple[Key, ...] = (
    *[LEVEL if key.name == "level" else key for key in every_key().values() if key.name not in LEFT_OUT],
    *WISHES,
    *MANY_OPTIONS,
    HERE,
)
NOTHING_EXIT_CODE = 1


def run(values: Mapping[str, Any]) -> int:
    """Answer one ``recommend`` command line from its raw option values; returns the exit code, 1 for nothing found."""
    return answered(values, _print)


def _print(style: str, keys: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    from vramfit.recommend import recommend

    wishes = {key.name: parse_value(key, keys[key.name]) for key in WISHES if key.name in keys}
    catalogue = opened(output.get("catalogue"), offline="offline" in output, timeout=output.get("timeout"))
    keys, catalogue = with_machine(keys, catalogue, output)
    request = parse_request({name: value for name, value in keys.items() if name not in wishes})
    if "here" in output:
        from vramfit.cli.here import ModelsHere, stored

        if "model" in request:
            raise UsageError("--here and --model exclude each other", "give one of them")
        report = recommend({**stored(request), **wishes}, ModelsHere(catalogue))
    else:
        report = recommend({**request, **wishes}, catalogue)
    code = 0 if report["recommendations"] else NOTHING_EXIT_CODE
    if style == "table":
        from vramfit.render.recommend import print_recommendations

        print_recommendations(report, stream=sys.stdout, colour=wants_colour(sys.stdout, output.get("color", "auto")))
        return code
    from vramfit.render.csv import LINE_END
    from vramfit.render.recommend import lines

    end = LINE_END if style == "csv" else "\n"
    write_lines(sys.stdout, lines(style, report, header=not output.get("no_header")), end)
    return code
