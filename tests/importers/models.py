"""A small Llama as every program keeps it: a GGUF file, a set of shards, a folder of safetensors, a configuration alone."""

from __future__ import annotations

import json
import math
import struct
from typing import TYPE_CHECKING, Any

from tests.importers.write_gguf import GgufWriter
from vramfit.importers.safetensors import BITS

if TYPE_CHECKING:
    from pathlib import Path

LAYERS, HIDDEN, HEADS, KV_HEADS, WIDTH, VOCAB = 4, 256, 8, 2, 512, 1024
HEAD = HIDDEN // HEADS
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN, "intermediate_size": WIDTH,
    "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "num_key_value_heads": KV_HEADS, "vocab_size": VOCAB,
    "max_position_embeddings": 8192, "tie_word_embeddings": False, "torch_dtype": "bfloat16",
}  # fmt: skip
MATRICES = {
    "attn_q": ("self_attn.q_proj", HIDDEN, HIDDEN), "attn_k": ("self_attn.k_proj", HIDDEN, KV_HEADS * HEAD),
    "attn_v": ("self_attn.v_proj", HIDDEN, KV_HEADS * HEAD), "attn_output": ("self_attn.o_proj", HIDDEN, HIDDEN),
    "ffn_gate": ("mlp.gate_proj", HIDDEN, WIDTH), "ffn_up": ("mlp.up_proj", HIDDEN, WIDTH),
    "ffn_down": ("mlp.down_proj", WIDTH, HIDDEN),
}  # fmt: skip
"""GGUF's name of a matrix, the name in transformers, inputs and outputs."""
NORMS = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm"}
PARAMETERS = (
    2 * VOCAB * HIDDEN
    + HIDDEN
    + LAYERS * (sum([inputs * outputs for _, inputs, outputs in MATRICES.values()]) + 2 * HIDDEN)
)
CACHE_BYTES_PER_TOKEN = LAYERS * 2 * KV_HEADS * HEAD * 2


def gguf(
    kind: int = 8, down: int = 8, architecture: str = "llama", file_type: int | None = 7, layers: range = range(LAYERS)
) -> GgufWriter:
    """The model with its matrices in the type of number ``kind``, down projections in ``down``; norms in F32."""
    writer = GgufWriter(architecture)
    figures = {
        "block_count": LAYERS, "context_length": 8192, "embedding_length": HIDDEN, "feed_forward_length": WIDTH,
        "attention.head_count": HEADS, "attention.head_count_kv": KV_HEADS,
    }  # fmt: skip
    for key, value in figures.items():
        writer.add(f"{architecture}.{key}", "uint32", value)
    if file_type is not None:
        writer.add("general.file_type", "uint32", file_type)
    writer.add("tokenizer.ggml.tokens", "string[]", ["x"] * VOCAB)
    if layers.start == 0:
        writer.tensor("token_embd.weight", (HIDDEN, VOCAB), kind)
        writer.tensor("output_norm.weight", (HIDDEN,), 0)
        writer.tensor("output.weight", (HIDDEN, VOCAB), kind)
    for layer in layers:
        for name, (_, inputs, outputs) in MATRICES.items():
            writer.tensor(f"blk.{layer}.{name}.weight", (inputs, outputs), down if name == "ffn_down" else kind)
        for name in NORMS:
            writer.tensor(f"blk.{layer}.{name}.weight", (HIDDEN,), 0)
    return writer


def tensors(dtype: str = "BF16") -> dict[str, tuple[str, tuple[int, ...]]]:
    """The model's tensors as transformers saves them."""
    found: dict[str, tuple[str, tuple[int, ...]]] = {"model.embed_tokens.weight": (dtype, (VOCAB, HIDDEN))}
    found |= {"lm_head.weight": (dtype, (VOCAB, HIDDEN))}
    found["model.norm.weight"] = (dtype, (HIDDEN,))
    for layer in range(LAYERS):
        for name, inputs, outputs in MATRICES.values():
            found[f"model.layers.{layer}.{name}.weight"] = (dtype, (outputs, inputs))
        for name in NORMS.values():
            found[f"model.layers.{layer}.{name}.weight"] = (dtype, (HIDDEN,))
    return found


def write_safetensors(path: Path, rows: dict[str, tuple[str, tuple[int, ...]]]) -> Path:
    """A file of these tensors, a hole behind its header."""
    header, at = {}, 0
    for name, (dtype, shape) in rows.items():
        size = math.prod(shape) * BITS[dtype] // 8
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    raw = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(raw)) + raw)
        file.truncate(8 + len(raw) + at)
    return path


def write_config(folder: Path, **changes: Any) -> Path:
    """``config.json`` in a folder, which is returned; a field of None is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {name: value for name, value in {**CONFIG, **changes}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def write_folder(folder: Path, dtype: str = "BF16", **changes: Any) -> Path:
    """A folder with a configuration and the weights it describes."""
    write_safetensors(folder / "model.safetensors", tensors(dtype))
    return write_config(folder, **changes)


PARAMS = {
    "dim": HIDDEN, "n_layers": LAYERS, "n_heads": HEADS, "n_kv_heads": KV_HEADS, "head_dim": HEAD, "hidden_dim": WIDTH,
    "vocab_size": VOCAB,
}  # fmt: skip
"""The model as Mistral's own ``params.json`` states it."""


def write_params(folder: Path, **changes: Any) -> Path:
    """A folder in Mistral's own format, without weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.json").write_text(json.dumps({**PARAMS, **changes}), encoding="utf-8")
    return folder


def write_mlx(folder: Path, bits: int = 4, group: int = 64) -> Path:
    """A folder in which mlx-lm has quantized every matrix: packed words, scales and biases for each group."""
    rows: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, (dtype, shape) in tensors().items():
        if len(shape) == 1:
            rows[name] = (dtype, shape)
            continue
        stem = name.removesuffix(".weight")
        rows[name] = ("U32", (shape[0], shape[1] * bits // 32))
        rows |= {f"{stem}.{piece}": (dtype, (shape[0], shape[1] // group)) for piece in ("scales", "biases")}
    write_safetensors(folder / "model.safetensors", rows)
    return write_config(folder, quantization={"group_size": group, "bits": bits})
