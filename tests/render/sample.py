"""A report as ``check`` makes it for LLaVA 1.6 13B on an RTX 4090, and variations of it for the harder cases.

The fp16 weights and the cache are the model's own arithmetic: 13,351,499,776 parameters x 2 bytes, and 40 layers x 2 x
5120 x 2 bytes for each of 4096 tokens. The reported and the usable memory are readings of the card.
"""

from __future__ import annotations

import copy
from typing import Any

MIB = 2**20

GPU = {
    "id": "rtx4090",
    "name": "NVIDIA GeForce RTX 4090",
    "count": 1,
    "marketed_gb": 24,
    "memory_bytes": 24564 * MIB,
    "usable_bytes": 24080 * MIB,
    "bandwidth_bytes_per_second": 1_008_400_000_000,
    "vendor": "nvidia",
    "architecture": "Ada Lovelace",
    "memory_type": "GDDR6X",
    "cores": 16384,
    "core_unit": "CUDA cores",
    "tensor_cores": 512,
    "price_usd": 1599,
}
MODEL = {
    "id": "llava-1.6-13b",
    "name": "LLaVA 1.6 13B",
    "parameters": 13_351_499_776,
    "active_parameters": 13_351_499_776,
    "family": "llava-1.6",
    "modality": "vision-language",
    "vision_parameters": 334_980_096,
    "max_context": 4096,
    "max_image_tokens": 2928,
}
DEPLOYMENT = {
    "gpu": "rtx4090",
    "model": "llava-1.6-13b",
    "engine": "transformers",
    "context": 4096,
    "parallel": 1,
    "images": 1,
    "kv_cache_type": "f16",
    "kv_cache_type_v": "f16",
    "flash_attention": "on",
    "gpu_layers": "all",
    "cpu_moe_layers": 0,
    "tensor_parallel": None,
    "pipeline_parallel": None,
    "prompt_tokens": None,
    "ram": None,
    "reserve": "0B",
    "platform": "linux",
    "task": "inference",
    "level": "tight",
    "name": None,
}
REPOSITORY = "'llava-hf/llava-v1.6-vicuna-13b-hf'"
LOADED_IN_8_BITS = (
    "from transformers import AutoModelForImageTextToText, BitsAndBytesConfig; "
    f"model = AutoModelForImageTextToText.from_pretrained({REPOSITORY}, "
    "quantization_config=BitsAndBytesConfig(load_in_8bit=True), device_map={'': 0}); "
    "answer = model.generate(**inputs, max_length=4096)"
)
REMEDIES: list[dict[str, Any]] = [
    {
        "kind": "quantize",
        "summary": "quantize to INT8 (bitsandbytes LLM.int8)",
        "changes": {"quant": "int8"},
        "verdict": "fits",
        "required_bytes": 18_458_054_656,
        "headroom_bytes": 6_791_655_424,
        "decode_tokens_per_second": 3.89,
        "decode_tokens_per_second_before": 3.42,
        "quality": "small",
        "quality_evidence": "MMLU -0.67 points on Llama-3-8B",
        "trade": "MMLU -0.67 points on Llama-3-8B",
        "host_bytes": 0,
        "checkpoint_bytes": 13_691_228_160,
        "price_usd": 0,
        "cloud": None,
        "command": LOADED_IN_8_BITS,
    },
    {
        "kind": "offload-layers",
        "summary": "keep 33 of 41 layers on the GPU with llama.cpp (F16), the rest in RAM",
        "changes": {"quant": "F16", "engine": "llama.cpp", "gpu_layers": 33},
        "verdict": "fits",
        "required_bytes": 24_582_914_048,
        "headroom_bytes": 666_796_032,
        "decode_tokens_per_second": 7.28,
        "decode_tokens_per_second_before": 3.42,
        "quality": "reference",
        "quality_evidence": "16-bit weights, as released",
        "trade": "5.7 GiB of RAM; its layers run on the CPU",
        "host_bytes": 6_120_328_704,
        "checkpoint_bytes": 26_033_868_800,
        "price_usd": 0,
        "cloud": None,
        "command": "llama-server -m llava-1.6-13b-F16.gguf -c 4096 -np 1 -ngl 33 -b 2048 -ub 512 -fa on "
        "-ctk f16 -ctv f16 --mmproj mmproj-llava-1.6-13b-F16.gguf",
    },
    {
        "kind": "cloud-gpu",
        "summary": "rent NVIDIA RTX A6000 (48 GB)",
        "changes": {"gpu": "rtxa6000"},
        "verdict": "fits",
        "required_bytes": 31_236_538_880,
        "headroom_bytes": 19_766_124_544,
        "decode_tokens_per_second": 14.8,
        "decode_tokens_per_second_before": 3.42,
        "quality": "reference",
        "quality_evidence": "16-bit weights, as released",
        "trade": "about $0.50/h at hyperstack (n3-RTX-A6000x1), as of 2025/2026 (undated catalogue)",
        "host_bytes": 0,
        "checkpoint_bytes": 26_702_999_552,
        "price_usd": 0,
        "cloud": {
            "provider": "hyperstack",
            "instance": "n3-RTX-A6000x1",
            "gpus": 1,
            "usd_per_hour": 0.5,
            "as_of": "2025/2026 (undated catalogue)",
        },
        "command": "import torch; from transformers import AutoModelForImageTextToText; "
        f"model = AutoModelForImageTextToText.from_pretrained({REPOSITORY}, dtype=torch.float16, device_map={{'': 0}}); "
        "answer = model.generate(**inputs, max_length=4096)",
    },
    {
        "kind": "finetune-smaller",
        "summary": "fine-tune LLaVA 1.6 7B with QLoRA for your task",
        "changes": {"model": "llava-1.6-7b", "quant": "nf4", "task": "qlora"},
        "verdict": "fits",
        "required_bytes": 7_316_086_088,
        "headroom_bytes": 17_933_623_992,
        "decode_tokens_per_second": None,
        "decode_tokens_per_second_before": 3.42,
        "quality": "noticeable",
        "quality_evidence": "MMLU -1.8 points on Llama-3-8B",
        "trade": "training data and time; 6.8 GiB at samples of 2,048 tokens, rank 16",
        "host_bytes": 0,
        "checkpoint_bytes": 4_093_575_168,
        "price_usd": 0,
        "cloud": None,
        "command": "from transformers import AutoModelForImageTextToText, BitsAndBytesConfig; "
        "model = AutoModelForImageTextToText.from_pretrained('llava-hf/llava-v1.6-vicuna-7b-hf', "
        "quantization_config=BitsAndBytesConfig(load_in_4bit=True)); "
        "from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training; "
        "model = get_peft_model(prepare_model_for_kbit_training(model), LoraConfig(r=16, target_modules='all-linear'))",
    },
]
ASSUMPTIONS = [
    "the whole context of 4096 tokens is filled by one prefill without chunking",
    "1 image of up to 2928 tokens lies within the context",
]
LOADED = "weights are quantized on load, vision tower included; the output head and embeddings stay 16-bit"


def report() -> dict[str, Any]:
    """The whole report: fp16 exceeds, int8 and nf4 fit."""
    fp16 = _estimate(
        {"class": "fp16", "scheme": "fp16", "bits_per_weight": 16.0, "checkpoint_bytes": 26_702_999_552},
        (26_702_999_552, 3_355_443_200, 507_510_784, 670_585_324),
        (30_519_816_192, 32_038_657_556),
        (8.94, 17.9, 35.7),
        ("reference", "16-bit weights, as released"),
    )
    fp16["limits"] = {"max_context": 0, "max_parallel": 0}
    fp16["rule_of_thumb"] = {
        "parameters_billion": 13,
        "bytes_per_parameter": 2,
        "required_gb": 26.0,
        "gpu_gb": 24,
        "deficit_gb": 2.0,
    }
    fp16["if_tried"] = {
        "outcome": "out-of-memory",
        "weights_fit": False,
        "missing_bytes": 5_986_828_780,
        "link_bytes_per_second": 31_504_000_000,
        "decode_tokens_per_second": 3.41,
    }
    fp16["remedies"] = copy.deepcopy(REMEDIES)
    int8 = _estimate(
        {"class": "int8", "scheme": "int8", "bits_per_weight": 8.2036, "checkpoint_bytes": 13_691_228_160},
        (13_691_228_160, 3_355_443_200, 734_003_200, 677_380_096),
        (17_621_291_008, 19_359_830_016),
        (1.94, 3.89, 7.78),
        ("small", "MMLU -0.67 points on Llama-3-8B"),
    )
    nf4 = _estimate(
        {"class": "int4", "scheme": "nf4", "bits_per_weight": 4.4209, "checkpoint_bytes": 7_378_246_144},
        (7_378_246_144, 3_355_443_200, 649_068_544, 674_832_056),
        (11_265_841_664, 12_921_994_055),
        (7.02, 14.0, 28.1),
        ("noticeable", "MMLU -1.8 points on Llama-3-8B"),
    )
    for estimate in (int8, nf4):
        estimate["assumptions"].append(LOADED)
    return document(fp16, int8, nf4)


def document(*estimates: dict[str, Any]) -> dict[str, Any]:
    """A report of these estimates."""
    verdict = estimates[0]["verdict"] if estimates and "verdict" in estimates[0] else "unknown"
    return {"format_version": "1.1", "vramfit_version": "0.1.0", "estimates": list(estimates), "verdict": verdict}


def error(name: str | None = "typo") -> dict[str, Any]:
    """What stands in the place of a deployment that could not be answered."""
    body = {"code": "unknown-gpu", "message": 'unknown GPU "rtx4900"', "hint": "did you mean rtx4090 or rtx4080?"}
    return {"format_version": "1.0", "name": name, "error": body}


def tight() -> dict[str, Any]:
    """One estimate whose high end passes the card: 24,000 MiB expected of 24,080, 24,300 at most."""
    estimate = _estimate(
        {"class": "int4", "scheme": "Q4_K_M", "bits_per_weight": 4.83, "checkpoint_bytes": 20000 * MIB},
        (20000 * MIB, 3500 * MIB, 150 * MIB, 350 * MIB),
        (23900 * MIB, 24300 * MIB),
        (20.0, 30.0, 36.0),
        ("small", "perplexity +2.4 %"),
    )
    estimate["name"] = "chat"
    estimate["engine"] = "llama.cpp"
    estimate["deployment"] |= {"engine": "llama.cpp", "gpu_layers": 33, "parallel": 4, "name": "chat"}
    return estimate


def unknown() -> dict[str, Any]:
    """One estimate that could not be made: every figure null."""
    estimate = _estimate(
        {"class": None, "scheme": "awq", "bits_per_weight": None, "checkpoint_bytes": None}, (0, 0, 0, 0), (0, 0), None,
        ("unknown", "nothing measured for this scheme"),
    )  # fmt: skip
    nothing = ("required_bytes", "breakdown", "headroom_bytes", "limits", "rule_of_thumb", "throughput", "if_tried")
    estimate |= dict.fromkeys(nothing)
    return estimate | {"verdict": "unknown", "devices": [], "assumptions": ["the layer count is not known"]}


def two_gpus() -> dict[str, Any]:
    """One estimate over two cards, one of them short by 1,000 MiB, and a share in system RAM."""
    estimate = _estimate(
        {"class": "fp16", "scheme": "F16", "bits_per_weight": 16.0, "checkpoint_bytes": 47000 * MIB},
        (44000 * MIB, 2000 * MIB, 500 * MIB, 700 * MIB),
        (46500 * MIB, 48000 * MIB),
        (10.0, 12.0, 15.0),
        ("reference", "16-bit weights, as released"),
    )
    estimate["gpu"] = GPU | {"count": 2}
    first = _device("gpu0", (23500 * MIB, 1000 * MIB, 230 * MIB, 350 * MIB), 24080 * MIB)
    second = _device("gpu1", (20500 * MIB, 1000 * MIB, 270 * MIB, 350 * MIB), 24080 * MIB)
    host = _device("host", (3000 * MIB, 0, 0, 0), None)
    return estimate | {"devices": [first, second, host], "verdict": "exceeds", "headroom_bytes": -1000 * MIB}


def _estimate(
    quant: dict[str, Any],
    parts: tuple[int, int, int, int],
    ends: tuple[int, int],
    rates: tuple[float, float, float] | None,
    quality: tuple[str, str],
) -> dict[str, Any]:
    """One estimate on the 4090, with the verdict the figures give and nothing below it filled in."""
    total, usable = sum(parts), 24080 * MIB
    verdict = "exceeds" if total > usable else "tight" if ends[1] > usable else "fits"
    decode = None if rates is None else dict(zip(("low", "expected", "high"), rates, strict=True))
    return {
        "name": None,
        "gpu": dict(GPU),
        "model": dict(MODEL),
        "engine": "transformers",
        "quant": quant,
        "deployment": DEPLOYMENT | {"quant": quant["scheme"]},
        "required_bytes": {"low": ends[0], "expected": total, "high": ends[1]},
        "breakdown": dict(zip(("weights", "kv_cache", "compute", "overhead"), parts, strict=True)),
        "devices": [_device("gpu0", parts, usable), _device("host", (0, 0, 0, 0), None)],
        "verdict": verdict,
        "headroom_bytes": usable - total,
        "limits": {"max_context": 4096, "max_parallel": 2},
        "rule_of_thumb": None,
        "throughput": {
            "decode_tokens_per_second": decode,
            "prefill_tokens_per_second": {"low": 992.0, "expected": 2480.0, "high": 4460.0},
            "total_decode_tokens_per_second": None if rates is None else 4 * rates[1],
            "time_to_first_token_seconds": 0.999,
            "bottleneck": None if rates is None else "memory bandwidth",
            "prompt_tokens": 2048,
        },
        "quality": {
            **dict(zip(("label", "evidence"), quality, strict=True)),
            "kv_cache": {"label": "reference", "evidence": "16-bit cache"},
        },
        "if_tried": None,
        "remedies": [],
        "assumptions": list(ASSUMPTIONS),
    }


def _device(name: str, parts: tuple[int, int, int, int], usable: int | None) -> dict[str, Any]:
    return {
        "device": name,
        **dict(zip(("weights_bytes", "kv_cache_bytes", "compute_bytes", "overhead_bytes"), parts, strict=True)),
        "total_bytes": sum(parts),
        "usable_bytes": usable,
        "headroom_bytes": None if usable is None else usable - sum(parts),
    }
