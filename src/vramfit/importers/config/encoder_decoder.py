"""Layers of a model whose decoder attends to an encoder's output besides its own past.

The encoder keeps nothing. Each decoder layer keeps the keys and values of its own tokens, and those of the encoder's
output. That output has as many tokens as the encoder reads: a fixed number where it always reads the same (the thirty
seconds of Whisper), and otherwise the length of the input, which no configuration states.
"""

from __future__ import annotations

from vramfit._record import replace
from vramfit.importers.config import formulas
from vramfit.importers.config.feed_forward import network
from vramfit.importers.config.fields import first, number, whole
from vramfit.importers.config.heads import UnknownCache
from vramfit.importers.config.layers import grouped
from vramfit.model.architecture import Attention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vramfit.importers.config.section import Section
    from vramfit.model.architecture import Experts, FeedForward, Layers
    from vramfit.model.mixers import Mixer

ENCODER_TOKENS = {"whisper": "max_source_positions"}
"""Number of tokens that the encoder of a model type makes of any input (transformers 5.24.0 modelling files)."""
OPEN_LENGTH = "how many tokens its encoder reads depends on the input, which --encoder-tokens N states"
"""Reason why the caches of an encoder-decoder are not known by its configuration alone."""

HEADS = ("decoder_attention_heads", "num_decoder_attention_heads")
ENCODER_LAYERS = ("encoder_layers", "num_encoder_layers", "num_layers")
DECODER_LAYERS = ("decoder_layers", "num_decoder_layers", "num_layers")
"""Names of the numbers of heads and layers. T5 names the encoder's ``num_layers``, and the decoder has as many unless its
configuration says otherwise."""


def groups(section: Section) -> tuple[Layers, ...]:
    """Layers of the encoder, followed by those of the decoder.

    Raises:
        UnknownCache: The encoder and the decoder are not configured in the fields that encoder-decoders share.
        MissingField: A width is not stated.
    """
    encoder, decoder = first(section, ENCODER_LAYERS), first(section, DECODER_LAYERS)
    if not isinstance(encoder, int) or not isinstance(decoder, int) or not decoder:
        raise UnknownCache("its configuration does not state how many layers encoder and decoder have")
    if max(encoder, decoder) > formulas.MOST_LAYERS:
        raise ValueError("not numbers of layers")
    heads = first(section, HEADS) or number(section, "heads")
    dim = whole(section, "head_dim") or number(section, "hidden") // heads
    own = Attention("full", heads, whole(section, "kv_heads") or heads, dim, dim)
    cross = replace(own, kind="cross", encoder_tokens=_fixed_tokens(section))
    rows: list[tuple[tuple[Mixer, ...], FeedForward | Experts | None]] = [((), network(section, 0))] * encoder
    return grouped(rows + [((own, cross), network(section, 0))] * decoder)


def _fixed_tokens(section: Section) -> int | None:
    """Number of tokens that the encoder makes of any input; None if it depends on the input."""
    formula = ENCODER_TOKENS.get(section.model_type or "")
    tokens = None if formula is None else formulas.evaluate(formulas.parse(formula), section)
    if tokens is not None and not isinstance(tokens, int):
        raise ValueError(f"{formula} is not a number of tokens")
    return tokens


def has_open_length(layers: Iterable[Layers]) -> bool:
    """Return True if a layer attends to an encoder's output whose length the architecture leaves open."""
    mixers = [mixer for group in layers for mixer in group.mixers if isinstance(mixer, Attention)]
    return any(mixer.kind == "cross" and mixer.encoder_tokens is None for mixer in mixers)
