"""What a scheme costs in quality, as measured: a label for each, and the evidence behind it.

Labels: the worse of two bands on 7-9B models: perplexity on wikitext up to 1 % near-lossless, 5 % small, 20 %
noticeable, more severe; MMLU loss up to 0.5, 1.5, 5 points likewise. Nothing measured: unknown.
"""

from __future__ import annotations

# scheme: (label at 7-9B, label at 70B, evidence). Perplexity of GGUF types: ggml-org/llama.cpp tools/quantize/README.md
# and PR 5076, 5590; MMLU: matt-c1/llama-3-quant-comparison README @f35b7db (Llama-3-8B-Instruct).
LABELS: dict[str, tuple[str, str, str]] = {
    "Q8_0": ("near-lossless", "near-lossless", "perplexity +0.04 %, MMLU +0.03 points on Llama-3-8B"),
    "Q6_K": ("near-lossless", "near-lossless", "perplexity +0.35 %, MMLU -0.14 points on Llama-3-8B"),
    "Q5_K_M": ("near-lossless", "near-lossless", "perplexity +0.91 %, MMLU -0.30 points on Llama-3-8B"),
    "Q5_K_S": ("small", "near-lossless", "perplexity +1.7 %, MMLU -0.32 points on Llama-3-8B"),
    "Q4_K_M": ("small", "small", "perplexity +2.4 %, MMLU -0.56 points on Llama-3-8B"),
    "Q4_K_S": ("small", "small", "perplexity +2.9 %, MMLU -0.57 points on Llama-3-8B"),
    "IQ4_XS": ("small", "small", "perplexity +3.7 %, MMLU -0.81 points on Llama-3-8B"),
    "Q4_0": ("noticeable", "small", "perplexity +7.5 % on Llama-3-8B"),
    "Q3_K_M": ("noticeable", "noticeable", "perplexity +8.1 %, MMLU -2.3 points on Llama-3-8B"),
    "IQ3_M": ("noticeable", "noticeable", "perplexity +11 %, MMLU -2.7 points on Llama-3-8B"),
    "Q2_K": ("severe", "noticeable", "perplexity +39 %, MMLU -9.3 points on Llama-3-8B"),
    "int8": ("small", "unknown", "MMLU -0.67 points on Llama-3-8B-Instruct"),
    "nf4": ("noticeable", "unknown", "MMLU -1.8 points on Llama-3-8B-Instruct"),
    "fp4": ("noticeable", "unknown", "MMLU -3.5 points on Llama-3-8B-Instruct"),
}
LARGE_PARAMETERS = 40_000_000_000
"""From here on the 70B column applies."""


def quality(scheme_id: str, parameters: int) -> tuple[str, str]:
    """Label and evidence for a scheme on a model of that size; 16-bit is the reference itself."""
    if scheme_id.lower() in ("fp16", "bf16", "fp32", "f16", "f32"):
        return "reference", "16-bit weights, as released"
    known = LABELS.get(scheme_id)
    if known is None:
        return "unknown", "nothing measured for this scheme"
    small, large, evidence = known
    return (large if parameters >= LARGE_PARAMETERS else small), evidence
