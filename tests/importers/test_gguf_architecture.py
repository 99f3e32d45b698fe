"""From a GGUF's metadata and tensors to the model they describe."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.importers.gguf_of_model import header_of
from vramfit._record import replace
from vramfit.errors import InputError
from vramfit.importers.gguf_architecture import file_type_label, gguf_facts
from vramfit.importers.gguf_layers import run_lengths
from vramfit.importers.gguf_rules import KNOWN, UNMODELLED, WINDOWS, WITHOUT_CACHE
from vramfit.importers.header import FileTensor, Header, HeaderFile
from vramfit.model import model_from_facts, tensors
from vramfit.model.pattern import expand
from vramfit.sources import open_catalogue

ROUND_TRIPS = {
    "llama-3.1-8b": "llama", "mixtral-8x7b": "llama", "qwen2.5-7b": "qwen2", "qwen3-4b": "qwen3", "qwen3-30b-a3b": "qwen3moe",
    "qwen3-next-80b-a3b": "qwen3next", "qwen3.5-9b": "qwen35", "gemma-2-9b": "gemma2", "gemma-3-4b": "gemma3",
    "gemma-3n-e4b": "gemma3n", "gemma-4-26b-a4b": "gemma4", "gemma-4-e2b": "gemma4", "phi-4": "phi3",
    "deepseek-r1": "deepseek2", "deepseek-v3.2": "deepseek32", "deepseek-v4-flash": "deepseek4", "gpt-oss-20b": "gpt-oss",
    "kimi-k3": "kimi-k3", "minimax-text-01": "minimax-01", "falcon-h1-0.5b": "falcon-h1", "jamba2-3b": "jamba",
    "bge-m3": "bert", "bge-reranker-base": "bert", "apertus-8b": "apertus", "molmo2-8b": "qwen3",
}  # fmt: skip
"""Models of the catalogue, one or two of each way to write a block, and what llama.cpp calls their architecture."""


@pytest.mark.parametrize("name", ROUND_TRIPS)
def test_a_file_describes_its_model(name: str) -> None:
    """Layers, heads, caches, experts and every tensor: what the file says is what the catalogue says."""
    model = open_catalogue().model(name)
    read = gguf_facts(header_of(model, ROUND_TRIPS[name]))
    facts = {key: value for key, value in read.facts.items() if key != "gguf"}
    built = model_from_facts({"id": "x", "name": model.name} | facts)
    assert built.layers == model.layers
    assert (built.hidden, built.vocab, built.context) == (model.hidden, model.vocab, model.context)
    own = sorted([(t.name, t.shape, t.layers, t.buffer) for t in tensors(model) if t.part == "text"])
    assert sorted([(t.name, t.shape, t.layers, t.buffer) for t in tensors(built)]) == own
    assert read.gaps == ()
    assert read.notes == ()


def header(
    keys: dict[str, object], names: dict[str, tuple[int, ...]] | None = None, architecture: str = "llama"
) -> Header:
    """A header of two layers of attention unless other tensors are given."""
    if names is None:
        names = {"token_embd.weight": (64, 100), "output.weight": (64, 100), "output_norm.weight": (64,)}
        for layer in range(2):
            names |= {f"blk.{layer}.{name}.weight": (64, 64) for name in ("attn_q", "attn_k", "attn_v", "attn_output")}
    usual = {"block_count": 2, "embedding_length": 64, "context_length": 512, "attention.head_count": 4}
    found = {f"{architecture}.{key}": value for key, value in (usual | keys).items() if value is not None}
    rows = tuple([FileTensor(name, "F16", shape, 2) for name, shape in names.items()])
    return Header("gguf", (HeaderFile("x.gguf", None),), rows, {"general.architecture": architecture} | found)


def test_the_plain_case() -> None:
    """Everything that a file of the oldest kind says."""
    found = gguf_facts(header({}))
    assert found.facts == {
        "family": "llama", "gguf": "llama", "layers": 2, "hidden": 64, "vocab": 100, "tied": False, "context": 512,
        "heads": 4, "kv_heads": 4, "head_dim": 16, "value_dim": 16, "pattern": "full", "traits": {"norms": []},
    }  # fmt: skip


def test_prediction_heads_of_a_file() -> None:
    """As many layers as it states; one, if it holds a head and states none; none without a head."""
    plain = header({"nextn_predict_layers": 2, "block_count": 4})
    head = FileTensor("blk.2.nextn.eh_proj.weight", "F16", (128, 64), 2, part="mtp")
    with_heads = replace(plain, tensors=(*plain.tensors, head))
    unstated = replace(header({}), tensors=with_heads.tensors)
    assert [None, 2, 1] == [gguf_facts(one).facts.get("mtp_layers") for one in (plain, with_heads, unstated)]


def sixteen(**keys: object) -> dict[str, object]:
    """Keys of a model of 16 layers."""
    return {"block_count": 16} | {key.replace("__", "."): value for key, value in keys.items()}


def layers_of(count: int) -> dict[str, tuple[int, ...]]:
    """Tensors of layers of attention."""
    names: dict[str, tuple[int, ...]] = {"token_embd.weight": (64, 100)}
    for layer in range(count):
        names |= {f"blk.{layer}.{name}.weight": (64, 64) for name in ("attn_q", "attn_k", "attn_v", "attn_output")}
    return names


@pytest.mark.parametrize(
    ("architecture", "keys", "pattern", "window"),
    [
        ("gemma2", {}, "sliding full", 4096),
        ("gemma2", {"attention.sliding_window": 512}, "sliding full", 512),
        ("gemma3", {"attention.sliding_window": 1024}, "5*sliding full", 1024),
        ("gemma3", {}, "full", None),
        ("gemma3", {"attention.sliding_window": 0}, "full", None),
        ("gemma3", {"attention.sliding_window": 1024, "attention.sliding_window_pattern": 2}, "sliding full", 1024),
        ("cohere2", {"attention.sliding_window": 4096}, "3*sliding full", 4096),
        ("cohere2moe", {"attention.sliding_window": 4096}, "full 3*sliding", 4096),
        ("gpt-oss", {"attention.sliding_window": 128}, "sliding full", 128),
        ("llama4", {}, "3*chunked full", 8192),
        ("llama4", {"attention.sliding_window": 4096}, "3*chunked full", 8192),
        ("llama4", {"attention.sliding_window": 0}, "full", None),
        ("exaone4", {"attention.sliding_window": 4096}, "full", None),
        ("exaone-moe", {"attention.sliding_window": 256}, "3*sliding full", 256),
        ("smallthinker", {"attention.sliding_window": 9}, "full 3*sliding", 4096),
        ("phi3", {"attention.sliding_window": 2047}, "full", None),
        ("llama", {"attention.sliding_window": 4096}, "full", None),
        ("lfm2", {"attention.sliding_window": 256}, "sliding", 256),
        ("step35", {"attention.sliding_window": 512, "attention.sliding_window_pattern": [False, *[True] * 15]},
         "full 15*sliding", 512),
        ("bert", {}, "encoder", None),
    ],
)  # fmt: skip
def test_windows(architecture: str, keys: dict[str, object], pattern: str, window: int | None) -> None:
    """llama.cpp's own rule for each architecture, and the file's pattern before it."""
    facts = gguf_facts(header({"block_count": 16} | keys, layers_of(16), architecture)).facts
    assert facts["pattern"] == pattern
    assert facts.get("window") == window


def test_heads_by_kind_and_by_layer() -> None:
    """What all layers of a kind have in common is said once; single layers by their number."""
    swa = [layer % 4 != 3 for layer in range(16)]
    keys: dict[str, object] = {
        "block_count": 16, "attention.sliding_window": 8, "attention.sliding_window_pattern": swa, "attention.key_length": 32,
        "attention.value_length": 32, "attention.head_count": [8 if slides else 4 for slides in swa],
        "attention.head_count_kv": [4 if slides else 2 for slides in swa], "attention.key_length_swa": 16,
        "attention.value_length_swa": 16,
    }  # fmt: skip
    facts = gguf_facts(header(keys, layers_of(16), "step35")).facts
    assert (facts["heads"], facts["kv_heads"], facts["head_dim"]) == (4, 2, 32)
    assert facts["sliding_attention"] == {"heads": 8, "kv_heads": 4, "head_dim": 16, "value_dim": 16}
    assert "per_layer" not in facts
    odd = {"block_count": 16, "attention.head_count": [2, *[4] * 15], "attention.key_length": 16}
    names = layers_of(16) | {"blk.0.attn_k.weight": (64, 32)}
    facts = gguf_facts(header(odd | {"attention.head_count_kv": [2, *[4] * 15]}, names, "openelm")).facts
    assert facts["per_layer"] == {0: {"heads": 2, "kv_heads": 2, "head_dim": 16, "value_dim": 32}}


def test_tensors_decide() -> None:
    """Rows of the embedding, layers that are there, and key-value heads by the key's rows."""
    names = layers_of(3) | {f"blk.{layer}.attn_k.weight": (64, 32) for layer in range(3)}
    found = gguf_facts(header({"block_count": 4, "vocab_size": 7, "attention.head_count_kv": 4}, names))
    assert (found.facts["layers"], found.facts["vocab"], found.facts["kv_heads"]) == (3, 100, 2)
    assert found.notes[0] == "layer 0 has 2 key-value heads by its tensors, 4 by its metadata"


def test_latent_attention_of_old_files() -> None:
    """Without ``key_length_mla`` llama.cpp caches keys and values of every head."""
    names: dict[str, tuple[int, ...]] = {"token_embd.weight": (64, 100)}
    names |= {f"blk.{i}.{name}.weight": (64, 64) for i in range(2) for name in ("attn_q", "attn_kv_a_mqa", "attn_kv_b")}
    keys: dict[str, object] = {
        "attention.kv_lora_rank": 32, "attention.key_length": 24, "attention.value_length": 16, "attention.head_count_kv": 4
    }  # fmt: skip
    facts = gguf_facts(header(keys, names, "deepseek2")).facts
    assert (facts["pattern"], facts["kv_heads"], facts["head_dim"], facts["value_dim"]) == ("full", 4, 24, 16)


def test_layers_that_are_networks_alone() -> None:
    """Nemotron-H has halves in layers of their own; elsewhere a layer may just lack attention (Deci)."""
    names: dict[str, tuple[int, ...]] = {
        "token_embd.weight": (64, 100),
        "blk.1.ffn_up.weight": (64, 96),
        "blk.1.ffn_down.weight": (96, 64),
    }
    names |= {f"blk.0.{name}.weight": (64, 64) for name in ("attn_q", "attn_k", "attn_v")}
    assert gguf_facts(header({}, names, "nemotron_h")).facts["pattern"] == "full mlp"
    both = names | {"blk.0.ffn_norm.weight": (64,)}
    assert gguf_facts(header({}, both, "deci")).facts["pattern"] == "full none"


@pytest.mark.parametrize("architecture", sorted(UNMODELLED))
def test_gaps(architecture: str) -> None:
    """Caches that cannot be told are named, never guessed."""
    assert gguf_facts(header({}, architecture=architecture)).gaps == (UNMODELLED[architecture],)


def test_unknown_architectures() -> None:
    """Full attention, and it is said."""
    found = gguf_facts(header({"attention.sliding_window": 9}, architecture="foo\x1b"))
    assert found.facts["pattern"] == "full"
    assert found.notes == (
        "llama.cpp b11434 does not know the architecture foo\\x1b: its attention is taken to be full",
    )
    rwkv: dict[str, tuple[int, ...]] = {"token_embd.weight": (64, 100), "blk.0.time_mix_w1.weight": (64, 64)}
    assert gguf_facts(header({}, rwkv, "foo")).gaps == ("RWKV states",)


def test_the_tables_agree() -> None:
    """Rules are of architectures that llama.cpp has."""
    assert set(WINDOWS) | WITHOUT_CACHE | set(UNMODELLED) <= KNOWN
    assert len(KNOWN) == 150


BAD: list[tuple[dict[str, Any], str]] = [
    ({"block_count": None}, "has no llama.block_count"),
    ({"block_count": 0}, "has no llama.block_count"),
    ({"block_count": "two"}, "llama.block_count is 'two'"),
    ({"block_count": -2}, "llama.block_count is -2"),
    ({"block_count": True}, "llama.block_count is True"),
    ({"block_count": 2.0}, "llama.block_count is 2.0"),
    ({"attention.head_count": []}, "llama.attention.head_count is []"),
    ({"attention.head_count": [4]}, "llama.attention.head_count is [4]"),
    ({"attention.head_count": [4, "4"]}, "llama.attention.head_count is [4, '4']"),
    ({"attention.head_count": 1 << 40}, "llama.attention.head_count is"),
    ({"attention.key_length": "\x1b[2J"}, "llama.attention.key_length is '\\x1b[2J'"),
    ({"context_length": 1 << 60}, "llama.context_length is"),
]


@pytest.mark.parametrize(("keys", "message"), BAD)
def test_metadata_that_cannot_be(keys: dict[str, Any], message: str) -> None:
    """One line with the key and what stands there."""
    with pytest.raises(InputError) as caught:
        gguf_facts(header(keys))
    assert message in caught.value.message
    assert caught.value.message.isprintable()


NUMBERS = st.integers(-5, 1 << 40) | st.floats() | st.booleans()
VALUES = NUMBERS | st.none() | st.text(max_size=4) | st.lists(st.integers(-2, 40), max_size=4)
KEYS = (
    "block_count", "embedding_length", "attention.head_count", "attention.head_count_kv", "attention.key_length",
    "attention.sliding_window", "attention.sliding_window_pattern", "nextn_predict_layers", "expert_used_count",
    "attention.shared_kv_layers", "attention.recurrent_layers", "attention.key_length_mla", "vocab_size",
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(KNOWN)), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=5))
def test_metadata_never_surprises(architecture: str, keys: dict[str, Any]) -> None:
    """Any value under any key: facts, or one line."""
    try:
        found = gguf_facts(header(keys, architecture=architecture))
    except InputError as error:
        assert error.message.isprintable()
    else:
        assert len(expand(found.facts["pattern"], found.facts["layers"])) == found.facts["layers"]


@pytest.mark.parametrize(
    ("words", "pattern"),
    [
        (["full"] * 5, "full"),
        (["sliding", "full"] * 3, "sliding full"),
        (["sliding", "sliding", "full", "sliding", "sliding"], "2*sliding full 2*sliding"),
        ((["mamba"] * 3 + ["full"]) * 2, "3*mamba full"),
    ],
)
def test_run_lengths(words: list[str], pattern: str) -> None:
    """The shortest cycle, and back again."""
    assert run_lengths(words) == pattern
    assert expand(pattern, len(words)) == words


def test_labels() -> None:
    """The maker's label, or the type that most bytes have."""
    rows = (FileTensor("a", "Q4_K", (256,), 144), FileTensor("b", "F32", (8,), 32))
    assert file_type_label(Header("gguf", (), rows, {"general.file_type": 15})) == "Q4_K_M"
    assert file_type_label(Header("gguf", (), rows, {"general.file_type": 1024})) == "mostly Q4_K"
    assert file_type_label(Header("gguf", (), rows, {"general.file_type": "x"})) == "mostly Q4_K"
    assert file_type_label(Header("gguf", (), (), {})) == "empty"
