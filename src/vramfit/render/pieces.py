"""Pieces that the short report and the whole one share: headings, verdicts, errors, commands and the count at the end."""

from __future__ import annotations

from vramfit.render import colours
from vramfit.render.account import labels
from vramfit.render.commands import wrapped
from vramfit.render.fields import RUNS, error_text
from vramfit.render.headline import by_class, headline, tally

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.render.fields import Object
    from vramfit.render.page import Page
    from vramfit.render.sections import Section

INDENT = 2


def draw_headline(page: Page, section: Section) -> None:
    """Draw the verdict, below the deployment's name where it has one."""
    lead, others = headline(section.estimates)
    name = section.first.get("name")
    if name:
        page.prose((name, "bold underline"))
    # What fits is not red because something else does not.
    mixed = section.first["verdict"] not in RUNS and any(one["verdict"] in RUNS for one in section.estimates)
    style = "" if mixed else colours.VERDICTS.get(section.first["verdict"], "")
    page.prose((lead, f"bold {style}".rstrip()), f" {others}" if others else "")


def draw_title(page: Page, text: str) -> None:
    """Draw a heading with an empty line above it."""
    page.blank()
    page.prose((text, "bold"))


def draw_command(page: Page, command: str, indent: int) -> None:
    """Draw a command whole, on lines of its own, so that it can be copied."""
    for line in wrapped(command, page.width - indent):
        page.line((line, colours.COMMAND), indent=indent)


def of_row(section: Section, estimate: Object) -> str:
    """Phrase naming the row that is meant, where there are several."""
    if len(section.estimates) == 1:
        return ""
    # Where the first row is the released form, the rows are called by their schemes too, as in the headline.
    if by_class(section.estimates) and section.first["quant"]["class"] == "fp16":
        return f", {estimate['quant']['class']}"
    return f", {labels(section.estimates)[section.estimates.index(estimate)]}"


def remedied(section: Section) -> Object:
    """Estimate whose remedies are shown: the first that has any."""
    return next((estimate for estimate in section.estimates if estimate.get("remedies")), {"remedies": ()})


def question(section: Section, estimate: Object) -> str:
    """Question that the remedies of an estimate answer."""
    subject = of_row(section, estimate).removeprefix(", ") or "it"
    if estimate["verdict"] == "unsupported":
        return f"What would run {subject}"
    aim = "fit" if estimate["verdict"] not in RUNS else "fit with room to spare"
    return f"What would make {subject} {aim}"


def draw_error(page: Page, error: Object) -> None:
    """Draw the error of a deployment that has no answer, with its hint."""
    name = error.get("name")
    page.prose((f"{name}: " if name else "", "bold"), ("error: ", "bold red"), error_text(error))
    hint = error["error"].get("hint")
    if hint:
        page.prose((hint, "dim"), indent=INDENT, label=("hint:", "dim"), hang=6)


def draw_tally(page: Page, parts: Sequence[Section]) -> None:
    """Draw the number of estimates with each verdict, where there are several deployments."""
    if len(parts) != 1:
        page.blank()
        page.prose((tally([estimate for section in parts for estimate in section.estimates]), "bold"))
