"""Constants of llama.cpp's speed by kind of card, fitted on measured rows of some fifty cards."""

from __future__ import annotations

from vramfit.engines.profile import SpeedProfile, Unfused

PROFILE = SpeedProfile(
    # GCN and the first two generations of RDNA are set by hand, from three rows of RDNA 2 (median 0.62 of the bus), one of
    # Vega 20 and one of Polaris on a single-board computer.
    bus_share={
        "": 0.886, "Ada Lovelace": 0.928, "Ampere": 0.891, "Ampere HBM": 0.886, "Apple 7-8": 0.858, "Apple 9": 0.896,
        "Blackwell": 0.897, "Hopper": 0.886, "NVIDIA unified": 0.85, "Pascal": 0.886, "RDNA 3": 0.906,
        "RDNA 3.5": 0.882, "RDNA 4": 0.881, "Turing": 0.879, "GCN 4 (Polaris)": 0.4, "GCN 5.0 (Vega)": 0.4,
        "GCN 5.1 (Vega 20)": 0.4, "RDNA": 0.62, "RDNA 2": 0.62,
    },
    bytes_per_clock={"": 6.37},
    # Unpacking is the limit on Apple's first two generations and, for quants below 4 bits, on cards like the Tesla P40
    # (Q2_K, set by hand, ggml-org/llama.cpp PR 4766); an RTX 3090 reads them at the rate of its bus.
    operations_per_weight={"K": {"": 0.0, "Apple 7-8": 32.6}, "low": {"": 0.0, "Pascal": 40.0, "Maxwell": 40.0}},
    unfused=Unfused(
        cache_share={"": 0.47, "apple": 0.145},
        attention_share=0.187,
        layer_microseconds=12.0,
    ),
    layer_microseconds={
        "": 83.8, "Ada Lovelace": 63.5, "Ampere": 83.2, "Ampere HBM": 71.9, "Apple 7-8": 121.0, "Apple 9": 87.9,
        "Blackwell": 62.6, "Hopper": 85.8, "NVIDIA unified": 63.7, "Pascal": 175.0, "RDNA 3": 77.2, "RDNA 3.5": 64.5,
        "RDNA 4": 70.7, "Turing": 66.1,
    },
    # llama.cpp uses no CUDA graph over several cards.
    several_cards_microseconds=29.2,
    # ``op_offload_min_batch_size`` of ggml-org/llama.cpp ``ggml/src/ggml-cuda/ggml-cuda.cu``.
    least_copied_tokens=32,
    # The rate of llama.cpp's kernels follows the shader cores; shares above 1 are due to matrix units. RDNA 2, RDNA 3, Xe2
    # and Pascal are set by hand from one or two rows each, Turing and Volta by their matrix units, Blackwell like Ada.
    matrix_rate="fp32",
    matrix_share={
        "": 1.38, "Ada Lovelace": 1.26, "Ampere": 1.52, "Ampere HBM": 5.15, "Apple 7-8": 0.58, "Apple 9": 0.663,
        "Hopper": 2.55, "NVIDIA unified": 1.14, "RDNA 3.5": 1.18, "RDNA 2": 1.1, "RDNA 3": 0.9, "RDNA 4": 1.2,
        "Pascal": 1.05, "Turing": 2.0, "Volta": 2.0, "Blackwell": 1.4, "Xe-HPG": 2.2, "Xe2-HPG": 2.2,
    },
    gain_16_bit={
        "": 1.38, "Ada Lovelace": 1.75, "Ampere": 1.38, "Ampere HBM": 1.65, "Apple 7-8": 1.15, "Hopper": 1.48,
    },
    pipeline_exponent=0.73,
    pipeline_cost=0.0161,
    spread={"decode": (0.8, 1.21), "prefill": (0.58, 1.35)},
    measured={
        "decode": (
            "Ada Lovelace", "Ampere", "Ampere HBM", "Apple 7-8", "Apple 9", "Blackwell", "Hopper", "NVIDIA unified",
            "Pascal", "RDNA 3", "RDNA 3.5", "RDNA 4", "Turing",
        ),
        "prefill": (
            "Ada Lovelace", "Ampere", "Ampere HBM", "Apple 7-8", "Apple 9", "Hopper", "NVIDIA unified", "RDNA 3.5",
        ),
    },
)  # fmt: skip
