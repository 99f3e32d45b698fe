"""Recommendations in every format: ranked models for a GPU, or ranked GPUs for a model."""

from __future__ import annotations

import shutil

from vramfit.render import colours, plain
from vramfit.render.commands import wrapped
from vramfit.render.csv import row as csv_row
from vramfit.render.fields import cell, gpu_id, pick, tokens_per_second, usable_bytes
from vramfit.render.headline import gpu_name, with_article, without_maker
from vramfit.render.json import dumps
from vramfit.render.listing import Shown, markdown_rows
from vramfit.render.words import quality
from vramfit.units import billions, gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, TextIO

    from vramfit.render.fields import Object


COLUMNS: tuple[tuple[str, str | Callable[[Object], Any]], ...] = (
    ("rank", "rank"),
    ("gpu", gpu_id),
    ("model", "model.id"),
    ("engine", "engine"),
    ("quant", "quant.scheme"),
    ("verdict", "verdict"),
    ("required_bytes", "required_bytes.expected"),
    ("usable_bytes", usable_bytes),
    ("headroom_bytes", "headroom_bytes"),
    ("max_context", "limits.max_context"),
    ("tokens_per_second", "tokens_per_second"),
    ("quality", "quality.label"),
    ("price_usd", "cost.price_usd"),
    ("usd_per_hour", "cost.usd_per_hour"),
    ("provider", "cost.provider"),
    ("instance", "cost.instance"),
    ("as_of", "cost.as_of"),
    ("command", "command"),
)
"""Fields of the row formats: a path into the recommendation, or a function of it."""


TASKS = {"full": "all weights", "lora": "LoRA", "qlora": "QLoRA"}
"""Words for what is trained."""


def lines(style: str, report: Object, *, header: bool = True) -> Iterator[str]:
    """Lines of the recommendations in a text format."""
    found: Sequence[Object] = report["recommendations"]
    if style == "json":
        yield dumps(report)
    elif style == "ndjson":
        for one in found:
            yield dumps(one, None)
    elif style == "markdown":
        for _, part in _parts(report):
            yield from markdown_rows(_shown(report, part), part)
    else:
        write = csv_row if style == "csv" else _plain_row
        if header:
            yield write([name for name, _ in COLUMNS])
        for one in found:
            yield write([cell(pick(one, path) if isinstance(path, str) else path(one)) for _, path in COLUMNS])


def _plain_row(values: Sequence[str]) -> str:
    return "\t".join(map(plain.escape, values))


def print_recommendations(report: Object, *, stream: TextIO, colour: bool) -> None:
    """Draw the recommendations on a terminal, and the command for the first."""
    from vramfit.render.page import Column, Page

    page = Page(shutil.get_terminal_size((80, 24)).columns, stream.encoding or "ascii", colour=colour)
    page.prose((_title(report), "bold"))
    for heading, part in _parts(report):
        page.blank()
        if heading:
            page.prose((heading, "bold"))
        columns = _shown(report, part)
        page.table(
            [Column(c.heading, [c.text(one) or "–" for one in part], c.right, c.drop) for c in columns], indent=0
        )
    first = next(iter(report["recommendations"]), None)
    if first is not None:
        page.blank()
        verb = "run" if first["deployment"].get("task", "inference") == "inference" else "fine-tune"
        page.prose((f"To {verb} {first['model']['name']} on {with_article(gpu_name(first['gpu']))}:", ""))
        for line in wrapped(first["command"], page.width - 2):
            page.line((line, colours.COMMAND), indent=2)
    page.blank()
    for note in _notes(report):
        page.prose((note, "dim"))
    stream.write(page.drawn())


def _title(report: Object) -> str:
    found = report["recommendations"]
    context = f"{found[0]['deployment']['context']:,} tokens of context" if found else ""
    floor = f"at least {report['min_speed']:g} tokens/s" if report["min_speed"] else ""
    terms = ", ".join([term for term in (context, floor) if term])
    task = found[0]["deployment"].get("task", "inference") if found else "inference"
    if report["model"] is None and task != "inference":
        train = found[0]["deployment"]
        samples = f"samples of {train['sequence_length']:,} tokens, {train['micro_batch']} a step"
        return f"What to fine-tune on {with_article(gpu_name(found[0]['gpu']))} ({TASKS[task]}): {samples}"
    if report["model"] is None:
        gpus = with_article(gpu_name(found[0]["gpu"])) if found else " + ".join(report["gpu"])
        lead = f"{'What to run' if found else 'Nothing in the catalogue runs'} on {gpus} for {report['use']}"
    else:
        name = found[0]["model"]["name"] if found else report["model"]
        if task != "inference":
            return f"What to fine-tune {name} on ({TASKS[task]})"
        lead = f"What to run {name} on" if found else f"No GPU with a known price, within what is asked, runs {name}"
    return f"{lead}: {terms}" if terms else lead


def _parts(report: Object) -> list[tuple[str, list[Object]]]:
    """Tables: one of models, or for GPUs one of those to own and one of those to rent."""
    found: list[Object] = list(report["recommendations"])
    if report["model"] is None:
        return [("", found)] if found else []
    owned = [one for one in found if one["cost"]["usd_per_hour"] is None]
    rented = [one for one in found if one["cost"]["usd_per_hour"] is not None]
    return [(heading, part) for heading, part in (("To own", owned), ("To rent", rented)) if part]


def _shown(report: Object, part: Sequence[Object]) -> tuple[Shown, ...]:
    """Columns for people that have something to say of one of the recommendations."""
    prices = RENT_COLUMNS if report["model"] and part[0]["cost"]["usd_per_hour"] is not None else PRICE_COLUMNS
    columns = MODEL_COLUMNS if report["model"] is None else (*GPU_COLUMNS, *prices)
    return tuple([one for one in (*columns, *CHOICE_COLUMNS) if any(one.text(each) for each in part)])


def _notes(report: Object) -> Iterator[str]:
    found = report["recommendations"]
    if report["model"] is None:
        if found:
            yield (
                "Ranked by parameters and date of release, what loses little quality first; benchmark scores are not "
                "known here."
            )
        return
    if not found:
        yield (
            "What may widen the search: a higher --budget (all cards) or --max-price (one card, in USD), more --max-cards, "
            "--min-speed 0, --min-quality severe, another --vendor; --price ID=USD states what a card costs today."
        )
        return
    if all(one["tokens_per_second"] is None for one in found):
        yield "The cheapest first; a dearer offer is listed where its GPUs compute faster: how fast each trains is not modelled."
    else:
        yield "A dearer offer is listed where it is a quarter faster or loses less quality."
    owned = [one["cost"] for one in found if one["cost"]["usd_per_hour"] is None]
    if owned:
        yield (
            "Prices are list prices at launch where --price ID=USD@DATE states no other."
            + ("" if len(owned) < len(found) else " Rents are listed without --budget and --max-price.")
        )
    dates = {one["cost"]["provider"]: one["cost"]["as_of"] for one in found if one["cost"]["provider"]}
    if dates:
        read = ", ".join(f"{provider} {date}" for provider, date in sorted(dates.items()))
        yield f"Rents move weekly; these were read as of: {read}."
    if any(cost["price_usd"] is None for cost in owned):
        yield "Where no price is known, the least memory comes first; --price ID=USD states one."
    else:
        yield "GPUs whose price is not known are left out unless --vendor asks for them: see vramfit matrix."


def _speed(one: Object) -> str:
    rate = one["tokens_per_second"]
    return "" if rate is None else tokens_per_second(rate)


def _context(one: Object) -> str:
    limit = pick(one, "limits.max_context")
    return "" if limit is None else f"{limit:,}"


def _price(one: Object) -> str:
    price = one["cost"]["price_usd"]
    return "not known" if price is None else f"${price:,}"


def _rent(one: Object) -> str:
    return f"${one['cost']['usd_per_hour']:,.2f}/h"


MODEL_COLUMNS = (
    Shown("", lambda one: str(one["rank"])),
    Shown("model", lambda one: one["model"]["id"], right=False),
    Shown("size", lambda one: billions(one["model"]["parameters"]), drop=6),
    Shown("released", lambda one: one["released"] or "", drop=5, right=False),
)
GPU_COLUMNS = (
    Shown("", lambda one: str(one["rank"])),
    Shown("gpu", gpu_id, right=False),
    Shown("name", lambda one: without_maker(one["gpu"]["name"]), right=False, drop=8),
)
PRICE_COLUMNS = (Shown("price", _price),)
RENT_COLUMNS = (
    Shown("rent", _rent),
    Shown("of", lambda one: one["cost"]["provider"], right=False, drop=4),
    Shown("as of", lambda one: one["cost"]["as_of"], right=False, drop=3),
)
CHOICE_COLUMNS = (
    Shown("engine", lambda one: one["engine"], right=False),
    Shown("quant", lambda one: one["quant"]["scheme"], right=False),
    Shown("quality", lambda one: quality(one["quality"]["label"]), right=False, drop=1),
    Shown("tokens/s", _speed),
    Shown("free", lambda one: gib(one["headroom_bytes"], 1), drop=2),
    Shown("longest context", _context, drop=7),
)
"""Columns for people."""
