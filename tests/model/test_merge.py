"""What a model shares with others laid under what it states itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.each import each
from vramfit.model.build import model_from_facts
from vramfit.model.merge import gaps, merge
from vramfit.model.traits import Architecture

ARCHITECTURES: dict[str, dict[str, Any]] = {
    "qwen3": {"model_types": ["qwen3", "qwen3_moe"], "gguf_names": ["qwen3", "qwen3moe"], "qk_norm": "head"},
    "opt": {"model_types": ["opt"], "positions": 2050},
    "plain": {},
}
TOWERS: dict[str, dict[str, Any]] = {"clip": {"class_token": True, "patch_bias": False}}
WHOLE: dict[str, Any] = {
    "id": "x", "name": "X", "family": "x", "architecture": "qwen3", "layers": 2, "hidden": 8, "ffn": 16, "heads": 2,
    "vocab": 10, "context": 100,
}  # fmt: skip


def merged(entry: dict[str, Any], family: dict[str, Any] | None = None) -> dict[str, Any]:
    """An entry merged with its family."""
    return merge(entry, family or {}, ARCHITECTURES, TOWERS)


def test_the_nearer_wins_and_mappings_are_merged_one_level_deep() -> None:
    family = {"architecture": "qwen3", "context": 10, "moe": {"experts": 8, "active": 2}, "traits": {"o_bias": True}}
    entry = {"context": 20, "moe": {"active": 4}, "traits": {"qk_norm": "projection"}}
    assert merged(entry, family) == {
        "architecture": "qwen3", "model_type": "qwen3", "gguf": "qwen3", "context": 20,
        "moe": {"experts": 8, "active": 4}, "traits": {"qk_norm": "projection", "o_bias": True},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "architecture"),
    [
        ({}, Architecture()),
        ({"architecture": "plain"}, Architecture("plain")),
        ({"architecture": "opt"}, Architecture("opt", "opt")),
        ({"architecture": "qwen3"}, Architecture("qwen3", "qwen3", "qwen3")),
        ({"architecture": "qwen3", "gguf": "qwen3moe"}, Architecture("qwen3", "qwen3", "qwen3moe")),
        ({"architecture": "qwen3", "gguf": None}, Architecture("qwen3", "qwen3")),
    ],
)
def test_names_of_an_architecture(entry: dict[str, Any], architecture: Architecture) -> None:
    """The usual one first, another where it is stated, and none where null is."""
    assert model_from_facts({"id": "x", "name": "X", "family": "x", **merged(entry)}).architecture == architecture


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ({"architecture": "gpt"}, "architecture: no such architecture: gpt"),
        ({"architecture": "qwen3", "gguf": "llama"}, "gguf: qwen3 does not go by the name llama"),
        ({"architecture": "opt", "model_type": "gpt"}, "model_type: opt does not go by the name gpt"),
        ({"vision": {"kind": "eye"}}, "vision.kind: no such tower: eye"),
        ({"vision": {"patch": 14}}, "vision.kind: no such tower: None"),
    ],
)
def test_names_that_do_not_exist(entry: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        merged(entry)


def test_a_tower_lies_under_what_is_stated_of_it() -> None:
    assert merged({"vision": {"kind": "clip", "patch_bias": True}})["vision"] == {
        "kind": "clip", "class_token": True, "patch_bias": True,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "faults"),
    [
        ({}, []),
        ({"components": [{"name": "vae"}], "layers": None}, []),
        ({"layers": None}, ["layers: missing"]),
        ({"layers": None, "audio": {"parameters": 5}}, []),
        ({"vision": {"kind": "clip"}}, ["vision.image_tokens: missing"]),
        ({"hidden": None, "vocab": None}, ["hidden: missing", "vocab: missing"]),
        ({"pattern": "sideways"}, ["pattern: no such kind of layer: sideways"]),
        ({"pattern": "2*(full"}, ["pattern: unbalanced ( in a layer pattern"]),
        (
            {"pattern": "sliding", "heads": None},
            ["window: missing, a layer is sliding", "heads: missing, a layer is sliding"],
        ),
        ({"pattern": "sliding", "window": 8, "heads": None, "sliding_attention": {"heads": 2}}, []),
        ({"pattern": "mla"}, ["mla: missing, a layer is mla"]),
        ({"pattern": "csa", "window": 4}, ["compressed: missing, a layer is csa", "head_dim: missing, a layer is csa"]),
        ({"kv_heads": 3}, ["kv_heads: 2 heads cannot share 3"]),
        ({"moe": {"experts": 2, "active": 1}}, ["moe.width: missing"]),
        ({"moe": {"experts": 2, "active": 3, "width": 4}}, ["moe.active: 3 exceeds experts (2)"]),
    ],
)
def test_gaps(changes: dict[str, Any], faults: list[str]) -> None:
    assert gaps({**WHOLE, **changes}) == faults


def test_the_catalogue_names_only_architectures_that_llama_cpp_has(document: dict[str, Any]) -> None:
    """``LLM_ARCH_NAMES`` of ggml-org/llama.cpp ``src/llama-arch.cpp`` at 00395eb2, and three names added since."""
    known = set(LLAMA_CPP.split())
    named = [(key, name) for key, one in document["architectures"].items() for name in one.get("gguf_names") or ()]
    for key, name in each(named):
        assert name in known, key


LLAMA_CPP = """
llama llama4 deci falcon grok gpt2 gptj gptneox mpt baichuan starcoder refact bert modern-bert nomic-bert nomic-bert-moe
neo-bert jina-bert-v2 jina-bert-v3 eurobert bloom stablelm qwen qwen2 qwen2moe qwen2vl qwen3 qwen3moe qwen3next qwen3vl
qwen3vlmoe qwen35 qwen35moe phi2 phi3 phimoe plamo plamo2 plamo3 codeshell orion internlm2 minicpm minicpm3 gemma gemma2
gemma3 gemma3n gemma4 gemma4-assistant gemma-embedding starcoder2 mamba mamba2 jamba falcon-h1 xverse command-r cohere2
cohere2moe dbrx olmo olmo2 olmoe openelm arctic deepseek deepseek2 deepseek2-ocr deepseek32 deepseek4 chatglm glm4 glm4moe
glm-dsa bitnet t5 t5encoder jais jais2 nemotron nemotron_h nemotron_h_moe exaone exaone4 exaone-moe rwkv6 rwkv6qwen2 rwkv7
arwkv7 granite granitemoe granitehybrid chameleon wavtokenizer-dec plm bailingmoe bailingmoe2 dots1 arcee afmoe laguna
ernie4_5 ernie4_5-moe hunyuan-moe hunyuan-dense hunyuan_vl hy_v3 smollm3 gpt-oss lfm2 lfm2moe dream smallthinker llada
llada-moe seed_oss grovemoe apertus minimax-m2 cogvlm rnd1 pangu-embedded mistral3 eagle3 dflash mistral4 paddleocr mimo2
step35 llama-embed maincoder kimi-linear talkie mellum kimi-k3 minimax-01 minimax-m3
"""
