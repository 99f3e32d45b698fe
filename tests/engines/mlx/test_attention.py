"""Scores that MLX writes to memory: which heads have a fused kernel, what grows with the context, which towers mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from vramfit.engines import engine, estimate
from vramfit.engines.keys import parse_request
from vramfit.engines.mlx.attention import prompt_scores, tower_scores
from vramfit.engines.resolve import resolve
from vramfit.sources import open_catalogue
from vramfit.units import MIB
from vramfit.verdict import judge

if TYPE_CHECKING:
    from vramfit.engines import Deployment

GB = 10**9


def resolved(**request: Any) -> Deployment:
    """A deployment of Llama 3.1 8B in 4 bits on an M5 Max with 128 GB unless it says otherwise."""
    raw = {"gpu": "m5-max-128gb", "model": "llama-3.1-8b", "quant": "mlx-4bit", "engine": "mlx", **request}
    return resolve(parse_request(raw), open_catalogue())[0]


@pytest.mark.parametrize(
    ("model", "expected", "low", "context", "quantized"),
    [
        ("llama-3.1-8b", 0, 0, 65_536, False),  # heads of 128
        ("llama-3.1-8b", 2 * 32 * 2048 * 65_536, 2 * 32 * 2048 * 65_536, 65_536, True),
        # heads of 256: 16 of Qwen3.6 35B-A3B, which the newest versions compute in parts on an M5
        ("qwen3.6-35b-a3b", 2 * 16 * 2048 * 65_536, 0, 65_536, False),
        ("qwen3.6-35b-a3b", 2 * 16 * 2048 * 65_536, 2 * 16 * 2048 * 65_536, 65_536, True),
        ("qwen3.6-35b-a3b", 2 * 16 * 100 * 100, 0, 100, False),
        # 8 heads of 256 that look back over 1,024 tokens, and the same over everything; windows are under an array mask
        ("gemma-3-4b", 2 * 8 * 2048 * 32_768, 2 * 8 * 2048 * (1023 + 2048), 32_768, False),
        # 16 heads of 512
        ("gemma-4-12b", 2 * 16 * 2048 * 32_768, 2 * 16 * 2048 * 32_768, 32_768, False),
        # latent attention: twice the scores, and keys and values of 128 each for every token
        ("deepseek-v3", 2 * 128 * (2 * 2048 * 8192 + 256 * 8192), 2 * 128 * (2 * 2048 * 8192 + 256 * 8192), 8192, False),
        ("mamba2-2.7b", 0, 0, 8192, False),
    ],
)  # fmt: skip
@pytest.mark.parametrize("parallel", [1, 2])
def test_prompt_scores(model: str, expected: int, low: int, context: int, quantized: bool, parallel: int) -> None:
    deployment = resolved(model=model, context=context, parallel=parallel, images=0 if "gemma" in model else None)
    found = prompt_scores(deployment.model, deployment.workload, min(2048, context), quantized)

    assert (found.expected, found.low) == (parallel * expected, parallel * low)


@pytest.mark.parametrize(
    ("model", "expected", "request_"),
    [
        ("ministral-3-3b", (110 * 110) ** 2 * (4 * 16 + 6), {}),
        ("ministral-3-3b", (56 * 40) ** 2 * (4 * 16 + 6), {"image_size": "770x560"}),
        ("ministral-3-3b", 0, {"images": 0}),
        ("pixtral-12b", (2 * 64 * 64) ** 2 * (4 * 16 + 6), {"images": 2, "context": 16_384}),
        ("llama-3.2-11b-vision", (4 * 1601) ** 2 * (4 * 16 + 6), {}),
        ("llama-3.2-11b-vision", 3 * (4 * 1601) ** 2 * (4 * 16 + 6), {"images": 3}),
        ("gemma-3-4b", 0, {}),
        ("qwen3-vl-2b", 0, {"context": 20_480}),
        ("llama-3.1-8b", 0, {}),
    ],
)
def test_tower_scores(model: str, expected: int, request_: dict[str, Any]) -> None:
    deployment = resolved(model=model, **request_)

    assert expected == tower_scores(deployment.model, deployment.workload)


@pytest.mark.parametrize(
    ("peak", "context", "quant"),
    [
        # ml-explore/mlx-lm issue 1480: peaks of Qwen3.6 35B-A3B on an M5 Max
        (21.7, 8192, "mlx-4bit"),
        (26.7, 65_536, "mlx-4bit"),
        (38.0, 196_608, "mlx-4bit"),
        (55.3, 196_608, "mlx-8bit"),
    ],
)
def test_long_prompts_of_hybrids(peak: float, context: int, quant: str) -> None:
    (gpu,) = estimate(resolved(model="qwen3.6-35b-a3b", context=context, quant=quant, images=0)).gpus

    assert gpu.total_bytes == pytest.approx(peak * GB, rel=0.03)
    assert gpu.low_bytes <= peak * GB <= gpu.high_bytes


@pytest.mark.parametrize(
    ("peak_mib", "model", "quant", "context"),
    [
        # jrp2014/check_models d9538f8 results.jsonl: one photograph on an M5 Max
        (21_038, "qwen3.8-27b", "mlx-4bit", 17_408),
        (33_059, "qwen3.6-27b", "mlx-mxfp8", 17_408),
        (9507, "qwen3.5-9b", "mlx-4bit", 17_408),
        (7990, "qwen3-vl-2b", "bf16", 18_432),
        (15_313, "pixtral-12b", "mlx-8bit", 4096),
        (14_268, "llama-3.2-11b-vision", "mlx-8bit", 2048),
        (12_781, "glm-4.1v-9b", "mlx-8bit", 8192),
    ],
)
def test_vision_towers(peak_mib: int, model: str, quant: str, context: int) -> None:
    (gpu,) = estimate(resolved(model=model, context=context, quant=quant)).gpus

    assert gpu.total_bytes == pytest.approx(peak_mib * MIB, rel=0.15)
    assert gpu.low_bytes <= peak_mib * MIB <= gpu.high_bytes


@pytest.mark.parametrize(
    ("weights_mib", "model", "quant"),
    [
        (1200, "qwen2-vl-2b", "mlx-4bit"),
        (10_824, "llama-3.2-11b-vision", "mlx-8bit"),
        (12_866, "pixtral-12b", "mlx-8bit"),
    ],
)
def test_conversions_that_quantized_the_tower(weights_mib: int, model: str, quant: str) -> None:
    """The lower bound has those weights; the checkpoint keeps the tower in 16 bits."""
    from vramfit.quantization.mlx import least_bytes

    deployment = resolved(model=model, quant=quant, context=4096)
    found = estimate(deployment)

    assert least_bytes(deployment.checkpoint) == pytest.approx(weights_mib * MIB, rel=0.015)
    assert found.checkpoint_bytes > weights_mib * MIB * 1.02
    note = "a conversion that also quantizes the vision tower, or all networks alike, has fewer weights"
    assert note in found.assumptions


@pytest.mark.parametrize(("gigabytes", "quant"), [(10.99, "mlx-4bit"), (11.9, "mlx-6bit"), (12.7, "mlx-8bit")])
def test_gemma_4_12b_keeps_its_networks_at_8_bits(gigabytes: float, quant: str) -> None:
    """The published files of CryptoJones/MacminiM2Pro_LocalModelConfig; 4 bits as loaded."""
    deployment = resolved(model="gemma-4-12b", quant=quant)

    assert deployment.checkpoint.file_bytes == pytest.approx(gigabytes * GB, rel=0.02)


def test_a_stated_size_is_not_doubted() -> None:
    found = estimate(resolved(model="gemma-4-12b", file_size="10GB", images=0))

    assert found.gpus[0].low_bytes > 10 * GB
    assert not [note for note in found.assumptions if "conversion" in note]


@pytest.mark.parametrize(
    ("tokens", "gpu", "context", "verdict", "refusal"),
    [
        # 0xSero/local-ai-registry pull request 43: 64,022 tokens run, 128,022 ask 22.01 GB of the 20.10 that a buffer may
        # have. 22.01 GB are 16 heads x 8,192 tokens x 83,968 cached ones x 2 B, the first such step above the limit.
        (8192, "m1-max-32gb", 64_022, "tight", None),
        (8192, "m1-max-32gb", 83_968, "unsupported", "one buffer of 20.50 GiB"),
        (8192, "m1-max-32gb", 128_022, "unsupported", "one buffer of 31.26 GiB"),
        (2048, "m1-max-32gb", 128_022, "fits", None),
        (None, "m1-max-32gb", 128_022, "fits", None),
        # exo-explore/exo issue 1048: a step of 65,536 tokens; no refusal of a card, whose limit is not known
        (65_536, "m4-pro-48gb", 65_536, "unsupported", "one buffer of 128.00 GiB"),
        (8192, "rtx3090", 128_022, "exceeds", None),
    ],
)
def test_scores_of_longer_steps_are_one_buffer(
    tokens: int | None, gpu: str, context: int, verdict: str, refusal: str | None
) -> None:
    asked = resolved(model="qwen3.5-9b", gpu=gpu, context=context, images=0, max_batched_tokens=tokens)
    found = judge(asked, estimate(asked))

    assert (found.word, found.refusal is None) == (verdict, refusal is None)
    assert (refusal or "") in (found.refusal or "")


@pytest.mark.parametrize(
    ("tokens", "program", "said"),
    [
        (None, "mlx_lm.generate", []),
        (512, "mlx_lm.server", ["--prefill-step-size", "512"]),
    ],
)
def test_step_in_commands(tokens: int | None, program: str, said: list[str]) -> None:
    """mlx-lm's generator has no flag for it, so its server is proposed (``mlx_lm/generate.py``)."""
    asked = resolved(quant="bf16", max_batched_tokens=tokens)
    words = engine("mlx").command(asked, estimate(asked)).split()

    assert words[0] == program
    assert [word for word in words if word in ("--prefill-step-size", "512")] == said
    assert engine("mlx").limits_context(asked) == (tokens is None)


@pytest.mark.parametrize(
    ("gigabytes", "context", "tokens"),
    [(34.2, 16_384, 8192), (20.9, 21_400, 1024), (23.5, 38_500, 1024), (21.9, 38_500, 512)],
)
def test_peaks_by_step(gigabytes: float, context: int, tokens: int) -> None:
    """Gemma 4 31B whose weights alone take 16.7 GB (nicedreamzapp/claude-code-local pull request 44).

    Its prompt of 21,400 tokens has two full steps of 8,192.
    """
    asked = resolved(model="gemma-4-31b", context=context, images=0, max_batched_tokens=tokens, file_size="16.7GB")
    (gpu,) = estimate(asked).gpus

    assert gpu.total_bytes == pytest.approx(gigabytes * GB, rel=0.06)
    assert gpu.low_bytes * 0.995 <= gigabytes * GB <= gpu.high_bytes
