"""Memory account of a section: a bar per precision against the card, and a table of the parts."""

from __future__ import annotations

from vramfit.render import colours
from vramfit.render.bars import MARGIN, MARK, NAMES, PARTS, SHADES, bar
from vramfit.render.fields import RUNS, gpu_devices, pick, tokens_per_second
from vramfit.render.headline import by_class, scheme_beside_class
from vramfit.render.page import GAP, Column
from vramfit.render.words import NONE, SIGNS, duration, figure, loss, quality
from vramfit.units import GIB, gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.render.fields import Object
    from vramfit.render.page import Page, Span


_PART_STYLES = dict(zip(SHADES, colours.PARTS, strict=True)) | {
    MARGIN: "dim",
    MARK: "bold",
}
WIDEST_BAR = 120
"""Columns of the longest bar."""
_NARROWEST_BAR = 12


def verdict_span(verdict: str) -> tuple[str, str]:
    """Sign with word, and colour, of a verdict: ``✗ exceeds``, each enough by itself."""
    return f"{SIGNS.get(verdict, '?')} {verdict}", f"bold {colours.VERDICTS.get(verdict, '')}".rstrip()


def labels(estimates: Sequence[Object]) -> list[str]:
    """Name of each row: ``fp16``, ``int4 Q4_K_M``, or the scheme that was requested."""
    if not by_class(estimates):
        return [str(estimate["quant"]["scheme"]) for estimate in estimates]
    return [f"{e['quant']['class']} {scheme_beside_class(e['quant'])}".rstrip() for e in estimates]


def draw_bars(page: Page, estimates: Sequence[Object], *, figures: Sequence[Sequence[str]] = ()) -> bool:
    """Draw one line per precision: the bar, the verdict; True when a bar was drawn.

    Of several GPUs the fullest is drawn. ``figures`` are columns of texts between the bar and the verdict, the last in
    the verdict's colour.
    """
    names = labels(estimates)
    beside = [max(map(len, column)) for column in (names, *figures)]
    verdicts = [verdict_span(estimate["verdict"]) for estimate in estimates]
    ending = max(len(text) for text, _ in verdicts) + GAP + len(MARK)
    room = page.width - 2 - sum(width + GAP for width in beside if width) - ending
    devices = [_fullest(estimate) for estimate in estimates]
    drawable = [d for d in devices if d is not None]
    full = max((max(d[1], d[2]) for d in drawable), default=0)
    cells = min(WIDEST_BAR, room)
    for i, (estimate, device) in enumerate(zip(estimates, devices, strict=True)):
        style = colours.VERDICTS.get(estimate["verdict"], "")
        values = [(column[i], style if column is figures[-1] else "") for column in figures]
        if room < 0:
            row: list[Span] = [names[i], *values, verdicts[i]]
            page.packed([[span] for span in row], indent=2)
            continue
        spans: list[Span] = [names[i].ljust(beside[0] + GAP)]
        if cells >= _NARROWEST_BAR and full:
            drawn = "" if device is None else bar(*device, full, cells)
            spans += [*coloured(drawn), " " * (cells + len(MARK) + GAP - len(drawn))]
        for (text, colour), width in zip(values, beside[1:], strict=True):
            spans += [(text.rjust(width), colour), " " * GAP]
        page.line(*spans, verdicts[i], indent=2)
    return cells >= _NARROWEST_BAR and bool(full)


def draw_legend(page: Page, estimates: Sequence[Object]) -> None:
    """Draw the meaning of the bars' shades and mark."""
    items: list[list[Span]] = []
    named = [(glyph, name) for glyph, name, part in zip(SHADES, NAMES, PARTS, strict=True) if _has(estimates, part)]
    for glyph, name in (*named, (MARGIN, "margin")):
        items.append([(glyph, _PART_STYLES[glyph]), (f" {name}", "dim")])
    usable = {device["usable_bytes"] for e in estimates for device in gpu_devices(e)}
    amount = f" {gib(next(iter(usable)))}" if len(usable) == 1 and None not in usable else ""
    several = any(len(gpu_devices(e)) > 1 for e in estimates)
    engines = {one["engine"] for one in estimates}
    by = f" by {next(iter(engines))}" if len(engines) == 1 and _shared(estimates) else ""
    items.append([(MARK, _PART_STYLES[MARK]), (f" usable{by}{amount}", "dim")])
    items += [[("(fullest GPU)", "dim")]] if several else []
    page.packed(items, indent=2)


def _has(estimates: Sequence[Object], part: str) -> bool:
    """True if one of the estimates has memory of a part: a pipeline and fine-tuning have no KV cache."""
    return any((estimate.get("breakdown") or {}).get(part, 1) for estimate in estimates)


def _shared(estimates: Sequence[Object]) -> bool:
    """True if the deployment gets less of the card than a program can have: a server's share, or less what others hold."""
    offers = {device["usable_bytes"] for one in estimates for device in gpu_devices(one)}
    whole = {kind.get("usable_bytes") for one in estimates for kind in one["gpu"].get("gpus") or [one["gpu"]]}
    return None not in offers and None not in whole and max(offers, default=0) < max(whole, default=0)


def has_figures(estimates: Sequence[Object]) -> bool:
    """True if the memory of one of the estimates is known, or that of its weights."""
    return any(pick(one, "required_bytes.expected") or pick(one, "breakdown.weights") for one in estimates)


def draw_table(page: Page, estimates: Sequence[Object]) -> None:
    """Draw everything in GiB, a row per precision, and one per device where there are several."""
    page.stacked(_columns(estimates, _ALL, devices=True))


def draw_figures(page: Page, estimates: Sequence[Object]) -> None:
    """Draw the need and its parts, what is free, the limits, the speed and the loss of quality; more where there is room.

    Devices have rows where there is one estimate.
    """
    alone = len(estimates) == 1
    wide = _columns(estimates, _WIDE, devices=alone)
    page.stacked(wide if page.fits(wide) else _columns(estimates, _SHORT, devices=alone))


_PARTED = ("weights", "KV\ncache", "compute", "overhead")
_MEMORY = (*_PARTED, "needed", "free", "low–high", "in\nRAM")
_USE = ("longest\ncontext", "users", "tokens\nper s")
_ALL = (*_MEMORY, *_USE, "quality")
_WIDE = (*_MEMORY, *_USE, "first\ntoken", "quality\nloss")
_SHORT = (*_PARTED, "needed", "free", "in\nRAM", *_USE, "quality\nloss")
_TRAINED = {"longest\ncontext": "longest\nsample", "users": "micro-\nbatch"}
"""Headings that fine-tuning has in the place of others."""
_WORDS = ("quality", "quality\nloss")


def _columns(estimates: Sequence[Object], headings: Sequence[str], *, devices: bool) -> list[Column]:
    """Columns that have something to say; the parts stand in one table with their sum."""
    rows = [row for one in zip(labels(estimates), estimates, strict=True) for row in _rows(*one, devices=devices)]
    columns = [Column("GiB", [row["GiB"] for row in rows], right=False, group=1)]
    training = any((one.get("deployment") or {}).get("task", "inference") != "inference" for one in estimates)
    several = any(len(gpu_devices(estimate)) > 1 for estimate in estimates)
    for heading in headings:
        cells = [row.get(heading, "") for row in rows]
        if all(_is_nothing(cell, heading) for cell in cells):
            continue
        shown = _TRAINED.get(heading, heading) if training else heading
        shown = "free on\nfullest" if several and heading == "free" else shown
        columns.append(Column(shown, cells, heading not in _WORDS, group=1 if heading in _MEMORY else 2))
    return columns


def _is_nothing(cell: Span, heading: str) -> bool:
    """True for a cell that has no figure, or a part of which there is none."""
    text = cell if isinstance(cell, str) else cell[0]
    return text in ("", NONE) or (text == "0.00" and heading in (*_PARTED, "in\nRAM"))


def _rows(name: str, estimate: Object, *, devices: bool) -> Iterator[dict[str, Span]]:
    """Cells of one estimate by their headings, and of its devices."""
    gpus = gpu_devices(estimate)
    host = next((d for d in estimate.get("devices") or () if d["device"] == "host"), None)
    part = estimate.get("breakdown") or {}
    low, high = pick(estimate, "required_bytes.low"), pick(estimate, "required_bytes.high")
    limits = estimate.get("limits") or {}
    first = pick(estimate, "throughput.time_to_first_token_seconds")
    label = pick(estimate, "quality.label") or "unknown"
    spare = estimate.get("headroom_bytes")
    # What an engine refuses has memory left all the same: a figure that is no deficit is not red.
    colour = (
        ""
        if estimate["verdict"] == "unsupported" and (spare or 0) >= 0
        else colours.VERDICTS.get(estimate["verdict"], "")
    )
    yield {
        "GiB": (name, "bold"),
        **{heading: figure(part.get(key)) for heading, key in zip(_PARTED, PARTS, strict=True)},
        "needed": (figure(_total(estimate)), "bold"),
        "free": (figure(spare), f"bold {colour}".rstrip()),
        "low–high": NONE if low is None or high is None else f"{low / GIB:,.1f}–{high / GIB:,.1f}",
        "in\nRAM": figure(host["total_bytes"]) if host and host["total_bytes"] else NONE,
        "longest\ncontext": _count(limits.get("max_context")),
        "users": _count(limits.get("max_parallel")),
        "tokens\nper s": decode_cell(estimate),
        "first\ntoken": NONE if first is None or estimate["verdict"] not in RUNS else duration(first),
        "quality": quality(label),
        "quality\nloss": loss(label),
    }
    if devices and len(gpus) > 1:
        for label, device in _alike(gpus):
            cells = {heading: figure(device[f"{key}_bytes"]) for heading, key in zip(_PARTED, PARTS, strict=True)}
            cells |= {"needed": figure(device["total_bytes"]), "free": figure(device.get("headroom_bytes"))}
            yield {key: (cell, "dim") for key, cell in {"GiB": f"  {label}", **cells}.items()}


def decode_cell(estimate: Object) -> str:
    """Tokens per second of an estimate that runs, for a column that says so; a dash for any other."""
    rate = pick(estimate, "throughput.decode_tokens_per_second.expected")
    return tokens_per_second(rate) if rate is not None and estimate["verdict"] in RUNS else NONE


def _count(number: int | None) -> str:
    return f"{number:,}" if number else NONE


def _alike(devices: Sequence[Object]) -> Iterator[tuple[str, Object]]:
    """Devices with their labels, neighbours with equal shares as one: ``gpu1–6``."""
    start = 0
    for i in range(1, len(devices) + 1):
        if i == len(devices) or {**devices[i], "device": ""} != {**devices[start], "device": ""}:
            name = devices[start]["device"]
            yield (name if i - start == 1 else f"{name}–{devices[i - 1]['device'].removeprefix('gpu')}"), devices[start]
            start = i


def _fullest(estimate: Object) -> tuple[tuple[int, ...], int, int] | None:
    """Parts, high need and usable memory of the GPU with the least room; None when that is unknown.

    Devices carry no interval of their own, so the estimate's is applied in proportion, on the side of the mark that the
    verdict says.
    """
    known = [device for device in gpu_devices(estimate) if device.get("usable_bytes") is not None]
    total = _total(estimate)
    if not known or not total:
        return None
    device = min(known, key=lambda d: d["headroom_bytes"])
    usable = device["usable_bytes"]
    high = round(device["total_bytes"] * (pick(estimate, "required_bytes.high") or total) / total)
    if estimate["verdict"] == "fits":
        high = min(high, usable)
    elif estimate["verdict"] == "tight":
        high = max(high, usable + 1)
    return tuple(device[f"{key}_bytes"] for key in PARTS), high, usable


def _total(estimate: Object) -> int | None:
    total: int | None = pick(estimate, "required_bytes.expected")
    return total


def coloured(drawn: str) -> Iterator[Span]:
    """Spans of the bar in their colours; glyphs inside the mark stand in the order of the parts, each kind together."""
    within, mark, beyond = drawn.partition(MARK)
    for glyph in SHADES + MARGIN:
        yield glyph * within.count(glyph), _PART_STYLES[glyph]
    yield " " * within.count(" "), ""
    yield mark, _PART_STYLES[MARK]
    yield beyond, colours.BEYOND
