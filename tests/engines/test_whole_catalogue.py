"""What holds for every model of the catalogue, every scheme and every engine: no crash, no absurd figure, no step back."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.deployed import deployed
from tests.each import each
from tests.samples import gpu
from vramfit.engines import Estimate, engine, estimate, names, pipeline_engines
from vramfit.engines.llamacpp.placement import parts_of
from vramfit.engines.pipelines import SPEECH_GROUPS
from vramfit.engines.transformers.estimate import beside_bytes
from vramfit.errors import CannotTell, UsageError, VramfitError
from vramfit.memory.kv_cache import caches
from vramfit.memory.weights import slices
from vramfit.model import Model, model_from_facts
from vramfit.quantization import SCHEMES, Scheme, bits_per_weight, derive, find_scheme
from vramfit.sources import open_catalogue

CARD = gpu("rtx4090")
APPLE = gpu("rtx4090", vendor="apple")
SCHEME_NAMES = (*SCHEMES, "i1-IQ3_XXS", "i1-Q4_0", "gptq-int3-g32", "exl3-2.25", "mlx-3bit-g32", "awq-g32", "fp8-block")
LEAST_BITS = 1.5
"""IQ1_S has 1.56 bits a weight where nothing keeps more."""


@cache
def facts() -> dict[str, dict[str, Any]]:
    """The entries with layers, by id."""
    return {entry["id"]: entry for entry in open_catalogue().model_entries() if entry.get("layers")}


@cache
def model(name: str) -> Model:
    return open_catalogue().model(name)


def estimated(name: str, made: Model, scheme: Scheme, **work: Any) -> Estimate:
    card = APPLE if name == "mlx" else CARD
    if name == "ollama":  # it has one batch size
        work = {"batch": 512, "ubatch": 512, **work}
    return estimate(deployed(name, (card,), made, scheme, **{"context": 2048, **work}))


model_names = st.sampled_from(sorted(facts()))
SPEECH = tuple(name for name in names() if SPEECH_GROUPS[0] in engine(name).groups)
"""Engines of one network, whose caches follow windows of sound and no context (tests of their own, by their logs)."""
LAYERED = tuple(name for name in names() if name not in (*pipeline_engines(), *SPEECH))
"""Engines of models that are layers; those of pipelines have components (``diffusers``, tests of their own)."""
engines = st.sampled_from(LAYERED)


@pytest.mark.parametrize("name", LAYERED)
def test_every_model_in_every_scheme(name: str) -> None:
    """Parts sum, the interval holds them, and what is on the devices is what the checkpoint holds, or is padded."""
    # llama.cpp, and Ollama with it, makes a file type of its own of every other scheme.
    families = ("gguf",) if name in ("llama.cpp", "ollama") else engine(name).families
    schemes = [scheme for scheme in map(find_scheme, SCHEME_NAMES) if scheme.family in families]
    answered = 0
    for key in facts():
        made = model(key)
        for scheme in schemes:
            try:
                found = estimated(name, made, scheme)
            except CannotTell:
                continue
            except UsageError:
                assert name == "exllamav2"  # which has code for plain attention alone
                continue
            answered += 1
            for device in (*found.gpus, found.host):
                parts = (device.weights_bytes, device.kv_cache_bytes, device.compute_bytes, device.overhead_bytes)
                assert all(type(part) is int and part >= 0 for part in parts), (key, scheme.id, parts)
                assert device.low_bytes <= device.total_bytes == sum(parts) <= device.high_bytes, (key, scheme.id)
            weights = sum(device.weights_bytes for device in (*found.gpus, found.host))
            size = derive(made, scheme).file_bytes
            if name == "transformers":  # a codec in 32 bits is loaded beside the model
                weights -= beside_bytes(made)
            if name.startswith("exllama"):  # where no image is read, no tower is loaded
                size -= slices(derive(made, scheme)).other_bytes
            # What transformers unpacks has 16 bits for each element, and compressed-tensors packs up to four into them.
            most = 8 if name == "transformers" and scheme.family == "compressed_tensors" else 2
            if families == ("gguf",):  # rows of a table of more than 4 GiB are read from the file
                size -= parts_of(derive(made, scheme)).lazy_bytes
            assert 0.95 * size < weights < most * size, (key, scheme.id)
    assert answered > len(facts()) * len(schemes) * (0.6 if name == "exllamav2" else 0.9)


def test_bits_per_weight_are_those_of_the_scheme() -> None:
    """Never below what its smallest type takes, never above 32-bit floats, and exact where nothing is quantized."""
    for key in each(facts()):
        made = model(key)
        whole = derive(made, SCHEMES["fp32"]).file_bytes
        for scheme in map(find_scheme, SCHEME_NAMES):
            checkpoint = derive(made, scheme)
            assert LEAST_BITS < bits_per_weight(checkpoint.stored) < 32.1, (key, scheme.id)
            assert 0 < checkpoint.file_bytes <= whole, (key, scheme.id)
        sixteen = bits_per_weight(derive(made, SCHEMES["bf16"]).stored)
        assert 16 <= sixteen < 16.01, key


@given(engines, model_names, st.integers(1, 131_072), st.integers(1, 131_072), st.integers(1, 16))
def test_a_longer_context_and_more_sequences_never_take_less(
    name: str, key: str, one: int, other: int, parallel: int
) -> None:
    made = model(key)
    scheme = find_scheme(engine(name).scheme_of_class["int4"])
    try:
        short, long, many = [
            sum(device.kv_cache_bytes for device in (*found.gpus, found.host))
            for found in (
                estimated(name, made, scheme, context=min(one, other)),
                estimated(name, made, scheme, context=max(one, other)),
                estimated(name, made, scheme, context=max(one, other), parallel=1 + parallel),
            )
        ]
    except (CannotTell, UsageError):
        return
    assert 0 <= short <= long
    assert long <= many
    # TensorRT-LLM has states for as many requests as it may run at once, however many are held.
    growing = {cache.kind for cache in caches(made)} - ({"cross", "state"} if name == "tensorrt-llm" else {"cross"})
    assert long < many or not growing


LADDERS = (
    ("IQ1_S", "IQ2_XXS", "Q2_K", "Q3_K_M", "Q4_K_M", "Q5_K_M", "Q6_K", "Q8_0", "F16", "F32"),
    ("gptq-int2", "gptq-int3", "gptq-int4", "gptq-int8", "bf16", "fp32"),
    ("mlx-2bit", "mlx-3bit", "mlx-4bit", "mlx-5bit", "mlx-6bit", "mlx-8bit"),
    ("exl3-2.0", "exl3-3.0", "exl3-4.0", "exl3-6.0-h6", "exl3-8.0-h8"),
    ("hqq-int2", "hqq-int4", "hqq-int8", "bf16"),
    ("nf4", "int8", "bf16"),
    ("w4a16", "w8a8", "bf16"),
)


@pytest.mark.parametrize("ladder", LADDERS, ids=lambda ladder: ladder[0])
def test_more_bits_never_take_fewer_bytes(ladder: tuple[str, ...]) -> None:
    for key in each(facts()):
        sizes = [derive(model(key), scheme).file_bytes for scheme in map(find_scheme, ladder)]
        assert sizes == sorted(sizes), key


def doubling() -> list[str]:
    """Models whose layers are all alike, or alternate evenly, so that twice as many are twice the same."""
    kept = ("widths", "shared_cache_layers", "pattern")
    return sorted(
        key
        for key, entry in facts().items()
        if not any(field in entry for field in kept)
        and not entry.get("moe", {}).get("dense_layers")
        and "indexer_pattern" not in entry.get("mla", {})
        and entry["traits"].get("first_attn_norm", True)
        and "per_layer_embedding" not in entry["traits"]
    )


@given(
    st.sampled_from(doubling()), st.sampled_from(["fp32", "bf16", "int8", "nf4", "awq", "fp8-channel", "Q8_0", "Q4_1"])
)
def test_twice_the_layers_are_twice_the_repeated_tensors(key: str, quant: str) -> None:
    entry = {name: value for name, value in facts()[key].items() if name != "counted"}
    scheme = find_scheme(quant)
    single = slices(derive(model_from_facts(entry), scheme))
    double = slices(derive(model_from_facts({**entry, "layers": 2 * entry["layers"]}), scheme))

    assert sum(double.layer_bytes) == 2 * sum(single.layer_bytes)
    assert double.input_bytes == single.input_bytes
    assert double.output_bytes == single.output_bytes


def test_most_models_can_be_doubled() -> None:
    assert len(doubling()) > 150


@given(
    model_names,
    st.sampled_from(["vllm", "sglang"]),
    st.sampled_from([2, 4, 8, 16]),
    st.sampled_from(["bf16", "awq", "fp8"]),
)
def test_tensor_parallel_never_holds_more_on_a_card(key: str, name: str, ranks: int, quant: str) -> None:
    """Each rank holds at least its even share of the weights, and no more than the whole.

    Of a whole that is rounded up to the allocator's steps, which its parts need not be, what the file holds is shared.
    """
    made, scheme = model(key), find_scheme(quant)
    try:
        whole = estimated(name, made, scheme).gpus[0]
        ranked = estimate(deployed(name, (CARD,) * ranks, made, scheme, context=2048)).gpus
    except VramfitError:
        return
    for card in ranked:
        assert card.weights_bytes <= whole.weights_bytes * 1.02
        assert card.kv_cache_bytes <= whole.kv_cache_bytes
    shared = min(whole.weights_bytes, derive(made, scheme).file_bytes)
    assert sum(card.weights_bytes for card in ranked) >= shared * 0.99
    assert sum(card.kv_cache_bytes for card in ranked) >= whole.kv_cache_bytes * 0.99
