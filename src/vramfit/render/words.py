"""Sentences and short phrases of the report, in words that a person would use."""

from __future__ import annotations

from vramfit.render.fields import tokens_per_second
from vramfit.units import GIB, MIB, gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vramfit.render.fields import Object


NONE = "–"
"""Cell of a table that has no figure."""
SIGNS = {"fits": "✓", "tight": "~", "exceeds": "✗", "unsupported": "✗", "unknown": "?"}

_QUALITY = {
    "reference": "16-bit weights",
    "near-lossless": "near-lossless",
    "small": "small loss",
    "noticeable": "noticeable loss",
    "severe": "severe loss",
    "unknown": "not measured",
}
_LOSSES = {
    "reference": "none",
    "near-lossless": "hardly any",
    "small": "small",
    "noticeable": "noticeable",
    "severe": "severe",
    "unknown": "not measured",
}


def joined(words: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def counted_noun(count: int, one: str, several: str) -> str:
    """``1 remedy``, ``3 remedies``."""
    return f"{count:,} {one if count == 1 else several}"


def size(size_bytes: int, digits: int = 2) -> str:
    """A size for a sentence: GiB, with more digits where fewer would say zero."""
    if size_bytes and abs(size_bytes) < 10 * MIB:
        return f"{size_bytes / MIB:.2f} MiB"
    return gib(size_bytes, digits if abs(size_bytes) >= GIB else 2)


def figure(size_bytes: int | None) -> str:
    """Size in GiB for a column that says so: ``24.87``, ``−5.58`` with a minus as wide as a digit, a dash for none."""
    return NONE if size_bytes is None else f"{size_bytes / GIB:,.2f}".replace("-", "−")


def spare(headroom_bytes: int | None, digits: int = 2) -> str:
    """``6.33 GiB free`` or ``5.58 GiB short``."""
    if headroom_bytes is None:
        return "unknown"
    return f"{size(abs(headroom_bytes), digits)} {'short' if headroom_bytes < 0 else 'free'}"


def quality(label: str) -> str:
    """A quality label as a phrase that stands alone."""
    return _QUALITY.get(label, label)


def loss(label: str) -> str:
    """A quality label as the answer to how much of it is lost."""
    return _LOSSES.get(label, label)


def speed(estimate: Object) -> list[str]:
    """Clauses on how fast an estimate generates and takes in a prompt; none where neither is known."""
    throughput = estimate.get("throughput") or {}
    decode, prefill = throughput.get("decode_tokens_per_second"), throughput.get("prefill_tokens_per_second")
    asked = estimate.get("deployment") or {}
    clauses = []
    if decode:
        parallel, total = asked.get("parallel", 1), throughput.get("total_decode_tokens_per_second")
        low, high = tokens_per_second(decode["low"]), tokens_per_second(decode["high"])
        each = (
            f" for each of {parallel:,} sequences, {tokens_per_second(total)} together"
            if parallel > 1 and total
            else ""
        )
        bound = f", bound by {throughput['bottleneck']}" if throughput.get("bottleneck") else ""
        clauses.append(f"{tokens_per_second(decode['expected'])} tokens/s ({low}–{high}){each}{bound}")
    if prefill:
        tokens, rate = throughput.get("prompt_tokens"), f"{tokens_per_second(prefill['expected'])} tokens/s"
        first = throughput.get("time_to_first_token_seconds")
        if tokens and first is not None:
            clauses.append(f"the first after {duration(first)} for a prompt of {tokens:,} tokens, taken in at {rate}")
        else:
            clauses.append(f"prompts are taken in at {rate}")
    return clauses


def duration(seconds: float) -> str:
    """``0.31 s``, ``1.0 s``, ``12 s``, ``3 min``: two digits, which is all an estimate of speed can carry."""
    if seconds >= 99.5:
        return f"{seconds / 60:.0f} min"
    return f"{seconds:.{0 if seconds >= 9.95 else 1 if seconds >= 0.995 else 2}f} s"
