"""Token mixers of each layer of a language model by the fields of its configuration. Its caches follow from them.

The general rule covers latent attention and softmax attention in all its usual forms. Layers with a state of constant
size, and other departures from the rule, need a known model type; ``states`` has their table. If no rule answers, the
error names the field that stands in the way, and nothing is guessed.
"""

from __future__ import annotations

from vramfit.importers.config import states
from vramfit.importers.config.fields import first, number, whole
from vramfit.importers.config.formulas import MOST_LAYERS, MissingField
from vramfit.importers.config.heads import UnknownCache, attention
from vramfit.model.architecture import Layers
from vramfit.model.mixers import ShortConvolution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.config.section import Section
    from vramfit.model.architecture import Experts, FeedForward
    from vramfit.model.mixers import Mixer

NOTHING = ("mlp", "moe", "dummy", "none", "skip")
"""Words for kinds of layers without a token mixer (transformers 5.24.0 ``cache_utils.py``,
``get_layer_types_and_kwargs``)."""


KINDS = ("layer_types", "layers_block_type")
"""Fields that list the kinds of layers."""


def layer_count(section: Section) -> int:
    """Return the number of layers of the language model; raises ``MissingField`` if no field states it."""
    count = whole(section, "layers")
    if count is None:
        for field in ("layers_block_type", "hybrid_override_pattern"):
            value = section(field)
            if isinstance(value, list | str):
                count = len(value)
                break
    if count is None:
        raise MissingField("num_hidden_layers")
    if count > MOST_LAYERS:
        raise ValueError("num_hidden_layers is no number of layers")
    return count


def layer_words(section: Section, count: int) -> list[str]:
    """Return the kind of each layer in transformers' words."""
    stated = next((value for field in KINDS if isinstance(value := section(field), list | str)), None)
    if isinstance(stated, str):
        return [stated] * count  # a class all of whose layers are of one kind (Falcon-H1)
    if stated is not None:
        words = [str(word) for word in stated]
        if words != list(stated) or len(words) < count:
            raise UnknownCache("layer_types does not name each layer")
        return words[:count]
    return [_word(section, layer) for layer in range(count)]


def _word(section: Section, layer: int) -> str:
    """Return the kind of a layer by its window, for a configuration without a list of kinds."""
    if section("use_sliding_window", layer) is not False and section("sliding_window", layer) is not None:
        return "sliding_attention"
    return "chunked_attention" if section("attention_chunk_size", layer) is not None else "full_attention"


def mixers(section: Section, layer: int, word: str, count: int) -> tuple[Mixer, ...]:
    """Return the token mixers of a layer.

    Raises:
        MissingField: A width is not stated.
        UnknownCache: The layer is of a kind that no rule covers.
    """
    skipped = section("skip", layer)
    if _crosses(section, layer):
        return (attention(section, layer, "full_attention", cross=True),)
    if word in NOTHING or (isinstance(skipped, list) and "self_attn" in skipped):
        return ()
    special = states.mixers(section, layer, word)
    if special is not None:
        return special
    blocker = states.blocker(section)
    if blocker:
        raise UnknownCache(f"its configuration has {blocker}, and the type {section.model_type} is not known")
    shared = first(section, ("num_kv_shared_layers",), layer) or 0
    return (attention(section, layer, word, isinstance(shared, int) and layer >= count - shared),)


def _crosses(section: Section, layer: int) -> bool:
    """Return True if the layer attends to images alone (Llama 3.2 Vision)."""
    crossing = section("cross_attention_layers")
    return section.model_type == "mllama_text_model" and isinstance(crossing, list) and layer in crossing


def grouped(rows: list[tuple[tuple[Mixer, ...], FeedForward | Experts | None]]) -> tuple[Layers, ...]:
    """Group equal layers, ordered by the first layer of each group."""
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(repr(row), []).append(index)
    return tuple([Layers(tuple(indices), *rows[indices[0]]) for indices in groups.values()])


def short_convolution(section: Section, layer: int) -> ShortConvolution:
    """Return a gated short convolution (LFM2)."""
    return ShortConvolution(number(section, "convolution", layer))
