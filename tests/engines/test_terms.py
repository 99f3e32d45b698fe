"""Terms add up to the estimate they explain, for every engine."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.each import each
from vramfit.engines import estimate, names
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.engines.terms import PARTS, Ledger, Term, span, terms
from vramfit.sources import open_catalogue

DEPLOYMENTS: dict[str, list[dict[str, object]]] = {
    "transformers": [
        {"gpu": "rtx4090", "model": "llava-1.6-13b"},
        {"gpu": "2xrtx3090", "model": "gemma-3-27b", "quant": "nf4", "context": 8192, "parallel": 2},
        {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "bf16", "gpu_layers": 20},
        {"gpu": "h100-sxm", "model": "qwen3-30b-a3b", "quant": "fp8", "flash_attention": "off"},
        {"gpu": "4xa100-sxm4-80gb", "model": "llama-3.1-8b", "task": "full", "zero_stage": 3},
        {"gpu": "rtx4090", "model": "llama-3.1-8b", "task": "qlora"},
        {"gpu": "m3-max-64gb", "model": "llama-3.1-8b"},
    ],
    "llama.cpp": [
        {"gpu": "rtx3060-12gb", "model": "qwen3-30b-a3b", "quant": "Q4_K_M", "cpu_moe_layers": 20},
        {"gpu": "rtx4090", "model": "gemma-3-27b", "quant": "Q4_K_M", "gpu_layers": 30, "kv_cache_type": "q8_0"},
        {"gpu": "2xrtx3090", "model": "llama-3.1-70b", "quant": "Q4_K_M", "split_mode": "row"},
        {"gpu": "2xrtx3090", "model": "llava-1.6-13b", "quant": "Q8_0", "split_mode": "row"},
        {"gpu": "2xrtx3090", "model": "llama-3.1-8b", "quant": "Q8_0", "split_mode": "none", "main_gpu": 1},
        {"gpu": "rtx4090", "model": "llama-3.3-70b", "quant": "IQ2_M", "gpu_layers": "auto"},
        {"gpu": ["rtx4090", "rtx3060-12gb"], "model": "llava-1.6-13b", "quant": "F16"},
    ],
    "ollama": [
        {"gpu": "2xrtx3090", "model": "llama-3.1-8b", "quant": "Q4_K_M"},
        {"gpu": "rtx3060-12gb", "model": "llava-1.6-13b", "quant": "Q4_K_M", "gpu_layers": 10},
    ],
    "vllm": [
        {"gpu": "2xh100-sxm", "model": "llama-3.1-70b", "quant": "fp8"},
        {"gpu": "8xh200", "model": "deepseek-v3", "quant": "fp8", "pipeline_parallel": 2, "tensor_parallel": 4},
        {"gpu": "l4", "model": "qwen2.5-vl-7b", "quant": "awq", "enforce_eager": True},
        {"gpu": "8xh200", "model": "deepseek-v3", "quant": "fp8", "data_parallel": 4, "expert_parallel": True},
        {
            "gpu": "4xh100-sxm", "model": "llama-3.1-70b", "quant": "awq", "pipeline_parallel": 2, "max_loras": 2,
            "cpu_offload": "4GiB",
        },
        {"gpu": "gb10", "model": "qwen3.6-35b-a3b", "quant": "nvfp4"},
    ],
    "sglang": [
        {"gpu": "2xh100-sxm", "model": "gpt-oss-120b", "quant": "MXFP4"},
        {"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "fp8", "parallel": 16},
    ],
    "tensorrt-llm": [
        {"gpu": "2xh100-sxm", "model": "llama-3.1-70b", "quant": "fp8", "kv_cache_type": "fp8"},
        {"gpu": "16xh200", "model": "kimi-k2", "quant": "fp8-block", "max_num_seqs": 8},
        {"gpu": "h100-sxm", "model": "nemotron-nano-9b-v2", "quant": "bf16", "max_num_seqs": 16, "enforce_eager": True},
        {"gpu": "b200", "model": "qwen2.5-vl-7b", "quant": "nvfp4"},
    ],
    "exllamav2": [
        {"gpu": "2xrtx3090", "model": "llama-3.1-70b", "quant": "exl2-4.0", "kv_cache_type": "int6"},
        {"gpu": "rtx4090", "model": "mixtral-8x7b", "quant": "exl2-3.0"},
        {"gpu": "rtx4090", "model": "gemma-3-4b", "quant": "gptq-int4", "images": 1},
    ],
    "exllamav3": [
        {"gpu": "2xrtx3090", "model": "llama-3.1-70b", "quant": "exl3-4.0"},
        {"gpu": "rtx4090", "model": "gemma-3-27b", "quant": "exl3-3.0", "kv_cache_type": "int8", "kv_cache_type_v": "int4"},
    ],
    "mlx": [
        {"gpu": "m3-max-64gb", "model": "qwen3-30b-a3b", "quant": "mlx-4bit"},
        {"gpu": "m3-max-64gb", "model": "gemma-3-27b", "quant": "mlx-8bit", "kv_cache_type": "int8"},
    ],
    "diffusers": [
        {"gpu": "rtx4090", "model": "flux.2-dev", "quant": "nf4"},
        {"gpu": "rtx3060-12gb", "model": "sdxl-base", "component_offload": "model"},
        {"gpu": "h100-sxm", "model": "flux.1-dev", "component_offload": "group", "text_encoder": "ram"},
        {"gpu": "h100-sxm", "model": "flux.1-dev", "text_encoder": "ram"},
    ],
    "comfyui": [{"gpu": "rtx4090", "model": "wan2.2-t2v-a14b", "quant": "fp8", "frames": 49}],
    "whisper.cpp": [
        {"gpu": "2xrtx4090", "model": "whisper-large-v3-turbo", "quant": "Q5_0", "parallel": 2},
        {"gpu": "m3-max-64gb", "model": "whisper-small", "quant": "F16", "flash_attention": "off", "beam_size": 1},
    ],
    "faster-whisper": [
        {"gpu": "rtx4090", "model": "whisper-large-v3", "quant": "int8", "parallel": 8},
        {"gpu": "rtx4090", "model": "whisper-tiny", "quant": "fp32", "beam_size": 1},
    ],
    "openai-whisper": [{"gpu": "rtx4090", "model": "whisper-large-v3-turbo", "quant": "fp32"}],
}  # fmt: skip
CASES: list[dict[str, object]] = [{**keys, "engine": engine} for engine, rows in DEPLOYMENTS.items() for keys in rows]


def test_every_engine_is_asked() -> None:
    """An engine that is added brings its terms."""
    assert set(names()) == set(DEPLOYMENTS)


@pytest.mark.parametrize("keys", CASES, ids=lambda keys: f"{keys['engine']}-{keys['model']}-{keys.get('quant')}")
def test_terms_add_up(keys: dict[str, object]) -> None:
    """For every device and part the bytes of the terms are those of the estimate; every term says how and whence."""
    for deployment in each(resolve(parse_request(keys), open_catalogue())):
        found = estimate(deployment)
        explained = terms(deployment)
        summed = Counter[tuple[str, str]]()
        for term in explained:
            summed[term.device, term.part] += term.bytes
        devices = (*found.gpus, found.host)
        expected = {
            (device.device, part): getattr(device, f"{part}_bytes")
            for device in devices
            for part in PARTS
            if getattr(device, f"{part}_bytes")
        }

        assert expected == dict(summed)
        assert explained
        assert [] == [term for term in explained if not (term.name and term.formula and term.source and term.bytes)]


def test_terms_of_a_small_deployment() -> None:
    """Llama 3.1 8B in bf16 on an RTX 4090, each number from the formula that stands beside it."""
    (deployment,) = resolve(
        parse_request({"gpu": "rtx4090", "model": "llama-3.1-8b", "quant": "bf16", "context": 1024}), open_catalogue()
    )
    found = {term.name: term for term in terms(deployment)}
    cache = found["KV cache, full attention"]

    # 32 layers x 1 sequence x 1,024 tokens x 2 x 8 heads x 128 x 2 bytes.
    assert 32 * 1024 * 2 * 8 * 128 * 2 == cache.bytes
    assert "layers × sequences × tokens × (key_width × key_bits + value_width × value_bits) / 8" == cache.formula
    assert {"layers": 32, "sequences": 1, "tokens": 1024, "key_width": 1024, "key_bits": 16, "value_width": 1024,
            "value_bits": 16} == cache.inputs  # fmt: skip
    assert found["embeddings, BF16"].bytes == found["output head, BF16"].bytes == 128256 * 4096 * 2
    assert found["final norm, BF16"].bytes == 4096 * 2
    attention = 32 * (2 * 4096 * 4096 + 2 * 4096 * 1024)
    assert (attention * 2, {"elements": attention, "bits": 16}) == (
        found["attention, layers 0-31, BF16"].bytes,
        found["attention, layers 0-31, BF16"].inputs,
    )
    assert found["MLP, layers 0-31, BF16"].bytes == 32 * 3 * 4096 * 14336 * 2
    assert found["norms, layers 0-31, BF16"].note == "64 tensors"
    assert found["runtime"].bytes == (440 + 9) * 2**20
    assert "staging of a layer" not in found


def test_terms_of_stages() -> None:
    """The first stage of vLLM has no sampler: its peak is the forward pass; the last has one, as the only stage has."""
    found = []
    for keys in ({"pipeline_parallel": 2}, {}):
        asked = {"gpu": "2xrtx4090", "model": "llama-3.1-8b", "quant": "fp16", "engine": "vllm", **keys}
        (deployment,) = resolve(parse_request(asked), open_catalogue())
        peaks = ("forward pass", "sampler")
        found.append([(term.device, term.name) for term in terms(deployment) if term.name in peaks])

    assert found == [[("gpu0", "forward pass"), ("gpu1", "sampler")], [("gpu0", "sampler"), ("gpu1", "sampler")]]


def test_ledger_leaves_out_nothing_but_nothing() -> None:
    """A term of no bytes is none."""
    ledger = Ledger()
    ledger.add("weights", "gpu0", "a", "f", 0, "s")
    ledger.add("weights", "gpu0", "b", "layers + 5", 7, "s", "n", layers=2)
    ledger.add_sum("compute", "host", "c", 3, "s", a=3, b=0)

    assert [
        Term("b", "weights", "gpu0", "layers + 5", {"layers": 2}, 7, "s", "n"),
        Term("c", "compute", "host", "a", {"a": 3}, 3, "s"),
    ] == ledger.terms


@pytest.mark.parametrize(
    ("expected", "size", "factor"),
    [
        (Term("a", "weights", "gpu0", "2 × rows × widths", {"rows": 3, "widths": 5}, 30, "s", "n"), 30, 2),
        # The others leave no whole number.
        (Term("a", "weights", "gpu0", "whole", {"whole": 31}, 31, "s"), 31, 2),
        (Term("a", "weights", "gpu0", "whole", {"whole": 30}, 30, "s"), 30, 0),
    ],
)
def test_a_product_finds_what_is_left(expected: Term, size: int, factor: int) -> None:
    """The input without a value is what divides the bytes; else they stand alone."""
    ledger = Ledger()
    ledger.add_product(
        "weights", "gpu0", "a", "2 × rows × widths", size, "s", "n", factor=factor, alone="whole", rows=3, widths=None
    )

    assert ledger.terms == [expected]


@pytest.mark.parametrize(("start", "stop", "words"), [(0, 1, "layer 0"), (5, 6, "layer 5"), (0, 40, "layers 0-39")])
def test_span(start: int, stop: int, words: str) -> None:
    """Layers are numbered from 0, the last one included."""
    assert words == span(start, stop)
