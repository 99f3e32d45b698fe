"""Taking in a prompt, term by term, and the time to the first token."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import Catalogue
from tests.speed.kinds import KINDS
from vramfit.answer import Answer, answer
from vramfit.engines import engine
from vramfit.engines.keys import parse_request
from vramfit.engines.llamacpp.speed import PROFILE as CPP
from vramfit.engines.resolve import resolve
from vramfit.errors import UsageError
from vramfit.speed import prefill_rate, throughput
from vramfit.speed.prefill import PREFILL_BUS_SHARE, RANKS_SHARE, seconds

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
    rate = 82.6e12 * CPP.matrix_share["Ada Lovelace"]
    attention = 512 * 4 * 4096 * 32 * 256 / (rate * CPP.attention_share[""])
    compute, bus, links, pcie = terms(512)
    assert compute == pytest.approx(2 * 512 * WEIGHTS / rate + attention)
    assert bus == pytest.approx(answered().estimate.gpus[0].weights_bytes / (1008e9 * PREFILL_BUS_SHARE))
    assert (links, pcie) == (0, 0)


@pytest.mark.parametrize(
    ("kind", "share", "gain"),
    [
        ("Ada Lovelace", 1.26, 1.75), ("Ampere", 1.52, 1.38), ("Ampere HBM", 5.15, 1.65), ("Hopper", 2.55, 1.48),
        ("NVIDIA unified", 1.14, 1.38), ("RDNA 2", 1.1, 1.38), ("RDNA 3", 0.9, 1.38), ("RDNA 3.5", 1.18, 1.38),
        ("RDNA 4", 1.2, 1.38), ("Pascal", 1.05, 1.38), ("Turing", 2.0, 1.38), ("Volta", 2.0, 1.38),
        ("Blackwell", 1.4, 1.38), ("Xe-HPG", 2.2, 1.38), ("Xe2-HPG", 2.2, 1.38), ("CDNA 3", 1.38, 1.38),
        ("Apple 7-8", 0.58, 1.15), ("Apple 9", 0.663, 1.38),
    ],
)  # fmt: skip
def test_kinds_of_cards_in_llama_cpp(kind: str, share: float, gain: float) -> None:
    """Of 82.6 TFLOPS in 32 bits; matrices in 16 bits go faster (``tests.speed.fit``)."""
    changes = {"rtx4090": {**CARDS["rtx4090"], **KINDS[kind]}}
    found = []
    for quant in ("Q8_0", "F16"):
        asked = answered(changes, quant=quant)
        result = seconds(asked.deployment, asked.estimate, 512)
        assert result is not None
        found.append(result[0])
    rate = 82.6e12 * share
    attention = 512 * 4 * 4096 * 32 * 256 / (0.913 if kind.startswith("Apple") else 1.16)
    assert found[0] == pytest.approx((2 * 512 * WEIGHTS + attention) / rate)
    assert found[0] / found[1] == pytest.approx(gain)


def test_sixteen_bit_weights_are_multiplied_faster() -> None:
    """By the card's own gain."""
    gain = CPP.gain_16_bit["Ada Lovelace"]
    assert terms(512)[0] / terms(512, quant="F16")[0] == pytest.approx(gain)


def test_mlx_multiplies_all_weights_alike() -> None:
    """Whatever bits they are stored in."""
    changes = {"rtx4090": {**CARDS["rtx4090"], **KINDS["Apple 9"]}}
    found = []
    for quant in ("mlx-8bit", "fp16"):
        asked = answered(changes, engine="mlx", quant=quant)
        result = seconds(asked.deployment, asked.estimate, 512)
        assert result is not None
        found.append(result[0])
    assert found[0] == found[1] > 0


def test_every_pass_reads_all_weights() -> None:
    """2048 tokens are four passes of 512, or one of 2048."""
    assert terms(2048)[1] == pytest.approx(4 * terms(512)[1])
    assert terms(2048, ubatch=2048)[1] == pytest.approx(terms(512)[1])


def test_without_flash_attention_long_prompts_are_slower() -> None:
    """Attention is all that differs: 0.187 of the rate of the matrices."""
    rate = 82.6e12 * CPP.matrix_share["Ada Lovelace"]
    operations = 4096 * 4 * 4096 * 32 * 2048
    more = operations / rate * (1 / 0.187 - 1 / CPP.attention_share[""])
    assert terms(4096, flash_attention="off")[0] - terms(4096)[0] == pytest.approx(more)


def test_apple_has_one_rate_of_attention() -> None:
    """With flash attention and without; another engine of Apple's has it, too."""
    apple = {"vendor": "apple", "architecture": "Apple Silicon", "compute_target": "apple9", "unified": True}
    changes = {"rtx4090": {**CARDS["rtx4090"], **apple}}
    operations = 1024 * 4 * 4096 * 32 * 512
    for request, share in (
        ({}, CPP.matrix_share["Apple 9"]),
        ({"flash_attention": "off"}, CPP.matrix_share["Apple 9"]),
        ({"engine": "mlx", "quant": "mlx-4bit"}, 0.682),
    ):
        found = answered(changes, **request)
        result = seconds(found.deployment, found.estimate, 1024)
        assert result is not None
        rate = 82.6e12 * share
        assert result[0] == pytest.approx(2 * 1024 * WEIGHTS / rate + operations / (rate * 0.913))


@pytest.mark.parametrize(("quant", "share"), [("fp16", 0.5), ("awq", 0.4)])
@pytest.mark.parametrize("name", ["vllm", "sglang", "transformers"])
def test_others_follow_the_16_bit_rate(name: str, quant: str, share: float) -> None:
    """A share of the card's dense 16-bit rate, set by hand."""
    rate = 165.2e12 * share
    attention = 512 * 4 * 4096 * 32 * 256 / (rate * 1.16)
    assert terms(512, engine=name, quant=quant)[0] == pytest.approx(2 * 512 * WEIGHTS / rate + attention)


@pytest.mark.parametrize(
    ("request_", "passes"),
    [
        ({"engine": "transformers", "quant": "fp16"}, 1),
        ({"engine": "vllm", "quant": "fp16"}, 2),
        ({"engine": "sglang", "quant": "fp16"}, 1),  # SGLang chunks by 4,096 on a card of 24 GB
        ({"engine": "vllm", "quant": "fp16", "max_batched_tokens": 1000}, 5),
        ({"engine": "exllamav3", "quant": "fp16"}, 2),
        ({"engine": "llama.cpp", "quant": "F16"}, 8),
        ({"engine": "llama.cpp", "quant": "F16", "ubatch": 1024}, 4),
        ({"engine": "ollama", "quant": "F16", "ubatch": 256}, 16),
    ],
)
def test_passes_of_a_prompt(request_: dict[str, Any], passes: int) -> None:
    """4096 tokens in chunks of the engine's size: each pass reads all weights."""
    weights = answered(**request_).estimate.gpus[0].weights_bytes
    assert terms(4096, **request_)[1] == pytest.approx(passes * weights / (1008e9 * PREFILL_BUS_SHARE))


@pytest.mark.parametrize(("tokens", "copied"), [(31, False), (32, True)])
def test_short_prompts_are_computed_where_the_layers_are(tokens: int, copied: bool) -> None:
    """llama.cpp copies layers in RAM to the GPU from 32 tokens on."""
    assert (terms(tokens, gpu_layers=17)[3] > 0) is copied


def test_layers_of_other_engines_take_a_prompt_in_turn() -> None:
    """Two cards with a half of the layers each are as fast as one."""
    one, two = (terms(4096, gpu=gpu, engine="transformers", quant="fp16") for gpu in ("rtx3090", "2xrtx3090"))
    assert two[0] == pytest.approx(one[0])


@pytest.mark.parametrize(
    ("request_", "ranks"),
    [
        ({"engine": "llama.cpp", "quant": "Q8_0"}, 1),
        ({"engine": "llama.cpp", "quant": "Q8_0", "split_mode": "none"}, 1),
        ({"engine": "llama.cpp", "quant": "Q8_0", "split_mode": "row"}, 2),
        ({"engine": "ollama", "quant": "Q8_0"}, 1),
        ({"engine": "transformers", "quant": "fp16"}, 1),
        ({"engine": "exllamav3", "quant": "fp16"}, 1),
        ({"engine": "vllm", "quant": "fp16"}, 2),
        ({"engine": "sglang", "quant": "fp16"}, 2),
        ({"engine": "vllm", "quant": "fp16", "pipeline_parallel": 2}, 1),
    ],
)
def test_cards_that_work_at_the_same_time(request_: dict[str, Any], ranks: int) -> None:
    """Those that share a layer, and not those that hold layers of their own."""
    found = answered(gpu="2xrtx4090", **request_)
    assert engine(found.deployment.engine).ranks(found.deployment, found.estimate) == ranks


def test_prompts_flow_through_several_cards() -> None:
    """One pass gains nothing; eight passes over two cards up to 16/9."""
    one, two = terms(4096, gpu="rtx3090"), terms(4096, gpu="2xrtx3090")
    gain = (16 / 9) ** CPP.pipeline_exponent / (1 + CPP.pipeline_cost)
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


@pytest.mark.parametrize("name", ["llama.cpp", "transformers", "vllm"])
def test_an_unknown_arithmetic_rate_is_none(name: str) -> None:
    """The decode rate stays: it needs none."""
    quant = "Q8_0" if name == "llama.cpp" else "fp16"
    found = answered({}, engine=name, quant=quant)
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
