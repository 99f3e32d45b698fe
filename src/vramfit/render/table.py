"""Terminal report: the verdict first, then the reasons, then the remedies.

One deployment gets the whole story; a report on several gets a short section for each. ``page`` draws, ``words``
speaks, ``account`` and ``ledger`` count; the order of the story is here.
"""

from __future__ import annotations

import os

from vramfit.render.account import VERDICT_STYLES, draw_bars, draw_legend, draw_table, labels, verdict_span
from vramfit.render.commands import wrapped
from vramfit.render.fields import RUNS, error_text, tokens_per_second, usable_bytes
from vramfit.render.ledger import draw_ledger, has_ledger
from vramfit.render.page import GAP, Page
from vramfit.render.sections import Section, cache, card, model, run, sections
from vramfit.render.words import headline, joined, quality, requests_in_cache, size, spare, speed
from vramfit.units import gib, rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TextIO

    from vramfit.render.fields import Object
    from vramfit.render.page import Span


_INDENT = 2
_WIDTH_UNKNOWN = 80
_MARGIN_NOTE = "low to high, the margin of the bars: the real need lies within in nine cases of ten"
_NUMBERED = 5
"""Columns before a remedy's text."""


def print_report(report: Object, *, stream: TextIO, colour: bool | None, width: int | None) -> None:
    """Write the report for a person to ``stream``, in one piece.

    ``colour`` None means: where ``stream`` is a terminal. ``width`` None means the terminal's, 80 where there is none.
    A stream whose encoding is not UTF-8 gets ASCII drawings.
    """
    in_colour = stream.isatty() if colour is None else colour
    page = Page(width or terminal_width(stream), stream.encoding or "ascii", colour=in_colour)
    draw_report(page, report)
    stream.write(page.drawn())


def draw_report(page: Page, report: Object) -> None:
    """Draw the report for a person on a page: the whole story of one deployment, a section for each of several."""
    parts = sections(report.get("estimates", [report]))
    if len(parts) == 1 and not parts[0].is_error:
        _story(page, parts[0])
    else:
        _overview(page, parts)


def terminal_width(stream: TextIO) -> int:
    """Width of a terminal: ``COLUMNS`` where it is set, else what the terminal says.

    ``shutil`` does the same but imports much.
    """
    asked = os.environ.get("COLUMNS", "")
    if asked.isdecimal() and int(asked):
        return int(asked)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _WIDTH_UNKNOWN
    except (OSError, ValueError):
        return _WIDTH_UNKNOWN


def _story(page: Page, section: Section) -> None:
    """Draw one deployment, from the verdict to the remedies."""
    first, estimates = section.first, section.estimates
    _headline(page, section)
    page.blank()
    paragraphs = [("GPU", card(first["gpu"])), ("Model", model(first["model"])), ("Run", [run(first)])]
    for label, paragraph in (*paragraphs, ("Cache", cache(section))):
        for number, line in enumerate(paragraph):
            page.prose(line, label=(label if number == 0 else "", "dim"), hang=7)
    page.blank()
    if draw_bars(page, estimates, totals=False):
        draw_legend(page, estimates)
    page.blank()
    left_out = draw_table(page, estimates)
    if left_out:
        page.prose((f"left out on a narrow terminal: {joined(left_out)}", "dim"), indent=_INDENT)
    _speed(page, section)
    if has_ledger(first):
        _title(page, f"The rule of thumb and the account{_of(section, first)}")
        draw_ledger(page, first)
    _if_tried(page, section)
    _remedies(page, section)
    _notes(page, estimates)


def _overview(page: Page, parts: Sequence[Section]) -> None:
    """Draw several deployments: each with its verdict, its bars and its first remedy, then the count."""
    drawn = False
    for section in parts:
        page.blank()
        if section.is_error:
            _error(page, section.first)
            continue
        _headline(page, section)
        page.prose((run(section.first), "dim"), indent=_INDENT)
        drawn = draw_bars(page, section.estimates, totals=True) or drawn
        remedies = _remedied(section)["remedies"]
        if remedies:
            page.prose(*_remedy_line(remedies[0]), indent=_INDENT, label="→", hang=2)
            _command(page, remedies[0], _INDENT + 2)
    answered = [estimate for section in parts if not section.is_error for estimate in section.estimates]
    if drawn:
        page.blank()
        draw_legend(page, answered)
    _notes(page, answered)
    _tally(page, parts, answered)


def _headline(page: Page, section: Section) -> None:
    lead, others = headline(section.estimates)
    name = section.first.get("name")
    if name:
        page.prose((name, "bold underline"))
    style = VERDICT_STYLES.get(section.first["verdict"], "")
    page.prose((lead, f"bold {style}".rstrip()), f" {others}" if others else "")


def _title(page: Page, text: str) -> None:
    page.blank()
    page.prose((text, "bold"))


def _of(section: Section, estimate: Object) -> str:
    """Phrase naming the row that is meant, where there are several."""
    if len(section.estimates) == 1:
        return ""
    return f", {labels(section.estimates)[section.estimates.index(estimate)]}"


def _speed(page: Page, section: Section) -> None:
    """Draw the speed of each precision that runs, its bottleneck, and the time of a prompt."""
    running = [e for e in section.estimates if e["verdict"] in RUNS and speed(e)]
    if not running:
        return
    _title(page, "Speed")
    _labelled(page, section, running, lambda estimate: "; ".join(speed(estimate)))


def _labelled(page: Page, section: Section, estimates: Sequence[Object], say: Callable[[Object], str]) -> None:
    """A sentence on each of these estimates, behind its precision where the section has several."""
    names = dict(zip(map(id, section.estimates), labels(section.estimates), strict=True))
    hang = 0 if len(section.estimates) == 1 else max(len(names[id(estimate)]) for estimate in estimates) + GAP
    for estimate in estimates:
        label = names[id(estimate)] if hang else ""
        page.prose(say(estimate), indent=_INDENT, label=(label, "bold"), hang=hang)


def _if_tried(page: Page, section: Section) -> None:
    exceeding = [estimate for estimate in section.estimates if estimate.get("if_tried")]
    if not exceeding:
        return
    _title(page, "If it is run anyway")
    _labelled(page, section, exceeding, lambda estimate: " ".join(_outcome(estimate)))


def _outcome(estimate: Object) -> list[str]:
    """Sentences on what happens if it is run anyway."""
    outcome = estimate["if_tried"]
    missing, engine = size(outcome["missing_bytes"]), estimate["engine"]
    link, spilled = outcome.get("link_bytes_per_second"), outcome.get("decode_tokens_per_second")
    across = "" if link is None else f", across PCIe at {rate(link)}"
    slow = "" if spilled is None else f": about {tokens_per_second(spilled)} tokens/s"
    if estimate["headroom_bytes"] >= 0:
        return [
            f"System RAM is {missing} short: what it cannot keep is read from the disk again for every token{slow}.",
            "Without a file to read it from, the system ends the process.",
        ]
    if outcome["outcome"] == "queues":
        return [f"It starts: {requests_in_cache(estimate)}, and the others wait until one of them is done."]
    if outcome["outcome"] == "does-not-start":
        return [f"The weights load; then {engine} does not start: {estimate['serving']['refusal']}."]
    if outcome["outcome"] == "spills":
        return [
            f"It starts, but the driver moves {missing} into system RAM and fetches it for every token{across}{slow}.",
            "Nothing says so on the screen.",
        ]
    if outcome["weights_fit"]:
        sentences = [
            f"The weights load; then {engine} runs out of memory on the cache and buffers: {missing} are missing."
        ]
    else:
        offer = usable_bytes(estimate)
        against = "" if offer is None else f", {gib(offer)} usable"
        weights = gib(estimate["breakdown"]["weights"])
        sentences = [f"{engine} runs out of memory while it loads the weights: {weights} of them{against}."]
    if spilled is not None:
        sentences.append(f"Spilled into system RAM instead, {missing} would be read for every token{across}{slow}.")
    return sentences


def _remedied(section: Section) -> Object:
    """Estimate whose remedies are shown: the first that has any."""
    return next((estimate for estimate in section.estimates if estimate.get("remedies")), {"remedies": ()})


def _remedies(page: Page, section: Section) -> None:
    estimate = _remedied(section)
    if not estimate["remedies"]:
        return
    aim = "fit" if estimate["verdict"] not in RUNS else "fit with room to spare"
    subject = _of(section, estimate).removeprefix(", ") or "it"
    _title(page, f"What would make {subject} {aim}")
    fields = [_figures(remedy) for remedy in estimate["remedies"]]
    widths = [max(len(figures[i][0]) for figures in fields) for i in range(len(fields[0]))]
    aligned = _NUMBERED + sum(widths) + GAP * (len(widths) - 1) <= page.width
    for number, (remedy, figures) in enumerate(zip(estimate["remedies"], fields, strict=True), 1):
        page.prose((remedy["summary"], "bold"), label=f"{number:>3}", hang=_NUMBERED)
        if aligned:
            page.line(*_aligned(figures, widths), indent=_NUMBERED)
        else:
            page.packed([[figure] for figure in figures if figure[0]], indent=_NUMBERED)
        traded = _traded(remedy)
        if traded:
            page.prose((traded, "dim"), hang=_NUMBERED)
        _command(page, remedy, _NUMBERED)
    others = [e for e in section.estimates if e is not estimate and e.get("remedies")]
    if others:
        named = joined([labels(section.estimates)[section.estimates.index(e)] for e in others])
        page.prose((f"For the remedies of {named}, ask with --quant.", "dim"), indent=_INDENT)


def _figures(remedy: Object) -> list[tuple[str, str]]:
    """Verdict, need, room, speed before and after, and quality of a remedy, each with its style."""
    label = remedy.get("quality")
    return [
        verdict_span(remedy["verdict"]),
        (size(remedy["required_bytes"]), ""),
        (spare(remedy["headroom_bytes"]), ""),
        (_speeds(remedy), ""),
        ("" if label is None else quality(label), ""),
    ]


def _traded(remedy: Object) -> str:
    """Cost of a remedy, and the evidence of its quality label where that does not say it."""
    traded, evidence = remedy.get("trade") or "", remedy.get("quality_evidence") or ""
    if remedy.get("quality") in ("reference", None) or evidence in traded:
        return traded
    return f"{traded}; {evidence}" if traded else evidence


def _speeds(remedy: Object) -> str:
    """``3.4 → 51 tokens/s``: as it was asked, spilled into RAM where it exceeds, and with the remedy."""
    before, after = remedy.get("decode_tokens_per_second_before"), remedy.get("decode_tokens_per_second")
    if after is None:
        return ""
    return f"{'' if before is None else f'{tokens_per_second(before)} → '}{tokens_per_second(after)} tokens/s"


def _aligned(figures: Sequence[tuple[str, str]], widths: Sequence[int]) -> list[tuple[str, str]]:
    """Figures of one remedy aligned with those of all: the words at both ends to the left, numbers to the right."""
    last = len(figures) - 1
    return [
        ((text.ljust(width) if i in (0, last) else text.rjust(width)) + " " * GAP, style)
        for i, ((text, style), width) in enumerate(zip(figures, widths, strict=True))
    ]


def _remedy_line(remedy: Object) -> list[Span]:
    figures = [text for text, _ in _figures(remedy)[1:] if text]
    return [remedy["summary"], ": ", verdict_span(remedy["verdict"]), f", {', '.join(figures)}"]


def _command(page: Page, remedy: Object, indent: int) -> None:
    """Draw a command whole, on lines of its own, so that it can be copied."""
    for line in wrapped(remedy.get("command") or "", page.width - indent):
        page.line((line, "cyan"), indent=indent)


def _notes(page: Page, estimates: Sequence[Object]) -> None:
    """Draw the assumptions, each text once, and how far the margin can be trusted."""
    notes = dict.fromkeys(text for estimate in estimates for text in estimate.get("assumptions") or ())
    if any(estimate.get("required_bytes") for estimate in estimates):
        notes[_MARGIN_NOTE] = None
    if notes:
        _title(page, "Notes")
    for text in notes:
        page.prose((text, "dim"), indent=_INDENT, label=("·", "dim"), hang=2)


def _error(page: Page, error: Object) -> None:
    name = error.get("name")
    page.prose((f"{name}: " if name else "", "bold"), ("error: ", "bold red"), error_text(error))
    hint = error["error"].get("hint")
    if hint:
        page.prose((hint, "dim"), indent=_INDENT, label=("hint:", "dim"), hang=6)


def _tally(page: Page, parts: Sequence[Section], estimates: Sequence[Object]) -> None:
    """Draw the number of estimates with each verdict."""
    counts: dict[str, int] = {}
    for estimate in estimates:
        counts[estimate["verdict"]] = counts.get(estimate["verdict"], 0) + 1
    words = [f"{n} {word.removesuffix('s') if n > 1 else word}" for word in VERDICT_STYLES if (n := counts.get(word))]
    errors = sum(section.is_error for section in parts)
    words += [f"{errors} without an answer"] if errors else []
    if len(parts) != 1:
        page.blank()
        page.prose((f"{len(estimates) + errors} estimates: {joined(words)}." if words else "No estimates.", "bold"))
