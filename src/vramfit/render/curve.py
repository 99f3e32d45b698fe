"""Curve of the need in plain characters, and its points as rows.

A column is a point: the parts of its memory on top of each other, each with its own shade, so that it reads without
colour. The card's line lies across at the memory that a program can have.
"""

from __future__ import annotations

from vramfit.render import colours
from vramfit.render.bars import MARK, NAMES, PARTS, SHADES
from vramfit.render.csv import row_of
from vramfit.render.fields import cards
from vramfit.render.markdown import escape as escaped
from vramfit.render.plain import escape
from vramfit.units import GIB, gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vramfit.render.fields import Object
    from vramfit.render.page import Page, Span

COLUMNS = (
    "value", "required_bytes", "low_bytes", "high_bytes", "usable_bytes", "weights_bytes", "kv_cache_bytes",
    "compute_bytes", "overhead_bytes", "host_bytes", "device", "verdict",
)  # fmt: skip
HEIGHT = 16
"""Lines of a drawing."""
LINE = "─"
TOKEN_LETTERS = ((1_048_576, "M"), (1024, "k"))
"""Letters of round numbers of tokens."""
STEPS = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
"""Distances between the sizes at the left, in GiB."""
MOST_SIZES = 6
AXIS = 12
"""Columns left of the drawing."""
WIDEST_POINT = 5
"""Columns of one point, where there is room."""
WIDEST_BAR = 120
"""Columns of the longest bar."""
STYLES = dict(zip(SHADES, colours.PARTS, strict=True)) | {LINE: "bold"}


def lines(style: str, report: Object, *, header: bool = True) -> Iterator[str]:
    """Lines of the points as Markdown, CSV, or for pipes."""
    if style == "markdown":
        yield escaped(title(report))
        yield ""
        yield f"| {report['over']} | needed | usable | weights | KV cache | compute | overhead | verdict |"
        yield "|---:|---:|---:|---:|---:|---:|---:|---|"
        for one in report["points"]:
            names = ("required", "usable", "weights", "kv_cache", "compute", "overhead")
            sizes = [gib(one[f"{name}_bytes"]) for name in names]
            yield f"| {' | '.join([escaped(_value(one['value'])), *sizes, one['verdict']])} |"
        yield ""
        yield escaped(sentence(report))
        return
    write = row_of(style)
    if header:
        yield write((report["over"], *COLUMNS[1:]))
    for one in report["points"]:
        yield write([escape(str(one[name])) for name in COLUMNS])


def _value(value: int | str) -> str:
    return value if isinstance(value, str) else f"{value:,}"


def title(report: Object) -> str:
    """Line on what is drawn."""
    quant = "" if report["quant"] is None else f" in {report['quant']}"
    return (
        f"{report['model']['name']}{quant} on {cards(report['gpu'])}, {report['engine']}: memory over {_over(report)}"
    )


def _over(report: Object) -> str:
    return {
        "context": "the context, in tokens", "parallel": "the number of sequences", "images": "the number of images",
        "quant": "the quantizations",
    }[report["over"]]  # fmt: skip


def sentence(report: Object) -> str:
    """Sentence on where it stops fitting."""
    points, stops = report["points"], report["largest_that_fits"]
    usable = gib(points[-1]["usable_bytes"])
    if report["over"] == "quant":
        first = next((one for one in points if one["required_bytes"] <= one["usable_bytes"]), None)
        if first is None:
            return f"None fits the {usable} that a program can have."
        return f"Fits from {first['value']} on: {gib(first['required_bytes'])} of the {usable} that a program can have."
    one = report["unit"].removesuffix("s")
    unit = one if stops == 1 else report["unit"]
    level = "" if report["level"] == "tight" else ", with the margin of the estimate"
    if not stops:
        return f"Does not fit the {usable} that a program can have, not even with one {one}."
    if points[-1]["value"] <= stops:
        return f"Fits up to {stops:,} {unit}{level}, the most that are asked for; the card offers {usable}."
    return f"Fits up to {stops:,} {unit}{level}; beyond, the need exceeds the {usable} that a program can have."


def draw(page: Page, report: Object) -> None:
    """Draw a report: a curve over numbers, a bar for each quantization."""
    page.prose((title(report), "bold"))
    page.blank()
    if report["over"] == "quant":
        _bars(page, report["points"])
    else:
        _columns(page, report["points"])
    page.blank()
    legend: list[list[Span]] = [[(shade, STYLES[shade]), f" {name}"] for shade, name in zip(SHADES, NAMES, strict=True)]
    bars = report["over"] == "quant"
    page.packed([*legend, [(MARK if bars else LINE * 3, "bold"), " usable"]])
    page.blank()
    page.prose((sentence(report), "bold"))


def cells(point: Object, top_bytes: int, height: int) -> str:
    """Characters of one column from the bottom up: ``height`` of them stand for ``top_bytes``, and the need takes its share."""
    drawn, reached = "", 0
    for part, shade in zip(PARTS, SHADES, strict=True):
        reached += point[f"{part}_bytes"]
        drawn += shade * (round(reached * height / top_bytes) - len(drawn))
    return drawn


def _columns(page: Page, points: Sequence[Object]) -> None:
    """Draw the points from left to right, with the sizes at the left and the values below."""
    top = max([max(one["required_bytes"], one["usable_bytes"]) for one in points]) * 17 // 16
    wide = max(1, min(WIDEST_POINT, (page.width - AXIS) // len(points)))
    step = next((one for one in STEPS if top / GIB / one <= MOST_SIZES), STEPS[-1])
    sizes = {int(n * step * GIB * HEIGHT / top): f"{n * step:g}" for n in range(1, MOST_SIZES + 1)}
    stacks = [cells(one, top, HEIGHT) for one in points]
    # The line lies in the row above the last that fits, so that a column crosses it exactly when the need does.
    at = [min(HEIGHT - 1, one["usable_bytes"] * HEIGHT // top) for one in points]
    for level in reversed(range(HEIGHT)):
        label = sizes.get(level, "")
        if level == at[-1]:
            label = f"{points[-1]['usable_bytes'] / GIB:7.2f}"
        spans: list[Span] = [f"{label:>7} GiB " if label else " " * AXIS]
        for one, stack, line in zip(points, stacks, at, strict=True):
            over = one["required_bytes"] > one["usable_bytes"]
            shade = stack[level] if level < len(stack) else " "
            if level == line and not over:
                shade = LINE
            elif level == line and shade == " ":
                shade = SHADES[PARTS.index("overhead")]
            elif level > line and not over:
                shade = " "
            beyond = over and level >= line and shade != " "
            spans.append((shade * wide, colours.BEYOND if beyond else STYLES.get(shade, "")))
        page.line(*spans)
    page.line(" " * AXIS + _axis(points, wide))


def _axis(points: Sequence[Object], wide: int) -> str:
    """Values below the columns, at equal distances, as many as have room."""
    texts = [short(one["value"]) for one in points]
    stride = -(-(max(map(len, texts[:-1] or texts)) + 2) // wide)
    return "".join([text.ljust(stride * wide) for text in texts[::stride]]).rstrip()


def short(value: int) -> str:
    """Number of tokens as people write it: ``32k`` for 32,768, ``1M``; others in full."""
    for factor, letter in TOKEN_LETTERS:
        if value >= factor and value % factor == 0:
            return f"{value // factor}{letter}"
    return f"{value:,}"


def _bars(page: Page, points: Sequence[Object]) -> None:
    """Draw a line for each quantization: its bar against the card, its need, and whether it fits."""
    from vramfit.render.account import coloured, verdict_span
    from vramfit.render.bars import bar

    full = max([max(one["high_bytes"], one["usable_bytes"]) for one in points])
    wide = max([len(str(one["value"])) for one in points])
    room = max(12, min(WIDEST_BAR, page.width - wide - 28))
    for one in points:
        parts = [one[f"{part}_bytes"] for part in PARTS]
        drawn = bar(parts, one["high_bytes"], one["usable_bytes"], full, room)
        need = f"{' ' * (room + 1 - len(drawn))} {gib(one['required_bytes']):>11}  "
        page.line(f"{one['value']:<{wide}}  ", *coloured(drawn), need, verdict_span(one["verdict"]))
