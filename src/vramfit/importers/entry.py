"""A model read from files as the entry of a catalogue: the fields that ``model.build`` makes the same model of.

It is the way back from ``Model`` to what people write, for models whose layers a pattern of words can express. What
an entry's architecture adds to it is for the caller, who knows the catalogue's.
"""

from __future__ import annotations

from vramfit._record import fields
from vramfit.errors import CannotTell
from vramfit.importers.gguf_layers import run_lengths
from vramfit.model.architecture import Attention, Experts, FeedForward
from vramfit.model.mixers import LatentAttention, LinearAttention, ShortConvolution, StateSpace
from vramfit.model.traits import Traits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vramfit.model import Layers, Model
    from vramfit.model.mixers import Mixer

DIMENSIONS = ("heads", "kv_heads", "head_dim", "value_dim")
STATES: tuple[tuple[type, str, str], ...] = (
    (LatentAttention, "mla", "mla"), (StateSpace, "mamba", "ssm"), (LinearAttention, "linear", "linear"),
)  # fmt: skip
"""Kinds of mixers, the words of a pattern for them, and the fields that hold their figures."""


def facts_of(model: Model) -> dict[str, Any]:
    """The fields of an entry without id, family, architecture and sources.

    Raises:
        CannotTell: its layers differ in ways that no entry can express.
    """
    groups = {index: group for group in model.layers for index in group.indices}
    layers = [groups[index] for index in range(len(groups))]
    facts: dict[str, Any] = {"layers": len(layers), "hidden": model.hidden, "vocab": model.vocab, "tied": model.tied}
    facts |= {"context": model.context, "dtype": model.dtype}
    facts["pattern"] = run_lengths([_word(group) for group in layers])
    for group in layers:
        for mixer in group.mixers:
            _note(facts, mixer)
    _networks(facts, layers)
    sharing = [any(isinstance(m, Attention) and m.shares_cache for m in group.mixers) for group in layers]
    if any(sharing):
        facts["shared_cache_layers"] = len(layers) - sharing.index(True)
    return facts


def traits_of(model: Model) -> dict[str, Any]:
    """The traits of a model that are not as usual, as plain data."""
    usual = Traits()
    stated = {name: getattr(model.traits, name) for name in fields(Traits)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in stated.items()
        if value != getattr(usual, name) and name != "extra"
    }


def _word(group: Layers) -> str:
    """The word of a layer pattern for a layer."""
    if not group.mixers:
        kind = "moe" if isinstance(group.feed_forward, Experts) else "mlp"
        return kind if group.feed_forward is not None else "none"
    return "+".join([_mixer_word(mixer) for mixer in group.mixers])


def _mixer_word(mixer: Mixer) -> str:
    if isinstance(mixer, Attention):
        return mixer.kind
    if isinstance(mixer, ShortConvolution):
        return "conv"
    word = next((word for kind, word, _ in STATES if isinstance(mixer, kind)), None)
    if word is None:
        raise _inexpressible("layers of a kind that only its own configuration describes")
    return word


def _note(facts: dict[str, Any], mixer: Mixer) -> None:
    """Put the figures of a mixer into the fields that hold them."""
    if isinstance(mixer, Attention):
        if mixer.indexer_dim or mixer.encoder_tokens:
            raise _inexpressible("an indexer or an encoder's cache beside plain attention")
        if mixer.window is not None:
            _once(facts, "window", mixer.window)
        own = {name: getattr(mixer, name) for name in DIMENSIONS}
        if all(facts.get(name) in (None, value) for name, value in own.items()):
            facts |= own
            return
        other = {name: value for name, value in own.items() if facts[name] != value}
        _once(facts, f"{mixer.kind}_attention", other | ({"value_is_key": True} if mixer.value_is_key else {}))
    elif isinstance(mixer, ShortConvolution):
        _once(facts, "conv_kernel", mixer.kernel)
    else:
        kind, _, field = next(row for row in STATES if isinstance(mixer, row[0]))
        stated = {name: getattr(mixer, name) for name in fields(kind)}
        if isinstance(mixer, LatentAttention):
            facts.setdefault("heads", stated.pop("heads"))
        _once(facts, field, {name: value for name, value in stated.items() if value})


def _networks(facts: dict[str, Any], layers: list[Layers]) -> None:
    """The feed-forward networks: dense ones of one width or of several, and one kind of experts."""
    widths = [group.feed_forward.width if isinstance(group.feed_forward, FeedForward) else 0 for group in layers]
    stated = sorted({width for width in widths if width})
    if stated:
        facts["ffn"] = stated[-1]
    if len(stated) > 1:
        facts["widths"] = run_lengths([str(width or stated[-1]) for width in widths])
    mixtures = [index for index, group in enumerate(layers) if isinstance(group.feed_forward, Experts)]
    for index in mixtures:
        experts = layers[index].feed_forward
        assert isinstance(experts, Experts)
        moe = {"experts": experts.count, "active": experts.active, "width": experts.width}
        more = {"shared_width": experts.shared_width, "latent": experts.latent, "dense_layers": mixtures[0]}
        _once(facts, "moe", moe | {name: value for name, value in more.items() if value})
    if mixtures and layers[mixtures[0]].mixers and mixtures != list(range(mixtures[0], len(layers))):
        step = mixtures[1] - mixtures[0] if len(mixtures) > 1 else len(layers)
        if mixtures != list(range(mixtures[0], len(layers), step)):
            raise _inexpressible("experts in layers of no regular order")
        facts["moe"] |= {"every": step}
        facts["moe"].pop("dense_layers", None)


def _once(facts: dict[str, Any], field: str, value: Any) -> None:
    """A field that all layers of a kind share."""
    if facts.setdefault(field, value) != value:
        raise _inexpressible(f"layers that differ in {field}")


def _inexpressible(what: str) -> CannotTell:
    return CannotTell(f"no entry can express the model: it has {what}", "give the file itself as --model")
