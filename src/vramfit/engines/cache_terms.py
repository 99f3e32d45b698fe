"""Terms of caches: layers x sequences x tokens x widths x bits, and the constant states of recurrent layers."""

from __future__ import annotations

from vramfit.engines.distributed import local_kv_heads
from vramfit.memory.kv_cache import ELEMENT_TYPES, caches

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vramfit.engines.terms import Ledger
    from vramfit.memory.kv_cache import Cache
    from vramfit.model import Model

KINDS = {
    "full": "full attention", "sliding": "sliding window", "chunked": "attention in chunks", "cross": "cross attention",
    "latent": "latent attention", "compressed": "compressed attention", "state": "recurrent states",
}  # fmt: skip
"""Kinds of caches in words."""


def cache_name(cache: Cache) -> str:
    """Name of a cache's term: ``KV cache, sliding window``."""
    return f"KV cache, {KINDS.get(cache.kind, cache.kind)}"


def bits_of(kind: str) -> float:
    """Bits of an element of a cache type, its block's scales included: 16 for ``f16``, 8.5 for ``q8_0``."""
    block, size = ELEMENT_TYPES[kind]
    return size * 8 // block if size * 8 % block == 0 else size * 8 / block


def add_cache(
    ledger: Ledger, device: str, name: str, cache: Cache, layers: int, sequences: int, size: int, source: str,
    tokens: int, bits: tuple[float, float], words: tuple[str, str] = ("sequences", "tokens"),
) -> None:  # fmt: skip
    """Add the term of a cache of ``layers`` layers that takes ``size`` bytes for all sequences, each of ``tokens`` tokens.

    ``bits`` are those of an element of K and of V. Where widths and tokens do not make the bytes (states, pages, compressed
    entries), the formula has one layer's bytes, or those of all together where layers differ. ``words`` are the names of the
    inputs for sequences and tokens.
    """
    if not size:
        return
    widths: dict[str, float] = {"key_width": cache.key_width, "key_bits": bits[0]}
    row, row_bits = "key_width × key_bits", cache.key_width * bits[0]
    if cache.value_width:
        widths |= {"value_width": cache.value_width, "value_bits": bits[1]}
        row, row_bits = f"{row} + value_width × value_bits", row_bits + cache.value_width * bits[1]
    if cache.index_width:
        index_bits = cache.index_bytes * 8 or bits[0]
        widths |= {"index_width": cache.index_width, "index_bits": index_bits}
        row, row_bits = f"{row} + index_width × index_bits", row_bits + cache.index_width * index_bits
    outer, note = {"layers": layers, words[0]: sequences}, KEPT.get(cache.kind, "")
    front = f"layers × {words[0]}"
    copies = layers * sequences
    if copies and size * 8 == copies * tokens * row_bits:
        formula = f"{front} × {words[1]} × ({row}) / 8"
        ledger.add("kv_cache", device, name, formula, size, source, note, **outer, **{words[1]: tokens}, **widths)
        return
    each, rest = divmod(size, copies) if copies else (0, size)
    if rest:
        ledger.add_sum("kv_cache", device, name, size, source, note or "of all layers", cache_bytes=size)
    elif cache.kind == "state":
        states = f"of one layer and sequence: {_states(cache)}"
        formula = f"{front} × state_bytes"
        ledger.add("kv_cache", device, name, formula, size, source, states, **outer, state_bytes=each)
    else:
        formula = f"{front} × layer_bytes"
        ledger.add("kv_cache", device, name, formula, size, source, note, **outer, layer_bytes=each)


KEPT = {
    "sliding": "a sliding layer keeps the tokens of its window", "chunked": "a layer keeps the tokens of its chunk",
    "latent": "a latent and a rotary key stand for the keys and values of all heads",
    "compressed": "a window of tokens, and an entry for each further group of tokens",
    "cross": "keys and values of what the encoder read, whatever the context",
}  # fmt: skip
"""Notes on what a kind of layer keeps."""


def _states(cache: Cache) -> str:
    parts = (("of the convolution", cache.convolution_elements), ("of the recurrence", cache.recurrent_elements))
    return ", ".join([f"{elements:,} elements {words}" for words, elements in parts if elements])


def equal_rows(
    model: Model, layers: tuple[int, int], ranks: int, token_bytes: float, bits: tuple[float, float]
) -> tuple[str, dict[str, float]] | None:
    """Formula of the bytes of a token in all layers from a first to before a last one on one of ``ranks`` ranks.

    It is for models whose layers have equal caches; None for others, and where it does not give ``token_bytes``.
    """
    found = caches(model)
    if len(found) != 1 or not found[0].key_width or found[0].index_width:
        return None
    (cache,) = found
    count = len([layer for layer in cache.layers if layers[0] <= layer < layers[1]])
    heads = max([mixer.widths.kv_heads for group in model.layers for mixer in group.mixers], default=0)
    key, value = cache.key_width, cache.value_width
    if ranks > 1 and heads > 1:
        local = local_kv_heads(heads, ranks)
        key, value = key * local // heads, value * local // heads
    inputs: dict[str, float] = {"layers": count, "key_width": key, "key_bits": bits[0]}
    row, total = "key_width × key_bits", key * bits[0]
    if value:
        inputs |= {"value_width": value, "value_bits": bits[1]}
        row, total = f"({row} + value_width × value_bits)", total + value * bits[1]
    return (f"layers × {row} / 8", inputs) if count * total == token_bytes * 8 else None
