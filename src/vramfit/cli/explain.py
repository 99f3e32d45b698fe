"""``vramfit explain``: the estimate as a derivation, term by term."""

from __future__ import annotations

from vramfit.cli.check import answered, answers_of, in_place
from vramfit.cli.options import last_exit_code, output_options, own_settings
from vramfit.cli.printing import print_report
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
OPTIONS: tuple[Key, ...] = (*every_key().values(), TERM, *output_options(LEFT_OUT))


def run(values: Mapping[str, Any]) -> int:
    """Explain one command line's estimates from its raw option values; returns the exit code of ``check``."""
    return answered(values, _answer)


def _answer(style: str, keys: Mapping[str, Any], output: Mapping[str, Any]) -> int:
    from vramfit.report import document

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

    def show() -> None:
        for one in report["estimates"] if style == "ndjson" else [report]:
            print_report(style, one, output, "explain", whole=not wanted)

    in_place(output, show)
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
