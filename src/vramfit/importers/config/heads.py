"""Attention of one layer by the fields of a configuration: the general rule, sliding layers with heads of their own,
and MLA."""

from __future__ import annotations

from vramfit.importers.config import formulas
from vramfit.importers.config.fields import first, number, whole
from vramfit.importers.config.formulas import MissingField
from vramfit.model.architecture import Attention
from vramfit.model.mixers import LatentAttention

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.importers.config.section import Section
    from vramfit.model.mixers import Mixer

SLIDING = ("sliding_attention", "hybrid_sliding", "reference_sliding_attention", "sliding", "local", "swa")
FULL = ("full_attention", "hybrid", "full", "global", "indexed_attention", "minimax_m3_sparse")
CHUNKED = ("chunked_attention",)

INDEXED_BESIDE_KEYS = {
    "minimax_m3_vl_text": ("index_head_dim", ("minimax_m3_sparse",)),
    "qwen4_exp_text": ("indexer_head_dim", ("full_attention", "indexed_attention")),
}
"""Types whose sparse attention keeps an indexer's keys beside plain K and V: the field with their width, and the kinds of
layers that have them."""


class UnknownCache(Exception):
    """Error for a configuration whose caches do not follow from a rule; ``reason`` says what stands in the way."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def attention(section: Section, layer: int, word: str, shares: bool = False, *, cross: bool = False) -> Mixer:
    """Return softmax attention or latent attention by the general rule."""
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
    """Return the width of an indexer's key that a layer keeps beside plain K and V; 0 without an indexer."""
    field, words = INDEXED_BESIDE_KEYS.get(section.model_type or "", ("", ()))
    if word not in words:
        return 0
    width = section(field, layer)
    if not isinstance(width, int):
        raise MissingField(field)
    return width


INDEX_IN_FP32 = ("dots3_note_text",)
"""Types whose indexer keeps its keys in FP32."""
WINDOWS = ("sliding_window", "sliding_window_size", "attention_window_size", "window_size")


def sliding(section: Section, layer: int, kv_heads: str = "num_key_value_heads") -> Attention:
    """Return a sliding layer whose heads are stated in ``swa_`` fields.

    ``kv_heads`` is a formula for the number of key and value heads where no such field states it.
    """
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
    """Return multi-head latent attention. A layer owns an indexer if ``indexer_types`` says so, or if nothing does."""
    window = first(section, WINDOWS, layer) if word in SLIDING else None
    owners, sources = section("indexer_types"), section("kv_source_layers")
    nope, rope = whole(section, "nope_dim", layer) or 0, number(section, "rope_dim", layer)
    rotated = section("no_rope_layers")
    if isinstance(rotated, list) and layer < len(rotated) and not rotated[layer]:
        nope, rope = nope + rope, 0  # the layer has no rotary key (Mistral Large 4)
    index = section("index_head_dim", layer)
    if isinstance(owners, list) and layer < len(owners) and owners[layer] != "full":
        index = None
    if word != "indexed_attention" and section("layer_types") is not None:
        index = None
    return LatentAttention(
        heads=number(section, "heads", layer),
        query_rank=first(section, ("q_lora_rank",), layer),
        kv_rank=number(section, "kv_rank", layer),
        nope_dim=nope,
        rope_dim=rope,
        value_dim=whole(section, "value_dim", layer) or 0,
        indexer_dim=index if isinstance(index, int) else None,
        indexer_heads=first(section, ("index_n_heads",), layer) if index else None,
        indexer_bytes=4 if section.model_type in INDEX_IN_FP32 else 0,
        window=window if isinstance(window, int) else None,
        shares_cache=isinstance(sources, list) and layer < len(sources) and sources[layer] != layer,
    )
