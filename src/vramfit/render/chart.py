"""Curve of the need as a picture, by matplotlib, which is the optional extra ``plot``."""

from __future__ import annotations

from vramfit.errors import InputError, UsageError
from vramfit.render.bars import NAMES, PARTS
from vramfit.render.curve import sentence, short, title
from vramfit.units import GIB

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.render.fields import Object

INSTALL = "pip install matplotlib where vramfit is installed; without --output the curve is drawn in the terminal"
COLOURS = ("#4c78a8", "#72b7b2", "#b279a2", "#9d9d9d")
"""Colours of the parts, which differ in brightness too."""
LINE = "#c0392b"
AXES = {"context": "context, in tokens", "parallel": "sequences at once", "images": "images", "quant": "quantization"}
"""Label of the axis by what the curve is over."""
MOST_LABELS = 8
INCHES = (9.0, 5.0)
RESOLUTION = 150


def check_extra() -> None:
    """Raise ``UsageError`` if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise UsageError("a picture needs matplotlib, which is not installed", INSTALL) from None


def save(report: Object, path: str) -> None:
    """Write the picture into a file of the kind that its name says; raises ``InputError`` where that fails."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Equal input gives equal files: no random ids in the SVG, no date.
    mpl.rcParams["svg.hashsalt"] = "vramfit"
    figure = Figure(figsize=INCHES, layout="constrained")
    axes: Any = figure.subplots()
    points = report["points"]
    places = range(len(points)) if report["over"] == "quant" else [one["value"] for one in points]
    layers = [[one[f"{part}_bytes"] / GIB for one in points] for part in PARTS]
    if report["over"] == "quant":
        base = [0.0] * len(points)
        for name, colour, layer in zip(NAMES, COLOURS, layers, strict=True):
            axes.bar(places, layer, bottom=base, label=name, color=colour)
            base = [a + b for a, b in zip(base, layer, strict=True)]
        axes.set_xticks(list(places), [one["value"] for one in points], rotation=60, ha="right", fontsize=7)
    else:
        axes.stackplot(places, *layers, labels=NAMES, colors=COLOURS)
        step = max(1, -(-len(points) // MOST_LABELS))
        shown = points[step - 1 :: step]
        axes.set_xticks([one["value"] for one in shown], [short(one["value"]) for one in shown])
        axes.set_xlim(places[0], places[-1])
        if report["largest_that_fits"] and report["largest_that_fits"] < places[-1]:
            axes.axvline(report["largest_that_fits"], color=LINE, linestyle=":", linewidth=1)
    ends = (-0.5, len(points) - 0.5) if report["over"] == "quant" else (places[0], places[-1])
    axes.plot(ends, [points[at]["usable_bytes"] / GIB for at in (0, -1)], color=LINE, linewidth=1.5, label="usable")
    axes.set_ylabel("GiB")
    axes.set_xlabel(AXES[report["over"]])
    axes.set_ylim(bottom=0)
    axes.set_title(f"{title(report)}\n{sentence(report)}", fontsize=9)
    # Outside the axes, where it covers neither a bar nor the line.
    figure.legend(loc="outside lower center", ncols=len(PARTS) + 1, fontsize=8, frameon=False)
    kind = path.rpartition(".")[2].lower()
    meta = {"svg": {"Date": None, "Creator": "vramfit"}, "pdf": {"CreationDate": None}}.get(kind, {})
    try:
        figure.savefig(path, dpi=RESOLUTION, metadata=meta)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}", "give a file in a folder that can be written"
        ) from None
