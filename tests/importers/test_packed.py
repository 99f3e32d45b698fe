"""Packed weights back in logical shape: one row of the table for each form that people publish."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest

from tests.importers.write_safetensors import MemoryFolder, safetensors
from vramfit.importers.header import FileTensor, Header
from vramfit.importers.packed import logical_header, reader
from vramfit.importers.safetensors import read_set

Pieces = dict[str, tuple[str, tuple[int, ...]]]


def read(notation: str) -> Pieces:
    """Pieces written as ``p.qweight I32 16 256, p.scales F16 1 256``."""
    rows = [piece.split() for piece in notation.split(", ")]
    return {name: (dtype, tuple(map(int, shape))) for name, dtype, *shape in rows}


def header(
    pieces: Pieces, settings: dict[str, Any] | None = None, data: dict[str, bytes] | None = None, **more: Any
) -> Header:
    """The logical header of one file; contents are read where they are given."""
    folder = MemoryFolder({"m": safetensors(pieces, data)})
    raw = read_set(folder, ("m",))
    content = reader(folder, ("m",)) if data else lambda piece: None
    return logical_header(raw, content, settings, **more)


def stored(pieces: Pieces) -> int:
    """Bytes of all pieces."""
    return sum(
        [raw.stored_bytes for raw in read_set(MemoryFolder({"m": safetensors(pieces)}), ("m",)).entries.values()]
    )


NF4_STATE = json.dumps({"quant_type": "nf4", "blocksize": 64, "dtype": "bfloat16", "shape": [256, 128]}).encode()
SHAPE = struct.pack("<qq", 256, 100)

FORMS: dict[str, tuple[str, dict[str, Any], str, tuple[int, ...]]] = {
    "bitsandbytes nf4": (
        "p.weight U8 16384 1, p.weight.absmax U8 512, p.weight.quant_map F32 16, p.weight.nested_absmax F32 2, "
        "p.weight.nested_quant_map F32 256, p.weight.quant_state.bitsandbytes__nf4 U8 90",
        {}, "nf4", (32768,)),
    "bitsandbytes fp4 in 16-bit words": (
        "p.weight BF16 8192 1, p.weight.absmax F32 512, p.weight.quant_map F32 16, "
        "p.weight.quant_state.bitsandbytes__fp4 U8 90",
        {}, "fp4", (32768,)),
    "bitsandbytes int8": (
        "p.weight I8 256 128, p.SCB F32 256, p.weight_format U8",
        {}, "int8", (128, 256)),
    "GPTQ, 4 bits": (
        "p.qweight I32 16 256, p.qzeros I32 1 32, p.scales F16 1 256, p.g_idx I32 128",
        {}, "gptq4", (128, 256)),
    "GPTQ, 3 bits": (
        "p.qweight I32 12 256, p.qzeros I32 1 24, p.scales F16 1 256, p.g_idx I32 128",
        {}, "gptq3", (128, 256)),
    "GPTQ without an order": (
        "p.qweight I32 32 256, p.qzeros I32 1 64, p.scales F16 1 256",
        {}, "gptq8", (128, 256)),
    "GPTQ, square": (
        "p.qweight I32 16 128, p.qzeros I32 1 16, p.scales F16 1 128, p.g_idx I32 128",
        {}, "gptq4", (128, 128)),
    "AWQ": (
        "p.qweight I32 128 32, p.qzeros I32 1 32, p.scales F16 1 256",
        {}, "awq4", (128, 256)),
    "compressed-tensors, packed": (
        "p.weight_packed I32 256 16, p.weight_scale BF16 256 1, p.weight_shape I64 2",
        {"bits": 4}, "int4", (128, 256)),
    "compressed-tensors, bits in its groups": (
        "p.weight_packed I32 256 32, p.weight_scale BF16 256 1, p.weight_shape I64 2, "
        "p.weight_zero_point I32 64 1",
        {"config_groups": {"group_0": {"weights": {"num_bits": 8}}}}, "int8", (128, 256)),
    "compressed-tensors NVFP4": (
        "p.weight_packed U8 256 64, p.weight_scale F8_E4M3 256 8, p.weight_global_scale F32 1, "
        "p.input_global_scale F32 1",
        {}, "NVFP4", (128, 256)),
    "compressed-tensors MXFP4": (
        "p.weight_packed U8 256 64, p.weight_scale U8 256 4",
        {}, "MXFP4", (128, 256)),
    "compressed-tensors int8, rows": (
        "p.weight I8 256 128, p.weight_scale BF16 256 1",
        {}, "int8", (128, 256)),
    "FP8 in blocks": (
        "p.weight F8_E4M3 256 128, p.weight_scale_inv F32 2 1",
        {}, "FP8", (128, 256)),
    "FP8, one scale": (
        "p.weight F8_E4M3 256 128, p.weight_scale F32, p.input_scale F32",
        {}, "FP8", (128, 256)),
    "FP8, a scale per row": (
        "p.weight F8_E4M3 256 128, p.weight_scale F32 256 1",
        {}, "FP8", (128, 256)),
    "FP8 of DeepSeek-V4": (
        "p.weight F8_E4M3 256 128, p.scale F8_E8M0 2 1",
        {}, "FP8", (128, 256)),
    "FP8 without a scale": (
        "p.weight F8_E5M2 256 128",
        {}, "FP8", (128, 256)),
    "FP8 in fused experts": (
        "e.down_proj F8_E4M3 4 256 128, e.down_proj_scale_inv F32 4 2 1",
        {}, "FP8", (128, 256, 4)),
    "FP4 of DeepSeek-V4": (
        "p.weight I8 256 64, p.scale F8_E8M0 256 4",
        {}, "MXFP4", (128, 256)),
    "FP4 as a type of its own": (
        "p.weight F4 256 128, p.weight_scale F8_E8M0 256 4",
        {}, "MXFP4", (128, 256)),
    "MXFP4 of gpt-oss": (
        "e.down_proj_blocks U8 4 256 4 16, e.down_proj_scales U8 4 256 4",
        {}, "MXFP4", (128, 256, 4)),
    "NVFP4 of ModelOpt": (
        "p.weight U8 256 64, p.weight_scale F8_E4M3 256 8, p.weight_scale_2 F32, p.input_scale F32",
        {}, "NVFP4", (128, 256)),
    "NVFP4 in fused experts": (
        "e.w13_weight U8 4 256 64, e.w13_weight_scale F8_E4M3 4 256 8, e.w13_weight_scale_2 F32 4, "
        "e.w13_input_scale F32 4",
        {}, "NVFP4", (128, 256, 4)),
    "MXFP4 of Quark": (
        "p.weight U8 256 64, p.weight_scale U8 256 4",
        {}, "MXFP4", (128, 256)),
    "int4 AWQ of ModelOpt": (
        "p.weight U8 128 128, p.weight_scale F32 256 1, p.pre_quant_scale BF16 128",
        {}, "int4", (128, 256)),
    "MLX, 4 bits": (
        "p.weight U32 256 16, p.scales BF16 256 2, p.biases BF16 256 2",
        {"bits": 4, "group_size": 64}, "affine4", (128, 256)),
    "MLX, this module in 8 bits": (
        "p.weight U32 256 32, p.scales BF16 256 2, p.biases BF16 256 2",
        {"bits": 4, "group_size": 64, "p": {"bits": 8, "group_size": 64}}, "affine8", (128, 256)),
    "MLX, 6 bits": (
        "p.weight U32 256 24, p.scales BF16 256 2, p.biases BF16 256 2",
        {"bits": 6, "group_size": 64}, "affine6", (128, 256)),
    "MLX without a config": (
        "p.weight U32 256 16, p.scales BF16 256 2, p.biases BF16 256 2",
        {}, "affine4", (128, 256)),
    "MLX, group of 32, without a config": (
        "p.weight U32 256 12, p.scales BF16 256 3, p.biases BF16 256 3",
        {}, "affine2", (192, 256)),
    "MLX mxfp4": (
        "p.weight U32 256 16, p.scales U8 256 4",
        {"bits": 4, "mode": "mxfp4"}, "mxfp4", (128, 256)),
    "MLX nvfp4": (
        "p.weight U32 256 16, p.scales U8 256 8",
        {"bits": 4}, "nvfp4", (128, 256)),
    "MLX experts": (
        "e.weight U32 4 256 16, e.scales BF16 4 256 2, e.biases BF16 4 256 2",
        {"bits": 4}, "affine4", (128, 256, 4)),
    "torchao int4": (
        "p._weight_qdata U8 256 64, p._weight_scale BF16 1 256, p._weight_zero_point BF16 1 256",
        {}, "int4", (128, 256)),
    "torchao int8": (
        "p._weight_qdata I8 256 128, p._weight_scale BF16 256 1",
        {}, "int8", (128, 256)),
    "torchao float8": (
        "p._weight_qdata F8_E4M3 256 128, p._weight_scale F32 256 1",
        {}, "FP8", (128, 256)),
    "HQQ": (
        "p.W_q U8 16384, p.scale F16 512 1, p.zero F16 512 1, p.nbits I32, p.shape I64 2",
        {"nbits": 4}, "hqq4", (32768,)),
    "EXL2": (
        "p.q_weight I32 20 256, p.q_invperm I16 128, p.q_scale I32 2 32, p.q_scale_max F16 2, p.q_groups I16 4",
        {}, "exl2", (128, 256)),
    "EXL3": (
        "p.trellis I16 8 16 64, p.suh F16 128, p.svh F16 256, p.mul1 I32",
        {}, "exl3", (128, 256)),
    "AQLM": (
        "p.codes I16 256 16 2, p.codebooks F16 2 65536 1 8, p.scales F16 256 1 1 1",
        {}, "aqlm", (128, 256)),
    "quanto int8": (
        "p.weight._data I8 256 128, p.weight._scale BF16 256 1",
        {}, "int8", (128, 256)),
    "quanto int4": (
        "p.weight._data U8 128 128, p.weight._scale BF16 256 1",
        {"bits": 4}, "int4", (128, 256)),
    "BitNet": (
        "p.weight U8 64 128, p.weight_scale BF16 1",
        {"quant_method": "bitnet"}, "ternary", (128, 256)),
}  # fmt: skip
"""Pieces as name, type and extents; settings; what they stand for, row length first."""


@pytest.mark.parametrize("form", FORMS)
def test_forms(form: str) -> None:
    """One logical tensor of the module's name with the bytes of all its pieces."""
    notation, settings, kind, shape = FORMS[form]
    pieces = read(notation)
    owner = (
        "p"
        if any(name.startswith("p.") for name in pieces)
        else next(iter(pieces)).split("_blocks")[0].removesuffix(".weight")
    )
    assert header(pieces, settings).tensors == (FileTensor(owner, kind, shape, stored(pieces)),)


def test_shapes_from_contents() -> None:
    """bitsandbytes' state and compressed-tensors' shape say what the packing leaves open."""
    pieces = read(FORMS["bitsandbytes nf4"][0])
    state = "p.weight.quant_state.bitsandbytes__nf4"
    pieces[state] = ("U8", (len(NF4_STATE),))
    assert header(pieces, data={state: NF4_STATE}).tensors[0].shape == (128, 256)
    padded: Pieces = {
        "p.weight_packed": ("I32", (256, 13)),
        "p.weight_scale": ("BF16", (256, 1)),
        "p.weight_shape": ("I64", (2,)),
    }
    (found,) = header(padded, data={"p.weight_shape": SHAPE}).tensors
    assert (found.type, found.shape, found.parameters) == ("int4", (100, 256), 25600)
    hqq: Pieces = {"p.W_q": ("U8", (12800,)), "p.nbits": ("I32", (1,)), "p.shape": ("I64", (2,))}
    (found,) = header(hqq, data={"p.nbits": struct.pack("<i", 4), "p.shape": SHAPE}).tensors
    assert (found.type, found.shape) == ("hqq4", (100, 256))


@pytest.mark.parametrize("state", [b"{", b"[]", b'{"shape": "x"}', b'{"shape": [1, 2]}', b'{"shape": [1e9]}', b"\xff"])
def test_contents_that_lie(state: bytes) -> None:
    """The bytes decide how many weights there are."""
    pieces = read(FORMS["bitsandbytes nf4"][0])
    name = "p.weight.quant_state.bitsandbytes__nf4"
    pieces[name] = ("U8", (len(state),))
    assert header(pieces, data={name: state}).tensors[0].shape == (32768,)


def test_contents_are_read_once_for_modules_alike() -> None:
    """A piece of one layer speaks for those of the others."""
    pieces: Pieces = {}
    for layer in range(30):
        for name, piece in read(FORMS["bitsandbytes nf4"][0]).items():
            pieces[f"model.layers.{layer}.{name}"] = piece
    folder = MemoryFolder({"m": safetensors(pieces)})
    file = folder.open("m")
    raw = read_set(folder, ("m",))
    file.reads.clear()
    assert len(logical_header(raw, reader(folder, ("m",))).tensors) == 30
    assert len(file.reads) == 1


PLAIN: dict[str, str] = {
    "a norm with a scale": "n.weight BF16 64, n.scale BF16 64",
    "a parameter called scales": "n.scales F32 64",
    "a convolution and its codes": "q.codes F32 4 4, q.codebooks F32 1 4 1 4",
    "half a GPTQ": "p.qweight I32 16 256",
    "packed without bits": "p.weight_packed I32 256 16, p.weight_scale BF16 256 1",
    "blocks of floats": "e.x_blocks BF16 4 4 16, e.x_scales BF16 4 4",
    "blocks that do not fit": "e.x_blocks U8 4 256 4 16, e.x_scales U8 4 256 3",
    "words without a width": "p.weight U32 256 7, p.scales BF16 256 5, p.biases BF16 256 5",
    "bytes without a form": "p.weight U8 256 64, p.weight_scale F32 3",
    "another state": "p.weight U8 64 1, p.weight.absmax F32 2",
}


@pytest.mark.parametrize("form", PLAIN)
def test_what_is_not_recognised_stays(form: str) -> None:
    """Names, types, shapes and bytes as stored, every piece by itself."""
    pieces = read(PLAIN[form])
    found = header(pieces)
    assert {tensor.name: (tensor.type, tuple(reversed(tensor.shape))) for tensor in found.tensors} == pieces
    assert found.total_bytes == stored(pieces)


def test_unknown_packing_is_noted() -> None:
    """Bytes are exact, parameters are not: the report says so."""
    found = header({"p.vptq": ("I32", (512, 512)), "ids": ("I64", (512, 512)), "n.weight": ("F16", (64,))})
    assert found.notes == (
        "1 tensors of I32 are packed in a form that is not known: bytes are exact, parameters are counted as stored",
    )


def test_parts_and_buffers() -> None:
    """What looks and listens, what predicts ahead, what was trained beside, and what nothing trains."""
    expected = {
        "model.embed_tokens.weight": ("text", False),
        "model.layers.0.mlp.gate.e_score_correction_bias": ("text", True),
        "model.layers.4.eh_proj.weight": ("mtp", False),
        "model.layers.3.mlp.up_proj.weight": ("text", False),
        "mtp.layers.0.weight": ("mtp", False),
        "model.vision_tower.blocks.0.attn.weight": ("vision", False),
        "visual.merger.mlp.0.weight": ("projector", False),
        "audio_tower.layers.0.fc1.weight": ("audio", False),
        "base.layers.0.q_proj.lora_A.weight": ("adapter", False),
        "lm_head.weight": ("text", False),
    }
    pieces: Pieces = dict.fromkeys(expected, ("BF16", (4,)))
    found = {tensor.name: (tensor.part, tensor.buffer) for tensor in header(pieces, layers=4).tensors}
    assert found == expected
