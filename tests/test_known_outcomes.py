"""Deployments that people tried: what ran must not exceed, what died must not fit.

Lengths that a source does not state are taken low for what died and high for what ran, so that a guess hides no
mistake. What a source does say is in the comment beside it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.command import vramfit

RAN: dict[str, dict[str, Any]] = {
    # lm-sys/FastChat issue 2005: nvidia-smi shows 13,213 of 24,576 MiB.
    "fastchat-2005": {"model": "llama-2-7b", "gpu": "rtx3090", "quant": "fp16", "context": 2048},
    # meta-llama/llama issue 67: max_batch_size 2 at 1024 tokens on a 16 GB card.
    "llama-67": {"model": "llama-7b", "gpu": "t4", "quant": "fp16", "context": 1024, "parallel": 2},
    # haotian-liu/LLaVA issue 1570: the 4-bit version works on 24 GB.
    "llava-1570": {"model": "llava-1.5-7b", "gpu": "rtx4090", "quant": "nf4", "context": 2048},
    # casper-hansen/AutoAWQ README at 88e4c76: 20.26, 16.82 and 10.28 GiB of a 24 GB card.
    "autoawq codellama": {"model": "codellama-34b", "gpu": "rtx4090", "quant": "awq", "context": 4096},
    "autoawq mistral": {"model": "mistral-7b-v0.1", "gpu": "rtx4090", "quant": "awq", "context": 4096, "parallel": 8},
    "autoawq llama": {"model": "llama-2-13b", "gpu": "rtx4090", "quant": "awq", "context": 4096},
    # THUDM/GLM-4 inference/README.md at 3f79b54: 72 GB, 50 GB on the fuller GPU, 25 GB.
    "glm 32b": {"model": "glm-4-32b-0414", "gpu": "h100-sxm", "quant": "bf16", "context": 8000},
    "glm 32b on two": {"model": "glm-4-32b-0414", "gpu": "2xh100-sxm", "quant": "bf16", "context": 32000},
    "glm 9b": {"model": "glm-4-9b-0414", "gpu": "h100-sxm", "quant": "bf16", "context": 8000},
    # Lightning-AI/litgpt tutorials/resource-tables.md at 2685705: 26.55 GB.
    "litgpt falcon": {"model": "falcon-40b", "gpu": "a100-sxm4-40gb", "quant": "nf4", "context": 256},
    # The same tables, fine-tuning at 1304 tokens without checkpointing: peaks of 21.3, 29.07 and 23.14 GB.
    "litgpt lora 1": {
        "model": "llama-2-7b", "gpu": "a100-sxm4-40gb", "task": "lora", "sequence_length": 1304, "micro_batch": 1,
        "trainer": "litgpt", "lora_targets": "qv",
        "gradient_checkpointing": False, "lora_rank": 8,
    },
    "litgpt lora 2": {
        "model": "llama-2-7b", "gpu": "a100-sxm4-40gb", "task": "lora", "sequence_length": 1304, "micro_batch": 2,
        "trainer": "litgpt", "lora_targets": "qv",
        "gradient_checkpointing": False, "lora_rank": 8,
    },
    "litgpt qlora 13b": {
        "model": "llama-2-13b", "gpu": "a100-sxm4-40gb", "task": "qlora", "sequence_length": 1304, "micro_batch": 1,
        "trainer": "litgpt", "lora_targets": "qv",
        "gradient_checkpointing": False, "lora_rank": 8,
    },
}  # fmt: skip

DIED: dict[str, dict[str, Any]] = {
    # meta-llama/llama issue 918: building the model on 8 x 15.77 GiB.
    "llama-918": {"model": "llama-2-70b", "gpu": "8xv100-pcie-16gb", "quant": "fp16", "context": 512},
    # meta-llama/codellama issue 82: building the model, 7.21 of 7.78 GiB allocated.
    "codellama-82": {"model": "codellama-7b", "gpu": "rtx3070", "quant": "fp16", "context": 128},
    # meta-llama/llama issue 455: 10.97 of 11.75 GiB allocated.
    "llama-455": {"model": "llama-2-7b", "gpu": "rtx3060-12gb", "quant": "fp16", "context": 128, "parallel": 4},
    # haotian-liu/LLaVA issue 1099: "more than 30 GB" for the 13B, "about 80 GB" for the 34B.
    "llava-1099 13b": {"model": "llava-1.6-13b", "gpu": "rtx4090", "quant": "fp16", "context": 4096},
    "llava-1099 34b": {"model": "llava-1.6-34b", "gpu": "rtxa6000", "quant": "fp16", "context": 4096},
    # Lightning-AI/litgpt tutorials/resource-tables.md at 2685705: out of memory on 40 GB.
    "litgpt codellama": {"model": "codellama-34b", "gpu": "a100-sxm4-40gb", "quant": "bf16", "context": 256},
    "litgpt falcon": {"model": "falcon-40b", "gpu": "a100-sxm4-40gb", "quant": "bf16", "context": 256},
    "litgpt llama": {"model": "llama-2-70b", "gpu": "a100-sxm4-40gb", "quant": "bf16", "context": 256},
    "litgpt lora 13b": {
        "model": "llama-2-13b", "gpu": "a100-sxm4-40gb", "task": "lora", "sequence_length": 1304, "micro_batch": 2,
        "trainer": "litgpt", "lora_targets": "qv",
        "gradient_checkpointing": False, "lora_rank": 8,
    },
    "litgpt lora 13b 4": {
        "model": "llama-2-13b", "gpu": "a100-sxm4-40gb", "task": "lora", "sequence_length": 1304, "micro_batch": 4,
        "trainer": "litgpt", "lora_targets": "qv",
        "gradient_checkpointing": False, "lora_rank": 8,
    },
    "litgpt lora 7b": {
        "model": "llama-2-7b", "gpu": "a100-sxm4-40gb", "task": "lora", "sequence_length": 1304, "micro_batch": 4,
        "trainer": "litgpt", "lora_targets": "qv",
        "gradient_checkpointing": False, "lora_rank": 8,
    },
    # Lightning-AI/litgpt config_hub/finetune/README.md at 2685705: out of memory on four 24 GB cards (FSDP).
    "litgpt full": {
        "model": "llama-3-8b", "gpu": "4xa10g", "task": "full", "sequence_length": 512, "micro_batch": 4,
        "zero_stage": 3,
    },
    # foundation-model-stack/fms-acceleration scripts/benchmarks/refs/a100_80gb.csv at 876e2ed: 16-bit weights alone
    # exceed the card; and full fine-tuning over two of them.
    "fms mixtral": {"model": "mixtral-8x7b", "gpu": "a100-pcie-80gb", "task": "lora", "micro_batch": 4},
    "fms llama": {"model": "llama-2-70b", "gpu": "a100-pcie-80gb", "task": "full", "micro_batch": 4},
    "fms mixtral on two": {
        "model": "mixtral-8x7b", "gpu": "2xa100-pcie-80gb", "task": "full", "micro_batch": 2, "zero_stage": 3,
    },
}  # fmt: skip


def verdict(deployment: dict[str, Any]) -> str:
    """The word for a deployment under transformers."""
    text = json.dumps({"deployments": [{"engine": "transformers", **deployment}]})
    (estimate,) = vramfit("check", "--file", "-", "--format", "ndjson", stdin=text).lines
    assert "error" not in estimate, estimate
    word: str = estimate["verdict"]
    return word


@pytest.mark.parametrize("name", RAN)
def test_what_ran_does_not_exceed(name: str) -> None:
    """It fits, or is tight."""
    assert verdict(RAN[name]) in ("fits", "tight")


@pytest.mark.parametrize("name", DIED)
def test_what_died_does_not_fit(name: str) -> None:
    """It exceeds."""
    assert "exceeds" == verdict(DIED[name])
