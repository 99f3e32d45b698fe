"""Layers of a model whose decoder attends to an encoder's output besides its own past.

The encoder keeps nothing. Each decoder layer keeps its own tokens' keys and values, and those of the encoder's output,
which are as many as the encoder reads: fixed where it always reads the same (Whisper's thirty seconds), and otherwise
the length of the input, which no configuration states.
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
    from vramfit.importers.config.section import Section
    from vramfit.model.architecture import Experts, FeedForward, Layers
    from vramfit.model.mixers import Mixer

ENCODER_TOKENS = {"whisper": "max_source_positions"}
"""What the encoder of a model type always makes of its input, tokens (transformers 5.24.0 modelling files)."""


def groups(section: Section) -> tuple[Layers, ...]:
    """The layers of the encoder and then of the decoder.

    Raises:
        UnknownCache: how much the encoder reads depends on the input.
        MissingField: a width is not stated.
    """
    formula = ENCODER_TOKENS.get(section.model_type or "")
    if formula is None:
        raise UnknownCache("how many tokens its encoder reads depends on the input")
    tokens = formulas.evaluate(formulas.parse(formula), section)
    if not isinstance(tokens, int):
        raise UnknownCache("how many tokens its encoder reads is not stated")
    heads = number(section, "heads")
    heads = first(section, ("decoder_attention_heads",)) or heads
    dim = whole(section, "head_dim") or number(section, "hidden") // heads
    own = Attention("full", heads, whole(section, "kv_heads") or heads, dim, dim)
    cross = replace(own, kind="cross", encoder_tokens=tokens)
    encoder = first(section, ("encoder_layers", "num_layers", "num_hidden_layers")) or 0
    decoder = first(section, ("decoder_layers", "num_decoder_layers", "num_layers")) or 0
    if not all(isinstance(count, int) and count <= formulas.MOST_LAYERS for count in (encoder, decoder)):
        raise ValueError("not numbers of layers")
    rows: list[tuple[tuple[Mixer, ...], FeedForward | Experts | None]] = [((), network(section, 0))] * encoder
    return grouped(rows + [((own, cross), network(section, 0))] * decoder)
