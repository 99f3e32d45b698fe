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
from vramfit._record import replace
from vramfit.answer import answer
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.errors import CannotTell
from vramfit.remedies.command import command, quote


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


GENERATE = "answer = model.generate(**inputs, max_length=4096)"


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (
            "import torch; from transformers import AutoModelForCausalLM; "
            "model = AutoModelForCausalLM.from_pretrained('meta-llama/Llama-2-7b-hf', dtype=torch.float16, "
            f"device_map={{'': 0}}); {GENERATE}",
            {},
        ),
        (
            "from transformers import AutoModelForImageTextToText, BitsAndBytesConfig; "
            "model = AutoModelForImageTextToText.from_pretrained('llava-hf/llava-1.5-7b-hf', "
            f"quantization_config=BitsAndBytesConfig(load_in_8bit=True), device_map={{'': 0}}); {GENERATE}",
            {"model": "llava-1.5-7b", "quant": "int8"},
        ),
        (
            "import torch; from transformers import AutoModelForCausalLM, BitsAndBytesConfig; "
            "model = AutoModelForCausalLM.from_pretrained('meta-llama/Llama-2-7b-hf', "
            "quantization_config=BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4', "
            "bnb_4bit_use_double_quant=True, bnb_4bit_compute_dtype=torch.bfloat16), attn_implementation='eager', "
            "device_map='auto'); answer = model.generate(**inputs, max_length=2048)",
            {"quant": "nf4", "gpu": "2xrtx4090", "flash_attention": "off", "context": 2048},
        ),
        (
            "from transformers import AutoModelForCausalLM; "
            "model = AutoModelForCausalLM.from_pretrained('meta-llama/Llama-2-7b-hf', dtype='auto', device_map='auto', "
            "max_memory={0: 1365549056, 'cpu': 2523758592}); "
            f"{GENERATE}",
            {"quant": "awq", "gpu_layers": 8},
        ),
        (
            "import torch; from transformers import AutoModelForCausalLM; "
            "model = AutoModelForCausalLM.from_pretrained('meta-llama/Llama-2-7b-hf', dtype=torch.bfloat16); "
            "from peft import LoraConfig, get_peft_model; "
            "model = get_peft_model(model, LoraConfig(r=64, target_modules='all-linear')); "
            "from trl import SFTConfig, SFTTrainer; "
            "settings = SFTConfig(max_length=1024, per_device_train_batch_size=2, gradient_checkpointing=False, "
            "optim='paged_adamw_8bit', bf16=True); "
            "SFTTrainer(model, settings, train_dataset=samples).train()",
            {
                "task": "lora", "quant": "bf16", "lora_rank": 64, "sequence_length": 1024, "micro_batch": 2,
                "gradient_checkpointing": False, "optimizer": "paged_adamw8bit",
            },
        ),
        (
            "import torch; from transformers import AutoModelForCausalLM; "
            "model = AutoModelForCausalLM.from_pretrained('meta-llama/Llama-2-7b-hf', dtype=torch.bfloat16); "
            "from trl import SFTConfig, SFTTrainer; "
            "settings = SFTConfig(max_length=2048, per_device_train_batch_size=1, gradient_checkpointing=True, "
            "optim='adamw_torch', bf16=True, deepspeed={'zero_optimization': {'stage': 3}}); "
            "SFTTrainer(model, settings, train_dataset=samples).train()",
            {"task": "full", "quant": "bf16", "gpu": "8xrtx4090", "zero_stage": 3},
        ),
    ],
)  # fmt: skip
def test_transformers(expected: str, request_: dict[str, Any]) -> None:
    """Python that loads the model as the estimate assumed, and uses it within the asked context or batch."""
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
            "vllm serve meta-llama/Llama-3.1-8B --dtype float16 --max-model-len 4096 --max-num-seqs 1"
            " --tensor-parallel-size 1 --pipeline-parallel-size 1 --max-num-batched-tokens 2048"
            " --gpu-memory-utilization 0.92 --kv-cache-dtype auto",
            {"engine": "vllm"},
        ),
        (
            "vllm serve meta-llama/Llama-3.1-8B --quantization fp8 --max-model-len 8192 --max-num-seqs 16"
            " --tensor-parallel-size 2 --pipeline-parallel-size 2 --max-num-batched-tokens 4096"
            " --gpu-memory-utilization 0.8 --kv-cache-dtype fp8 --enforce-eager",
            {
                "engine": "vllm", "quant": "fp8", "gpu": "4xrtx4090", "pipeline_parallel": 2, "context": 8192,
                "max_batched_tokens": 4096, "gpu_memory_utilization": 0.8, "kv_cache_type": "fp8",
                "enforce_eager": True, "parallel": 16,
            },
        ),
        # A checkpoint that must be found or made has the model's name and the scheme's, like a GGUF.
        (
            "vllm serve llava-1.5-7b-awq --max-model-len 4096 --max-num-seqs 1 --tensor-parallel-size 1"
            " --pipeline-parallel-size 1 --max-num-batched-tokens 2048 --gpu-memory-utilization 0.92"
            """ --kv-cache-dtype auto --limit-mm-per-prompt '{"image": 2}'""",
            {"engine": "vllm", "model": "llava-1.5-7b", "quant": "int4", "images": 2},
        ),
        # Two machines of eight: the same line on each, with its number.
        (
            "\n".join(
                "vllm serve meta-llama/Llama-3.1-8B --dtype float16 --max-model-len 4096 --max-num-seqs 1"
                " --tensor-parallel-size 8 --pipeline-parallel-size 2 --max-num-batched-tokens 2048"
                " --gpu-memory-utilization 0.92 --kv-cache-dtype auto --nnodes 2 --master-addr FIRST_MACHINE"
                f" --node-rank {number}{' --headless' if number else ''}"
                for number in (0, 1)
            ),
            {"engine": "vllm", "gpu": "16xrtx4090", "tensor_parallel": 8, "pipeline_parallel": 2},
        ),
        (
            "python -m sglang.launch_server --model-path meta-llama/Llama-3.1-8B --dtype bfloat16"
            " --context-length 4096 --max-running-requests 1 --tp-size 2 --pp-size 1 --chunked-prefill-size 4096"
            " --mem-fraction-static 0.7 --kv-cache-dtype fp8_e4m3 --cuda-graph-backend-decode disabled"
            " --cuda-graph-backend-prefill disabled",
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


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (
            "OLLAMA_CONTEXT_LENGTH=8192 OLLAMA_NUM_PARALLEL=2 OLLAMA_KV_CACHE_TYPE=q8_0 OLLAMA_FLASH_ATTENTION=1 "
            "OLLAMA_SCHED_SPREAD=0 OLLAMA_GPU_OVERHEAD=1073741824 ollama serve &\n"
            "printf '%s\\n' 'FROM ./llama-3.1-8b-Q4_K_M.gguf' 'PARAMETER num_batch 256' 'PARAMETER num_gpu 20' "
            "> Modelfile\n"
            "ollama create llama-3.1-8b-q4_k_m -f Modelfile\n"
            "ollama run llama-3.1-8b-q4_k_m",
            {
                "engine": "ollama", "quant": "Q4_K_M", "context": 8192, "parallel": 2, "kv_cache_type": "q8_0",
                "gpu_layers": 20, "ubatch": 256, "reserve": "1GiB",
            },
        ),
        (
            "mlx_lm.convert --hf-path meta-llama/Llama-3.1-8B --mlx-path llama-3.1-8b-mlx-4bit --quantize --q-bits 4"
            " --q-group-size 64 --q-mode affine\n"
            "mlx_lm.generate --model llama-3.1-8b-mlx-4bit --prompt - --max-kv-size 4096",
            {"engine": "mlx", "quant": "mlx-4bit"},
        ),
        (
            "mlx_vlm.generate --model llava-hf/llava-1.5-7b-hf --prompt - --kv-bits 8",
            {"engine": "mlx", "model": "llava-1.5-7b", "quant": "fp16", "kv_cache_type": "int8"},
        ),
        (
            "python examples/chat.py -m llama-3.1-8b-exl3-4.0 -cs 10240 -cq 8,4 -swa_full",
            {
                "engine": "exllamav3", "quant": "exl3-4.0", "context": 5000, "parallel": 2, "kv_cache_type": "int8",
                "kv_cache_type_v": "int4", "swa_full": True,
            },
        ),
    ],
)  # fmt: skip
def test_other_engines(expected: str, request_: dict[str, Any]) -> None:
    """Ollama's environment and Modelfile, MLX's conversion and cache, ExLlamaV3's cache."""
    changes = {"rtx4090": {"vendor": "apple", "unified": True}} if request_["engine"] == "mlx" else None
    raw = {"gpu": "rtx4090", "model": "llama-3.1-8b", **request_}
    assert expected == command(answer(resolve(parse_request(raw), Catalogue(changes))[0]))


def test_an_engine_without_a_command_line_is_refused() -> None:
    """Nothing is made up."""
    found = answer(resolve(parse_request({"gpu": "rtx4090", "model": "llama-2-7b", "quant": "int8"}), Catalogue())[0])
    with pytest.raises(CannotTell):
        command(replace(found, deployment=replace(found.deployment, engine="onnxruntime")))
