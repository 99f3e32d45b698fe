"""Loss of quality of a scheme as measured: a label for each model size, the evidence, and an order, best first.

Each published figure is put on one scale of severity, on which the labels are the whole numbers: up to 1
near-lossless, 2 small, 3 noticeable, more severe. The cuts (ours): change of perplexity 1, 5 and 20 %, points of MMLU
or of an average over tasks 0.5, 1.5 and 5. A 70B model's perplexity has cuts of its own, since it starts lower
(Llama 3 70B: 2.83), and the same benchmark loss goes with larger ratios there.

* A model's severity is its worst figure; a size's severity is the mean over the models of that size. Llama 2 counts
  only where nothing newer was measured: models trained on more tokens lose more.
* A model takes the figures of its size class (below 3, 6, 20, 60 billion parameters, above); where the class has none,
  those of the next smaller class that has, which overstates the loss, since larger models lose less; else those of the
  next larger, and the evidence says that they understate it.
* A mixture counts with all its parameters, not the active ones: Qwen3 30B-A3B loses 1.5 % of perplexity in Q4_K_M and
  1.9 points in MLX 4-bit, less than an 8B (2.4 %) and a 4B (3.3 points), far from what 3B active would make one expect.
* Nothing measured: unknown. So is a vision model's own loss: AWQ cost VILA 3B-40B at most 1.3 points on VQAv2, GQA,
  TextVQA and MMBench (mit-han-lab/llm-awq README @d6e797a), but nothing else was published.
"""

from __future__ import annotations

from vramfit.quantization.schemes import stock_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.model import Model
    from vramfit.quantization.schemes import Scheme

    Measured = tuple[str, float, float | None, float | None, float | None, float | None, str]

LABELS = ("near-lossless", "small", "noticeable", "severe")
PERPLEXITY_CUTS = (1.0, 5.0, 20.0)
PERPLEXITY_CUTS_OF = {"Llama-3-70B": (2.0, 10.0, 75.0), "Llama-2-70B": (0.6, 4.0, 10.0)}
POINTS_CUTS = (0.5, 1.5, 5.0)
SIZE_CLASSES = (3.0, 6.0, 20.0, 60.0)
"""Billions of parameters at which the next class begins."""

REFERENCE = ("fp32", "fp16", "bf16", "F32", "F16", "BF16")
RELEASED_IN = {
    "mxfp4": ("MXFP4", "MXFP4_MOE", "mlx-mxfp4"), "fp8": ("fp8", "fp8-channel", "fp8-block"), "int4": ("w4a16",),
}  # fmt: skip
"""Schemes that store a checkpoint of this element type as it was released."""
SAME_AS = {"nf4-single": "nf4", "fp4-single": "fp4"}
"""Schemes that are as good as another one: the second quantization of the scales costs nothing measurable (QLoRA, arXiv
2305.14314, section 5)."""
UNMEASURED = {1: 6.0, 2: 4.0, 3: 3.1, 4: 2.2, 5: 1.4, 6: 1.0, 8: 0.9}
"""Severity assumed for an unmeasured scheme by its bits: about that of measured ones of that width."""


def quality(scheme_id: str, parameters: int, dtype: str = "bf16") -> tuple[str, str]:
    """Label and evidence for a scheme on a model of that many parameters whose checkpoint was released in ``dtype``.

    ``reference`` is the release itself or its 16-bit form, ``unknown`` what nobody measured.
    """
    if scheme_id in REFERENCE:
        return "reference", "16-bit weights, as released"
    if scheme_id in RELEASED_IN.get(dtype, ()):
        return "reference", "the precision it was released in"
    found = _figures(scheme_id, parameters)
    if found is None:
        return "unknown", "nothing measured for this scheme"
    rows, note = found
    return _label(_severity(rows)), _evidence(rows) + note


def quality_of(model: Model, scheme: Scheme, parameters: int) -> tuple[str, str]:
    """Label and evidence for a model of that many parameters; unknown for a pipeline, since language models were measured."""
    if model.components and scheme.id not in REFERENCE:
        return "unknown", "nothing measured for pipelines of images and video"
    return quality(scheme.id, parameters, model.dtype)


def quality_rank(scheme_id: str, parameters: int, dtype: str = "bf16") -> int:
    """Sorting key of schemes for a model of that size, best quality first; equal only for equal ids.

    Severity to a tenth (finer is noise) decides, then the order of ``SCHEMES``, more bits before fewer. A scheme nobody
    measured stands where measured ones of its width do.
    """
    from vramfit.quantization.schemes import SCHEMES

    place = list(SCHEMES).index(scheme_id) if scheme_id in SCHEMES else len(SCHEMES)
    if scheme_id in REFERENCE or scheme_id in RELEASED_IN.get(dtype, ()):
        return place
    found = _figures(scheme_id, parameters)
    severity = _severity(found[0]) if found is not None else _severity_of_width(scheme_id)
    return (1 + round(10 * severity)) * 1000 + place


def cache_quality(type_k: str, type_v: str) -> tuple[str, str]:
    """Label and evidence for element types of the KV cache: the worse of the two.

    ``reference`` for 16-bit caches. Long contexts and models with few KV heads lose more than these figures.
    """
    labels = []
    for kind in dict.fromkeys((type_k, type_v)):
        if kind in ("f16", "bf16", "f32", "auto"):
            continue
        from vramfit.quantization.quality_measured import CACHE_MEASURED

        rows = CACHE_MEASURED.get("fp8" if kind.startswith("fp8") else kind)
        if rows is None:
            return "unknown", f"nothing measured for {kind} caches"
        severity = _mean([_worst(row) for row in rows])
        # Where only the keys were measured, quantized values come on top.
        if kind.startswith(("q4", "iq4")):
            severity = max(severity, 1.01)
        labels.append((severity, f"{kind}: {_evidence(rows)}"))
    if not labels:
        return "reference", "16-bit cache"
    return _label(max(labels)[0]), "; ".join([text for _, text in labels])


def _figures(scheme_id: str, parameters: int) -> tuple[Sequence[Measured], str] | None:
    """Rows that apply to a model of this size, and what the evidence must add."""
    from vramfit.quantization.quality_measured import MEASURED

    rows = MEASURED.get(SAME_AS.get(scheme_id, stock_name(scheme_id)))
    if rows is None:
        return None
    wanted = size_class(parameters)
    by_class: dict[int, list[Measured]] = {}
    for row in rows:
        by_class.setdefault(_class_of(row[1]), []).append(row)
    smaller = [known for known in by_class if known <= wanted]
    chosen = by_class[max(smaller) if smaller else min(by_class)]
    newer = [row for row in chosen if not row[0].startswith("Llama-2-")]
    return newer or chosen, "" if smaller else "; smaller models lose more"


def size_class(parameters: int) -> int:
    """Index of the class of sizes that a model of so many parameters is in: a scheme has one label in all of a class."""
    return _class_of(parameters / 1e9)


def _class_of(billions: float) -> int:
    """Index of the class in ``SIZE_CLASSES`` that a model of so many parameters is in."""
    return sum([billions >= limit for limit in SIZE_CLASSES])


def _severity(rows: Sequence[Measured]) -> float:
    return _mean([_worst(row) for row in rows])


def _worst(row: Measured) -> float:
    model, _, perplexity, _, mmlu, average, _ = row
    found = [_on_scale(-points, POINTS_CUTS) for points in (mmlu, average) if points is not None]
    if perplexity is not None:
        found.append(_on_scale(perplexity, PERPLEXITY_CUTS_OF.get(model, PERPLEXITY_CUTS)))
    return max(found)


def _on_scale(loss: float, cuts: tuple[float, float, float]) -> float:
    """Place on the scale of severity: 0 for no loss, 1, 2 and 3 at the cuts, straight lines between.

    Beyond the last cut each doubling adds one.
    """
    below = 0.0
    for number, cut in enumerate(cuts):
        if loss <= cut:
            return max(0.0, number + (loss - below) / (cut - below))
        below = cut
    severity = float(len(cuts))
    while loss > 2 * below:
        loss, severity = loss / 2, severity + 1
    return severity + loss / below - 1


def _label(severity: float) -> str:
    return LABELS[sum([severity > limit for limit in (1, 2, 3)])]


def _evidence(rows: Sequence[Measured]) -> str:
    """Text of the evidence: ``perplexity +2.4 %, MMLU -0.56 points on Llama-3-8B``; ranges over several models."""
    score = "MMLU-Pro" if rows[0][6] == "M" else "MMLU"
    columns = (
        ("perplexity", [row[2] for row in rows], "%"),
        (score, [row[4] for row in rows], "points"),
        ("mean of tasks", [row[5] for row in rows], "points"),
    )
    parts = []
    for name, column, unit in columns:
        values = sorted([value for value in column if value is not None], key=abs)
        if values:
            ends = [_signed(value) for value in dict.fromkeys((values[0], values[-1]))]
            parts.append(f"{name} {' to '.join(ends)} {unit}")
    return f"{', '.join(parts)} on {' and '.join(dict.fromkeys([row[0] for row in rows]))}"


def _signed(value: float) -> str:
    """Format with two significant digits below ten, whole numbers above: ``+2.4``, ``-0.30``, ``+126``."""
    size = abs(value)
    return f"{value:+.{0 if size >= 10 else 1 if size >= 1 else 2}f}"


def _severity_of_width(scheme_id: str) -> float:
    from vramfit.quantization import find_scheme

    scheme = find_scheme(scheme_id)
    bits = float(scheme.settings.get("bits", 8 if scheme.precision == "int8" else 4))
    if scheme_id.startswith("TQ"):
        bits = float(scheme_id[2])
    return min([(abs(width - bits), severity) for width, severity in UNMEASURED.items()])[1]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
