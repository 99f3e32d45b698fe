"""Parts of launch commands that vLLM and SGLang share."""

from __future__ import annotations

import pytest

from vramfit.engines.serving import with_quant


@pytest.mark.parametrize(
    ("expected", "model", "keys"),
    [
        ("gptq-int4", "Qwen/Qwen2.5-14B-Instruct-GPTQ-Int4", {"quantization": "gptq"}),
        ("gptq-int8", "Qwen/Qwen2.5-14B-Instruct-GPTQ-Int8", {"quantization": "gptq"}),
        ("gptq-int8", "/models/Qwen2.5-14B-Instruct-GPTQ-Int8/", {"quantization": "gptq_marlin"}),
        ("int8", "unsloth/Qwen2.5-14B-Instruct-bnb-8bit", {"quantization": "bitsandbytes"}),
        ("nf4", "unsloth/Qwen2.5-14B-Instruct-bnb-4bit", {"quantization": "bitsandbytes"}),
        ("nf4", "Qwen/Qwen2.5-14B-Instruct", {"quantization": "bitsandbytes"}),
        ("awq", "Qwen/Qwen2.5-14B-Instruct-AWQ", {"quantization": "awq_marlin", "dtype": "float16"}),
        ("fp16", "Qwen/Qwen2.5-14B-Instruct", {"dtype": "float16"}),
        (None, "Qwen/Qwen2.5-14B-Instruct-AWQ", {"dtype": "float16"}),
        (None, "Qwen/Qwen2.5-14B-Instruct", {"quantization": "modelopt"}),
    ],
)
def test_a_method_has_the_bits_of_the_checkpoint(expected: str | None, model: str, keys: dict[str, str]) -> None:
    """vLLM and SGLang read them from the checkpoint, whatever the flag is (vLLM 0.33.0 ``layers/quantization``)."""
    assert with_quant({"model": model, **keys}).get("quant") == expected
