"""Memory account of a section: a bar per precision against the card, and a table of the parts."""

from __future__ import annotations

from vramfit.render.bars import MARGIN, MARK, PARTS, SHADES, bar
from vramfit.render.fields import RUNS, gpu_devices, pick, tokens_per_second
from vramfit.render.page import GAP, Column
from vramfit.render.words import SIGNS, by_class, quality, scheme_beside_class, spare
from vramfit.units import GIB, gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.render.fields import Object
    from vramfit.render.page import Page, Span


VERDICT_STYLES = {"fits": "green", "tight": "yellow", "exceeds": "red", "unsupported": "red", "unknown": "magenta"}
_PART_STYLES = dict(zip(SHADES, ("blue", "cyan", "magenta", "bright_black"), strict=True)) | {
    MARGIN: "bright_black",
    MARK: "bold",
}
_BEYOND = "red"
_PART_NAMES = ("weights", "KV cache", "compute", "overhead")
_WIDEST_BAR = 60
_NARROWEST_BAR = 12


def verdict_span(verdict: str) -> tuple[str, str]:
    """Sign with word, and colour, of a verdict: ``✗ exceeds``, each enough by itself."""
    return f"{SIGNS.get(verdict, '?')} {verdict}", f"bold {VERDICT_STYLES.get(verdict, '')}".rstrip()


def labels(estimates: Sequence[Object]) -> list[str]:
    """Name of each row: ``fp16``, ``int4 Q4_K_M``, or the scheme that was requested."""
    if not by_class(estimates):
        return [str(estimate["quant"]["scheme"]) for estimate in estimates]
    return [f"{e['quant']['class']} {scheme_beside_class(e['quant'])}".rstrip() for e in estimates]


def draw_bars(page: Page, estimates: Sequence[Object], *, totals: bool) -> bool:
    """Draw one line per precision: the bar, the headroom, the verdict; True when a bar was drawn.

    Of several GPUs the fullest is drawn. ``totals`` adds the whole need, where no table follows to show it.
    """
    names = labels(estimates)
    left = [spare(estimate.get("headroom_bytes")) for estimate in estimates]
    sums = ["" if _total(e) is None else gib(_total(e) or 0) for e in estimates] if totals else [""] * len(names)
    beside = [max(map(len, column)) for column in (names, sums, left)]
    room = page.width - 2 - sum(width + GAP for width in beside if width) - len("✗ exceeds") - GAP - len(MARK)
    devices = [_fullest(estimate) for estimate in estimates]
    drawable = [d for d in devices if d is not None]
    full = max((max(d[1], d[2]) for d in drawable), default=0)
    cells = min(_WIDEST_BAR, room)
    for i, (estimate, device) in enumerate(zip(estimates, devices, strict=True)):
        spans: list[Span] = [names[i].ljust(beside[0] + GAP)]
        if cells >= _NARROWEST_BAR and full:
            drawn = "" if device is None else bar(*device, full, cells)
            spans += [*_coloured(drawn), " " * (cells + len(MARK) + GAP - len(drawn))]
        if totals:
            spans.append(sums[i].rjust(beside[1]) + " " * GAP)
        style = VERDICT_STYLES.get(estimate["verdict"], "")
        if room < 0:
            row: list[Span] = [names[i], *([sums[i]] if totals else []), (left[i], style)]
            page.packed([[span] for span in (*row, verdict_span(estimate["verdict"]))], indent=2)
            continue
        spans += [(left[i].rjust(beside[2]), style), " " * GAP, verdict_span(estimate["verdict"])]
        page.line(*spans, indent=2)
    return cells >= _NARROWEST_BAR and bool(full)


def draw_legend(page: Page, estimates: Sequence[Object]) -> None:
    """Draw the meaning of the bars' shades and mark."""
    items: list[list[Span]] = []
    for glyph, name in zip(SHADES + MARGIN, (*_PART_NAMES, "margin"), strict=True):
        items.append([(glyph, _PART_STYLES[glyph]), (f" {name}", "dim")])
    usable = {device["usable_bytes"] for e in estimates for device in gpu_devices(e)}
    amount = f" {gib(next(iter(usable)))}" if len(usable) == 1 and None not in usable else ""
    several = any(len(gpu_devices(e)) > 1 for e in estimates)
    items.append([(MARK, _PART_STYLES[MARK]), (f" usable{amount}{' on the fullest GPU' if several else ''}", "dim")])
    page.packed(items, indent=2)


def draw_table(page: Page, estimates: Sequence[Object]) -> list[str]:
    """Draw the parts in GiB, a row per precision, and one per device where there are several.

    Returns the headings of the columns left out.
    """
    rows = list(_rows(estimates))
    columns = [Column("GiB", [row[0] for row in rows], right=False)]
    for number, (heading, drop) in enumerate(_COLUMNS, 1):
        cells = [row[number] for row in rows]
        if any(cell not in _NOTHING for cell in cells):
            columns.append(Column(heading, cells, right=heading != "quality", drop=drop))
    return page.table(columns)


_NONE = "–"
_NOTHING = ("", _NONE, "0.00", ("", "dim"), (_NONE, "dim"), ("0.00", "dim"))
_COLUMNS = (
    ("weights", 1), ("KV\ncache", 2), ("compute", 5), ("overhead", 6), ("total", 0), ("left", 0), ("low–high", 8),
    ("in\nRAM", 4), ("longest\ncontext", 3), ("tokens\nper s", 2), ("quality", 9),
)  # fmt: skip
"""Headings of the table and the order in which they give way on a narrow terminal, the highest number first."""


def _rows(estimates: Sequence[Object]) -> Iterator[list[Span]]:
    for name, estimate in zip(labels(estimates), estimates, strict=True):
        gpus = gpu_devices(estimate)
        host = next((d for d in estimate.get("devices") or () if d["device"] == "host"), None)
        part = estimate.get("breakdown") or {}
        low, high = pick(estimate, "required_bytes.low"), pick(estimate, "required_bytes.high")
        context = pick(estimate, "limits.max_context")
        rate = pick(estimate, "throughput.decode_tokens_per_second.expected")
        runs = estimate["verdict"] in RUNS
        yield [
            (name, "bold"),
            *(_gib(part.get(key)) for key in PARTS),
            (_gib(_total(estimate)), "bold"),
            (_gib(estimate.get("headroom_bytes")), "bold") if len(gpus) > 1 else "",
            _NONE if low is None or high is None else f"{low / GIB:,.1f}–{high / GIB:,.1f}",
            _gib(host and host["total_bytes"]) if host and host["total_bytes"] else _NONE,
            _NONE if not context else f"{context:,}",
            tokens_per_second(rate) if rate is not None and runs else _NONE,
            quality(pick(estimate, "quality.label") or "unknown"),
        ]
        if len(gpus) > 1:
            yield from (_device_row(label, device) for label, device in _alike(gpus))


def _device_row(label: str, device: Object) -> list[Span]:
    sizes = [_gib(device[f"{key}_bytes"]) for key in PARTS]
    cells = ["  " + label, *sizes, _gib(device["total_bytes"]), _gib(device.get("headroom_bytes"))]
    return [(cell, "dim") for cell in cells + [""] * (len(_COLUMNS) + 1 - len(cells))]


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


def _coloured(drawn: str) -> Iterator[Span]:
    """Spans of the bar in their colours; glyphs inside the mark stand in the order of the parts, each kind together."""
    within, mark, beyond = drawn.partition(MARK)
    for glyph in SHADES + MARGIN:
        yield glyph * within.count(glyph), _PART_STYLES[glyph]
    yield " " * within.count(" "), ""
    yield mark, _PART_STYLES[MARK]
    yield beyond, _BEYOND


def _gib(size_bytes: int | None) -> str:
    return _NONE if size_bytes is None else gib(size_bytes).removesuffix(" GiB").replace("-", "−")
