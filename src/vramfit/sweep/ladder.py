"""Schemes in which a model may be loaded, by measured quality."""

from __future__ import annotations

from vramfit.engines import engine
from vramfit.model import parameters
from vramfit.quantization import SCHEMES
from vramfit.quantization.quality import REFERENCE, quality, quality_rank, size_class

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Model
    from vramfit.quantization import Scheme

_ladders: dict[tuple[object, ...], tuple[Scheme, ...]] = {}
"""Ladders made so far, by all that they depend on: models of one class of sizes and one type share theirs."""


def ladder(model: Model, engine_name: str, labels: tuple[str, ...], sixteen_bit: bool) -> tuple[Scheme, ...]:
    """Schemes that an engine loads and whose quality label is one of ``labels``, best measured quality first.

    The scheme that the model was released in comes first, and more bits than it has gain nothing. For a 16-bit release
    that is the engine's 16-bit form, which ``sixteen_bit`` leaves in.
    """
    size = parameters(model)
    key = (engine_name, labels, sixteen_bit, size_class(size), model.dtype)
    known = _ladders.get(key)
    if known is None:
        known = _ladders[key] = _ladder(size, model.dtype, engine_name, labels, sixteen_bit)
    return known


def _ladder(size: int, dtype: str, engine_name: str, labels: tuple[str, ...], sixteen_bit: bool) -> tuple[Scheme, ...]:
    """Ladder of a model of that many parameters, released in that type."""
    families = engine(engine_name).families
    found = []
    released = False
    for scheme in SCHEMES.values():
        if scheme.family in families and scheme.id not in REFERENCE:
            label, _ = quality(scheme.id, size, dtype)
            released = released or label == "reference"
            if label in labels:
                found.append((quality_rank(scheme.id, size, dtype), scheme))
    ranked = [scheme for _, scheme in sorted(found, key=lambda pair: pair[0])]
    if sixteen_bit and not released:
        ranked.insert(0, SCHEMES[engine(engine_name).scheme_of_class["fp16"]])
    return tuple(ranked)
