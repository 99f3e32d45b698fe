"""The line that runs a deployment, and the deployment that a line runs."""

from __future__ import annotations

import ast
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.catalogued import catalogue
from tests.samples import Catalogue
from vramfit._record import replace
from vramfit.answer import answer
from vramfit.engines.commands import read_command, with_command
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.errors import CannotTell, UsageError, VramfitError


def line(**request: Any) -> str:
    """The command of Llama 2 7B on an RTX 4090 unless the request says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-2-7b", "quant": "fp16", **request}
    return answer(resolve(parse_request(raw), Catalogue())[0]).command


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (
            "llama-server -m llama-2-7b-Q4_K_M.gguf -c 4096 -np 1 -ngl 33 -b 2048 -ub 512 -fa on -ctk f16 -ctv f16",
            {"quant": "Q4_K_M"},
        ),
        (
            "llama-server -m llama-2-7b-Q8_0.gguf -c 2048 -np 4 -ngl 20 -b 512 -ub 256 -fa off -ctk f16 -ctv f16"
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
            f"{GENERATE}  # 8 layers on GPUs",
            {"quant": "awq", "gpu_layers": 8},
        ),
        (
            "import torch; from transformers import AutoModelForCausalLM; "
            "model = AutoModelForCausalLM.from_pretrained('meta-llama/Llama-2-7b-hf', dtype=torch.bfloat16); "
            "from peft import LoraConfig, get_peft_model; "
            "model = get_peft_model(model, LoraConfig(r=64, target_modules='all-linear')); "
            "from transformers import Trainer, TrainingArguments; "
            "settings = TrainingArguments(per_device_train_batch_size=2, gradient_checkpointing=False, "
            "optim='paged_adamw_8bit', bf16=True); "
            "Trainer(model, settings, train_dataset=samples).train()  # samples of 1024 tokens",
            {
                "task": "lora", "quant": "bf16", "lora_rank": 64, "sequence_length": 1024, "micro_batch": 2,
                "gradient_checkpointing": False, "optimizer": "paged_adamw8bit",
            },
        ),
        (
            "# torchrun --nproc-per-node 8 train.py\n"
            "import torch; from transformers import AutoModelForCausalLM; "
            "model = AutoModelForCausalLM.from_pretrained('meta-llama/Llama-2-7b-hf', dtype=torch.bfloat16); "
            "from transformers import Trainer, TrainingArguments; "
            "settings = TrainingArguments(per_device_train_batch_size=1, gradient_checkpointing=True, "
            "optim='adamw_torch', bf16=True, "
            'deepspeed={"zero_optimization": {"stage": 3}, "train_micro_batch_size_per_gpu": "auto", '
            '"gradient_accumulation_steps": "auto", "bf16": {"enabled": "auto"}}); '
            "Trainer(model, settings, train_dataset=samples).train()  # samples of 2048 tokens",
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
    """It parses, whatever the scheme and the task; quantized weights are not trained whole."""
    if task == "full" and quant not in ("fp16", "bf16", "fp32"):
        with pytest.raises(UsageError, match=f"all weights can be trained in 16 or 32 bits, not in {quant}"):
            line(quant=quant, task=task)
        return
    ast.parse(line(quant=quant, task=task))


@pytest.mark.parametrize(
    ("expected", "request_"),
    [
        (
            "vllm serve meta-llama/Llama-3.1-8B --dtype float16 --max-model-len 4096 --max-num-seqs 256"
            " --tensor-parallel-size 1 --pipeline-parallel-size 1 --max-num-batched-tokens 2048"
            " --gpu-memory-utilization 0.92 --kv-cache-dtype auto",
            {"engine": "vllm"},
        ),
        (
            "vllm serve meta-llama/Llama-3.1-8B --quantization fp8 --max-model-len 8192 --max-num-seqs 256"
            " --tensor-parallel-size 2 --pipeline-parallel-size 2 --max-num-batched-tokens 4096"
            " --gpu-memory-utilization 0.8 --kv-cache-dtype fp8 --enforce-eager",
            {
                "engine": "vllm", "quant": "fp8", "gpu": "4xrtx4090", "pipeline_parallel": 2, "context": 8192,
                "max_batched_tokens": 4096, "gpu_memory_utilization": 0.8, "kv_cache_type": "fp8",
                "enforce_eager": True, "parallel": 16,
            },
        ),
        (
            "vllm serve meta-llama/Llama-3.1-8B --dtype float16 --max-model-len 4096 --max-num-seqs 256"
            " --tensor-parallel-size 2 --pipeline-parallel-size 1 --data-parallel-size 2 --max-num-batched-tokens 2048"
            " --gpu-memory-utilization 0.92 --kv-cache-dtype auto --cpu-offload-gb 1.5 --enable-lora --max-loras 2"
            " --max-lora-rank 64",
            {
                "engine": "vllm", "gpu": "4xrtx4090", "data_parallel": 2, "max_loras": 2, "max_lora_rank": 64,
                "cpu_offload": "1.5GiB",
            },
        ),
        (
            "vllm serve mistralai/Mixtral-8x7B-v0.1 --dtype bfloat16 --max-model-len 4096 --max-num-seqs 256"
            " --tensor-parallel-size 4 --pipeline-parallel-size 1 --enable-expert-parallel --max-num-batched-tokens 2048"
            " --gpu-memory-utilization 0.92 --kv-cache-dtype auto",
            {"engine": "vllm", "model": "mixtral-8x7b", "quant": "bf16", "gpu": "4xrtx4090", "expert_parallel": True},
        ),
        # A checkpoint that must be found or made has the model's name and the scheme's, like a GGUF.
        (
            "vllm serve llava-1.5-7b-awq --max-model-len 4096 --max-num-seqs 256 --tensor-parallel-size 1"
            " --pipeline-parallel-size 1 --max-num-batched-tokens 2048 --gpu-memory-utilization 0.92"
            """ --kv-cache-dtype auto --limit-mm-per-prompt '{"image": 2}'""",
            {"engine": "vllm", "model": "llava-1.5-7b", "quant": "int4", "images": 2},
        ),
        (
            "VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 vllm serve meta-llama/Llama-3.1-8B --dtype float16 --max-model-len 4096"
            """ --hf-overrides '{"max_position_embeddings": 262144, "rope_parameters": {"rope_type": "yarn", "factor": 2.0,"""
            """ "original_max_position_embeddings": 131072}}' --max-num-seqs 256 --tensor-parallel-size 1"""
            " --pipeline-parallel-size 1 --max-num-batched-tokens 2048 --gpu-memory-utilization 0.92 --kv-cache-dtype auto",
            {"engine": "vllm", "rope_scaling": "262144,yarn:2:131072", "long_context": True},
        ),
        (
            """vllm serve meta-llama/Llama-3.1-8B --dtype float16 --max-model-len 4096 --hf-overrides '{"rope_scaling":"""
            """ {"rope_type": "linear", "factor": 2.0}}' --max-num-seqs 256 --tensor-parallel-size 1"""
            " --pipeline-parallel-size 1 --max-num-batched-tokens 2048 --gpu-memory-utilization 0.9 --kv-cache-dtype auto",
            {"engine": "vllm", "rope_scaling": "linear:2", "engine_version": "0.11.0"},
        ),
        # Two machines of eight: the same line on each, with its number.
        (
            "\n".join(
                "vllm serve meta-llama/Llama-3.1-8B --dtype float16 --max-model-len 4096 --max-num-seqs 256"
                " --tensor-parallel-size 8 --pipeline-parallel-size 2 --max-num-batched-tokens 2048"
                " --gpu-memory-utilization 0.92 --kv-cache-dtype auto --nnodes 2 --master-addr FIRST_MACHINE"
                f" --node-rank {number}{' --headless' if number else ''}"
                for number in (0, 1)
            ),
            {"engine": "vllm", "gpu": "16xrtx4090", "tensor_parallel": 8, "pipeline_parallel": 2},
        ),
        # Releases without --nnodes join a cluster of Ray.
        (
            "ray start --head --port=6379 --num-gpus=8\n"
            "ray start --address=FIRST_MACHINE:6379 --num-gpus=8\n"
            "vllm serve meta-llama/Llama-3.1-8B --dtype float16 --max-model-len 4096 --max-num-seqs 256"
            " --tensor-parallel-size 8 --pipeline-parallel-size 2 --max-num-batched-tokens 2048"
            " --gpu-memory-utilization 0.9 --kv-cache-dtype auto --distributed-executor-backend ray",
            {"engine": "vllm", "gpu": "16xrtx4090", "engine_version": "0.8.5"},
        ),
        (
            "trtllm-serve serve meta-llama/Llama-3.1-8B --max_seq_len 4096 --max_batch_size 2048 --max_num_tokens 8192"
            " --tp_size 1 --pp_size 1 --kv_cache_free_gpu_memory_fraction 0.9 --kv_cache_dtype auto",
            {"engine": "tensorrt-llm"},
        ),
        (
            "mpirun -n 16 -H FIRST_MACHINE:8,SECOND_MACHINE:8 trtllm-llmapi-launch trtllm-serve serve llama-3.1-8b-fp8"
            " --max_seq_len 8192 --max_batch_size 64 --max_num_tokens 2048 --tp_size 8 --pp_size 2 --gpus_per_node 8"
            " --kv_cache_free_gpu_memory_fraction 0.5 --kv_cache_dtype fp8 --set cuda_graph_config=null",
            {
                "engine": "tensorrt-llm", "gpu": "16xrtx4090", "quant": "fp8", "context": 8192, "max_num_seqs": 64,
                "max_batched_tokens": 2048, "gpu_memory_utilization": 0.5, "kv_cache_type": "fp8", "enforce_eager": True,
            },
        ),
        (
            "trtllm-serve serve llama-3.1-8b-w8a8 --backend tensorrt --max_seq_len 4096 --max_batch_size 2048"
            " --max_num_tokens 8192 --tp_size 1 --pp_size 1 --kv_cache_free_gpu_memory_fraction 0.9"
            " --kv_cache_dtype auto",
            {"engine": "tensorrt-llm", "quant": "w8a8"},
        ),
        (
            "python -m sglang.launch_server --model-path meta-llama/Llama-3.1-8B --dtype bfloat16"
            " --context-length 4096 --tp-size 2 --pp-size 1 --chunked-prefill-size 4096"
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
        (
            "python examples/chat.py -m llama-3.1-8b-exl3-4.0 -cs 4096 -cq 6,2",
            {"engine": "exllamav3", "quant": "exl3-4.0", "kv_cache_type": "q6", "kv_cache_type_v": "2"},
        ),
        (
            "python examples/chat.py -m llama-3.1-8b-exl2-4.0 -l 8192 -cq4 -mode raw",
            {"engine": "exllamav2", "quant": "exl2-4.0", "parallel": 2, "kv_cache_type": "q4"},
        ),
    ],
)  # fmt: skip
def test_other_engines(expected: str, request_: dict[str, Any]) -> None:
    """Ollama's environment and Modelfile, MLX's conversion and cache, ExLlamaV3's cache."""
    changes = {"rtx4090": {"vendor": "apple", "unified": True}} if request_["engine"] == "mlx" else None
    raw = {"gpu": "rtx4090", "model": "llama-3.1-8b", **request_}
    assert expected == answer(resolve(parse_request(raw), Catalogue(changes))[0]).command


def test_an_engine_without_a_command_line_is_refused() -> None:
    """Nothing is made up."""
    found = answer(resolve(parse_request({"gpu": "rtx4090", "model": "llama-2-7b", "quant": "int8"}), Catalogue())[0])
    with pytest.raises(CannotTell):
        replace(found, deployment=replace(found.deployment, engine="onnxruntime")).command  # noqa: B018


CACHES = {
    "llama.cpp": ["f16", "bf16", "q8_0", "q4_0"],
    "ollama": ["f16", "q8_0"],
    "vllm": ["f16", "bf16", "fp8", "fp8_e5m2", "int8"],
    "sglang": ["f16", "fp8", "fp8_e5m2"],
    "exllamav2": ["f16", "fp8", "int8", "int6", "int4"],
    "exllamav3": ["f16", "int8", "int6", "int4", "int2"],
    "mlx": ["bf16"],
}
QUANTS = {
    "llama.cpp": ["Q4_K_M", "F16"], "ollama": ["Q8_0", "Q4_K_M"], "vllm": ["fp16", "bf16", "fp8", "awq"],
    "sglang": ["bf16", "fp8", "gptq-int4"], "exllamav2": ["exl2-4.0", "gptq-int4", "fp16"], "exllamav3": ["exl3-4.0"],
    "mlx": ["bf16", "mlx-4bit", "mlx-6bit-g32", "mlx-mxfp4"],
}  # fmt: skip
COUNTS = st.integers(1, 4)
PLACED = {
    "gpu_layers": st.sampled_from(["all", "auto", 0, 7, 32]),
    "flash_attention": st.sampled_from(["on", "off"]),
    "ubatch": st.sampled_from([64, 512]),
}
SERVED = {
    "max_batched_tokens": st.sampled_from([1024, 8192]),
    "gpu_memory_utilization": st.sampled_from([0.5, 0.875, 0.95]),
    "enforce_eager": st.booleans(),
    "tensor_parallel": st.sampled_from([1, 2]),
    "parallel": COUNTS,
}
OWN: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "llama.cpp": {
        **PLACED,
        "parallel": COUNTS,
        "batch": st.sampled_from([512, 2048]),
        "cpu_moe_layers": st.sampled_from(["all", "auto", 0, 3]),
        "unified_kv": st.booleans(),
        "swa_full": st.booleans(),
        "kv_offload": st.booleans(),
        "override_tensor": st.sampled_from([["ffn_down=CPU"], ["attn_k=CPU,attn_v=CPU", "norm=CUDA0"]]),
        "mmproj": st.sampled_from(["gpu", "host", "off"]),
        "context_checkpoints": st.sampled_from([0, 32]),
        "cache_ram": st.sampled_from(["0GiB", "2GiB", -1]),
        "split_mode": st.sampled_from(["layer", "row", "none"]),
        "main_gpu": st.sampled_from([0, 1]),
        "tensor_split": st.sampled_from(["3,1", "1,1"]),
    },
    "ollama": {
        **PLACED,
        # Where Ollama puts the projector follows from num_gpu being given: auto and its number are not the same there.
        "gpu_layers": st.sampled_from(["all", 0, 7, 32]),
        "parallel": COUNTS,
        "reserve": st.sampled_from(["1GiB", "500MB"]),
        "sched_spread": st.booleans(),
        "kv_offload": st.booleans(),
        "context_checkpoints": st.sampled_from([0, 32]),
        "cache_ram": st.sampled_from(["0GiB", "2GiB"]),
    },
    "vllm": {**SERVED, "images": st.integers(1, 3)},
    "sglang": SERVED,
    "exllamav2": {},
    "exllamav3": {"swa_full": st.booleans()},
    "mlx": {},
}
"""Keys that an engine's command says, with values on both sides of what it writes differently."""


@st.composite
def requests(draw: st.DrawFn, engine: str) -> dict[str, Any]:
    """A request that uses a few of the engine's keys."""
    own = OWN[engine]
    names = draw(st.sets(st.sampled_from(sorted(own)))) if own else set()
    cache = draw(st.sampled_from(CACHES[engine]))
    return {
        "engine": engine,
        "gpu": "m2-max-96gb" if engine == "mlx" else draw(st.sampled_from(["rtx4090", "2xrtx3090"])),
        "model": draw(st.sampled_from(["llama-3.1-8b", "mixtral-8x7b", "llava-1.5-7b", "gemma-3-4b"])),
        "quant": draw(st.sampled_from(QUANTS[engine])),
        "context": 256 * draw(st.integers(1, 64)),
        "kv_cache_type": cache,
        **({"kv_cache_type_v": draw(st.sampled_from(CACHES[engine]))} if engine in ("llama.cpp", "exllamav3") else {}),
        **{name: draw(own[name]) for name in sorted(names)},
    }


SERVERS = ("vllm", "sglang")
"""Engines whose commands do not say how many requests come at once, since further ones queue."""


def asked_at_once(engine: str, raw: dict[str, Any]) -> dict[str, Any]:
    """Number of requests at once of a deployment, where a command does not say it."""
    return {"parallel": raw.get("parallel", 1)} if engine in SERVERS else {}


@settings(max_examples=60, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data())
@pytest.mark.parametrize("engine", list(OWN))
def test_what_is_written_is_read_back(engine: str, data: st.DataObject) -> None:
    """The keys of a command make a deployment that needs the same bytes on every device and has the same command."""
    raw = data.draw(requests(engine))
    try:
        asked = answer(resolve(parse_request(raw), catalogue())[0])
    except VramfitError:
        assume(False)
        raise
    found = read_command(asked.command)
    assert engine == found.engine
    # The catalogue's model and scheme stand for the file or repository that the command names.
    named = {name: raw[name] for name in ("gpu", "model", "quant")}
    named |= asked_at_once(engine, raw)
    again = answer(resolve(parse_request({"engine": engine, **found.keys, **named}), catalogue())[0])
    assert again.estimate.gpus == asked.estimate.gpus
    assert again.estimate.host == asked.estimate.host
    assert again.command == asked.command


REFERENCES: dict[str, list[tuple[str, str | None]]] = {
    "llama.cpp": [
        ("unsloth/Qwen3-8B-GGUF:Q4_K_M", None), ("unsloth/Qwen3-8B-GGUF:UD-Q4_K_XL", None),
        ("bartowski/gemma-3-4b-it-GGUF", "Q6_K"), ("acme/Qwen3-8B-Q8_0-GGUF", None),
        ("mradermacher/Qwen3-8B-i1-GGUF:IQ4_XS", None),
    ],
    "ollama": [
        ("qwen3:8b", None), ("gemma3:4b-it-qat", None), ("gpt-oss:20b", None), ("unsloth/Qwen3-8B-GGUF:Q4_K_M", None),
    ],
    "vllm": [
        ("Qwen/Qwen3-32B-AWQ", None), ("RedHatAI/Qwen3-8B-FP8-dynamic", None), ("openai/gpt-oss-20b", None),
        ("unsloth/Llama-3.1-8B-Instruct", "fp16"), ("Qwen/Qwen3-8B", "fp8"),
    ],
    "sglang": [("Qwen/Qwen3-32B-AWQ", None), ("TheBloke/Mistral-7B-v0.1-GPTQ", None), ("Qwen/Qwen3-8B", "bf16")],
    "exllamav3": [("turboderp/Qwen3-8B-exl3-4.0bpw", None)],
    "exllamav2": [("turboderp/Llama-3.1-8B-exl2-4.0bpw", None)],
    "mlx": [("mlx-community/Qwen3-8B-4bit", None), ("mlx-community/Qwen3-8B-mxfp4", None), ("Qwen/Qwen3-8B", "mlx-6bit")],
}  # fmt: skip
"""Published files of models in the catalogue, and the scheme that is asked for where the name states none."""


@settings(max_examples=40, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.data())
@pytest.mark.parametrize("engine", list(OWN))
def test_published_files_are_read_back(engine: str, data: st.DataObject) -> None:
    """A command of a report names the user's own files, and alone says model, scheme and every key of the deployment."""
    name, quant = data.draw(st.sampled_from(REFERENCES[engine]))
    raw = {**data.draw(requests(engine)), "model": name, "quant": quant}
    raw = {key: value for key, value in raw.items() if value is not None}
    try:
        asked = answer(resolve(parse_request(raw), catalogue())[0])
    except VramfitError:
        assume(False)
        raise
    written = asked.known_command
    assert written is not None
    assert written == asked.command
    keys = read_command(written).keys
    model = str(keys["model"]).removeprefix("hf:").removeprefix("ollama:")
    again = answer(
        resolve(
            parse_request({"engine": engine, "gpu": raw["gpu"], **keys, "model": model, **asked_at_once(engine, raw)}),
            catalogue(),
        )[0]
    )
    files = [
        (one.repository, one.file, one.tag) for one in (asked.deployment.reference, again.deployment.reference) if one
    ]
    assert [files[0]] * 2 == files
    assert (again.deployment.model, again.deployment.scheme) == (asked.deployment.model, asked.deployment.scheme)
    assert again.estimate.gpus == asked.estimate.gpus
    assert again.estimate.host == asked.estimate.host
    assert again.known_command == written


@pytest.mark.parametrize(
    ("known", "request_"),
    [
        # A file or a checkpoint of a usual name is the user's to find.
        (None, {"quant": "Q4_K_M"}),
        (None, {"quant": "awq", "engine": "vllm"}),
        (None, {"quant": "fp8-block", "engine": "vllm"}),
        (None, {"quant": "awq"}),
        (None, {"quant": "exl3-4.0"}),
        (None, {"model": "Qwen/Qwen3-32B-AWQ", "quant": "gptq-int4", "engine": "vllm"}),
        (None, {"model": "acme/Llama-2-7B-Q8_0-GGUF", "quant": "Q4_K_M"}),
        (None, {"model": "deepseek-v3", "quant": "fp16", "engine": "vllm"}),
        # A tag has its projector loaded whether images are asked for or not.
        (None, {"model": "gemma3:4b", "images": 0}),
        ("from_pretrained('meta-llama/Llama-2-7b-hf'", {"quant": "nf4"}),
        ("from_pretrained('Qwen/Qwen3-32B-AWQ', dtype='auto'", {"model": "Qwen/Qwen3-32B-AWQ"}),
        # In another scheme the release is loaded, not a repository that is quantized already.
        ("from_pretrained('Qwen/Qwen3-32B', quant", {"model": "Qwen/Qwen3-32B-AWQ", "quant": "nf4"}),
        ("vllm serve deepseek-ai/DeepSeek-V3 --max", {"model": "deepseek-v3", "quant": "fp8-block", "engine": "vllm"}),
        ("vllm serve meta-llama/Llama-2-7b-hf --quantization fp8", {"quant": "fp8", "engine": "vllm"}),
        ("llama-server -hf acme/Llama-2-7B-GGUF:Q4_K_M -c", {"model": "acme/Llama-2-7B-GGUF", "quant": "int4"}),
        ("-hf acme/gemma-3-4b-it-GGUF:Q4_K_M -c", {"model": "acme/gemma-3-4b-it-GGUF:Q4_K_M"}),
        (" --no-mmproj", {"model": "acme/gemma-3-4b-it-GGUF:Q4_K_M", "images": 0}),
        ("\nollama run gemma3:4b", {"model": "gemma3:4b"}),
        ("\nollama run gemma3:4b", {"model": "ollama:gemma3:4b", "images": 1}),
        ("'FROM gemma3:4b' 'PARAMETER num_batch 512' 'PARAMETER num_gpu 3'", {"model": "gemma3:4b", "gpu_layers": 3}),
        ("'PARAMETER num_batch 64'", {"model": "qwen3:8b", "ubatch": 64}),
        ("'FROM hf.co/acme/Llama-2-7B-GGUF:Q8_0'", {
            "model": "acme/Llama-2-7B-GGUF:Q8_0", "engine": "ollama", "gpu_layers": 9,
        }),
        ("hf download acme/Llama-2-7B-exl3-4.0bpw --local-dir Llama-2-7B-exl3-4.0bpw\npython examples/chat.py -m Llama-2", {
            "model": "acme/Llama-2-7B-exl3-4.0bpw", "engine": "exllamav3",
        }),
    ],
)  # fmt: skip
def test_files_that_are_known(known: str | None, request_: dict[str, Any]) -> None:
    """A report has a command where the files that it names are the user's own, or published."""
    raw = {"gpu": "rtx4090", "model": "llama-2-7b", "context": 1024, **request_}
    name = raw["model"].removeprefix("ollama:")
    found = answer(resolve(parse_request({**raw, "model": name}), catalogue())[0]).known_command
    assert known in found if known is not None and found is not None else known is found


def said(text: str) -> tuple[str, dict[str, Any]]:
    """Engine and keys of a command."""
    found = read_command(text)
    return found.engine, found.keys


LLAMA = {"gpu_layers": "auto", "images": 0}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        # The device of the projector, and that of a draft, can be RAM.
        (
            "llama-server -m a -c 512 -np 1 --mmproj b -mmdev none -md c -devd none",
            {
                "model": "a",
                "context": "512",
                "parallel": "1",
                "mmproj": "host",
                "draft_model": "c",
                "draft_gpu_layers": "0",
                "gpu_layers": "auto",
            },
        ),
        (
            "llama-server -m a -c 512 -np 1 --mmproj b -mmdev CUDA0",
            {"model": "a", "context": "512", "parallel": "1", "gpu_layers": "auto"},
        ),
        # Left to itself a server has four slots over one cache, and the context that fits.
        (
            "llama-server -m a.gguf",
            {**LLAMA, "model": "a.gguf", "parallel": "4", "unified_kv": True, "context": "auto"},
        ),
        ("llama-server -m a.gguf -c 0 -np 1", {**LLAMA, "model": "a.gguf", "parallel": "1", "context": "max"}),
        (
            "llama-server -m a.gguf -c 8192",
            {**LLAMA, "model": "a.gguf", "parallel": "4", "unified_kv": True, "context": "8192"},
        ),
        (
            "llama-server -m a.gguf -c 8192 -np 2 -kvu",
            {**LLAMA, "model": "a.gguf", "parallel": "2", "unified_kv": True, "context": "8192"},
        ),
        (
            "llama-server -m a.gguf -np 1 -ot 'exps=CPU,norm=CPU' -ot attn=CUDA0 -nkvo -cram 0 -ctxcp 2 -sm tensor",
            {
                **LLAMA,
                "model": "a.gguf",
                "parallel": "1",
                "context": "max",
                "gpu_layers": "all",
                "kv_offload": False,
                "override_tensor": ("exps=CPU,norm=CPU", "attn=CUDA0"),
                "cache_ram": "0",
                "context_checkpoints": "2",
                "split_mode": "tensor",
            },
        ),
        # With tensors placed by name --fit gives up, and with -fit off it does not run.
        (
            "llama-server -m a.gguf -np 1 --n-cpu-moe 9 -dev CUDA0,CUDA1",
            {
                **LLAMA,
                "model": "a.gguf",
                "parallel": "1",
                "context": "auto",
                "gpu_layers": "all",
                "cpu_moe_layers": "9",
            },
        ),
        (
            "llama-server -m a.gguf -np 1 -fit off -dev Vulkan1",
            {
                **LLAMA,
                "model": "a.gguf",
                "parallel": "1",
                "context": "max",
                "gpu_layers": "all",
                "split_mode": "none",
                "main_gpu": "1",
            },
        ),
        (
            "llama-server -m a.gguf -np 1 -dev none -fitt 1024 -fitc 4096",
            {**LLAMA, "model": "a.gguf", "parallel": "1", "context": "auto", "gpu_layers": "0"},
        ),
        (
            "llama-server -hf a/b:Q4_K_M -np 1 --no-mmproj-offload --control-vector-layer-range 1 5",
            {"model": "hf:a/b:Q4_K_M", "parallel": "1", "context": "auto", "gpu_layers": "auto", "mmproj": "host"},
        ),
        (
            "llama-server -hf a/b:Q4_K_M -np 1 --no-mmproj",
            {"model": "hf:a/b:Q4_K_M", "parallel": "1", "context": "auto", "gpu_layers": "auto", "mmproj": "off"},
        ),
        (
            "llama-cli -m a.gguf -c 8192 -ngl 99 -p 'Why?' -cnv",
            {
                "images": 0,
                "model": "a.gguf",
                "parallel": "1",
                "context": "8192",
                "gpu_layers": "99",
                "outputs": "batch",
                "context_checkpoints": "0",
                "cache_ram": "0",
            },
        ),
        (
            "llama-server -m a.gguf -c 8192 -np -1 --no-kv-unified",
            {**LLAMA, "model": "a.gguf", "parallel": "4", "unified_kv": False, "context": "2048"},
        ),
        (
            "build/bin/llama-server --model a.gguf --ctx-size 9000 --parallel 2 --gpu-layers all --cpu-moe -fa auto -ts 3/1"
            " --host 0.0.0.0 --port 8080 --jinja -t 8",
            {
                "model": "a.gguf",
                "context": "4500",
                "parallel": "2",
                "gpu_layers": "all",
                "cpu_moe_layers": "all",
                "flash_attention": "on",
                "tensor_split": "3,1",
                "images": 0,
            },
        ),
        (
            "llama-server -hf a/b-GGUF:Q4_K_M -c 4096 -np 1 -ngl -1 -fa 0",
            {
                "model": "hf:a/b-GGUF:Q4_K_M",
                "context": "4096",
                "parallel": "1",
                "gpu_layers": "auto",
                "flash_attention": "off",
            },
        ),
        (
            "llama-server -hf a/b -c 9 -np 1 -ngl -2 -fa false",
            {
                "model": "hf:a/b",
                "context": "9",
                "parallel": "1",
                "gpu_layers": "all",
                "flash_attention": "off",
            },
        ),
        (
            "llama-server -m a --mmproj b -c 9 -np 1",
            {"gpu_layers": "auto", "model": "a", "context": "9", "parallel": "1"},
        ),
        ("llama-server -m a -c many -np 2", {**LLAMA, "model": "a", "context": "many", "parallel": "2"}),
    ],
)
def test_llama_server_is_read(text: str, keys: dict[str, Any]) -> None:
    """Every spelling, and what the server takes where the line says nothing."""
    assert ("llama.cpp", keys) == said(text)


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("vllm serve a/b", {"model": "a/b", "context": "max"}),
        ("vllm serve a/b --quantization sym_int4", {"model": "a/b", "context": "max", "quant": "w4a16"}),
        ("vllm serve a/b -q fp8_per_block", {"model": "a/b", "context": "max", "quant": "fp8-block"}),
        ("vllm serve a/b --quantization compressed-tensors", {"model": "a/b", "context": "max"}),
        (
            "vllm serve a/b --max-model-len 32k --max_num_seqs 8",
            {"model": "a/b", "context": "32000", "max_num_seqs": "8"},
        ),
        (
            "vllm serve a/b --max-model-len=32K -tp 2 -pp 4",
            {"model": "a/b", "context": "32768", "tensor_parallel": "2", "pipeline_parallel": "4"},
        ),
        (
            "vllm serve a/b --max-model-len auto --max-num-batched-tokens 25.6k",
            {"model": "a/b", "context": "auto", "max_batched_tokens": "25600"},
        ),
        ("vllm serve a/b --max-model-len 1m", {"model": "a/b", "context": "1000000"}),
        ("vllm serve a/b --max-model-len 1M", {"model": "a/b", "context": "1048576"}),
        (
            "vllm serve a/b --max-num-batched-tokens 1g",
            {"model": "a/b", "context": "max", "max_batched_tokens": "1000000000"},
        ),
        (
            "vllm serve a/b --max-num-batched-tokens 1G",
            {"model": "a/b", "context": "max", "max_batched_tokens": "1073741824"},
        ),
        (
            "vllm serve a/b --max-model-len 9 --dtype half --kv-cache-dtype bfloat16",
            {"model": "a/b", "context": "9", "quant": "fp16", "kv_cache_type": "bf16"},
        ),
        (
            "vllm serve a/b --max-model-len 9 --dtype auto --kv-cache-dtype nvfp4",
            {"model": "a/b", "context": "9", "kv_cache_type": "nvfp4"},
        ),
        (
            "vllm serve a/b --max-model-len 9 -q awq_marlin --dtype float16",
            {"model": "a/b", "context": "9", "quant": "awq"},
        ),
        ("vllm serve a/b --max-model-len 9 -q compressed-tensors", {"model": "a/b", "context": "9"}),
        (
            """vllm serve a/b --max-model-len 9 --limit-mm-per-prompt '{"image": 3}'""",
            {"model": "a/b", "context": "9", "images": "3"},
        ),
        (
            """vllm serve a/b --max-model-len 9 --limit-mm-per-prompt '{"image": {"count": 2, "width": 640, "height": 480}}'""",
            {"model": "a/b", "context": "9", "images": "2", "image_size": "640x480"},
        ),
        ("""vllm serve a/b --max-model-len 9 --limit-mm-per-prompt '{"video": 0}'""", {"model": "a/b", "context": "9"}),
        (
            "vllm serve a/b --max-model-len 9 --served-model-name x y --port 80 --no-enforce-eager",
            {"model": "a/b", "context": "9", "enforce_eager": False},
        ),
        (
            "vllm serve a/b --max-model-len 9 -dp 2 --enable-expert-parallel --cpu-offload-gb 4.5",
            {"model": "a/b", "context": "9", "data_parallel": "2", "expert_parallel": True, "cpu_offload": "4.5GiB"},
        ),
        ("vllm serve a/b --max-model-len 9 --enable-lora", {"model": "a/b", "context": "9", "max_loras": "1"}),
        (
            "vllm serve a/b --max-model-len 9 --enable-lora --max-loras 4 --max-lora-rank 64",
            {"model": "a/b", "context": "9", "max_loras": "4", "max_lora_rank": "64"},
        ),
        (
            """vllm serve a/b --hf-overrides '{"rope_parameters": {"rope_type": "yarn", "factor": 4.0,"""
            """ "original_max_position_embeddings": 32768}, "max_position_embeddings": 131072}'""",
            {"model": "a/b", "context": "max", "rope_scaling": "131072,yarn:4:32768"},
        ),
        (
            "VLLM_ALLOW_LONG_MAX_MODEL_LEN=1 vllm serve a/b --max-model-len 9"
            """ --rope-scaling '{"type": "linear", "factor": 2.5}'""",
            {"model": "a/b", "context": "9", "rope_scaling": "linear:2.5", "long_context": True},
        ),
        # Without adapters there are no slots.
        ("vllm serve a/b --max-model-len 9 --max-loras 4 --max-lora-rank 64", {"model": "a/b", "context": "9"}),
    ],
)
def test_vllm_is_read(text: str, keys: dict[str, Any]) -> None:
    """Counts with a letter, precision by either flag, limits of images, lists of names."""
    assert ("vllm", keys) == said(text)


@pytest.mark.parametrize(
    ("text", "engine", "keys"),
    [
        (
            "python3 -m sglang.launch_server --model a/b --tp 2",
            "sglang",
            {"model": "a/b", "tensor_parallel": "2", "context": "max"},
        ),
        (
            "sglang serve --model-path a/b --context-length 9 --cuda-graph-backend-decode full --kv-cache-dtype auto --host ::",
            "sglang",
            {"model": "a/b", "context": "9", "enforce_eager": False},
        ),
        ("ollama run llama3.1:8b", "ollama", {"model": "ollama:llama3.1:8b"}),
        (
            "OLLAMA_FLASH_ATTENTION=false OLLAMA_GPU_OVERHEAD=5 OLLAMA_HOST=x OLLAMA_SCHED_SPREAD=true ollama serve",
            "ollama",
            {"flash_attention": "off", "reserve": "5B", "sched_spread": True},
        ),
        (
            "printf '%s\\n' 'FROM ./a.gguf' 'PARAMETER num_ctx 9' 'PARAMETER main_gpu 1' 'PARAMETER temperature 1' > Modelfile\n"
            "ollama create a -f Modelfile && ollama run a",
            "ollama",
            {
                "model": "a.gguf",
                "context": "9",
                "main_gpu": "1",
                "split_mode": "none",
                "gpu_layers": "auto",
                "images": 0,
            },
        ),
        ("mlx_lm.server --model a/b --port 80", "mlx", {"model": "a/b"}),
        ("python -m mlx_vlm.generate --model a/b --kv-bits 4", "mlx", {"model": "a/b", "kv_cache_type": "int4"}),
        (
            "mlx_lm.convert --hf-path a/b --mlx-path c -q\nmlx_lm.generate --model c",
            "mlx",
            {"model": "a/b", "quant": "mlx-4bit"},
        ),
        ("mlx_lm.convert --hf-path a/b --mlx-path c -q\nmlx_lm.generate --model d", "mlx", {"model": "d"}),
        (
            "python examples/chat.py -m a -l 512 -cq6 -mode llama -gs auto",
            "exllamav2",
            {"model": "a", "context": "512", "kv_cache_type": "int6"},
        ),
        (
            "python examples/chat.py -m a -cs 512 -cq 4",
            "exllamav3",
            {"model": "a", "context": "512", "kv_cache_type": "int4", "kv_cache_type_v": "int4"},
        ),
    ],
)
def test_others_are_read(text: str, engine: str, keys: dict[str, Any]) -> None:
    """Modules and scripts, variables and Modelfiles, a conversion before a generation."""
    assert (engine, keys) == said(text)


def test_words_are_read_as_a_line_is() -> None:
    """As a command line hands them over behind ``--``."""
    assert read_command("vllm serve a/b --max-model-len 9") == read_command(
        ["vllm", "serve", "a/b", "--max-model-len", "9"]
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", 'no engine is known that "" starts'),
        ("my-server --model-id a", 'no engine is known that "my-server" starts'),
        ("llama-server -m a --lora x", "the adapter x is not on this machine, so its size is not known"),
        (
            "llama-server -m a --rpc host:50052",
            "--rpc adds the devices of other machines, whose memory is not known here",
        ),
        ("llama-server -m a --fit-target 512", "--fit-target 512 is not modelled"),
        (
            "llama-server -m a --kv-unified-per-slot 4096",
            "--kv-unified-per-slot sizes the cache of all slots by the number of slots",
        ),
        (
            "LLAMA_ARG_KV_UNIFIED_PER_SLOT=4096 llama-server -m a",
            "--kv-unified-per-slot sizes the cache of all slots by the number of slots",
        ),
        (
            "llama-server -m a -md b -otd exps=CPU",
            "--spec-draft-override-tensor moves tensors of the draft in a way that is not modelled",
        ),
        (
            "llama-server -m a -md b -devd CUDA1",
            "--spec-draft-device CUDA1 places the draft on GPUs of its own, which is not modelled",
        ),
        (
            "llama-server -m a -mm b -mmdev CUDA10",
            "--mmproj-device CUDA10 places the projector on another GPU than the first, which is not modelled",
        ),
        ("llama-server -m a -dev CUDA1,CUDA2", "-dev CUDA1,CUDA2 names some of the GPUs"),
        ("vllm serve a/b --limit-mm-per-prompt 3", "--limit-mm-per-prompt 3 is not read"),
        (
            """vllm serve a/b --hf-overrides '{"num_hidden_layers": 4}'""",
            "--hf-overrides overrides num_hidden_layers, which is not read",
        ),
        ("vllm serve a/b --hf-overrides yarn", "--hf-overrides yarn is not read"),
        (
            "printf '%s\\n' 'FROM a' 'PARAMETER num_gpus 1' > Modelfile\nollama create a",
            'no parameter of a Modelfile is called "num_gpus"',
        ),
    ],
)
def test_what_cannot_be_told_is_refused(text: str, message: str) -> None:
    """Memory of other machines, devices and files that are not known, and values that are none."""
    with pytest.raises(UsageError) as caught:
        read_command(text)
    assert message == caught.value.message


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("vllm serve a/b --offload-group-size 4", ("--offload-group-size of vllm serve is not in the estimate",)),
        (
            "vllm serve a/b --max-modle-len 4",
            (
                "--max-modle-len of vllm serve is not known, and left out of the estimate: did you mean --max-model-len"
                " or --max-log-len?",
            ),
        ),
        ("OLLAMA_NEW=1 ollama serve", ("OLLAMA_NEW of ollama serve is not known, and left out of the estimate",)),
        (
            "OLLAMA_MAX_LOADED_MODELS=2 ollama serve",
            ("OLLAMA_MAX_LOADED_MODELS of ollama serve is not in the estimate",),
        ),
        (
            "LLAMA_ARG_SWA_FUL=1 llama-server -m a",
            (
                "LLAMA_ARG_SWA_FUL of llama-server is not known, and left out of the estimate: did you mean LLAMA_ARG_SWA_FULL?",
            ),
        ),
        ("vllm serve a/b --port 80 --seed 1 --trust-remote-code", ()),
    ],
)
def test_what_is_left_out_is_named(text: str, notes: tuple[str, ...]) -> None:
    """A program refuses what it does not know itself, so what is unknown is of a newer one: it is named, not refused."""
    assert notes == read_command(text).notes


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "text-generation-launcher --model-id a/b --max-total-tokens 4096 --num-shard 2",
            "Text Generation Inference is not modelled yet",
            "the nearest answer: vramfit check -g GPU -m a/b --engine vllm --context 4096 --tensor-parallel 2",
        ),
        (
            "docker run --gpus all ghcr.io/huggingface/text-generation-inference:3.3 --model-id a/b",
            "Text Generation Inference is not modelled yet",
            "the nearest answer: vramfit check -g GPU -m a/b --engine vllm",
        ),
        (
            "lmdeploy serve api_server a/b --tp 2 --session-len 8192 --cache-max-entry-count 0.5",
            "LMDeploy is not modelled yet",
            "the nearest answer: vramfit check -g GPU -m a/b --engine vllm --context 8192 --tensor-parallel 2",
        ),
        (
            "python -m llama_cpp.server --model m.gguf --n_gpu_layers 35 --n_ctx 4096",
            "llama-cpp-python is not modelled yet",
            "the nearest answer: vramfit check -g GPU -m m.gguf --engine llama.cpp --context 4096 --gpu-layers 35",
        ),
        (
            "vllm serve a/b --disable-hybrid-kv-cache-manager",
            "--disable-hybrid-kv-cache-manager keeps the whole context in windowed layers too, which is not modelled",
            "leave it out for the memory with the manager, which is less where the model has windows",
        ),
        (
            "koboldcpp x --sdmodel y",
            "--sdmodel loads another model beside, whose memory is not known",
            "leave it out, and give it as --reserve",
        ),
    ],
)
def test_what_is_not_modelled_is_refused_with_the_next_step(text: str, message: str, hint: str) -> None:
    """By its name, with the nearest question that has an answer."""
    with pytest.raises(CannotTell) as caught:
        read_command(text)
    assert (message, hint) == (caught.value.message, caught.value.hint)


@pytest.mark.parametrize("command", ["", [], 5, {"vllm": "serve"}, None])
def test_what_is_no_launch_command(command: object) -> None:
    """Is refused before it is read: nothing, a number, a mapping."""
    with pytest.raises(UsageError, match="no launch command"):
        with_command({"gpu": "rtx4090", "command": command})
