"""Sets of GPUs that are passed over as too slow without an estimate: none of them is fast enough."""

from __future__ import annotations

import pytest

from tests.catalogued import catalogue
from vramfit.answer import answer
from vramfit.engines import engine
from vramfit.engines.resolve import deployments
from vramfit.errors import VramfitError
from vramfit.recommend.attempts import Attempts

GPUS = (
    "rtx4090", "2xrtx3090", "8xgtx1050", "4xarcb580", "m4-max-64gb", "2xradeonvii", "rtxpro6000server", "8xh100-sxm",
    "3xgtx1070", "mi300x", "jetson-orin-nano-8gb", "2xt4",
)  # fmt: skip
MODELS = ("llama-3.3-70b", "qwen3-30b-a3b", "gpt-oss-20b", "gemma-3-27b", "qwen3-vl-8b", "deepseek-r1", "qwen3-0.6b")
SCHEMES = {
    "llama.cpp": ("Q8_0", "Q4_K_M", "IQ2_M", "MXFP4_MOE"), "transformers": ("nf4", "int8", "fp8"), "vllm": ("fp8", "awq", "fp16"),
    "sglang": ("fp8", "gptq-int4"), "tensorrt-llm": ("fp8", "awq"), "mlx": ("mlx-4bit", "mlx-8bit"),
    "exllamav2": ("exl2-4.0",), "exllamav3": ("exl3-4.0",), "ollama": ("Q4_K_M", "Q8_0"),
}  # fmt: skip


def bounds(name: str, keys: dict[str, object]) -> list[tuple[bool, bool, bool, bool]]:
    """For each set, model and scheme with a speed: is it too slow for that speed and for twice as much, before and after
    an estimate was made."""
    found = []
    for gpus in map(catalogue().gpus, GPUS):
        for model in map(catalogue().model, MODELS):
            for word in SCHEMES[name]:
                attempts = Attempts()
                try:
                    (one,) = deployments({"engine": name, "quant": word, "context": 4096, **keys}, gpus, model)
                    made = answer(one)
                except VramfitError:
                    continue
                if made.rate is None:
                    continue
                rung = attempts.rung(name, model, one.scheme)
                speeds = (made.rate.expected, 2 * made.rate.expected)
                slow, slower = [rung.lags(one, speed) for speed in speeds]
                rung.learn(made)
                found.append((slow, slower, rung.lags(one, speeds[0]), rung.lags(one, speeds[1])))
    return found


@pytest.mark.parametrize("keys", [{}, {"parallel": 8, "context": 2048}], ids=str)
@pytest.mark.parametrize("name", SCHEMES)
def test_what_is_passed_over_is_too_slow(name: str, keys: dict[str, object]) -> None:
    """Never at its own speed."""
    found = bounds(name, keys)
    assert len(found) > 10
    assert not any(before or after for before, _, after, _ in found)


def test_the_bound_is_near() -> None:
    """For half of the sets with whole layers, twice the speed is known to be out of reach."""
    found = bounds("llama.cpp", {})
    assert not engine("llama.cpp").splits_layers
    assert 2 * sum(after for _, _, _, after in found) > len(found)
    assert sum(before for _, before, _, _ in found) > len(found) // 3
