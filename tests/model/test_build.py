"""From merged entries to records: layer groups, windows, shared caches, heads by kind."""

from __future__ import annotations

import subprocess
import sys
import timeit
from pathlib import Path
from typing import Any

import pytest

import vramfit
from tests.each import each
from vramfit.model import (
    Attention,
    Experts,
    FeedForward,
    LatentAttention,
    Model,
    model_from_facts,
    nominal_billions,
    tensors,
)
from vramfit.model.mixers import CompressedAttention, LinearAttention, ShortConvolution, StateSpace


def kinds(model: Model) -> dict[str, int]:
    """How many layers have which kinds of mixers."""
    result: dict[str, int] = {}
    for group in model.layers:
        name = "+".join(mixer.kind for mixer in group.mixers) or "none"
        result[name] = result.get(name, 0) + len(group.indices)
    return result


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("gemma-3-27b", {"sliding": 52, "full": 10}),
        ("gemma-3-4b", {"sliding": 29, "full": 5}),
        ("gpt-oss-20b", {"sliding": 12, "full": 12}),
        ("command-r7b", {"sliding": 24, "full": 8}),
        ("llama-4-scout", {"chunked": 36, "full": 12}),
        ("llama-3.2-11b-vision", {"full": 32, "cross": 8}),
        ("qwen3-next-80b-a3b", {"gated_delta_net": 36, "full": 12}),
        ("kimi-linear-48b-a3b", {"kda": 20, "latent": 7}),
        ("minimax-text-01", {"lightning": 70, "full": 10}),
        ("jamba-v0.1", {"mamba1": 28, "full": 4}),
        ("nemotron-nano-9b-v2", {"mamba2": 27, "none": 25, "full": 4}),
        ("granite-4.0-h-small", {"mamba2": 36, "full": 4}),
        ("falcon-h1-7b", {"full+mamba2": 44}),
        ("lfm2-1.2b", {"convolution": 10, "full": 6}),
        ("zamba2-2.7b", {"mamba2": 45, "mamba2+full": 9}),
        ("nemotron-super-49b", {"full": 49, "none": 31}),
        ("deepseek-r1", {"latent": 61}),
        ("whisper-base", {"full+cross": 6}),
        ("bge-m3", {"encoder": 24}),
        ("kimi-k3", {"kda": 69, "latent": 24}),
        ("deepseek-v4-flash", {"compressed": 43}),
        ("step-3.5-flash", {"full": 12, "sliding": 33}),
        ("mistral-7b", {"full": 32}),
        ("mistral-7b-v0.1", {"sliding": 32}),
    ],
)
def test_layers_by_kind(models: dict[str, Model], key: str, expected: dict[str, int]) -> None:
    assert expected == kinds(models[key])


def test_groups_cover_every_layer_once(models: dict[str, Model], facts: dict[str, dict[str, Any]]) -> None:
    for key, model in each(models.items()):
        indices = sorted(index for group in model.layers for index in group.indices)
        stated = len(indices) if facts[key].get("config") else facts[key].get("layers", 0)
        assert indices == list(range(stated)), key
        assert model.layer_count == len(indices)


def test_groups_are_of_equal_layers_and_differ(models: dict[str, Model]) -> None:
    for key, model in each(models.items()):
        records = [(group.mixers, group.feed_forward) for group in model.layers]
        assert len(records) == len(set(records)), key


def test_gemma_3_ends_in_sliding_layers(models: dict[str, Model]) -> None:
    sliding = next(group for group in models["gemma-3-27b"].layers if group.mixers[0].window == 1024)  # type: ignore[union-attr]

    assert sliding.indices[-2:] == (60, 61)


def test_mistral_nemo_heads_are_narrower_than_its_width(models: dict[str, Model]) -> None:
    mixer = models["mistral-nemo-12b"].layers[0].mixers[0]

    assert mixer == Attention("full", heads=32, kv_heads=8, head_dim=128, value_dim=128)


def test_gemma_4_full_layers_have_wider_and_fewer_heads(models: dict[str, Model]) -> None:
    mixers = {
        mixer.kind: mixer for g in models["gemma-4-31b"].layers for mixer in g.mixers if isinstance(mixer, Attention)
    }

    assert mixers["full"] == Attention("full", 32, 4, 512, 512, None, False, True)
    assert mixers["sliding"] == Attention("sliding", 32, 16, 256, 256, 1024)


def test_last_layers_of_gemma_4_e2b_read_another_cache(models: dict[str, Model]) -> None:
    sharing = [
        index
        for group in models["gemma-4-e2b"].layers
        for index in group.indices
        if isinstance(group.mixers[0], Attention) and group.mixers[0].shares_cache
    ]

    assert sorted(sharing) == list(range(15, 35))


def test_mimo_has_more_heads_in_sliding_layers_and_narrower_values(models: dict[str, Model]) -> None:
    mixers = {
        mixer.kind: mixer for g in models["mimo-v2-flash"].layers for mixer in g.mixers if isinstance(mixer, Attention)
    }

    assert (mixers["sliding"].kv_heads, mixers["full"].kv_heads) == (8, 4)
    assert (mixers["full"].head_dim, mixers["full"].value_dim, mixers["sliding"].window) == (192, 128, 129)


def test_glm_5_2_has_an_indexer_in_every_fourth_layer_behind_the_first_three(models: dict[str, Model]) -> None:
    own = [
        index
        for group in models["glm-5.2"].layers
        for index in group.indices
        if isinstance(group.mixers[0], LatentAttention) and group.mixers[0].indexer_dim
    ]

    assert sorted(own) == [0, 1, 2, *range(6, 78, 4)]


def test_deepseek_v4_layers_compress_by_kind(models: dict[str, Model]) -> None:
    groups = models["deepseek-v4-flash"].layers
    mixers = [(group, mixer) for group in groups for mixer in group.mixers if isinstance(mixer, CompressedAttention)]
    layers = {ratio: sum(len(group.indices) for group, m in mixers if m.ratio == ratio) for ratio in (0, 4, 128)}

    assert layers == {0: 2, 4: 21, 128: 20}
    assert {(mixer.ratio, mixer.indexer_dim) for _, mixer in mixers} == {(0, None), (4, 128), (128, None)}


def test_deepseek_v4_picks_the_experts_of_three_layers_by_the_token(models: dict[str, Model]) -> None:
    """By a table of six experts for each of 129,280 tokens (deepseek-ai/DeepSeek-V4-Flash: num_hash_layers)."""
    by_token = [
        (group.indices, group.feed_forward.token_rows)
        for group in models["deepseek-v4-flash"].layers
        if isinstance(group.feed_forward, Experts) and group.feed_forward.token_rows
    ]
    own = {tensor.name: tensor for tensor in tensors(models["deepseek-v4-flash"])}

    assert by_token == [((0, 1), 129280), ((2,), 129280)]
    table, bias = own["ffn_gate_tid2eid.weight"], own["exp_probs_b.bias"]
    assert (table.shape, table.layers, table.buffer) == ((6, 129280), (0, 1, 2), True)
    assert bias.layers == tuple(range(3, 43))


def test_minimax_m3_keeps_the_keys_of_indexers_beside_its_own(models: dict[str, Model]) -> None:
    """57 of 60 layers, a key of 128 each: 14,592 bytes a token (MiniMaxAI/MiniMax-M3: sparse_attention_config)."""
    attention = [(group.indices, mixer) for group in models["minimax-m3"].layers for mixer in group.mixers]

    assert [(indices, m.indexer_dim, m.indexer_heads) for indices, m in attention if isinstance(m, Attention)] == [
        ((0, 1, 2), 0, 0),
        (tuple(range(3, 60)), 128, 4),
    ]


def test_where_the_experts_are(models: dict[str, Model]) -> None:
    def routed(key: str) -> list[int]:
        groups = (g for g in models[key].layers if isinstance(g.feed_forward, Experts))
        return sorted(index for group in groups for index in group.indices)

    assert routed("deepseek-r1") == list(range(3, 61))
    assert routed("llama-4-maverick") == list(range(1, 48, 2))
    assert routed("jamba-v0.1") == list(range(1, 32, 2))
    assert routed("mixtral-8x7b") == list(range(32))
    assert routed("llama-3.1-8b") == []


def test_nemotron_super_feed_forward_widths_vary(models: dict[str, Model]) -> None:
    widths = {
        g.feed_forward.width for g in models["nemotron-super-49b"].layers if isinstance(g.feed_forward, FeedForward)
    }

    assert widths == {2816, 5632, 7168, 14336, 17920, 28672}


def test_states_have_their_sizes(models: dict[str, Model]) -> None:
    mamba = models["mamba2-2.7b"].layers[0].mixers[0]
    delta = models["qwen3-next-80b-a3b"].layers[0].mixers[0]
    conv = models["lfm2-1.2b"].layers[0].mixers[0]

    assert mamba == StateSpace("mamba2", inner=5120, state=128, conv=4, groups=1, heads=80)
    assert delta == LinearAttention("gated_delta_net", 16, 32, 128, 128, 4)
    assert conv == ShortConvolution(3)


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("LLaVA 1.6 13B", 13),
        ("Qwen3 30B-A3B", 30),
        ("SmolLM2 135M", 0.135),
        ("Kimi K2 1T-A32B", 1000),
        ("Qwen2.5 0.5B", 0.5),
        ("Mixtral 8x7B", None),
        ("Gemma 3n E2B", None),
        ("DeepSeek V4 Pro", None),
        ("Command R+ 104B", 104),
        ("Mistral Small 3.1 24B (2503)", 24),
    ],
)
def test_billions_as_the_name_states_them(name: str, billions: float | None) -> None:
    assert billions == nominal_billions(name)


def test_named_size_is_near_the_counted_one(models: dict[str, Model]) -> None:
    """A display name states the size of the model, not of its active part; that of a pipeline means its denoiser."""
    for key, model in each(models.items()):
        counted = sum(tensor.parameters for tensor in tensors(model)) / 1e9
        if model.nominal_billions is not None and not model.components:
            assert 0.55 < model.nominal_billions / counted < 1.5, (key, model.nominal_billions, counted)


@pytest.mark.parametrize(("key", "milliseconds"), [("llava-1.6-13b", 0.5), ("deepseek-r1", 1.0)])
def test_one_model_is_quick_to_build(facts: dict[str, dict[str, Any]], key: str, milliseconds: float) -> None:
    """The start-up budget of docs/architecture.md leaves this much; the best of many runs is free of other load."""
    best = min(timeit.repeat(lambda: tensors(model_from_facts(facts[key])), number=1, repeat=200))

    assert best * 1000 < milliseconds


def test_nothing_heavy_is_imported() -> None:
    heavy = ["typing", "re", "json", "enum", "dataclasses", "inspect", "pathlib", "functools", "yaml", "pydantic"]
    source = str(Path(vramfit.__file__).parents[1])
    script = f"""
import sys
sys.path.insert(0, {source!r})
import vramfit.model
print([name for name in {heavy!r} if name in sys.modules])
"""

    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
