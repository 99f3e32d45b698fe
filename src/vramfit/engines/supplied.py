"""Facts that the user states and the program does not know: bytes per token in the cache, the length of an encoder's
input, a file's size, usable memory."""

from __future__ import annotations

from vramfit._memo import per_model
from vramfit._record import replace
from vramfit.errors import UsageError
from vramfit.model.architecture import Attention, Layers
from vramfit.model.counted import tensors
from vramfit.quantization import SCHEMES, find_scheme
from vramfit.quantization import bits_per_weight as bits_of
from vramfit.quantization.checkpoint import ADAPTER, TOWERS, Checkpoint, Stored, keep, own_checkpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.engines.base import Engine
    from vramfit.hardware import Gpu
    from vramfit.model import Experts, FeedForward, Model
    from vramfit.model.mixers import Mixer
    from vramfit.quantization import Scheme

PLATFORMS = ("linux", "windows", "macos")
BY_BITS = ("exl2", "exl3")
"""Families of schemes that are named by their bits per weight."""
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
    return _with_layers(model, changed)


@per_model
def with_encoder(model: Model, encoder_tokens: int) -> Model:
    """Return the encoder-decoder with cross-attention to ``encoder_tokens`` outputs of its encoder for each sequence.

    Raises ``UsageError`` if the model has no encoder, or one that always reads as much.
    """
    changed = tuple(
        [
            replace(group, mixers=tuple([_crossing(mixer, encoder_tokens) for mixer in group.mixers]))
            for group in model.layers
        ]
    )
    if changed == model.layers or model.sees:
        raise UsageError(
            f'"{model.id}" has no encoder whose input may be of any length', "leave encoder_tokens out for this model"
        )
    return _with_layers(model, changed)


def _crossing(mixer: Mixer, encoder_tokens: int) -> Mixer:
    """The mixer with the length of the encoder's output, if it attends to one of unknown length."""
    if isinstance(mixer, Attention) and mixer.kind == "cross" and mixer.encoder_tokens is None:
        return replace(mixer, encoder_tokens=encoder_tokens)
    return mixer


def _with_layers(model: Model, layers: tuple[Layers, ...]) -> Model:
    """Return the model with other layers, whose caches are known now, and with its own tensors as they are stored."""
    origin = model.origin
    if origin is not None and tensors(model) and model.hidden:
        origin = replace(origin, gap=None)
    found = replace(model, layers=layers, origin=origin)
    tensors.remember(found, tensors(model))
    own = own_checkpoint(model)
    if own is not None:
        keep(Checkpoint(found, own.scheme, own.stored, own.source, own.idle_bytes))
    return found


def offering(gpus: tuple[Gpu, ...], usable_bytes: int) -> tuple[Gpu, ...]:
    """The GPUs with what their owner says that a program can have of each, in bytes, whatever the platform."""
    return tuple([replace(gpu, usable_readings=dict.fromkeys(PLATFORMS, usable_bytes)) for gpu in gpus])


def sized(checkpoint: Checkpoint, file_bytes: int | None, bits_per_weight: float | None) -> Checkpoint:
    """The checkpoint with the tensors of its file scaled, so that the file weighs ``file_bytes``.

    Or, where no size is stated, so that its weights take ``bits_per_weight`` on average.
    """
    if file_bytes is None:
        own = bits_of([row for row in checkpoint.stored if row.tensor.part not in _beside(checkpoint)])
        file_bytes = round(checkpoint.file_bytes * (bits_per_weight or own) / own) if own else checkpoint.file_bytes
    return _scaled(checkpoint, file_bytes)


def _beside(checkpoint: Checkpoint) -> tuple[str, ...]:
    """Parts of a model that are in files beside the one of its weights."""
    return (*TOWERS, ADAPTER) if checkpoint.family == "gguf" else (ADAPTER,)


@per_model
def _scaled(checkpoint: Checkpoint, file_bytes: int) -> Checkpoint:
    ratio, beside = file_bytes / max(checkpoint.file_bytes, 1), _beside(checkpoint)
    stored = [
        row if row.tensor.part in beside else Stored(row.tensor, row.type, round(row.bytes_each * ratio), row.layers)
        for row in checkpoint.stored
    ]
    return Checkpoint(checkpoint.model, checkpoint.scheme, tuple(stored), family=checkpoint.family, scaled=ratio)


def nearest_scheme(runtime: Engine[Any, Any], model: Model, file_bytes: int | None, bits: float | None) -> Scheme:
    """The scheme of an engine whose file comes nearest to a size, or to a number of bits per weight.

    Families whose members are named by their bits (EXL) have one for each number.
    """
    for family in runtime.families:
        if bits is not None and family in BY_BITS:
            return find_scheme(f"{family}-{bits:g}")
    candidates = [scheme for scheme in SCHEMES.values() if scheme.family in runtime.families]

    def distance(scheme: Scheme) -> float:
        checkpoint = runtime.checkpoint(model, scheme)
        asked, own = (file_bytes, checkpoint.file_bytes) if file_bytes else (bits or 1, bits_of(checkpoint.stored))
        return max(asked / own, own / asked) if own else float("inf")

    return min(candidates, key=distance)
