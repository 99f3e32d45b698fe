"""Taking in a prompt, term by term, and the time to the first token."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import Catalogue
from vramfit.answer import Answer, answer
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.errors import UsageError
from vramfit.speed import prefill_rate, throughput
from vramfit.speed.fitted import (
    ATTENTION_SHARE,
    MATRIX_GAIN_16_BIT,
    MATRIX_SHARE,
    PIPELINE,
    PREFILL_BUS_SHARE,
    RANKS_SHARE,
)
from vramfit.speed.prefill import seconds

CARDS: dict[str, dict[str, Any]] = {
    "rtx4090": {"tflops": {"fp32": 82.6, "fp16": 165.2}},
    "rtx3090": {"tflops": {"fp32": 35.6, "fp16": 71.2}},
}
WEIGHTS = 6_738_415_616 - 2 * 32000 * 4096 - 65 * 4096
"""Of Llama 2 7B's layers: embedding, head and norms left out."""


def answered(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> Answer:
    """Llama 2 7B in llama.cpp on an RTX 4090 unless the request says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-2-7b", "engine": "llama.cpp", "quant": "Q8_0", **request}
    return answer(resolve(parse_request(raw), Catalogue(CARDS if changes is None else changes))[0])


def terms(tokens: int, **request: Any) -> tuple[float, float, float, float]:
    """Seconds of compute, memory bandwidth, interconnect and PCIe."""
    found = answered(**request)
    result = seconds(found.deployment, found.estimate, tokens)
    assert result is not None
    return result


def test_matrices_and_attention_are_multiplied() -> None:
    """Two operations per weight and token; attention over half of the prompt on average, 4 x 4096 x 32 per token."""
    rate = 82.6e12 * MATRIX_SHARE["llama.cpp"]["Ada Lovelace"]
    attention = 512 * 4 * 4096 * 32 * 256 / (rate * ATTENTION_SHARE["on"])
    compute, bus, links, pcie = terms(512)
    assert compute == pytest.approx(2 * 512 * WEIGHTS / rate + attention)
    assert bus == pytest.approx(answered().estimate.gpus[0].weights_bytes / (1008e9 * PREFILL_BUS_SHARE))
    assert (links, pcie) == (0, 0)


def test_sixteen_bit_weights_are_multiplied_faster() -> None:
    """By the card's own gain."""
    gain = MATRIX_GAIN_16_BIT["llama.cpp"]["Ada Lovelace"]
    assert terms(512)[0] / terms(512, quant="F16")[0] == pytest.approx(gain)


def test_every_pass_reads_all_weights() -> None:
    """2048 tokens are four passes of 512, or one of 2048."""
    assert terms(2048)[1] == pytest.approx(4 * terms(512)[1])
    assert terms(2048, ubatch=2048)[1] == pytest.approx(terms(512)[1])


def test_without_flash_attention_long_prompts_are_slower() -> None:
    """Attention is all that differs."""
    assert terms(4096, flash_attention="off")[0] > 1.2 * terms(4096)[0]


def test_prompts_flow_through_several_cards() -> None:
    """One pass gains nothing; eight passes over two cards up to 16/9."""
    one, two = terms(4096, gpu="rtx3090"), terms(4096, gpu="2xrtx3090")
    gain = (16 / 9) ** PIPELINE["exponent"] / (1 + PIPELINE["cost"])
    assert one[0] / two[0] == pytest.approx(gain)
    assert terms(512, gpu="2xrtx3090")[0] > terms(512, gpu="rtx3090")[0]


def test_ranks_share_the_arithmetic_and_exchange_the_sums() -> None:
    """Two sums per layer of 4096 values of 2 bytes for each token, in and out, half of each over PCIe 4.0 x16."""
    one, two = (terms(1024, gpu=gpu, engine="vllm", quant="fp16") for gpu in ("rtx4090", "2xrtx4090"))
    assert one[0] / two[0] == pytest.approx(2 * RANKS_SHARE)
    assert two[2] == pytest.approx(2 * 32 * 1024 * 4096 * 2 * 2 / 2 / 31.504e9)


def test_layers_in_ram_are_copied_for_every_pass() -> None:
    """Llama 2 70B's PR 6083 in small: what is in RAM crosses at 7 GB/s, once for 512 tokens, four times for 2048."""
    host = answered(gpu_layers=17).estimate.host
    embedding = 32000 * 4096 * 34 / 32
    crossing = (host.weights_bytes - embedding) / 7e9
    assert terms(512, gpu_layers=17)[3] == pytest.approx(crossing, rel=0.01)
    assert terms(2048, gpu_layers=17)[3] == pytest.approx(4 * crossing, rel=0.01)
    assert terms(16, gpu_layers=17)[3] == 0, "so few are computed where they are"


def test_the_first_token_comes_after_the_prompt() -> None:
    """Prefill of the prompt and one step."""
    found = answered(context=4096, prompt_tokens=1000)
    speed = throughput(found.deployment, found.estimate)
    assert speed is not None
    assert speed.prefill is not None
    assert speed.decode is not None
    first = 1000 / speed.prefill.expected + 1 / speed.decode.expected
    assert speed.time_to_first_token_seconds == pytest.approx(first, rel=0.01)
    assert speed.prefill.low < speed.prefill.expected < speed.prefill.high


@pytest.mark.parametrize("engine", ["llama.cpp", "transformers", "vllm"])
def test_an_unknown_arithmetic_rate_is_none(engine: str) -> None:
    """The decode rate stays: it needs none."""
    quant = "Q8_0" if engine == "llama.cpp" else "fp16"
    found = answered({}, engine=engine, quant=quant)
    speed = throughput(found.deployment, found.estimate)
    assert speed is not None
    assert speed.prefill is None
    assert speed.time_to_first_token_seconds is None
    assert speed.decode is not None


def test_training_takes_in_no_prompt() -> None:
    """Nothing of its speed is answered."""
    found = answered(engine="transformers", quant="bf16", task="lora")
    assert prefill_rate(found.deployment, found.estimate) is None


def test_a_prompt_longer_than_the_context_is_refused() -> None:
    """One line and what to do."""
    with pytest.raises(UsageError, match="a prompt of 5000 tokens does not go into a context of 4096") as raised:
        answered(prompt_tokens=5000)
    assert raised.value.hint == "use --context 5000 or more, or a shorter prompt"
