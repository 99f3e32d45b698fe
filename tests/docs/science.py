"""Page on what each engine puts on a GPU: every term of an example, with its formula and its source."""

from __future__ import annotations

from tests.docs.reference import WRITTEN, cell, table
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import terms
from vramfit.sources import open_catalogue

EXAMPLES = {
    "transformers": {"gpu": ["rtx4090"], "model": "llava-1.6-7b", "quant": "fp16"},
    "llama.cpp": {"gpu": ["rtx4090"], "model": "qwen3-30b-a3b", "quant": "Q4_K_M", "cpu_moe_layers": "10"},
    "ollama": {"gpu": ["rtx4090"], "model": "llama-3.1-8b", "quant": "Q4_K_M"},
    "vllm": {"gpu": ["2xl40s"], "model": "qwen3-32b", "quant": "fp8"},
    "sglang": {"gpu": ["2xl40s"], "model": "qwen3-32b", "quant": "fp8"},
    "tensorrt-llm": {"gpu": ["l40s"], "model": "llama-3.1-8b", "quant": "fp8"},
    "exllamav3": {"gpu": ["rtx4090"], "model": "llama-3.1-8b", "quant": "exl3-4.0"},
    "exllamav2": {"gpu": ["rtx4090"], "model": "llama-3.1-8b", "quant": "exl2-4.0"},
    "mlx": {"gpu": ["m3-max-64gb"], "model": "llama-3.1-8b", "quant": "mlx-4bit"},
    "diffusers": {"gpu": ["h100-sxm"], "model": "flux.1-dev", "quant": "bf16"},
    "comfyui": {"gpu": ["rtx4090"], "model": "flux.1-dev", "quant": "fp8"},
    "whisper.cpp": {"gpu": ["rtx4090"], "model": "whisper-large-v3-turbo", "quant": "Q5_0"},
    "faster-whisper": {"gpu": ["rtx4090"], "model": "whisper-large-v3", "quant": "int8_float16", "parallel": "8"},
    "openai-whisper": {"gpu": ["rtx4090"], "model": "whisper-large-v3-turbo", "quant": "fp32"},
}
"""Deployment of each engine whose terms are shown."""


def page() -> str:
    """The whole page."""
    parts = [
        "# What each engine puts on a GPU\n",
        WRITTEN,
        "An estimate is a sum of terms: each has a formula, and the place where that formula or constant was read or"
        " measured. Below are the terms of one deployment of each engine; those with one formula and source share a row. What"
        " the names in a formula stand for shows `vramfit explain` with the same keys, which puts the numbers in their place."
        " How far such sums are from what programs take: [accuracy](accuracy.md).\n",
    ]
    catalogue = open_catalogue()
    for engine, keys in EXAMPLES.items():
        request = parse_request({**keys, "engine": engine})
        rows: dict[tuple[str, str, str], dict[str, None]] = {}
        for term in terms(resolve(request, catalogue)[0]):
            name = term.name.split(" 0")[0] if term.name.startswith("layers ") else term.name
            where = "in RAM" if term.device == "host" else "on the GPU"
            like = f"{term.part.replace('_', ' ')}, {where}", cell(term.formula), cell(term.source)
            rows.setdefault(like, {})[cell(name)] = None
        lines = [(part, "; ".join(found), formula, source) for (part, formula, source), found in rows.items()]
        example = f"{keys['model']} in {keys['quant']} on {keys['gpu'][0]}"
        parts += [f"## {engine}\n", f"{example}.\n", table(("part", "terms", "formula", "source"), lines)]
    return "\n".join(parts)


PAGES = {"science.md": page}
"""Files below ``docs`` with the functions that write them."""
