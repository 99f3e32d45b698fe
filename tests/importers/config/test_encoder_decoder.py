"""Encoder-decoders: what each layer keeps, and what is open until the user states how much the encoder reads.

``truth/classes.json`` has the caches that transformers 5.24.0 made of 12 tokens in the encoder; its audio encoders made 49
and 16 of their input.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vramfit.engines.supplied import with_encoder
from vramfit.engines.transformers.estimate import cache_bytes
from vramfit.importers.config.encoder_decoder import OPEN_LENGTH
from vramfit.importers.config.model import read_config
from vramfit.memory.kv_cache import caches
from vramfit.model.architecture import Attention, FeedForward, Layers

TRUTH = Path(__file__).parent / "truth" / "classes.json"
ENCODED_TOKENS = {"speecht5": 49, "speech_to_text": 16}
USUAL_ENCODED_TOKENS = 12
LEAST_MEASURED = 18

T5: dict[str, Any] = {
    "architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "is_encoder_decoder": True, "d_model": 1024,
    "d_kv": 64, "d_ff": 2816, "num_layers": 24, "num_decoder_layers": 24, "num_heads": 16, "vocab_size": 32128,
    "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "n_positions": 512,
}  # fmt: skip
"""google/flan-t5-large, whose file of weights has 783,150,080 parameters."""


def attention(kind: str, heads: int, dim: int, encoder_tokens: int | None = None) -> Attention:
    return Attention(kind, heads, heads, dim, dim, encoder_tokens=encoder_tokens)


def parameters(config: dict[str, Any]) -> int:
    found = read_config(config, "it", "It")
    assert found.tensors is not None, found.tensors_reason
    return sum(tensor.parameters for tensor in found.tensors)


def test_caches_are_exact_for_a_stated_length() -> None:
    measured = []
    for row in json.loads(TRUTH.read_text(encoding="utf-8"))["rows"]:
        found = read_config(row["config"], "it", "It")
        if row["cache"] and found.caches_reason == OPEN_LENGTH:
            tokens, expected = row["cache"]
            encoded = ENCODED_TOKENS.get(row["type"], USUAL_ENCODED_TOKENS)
            kept = caches(with_encoder(found.model, encoded))
            sizes = [
                cache_bytes(one, tokens, one.encoder_tokens or 0, "bf16", "bf16") * len(one.layers) for one in kept
            ]
            measured.append((row["type"], sum(sizes), expected))
    assert [one for one in measured if one[1] != one[2]] == []
    assert len(measured) >= LEAST_MEASURED


@pytest.mark.parametrize(
    ("config", "encoder", "decoder", "cross"),
    [
        (T5, range(24), range(24, 48), attention("cross", 16, 64)),
        ({**T5, "num_decoder_layers": 8}, range(24), range(24, 32), attention("cross", 16, 64)),
        ({**T5, "num_decoder_layers": None}, range(24), range(24, 48), attention("cross", 16, 64)),
        (
            {
                "model_type": "whisper", "is_encoder_decoder": True, "d_model": 512, "encoder_layers": 6,
                "decoder_layers": 4, "decoder_attention_heads": 8, "encoder_attention_heads": 8,
                "max_source_positions": 1500, "decoder_ffn_dim": 2816,
            },
            range(6), range(6, 10), attention("cross", 8, 64, 1500),
        ),
    ],
    ids=["t5", "t5, shorter decoder", "t5, decoder of the encoder's length", "whisper"],
)  # fmt: skip
def test_layers_of_encoder_and_decoder(
    config: dict[str, Any], encoder: range, decoder: range, cross: Attention
) -> None:
    """Layers of the encoder keep nothing; those of the decoder keep their own tokens and the encoder's output."""
    own = attention("full", cross.heads, cross.head_dim)
    found = read_config(config, "it", "It").model
    assert [(group.indices, group.mixers) for group in found.layers] == [
        (tuple(encoder), ()),
        (tuple(decoder), (own, cross)),
    ]


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (T5, OPEN_LENGTH),
        ({**T5, "num_layers": 0, "num_decoder_layers": 0}, "does not state how many layers"),
        (
            {"model_type": "moonshine", "architectures": ["MoonshineForConditionalGeneration"]},
            "does not state how many",
        ),
        (
            {"model_type": "t5gemma", "architectures": ["T5GemmaForConditionalGeneration"]},
            "configurations of their own",
        ),
        ({**T5, "num_layers": 1 << 20}, "does not make sense"),
    ],
)
def test_open_caches(config: dict[str, Any], reason: str) -> None:
    assert reason in (read_config(config, "it", "It").caches_reason or "")


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 783_150_080),
        ({"tie_word_embeddings": True}, 783_150_080 - 32128 * 1024),
        ({"is_gated_act": True}, 783_150_080),
        ({"feed_forward_proj": "relu"}, 783_150_080 - 48 * 1024 * 2816),
    ],
)
def test_t5_by_its_activation_and_its_head(changes: dict[str, Any], count: int) -> None:
    """The class works the gates out of ``feed_forward_proj``; a head that is stored apart is not tied when it loads."""
    assert parameters({**T5, **changes}) == count


def test_a_group_keeps_its_network() -> None:
    found = with_encoder(read_config(T5, "it", "It").model, 300)
    gated = FeedForward(2816)
    own, cross = attention("full", 16, 64), attention("cross", 16, 64, 300)
    assert found.layers == (
        Layers(tuple(range(24)), (), gated),
        Layers(tuple(range(24, 48)), (own, cross), gated),
    )
