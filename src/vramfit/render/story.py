"""Whole story of a report, which ``--details`` tells: everything that is known of it, in the order of a reader's questions."""

from __future__ import annotations

from vramfit.render.account import draw_bars, draw_legend, draw_table, has_figures, labels, verdict_span
from vramfit.render.fields import RUNS, pick, tokens_per_second
from vramfit.render.ledger import draw_ledger, has_ledger
from vramfit.render.outcome import sentences
from vramfit.render.page import GAP
from vramfit.render.pieces import (
    INDENT,
    draw_command,
    draw_error,
    draw_headline,
    draw_tally,
    draw_title,
    of_row,
    question,
    remedied,
)  # fmt: skip
from vramfit.render.sections import cache, card, model, run
from vramfit.render.words import joined, quality, size, spare, speed
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vramfit.render.fields import Object
    from vramfit.render.page import Page, Span
    from vramfit.render.sections import Section


_MARGIN_NOTE = "low to high, the margin of the bars: the real need lies within in nine cases of ten"
_NUMBERED = 5
"""Columns before a remedy's text."""


def draw_story(page: Page, section: Section) -> None:
    """Draw one deployment, from the verdict to the remedies."""
    first, estimates = section.first, section.estimates
    draw_headline(page, section)
    page.blank()
    paragraphs = [("GPU", card(first["gpu"])), ("Model", model(first["model"])), ("Run", [run(first)])]
    for label, paragraph in (*paragraphs, ("Cache", cache(section))):
        for number, line in enumerate(text for text in paragraph if text):
            page.prose(line, label=(label if number == 0 else "", "dim"), hang=7)
    page.blank()
    if draw_bars(page, estimates, figures=[[_room(one) for one in estimates]]):
        draw_legend(page, estimates)
    page.blank()
    if has_figures(estimates):
        draw_table(page, estimates)
    _speed(page, section)
    if has_ledger(first):
        draw_title(page, f"The rule of thumb and the account{of_row(section, first)}")
        draw_ledger(page, first)
    _if_tried(page, section)
    _remedies(page, section)
    _notes(page, estimates)


def draw_overview(page: Page, parts: Sequence[Section]) -> None:
    """Draw several deployments: each with its verdict, its bars and its first remedy, then the count."""
    drawn = False
    for section in parts:
        page.blank()
        if section.is_error:
            draw_error(page, section.first)
            continue
        draw_headline(page, section)
        page.prose((run(section.first), "dim"), indent=INDENT)
        drawn = draw_bars(page, section.estimates, figures=_figures_beside(section.estimates)) or drawn
        remedies = remedied(section)["remedies"]
        if remedies:
            page.prose(*_remedy_line(remedies[0]), indent=INDENT, label="→", hang=2)
            draw_command(page, remedies[0].get("command") or "", INDENT + 2)
    answered = [estimate for section in parts if not section.is_error for estimate in section.estimates]
    if drawn:
        page.blank()
        draw_legend(page, answered)
    _notes(page, answered)
    draw_tally(page, parts)


def _figures_beside(estimates: Sequence[Object]) -> list[list[str]]:
    """Whole need and what it leaves, as texts beside the bars where no table follows to show them."""
    needs = [pick(estimate, "required_bytes.expected") for estimate in estimates]
    sums = ["" if need is None else gib(need) for need in needs]
    return [sums, [_room(estimate) for estimate in estimates]]


def _room(estimate: Object) -> str:
    """Memory that an estimate leaves or lacks; empty where that is not known, which the verdict says."""
    headroom = estimate.get("headroom_bytes")
    return "" if headroom is None else spare(headroom)


def _speed(page: Page, section: Section) -> None:
    """Draw the speed of each precision that runs, its bottleneck, and the time of a prompt."""
    running = [e for e in section.estimates if e["verdict"] in RUNS and speed(e)]
    if not running:
        return
    draw_title(page, "Speed")
    _labelled(page, section, running, lambda estimate: "; ".join(speed(estimate)))


def _labelled(page: Page, section: Section, estimates: Sequence[Object], say: Callable[[Object], str]) -> None:
    """A sentence on each of these estimates, behind its precision where the section has several."""
    names = dict(zip(map(id, section.estimates), labels(section.estimates), strict=True))
    hang = 0 if len(section.estimates) == 1 else max(len(names[id(estimate)]) for estimate in estimates) + GAP
    for estimate in estimates:
        label = names[id(estimate)] if hang else ""
        page.prose(say(estimate), indent=INDENT, label=(label, "bold"), hang=hang)


def _if_tried(page: Page, section: Section) -> None:
    exceeding = [estimate for estimate in section.estimates if estimate.get("if_tried")]
    if not exceeding:
        return
    draw_title(page, "If it is run anyway")
    _labelled(page, section, exceeding, lambda estimate: " ".join(sentences(estimate)))


def _remedies(page: Page, section: Section) -> None:
    estimate = remedied(section)
    if not estimate["remedies"]:
        return
    draw_title(page, question(section, estimate))
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
        draw_command(page, remedy.get("command") or "", _NUMBERED)
    others = [e for e in section.estimates if e is not estimate and e.get("remedies")]
    if others:
        named = joined([labels(section.estimates)[section.estimates.index(e)] for e in others])
        page.prose((f"For the remedies of {named}, ask with --quant.", "dim"), indent=INDENT)


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


def _notes(page: Page, estimates: Sequence[Object]) -> None:
    """Draw the assumptions, each text once, and how far the margin can be trusted."""
    notes = dict.fromkeys(text for estimate in estimates for text in estimate.get("assumptions") or ())
    if any(estimate.get("required_bytes") for estimate in estimates):
        notes[_MARGIN_NOTE] = None
    if notes:
        draw_title(page, "Notes")
    for text in notes:
        page.prose((text, "dim"), indent=INDENT, label=("·", "dim"), hang=2)
