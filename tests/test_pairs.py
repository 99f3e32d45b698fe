"""Pairs whose answer was worked out by hand, or is known from someone who tried.

Weights and cache follow from config.json of the named repository by the formulas written here, which know nothing of
the program; verdicts come from the named source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.command import report
from vramfit.units import MIB


def decoder(
    layers: int, hidden: int, ffn: int, vocab: int, *, query: int = 0, kv: int = 0, tied: bool = False, norms: int = 2
) -> int:
    """Parameters of a decoder of the Llama kind: four attention matrices, three of the feed-forward network, norms."""
    query, kv = query or hidden, kv or hidden
    layer = 2 * hidden * query + 2 * hidden * kv + 3 * hidden * ffn + norms * hidden
    return layers * layer + (1 if tied else 2) * vocab * hidden + hidden


def tower(layers: int, width: int, ffn: int, patch: int, positions: int) -> int:
    """Parameters of a vision transformer with biases, without its patch bias, class token and outer norms."""
    layer = 4 * (width * width + width) + 2 * width * ffn + ffn + width + 4 * width
    return 3 * patch * patch * width + positions * width + layers * layer


CLIP_L_336 = tower(24, 1024, 4096, 14, 577) + 1024 + 2 * 2 * 1024
"""CLIP ViT-L/14 at 336 pixels (openai/clip-vit-large-patch14-336): class token, a norm before and one behind."""
SIGLIP_SO400M_896 = tower(27, 1152, 4304, 14, 4096) + 1152 + 2 * 1152
"""SigLIP so400m/14 at 896 pixels (google/gemma-3-27b-it): patch bias, a norm behind."""


def test_towers() -> None:
    """What the two papers' checkpoints hold."""
    assert (303_507_456, 416_866_032) == (CLIP_L_336, SIGLIP_SO400M_896)


def projector(vision: int, text: int) -> int:
    """LLaVA's two linear layers with biases."""
    return vision * text + text + text * text + text


def nf4(linear: int, matrices: int) -> int:
    """bitsandbytes NF4 with double quantization: ``functional.quantize_4bit`` with block 64, nested block 256."""
    return linear // 2 + linear // 64 + 4 * (linear // (64 * 256)) + 1024 * matrices


@dataclass(frozen=True)
class Pair:
    """A question and its answer."""

    gpu: str
    model: str
    quant: str
    weights: int
    cache_per_token: int
    verdict: str
    context: int = 4096
    parallel: int = 1
    cache_constant: int = 0


LLAVA_7B_LINEAR = 32 * (4 * 4096**2 + 3 * 4096 * 11008) + 24 * (4 * 1024**2 + 2 * 1024 * 4096) + 1024 * 4096 + 4096**2
LLAVA_7B = decoder(32, 4096, 11008, 32064) + CLIP_L_336 + projector(1024, 4096)
GPT_OSS_EXPERTS = 24 * 32 * 3 * 2880 * 2880
GPT_OSS_REST = 24 * (
    2 * (2880 * 4096) + 4096 + 2880 + 2 * (2880 * 512 + 512) + 64 + 32 * (2 * 2880 + 2880) + 32 * 2880 + 32 + 2 * 2880
) + (2 * 201088 * 2880 + 2880)
QWEN3_30B = 48 * (2 * 2048 * 4096 + 2 * 2048 * 512 + 2 * 128 + 128 * 2048 + 128 * 3 * 2048 * 768 + 2 * 2048) + (
    2 * 151936 * 2048 + 2048
)
MIXTRAL = (
    32 * (2 * 4096 * 4096 + 2 * 4096 * 1024 + 8 * 4096 + 8 * 3 * 4096 * 14336 + 2 * 4096) + 2 * 32000 * 4096 + 4096
)

PAIRS = {
    # meta-llama/llama issue 455: "CUDA out of memory" at 10.97 GiB allocated of 11.75, a batch of 4.
    "llama-2-7b on an RTX 3060": Pair(
        "rtx3060-12gb", "llama-2-7b", "fp16", 2 * decoder(32, 4096, 11008, 32000), 32 * 2 * 4096 * 2, "exceeds", 128, 4
    ),
    # meta-llama/codellama issue 82: out of memory while building the model, 7.21 GiB allocated of 7.78.
    "codellama-7b on an RTX 3070": Pair(
        "rtx3070", "codellama-7b", "fp16", 2 * decoder(32, 4096, 11008, 32016), 32 * 2 * 4096 * 2, "exceeds", 128
    ),
    # meta-llama/Llama-3.1-8B config.json: 16.06 GB of weights and half a GiB of cache; a third of the card stays free.
    "llama-3.1-8b on an RTX 4090": Pair(
        "rtx4090", "llama-3.1-8b", "bf16", 2 * decoder(32, 4096, 14336, 128256, kv=1024), 32 * 2 * 1024 * 2, "fits"
    ),
    # meta-llama/Llama-3.1-70B config.json; Meta's Llama 3.1 model card gives 140 GB for its 16-bit weights.
    "llama-3.1-70b on two A100": Pair(
        "2xa100-sxm4-80gb", "llama-3.1-70b", "fp16", 2 * decoder(80, 8192, 28672, 128256, kv=1024), 80 * 2 * 1024 * 2,
        "fits",
    ),
    # meta-llama/llama issue 918: out of memory while building the model on 8 x 15.77 GiB.
    "llama-2-70b on eight V100": Pair(
        "8xv100-pcie-16gb", "llama-2-70b", "fp16", 2 * decoder(80, 8192, 28672, 32000, kv=1024), 80 * 2 * 1024 * 2,
        "exceeds", 512,
    ),
    # QwenLM/Qwen3 speed benchmark (qwen.readthedocs.io): ran on one H20 with 96 GB; Qwen/Qwen3-30B-A3B config.json.
    "qwen3-30b-a3b on an H20": Pair("h20", "qwen3-30b-a3b", "bf16", 2 * QWEN3_30B, 48 * 2 * 512 * 2, "fits", 2049),
    # mistralai/Mixtral-8x7B-v0.1 config.json; foundation-model-stack/fms-acceleration a100_80gb.csv: never fits one.
    "mixtral-8x7b on an A100": Pair("a100-sxm4-80gb", "mixtral-8x7b", "fp16", 2 * MIXTRAL, 32 * 2 * 1024 * 2, "exceeds"),
    # google/gemma-3-27b-it config.json, 27,432,406,640 parameters in its index: every sixth of 62 layers keeps all
    # tokens, the other 52 their last 1023 (transformers ``DynamicSlidingWindowLayer``, window 1024).
    "gemma-3-27b on an H100": Pair(
        "h100-sxm", "gemma-3-27b", "bf16",
        2 * (decoder(62, 5376, 21504, 262208, query=4096, kv=2048, tied=True, norms=4) + 62 * 2 * 128
             + SIGLIP_SO400M_896 + 1152 + 1152 * 5376),
        10 * 2 * 2048 * 2, "fits", 8192, cache_constant=52 * 1023 * 2 * 2048 * 2,
    ),
    # openai/gpt-oss-20b: 13,761,264,768 bytes in its index, experts at 17 bytes per 32 weights; half of 24 layers keep
    # their last 127 tokens. Its README: "runs within 16GB of memory".
    "gpt-oss-20b on an RTX 4090": Pair(
        "rtx4090", "gpt-oss-20b", "MXFP4", GPT_OSS_EXPERTS // 32 * 17 + 2 * GPT_OSS_REST, 12 * 2 * 512 * 2, "fits",
        cache_constant=12 * 127 * 2 * 512 * 2,
    ),
    # haotian-liu/LLaVA issue 1570: out of memory in fp16 on 24 GB with others' memory in use, the 4-bit version works.
    "llava-1.5-7b in 4 bits on an RTX 4090": Pair(
        "rtx4090", "llava-1.5-7b", "nf4", nf4(LLAVA_7B_LINEAR, 32 * 7 + 24 * 6 + 2) + 2 * (LLAVA_7B - LLAVA_7B_LINEAR),
        32 * 2 * 4096 * 2, "fits", 2048,
    ),
    # haotian-liu/LLaVA issue 1099: a maintainer gives about 80 GB for the 34B in 16 bits.
    "llava-1.6-34b on an RTX A6000": Pair(
        "rtxa6000", "llava-1.6-34b", "fp16",
        2 * (decoder(60, 7168, 20480, 64064, kv=1024) + CLIP_L_336 + projector(1024, 7168) + 7168),
        60 * 2 * 1024 * 2, "exceeds",
    ),
    # premAI-io/benchmarks README: ran on an A100 80 GB at 14.9 GB.
    "llama-2-7b on an A100": Pair(
        "a100-sxm4-80gb", "llama-2-7b", "fp16", 2 * decoder(32, 4096, 11008, 32000), 32 * 2 * 4096 * 2, "fits", 1024
    ),
}  # fmt: skip


def answered(pair: Pair) -> Any:
    """The one estimate of a pair under transformers."""
    arguments = ["--quant", pair.quant, "--context", str(pair.context), "--parallel", str(pair.parallel)]
    ran = report("-g", pair.gpu, "-m", pair.model, *arguments, "--engine", "transformers")
    (estimate,) = ran.estimates
    assert ran.code == (1 if estimate["verdict"] == "exceeds" else 0)
    return estimate


@pytest.mark.parametrize("name", PAIRS)
def test_pair(name: str) -> None:
    """Weights and cache to the byte, and the known verdict."""
    pair = PAIRS[name]
    estimate = answered(pair)
    cache = pair.parallel * (pair.context * pair.cache_per_token + pair.cache_constant)
    assert (pair.weights, cache) == (estimate["breakdown"]["weights"], estimate["breakdown"]["kv_cache"])
    assert pair.verdict == estimate["verdict"]


# DeepSeek-R1 (deepseek-ai/DeepSeek-R1 config.json): MLA with a query rank of 1536, a latent of 512 and a rotary key of
# 64; 58 layers of 256 experts and a shared one 2048 wide, behind 3 dense layers 18432 wide. Every linear layer is FP8
# with a 32-bit scale for each 128 x 128 weights; embedding, head, router and norms are 16-bit.
MLA = {
    "q_a": (7168, 1536), "q_b": (1536, 128 * 192), "kv_a": (7168, 576), "kv_b": (512, 128 * 256), "o": (128 * 128, 7168),
}  # fmt: skip


def block_fp8(rows: int, columns: int) -> int:
    """Bytes of one FP8 matrix with its scales."""
    return rows * columns + 4 * -(-rows // 128) * -(-columns // 128)


def deepseek_r1() -> int:
    """Bytes of the checkpoint without its prediction head, and without the selection bias of its routers."""
    attention = sum(block_fp8(*shape) for shape in MLA.values())
    dense, expert = 3 * block_fp8(7168, 18432), 3 * block_fp8(7168, 2048)
    kept = 2 * 129280 * 7168 + 7168 + 61 * (2 * 7168 + 1536 + 512) + 58 * 256 * 7168
    return 61 * attention + 3 * dense + 58 * 257 * expert + 2 * kept


@pytest.mark.parametrize(("verdict", "gpu"), [("exceeds", "8xh100-sxm"), ("fits", "8xh200")])
def test_deepseek_r1(verdict: str, gpu: str) -> None:
    """671 GB of FP8: too much for eight H100 (640 GB), well within eight H200 (1128 GB), as its README deploys it.

    The cache is the latent alone: 61 x 576 x 2 bytes a token, a 57th of what full keys and values would take.
    """
    estimate = answered(Pair(gpu, "deepseek-r1", "fp8", 0, 0, verdict))
    biases = estimate["breakdown"]["weights"] - deepseek_r1()
    assert 0 <= biases <= 4 * 58 * 256
    assert 61 * 576 * 2 * 4096 == estimate["breakdown"]["kv_cache"]
    assert verdict == estimate["verdict"]


# QwenLM/Qwen3 docs/source/getting_started/speed_benchmark.md at 7a2f61f (qwen.readthedocs.io): MiB that torch holds on an
# H20 under transformers 4.51.3; the length counts the prompt and 2048 generated tokens.
HELD = [
    ("qwen3-0.6b", "bf16", 8192, 2066),
    ("qwen3-0.6b", "gptq-int8", 2049, 986),
    ("qwen3-0.6b", "gptq-int8", 8192, 1658),
    ("qwen3-1.7b", "bf16", 8192, 4213),
    ("qwen3-1.7b", "bf16", 16384, 5109),
    ("qwen3-1.7b", "bf16", 32768, 6902),
    ("qwen3-1.7b", "gptq-int8", 16384, 3798),
    ("qwen3-1.7b", "gptq-int8", 32768, 5590),
    ("qwen3-8b", "bf16", 2049, 15947),
    ("qwen3-8b", "bf16", 32768, 20267),
    ("qwen3-8b", "fp8", 2049, 9323),
    ("qwen3-8b", "fp8", 8192, 10187),
    ("qwen3-8b", "fp8", 32768, 13644),
    ("qwen3-14b", "bf16", 8192, 29495),
    ("qwen3-14b", "bf16", 16384, 30775),
    ("qwen3-30b-a3b", "bf16", 2049, 58462),
    ("qwen3-30b-a3b", "bf16", 16384, 59806),
]


@pytest.mark.parametrize(("model", "quant", "context", "measured"), HELD)
def test_what_torch_holds_after_generating(model: str, quant: str, context: int, measured: int) -> None:
    """Weights and cache, and 33 to 47 MiB more: the cuBLAS workspace of a Hopper card is 32 of them.

    Activations of the prefill are gone by then, so these readings say nothing of the peak.
    """
    parts = answered(Pair("h20", model, quant, 0, 0, "fits", context))["breakdown"]
    assert 32 * MIB <= measured * MIB - parts["weights"] - parts["kv_cache"] <= 48 * MIB
