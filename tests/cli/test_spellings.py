"""Spellings that people use, each with what it means: GPUs, models, numbers, quantizations, engines and their own flags."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.command import vramfit
from vramfit.engines import engine
from vramfit.engines.keys import common_keys
from vramfit.quantization import find_scheme
from vramfit.workload.common import CLASSES
from vramfit.workload.keys import parse_value

G, M = "-g rtx4090", "-m qwen3-8b"

MEANINGS: dict[str, dict[str, Any]] = {
    # numbers of tokens
    f"{G} {M} -c 32k": {"context": 32768},
    f"{G} {M} -c 128K": {"context": 131072},
    f"{G} {M} -c 32,768": {"context": 32768},
    f"{G} {M} -c 32_768": {"context": 32768},
    f"{G} {M} -c '8192 tokens'": {"context": 8192},
    f"{G} {M} -c 1M": {"context": 1048576},
    f"{G} {M} -c max": {"context": 40960},
    # sizes of memory
    f"{G} {M} --ram 64GB": {"ram": "64GiB"},
    f"{G} {M} --ram '64 GiB'": {"ram": "64GiB"},
    f"{G} {M} --ram 64G": {"ram": "64GiB"},
    f"{G} {M} --reserve 512MB": {"reserve": "512MiB"},
    # GPUs that are in no catalogue
    f"-g custom:24GB {M}": {"gpu": "custom:24gb", "memory_bytes": 24 * 2**30},
    f"-g 'custom:24 GiB' {M}": {"gpu": "custom:24 gib", "memory_bytes": 24 * 2**30},
    f"-g custom:24GB@1008GB/s {M}": {"gpu": "custom:24gb@1008gb/s", "bandwidth_bytes_per_second": 1008 * 10**9},
    f"--vram 24 {M}": {"gpu": "custom:24gb", "memory_bytes": 24 * 2**30},
    # GPUs by name
    f"-g 4090 {M}": {"gpu": "rtx4090"},
    f"-g 'RTX 4090' {M}": {"gpu": "rtx4090"},
    f"-g 'NVIDIA GeForce RTX 4090' {M}": {"gpu": "rtx4090"},
    f"-g 'geforce-rtx-4090' {M}": {"gpu": "rtx4090"},
    f"-g 'RTX 4090 (24GB)' {M}": {"gpu": "rtx4090"},
    f"-g 'rtx4090 24 GB vram' {M}": {"gpu": "rtx4090"},
    f"-g 'MSI RTX 4090 Gaming Trio' {M}": {"gpu": "rtx4090"},
    f"-g '3060 12gb' {M}": {"gpu": "rtx3060-12gb"},
    f"-g '4060 Ti 16GB' {M}": {"gpu": "rtx4060ti-16gb"},
    f"-g 'RX 7900 XTX' {M}": {"gpu": "rx7900xtx"},
    f"-g 'M3 Max 64GB' {M}": {"gpu": "m3-max-64gb"},
    f"-g 'MacBook Pro 16 M3 Max 64GB' {M}": {"gpu": "m3-max-64gb"},
    f"-g 'Mac Studio M2 Ultra 192 GB' {M}": {"gpu": "m2-ultra-192gb"},
    f"-g 'dgx spark' {M}": {"gpu": "gb10"},
    f"-g 'Tesla P40 24GB' {M}": {"gpu": "p40"},
    # a form factor that makes no difference to the memory
    f"-g h100 {M}": {"gpu": "h100-sxm"},
    f"-g 'H100 80GB' {M}": {"gpu": "h100-sxm"},
    f"-g 'A100 80gb' {M}": {"gpu": "a100-pcie-80gb"},
    f"-g 'h100 nvl' {M}": {"gpu": "h100-nvl"},
    # several
    f"-g 2x4090 {M}": {"gpu": "rtx4090", "count": 2},
    f"-g '2*4090' {M}": {"gpu": "rtx4090", "count": 2},
    f"-g '2 x RTX 4090' {M}": {"gpu": "rtx4090", "count": 2},
    f"-g 4090x2 {M}": {"gpu": "rtx4090", "count": 2},
    f"-g '4090 x 2' {M}": {"gpu": "rtx4090", "count": 2},
    f"-g rtx4090:2 {M}": {"gpu": "rtx4090", "count": 2},
    f"-g h100x8 {M}": {"gpu": "h100-sxm", "count": 8},
    f"-g 'dual 3090' {M}": {"gpu": "rtx3090", "count": 2},
    f"-g 'two 3090s' {M}": {"gpu": "rtx3090", "count": 2},
    f"-g 4090,3090 {M}": {"gpu": "rtx4090+rtx3090", "count": 2},
    f"-g '4090 + 3090' {M}": {"gpu": "rtx4090+rtx3090", "count": 2},
    f"-g '4090 and 2x3090' {M}": {"gpu": "rtx4090+rtx3090", "count": 3},
    # without flags
    "4090 qwen3-8b": {"gpu": "rtx4090", "model": "qwen3-8b"},
    "rtx 4090 qwen3 8b": {"gpu": "rtx4090", "model": "qwen3-8b"},
    "qwen3-8b on a 4090": {"gpu": "rtx4090", "model": "qwen3-8b"},
    "2x4090 qwen3-8b --quant int4": {"gpu": "rtx4090", "count": 2, "quant": "nf4"},
    "-m qwen3-8b 4090": {"gpu": "rtx4090", "model": "qwen3-8b"},
    # models
    f"{G} -m 'Qwen3 8B'": {"model": "qwen3-8b", "engine": "transformers"},
    f"{G} -m qwen3:8b": {"model": "qwen3-8b", "engine": "ollama", "quant": "Q4_K_M"},
    f"{G} -m Qwen/Qwen3-8B": {"model": "qwen3-8b"},
    f"{G} -m 'llama3.1 8b'": {"model": "llama-3.1-8b"},
    f"{G} -m 'llama 3.1 8B instruct'": {"model": "llama-3.1-8b"},
    f"{G} -m 'mistral 7b'": {"model": "mistral-7b"},
    f"{G} -m 'deepseek r1 32b'": {"model": "deepseek-r1-distill-qwen-32b"},
    f"{G} -m 'Qwen3 8B Q4_K_M'": {"model": "qwen3-8b", "engine": "llama.cpp", "quant": "Q4_K_M"},
    # quantizations
    f"{G} {M} --quant INT4": {"quant": "nf4", "engine": "transformers"},
    f"{G} {M} --quant 4bit": {"quant": "nf4"},
    f"{G} {M} --quant 4-bit": {"quant": "nf4"},
    f"{G} {M} --quant 8-bit": {"quant": "int8"},
    f"{G} {M} --quant FP-16": {"quant": "fp16"},
    f"{G} {M} --load-in-4bit": {"quant": "nf4"},
    f"{G} {M} --quant q4km": {"quant": "Q4_K_M", "engine": "llama.cpp"},
    f"{G} {M} --quant Q4": {"quant": "Q4_K_M", "engine": "llama.cpp"},
    f"{G} {M} --quant q8": {"quant": "Q8_0", "engine": "llama.cpp"},
    f"{G} {M} --quant Q4 --engine vllm": {"quant": "awq", "engine": "vllm"},
    f"{G} {M} --quant 4bit --engine llama.cpp": {"quant": "Q4_K_M"},
    f"{G} {M} --quantization awq": {"quant": "awq"},
    # engines
    f"{G} {M} --engine vLLM": {"engine": "vllm"},
    f"{G} {M} --engine llamacpp": {"engine": "llama.cpp"},
    f"{G} {M} --engine Llama.CPP": {"engine": "llama.cpp"},
    f"{G} {M} --engine TensorRT_LLM": {"engine": "tensorrt-llm"},
    # their own flags, with the meaning that numbers have there
    f"-g 2x4090 {M} --tensor-parallel-size 2": {"engine": "vllm", "tensor_parallel": 2},
    f"{G} {M} --gpu_memory_utilization 0.8": {"engine": "vllm", "gpu_memory_utilization": 0.8},
    f"{G} {M} --max-num-batched-tokens 4096": {"engine": "vllm", "max_batched_tokens": 4096},
    f"{G} {M} --cpu-offload-gb 4": {"engine": "vllm", "cpu_offload": "4GiB"},
    f"{G} {M} --kv-cache-dtype fp8": {"engine": "vllm", "kv_cache_type": "fp8"},
    f"{G} {M} --max-num-seqs 16": {"engine": "vllm", "max_num_seqs": 16},
    f"{G} {M} --mem-fraction-static 0.8": {"engine": "sglang", "gpu_memory_utilization": 0.8},
    f"{G} {M} --max-running-requests 16": {"engine": "sglang", "max_num_seqs": 16},
    f"{G} {M} --tp-size 1 --engine sglang": {"engine": "sglang", "tensor_parallel": 1},
    f"{G} {M} --quant q4km -ngl 20 -fa on": {"engine": "llama.cpp", "gpu_layers": 20, "flash_attention": "on"},
    f"{G} {M} --n-cpu-moe 0 --port 8080": {"engine": "llama.cpp"},
    f"{G} {M} --ubatch 256": {"engine": "llama.cpp", "ubatch": 256},
    # as people write them in threads
    "'can my 3090 run llama 3.3 70b?'": {"gpu": "rtx3090", "model": "llama-3.3-70b"},
    f"{G} -m 'llama 70b 3.3'": {"model": "llama-3.3-70b"},
    f"{G} -m 'nemotron 49b'": {"model": "nemotron-super-49b"},
    f"-g 'Ryzen AI Max+ 395 128GB' {M}": {"gpu": "strix-halo-128gb"},
    f"{G} {M} --kv q8_0": {"engine": "llama.cpp", "kv_cache_type": "q8_0"},
    f"{G} {M} --quant nvfp4": {"engine": "vllm", "quant": "nvfp4"},
    f"{G} {M} --quant 'exl3 4.0bpw'": {"engine": "exllamav3", "quant": "exl3-4.0"},
    f"{G} {M} --engine llama-server": {"engine": "llama.cpp"},
    f"{G} {M} --engine huggingface": {"engine": "transformers"},
    f"{G} {M} --ngl 20 --quant q4km": {"gpu_layers": 20},
    f"{G} {M} --quant q4km --flash-attn": {"flash_attention": "on"},
    f"{G} {M} --gpu-memory-utilization 90%": {"gpu_memory_utilization": 0.9},
    f"{G} {M} --task QLoRA --seq-len 4096 --rank 32": {"task": "qlora", "sequence_length": 4096, "lora_rank": 32},
    f"{G} {M} --seq-len 8192": {"context": 8192},
    f"{G} {M} --platform Win11": {"platform": "windows"},
    # users, in every word for them
    f"{G} {M} --users 4": {"parallel": 4},
    f"{G} {M} --concurrency 4": {"parallel": 4},
    f"{G} {M} --num-ctx 8192": {"context": 8192},
    f"{G} {M} --CONTEXT 8192": {"context": 8192},
}


THREADS: dict[str, dict[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("spellings.yaml").read_text(encoding="utf-8")
)


def found(line: str) -> dict[str, Any]:
    """Everything that a report's first estimate says of what was asked."""
    ran = vramfit("check", *shlex.split(line), "--json", "--offline")
    assert ran.code in (0, 1), ran.err
    one = ran.document["estimates"][0]
    return {
        **one["deployment"],
        **one["gpu"],
        "gpu": one["gpu"]["id"],
        "model": one["model"]["id"],
        "engine": one["engine"],
        "quant": one["quant"]["scheme"],
    }


@pytest.mark.parametrize("line", MEANINGS)
def test_meaning(line: str) -> None:
    stated = found(line)

    assert MEANINGS[line] == {name: stated[name] for name in MEANINGS[line]}


@pytest.mark.parametrize("line", THREADS["lines"])
def test_meaning_of_a_line_from_threads(line: str) -> None:
    stated, meaning = found(line), THREADS["lines"][line]

    assert meaning == {name: stated[name] for name in meaning}


@pytest.mark.parametrize("word", THREADS["quants"])
def test_meaning_of_a_quantization(word: str) -> None:
    """A class means what the engine takes for it."""
    read = parse_value(common_keys()["quant"], word)
    meant = engine("transformers").scheme_of_class[read] if read in CLASSES else find_scheme(read).id

    assert THREADS["quants"][word] == meant


@pytest.mark.parametrize("word", THREADS["engines"])
def test_meaning_of_an_engine(word: str) -> None:
    assert THREADS["engines"][word] == parse_value(common_keys()["engine"], word)


def test_there_are_hundreds() -> None:
    assert len(MEANINGS) + len(THREADS["lines"]) + len(THREADS["quants"]) + len(THREADS["engines"]) > 500


@pytest.mark.parametrize(
    ("line", "note"),
    [
        (f"{G} {M} --ram 64GB", "ram: 64GB is read as 64 GiB"),
        (f"-g custom:24GB {M}", "gpu: 24GB is read as 24 GiB"),
        (
            f"-g h100 {M}",
            "gpu: h100 is read as h100-sxm, the form most offered; h100-pcie has the same memory; h100-nvl has 94 GB",
        ),
        (
            f"-g 'two h100s' {M}",
            "gpu: h100 is read as h100-sxm, the form most offered; h100-pcie has the same memory; h100-nvl has 94 GB",
        ),
        (
            f"-g 'CMP 170HX' {M}",
            "gpu: CMP 170HX is read as cmp170hx-8gb, as sold; others are cmp170hx-10gb and cmp170hx-64gb",
        ),
        (f"-g g5.12xlarge {M}", "gpu: g5.12xlarge is a machine with 4xa10g"),
        # No price of either form is known, so that neither is offered more.
        (f"-g h800 {M}", "gpu: h800 is read as h800-pcie; h800-sxm has the same memory"),
        (
            f"{G} {M} --max-num-seqs 16",
            "engine: vllm, since it has max_num_seqs, as sglang and tensorrt-llm have; --engine chooses another",
        ),
    ],
)
def test_what_was_chosen_is_in_the_report(line: str, note: str) -> None:
    (*_, last) = vramfit("check", *shlex.split(line), "--json").estimates

    assert note in last["assumptions"]


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        (
            f"-g 24GB {M}",
            '"24GB" is a size and no GPU',
            "name the card, or say custom:24GB for any with that much memory",
        ),
        (
            f"-g '16 GB' {M}",
            '"16 GB" is a size and no GPU',
            "name the card, or say custom:16GB for any with that much memory",
        ),
        (f"-g '' {M}", 'gpu: "" is not a valid value', "expected a gpu, or a list of them"),
        (
            f"-g 5090-48gb {M}",
            'no GPU is called "5090-48gb": 5090 has 32 GB',
            "for a card with other memory say custom:48GB",
        ),
        (
            f"-g a100 {M}",
            '"a100" is not one GPU: a100-pcie-40gb, a100-sxm4-40gb, a100-pcie-80gb and a100-sxm4-80gb',
            "give one of these ids; see `vramfit list gpus`",
        ),
        (
            f"{G} -m 'llama 70b'",
            '"llama 70b" is not one model: llama-2-70b, llama-3-70b, llama-3.1-70b, llama-3.3-70b, codellama-70b,'
            " deepseek-r1-distill-llama-70b, nemotron-70b and ultravox-v0.6-70b",
            "give one of these names; see `vramfit list models`",
        ),
        (f"{G} {M} --ram 64", 'size "64" has no unit', "write GiB, for example 64GiB"),
        (
            "'gemma 3 4b q8 on an rtx 2060'",
            '"rtx 2060" is not one GPU: rtx2060-6gb and rtx2060-12gb',
            "give one of these ids; see `vramfit list gpus`",
        ),
        (
            f"-g Standard_NV6ads_A10_v5 {M}",
            "Standard_NV6ads_A10_v5 has a part of an A10: 4 of 24 GB",
            "ask for that part: custom:4GB, or for a machine with a whole card: Standard_NV36ads_A10_v5",
        ),
        (
            f"{G} -m 'qwen3 8b 4.0bpw'",
            'unknown quant "4.0bpw"',
            "a bit rate alone may be of several formats: write exl2-4.0 or exl3-4.0, or name the engine",
        ),
        (f"{G} {M} --backend vllm", 'backend: "vllm" is not a valid value', "it is one of engine: say --engine vllm"),
        (f"{G} {M} --task dpo", 'task: "dpo" is not a valid value', "it is one of objective: say --objective dpo"),
        (
            f"{G} {M} --engine vllm --batch 4",
            "vllm has no batch: it is a key of llama.cpp and ollama",
            "say --parallel for what is held at once, or use --engine llama.cpp",
        ),
        (f"{G} {M} --quant exl3", 'unknown quant "exl3"', "say the bits of a weight: exl3-4.0"),
        (
            f"{G} {M} --quant 4.5bpw",
            'unknown quant "4.5bpw"',
            "a bit rate alone may be of several formats: write exl2-4.5 or exl3-4.5, or name the engine",
        ),
        (
            "4090 vs 3090 qwen3-8b",
            '"vs" asks two questions at once',
            "`vramfit matrix -g 4090 -g 3090 -m qwen3-8b` answers for several GPUs",
        ),
        (
            "'what GPU do I need for llama 3.3 70b'",
            "a check is for a GPU that is named",
            "`vramfit recommend -m MODEL` says which GPUs run a model",
        ),
        (
            "'fine-tune qwen3 8b on a 4090'",
            '"fine-tune" may mean several things',
            "say --task qlora, --task lora or --task full",
        ),
        (
            f"-g 4090 --vram 16GB {M}",
            'no GPU is called "4090 16GB": 4090 has 24 GB',
            "for a card with other memory say custom:16GB",
        ),
        (
            f"-g 4090 -g 3090 --num-gpus 2 {M}",
            "2 GPUs: of which GPU?",
            "say it with the name: --gpu 2x4090, or --gpu '3060 12GB'",
        ),
        (
            f"{G} {M} --engine llama.cpp --max-num-seqs 8",
            "llama.cpp has no max_num_seqs: it is a key of vllm, sglang and tensorrt-llm",
            "leave it out, or use --engine vllm",
        ),
        (
            f"{G} {M} --engine vllm --ubatch 256",
            "vllm has no ubatch: it is a key of llama.cpp and ollama",
            "leave it out, or use --engine llama.cpp",
        ),
        (
            f"{G} {M} --engine vllm --gpu-layers 20",
            "vllm keeps every layer on the GPUs",
            "use --engine llama.cpp for layers in RAM",
        ),
        (
            f"{G} {M} --engine vllm --mem-fraction-static 0.8",
            "--mem-fraction-static is a flag of sglang, not of vllm",
            "leave it out, or use --engine sglang; see `vramfit check --help`",
        ),
        (
            f"{G} {M} --lr --task lora",
            "--lr has no value behind it",
            "write one, or leave --lr out; see `vramfit check --help`",
        ),
        (
            f"{G} {M} --task lora --lr",
            "--lr has no value behind it",
            "write one, or leave --lr out; see `vramfit check --help`",
        ),
        (
            f"{G} {M} --context --quant int4",
            "--context has no value behind it",
            "write one, or leave --context out; see `vramfit check --help`",
        ),
        (
            f"{G} {M} --batch-size --task lora",
            "--batch-size has no value behind it",
            "write one, or leave --batch-size out; see `vramfit check --help`",
        ),
        (
            f"{G} {M} --threads --quant Q4_K_M",
            "--threads has no value behind it",
            "write one, or leave --threads out; see `vramfit check --help`",
        ),
        (f"{G} {M} -t", "-t has no value behind it", "write one, or leave -t out; see `vramfit check --help`"),
        (
            f"{G} {M} --json=5",
            '--json: "5" is not a valid value',
            "it takes none, or true or false; see `vramfit check --help`",
        ),
        (
            f"{G} {M} --ubatch 256 --max-num-seqs 8",
            "no engine has all of max_num_seqs and ubatch: ubatch is of llama.cpp and ollama",
            "leave one out",
        ),
    ],
)
def test_what_cannot_be_read_says_what_can(line: str, message: str, hint: str) -> None:
    ran = vramfit("check", *shlex.split(line), "--offline")

    assert (2, f"error: {message}\nhint: {hint}\n") == (ran.code, ran.err)
