"""Longest context of a model whose positions a deployment overrides, by RoPE scaling or another number of positions.

The deployment key ``rope_scaling`` states the override in one text: ``yarn:4:32768`` is a kind, its factor and the
positions that the model was trained with, ``131072`` another ``max_position_embeddings``, and ``131072,yarn:4:32768`` both.
Engines differ in how they apply it, so each has a rule of its own. With ``long_context`` they accept any context
(``VLLM_ALLOW_LONG_MAX_MODEL_LEN``, ``SGLANG_ALLOW_OVERWRITE_LONGER_CONTEXT_LEN``). The tables of rotary angles have a row
for each position of the longest context.
"""

from __future__ import annotations

from vramfit._record import Record, replace
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from vramfit.model import Model
    from vramfit.workload.keys import Request

HINT = "write it as yarn:4:32768 (kind, factor, trained positions), as 131072, or as both with a comma"
WITHOUT_MEMORY = (
    "architectures", "model_type", "rope_theta", "partial_rotary_factor", "is_matryoshka", "matryoshka_dimensions",
    "num_labels", "id2label", "label2id", "classifier_from_token", "method", "use_cache",
)  # fmt: skip
"""Fields of a configuration that may be overridden without a change of memory."""


class Scaling(Record):
    """Positions of a model as a deployment states them."""

    positions: int | None = None
    """``max_position_embeddings``; None for the model's own."""
    kind: str = ""
    """``rope_type``: ``yarn``, ``linear``, ``dynamic``, …; empty for none."""
    factor: float = 1.0
    original: int | None = None
    """``original_max_position_embeddings``; None if it is not stated."""


def scaling(text: str) -> Scaling:
    """Read a value of ``rope_scaling``; raises ``UsageError`` for any other text."""
    found = Scaling()
    for part in text.replace(" ", "").lower().split(","):
        words = part.split(":")
        try:
            if len(words) == 1:
                found = replace(found, positions=_positive(int(part)))
                continue
            kind, factor, *rest = words
            original = _positive(int(rest[0])) if rest else None
            if not kind.replace("_", "").replace("-", "").isalnum() or len(rest) > 1:
                raise ValueError
            found = replace(found, kind=kind, factor=_positive(float(factor)), original=original)
        except ValueError:
            raise UsageError(f'rope_scaling: "{text}" is not a valid value', HINT) from None
    return found


def extended(model: Model, request: Request, longest: Callable[[Model, Scaling], int]) -> Model:
    """Return the model with the longest context that an engine allows it: its configuration's, or by the rule ``longest``."""
    context = model.traits.configured_context or model.context
    model = replace(model, context=context)
    if request.get("rope_scaling") is not None:
        context = longest(model, scaling(request["rope_scaling"]))
    asked = request.get("context")
    if request.get("long_context") and isinstance(asked, int):
        context = max(context, asked)
    return replace(model, context=context)


def read_overrides(text: str, flag: str) -> dict[str, Any]:
    """Read ``rope_scaling`` from the JSON of a flag that overrides a model's configuration.

    Raises ``UsageError`` for text that is no JSON, and for a field that may change the memory and is not read.
    """
    import json

    try:
        stated = json.loads(text)
        fields = {**stated, **stated.pop("text_config", {})}
    except (ValueError, AttributeError, TypeError):
        raise UsageError(f"{flag} {text} is not read", f"write it as {flag} '{{\"rope_parameters\": {{…}}}}'") from None
    fields.pop("text_config", None)
    rope = fields.pop("rope_parameters", None) or fields.pop("rope_scaling", None)
    parts = [str(fields.pop("max_position_embeddings"))] if "max_position_embeddings" in fields else []
    unread = [name for name in fields if name not in WITHOUT_MEMORY]
    if unread:
        raise UsageError(f"{flag} overrides {unread[0]}, which is not read", "import the model with that configuration")
    if isinstance(rope, dict):
        parts += _scaled(rope)
    return {"rope_scaling": ",".join(parts)} if parts else {}


def read_rope(text: str, flag: str) -> dict[str, Any]:
    """Read ``rope_scaling`` from the JSON of a flag for RoPE scaling alone; raises ``UsageError`` for other text."""
    return read_overrides(f'{{"rope_parameters": {text}}}', flag)


def overrides_text(text: str, field: str) -> str:
    """JSON that overrides a model's configuration as a value of ``rope_scaling`` says, with RoPE's part in ``field``."""
    import json

    found, fields = scaling(text), {}
    if found.positions is not None:
        fields["max_position_embeddings"] = found.positions
    if found.kind:
        rope: dict[str, object] = {"rope_type": found.kind, "factor": found.factor}
        if found.original is not None:
            rope["original_max_position_embeddings"] = found.original
        fields[field] = rope  # type: ignore[assignment]
    return json.dumps(fields)


def _scaled(rope: dict[str, Any]) -> list[str]:
    """Part of a value of ``rope_scaling`` for RoPE's parameters; none where they scale nothing."""
    kind, factor = rope.get("rope_type") or rope.get("type") or "", rope.get("factor")
    if kind in ("", "default") or factor is None:
        return []
    original = rope.get("original_max_position_embeddings")
    return [f"{kind}:{factor:g}" + ("" if original is None else f":{original}")]


def _positive(number: Any) -> Any:
    if not number > 0:
        raise ValueError
    return number
