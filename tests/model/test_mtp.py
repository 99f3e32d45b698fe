"""Prediction heads: the tensors that they add to a model, counted against what was published."""

from __future__ import annotations

import pytest

from tests.catalogued import catalogue
from vramfit.model import active_parameters, parameters, tensors
from vramfit.model.mixers import CompressedAttention
from vramfit.model.mtp import prediction_head

PUBLISHED = {
    # Parameters of the published checkpoint (Hugging Face safetensors totals) less those of the model without its head,
    # and what of them is buffers: selection biases of the router, and FP8 scales (DeepSeek).
    "qwen3.5-27b": (27_781_427_952, 0),
    "qwen3.5-35b-a3b": (35_951_822_704, 0),
    "qwen3.5-122b-a10b": (125_086_497_008, 0),
    "qwen3.5-397b-a17b": (403_397_928_944, 0),
    "qwen3.8-27b": (27_781_427_952, 0),
    "glm-4.5": (358_337_791_296, 14_400),
    "glm-4.6": (356_785_898_816, 14_400),
    "glm-4.7": (358_337_791_296, 14_400),
    "glm-4.7-flash": (31_221_488_576, 3_008),
    "glm-5": (753_864_139_008, 19_456),
    "hy3-295b": (298_786_155_776, 15_360),
    "deepseek-v3": (684_531_386_000, 41_555_600),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_are_the_published_ones(name: str) -> None:
    """Model and head together have every parameter of the checkpoint, and nothing else."""
    model = catalogue().model(name)
    total, buffers = PUBLISHED[name]
    head = prediction_head(model)
    assert head is not None

    assert total - buffers == parameters(model) + parameters(head)


def test_the_tensors_of_a_head() -> None:
    """A block like the last layer's, the projection of two vectors, and three norms; no embedding, no output head."""
    head = prediction_head(catalogue().model("qwen3.8-27b"))
    assert head is not None
    assert {
        "attn_norm.weight": (5120,), "post_attention_norm.weight": (5120,), "attn_q.weight": (5120, 12288),
        "attn_k.weight": (5120, 1024), "attn_v.weight": (5120, 1024), "attn_q_norm.weight": (256,),
        "attn_k_norm.weight": (256,), "attn_output.weight": (6144, 5120), "ffn_gate.weight": (5120, 17408),
        "ffn_up.weight": (5120, 17408), "ffn_down.weight": (17408, 5120), "nextn.eh_proj.weight": (10240, 5120),
        "nextn.enorm.weight": (5120,), "nextn.hnorm.weight": (5120,), "nextn.shared_head_norm.weight": (5120,),
    } == {row.name: row.shape for row in tensors(head)}  # fmt: skip
    assert {(0,)} == {row.layers for row in tensors(head)}
    assert (1, 248320, "qwen3.8-27b-mtp") == (head.layer_count, head.vocab, head.id)


def test_copies_of_embedding_and_head() -> None:
    head = prediction_head(catalogue().model("glm-4.5"))
    assert head is not None
    rows = {row.name: row.shape for row in tensors(head)}
    assert (5120, 151552) == rows["nextn.embed_tokens.weight"] == rows["nextn.shared_head_head.weight"]


def test_a_token_passes_few_experts_of_a_head() -> None:
    head = prediction_head(catalogue().model("qwen3.5-35b-a3b"))
    assert head is not None
    assert (844_640_768, 64_500_224) == (parameters(head), active_parameters(head))


@pytest.mark.parametrize("name", ["deepseek-v4-flash", "deepseek-v4-pro"])
def test_a_head_behind_compressed_attention_attends_to_a_window_alone(name: str) -> None:
    """Source: vLLM 0.33.0 ``models/deepseek_v4/attention.py``, which has no rate of compression behind the last layer."""
    model = catalogue().model(name)
    last = max(model.layers, key=lambda group: group.indices[-1])
    head = prediction_head(model)
    assert head is not None
    ((mine,), (theirs,)) = (head.layers[0].mixers, last.mixers)
    assert isinstance(mine, CompressedAttention)
    assert isinstance(theirs, CompressedAttention)
    assert (4, 128) == (theirs.ratio, theirs.indexer_dim)
    assert (0, None, None, 128) == (mine.ratio, mine.indexer_dim, mine.indexer_heads, mine.window)
    assert head.layers[0].feed_forward == last.feed_forward


def test_a_model_without_a_head() -> None:
    assert prediction_head(catalogue().model("llama-3.1-8b")) is None
