"""``vramfit plot``: the need as a curve over the context, sequences, images or quantizations."""

from __future__ import annotations

import sys

from vramfit.cli.check import answered, opened, with_machine_here
from vramfit.cli.options import OUTPUT_OPTIONS
from vramfit.curve import OVER, POINTS
from vramfit.engines.keys import every_key, parse_request
from vramfit.errors import UsageError
from vramfit.workload.keys import Key, parse_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

WISHES: tuple[Key, ...] = (
    Key("over", "choice", "key to draw the need over", choices=OVER, default_text="context"),
    Key("to", "tokens", "last value of the curve", default_text="twice the largest that fits"),
    Key("points", "count", "number of values", minimum=2, maximum=512, default_text=str(POINTS)),
)
LEFT_OUT = ("any", "all_remedies", "details", "explain", "export", "fail_on", "file", "quiet")
OPTIONS: tuple[Key, ...] = (
    *[key for key in every_key().values() if key.name != "name"],
    *WISHES,
    *[key for key in OUTPUT_OPTIONS if key.name not in LEFT_OUT],
)
FORMATS = ("table", "plain", "json", "ndjson", "csv", "markdown")
PICTURES = (".svg", ".png", ".pdf")


def run(values: Mapping[str, Any]) -> int:
    """Draw one curve from raw option values; returns the exit code."""
    return answered(values, _answer)


def _answer(style: str, keys: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    from vramfit.curve import curve

    if style not in FORMATS:
        raise UsageError(f'format: "{style}" is not a valid value', f"expected one of: {', '.join(FORMATS)}")
    wishes = {key.name: parse_value(key, keys[key.name]) for key in WISHES if key.name in keys}
    raw: Mapping[str, Any] = {name: value for name, value in keys.items() if name not in wishes}
    path = str(output.get("output", "-"))
    if path.lower().endswith(PICTURES):
        from vramfit.render.chart import check_extra

        check_extra()
    catalogue = opened(
        output.get("catalogue"), offline="offline" in output, timeout=output.get("timeout"), quiet="quiet" in output
    )
    if "command" in raw:
        from vramfit.api.launched import command_files
        from vramfit.engines.commands import with_command

        raw, _ = with_command(raw, command_files())
    raw, catalogue = with_machine_here(raw, catalogue, output)
    over = str(wishes.get("over", "context"))
    report = curve(parse_request(raw), catalogue, over, points=int(wishes.get("points", POINTS)), to=wishes.get("to"))
    if path.lower().endswith(PICTURES):
        from vramfit.render.chart import save

        save(report, path)
    elif path != "-":
        from vramfit.cli.written import written

        with written(path):
            _print(style, report, output)
    else:
        _print(style, report, output)
    return 0


def _print(style: str, report: dict[str, Any], output: Mapping[str, Any]) -> None:
    from vramfit.cli.console import wants_colour, write_lines

    if style in ("json", "ndjson"):
        from vramfit.render.json import write

        write(sys.stdout, report, 2 if style == "json" else None)
    elif style == "table":
        from vramfit.render.curve import draw
        from vramfit.render.page import Page
        from vramfit.render.table import terminal_width

        colour = wants_colour(sys.stdout, str(output.get("color", "auto")))
        page = Page(terminal_width(sys.stdout), sys.stdout.encoding or "ascii", colour=colour)
        draw(page, report)
        sys.stdout.write(page.drawn())
    else:
        from vramfit.render.curve import lines

        end = "\r\n" if style == "csv" else "\n"
        write_lines(sys.stdout, lines(style, report, header=not output.get("no_header")), end)
