"""Constants of llama.cpp's speed by kind of card, fitted on measured rows of some fifty cards."""

from __future__ import annotations

from vramfit.engines.profile import SpeedProfile, Unfused

PROFILE = SpeedProfile(
    # GCN and the first two generations of RDNA are set by hand, from three rows of RDNA 2 (median 0.62 of the bus), one of
    # Vega 20 and one of Polaris on a single-board computer.
    bus_share={
        "": 0.88, "Ada Lovelace": 0.926, "Ampere": 0.889, "Ampere HBM": 0.88, "Apple 7-8": 0.857, "Apple 9": 0.882,
        "Blackwell": 0.895, "Hopper": 0.88, "NVIDIA unified": 0.847, "Pascal": 0.88, "RDNA 3": 0.891,
        "RDNA 3.5": 0.865, "RDNA 4": 0.877, "Turing": 0.877, "Xe2-HPG": 0.873, "GCN 4 (Polaris)": 0.4,
        "GCN 5.0 (Vega)": 0.4, "GCN 5.1 (Vega 20)": 0.4, "RDNA": 0.62, "RDNA 2": 0.62,
    },
    bytes_per_clock={"": 6.35},
    # Unpacking is the limit on Apple's first two generations and, for quants below 4 bits, on cards like the Tesla P40
    # (Q2_K, set by hand, ggml-org/llama.cpp PR 4766). NVIDIA's newer cards read them at the rate of the bus: an Ampere card
    # gave 45.1 tokens per second of an IQ2_XXS file (public report of 2026), twice what that limit would allow. Apple's
    # third generation on is between: an M4 gave 5.8 of a UD-Q3_K_XL file (sudoingX/qwen38-mtp issue 40).
    operations_per_weight={
        "K": {"": 0.0, "Apple 7-8": 32.6},
        "low": {
            "": 40.0, "Turing": 0.0, "Ampere": 0.0, "Ampere HBM": 0.0, "Ada Lovelace": 0.0, "Hopper": 0.0, "Blackwell": 0.0,
            "NVIDIA unified": 0.0, "Apple 9": 27.0,
        },
    },
    unfused=Unfused(
        cache_share={"": 0.467, "apple": 0.147},
        attention_share=0.187,
        layer_microseconds=11.0,
    ),
    layer_microseconds={
        "": 86.2, "Ada Lovelace": 63.1, "Ampere": 83.8, "Ampere HBM": 72.3, "Apple 7-8": 125.0, "Apple 9": 82.8,
        "Blackwell": 61.9, "Hopper": 85.9, "NVIDIA unified": 63.2, "Pascal": 233.0, "RDNA 3": 75.9, "RDNA 3.5": 70.3,
        "RDNA 4": 69.6, "Turing": 65.7, "Xe2-HPG": 96.1,
    },
    # llama.cpp uses no CUDA graph over several cards.
    several_cards_microseconds=28.8,
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
    spread={"decode": (0.72, 1.23), "prefill": (0.63, 1.38)},
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
