"""The line that runs a deployment."""

from __future__ import annotations

import ast
import shlex
import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.samples import Catalogue
from vramfit.engines.resolve import resolve
from vramfit.remedies.answer import answer
from vramfit.remedies.command import command, quote
from vramfit.workload import parse_request


def line(**request: Any) -> str:
    """The command of Llama 2 7B on an RTX 4090 unless the request says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-2-7b", "quant": "fp16", **request}
    return command(answer(resolve(parse_request(raw), Catalogue())[0]))


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (
            "llama-server -m llama-2-7b-Q4_K_M.gguf -c 4096 -np 1 -ngl 33 -b 2048 -ub 512 -fa on -ctk f16 -ctv f16",
            {"quant": "Q4_K_M"},
        ),
        (
            "llama-server -m llama-2-7b-Q8_0.gguf -c 8192 -np 4 -ngl 20 -b 512 -ub 256 -fa off -ctk f16 -ctv f16"
            " --kv-unified",
            {
                "quant": "Q8_0", "context": 2048, "parallel": 4, "gpu_layers": 20, "batch": 512, "ubatch": 256,
                "flash_attention": "off", "unified_kv": True,
            },
        ),
        (
            "llama-server -m mixtral-8x7b-Q4_K_M.gguf -c 4096 -np 1 -ngl 33 --n-cpu-moe 12 -b 2048 -ub 512 -fa on"
            " -ctk q8_0 -ctv q8_0 --swa-full",
            {
                "quant": "Q4_K_M", "model": "mixtral-8x7b", "cpu_moe_layers": 12, "kv_cache_type": "q8_0",
                "swa_full": True,
            },
        ),
        (
            "llama-server -m llava-1.5-7b-Q4_K_M.gguf -c 4096 -np 1 -ngl 33 -b 2048 -ub 512 -fa on -ctk f16 -ctv f16"
            " --mmproj mmproj-llava-1.5-7b-F16.gguf",
            {"quant": "Q4_K_M", "model": "llava-1.5-7b"},
        ),
    ],
)  # fmt: skip
def test_llama_server(expected: str, request_: dict[str, Any]) -> None:
    """Every setting the estimate assumed; ``-c`` is the total over the slots."""
    assert expected == line(**request_)


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (
            "AutoModelForCausalLM.from_pretrained('meta-llama/Llama-2-7b-hf', dtype=torch.float16, device_map='auto')",
            {},
        ),
        (
            "AutoModelForImageTextToText.from_pretrained('llava-hf/llava-1.5-7b-hf', "
            "quantization_config=BitsAndBytesConfig(load_in_8bit=True), device_map='auto')",
            {"model": "llava-1.5-7b", "quant": "int8"},
        ),
        (
            "AutoModelForCausalLM.from_pretrained('meta-llama/Llama-2-7b-hf', "
            "quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4', "
            "bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.bfloat16), device_map='auto')",
            {"quant": "nf4"},
        ),
        (
            "model = AutoModelForCausalLM.from_pretrained('meta-llama/Llama-2-7b-hf', dtype=torch.bfloat16); "
            "model = get_peft_model(model, LoraConfig(r=64, target_modules='all-linear'))",
            {"task": "lora", "quant": "bf16", "lora_rank": 64},
        ),
        (
            "model = AutoModelForCausalLM.from_pretrained('meta-llama/Llama-2-7b-hf', dtype=torch.bfloat16)",
            {"task": "full", "quant": "bf16"},
        ),
    ],
)
def test_transformers(expected: str, request_: dict[str, Any]) -> None:
    """Python that loads the model as the estimate assumed."""
    assert expected == line(**request_)


@pytest.mark.parametrize("quant", ["fp16", "bf16", "fp32", "int8", "nf4", "fp4", "nf4-single"])
@pytest.mark.parametrize("task", ["inference", "lora", "qlora", "full"])
def test_transformers_code_is_python(quant: str, task: str) -> None:
    """It parses, whatever the scheme and the task."""
    ast.parse(line(quant=quant, task=task))


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20))
def test_quote_is_read_back_by_a_shell(word: str) -> None:
    """As ``shlex`` reads a command line; words that need no quotes get none."""
    assert [word] == shlex.split(quote(word))
    assert shlex.quote(word) == quote(word)


def test_quote_in_a_real_shell() -> None:
    """The awkward ones, through ``sh``."""
    words = ["it's", "", "a b", "$HOME", "`id`", 'say "no"', "semi;colon", "new\nline", "*"]
    script = "printf '%s\\0' " + " ".join(quote(word) for word in words)
    told = subprocess.run(["sh", "-c", script], capture_output=True, check=True).stdout
    assert words == told.decode().split("\0")[:-1]


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (
            "vllm serve meta-llama/Llama-3.1-8B --dtype float16 --max-model-len 4096 --tensor-parallel-size 1"
            " --pipeline-parallel-size 1 --max-num-batched-tokens 2048 --gpu-memory-utilization 0.92"
            " --kv-cache-dtype auto",
            {"engine": "vllm"},
        ),
        (
            "vllm serve meta-llama/Llama-3.1-8B --quantization fp8 --max-model-len 8192 --tensor-parallel-size 2"
            " --pipeline-parallel-size 2 --max-num-batched-tokens 4096 --gpu-memory-utilization 0.8"
            " --kv-cache-dtype fp8 --enforce-eager",
            {
                "engine": "vllm", "quant": "fp8", "gpu": "4xrtx4090", "pipeline_parallel": 2, "context": 8192,
                "max_batched_tokens": 4096, "gpu_memory_utilization": 0.8, "kv_cache_type": "fp8",
                "enforce_eager": True,
            },
        ),
        # A checkpoint that must be found or made has the model's name and the scheme's, like a GGUF.
        (
            "vllm serve llava-1.5-7b-awq --max-model-len 4096 --tensor-parallel-size 1 --pipeline-parallel-size 1"
            " --max-num-batched-tokens 2048 --gpu-memory-utilization 0.92 --kv-cache-dtype auto"
            """ --limit-mm-per-prompt '{"image": 2}'""",
            {"engine": "vllm", "model": "llava-1.5-7b", "quant": "int4", "images": 2},
        ),
        (
            "python -m sglang.launch_server --model-path meta-llama/Llama-3.1-8B --dtype bfloat16"
            " --context-length 4096 --tp-size 2 --pp-size 1 --chunked-prefill-size 4096 --mem-fraction-static 0.7"
            " --kv-cache-dtype fp8_e4m3 --disable-cuda-graph",
            {
                "engine": "sglang", "quant": "bf16", "gpu": "2xrtx4090", "gpu_memory_utilization": 0.7,
                "kv_cache_type": "fp8", "enforce_eager": True,
            },
        ),
    ],
)  # fmt: skip
def test_servers(expected: str, request_: dict[str, Any]) -> None:
    """Every setting the estimate assumed, in the server's own words."""
    assert expected == line(**{"model": "llama-3.1-8b", **request_})
    assert shlex.split(expected)[0] in ("vllm", "python")
