"""Golden reports: what ``check`` draws for each scenario at each width, from reports that were recorded once.

``python -m tests.render.golden`` draws them anew after a change of the renderer, ``python -m tests.render.golden record``
asks the program for the reports first. Read the difference before committing it. What is recorded is drawn, so that a
change of an estimate changes nothing here.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from tests.command import vramfit
from vramfit.render import table

GOLDEN = Path(__file__).parent / "golden"
WIDTHS = (60, 80, 100, 120, 200)
WHOLE = 80
"""Width of the goldens of ``--details``."""

DEPLOYMENTS = """\
defaults: {context: 8192}
deployments:
  - {name: chat, gpu: rtx4090, model: llama-3.1-8b, quant: Q4_K_M}
  - {name: big, gpu: 2xrtx3090, model: llama-3.1-70b, quant: Q4_K_M}
  - {name: vision, gpu: rtx4090, model: llava-1.6-13b, context: 4096}
  - {name: typo, gpu: rtx4900, model: llama-3.1-8b}
  - {name: huge, gpu: rtx4090, model: llama-3.1-405b, quant: Q4_K_M}
  - {name: server, gpu: 2xl40s, model: qwen3-32b, engine: vllm, quant: fp8, context: 32768, parallel: 16}
  - {name: old, gpu: v100-sxm2-16gb, model: llama-3.1-8b, engine: vllm, quant: fp16}
"""
NEW = {"model_type": "novel", "architectures": ["NovelForCausalLM"], "hidden_size": 4096, "num_hidden_layers": 32}
MINE = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 4096, "num_hidden_layers": 40,
    "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336, "vocab_size": 64000,
    "max_position_embeddings": 32768, "torch_dtype": "bfloat16",
}  # fmt: skip
FILES = {
    "deployments.yaml": DEPLOYMENTS, "novel/config.json": json.dumps(NEW), "mine/config.json": json.dumps(MINE),
}  # fmt: skip

SCENARIOS = {
    "readme": "-g rtx4090 -m llava-1.6-13b",
    "fits": "-g rtx4090 -m llama-3.1-8b",
    "tight": "-g rtx4060 -m qwen3-8b --quant Q5_K_M -c 16000 --platform windows",
    "spills": "-g rtx4060 -m qwen3-14b --quant Q5_K_M --platform windows",
    "server": "-g 2xl40s -m qwen3-32b --engine vllm --quant fp8 -c 32768 --parallel 16",
    "training": "-g rtx4090 -m llama-3.1-8b --task full",
    "two-gpus": "-g 2xrtx3090 -m llama-3.1-70b --quant Q4_K_M --context 8192",
    "mixed-gpus": "-g rtx4090 -g rtx3060-12gb -m llama-3.1-70b --quant Q3_K_M",
    "unknown": "-g rtx4090 -m ./novel --quant fp16",
    "unsupported": "-g v100-sxm2-16gb -m llama-3.1-8b --engine vllm",
    "offload": "-g rtx3060-12gb -m qwen3-30b-a3b --quant Q4_K_M --cpu-moe-layers 28 --ram 32GiB",
    "experts": "-g rtx3060-12gb -m qwen3-30b-a3b --quant Q4_K_M",
    "mac": "-g m3-max-64gb -m llama-3.3-70b --engine mlx",
    "pipeline": "-g rtx3060-12gb -m flux.1-dev",
    "ollama-fits": "-g rtx3060-12gb -m qwen3-8b --engine ollama",
    "ollama-exceeds": "-g rtx4060 -m gpt-oss-20b --engine ollama",
    "vllm-fits": "-g rtx4090 -m qwen3-8b --engine vllm --quant fp8 -c 16384",
    "vllm-exceeds": "-g rtx4090 -m qwen3-32b --engine vllm",
    "sglang-fits": "-g h100-sxm -m qwen3-32b --engine sglang --quant fp8 -c 32768",
    "sglang-exceeds": "-g l40s -m llama-3.3-70b --engine sglang --quant awq -c 8192 --parallel 8",
    "tensorrt-fits": "-g l40s -m llama-3.1-8b --engine tensorrt-llm --quant fp8",
    "tensorrt-exceeds": "-g l4 -m qwen3-32b --engine tensorrt-llm --quant fp8",
    "exllama-fits": "-g rtx3090 -m qwen3-32b --engine exllamav3 --quant exl3-4.0bpw",
    "exllama-exceeds": "-g rtx3060-12gb -m llama-3.3-70b --engine exllamav3",
    "mlx-fits": "-g m4-max-64gb -m qwen3-32b --engine mlx --quant int4",
    "unified": "-g gb10 -m gpt-oss-120b",
    "unified-exceeds": "-g strix-halo-64gb -m llama-3.3-70b --quant Q4_K_M",
    "comfyui-fits": "-g rtx4060ti-16gb -m sdxl-base --engine comfyui",
    "comfyui-tight": "-g rtx3060-12gb -m qwen-image --engine comfyui",
    "diffusers-fits": "-g rtx4090 -m sdxl-base",
    "video": "-g rtx4090 -m wan2.2-t2v-a14b",
    "speech": "-g rtx4060 -m whisper-large-v3",
    "embedding": "-g rtx4060 -m bge-m3",
    "qlora": "-g rtx4090 -m llama-3.1-8b --task qlora --trainer unsloth",
    "lora-exceeds": "-g rtx4090 -m qwen3-32b --task lora --trainer trl",
    "grpo": "-g a100-pcie-80gb -m qwen3-8b --task lora --objective grpo",
    "experts-huge": "-g rtx4090 -m deepseek-v3 --quant Q4_K_M",
    "imported": "-g rtx4060 -m ./mine --quant Q4_K_M -c 32768",
    "cannot-tell": "-g custom:24GiB -m ./novel",
    "file": "--file deployments.yaml",
}
"""Options of ``check`` by the name of the scenario."""
PAGES = [(name, width) for name in SCENARIOS for width in (*WIDTHS, None)]
"""Scenario and width of each golden; None stands for the whole report."""


def path(name: str, width: int | None) -> Path:
    """File of a golden."""
    return GOLDEN / f"{name}-{'details' if width is None else width}.txt"


def recorded(name: str) -> dict[str, Any]:
    """Report of a scenario as it was recorded."""
    report: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    return report


def drawn(report: dict[str, Any], width: int | None, *, colour: bool = False) -> str:
    """Text of a report at a width."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="", write_through=True)
    table.print_report(report, stream=stream, colour=colour, width=width or WHOLE, details=width is None)
    content = stream.buffer
    assert isinstance(content, io.BytesIO)
    return content.getvalue().decode("utf-8")


def asked(options: str) -> dict[str, Any]:
    """Report that the program draws for these options today, in a folder with ``FILES``."""
    found: list[dict[str, Any]] = []
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        patch.chdir(folder)
        for name, text in FILES.items():
            Path(name).parent.mkdir(exist_ok=True)
            Path(name).write_text(text, encoding="utf-8")
        patch.setattr(table, "print_report", lambda report, **_: found.append(report))
        ran = vramfit("check", *options.split(), "--format", "table")
        assert ran.code in (0, 1, 2, 3), ran
    return found[0]


def main() -> None:
    """Draw every golden anew, and with ``record`` ask for the reports first."""
    GOLDEN.mkdir(exist_ok=True)
    for name, options in SCENARIOS.items():
        if "record" in sys.argv:
            text = json.dumps(asked(options), ensure_ascii=False, separators=(",", ":"))
            # A line for each estimate, so that a difference can be read.
            (GOLDEN / f"{name}.json").write_text(text.replace('{"name":', '\n{"name":') + "\n", encoding="utf-8")
    for name, width in PAGES:
        path(name, width).write_text(drawn(recorded(name), width), encoding="utf-8")


if __name__ == "__main__":
    main()
