"""One screen on one deployment: the verdict, a table, one line for each kind of remedy, and one command."""

from __future__ import annotations

from vramfit._record import replace
from vramfit.render.account import draw_bars, draw_figures, draw_legend, has_figures, verdict_span
from vramfit.render.fields import RUNS, gpu_devices, pick, tokens_per_second
from vramfit.render.headline import parted_refusal, without_makers
from vramfit.render.ledger import rule
from vramfit.render.outcome import clause
from vramfit.render.page import Column
from vramfit.render.pieces import INDENT, draw_command, draw_headline, draw_title, of_row, question, remedied
from vramfit.render.sections import cache_line, card_lines, model_line, run
from vramfit.render.words import NONE, counted_noun, figure, loss
from vramfit.units import gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.render.fields import Object
    from vramfit.render.page import Page, Span
    from vramfit.render.sections import Section


_LABELLED = 7
"""Columns before the lines on GPU, model and run."""
_REST = "the rest in RAM"
"""End of a summary whose share in RAM is what the GPU does not hold."""
_LONGEST = 70
"""Columns of a remedy's summary that is broken rather than have a figure left out."""
_ROOM_FOR_COSTS = 50
"""Columns beside the remedies that suffice for what each of them costs."""


def draw_screen(page: Page, section: Section) -> None:
    """Draw one deployment in the lines of a screen."""
    first, estimates = section.first, section.estimates
    draw_headline(page, section)
    page.blank()
    for label, lines in (
        ("GPU", card_lines(first["gpu"])), ("Model", [model_line(first["model"])]), ("Run", [run(first)]),
        ("Cache", cache_line(section)),
    ):  # fmt: skip
        for number, line in enumerate(lines):
            page.prose(line, label=(label if number == 0 else "", "dim"), hang=_LABELLED)
    page.blank()
    if draw_bars(page, estimates):
        draw_legend(page, estimates)
    page.blank()
    if has_figures(estimates):
        draw_figures(page, estimates)
    _asides(page, section)
    rest = _remedies(page, section)
    _command(page, section)
    _notes(page, estimates)
    _more(page, section, rest)


def _asides(page: Page, section: Section) -> None:
    """Draw a line on the rule of thumb, and one on what happens if it is run anyway."""
    exceeding = next((estimate for estimate in section.estimates if estimate.get("if_tried")), None)
    lines = [("Rule of thumb", rule(section.first))]
    lines += [] if exceeding is None else [(f"Run anyway{of_row(section, exceeding)}", clause(exceeding))]
    lines = [(label, text) for label, text in lines if text]
    page.blank()
    for label, text in lines:
        page.prose(text, label=(label, "dim"), hang=max(len(label) for label, _ in lines) + 2)


def best_of_each_kind(remedies: Sequence[Object]) -> list[Object]:
    """First remedy of each kind, in the order of their rank."""
    found: dict[str, Object] = {}
    for remedy in remedies:
        found.setdefault(remedy["kind"], remedy)
    return list(found.values())


def _remedies(page: Page, section: Section) -> int:
    """Draw the best remedy of each kind on a line of its own; returns the number of those that are not shown."""
    estimate = remedied(section)
    if not estimate["remedies"]:
        return 0
    shown = best_of_each_kind(estimate["remedies"])
    page.blank()
    draw_remedies(page, question(section, estimate), shown)
    return len(estimate["remedies"]) - len(shown)


def draw_remedies(page: Page, title: str, remedies: Sequence[Object]) -> None:
    """Draw a table of remedies, below ``title``: what is changed, and what that gives."""
    lead = Column("", ["  " + summary_of(remedy) for remedy in remedies], right=False)
    needed = Column("needed\nGiB", [figure(remedy["required_bytes"]) for remedy in remedies])
    figures = list(_figures(remedies))
    if page.fits([lead, needed, *figures], 0) or page.room([needed, *figures], 0) >= _LONGEST:
        figures = [needed, *figures]
    if len(title) <= page.room(figures, 0):
        lead = replace(lead, heading=title, style="bold")
    else:
        page.prose((title, "bold"))
    columns = [lead, *figures]
    if page.room(columns, 0) >= _ROOM_FOR_COSTS:
        costs: list[Span] = [(remedy.get("trade") or "", "dim") for remedy in remedies]
        page.table([*columns, Column("at the cost of", costs, right=False)], indent=0, wrap=-1)
    else:
        page.table(columns, indent=0, wrap=0)


def _figures(remedies: Sequence[Object]) -> Iterator[Column]:
    """Columns of what each remedy gives: the memory that is left, the verdict where they differ, speed and quality."""
    yield Column("free\nGiB", [figure(remedy["headroom_bytes"]) for remedy in remedies], drop=2)
    if any(remedy["verdict"] != "fits" for remedy in remedies):
        signs = [verdict_span(remedy["verdict"]) for remedy in remedies]
        yield Column("", [(f"{text[:1]}", style) for text, style in signs], right=False)
    speeds: list[Span] = [_speed(remedy) for remedy in remedies]
    if any(speed != NONE for speed in speeds):
        yield Column("tokens\nper s", speeds)
    losses: list[Span] = [loss(remedy.get("quality") or "unknown") for remedy in remedies]
    yield Column("quality\nloss", losses, right=False, drop=1)


def _speed(remedy: Object) -> str:
    rate = remedy.get("decode_tokens_per_second")
    return NONE if rate is None else tokens_per_second(rate)


def summary_of(remedy: Object) -> str:
    """Summary of a remedy with its price and its share in RAM, where it has them.

    Makers of cards are left out, and so is the size of a file, which is in another unit.
    """
    cloud, price, host = remedy.get("cloud"), remedy.get("price_usd"), remedy.get("host_bytes")
    text, file, rest = str(remedy["summary"]).partition(", a file of ")
    text += rest.partition(" GB")[2].removeprefix(",") if file else ""
    if "gpu" in remedy["changes"]:
        text = _sized_once(without_makers(text))
    if host and text.endswith(_REST):
        text = f"{text.removesuffix(_REST)}{gib(host, 1)} in RAM"
    elif host and text.endswith(" in RAM"):
        text += f" ({gib(host, 1)})"
    if cloud:
        return f"{text}, ${cloud['usd_per_hour']:,.2f}/h"
    return f"{text}, ${price:,}" if price else text


def _sized_once(text: str) -> str:
    """Text without the size behind a card whose name has it: ``RTX 3060 12GB (12 GB)``."""
    before, _, behind = text.partition(" (")
    size, gb, rest = behind.partition(" GB")
    return before + rest.partition(")")[2] if gb and f" {size}GB" in before else text


def _command(page: Page, section: Section) -> None:
    """Draw one command: the deployment's own where it runs, else that of the best remedy."""
    first = section.first
    remedies = remedied(section)["remedies"]
    own = first.get("own_command") or first.get("command")
    verb = "run" if pick(first, "deployment.task") in (None, "inference") else "train"
    if first["verdict"] in RUNS and own:
        draw_title(page, f"To {verb} it")
        draw_command(page, own, INDENT)
    elif remedies and remedies[0].get("command"):
        draw_title(page, "To run the first" if verb == "run" else "To train with the first")
        draw_command(page, remedies[0]["command"], INDENT)


def _notes(page: Page, estimates: Sequence[Object]) -> None:
    """Draw the assumptions as one paragraph, each text once."""
    sources = [source for estimate in estimates if (source := parted_refusal(estimate)[1])]
    notes = dict.fromkeys(f"the rule that refuses it is from {source}" for source in sources)
    notes |= dict.fromkeys(text for estimate in estimates for text in estimate.get("assumptions") or ())
    if notes:
        page.blank()
        page.prose(("; ".join(notes), "dim"), label=("Notes", "dim"), hang=_LABELLED)


def _more(page: Page, section: Section, rest: int) -> None:
    """Draw the line that says what ``--details`` adds."""
    parts = ", ".join(_left_out(section, rest))
    if parts:
        page.blank()
        page.prose(("--details: ", "bold"), (parts, "dim"))


def _left_out(section: Section, rest: int) -> Iterator[str]:
    if rest:
        yield counted_noun(rest, "more remedy", "more remedies")
    if remedied(section)["remedies"]:
        yield "each command and cost"
    if any(len(gpu_devices(estimate)) > 1 for estimate in section.estimates) and len(section.estimates) > 1:
        yield "each GPU"
    if any(estimate.get("required_bytes") for estimate in section.estimates):
        yield "bounds"
    if any(estimate.get("throughput") for estimate in section.estimates):
        yield "time to first token"
    if rule(section.first):
        yield "the account"
