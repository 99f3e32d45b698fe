"""What each layer of a language model mixes tokens with, by the fields of its configuration: what its caches follow from.

The general rule covers softmax attention in all its usual forms, and latent attention. Layers with a state of constant
size, and what departs from the rule, are of a known model type or of none: ``states`` has their table. A rule that does
not answer says which field stands in its way, and nothing is guessed.
"""

from __future__ import annotations

from vramfit.importers.config import formulas, states
from vramfit.importers.config.fields import first, number, whole
from vramfit.importers.config.formulas import MOST_LAYERS, MissingField
from vramfit.model.architecture import Attention, LatentAttention, Layers, ShortConvolution

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.config.section import Section
    from vramfit.model.architecture import Experts, FeedForward, Mixer

SLIDING = ("sliding_attention", "hybrid_sliding", "reference_sliding_attention", "sliding", "local", "swa")
FULL = ("full_attention", "hybrid", "full", "global", "indexed_attention", "minimax_m3_sparse")
CHUNKED = ("chunked_attention",)
NOTHING = ("mlp", "moe", "dummy", "none", "skip")
"""Words for kinds of layers (transformers 5.24.0 ``cache_utils.py``, ``get_layer_types_and_kwargs``)."""


KINDS = ("layer_types", "layers_block_type")
"""Fields that list the kinds of layers."""


class UnknownCache(Exception):
    """The caches of a configuration do not follow from a rule; ``reason`` says what stands in the way."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def layer_count(section: Section) -> int:
    """Layers of the language model."""
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
    """The kind of each layer in transformers' words."""
    stated = next((value for field in KINDS if isinstance(value := section(field), list)), None)
    if stated is not None:
        words = [str(word) for word in stated]
        if words != list(stated) or len(words) < count:
            raise UnknownCache("layer_types does not name each layer")
        return words[:count]
    return [_word(section, layer) for layer in range(count)]


def _word(section: Section, layer: int) -> str:
    """The kind of a layer where no list says it: by its window."""
    if section("use_sliding_window", layer) is not False and section("sliding_window", layer) is not None:
        return "sliding_attention"
    return "chunked_attention" if section("attention_chunk_size", layer) is not None else "full_attention"


def mixers(section: Section, layer: int, word: str, count: int) -> tuple[Mixer, ...]:
    """What a layer mixes tokens with.

    Raises:
        MissingField: a width is not stated.
        UnknownCache: the layer is of a kind no rule covers.
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
    """Whether the layer attends to images alone (Llama 3.2 Vision)."""
    crossing = section("cross_attention_layers")
    return section.model_type == "mllama_text_model" and isinstance(crossing, list) and layer in crossing


def attention(section: Section, layer: int, word: str, shares: bool = False, *, cross: bool = False) -> Mixer:
    """Softmax or latent attention by the general rule."""
    if word not in (*SLIDING, *FULL, *CHUNKED):
        raise UnknownCache(f"layer_types names {word!r}, a kind of layer that is not known")
    if section("kv_lora_rank", layer) is not None and section("qk_rope_head_dim", layer) is not None:
        return latent(section, layer, word)
    heads = number(section, "heads", layer)
    kv_heads = whole(section, "kv_heads", layer)
    head_dim = whole(section, "head_dim", layer)
    if head_dim is None:
        head_dim = number(section, "hidden", layer) // heads
    kind = "cross" if cross else "sliding" if word in SLIDING else "chunked" if word in CHUNKED else "full"
    window = None
    if kind in ("sliding", "chunked"):
        window = first(section, ("attention_chunk_size",) if kind == "chunked" else WINDOWS, layer)
        if not isinstance(window, int):
            raise MissingField("sliding_window" if kind == "sliding" else "attention_chunk_size")
    return Attention(
        kind=kind,
        heads=heads,
        kv_heads=heads if kv_heads is None else kv_heads,
        head_dim=head_dim,
        value_dim=whole(section, "value_dim", layer) or head_dim,
        window=window,
        shares_cache=shares,
        indexer_dim=_index_beside(section, layer, word),
    )


def _index_beside(section: Section, layer: int, word: str) -> int:
    """Width of an indexer's key that a layer keeps beside plain K and V; 0 without one."""
    if section.model_type not in states.INDEXED_BESIDE_KEYS or word != "minimax_m3_sparse":
        return 0
    width = section("index_head_dim", layer)
    if not isinstance(width, int):
        raise MissingField("index_head_dim")
    return width


INDEX_IN_FP32 = ("dots3_note_text",)
"""Types whose indexer keeps its keys in FP32."""
WINDOWS = ("sliding_window", "sliding_window_size", "attention_window_size", "window_size")


def sliding(section: Section, layer: int, kv_heads: str = "num_key_value_heads") -> Attention:
    """A sliding layer whose heads ``swa_`` fields state; ``kv_heads`` is a formula for those that are not stated."""
    heads = first(section, ("swa_num_attention_heads",), layer) or number(section, "heads", layer)
    own = first(section, ("swa_num_key_value_heads",), layer)
    if own is None:
        own = formulas.evaluate(formulas.parse(kv_heads), section, layer)
    dim = first(section, ("swa_head_dim",), layer) or number(section, "head_dim", layer)
    value_dim = first(section, ("swa_v_head_dim", "v_head_dim"), layer) or dim
    window = first(section, WINDOWS, layer)
    if not all(isinstance(value, int) for value in (heads, own, dim, value_dim, window)):
        raise MissingField("sliding_window")
    return Attention("sliding", heads, own, dim, value_dim, window)


def latent(section: Section, layer: int, word: str) -> Mixer:
    """Multi-head latent attention; a layer owns an indexer where ``indexer_types`` says so, or where nothing does."""
    window = first(section, WINDOWS, layer) if word in SLIDING else None
    owners = section("indexer_types")
    index = section("index_head_dim", layer)
    if isinstance(owners, list) and layer < len(owners) and owners[layer] != "full":
        index = None
    if word != "indexed_attention" and section("layer_types") is not None:
        index = None
    return LatentAttention(
        heads=number(section, "heads", layer),
        query_rank=first(section, ("q_lora_rank",), layer),
        kv_rank=number(section, "kv_rank", layer),
        nope_dim=whole(section, "nope_dim", layer) or 0,
        rope_dim=number(section, "rope_dim", layer),
        value_dim=whole(section, "value_dim", layer) or 0,
        indexer_dim=index if isinstance(index, int) else None,
        indexer_heads=first(section, ("index_n_heads",), layer) if index else None,
        indexer_bytes=4 if section.model_type in INDEX_IN_FP32 else 0,
        window=window if isinstance(window, int) else None,
    )


def grouped(rows: list[tuple[tuple[Mixer, ...], FeedForward | Experts | None]]) -> tuple[Layers, ...]:
    """Equal layers together, ordered by their first."""
    groups: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        groups.setdefault(repr(row), []).append(index)
    return tuple([Layers(tuple(indices), *rows[indices[0]]) for indices in groups.values()])


def short_convolution(section: Section, layer: int) -> ShortConvolution:
    """A gated short convolution (LFM2)."""
    return ShortConvolution(number(section, "convolution", layer))
