"""Usual rule of thumb beside the full account, line by line: why "13 B x 2 bytes against 24 GB" misleads."""

from __future__ import annotations

from vramfit.render.fields import gpu_devices, pick, usable_bytes
from vramfit.render.page import Column
from vramfit.render.words import spare
from vramfit.units import GB, billions, gib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.render.fields import Object
    from vramfit.render.page import Page, Span


def has_ledger(estimate: Object) -> bool:
    """True if both sides are known: there is a rule for the case, and an account to compare it with."""
    known = estimate.get("rule_of_thumb") and estimate.get("breakdown") and pick(estimate, "required_bytes.expected")
    return bool(known) and usable_bytes(estimate) is not None


def draw_ledger(page: Page, estimate: Object) -> None:
    """Draw two columns of GB, the rule's and the account's, and the differences."""
    rule, part = estimate["rule_of_thumb"], estimate["breakdown"]
    need, offer = estimate["required_bytes"]["expected"], usable_bytes(estimate) or 0
    rows = [
        ("weights", rule["required_gb"], part["weights"], _weights(estimate, rule)),
        ("KV cache", None, part["kv_cache"], _cache(estimate)),
        ("compute", None, part["compute"], "buffers of the forward pass, not in the rule"),
        ("overhead", None, part["overhead"], "what the runtime takes, not in the rule"),
        ("needed", rule["required_gb"], need, f"= {gib(need)}"),
        ("offered", rule["gpu_gb"], offer, _offer(estimate, offer)),
        ("left", -rule["deficit_gb"], offer - need, _left(estimate, offer - need)),
    ]
    rows = [row for row in rows if row[1] is not None or row[2]]
    totals = [row[0] in ("needed", "left") for row in rows]
    columns = [
        Column("GB", _styled([row[0] for row in rows], totals), right=False),
        Column("rule of\nthumb", _styled([_figure(row[1]) for row in rows], totals)),
        Column("counted", _styled([_figure(row[2] / GB) for row in rows], totals)),
        Column("", [(row[3], "dim") for row in rows], right=False, drop=1),
    ]
    page.table(columns, wrap_last=True)


def _weights(estimate: Object, rule: Object) -> str:
    factor = rule["bytes_per_parameter"]
    product = f"{rule['parameters_billion']:g} B × {factor:g} byte{'' if factor == 1 else 's'}"
    bits = estimate["quant"].get("bits_per_weight")
    return (
        product if bits is None else f"{product}; really {billions(estimate['model']['parameters'])} × {bits:.3g} bits"
    )


def _cache(estimate: Object) -> str:
    asked = estimate.get("deployment") or {}
    context, parallel = asked.get("context"), asked.get("parallel") or 1
    if not context:
        return "not in the rule"
    return f"{'' if parallel == 1 else f'{parallel:,} × '}{context:,} tokens, not in the rule"


def _offer(estimate: Object, offer: int) -> str:
    if estimate["gpu"].get("vendor") == "custom":
        return f"= {gib(offer)}"
    box = "boxes" if len(gpu_devices(estimate)) > 1 else "box"
    return f"{estimate['rule_of_thumb']['gpu_gb']:g} GB on the {box}, {gib(offer)} for a program"


def _left(estimate: Object, room: int) -> str:
    tightest = estimate["headroom_bytes"]
    if room >= 0 > tightest:
        return f"but each GPU holds its own share, and the fullest is {spare(tightest)}"
    return f"= {spare(room)}"


def _figure(gigabytes: float | None) -> str:
    return "–" if gigabytes is None else f"{gigabytes:,.2f}".replace("-", "−")


def _styled(texts: list[str], bold: list[bool]) -> list[Span]:
    return [(text, "bold") if strong else text for text, strong in zip(texts, bold, strict=True)]
