"""Files of weights at random: headers that are whole, with fields, types, names, counts and places of their own changed."""

from __future__ import annotations

import json
import math
import re
import struct
from typing import TYPE_CHECKING, Any

from tests.fuzz.changed import CHANGES
from tests.fuzz.values import number, scalar
from tests.importers import models
from tests.importers.write_gguf import SCALARS as TYPES
from tests.importers.write_gguf import SIZES, GgufWriter
from vramfit.importers.safetensors import BITS

if TYPE_CHECKING:
    from random import Random

ARCHITECTURES = (
    "llama", "llama", "llama", "qwen2", "qwen3", "qwen3moe", "gemma2", "gemma3", "phi3", "deepseek2", "mamba", "jamba", "gpt-oss",
    "bert", "clip", "t5", "falcon", "nothing", "",
)  # fmt: skip
FIGURES = (
    "block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count", "expert_count",
    "attention.head_count_kv", "attention.key_length", "attention.value_length", "attention.sliding_window", "vocab_size",
    "expert_used_count", "expert_feed_forward_length", "expert_shared_count", "leading_dense_block_count", "rope.dimension_count",
    "attention.kv_lora_rank", "attention.q_lora_rank", "ssm.state_size", "ssm.inner_size", "ssm.conv_kernel", "ssm.group_count",
    "nextn_predict_layers", "attention.sliding_window_pattern", "full_attention_interval", "attention.layer_norm_rms_epsilon",
)  # fmt: skip
"""Keys of an architecture that tell its sizes."""
PARTS = (
    "attn_q", "attn_k", "attn_v", "attn_qkv", "attn_output", "ffn_gate", "ffn_up", "ffn_down", "ffn_gate_exps", "ffn_up_exps",
    "ffn_down_exps", "ffn_gate_inp", "ffn_up_shexp", "attn_kv_a_mqa", "attn_kv_b", "attn_q_a", "ssm_in", "ssm_out", "attn_norm",
    "ffn_norm", "attn_sinks", "nextn.eh_proj",
)  # fmt: skip
NAMES = (
    "", "x", "v.blk.0.attn_q.weight", "mm.0.weight", "a.blk.0.ffn_up.weight", "blk.99999999999.attn_q.weight", "blk.-1.x",
    "token_embd.weight", "output.weight", "rope_freqs.weight", "\u202e", "a\nb", "x" * 300, "blk.0.attn_q.lora_a",
)  # fmt: skip
"""Names of tensors that stand in no block, or not as they should."""
EXTENTS = (0, 1, 2, 3, 31, 32, 64, 255, 256, 257, 4096, 1 << 20, 1 << 31, 1 << 40, 1 << 62, 1 << 63, (1 << 64) - 1)


def gguf(rng: Random) -> bytes:
    """Header of a small model with some changes, of which most leave it a header."""
    arch = rng.choice(ARCHITECTURES)
    kinds = (1, 8, 12, 14, 30, 39)
    writer = models.gguf(
        rng.choice(kinds), rng.choice(kinds), arch, rng.choice((7, 15, 1, None)), range(rng.choice((1, 1, 1, 2)))
    )
    writer.version, writer.order = rng.choice((3, 3, 3, 2)), rng.choice("<<<<<<>")
    writer.alignment = rng.choice((32, 32, 32, 64, 16, 4096))
    tokens = rng.choice((1, 4, 63, 64, 65, 200))
    writer.pairs = [
        (key, kind, value[:tokens] if isinstance(value, list) else value)
        for key, kind, value in writer.pairs
        if not key.endswith("block_count") or rng.random() < 0.05
    ]
    writer.add(f"{arch}.block_count", "uint32", len([1 for row in writer.tensors if "attn_q" in row[0]]))
    if writer.alignment != 32:
        writer.add("general.alignment", "uint32", writer.alignment)
    for _ in range(rng.choice((0, *CHANGES))):
        (_change_pair if rng.random() < 0.6 else _change_tensor)(writer, arch, rng)
    return _broken(writer, rng) if rng.random() < 0.15 else writer.header()


def _value(kind: str, rng: Random) -> Any:
    """Value of a type of GGUF's, at an edge of it or small."""
    if kind.endswith("[]"):
        return [_value(kind[:-2], rng) for _ in range(rng.choice((0, 1, 4, 8, 70, 1025)))]
    if kind == "string":
        return rng.choice(("", "llama", "x" * 70, "\u202e\u001b", "a\u0000", "None"))
    if kind == "bool":
        return rng.random() < 0.5
    if kind.startswith("float"):
        return rng.choice((0.0, -1.0, 1e-5, 3e38, math.inf, math.nan))
    bits = int(kind.lstrip("uint"))
    low, high = (0, 2**bits - 1) if kind[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return min(high, max(low, number(rng)))


def _change_pair(writer: GgufWriter, arch: str, rng: Random) -> None:
    """Another value, type or name of a key, a key more or less."""
    kinds = [*TYPES, "string", "string[]", "uint32[]", "int32[]", "float32[]", "bool[]"]
    kind, what = rng.choice(kinds), rng.randrange(6)
    at = rng.randrange(len(writer.pairs))
    key, before, value = writer.pairs[at]
    if what == 0:
        writer.add(f"{arch}.{rng.choice(FIGURES)}.{rng.randrange(3)}", kind, _value(kind, rng))
    elif what == 1:
        del writer.pairs[at : at + (len(writer.pairs) > 1)]
    elif what == 2:
        writer.pairs[at] = (key, kind, _value(kind, rng))
    elif what == 3:
        writer.pairs[at] = (key, before, _value(before, rng))
    elif what == 4:
        writer.add(rng.choice(("", key, "general.type", "general.name", "split.count", "x" * 200)), before, value)
    else:
        name = f"{arch}.{rng.choice(FIGURES)}"
        writer.pairs = [pair for pair in writer.pairs if pair[0] != name]
        kind = "uint32" if rng.random() < 0.8 else kind
        writer.add(name, kind, _value(kind, rng))


def _change_tensor(writer: GgufWriter, arch: str, rng: Random) -> None:
    """Another name, shape or type of a tensor, a tensor more or less."""
    at, what = rng.randrange(len(writer.tensors)), rng.randrange(6)
    name, shape, kind, stored = writer.tensors[at]
    if what == 0:
        writer.tensors[at] = (rng.choice(NAMES), shape, kind, stored)
    elif what == 1:
        del writer.tensors[at : at + (len(writer.tensors) > 1)]
    elif what == 2:
        kind = rng.choice((*SIZES, 2, 3, 250))
        writer.tensors[at] = (name, shape, kind, _stored(shape, kind, stored))
    elif what == 3:
        shape = tuple([rng.choice(EXTENTS) for _ in range(rng.choice((0, 1, 2, 2, 3, 4, 5)))])
        writer.tensors[at] = (name, shape, kind, _stored(shape, kind, stored))
    else:
        named = f"blk.{rng.choice((0, 0, 1, 7, 10**9))}.{rng.choice(PARTS)}.{rng.choice(('weight', 'bias', 'scale'))}"
        shape = tuple([rng.choice((256, 256, 512, 8, 32)) for _ in range(rng.choice((1, 2, 2, 3)))])
        writer.tensors.insert(at, (named, shape, kind, _stored(shape, kind, stored)))


def _stored(shape: tuple[int, ...], kind: int, otherwise: int) -> int:
    """Bytes of a tensor of a known type that a file may have, else those it had."""
    block, size = SIZES.get(kind, (1, 0))
    bytes_ = math.prod(shape) // block * size
    return bytes_ if 0 < bytes_ < 1 << 40 else otherwise


def _broken(writer: GgufWriter, rng: Random) -> bytes:
    """Header with counts, lengths or offsets that are others than its own, or cut short."""
    raw = bytearray(writer.header())
    what = rng.randrange(5)
    if what == 0:
        at = rng.choice((8, 16))
        raw[at : at + 8] = (number(rng) % 2**64).to_bytes(8, "little")
    elif what == 1:
        del raw[rng.randrange(len(raw)) :]
    elif what == 2:  # of a tensor near the end: its offset is the last of its row
        at = max(24, len(raw) - rng.randrange(8, 200))
        raw[at : at + 8] = (number(rng) % 2**64).to_bytes(8, "little")
    elif what == 3:  # an array of arrays, which GGUF allows and nobody writes
        deep = b"".join([struct.pack("<IQ", 9, 1) for _ in range(rng.choice((1, 2, 60)))])
        raw[24:24] = struct.pack("<Q", 1) + b"k" + struct.pack("<I", 9) + deep + struct.pack("<IQ", 4, 0)
    else:
        at = rng.randrange(24, len(raw))
        raw[at : at + 4] = rng.randbytes(4)
    return bytes(raw)


OFFSETS = re.compile(rb'"data_offsets": ?\[\d+, ?(\d+)\]')


def safetensors_hole(data: bytes) -> int:
    """Bytes behind a header that its tensors come to, as far as its own offsets say; neither fewer nor more are taken."""
    ends = [int(end) for end in OFFSETS.findall(data)]
    length = int.from_bytes(data[:8], "little")
    return max(0, min(max(ends, default=0), 1 << 62) + 8 + length - len(data)) if length < 1 << 30 else 0


ROWS = {dtype: list(models.tensors(dtype).items()) for dtype in ("BF16", "F16", "F32", "F8_E4M3")}
SUFFIXES = ("weight", "bias", "qweight", "qzeros", "scales", "g_idx", "weight_scale", "weight_packed", "lora_A.weight", "absmax",
            "quant_state.bitsandbytes__nf4", "weight_scale_inv", "input_scale")  # fmt: skip


def safetensors(rng: Random) -> bytes:
    """Header of a small model with some changes of its rows, of which most leave it one."""
    rows = rng.choice(list(ROWS.values()))
    rows = [*rows[: rng.choice((3, 6, 12, 21))]]
    for _ in range(rng.choice((0, *CHANGES))):
        _change_row(rows, rng)
    table: dict[str, Any] = {"__metadata__": {"format": "pt"}} if rng.random() < 0.5 else {}
    at = 0
    for name, (dtype, shape) in rows:
        size = math.prod(shape) * BITS.get(dtype, 8) // 8
        table[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    if rng.random() < 0.2:
        _break_row(table, rng)
    raw = json.dumps(table).encode() + b" " * rng.choice((0, 0, 3, 8))
    length = len(raw) if rng.random() < 0.97 else number(rng) % 2**64
    return length.to_bytes(8, "little") + raw


def _change_row(rows: list[tuple[str, tuple[str, tuple[int, ...]]]], rng: Random) -> None:
    """Another name, type or shape of a row, a row more or less."""
    at, what = rng.randrange(len(rows)), rng.randrange(5)
    name, (dtype, shape) = rows[at]
    if what == 0:
        rows[at] = (name, (rng.choice((*BITS, "F8", "", "NEW")), shape))
    elif what == 1:
        rows[at] = (name, (dtype, tuple([rng.choice(EXTENTS[:12]) for _ in range(rng.choice((0, 1, 2, 3)))])))
    elif what == 2 and len(rows) > 1:
        del rows[at]
    elif what == 3:
        rows[at] = (f"{name.rpartition('.')[0]}.{rng.choice(SUFFIXES)}", (dtype, shape))
    else:
        layer = f"model.layers.{rng.choice((0, 3, 9, 10**12))}"
        inside = f"mlp.experts.{rng.choice((0, 1, 500))}.up_proj"
        front = rng.choice(("", "language_model.", "vision_tower.", "base_model.model."))
        new = f"{front}{layer}.{inside}.{rng.choice(SUFFIXES)}"
        rows.append((rng.choice((new, new, *NAMES)), (dtype, (256, 256))))


def _break_row(table: dict[str, Any], rng: Random) -> None:
    """Change a field of a row to what it cannot be, or move it."""
    name = rng.choice(list(table))
    row, what = table[name], rng.randrange(4)
    if what == 0 or "data_offsets" not in row:
        table[name] = scalar(rng)
    elif what == 1:
        row[rng.choice(list(row))] = scalar(rng)
    elif what == 2:
        row["data_offsets"] = [number(rng), number(rng)]
    else:
        row["shape"] = [rng.choice(EXTENTS), scalar(rng)]
