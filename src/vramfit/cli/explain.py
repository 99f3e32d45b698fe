"""``vramfit explain``: the estimate as a derivation, term by term."""

from __future__ import annotations

import sys

from vramfit.cli.check import answered, answers_of, last_exit_code
from vramfit.cli.options import OUTPUT_OPTIONS, own_settings
from vramfit.engines.keys import every_key
from vramfit.errors import UsageError
from vramfit.workload.keys import Key, parse_value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

TERM = Key(
    "term", "texts", "only these terms: a part (weights, kv_cache, compute, overhead), a device, or words of a name"
)
LEFT_OUT = ("any", "all_remedies", "details", "explain", "fail_on", "quiet")
OPTIONS: tuple[Key, ...] = (*every_key().values(), TERM, *[key for key in OUTPUT_OPTIONS if key.name not in LEFT_OUT])
FORMATS = ("table", "plain", "json", "ndjson", "csv", "markdown")


def run(values: Mapping[str, Any]) -> int:
    """Explain one command line's estimates from its raw option values; returns the exit code of ``check``."""
    return answered(values, _answer)


def _answer(style: str, keys: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    from vramfit.report import document

    if style not in FORMATS:
        raise UsageError(f'format: "{style}" is not a valid value', f"expected one of: {', '.join(FORMATS)}")
    given = {name: value for name, value in keys.items() if name != TERM.name}
    wanted = parse_value(TERM, keys[TERM.name]) if TERM.name in keys else ()
    asked = {**output, "explain": True, "bare": True, "first": True}
    report = document([_chosen(one, wanted) for one in answers_of(given, asked, own_settings())])
    if "export" in output:
        from vramfit.cli.exported import export
        from vramfit.render.explain import draw, lines

        export(
            str(output["export"]), report, lambda page, one: draw(page, one, whole=not wanted),
            lambda one: lines("markdown", one),
        )  # fmt: skip
    if "output" in output and output["output"] != "-":
        from vramfit.cli.written import written

        with written(str(output["output"])):
            _print(style, report, output, whole=not wanted)
    else:
        _print(style, report, output, whole=not wanted)
    return last_exit_code()


def _chosen(estimate: dict[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
    """The estimate with the terms that are wanted; raises ``UsageError`` for a word that none of them has."""
    terms = estimate.get("terms")
    if not wanted or not terms:
        return estimate
    kept: list[int] = []
    for word in wanted:
        folded = _folded(word)
        found = [i for i, one in enumerate(terms) if folded in (one["part"], one["device"])]
        found = found or [i for i, one in enumerate(terms) if folded in _folded(one["name"])]
        if not found:
            parts = dict.fromkeys([one["part"] for one in terms])
            names = dict.fromkeys([one["name"] for one in terms])
            raise UsageError(f'term: none is called "{word}"', f"parts: {', '.join(parts)}; names: {', '.join(names)}")
        kept += found
    return {**estimate, "terms": [terms[i] for i in sorted(set(kept))]}


def _folded(word: str) -> str:
    return word.strip().lower().replace("-", "_").replace(" ", "_")


def _print(style: str, report: dict[str, Any], output: Mapping[str, Any], *, whole: bool) -> None:
    from vramfit.cli.console import wants_colour, write_lines

    if style in ("json", "ndjson"):
        from vramfit.render.json import write

        for one in [report] if style == "json" else report["estimates"]:
            write(sys.stdout, one, 2 if style == "json" else None)
    elif style == "table":
        from vramfit.render.explain import print_terms

        colour = wants_colour(sys.stdout, str(output.get("color", "auto")))
        print_terms(report, stream=sys.stdout, colour=colour, whole=whole)
    else:
        from vramfit.render.explain import lines

        end = "\r\n" if style == "csv" else "\n"
        write_lines(sys.stdout, lines(style, report, header=not output.get("no_header")), end)
