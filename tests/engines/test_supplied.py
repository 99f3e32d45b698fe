"""Bytes a token takes, where a user states them."""

from __future__ import annotations

import pytest

from tests.samples import Catalogue, model
from vramfit._record import replace
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.supplied import with_cache
from vramfit.errors import CannotTell, UsageError
from vramfit.memory.kv_cache import caches
from vramfit.model import FeedForward, Model, tensors
from vramfit.model.architecture import Attention
from vramfit.model.origin import Origin
from vramfit.quantization import Checkpoint, find_scheme, own_checkpoint
from vramfit.quantization.checkpoint import keep


@pytest.mark.parametrize(
    ("bytes_each", "widths"),
    [
        # 32 layers: equal widths in 16 bits, what is left over in the first of them.
        (64, {1: 32}),
        (2 * 33, {2: 1, 1: 31}),
        (2 * 63, {2: 31, 1: 1}),
        (2 * 3, {1: 3, 0: 29}),
        (0, {0: 32}),
    ],
)
@pytest.mark.parametrize("cache_type", [None, "f16", "bf16"])
def test_layers_keep_what_was_stated(bytes_each: int, widths: dict[int, int], cache_type: str | None) -> None:
    """Whatever they kept by themselves, and their networks stay."""
    asked = model("llama-2-7b")
    found = with_cache(asked, bytes_each, cache_type)
    caches = [[mixer.cache((0,), found.hidden) for mixer in group.mixers] for group in found.layers]

    assert {
        sum(cache.key_width + cache.value_width for cache in each if cache): len(group.indices)
        for each, group in zip(caches, found.layers, strict=True)
    } == widths
    assert {group.feed_forward for group in found.layers} == {FeedForward(11008)}
    assert sorted(index for group in found.layers for index in group.indices) == list(range(32))
    assert tensors(found) is tensors(asked)


@pytest.mark.parametrize(
    ("message", "bytes_each", "cache_type"),
    [
        ("states what a token takes, so q8_0 can change nothing", 64, "q8_0"),
        ("states what a token takes, so f32 can change nothing", 64, "f32"),
        ("63 is no whole number of 16-bit elements", 63, None),
    ],
)
def test_refusals(message: str, bytes_each: int, cache_type: str | None) -> None:
    with pytest.raises(UsageError, match=message):
        with_cache(model("llama-2-7b"), bytes_each, cache_type)


@pytest.mark.parametrize(("hidden", "gap"), [(4096, None), (0, "no width")])
def test_what_was_left_open_is_known_now(hidden: int, gap: str | None) -> None:
    """Where all else is; the file that it was read from stays its own."""
    read = replace(model("llama-2-7b"), hidden=hidden, origin=Origin("gguf", "disk", gap="no width"))
    keep(Checkpoint(read, find_scheme("Q8_0"), (), "a.gguf", 7))
    found = with_cache(read, 64, None)
    own = own_checkpoint(found)

    assert found.origin == Origin("gguf", "disk", gap=gap)
    assert own is not None
    assert (own.model, own.scheme.id, own.stored, own.source, own.idle_bytes) == (found, "Q8_0", (), "a.gguf", 7)


class Crossing(Catalogue):
    """Catalogue whose models attend to an encoder of text too, whose input may be of any length."""

    def model(self, name: str) -> Model:
        made = super().model(name)
        crossing = Attention("cross", 32, 32, 128, 128)
        return replace(made, layers=tuple([replace(group, mixers=(*group.mixers, crossing)) for group in made.layers]))


def test_engines_with_encoders_of_text() -> None:
    """Where the length of the encoder's input is stated, it is known of transformers alone how it runs."""
    request = {"gpu": "rtx4090", "model": "llama-2-7b", "quant": "bf16", "encoder_tokens": 512}
    (found,) = resolve(parse_request({**request, "engine": "transformers"}), Crossing())
    assert {cache.encoder_tokens for cache in caches(found.model)} == {None, 512}
    for name in ("vllm", "sglang"):
        with pytest.raises(CannotTell, match="the memory of encoder-decoders on"):
            resolve(parse_request({**request, "engine": name}), Crossing())
