"""``vramfit plot``: the need as a curve over the context, sequences, images or quantizations."""

from __future__ import annotations

from vramfit.cli.check import answered, catalogue_of, in_place
from vramfit.cli.on_machine import with_machine
from vramfit.cli.options import output_options, own_settings
from vramfit.cli.printing import print_report
from vramfit.curve import OVER, POINTS
from vramfit.engines.keys import every_key, parse_request
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
LEFT_OUT = ("command_file", "any", "all_remedies", "details", "explain", "fail_on", "file", "quiet")
OPTIONS: tuple[Key, ...] = (
    *[key for key in every_key().values() if key.name != "name"],
    *WISHES,
    *output_options(LEFT_OUT),
)
PICTURES = (".svg", ".png", ".pdf")


def run(values: Mapping[str, Any]) -> int:
    """Draw one curve from raw option values; returns the exit code."""
    return answered(values, _answer)


def _answer(style: str, keys: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    from vramfit.curve import curve

    wishes = {key.name: parse_value(key, keys[key.name]) for key in WISHES if key.name in keys}
    raw: Mapping[str, Any] = {name: value for name, value in keys.items() if name not in wishes}
    _check_files(output)
    catalogue, own = catalogue_of(output), own_settings()
    if own is not None:
        raw, _ = own.with_keys(raw, catalogue, raw)
    if "command" in raw:
        from vramfit.api.launched import command_files
        from vramfit.engines.commands import with_command

        raw, _ = with_command(raw, command_files())
    raw, catalogue = with_machine(raw, catalogue, output, needed=True)
    over = str(wishes.get("over", "context"))
    report = curve(parse_request(raw), catalogue, over, points=int(wishes.get("points", POINTS)), to=wishes.get("to"))
    _write_files(report, output)
    if not _is_picture(output.get("output")):
        in_place(output, lambda: print_report(style, report, output, "curve"))
    return 0


def _is_picture(path: object) -> bool:
    """True if the ending of a path asks for a picture, which matplotlib draws."""
    return str(path).lower().endswith(PICTURES)


def _check_files(output: Mapping[str, Any]) -> None:
    """Raise ``UsageError`` for a file that cannot be written here, before anything is computed."""
    from vramfit.cli.exported import kind_of

    if "export" in output and not _is_picture(output["export"]):
        kind_of(str(output["export"]))
    if any(_is_picture(output.get(key)) for key in ("export", "output")):
        from vramfit.render.chart import check_extra

        check_extra()


def _write_files(report: dict[str, Any], output: Mapping[str, Any]) -> None:
    """Write the pictures and the page that were asked for."""
    for key in ("export", "output"):
        if _is_picture(output.get(key)):
            from vramfit.render.chart import save

            save(report, str(output[key]))
    if "export" in output and not _is_picture(output["export"]):
        from vramfit.cli.exported import export
        from vramfit.render.curve import draw, lines

        export(str(output["export"]), report, draw, lambda one: lines("markdown", one))
