"""Constants of the roofline. ``tests/speed/fit.py write`` puts the numbers in and says on what rows and how.

Rows of a table are engines, ``""`` those without a row; columns are kinds of cards, schemes or layers, ``""`` the usual one.
The rows of measured speeds stand in ``tests/speed/measured.yaml`` with their sources.
"""

from __future__ import annotations

BUS_SHARE = {
    "llama.cpp": {
        "": 0.886, "Ada Lovelace": 0.928, "Ampere": 0.891, "Ampere HBM": 0.886, "Apple 7-8": 0.858, "Apple 9": 0.896,
        "Blackwell": 0.897, "Hopper": 0.886, "NVIDIA unified": 0.85, "Pascal": 0.886, "RDNA 3": 0.906,
        "RDNA 3.5": 0.882, "RDNA 4": 0.881, "Turing": 0.879, "GCN 4 (Polaris)": 0.4, "GCN 5.0 (Vega)": 0.4,
        "GCN 5.1 (Vega 20)": 0.4, "RDNA": 0.62, "RDNA 2": 0.62,
    },
    "mlx": {"": 0.847},
    "exllamav3": {"": 0.925},
    "": {"": 0.85},
}  # fmt: skip
"""Of the memory's peak bandwidth that reading weights reaches. llama.cpp by kind of card; MLX measured on an M4 Pro and an
M4 Max; exllamav3 stands on exllamav2's rows (RTX 4090, RTX 3090 Ti, A100); the rest, ``""``, is set by hand."""
SM_CLOCK_BYTES = {
    "llama.cpp": {"": 6.37},
    "servers": {
        "": 9.67, "plain, tensorrt-llm": 15.5, "grouped, vllm": 3.59, "grouped, sglang": 6.27,
        "grouped, tensorrt-llm": 8.27,
    },
    "exllamav3": {"": 5.09},
    "": {"": 0.0},
}  # fmt: skip
"""Bytes of weights an NVIDIA multiprocessor takes in per clock, where that binds before the bus does; 0 is no limit. vLLM
and SGLang on A100, A10G and H20 (AWQ and GPTQ kernels of 2023 to 2025), TensorRT-LLM 0.15 on an H200."""
LAYER_MICROSECONDS = {
    "llama.cpp": {
        "": 83.8, "Ada Lovelace": 63.5, "Ampere": 83.2, "Ampere HBM": 71.9, "Apple 7-8": 121.0, "Apple 9": 87.9,
        "Blackwell": 62.6, "Hopper": 85.8, "NVIDIA unified": 63.7, "Pascal": 175.0, "RDNA 3": 77.2, "RDNA 3.5": 64.5,
        "RDNA 4": 70.7, "Turing": 66.1,
    },
    "transformers": {"": 586.0, "int8": 3890.0, "bitsandbytes": 1590.0, "gptq": 1310.0, "awq": 516.0, "fp8": 1990.0},
    "mlx": {"": 49.3},
    "exllamav3": {"": 38.8},
    "servers": {"": 65.6},
    "": {"": 70.0},
}  # fmt: skip
"""What a layer costs beside its bytes. llama.cpp by kind of card; transformers by how its matrices are called (the 16-bit
row on A100 and H20, bitsandbytes on A100, the others on H20); servers share one, since a CUDA graph is a CUDA graph."""
OPERATIONS_PER_WEIGHT = {
    "K": {"": 0.0, "Apple 7-8": 32.6},
    "low": {"": 40.0},
}  # fmt: skip
"""llama.cpp: FP32 operations to unpack a weight, which bind on Apple's first two generations and, below 4 bits, on cards
like the Tesla P40 (Q2_K, ggml-org/llama.cpp PR 4766). 0 is no limit."""
CACHE_SHARE = {
    "on": 0.872, "off": 0.47, "off, apple": 0.145,
}  # fmt: skip
"""How well the cache is read, of what weights reach: with flash attention and without."""
LAYER_EXTRA_MICROSECONDS = {
    "no flash attention": 12.0, "several cards": 29.2, "recurrent": 130.0,
}  # fmt: skip
"""llama.cpp, per layer: attention in several kernels, no CUDA graph over several cards; per recurrent layer in any engine."""
EXPERTS_MICROSECONDS = {
    "": 35.0, "nvidia": 0.54, "amd": 30.6, "apple": 88.7,
}  # fmt: skip
"""Per layer with experts: their routing and gathering, by vendor."""
REDUCE_MICROSECONDS = {
    "NVLink": 57.1, "PCIe": 222.0,
}  # fmt: skip
"""One sum over the ranks of a tensor-parallel group, of which a layer has two: vLLM of 2023 on two A100 (NVLink), and on two
and four A10G without peer access."""
HOST = {
    "share": 0.452, "experts": 164.0,
}  # fmt: skip
"""Share of the RAM's peak that llama.cpp's CPU back end reads, and microseconds per layer whose experts are there: an RTX 2080
beside four channels of DDR4 that their owner measured, and an RTX 3070 and a 4060 Ti."""

MATRIX_SHARE = {
    "llama.cpp": {
        "": 1.38, "Ada Lovelace": 1.26, "Ampere": 1.52, "Ampere HBM": 5.15, "Apple 7-8": 0.58, "Apple 9": 0.663,
        "Hopper": 2.55, "NVIDIA unified": 1.14, "RDNA 3.5": 1.18, "RDNA 2": 1.1, "RDNA 3": 0.9, "RDNA 4": 1.2,
        "Pascal": 1.05, "Turing": 2.0, "Volta": 2.0, "Blackwell": 1.4, "Xe-HPG": 2.2, "Xe2-HPG": 2.2,
    },
    "mlx": {"": 0.682},
    "": {"": 0.4, "16-bit": 0.5},
}  # fmt: skip
"""Operations per second in large matrices: llama.cpp and MLX as multiples of the card's FP32 rate (above 1 where matrix units
help); all others, set by hand, of its dense 16-bit rate."""
MATRIX_GAIN_16_BIT = {
    "llama.cpp": {
        "": 1.38, "Ada Lovelace": 1.75, "Ampere": 1.38, "Ampere HBM": 1.65, "Apple 7-8": 1.15, "Hopper": 1.48,
    },
}  # fmt: skip
"""How much faster 16-bit weights are multiplied than quantized ones."""
ATTENTION_SHARE = {
    "on": 1.16, "off": 0.187, "apple": 0.913,
}  # fmt: skip
"""Rate of attention, of that of the matrices: with flash attention, without, and on Apple's GPUs."""
PIPELINE = {
    "exponent": 0.73, "cost": 0.0161,
}  # fmt: skip
"""Prompts over several cards in llama.cpp: the power of the ideal gain of a pipeline that is reached, and its fixed cost."""
PREFILL_BUS_SHARE = 0.85
"""Of the bus while all weights are read once per pass; set by hand."""
RANKS_SHARE = 0.85
"""Of the ideal gain of tensor parallel ranks; set by hand."""

MEASURED = {
    "decode": frozenset((
        "Ada Lovelace", "Ampere", "Ampere HBM", "Apple 7-8", "Apple 9", "Blackwell", "Hopper", "NVIDIA unified",
        "Pascal", "RDNA 3", "RDNA 3.5", "RDNA 4", "Turing",
    )),
    "prefill": frozenset((
        "Ada Lovelace", "Ampere", "Ampere HBM", "Apple 7-8", "Apple 9", "Hopper", "NVIDIA unified", "RDNA 3.5",
    )),
}  # fmt: skip
"""Kinds of cards with rows in llama.cpp, whose intervals are the narrow ones."""
SPREAD = {
    "decode": {
        "": (0.5, 1.6), "llama.cpp": (0.8, 1.21), "mlx": (0.75, 1.3), "transformers": (0.5, 2.0), "vllm": (0.6, 1.7),
        "sglang": (0.6, 1.7), "tensorrt-llm": (0.6, 1.6), "exllamav3": (0.6, 1.4), "offloaded": (0.57, 1.49),
    },
    "prefill": {"": (0.4, 1.8), "llama.cpp": (0.58, 1.35), "mlx": (0.65, 1.4)},
}  # fmt: skip
"""Low and high as factors of the expected rate, which hold nine rows of ten. llama.cpp's and ``offloaded`` follow from the rows;
the others were measured on a card or two, in one version, and are set wider by hand."""
