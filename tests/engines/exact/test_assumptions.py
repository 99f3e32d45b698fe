"""What each engine says it took for granted, whole, with and without each condition."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engines.exact.asking import estimate

PREFILL = "the whole context of 4,096 tokens is filled by one prefill without chunking"
BITSANDBYTES = "weights are quantized on load; the output head and embeddings stay 16-bit"
VLLM = "vLLM takes 92% of each card whatever the need, and must start within that"
SCORES = "a quantized cache has no fused kernel in MLX, so a prompt's scores grow with the context"
BY_MEMORY = "layers are split over the GPUs in proportion to their memory; a token passes them one after another"
FOUR_TIMES = "inputs are held four times so that the GPUs can overlap (pipeline parallelism)"
IN_RAM = "weights in RAM are computed by the CPU, and copied to the GPU one matrix at a time for long prompts"
BANDWIDTH = "the RAM is taken to give 90 GB/s; ram_bandwidth states another rate"


@pytest.mark.parametrize(
    ("expected", "gpu", "model", "quant", "keys"),
    [
        ([PREFILL], "rtx3090", "three-layers", "fp16", {}),
        ([PREFILL, BITSANDBYTES], "rtx3090", "three-layers", "nf4", {}),
        (
            [PREFILL, 'layers are spread in order over the GPUs, as device_map="auto" does; one GPU works at a time'],
            "2xrtx3090", "three-layers", "fp16", {},
        ),
        (
            [
                PREFILL, "the context includes the tokens of 2 images of the largest size",
                "the layers in host memory are copied over PCIe for every token",
            ],
            "rtx3090", "frames", "fp16", {"gpu_layers": 2, "images": 2},
        ),
        (
            [PREFILL, "the context includes the tokens of one image of 448 x 448 pixels"],
            "rtx3090", "frames", "fp16", {"image_size": "448x448"},
        ),
        ([PREFILL], "rtx3090", "frames", "fp16", {"images": 0}),
    ],
)  # fmt: skip
def test_transformers(expected: list[str], gpu: str, model: str, quant: str, keys: dict[str, Any]) -> None:
    assert estimate(gpu, model, "transformers", quant, **keys)["assumptions"] == expected


@pytest.mark.parametrize(
    ("expected", "engine", "gpu", "quant", "keys"),
    [
        (
            [f"the cache holds one sequence of 4,096 tokens; {VLLM}", "a step processes up to 2,048 tokens"],
            "vllm", "rtx3090", "fp16", {},
        ),
        (
            [
                f"the cache holds 3 sequences of 4,096 tokens each; {VLLM}", "a step processes up to 512 tokens",
                "each layer is split over 2 GPUs; the layers form 2 stages on groups of GPUs",
            ],
            "vllm", "4xrtx3090", "fp16", {"parallel": 3, "max_batched_tokens": 512, "pipeline_parallel": 2},
        ),
        (
            [
                f"the cache holds one sequence of 4,096 tokens; {VLLM}", "a step processes up to 2,048 tokens",
                "needs a vLLM version or plugin that loads bitsandbytes; double-quantized scales are kept so",
            ],
            "vllm", "rtx3090", "nf4", {},
        ),
        (
            [
                "the cache holds one sequence of 4,096 tokens; weights and cache may take 71.5% of the memory that is free"
                " before they are loaded",
                "a prefill step processes up to 4,096 tokens", "the layers form 2 stages on a GPU each",
            ],
            "sglang", "2xrtx3090", "fp16", {"pipeline_parallel": 2},
        ),
        (
            ["the cache is allocated for 12,288 tokens; the input embedding stays in system RAM"],
            "exllamav3", "rtx3090", "fp16", {"parallel": 3},
        ),
        (
            [
                "the cache is allocated for 4,352 tokens; the input embedding stays in system RAM",
                "layers are spread in order over the GPUs, one of which works at a time",
            ],
            "exllamav3", "2xrtx3090", "fp16", {"context": 4097},
        ),
        (["a prompt is read 2,048 tokens at a time", SCORES], "mlx", "m1-16gb", "fp16", {"kv_cache_type": "int8"}),
    ],
)  # fmt: skip
def test_others(expected: list[str], engine: str, gpu: str, quant: str, keys: dict[str, Any]) -> None:
    assert estimate(gpu, "three-layers", engine, quant, **keys)["assumptions"] == expected


def test_windows_in_mlx() -> None:
    said = estimate("m1-16gb", "chunks", "mlx", kv_cache_type="int8")["assumptions"]
    assert said[1:] == [SCORES, "caches of sliding windows stay 16-bit, which mlx-lm cannot quantize"]


@pytest.mark.parametrize(
    ("expected", "gpu", "keys"),
    [
        ([], "rtx3090", {}),
        (["llama.cpp rounds the context up to 4352 tokens"], "rtx3090", {"context": 4097}),
        ([BY_MEMORY, FOUR_TIMES], "2xrtx3090", {}),
        ([BY_MEMORY.replace("in proportion to their memory", "as tensor_split asks"), FOUR_TIMES], "2xrtx3090",
         {"tensor_split": "1,1"}),
        (
            [
                "each matrix is cut by rows over the GPUs, caches follow the layers; llama.cpp calls this deprecated, and "
                "builds since June 2026 have it for SYCL only",
            ],
            "2xrtx3090", {"split_mode": "row"},
        ),
        ([BY_MEMORY, IN_RAM, BANDWIDTH], "2xrtx3090", {"gpu_layers": 3}),
        ([IN_RAM], "rtx3090", {"gpu_layers": 3, "ram_bandwidth": "51.2GB/s"}),
        (
            ["RAM holds what the GPUs do not; llama-server keeps prompts there besides, up to 8 GiB (--cache-ram)"],
            "rtx3090", {"ram": "64GiB"},
        ),
        (
            ["Vulkan leaves tables of attention scores beyond 4 GiB to the CPU, where the driver cannot bind them"],
            "rtx3090", {"backend": "vulkan", "flash_attention": "off"},
        ),
        (
            ["auto leaves 1024 MiB free on each GPU, as llama-server --fit does; this is -ngl 4"],
            "rtx3090", {"gpu_layers": "auto"},
        ),
    ],
)  # fmt: skip
def test_llama_cpp(expected: list[str], gpu: str, keys: dict[str, Any]) -> None:
    assert estimate(gpu, "three-layers", "llama.cpp", "F16", **keys)["assumptions"] == expected
