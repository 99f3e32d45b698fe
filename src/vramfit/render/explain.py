"""Derivation of an estimate: each term with its formula, the numbers in it, the result and the source.

The numbers stand in the place of the formula's names, so that a line can be typed into a calculator as it is.
"""

from __future__ import annotations

from vramfit.render import bars
from vramfit.render.csv import row_of
from vramfit.render.fields import cards
from vramfit.render.markdown import escape as escaped
from vramfit.render.plain import escape
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any, TextIO

    from vramfit.render.fields import Object
    from vramfit.render.page import Page

PARTS = dict(zip(bars.PARTS, bars.NAMES, strict=True))
"""Parts of the breakdown, as people write them."""
COLUMNS = ("model", "engine", "quant", "device", "part", "name", "formula", "numbers", "bytes", "source")
"""Columns of a line for pipes."""


def numbers(formula: str, inputs: Mapping[str, Any]) -> str:
    """Write a formula with the numbers of its inputs in the place of their names."""
    written, name = "", ""
    for letter in f"{formula} ":
        if letter.isalnum() or letter == "_":
            name += letter
            continue
        value = inputs.get(name)
        written += name if value is None or isinstance(value, str) else number(value)
        written += letter
        name = ""
    return written[:-1]


def number(value: float) -> str:
    """Write a number with commas between thousands; a fraction as it is."""
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if value == float(f"{value:g}") else repr(value)


def lines(style: str, report: Object, *, header: bool = True) -> Iterator[str]:
    """Lines of all estimates' terms in one of the formats for files and pipes."""
    if style == "markdown":
        for estimate in report["estimates"]:
            yield from markdown(estimate)
        return
    write = row_of(style)
    if header:
        yield write(COLUMNS)
    for estimate in report["estimates"]:
        for term in estimate.get("terms") or ():
            known = (estimate["model"]["id"], estimate["engine"], estimate["quant"]["scheme"])
            own = (term["device"], term["part"], term["name"], term["formula"])
            worked = numbers(term["formula"], term["inputs"])
            yield write([escape(str(one)) for one in (*known, *own, worked, term["bytes"], term["source"])])


def markdown(estimate: Object) -> Iterator[str]:
    """Lines of one estimate's derivation: a table for each device, with its sum."""
    yield f"## {escaped(title(estimate))}"
    yield ""
    for device, terms in by_device(estimate):
        yield f"### {device}: {gib(sum([term['bytes'] for term in terms]))}"
        yield ""
        yield "| Part | Term | Formula | Numbers | Bytes | Source |"
        yield "|---|---|---|---|---:|---|"
        for term in terms:
            worked = numbers(term["formula"], term["inputs"])
            cells = [PARTS[term["part"]], term["name"], term["formula"], worked]
            shown = [*[escaped(cell) for cell in cells], f"{term['bytes']:,}", escaped(term["source"])]
            yield f"| {' | '.join(shown)} |"
        yield f"| | **sum** | | | **{sum([term['bytes'] for term in terms]):,}** | |"
        yield ""
    for line in closing(estimate):
        yield escaped(line)
        yield ""


def title(estimate: Object) -> str:
    """Line on what is derived: model, scheme, GPU and engine."""
    model, scheme = estimate["model"]["name"], estimate["quant"]["scheme"]
    return f"{model} in {scheme} on {cards(estimate['gpu'])}, {estimate['engine']}"


def by_device(estimate: Object) -> list[tuple[str, list[Object]]]:
    """Terms of each device that has any, in the report's order of devices; equal neighbours are one."""
    terms = estimate.get("terms") or []
    names = dict.fromkeys([term["device"] for term in terms])
    grouped: list[tuple[list[str], list[Object]]] = []
    for name in names:
        own = [term for term in terms if term["device"] == name]
        if grouped and _anywhere(grouped[-1][1]) == _anywhere(own):
            grouped[-1][0].append(name)
        else:
            grouped.append(([name], own))
    return [(f"{_range(found)}, each" if len(found) > 1 else found[0], own) for found, own in grouped]


def _anywhere(objects: Sequence[Object]) -> list[Object]:
    """Objects without the device that they are about."""
    return [{**one, "device": ""} for one in objects]


def _range(names: Sequence[str]) -> str:
    """Names of devices in a row: ``gpu0``, ``gpu0 and gpu1``, ``gpu0 to gpu7``."""
    return names[0] if len(names) == 1 else f"{names[0]} {'and' if len(names) == 2 else 'to'} {names[-1]}"


def closing(estimate: Object) -> list[str]:
    """Lines on what is left of each GPU: what a program can have of it, less what it needs."""
    alike: list[list[Object]] = []
    for device in estimate.get("devices") or ():
        if device["usable_bytes"] is None:
            continue
        if alike and _anywhere(alike[-1][-1:]) == _anywhere([device]):
            alike[-1].append(device)
        else:
            alike.append([device])
    found = []
    for devices in alike:
        usable, room = devices[0]["usable_bytes"], devices[0]["headroom_bytes"]
        sign = "free" if room >= 0 else "short"
        sums = f"{usable:,} B usable - {devices[0]['total_bytes']:,} B needed = {room:,} B"
        names = _range([device["device"] for device in devices])
        found.append(f"{names}: {sums}, {gib(abs(room))} {sign}")
    need = estimate.get("required_bytes")
    if need is not None:
        found.append(
            f"verdict: {estimate['verdict']}; the need is between {gib(need['low'])} and {gib(need['high'])} in nine cases"
            " of ten"
        )
    return found


def print_terms(report: Object, *, stream: TextIO, colour: bool) -> None:
    """Write the derivations of a report's estimates for a person to ``stream``, in one piece."""
    from vramfit.render.table import terminal_page

    page = terminal_page(stream, colour=colour)
    draw(page, report, whole=True)
    stream.write(page.drawn())


def draw(page: Page, report: Object, *, whole: bool) -> None:
    """Draw the derivations of a report's estimates; ``whole`` if no term was left out, so that sums are those of devices."""
    for number_of, estimate in enumerate(report["estimates"]):
        if number_of:
            page.blank()
        page.prose((title(estimate), "bold"))
        if not estimate.get("terms"):
            page.prose("; ".join(estimate.get("assumptions") or ["nothing is known of its memory"]), indent=2)
            continue
        for device, terms in by_device(estimate):
            page.blank()
            _device(page, device, terms)
        if whole:
            page.blank()
            for line in closing(estimate):
                page.prose(line)


def _device(page: Page, device: str, terms: Sequence[Object]) -> None:
    """Draw the terms of one device by part, each with its formula, the numbers in it and its source."""
    page.line((device, "bold"), f"  {gib(sum([term['bytes'] for term in terms]))}")
    for part, label in PARTS.items():
        own = [term for term in terms if term["part"] == part]
        if not own:
            continue
        page.line((f"{label}  {gib(sum([term['bytes'] for term in own]))}", "bold"), indent=2)
        for term in own:
            worked = numbers(term["formula"], term["inputs"])
            page.prose(f"{term['name']}  ", (f"{term['bytes']:,} B", "bold"), indent=4)
            page.prose(f"= {term['formula']}", indent=8)
            if worked != term["formula"]:
                page.prose(f"= {worked}", indent=8)
            if term.get("note"):
                page.prose(term["note"], indent=8)
            page.prose((term["source"], "dim"), indent=8)
