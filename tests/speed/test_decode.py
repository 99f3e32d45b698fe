"""Decoding, term by term: each worked out by hand beside it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.samples import Catalogue
from tests.speed.kinds import KINDS
from vramfit._record import replace
from vramfit.answer import Answer, answer
from vramfit.engines.exllamav3.speed import PROFILE as EXLLAMA
from vramfit.engines.keys import parse_request
from vramfit.engines.llamacpp.speed import PROFILE as CPP
from vramfit.engines.profile import USUAL
from vramfit.engines.resolve import resolve
from vramfit.engines.transformers.speed import PROFILE as TRANSFORMERS
from vramfit.speed import BOTTLENECKS, decode_rate, spill_rate, throughput
from vramfit.speed.decode import step
from vramfit.units import GIB

ADA = {"fp32": 82.6, "fp16": 165.2}
"""TFLOPS of an RTX 4090."""


def bottleneck(found: Answer) -> str | None:
    """What a step of decoding waits for; None where nothing is known of the speed."""
    speed = throughput(found.deployment, found.estimate)
    return None if speed is None else speed.bottleneck


def answered(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> Answer:
    """Llama 2 7B in fp16 on an RTX 4090 unless the request says otherwise."""
    raw = {"gpu": "rtx4090", "model": "llama-2-7b", "quant": "fp16", **request}
    return answer(resolve(parse_request(raw), Catalogue(changes))[0])


def terms(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> dict[str, float]:
    """The seconds of a step by what they wait for."""
    found = answered(changes, **request)
    seconds = step(found.deployment, found.estimate)
    assert seconds is not None
    return dict(zip(BOTTLENECKS, seconds, strict=True))


def expected(changes: dict[str, dict[str, Any]] | None = None, **request: Any) -> float:
    """The expected decode rate."""
    rate = answered(changes, **request).rate
    assert rate is not None
    return rate.expected


def test_weights_and_cache_cross_the_bus() -> None:
    """13.2 GB of weights and the cache of 2048 tokens, half of the context, at transformers' share of 1008 GB/s."""
    read = 2 * (6_738_415_616 - 32000 * 4096 - 4096)
    cache = 2048 * 32 * 2 * 4096 * 2
    bus = 1008e9 * USUAL.bus_share[""]
    found = terms()
    assert found["memory bandwidth"] == pytest.approx(read / bus + cache / (bus * USUAL.cache_share))
    assert found["kernel launches"] == pytest.approx(32 * TRANSFORMERS.layer_microseconds[""] / 1e6)
    assert sum(found.values()) == pytest.approx(1 / expected(), rel=0.005)


@pytest.mark.parametrize(
    ("kind", "share", "microseconds"),
    [
        ("Ada Lovelace", 0.926, 63.1), ("Ampere", 0.889, 83.8), ("Ampere HBM", 0.88, 72.3), ("Apple 7-8", 0.857, 125),
        ("Apple 9", 0.882, 82.8), ("Blackwell", 0.895, 61.9), ("Hopper", 0.88, 85.9), ("NVIDIA unified", 0.847, 63.2),
        ("Pascal", 0.88, 233), ("RDNA 3", 0.891, 75.9), ("RDNA 3.5", 0.865, 70.3), ("RDNA 4", 0.877, 69.6),
        ("Turing", 0.877, 65.7), ("GCN 4 (Polaris)", 0.4, 86.2), ("GCN 5.0 (Vega)", 0.4, 86.2),
        ("GCN 5.1 (Vega 20)", 0.4, 86.2), ("RDNA", 0.62, 86.2), ("RDNA 2", 0.62, 86.2),
        # Of other kinds nothing was measured.
        ("CDNA 3", 0.88, 86.2), ("Volta", 0.88, 86.2), ("Xe-HPG", 0.88, 86.2),
    ],
)  # fmt: skip
def test_kinds_of_cards_in_llama_cpp(kind: str, share: float, microseconds: float) -> None:
    """Of a bus of 1008 GB/s so much is reached, and a layer's launches take so long (``tests.speed.fit``)."""
    changes = {"rtx4090": {**KINDS[kind], "bandwidth_gb_s": 1008}}
    found = answered(changes, engine="llama.cpp", quant="Q8_0")
    cache = 2048 * 32 * 2 * 4096 * 2
    read = found.estimate.gpus[0].read_bytes + cache / CPP.cache_share
    seconds = terms(changes, engine="llama.cpp", quant="Q8_0")
    assert seconds["memory bandwidth"] == pytest.approx(read / (1008e9 * share))
    assert seconds["kernel launches"] == pytest.approx(32 * microseconds / 1e6)


def test_the_prompt_decides_how_much_cache_is_read() -> None:
    """Half of the context unless it is given; twice the tokens, twice the cache."""
    weights = terms(context=4096, prompt_tokens=1)["memory bandwidth"]
    short, long = (terms(context=4096, prompt_tokens=n)["memory bandwidth"] - weights for n in (1025, 2049))
    assert long == pytest.approx(2 * short)
    assert terms(context=4096) == terms(context=4096, prompt_tokens=2048)


@pytest.mark.parametrize(
    ("faster", "slower"),
    [
        ({}, {"gpu": "rtx3060-12gb"}),
        ({"context": 512}, {"context": 4096}),
        ({"engine": "llama.cpp", "quant": "Q4_K_M"}, {"engine": "llama.cpp", "quant": "Q8_0"}),
        ({"engine": "llama.cpp", "quant": "Q4_K_M"}, {"engine": "llama.cpp", "quant": "Q4_K_M", "gpu_layers": 20}),
        ({"engine": "llama.cpp", "quant": "Q8_0"}, {"engine": "llama.cpp", "quant": "Q8_0", "flash_attention": "off"}),
        ({"engine": "llama.cpp", "quant": "Q8_0", "kv_cache_type": "q8_0"}, {"engine": "llama.cpp", "quant": "Q8_0"}),
        ({}, {"gpu_layers": 20}),
        ({"model": "llama-2-7b"}, {"model": "llama-2-13b"}),
        ({}, {"parallel": 4}),
    ],
)
def test_fewer_bytes_per_token_are_faster(faster: dict[str, Any], slower: dict[str, Any]) -> None:
    """A wider bus, a shorter context, fewer bits, nothing in RAM, a smaller model, no others to wait for."""
    assert expected(**faster) > expected(**slower)


def test_a_card_with_more_bus_than_cores_is_bound_by_its_cores() -> None:
    """An A100's 108 multiprocessors at 1.41 GHz take in 6 bytes per clock each, half of what its memory gives."""
    changes = {"a100-sxm4-80gb": {"tflops": {"fp32": 19.5}}}
    request: dict[str, Any] = {"gpu": "a100-sxm4-80gb", "engine": "llama.cpp", "quant": "F16"}
    found = terms(changes, **request)
    read = answered(changes, **request).estimate.gpus[0].read_bytes
    taken = 19.5e12 / 128 * CPP.bytes_per_clock[""]
    assert taken < 0.6 * 2039e9
    bus = 2039e9 * CPP.bus_share["Ampere HBM"]
    assert found["compute"] == pytest.approx(read / taken - read / bus)
    assert terms(None, **request)["compute"] == 0, "nothing is known of the cores"


def test_low_bit_weights_are_bound_by_their_unpacking() -> None:
    """Q2_K on a Tesla P40: 40 operations for each of 6.6 billion weights at 11.8 TFLOPS take longer than 2.5 GB."""
    p40 = {"rtx3060-12gb": {"architecture": "Pascal", "tflops": {"fp32": 11.8}, "bandwidth_gb_s": 347}}
    found = terms(p40, gpu="rtx3060-12gb", engine="llama.cpp", quant="Q2_K")
    weights = 6_738_415_616 - 32000 * 4096 - 65 * 4096
    crossing = answered(p40, gpu="rtx3060-12gb", engine="llama.cpp", quant="Q2_K").estimate.gpus[0].read_bytes / (
        347e9 * CPP.bus_share["Pascal"]
    )
    assert found["compute"] + crossing == pytest.approx(weights * 40 / 11.8e12, rel=0.001)


def test_unpacking_binds_apple_s_first_generations() -> None:
    """32.6 operations for each weight of a K quant at 1 TFLOPS, and for one of 8 bits none that takes longer than its bytes."""
    m1 = {"rtx4090": {**KINDS["Apple 7-8"], "tflops": {"fp32": 1.0}, "bandwidth_gb_s": 1008}}
    found = terms(m1, engine="llama.cpp", quant="Q4_K_M")
    crossing = answered(m1, engine="llama.cpp", quant="Q4_K_M").estimate.gpus[0].read_bytes / (1008e9 * 0.858)
    weights = 6_738_415_616 - 32000 * 4096 - 65 * 4096
    assert found["compute"] + crossing == pytest.approx(weights * 32.6 / 1e12, rel=0.001)
    newer = {"rtx4090": {**m1["rtx4090"], **KINDS["Apple 9"]}}
    assert terms(newer, engine="llama.cpp", quant="Q4_K_M")["compute"] < found["compute"] / 10


def test_experts_left_out_are_not_read() -> None:
    """Mixtral reads 2 of 8 experts per token: far faster than its size, far slower than one expert alone."""
    big = {"a100-sxm4-80gb": {"memory_mib": 2 * 81920}}
    mixtral = expected(big, gpu="a100-sxm4-80gb", model="mixtral-8x7b")
    dense = expected(big, gpu="a100-sxm4-80gb", model="mixtral-8x7b", quant="fp32")
    assert dense < mixtral
    assert mixtral > 2039e9 / (2 * 46_702_792_704)


def test_several_sequences_read_more_experts_and_the_rest_once() -> None:
    """Four sequences choose 1 - (3/4)^4 of the experts, 2.7 times those of one; and each reads its own cache."""
    request: dict[str, Any] = {"gpu": "a100-sxm4-80gb", "model": "mixtral-8x7b", "quant": "fp16", "context": 64}
    one, four = (terms(**request, parallel=n)["memory bandwidth"] for n in (1, 4))
    assert 2 < four / one < (1 - 0.75**4) / 0.25
    alone, together = (terms(parallel=n, context=64)["memory bandwidth"] for n in (1, 4))
    assert together < 1.01 * alone


def test_the_total_is_that_of_all_sequences() -> None:
    """Each is slower than one alone would be, all together are faster."""
    found = answered({"rtx4090": {"tflops": ADA}}, parallel=4)
    alone = expected({"rtx4090": {"tflops": ADA}})
    speed = throughput(found.deployment, found.estimate)
    assert speed is not None
    assert speed.decode is not None
    assert speed.total_decode_tokens_per_second == pytest.approx(4 * speed.decode.expected, rel=0.01)
    assert speed.total_decode_tokens_per_second is not None
    assert speed.decode.expected < alone < speed.total_decode_tokens_per_second


def test_layers_on_two_cards_run_one_after_another() -> None:
    """A layer split adds memory, not bandwidth; llama.cpp loses its CUDA graph by it."""
    assert expected(gpu="2xrtx3090") == expected(gpu="rtx3090")
    one, two = (terms(gpu=gpu, engine="llama.cpp", quant="Q8_0") for gpu in ("rtx3090", "2xrtx3090"))
    assert two["memory bandwidth"] == pytest.approx(one["memory bandwidth"])
    extra = 32 * 28.8 / 1e6
    assert two["kernel launches"] == pytest.approx(one["kernel launches"] + extra)


@pytest.mark.parametrize("engine", ["vllm", "sglang"])
def test_ranks_read_at_the_same_time_and_are_summed(engine: str) -> None:
    """Half of the bytes on each of two cards, and two sums per layer over PCIe."""
    one, two = (terms(gpu=gpu, engine=engine) for gpu in ("rtx4090", "2xrtx4090"))
    assert two["memory bandwidth"] == pytest.approx(one["memory bandwidth"] / 2, rel=0.01)
    assert two["interconnect"] == pytest.approx(32 * 2 * USUAL.reduce_microseconds["PCIe"] / 1e6)
    linked = terms({"rtx4090": {"nvlink_gb_s": 112}}, gpu="2xrtx4090", engine=engine)
    assert linked["interconnect"] == pytest.approx(32 * 2 * USUAL.reduce_microseconds["NVLink"] / 1e6)


def test_copies_serve_requests_of_their_own() -> None:
    """Two copies with a request each step as one does alone, without sums over the cards."""
    alone = terms(engine="vllm")
    copied = terms(engine="vllm", gpu="2xrtx4090", data_parallel=2, parallel=2)
    assert copied["interconnect"] == 0
    assert copied["memory bandwidth"] == pytest.approx(alone["memory bandwidth"])
    assert copied["kernel launches"] == alone["kernel launches"]


def test_stages_read_one_after_another() -> None:
    """Two stages of a pipeline read what one GPU reads: no faster."""
    one, two = expected(engine="vllm"), expected(engine="vllm", gpu="2xrtx4090", pipeline_parallel=2)
    assert one == pytest.approx(two, rel=0.01)


def test_layers_in_ram_are_read_at_its_speed() -> None:
    """20 of 33 layers on the GPU: the 13 others from RAM, 89.6 GB/s where nothing is said."""
    request: dict[str, Any] = {"engine": "llama.cpp", "quant": "Q8_0", "gpu_layers": 20}
    found = answered(**request)
    host = found.estimate.host
    cache = host.kv_cache_bytes * 2048 / 4096
    for given, peak in ((None, 89.6e9), ("51.2GB/s", 51.2e9)):
        ram = terms(None, **request, **({} if given is None else {"ram_bandwidth": given}))["RAM"]
        assert ram == pytest.approx((host.read_bytes + cache) / (peak * CPP.host_share))
    assert bottleneck(found) == "RAM"


def test_experts_in_ram_cost_each_layer_a_crossing() -> None:
    """Beside the active experts' bytes."""
    request: dict[str, Any] = {"model": "mixtral-8x7b", "engine": "llama.cpp", "quant": "Q4_K_M"}
    found = terms(**request, cpu_moe_layers=8)
    host = answered(**request, cpu_moe_layers=8).estimate.host
    assert found["RAM"] == pytest.approx(
        host.read_bytes / (89.6e9 * CPP.host_share) + 8 * CPP.host_expert_microseconds / 1e6
    )
    assert terms(**request, cpu_moe_layers="all")["RAM"] == pytest.approx(4 * found["RAM"], rel=0.05)
    # An expert layer costs the GPU's scheduler something, too.
    plain = 32 * CPP.layer_microseconds["Ada Lovelace"] / 1e6
    assert found["kernel launches"] == pytest.approx(plain + 32 * CPP.expert_microseconds["nvidia"] / 1e6)


def test_what_ram_cannot_keep_comes_from_the_disk() -> None:
    """A dense model reads all of it again; of experts, chosen at random, the share that is missing."""
    request: dict[str, Any] = {"engine": "llama.cpp", "quant": "Q8_0", "gpu_layers": 1}
    host = answered(**request).estimate.host
    assert terms(**request, ram="64GiB")["disk"] == 0
    assert terms(**request)["disk"] == 0, "not checked where the RAM is unknown"
    short = terms(**request, ram="6GiB")
    assert short["disk"] == pytest.approx(host.read_bytes / 0.6e9)
    mixture: dict[str, Any] = {
        "model": "mixtral-8x7b",
        "engine": "llama.cpp",
        "quant": "Q4_K_M",
        "cpu_moe_layers": "all",
    }
    experts = answered(**mixture).estimate.host
    missing = (experts.total_bytes + 2 * GIB - 16 * GIB) / experts.total_bytes
    assert terms(**mixture, ram="16GiB")["disk"] == pytest.approx(experts.read_bytes * missing / 0.6e9)


def test_accelerate_streams_layers_over_the_link() -> None:
    """What transformers keeps in RAM is copied for every token, at the pace of pageable memory."""
    found = answered(gpu_layers=20)
    assert terms(gpu_layers=20)["PCIe"] == pytest.approx(found.estimate.streamed_bytes / 7e9)
    assert bottleneck(found) == "PCIe"


@pytest.mark.parametrize(
    ("changes", "request_"),
    [({"rtx4090": {"bandwidth_gb_s": None}}, {}), ({}, {"task": "lora", "quant": "bf16"})],
)
def test_unknown_is_none(changes: dict[str, dict[str, Any]], request_: dict[str, Any]) -> None:
    """Without the bandwidth there is no figure, and training decodes nothing."""
    found = answered(changes, **request_)
    assert found.rate is None
    assert throughput(found.deployment, found.estimate) is None
    assert bottleneck(found) is None
    assert spill_rate(found.deployment, found.estimate, GIB) is None


def test_a_recurrent_model_decodes_too() -> None:
    """Its state is read and written per token, however long the context."""
    assert expected(model="recurrent") > 0
    assert terms(model="recurrent", context=64) == terms(model="recurrent", context=2048)


@pytest.mark.parametrize(
    ("kind", "layer", "more"),
    [("Ada Lovelace", 63.1, 0.54), ("RDNA 3", 75.9, 84.8), ("Apple 9", 82.8, 187), ("Xe-HPG", 86.2, 130)],
)
def test_recurrent_layers_are_launched_more_slowly(kind: str, layer: float, more: float) -> None:
    """Microseconds of any layer on a card, and of a recurrent one beyond that, by vendor: none worth counting in CUDA."""
    launches = terms({"rtx4090": KINDS[kind]}, model="recurrent", engine="llama.cpp", quant="Q8_0")["kernel launches"]
    assert launches == pytest.approx(64 * (layer + more) / 1e6)


def test_spilling_to_ram_is_slower_by_the_link() -> None:
    """What does not fit crosses PCIe, 31.5 GB/s of which a paging driver reaches half, for every token."""
    found = answered()
    resident = 1 / sum(terms().values())
    seconds = 1 / resident + 4 * GIB / (31.504e9 * 0.5)
    assert float(f"{1 / seconds:.3g}") == spill_rate(found.deployment, found.estimate, 4 * GIB)


def test_spilling_beyond_the_ram_comes_from_the_disk() -> None:
    """4 GiB too many for the card and 1 GiB of RAM: 3 GiB are read from the disk for every token."""
    found = answered(ram="1GiB")
    seconds = sum(terms().values()) + 4 * GIB / (31.504e9 * 0.5) + 3 * GIB / 0.6e9
    assert spill_rate(found.deployment, found.estimate, 4 * GIB) == pytest.approx(1 / seconds, rel=0.01)


def test_spilling_over_an_unknown_link_is_none() -> None:
    """Nothing is guessed."""
    found = answered({"rtx4090": {"pcie": None}})
    assert spill_rate(found.deployment, found.estimate, GIB) is None


@pytest.mark.parametrize(
    "request_", [{}, {"gpu_layers": 3}, {"engine": "llama.cpp", "quant": "Q4_K_M", "gpu_layers": 3}]
)
def test_three_significant_digits(request_: dict[str, Any]) -> None:
    """More would promise what no such estimate can keep; the interval holds the expected rate."""
    rate = answered(**request_).rate
    assert rate is not None
    for value in (rate.low, rate.expected, rate.high):
        assert value == float(f"{value:.3g}")
    assert rate.low < rate.expected < rate.high


def factors(found: Answer) -> tuple[float, float]:
    """Low and high as factors of the expected rate."""
    assert found.rate is not None
    return found.rate.low / found.rate.expected, found.rate.high / found.rate.expected


@pytest.mark.parametrize(
    ("changes", "request_", "spread"),
    [
        ({}, {"engine": "llama.cpp", "quant": "Q8_0"}, (0.72, 1.23)),
        ({}, {"engine": "ollama", "quant": "Q8_0"}, (0.72, 1.23)),
        ({"architecture": "CDNA 3"}, {"engine": "llama.cpp", "quant": "Q8_0"}, (0.5, 1.6)),
        ({"segment": "laptop"}, {"engine": "llama.cpp", "quant": "Q8_0"}, (0.5, 1.6)),
        ({"segment": "embedded"}, {"engine": "llama.cpp", "quant": "Q8_0"}, (0.5, 1.6)),
        ({"segment": "laptop"}, {"engine": "vllm"}, (0.6, 1.7)),
        ({"architecture": "CDNA 3"}, {"engine": "ollama", "quant": "Q8_0"}, (0.5, 1.6)),
        ({}, {"engine": "llama.cpp", "quant": "Q8_0", "gpu_layers": 20}, (0.56, 1.98)),
        ({"architecture": "CDNA 3"}, {"engine": "llama.cpp", "quant": "Q8_0", "gpu_layers": 20}, (0.56, 1.98)),
        ({}, {"gpu_layers": 20}, (0.56, 1.98)),
        ({}, {}, (0.5, 2.0)),
        ({"architecture": "CDNA 3"}, {}, (0.5, 2.0)),
        ({}, {"engine": "vllm"}, (0.6, 1.7)),
        ({}, {"engine": "exllamav3"}, (0.6, 1.4)),
    ],
)
def test_intervals(changes: dict[str, Any], request_: dict[str, Any], spread: tuple[float, float]) -> None:
    """Wider where the card has no row, where the engine's rows are few, and where RAM takes part."""
    assert factors(answered({"rtx4090": changes}, **request_)) == pytest.approx(spread, rel=0.01)


@pytest.mark.parametrize(
    ("quant", "microseconds"),
    [("fp16", 586), ("int8", 3890), ("nf4", 1590), ("gptq", 1310), ("awq", 516), ("fp8", 1990)],
)
def test_transformers_waits_for_python(quant: str, microseconds: float) -> None:
    """A layer's time is that of calling its matrices, whatever the card."""
    for changes in ({}, {"rtx4090": {"architecture": "Ampere"}}):
        assert terms(changes, quant=quant)["kernel launches"] == pytest.approx(32 * microseconds / 1e6)


@pytest.mark.parametrize(
    ("changes", "share"),
    [({}, 0.467), ({"vendor": "apple", "architecture": "Apple Silicon", "compute_target": "apple9"}, 0.147)],
)
def test_without_flash_attention_the_cache_is_read_badly(changes: dict[str, Any], share: float) -> None:
    """Attention falls apart into several kernels; so it does in Ollama."""
    cache = 2048 * 32 * 2 * 4096 * 2
    for engine in ("llama.cpp", "ollama"):
        request: dict[str, Any] = {"engine": engine, "quant": "Q8_0", "context": 4096}
        fused, unfused = (terms({"rtx4090": changes}, **request, flash_attention=flash) for flash in ("on", "off"))
        bus = 1008e9 * CPP.bus_share["Apple 9" if changes else "Ada Lovelace"]
        more = cache / bus * (1 / share - 1 / CPP.cache_share)
        assert unfused["memory bandwidth"] - fused["memory bandwidth"] == pytest.approx(more)
        assert unfused["kernel launches"] - fused["kernel launches"] == pytest.approx(32 * 11e-6)


@pytest.mark.parametrize("engine", ["transformers", "vllm", "exllamav3"])
def test_others_fuse_attention_anyhow(engine: str) -> None:
    assert terms(engine=engine, flash_attention="off") == terms(engine=engine, flash_attention="on")


@pytest.mark.parametrize(
    ("engine", "quant", "bytes_per_clock"),
    [
        ("vllm", "fp16", 9.67), ("vllm", "awq", 3.59), ("sglang", "fp16", 9.67), ("sglang", "awq", 6.27),
        ("exllamav3", "exl3-4.0", 5.09), ("llama.cpp", "Q8_0", 6.35),
    ],
)  # fmt: skip
def test_kernels_take_in_so_many_bytes_per_clock(engine: str, quant: str, bytes_per_clock: float) -> None:
    """A card of ten multiprocessors at 1 GHz, whose bus is no limit."""
    changes = {"rtx4090": {"tflops": {"fp32": 10 * 128 * 2 * 1e-3}}}
    found = answered(changes, engine=engine, quant=quant)
    seconds = terms(changes, engine=engine, quant=quant)
    read = found.estimate.gpus[0].read_bytes
    bus = (
        1008e9
        * (CPP if engine == "llama.cpp" else EXLLAMA if engine == "exllamav3" else USUAL).bus_share[
            "Ada Lovelace" if engine == "llama.cpp" else ""
        ]
    )
    assert seconds["compute"] == pytest.approx(read / (10 * 1e9 * bytes_per_clock) - read / bus)


def test_two_cards_of_one_name_are_not_confused() -> None:
    """What is remembered of a card is that card's, not its id's."""
    slow = {"rtx4090": {"bandwidth_gb_s": 504}}
    assert expected() > expected(slow)
    assert expected() > expected(slow)


def test_decode_rate_asks_for_one_deployment_alone() -> None:
    """The same answer whatever was asked before: nothing but the arguments counts."""
    found = answered(engine="llama.cpp", quant="Q4_K_M")
    rate = decode_rate(found.deployment, found.estimate)
    decode_rate(replace(found.deployment, gpus=Catalogue().gpus("rtx3060-12gb")), found.estimate)
    assert decode_rate(found.deployment, found.estimate) == rate
