"""Usual rule of thumb and the full account, line by line: why "13 B x 2 bytes against 24 GB" misleads."""

from __future__ import annotations

from vramfit.render.fields import gpu_devices, pick, usable_bytes
from vramfit.render.page import Column
from vramfit.render.words import figure, spare
from vramfit.units import billions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.render.fields import Object
    from vramfit.render.page import Page, Span


def has_ledger(estimate: Object) -> bool:
    """True if both sides are known: there is a rule for the case, and an account to compare it with."""
    known = estimate.get("rule_of_thumb") and estimate.get("breakdown") and pick(estimate, "required_bytes.expected")
    return bool(known) and usable_bytes(estimate) is not None


def rule(estimate: Object) -> str:
    """Clause with the rule of thumb and what it leaves, beside what was counted; empty where the rule has no case."""
    found = estimate.get("rule_of_thumb")
    if not found:
        return ""
    deficit = found["deficit_gb"]
    left = f"{abs(deficit):g} GB {'short' if deficit > 0 else 'free'}"
    counted = "" if estimate.get("headroom_bytes") is None else f"; counted: {spare(estimate['headroom_bytes'])}"
    return f"{_product(found)} = {found['required_gb']:g} GB against {found['gpu_gb']:g} GB, {left}{counted}"


def draw_ledger(page: Page, estimate: Object) -> None:
    """Draw the rule in a line, and the account in GiB: the parts, their sum, what is offered, the difference."""
    part = estimate["breakdown"]
    need, offer = estimate["required_bytes"]["expected"], usable_bytes(estimate) or 0
    page.prose(rule(estimate).partition(";")[0], indent=2, label=("rule", "dim"), hang=10)
    rows = [
        ("weights", part["weights"], _weights(estimate)),
        ("KV cache", part["kv_cache"], _cache(estimate)),
        ("compute", part["compute"], "buffers of the forward pass, not in the rule"),
        ("overhead", part["overhead"], "what the runtime takes, not in the rule"),
        ("needed", need, ""),
        ("offered", offer, _offer(estimate)),
        ("left", offer - need, _left(estimate, offer - need)),
    ]
    rows = [row for row in rows if row[1] or row[0] in _TOTALS]
    totals = [row[0] in _TOTALS for row in rows]
    columns = [
        Column("GiB", _styled([row[0] for row in rows], totals), right=False),
        Column("counted", _styled([figure(row[1]) for row in rows], totals)),
        Column("", [(row[2], "dim") for row in rows], right=False, drop=1),
    ]
    page.table(columns, wrap=-1)


_TOTALS = ("needed", "left")


def _product(found: Object) -> str:
    factor = found["bytes_per_parameter"]
    return f"{found['parameters_billion']:g} B × {factor:g} byte{'' if factor == 1 else 's'}"


def _weights(estimate: Object) -> str:
    bits, count = estimate["quant"].get("bits_per_weight"), estimate["model"].get("parameters")
    return "" if bits is None or count is None else f"{billions(count)} × {bits:.3g} bits"


def _cache(estimate: Object) -> str:
    asked = estimate.get("deployment") or {}
    context, parallel = asked.get("context"), asked.get("parallel") or 1
    if not context:
        return "not in the rule"
    return f"{'' if parallel == 1 else f'{parallel:,} × '}{context:,} tokens, not in the rule"


def _offer(estimate: Object) -> str:
    if estimate["gpu"].get("vendor") == "custom":
        return ""
    box = "boxes" if len(gpu_devices(estimate)) > 1 else "box"
    return f"what a program can have of {estimate['rule_of_thumb']['gpu_gb']:g} GB on the {box}"


def _left(estimate: Object, room: int) -> str:
    tightest = estimate["headroom_bytes"]
    if room >= 0 > tightest:
        return f"but each GPU holds its own share, and the fullest is {spare(tightest)}"
    return ""


def _styled(texts: list[str], bold: list[bool]) -> list[Span]:
    return [(text, "bold") if strong else text for text, strong in zip(texts, bold, strict=True)]
