"""Models whose cache the program does not know, and whose bytes per token in the cache the user states instead."""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import replace
from vramfit.errors import UsageError
from vramfit.model.architecture import Attention, Layers
from vramfit.model.counted import tensors
from vramfit.quantization.checkpoint import Checkpoint, keep, own_checkpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.model import Experts, FeedForward, Model

ELEMENT_BYTES = 2
"""Bytes of an element in a cache of stated size. With 16-bit elements its widths give exactly the stated bytes."""


def with_cache(model: Model, bytes_each: int, cache_type: str | None) -> Model:
    """Return the model with its token mixers replaced by ones that together cache ``bytes_each`` bytes for each token.

    Raises ``UsageError`` if the request states a cache type other than a 16-bit one, which would contradict the stated
    bytes, and for an odd number of bytes.
    """
    if cache_type not in (None, "f16", "bf16"):
        raise UsageError(
            f"kv_bytes_per_token states what a token takes, so {cache_type} can change nothing",
            "leave kv_cache_type out, and state the bytes that it makes",
        )
    if bytes_each % ELEMENT_BYTES:
        raise UsageError(
            f"kv_bytes_per_token: {bytes_each} is no whole number of 16-bit elements", "give an even number"
        )
    return _changed(model, bytes_each)


@per_model
def _changed(model: Model, bytes_each: int) -> Model:
    layers = max(model.layer_count, 1)
    each, more = divmod(bytes_each // ELEMENT_BYTES, layers)
    networks = {index: group.feed_forward for group in model.layers for index in group.indices}
    groups: dict[tuple[int, FeedForward | Experts | None], list[int]] = {}
    for index in range(layers):
        groups.setdefault((each + (index < more), networks.get(index)), []).append(index)
    # The whole width is stored as keys, because the division into keys and values does not change the bytes.
    changed = tuple(
        [
            Layers(tuple(same), (Attention("full", 1, 1, width, 0),) if width else (), network)
            for (width, network), same in groups.items()
        ]
    )
    origin = model.origin
    if origin is not None and tensors(model) and model.hidden:
        origin = replace(origin, gap=None)
    found = replace(model, layers=changed, origin=origin)
    tensors.remember(found, tensors(model))
    own = own_checkpoint(model)
    if own is not None:
        keep(Checkpoint(found, own.scheme, own.stored, own.source, own.idle_bytes))
    return found
