"""What holds for every engine and every architecture: how the cache and the weights grow, and that parts make the whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.deployed import deployed
from tests.engines.llamacpp.asking import CARD, catalogue_model
from tests.samples import model as sample
from vramfit.engines import estimate
from vramfit.memory.kv_cache import ELEMENT_TYPES, caches
from vramfit.memory.weights import slices
from vramfit.quantization import SCHEMES, derive, find_scheme

if TYPE_CHECKING:
    from vramfit.engines import Estimate
    from vramfit.model import Model

ENGINES = ("transformers", "llama.cpp", "vllm", "sglang", "exllamav3")
MODELS = {
    "llama-3.2-1b": "dense, grouped queries, tied head",
    "falcon-7b": "dense, one KV head",
    "llava-1.5-7b": "vision",
    "qwen3-30b-a3b": "experts",
    "deepseek-v2-lite": "latent attention, experts",
    "gemma-3-4b": "sliding windows, vision",
    "gpt-oss-20b": "sliding windows, experts",
    "gemma-3n-e4b": "shared cache",
    "mamba-130m": "recurrent",
    "mamba2-2.7b": "recurrent",
    "falcon-h1-0.5b": "attention beside a state",
    "qwen3.5-0.8b": "gated delta net among full layers, vision",
    "lfm2-350m": "short convolutions among full layers",
}
REPEATED = ("llama-2-7b", "llama-3.1-8b", "mixtral-8x7b", "latent", "sliding", "recurrent", "llava-1.5-7b")
"""Samples whose pattern of layers goes into twice as many without a rest."""

engines = st.sampled_from(ENGINES)
models = st.sampled_from(sorted(MODELS))
contexts = st.integers(1, 65536)


def estimated(name: str, made: Model, gpus: int = 1, quant: str = "fp16", **work: Any) -> Estimate:
    """The engine's estimate; 4096 tokens unless ``work`` differs."""
    scheme = find_scheme({"fp16": "F16"}.get(quant, quant) if name == "llama.cpp" else quant)
    return estimate(deployed(name, (CARD,) * gpus, made, scheme, **{"context": 4096, **work}))


def cache_bytes(found: Estimate) -> int:
    """Over all GPUs and the host."""
    return sum(device.kv_cache_bytes for device in (*found.gpus, found.host))


@given(engines, models, contexts, contexts)
def test_a_longer_context_never_takes_less_cache(name: str, key: str, one: int, other: int) -> None:
    made = catalogue_model(key)
    short, long = (cache_bytes(estimated(name, made, context=tokens)) for tokens in sorted((one, other)))

    assert 0 < short <= long


@given(engines, models, st.integers(1, 64), st.integers(1, 64), st.integers(1, 8192))
def test_more_sequences_take_more_cache(name: str, key: str, one: int, other: int, context: int) -> None:
    assume(one != other)
    made = catalogue_model(key)
    few, many = (cache_bytes(estimated(name, made, context=context, parallel=n)) for n in sorted((one, other)))

    assert 0 < few < many


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("key", MODELS)
def test_only_what_attends_to_everything_grows_without_end(name: str, key: str) -> None:
    """Beyond every window the cache grows with each full layer's row, and without such layers not at all."""
    made = catalogue_model(key)
    near, far = (cache_bytes(estimated(name, made, context=tokens)) for tokens in (65536, 131072))

    assert (far > near) == any(one.window is None and one.kind != "state" for one in caches(made))


@pytest.mark.parametrize(
    ("name", "types"),
    [
        ("transformers", ("f16", "f32")),
        ("llama.cpp", ("q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "f16", "f32")),
        ("vllm", ("fp8", "f16")),
    ],
)
@pytest.mark.parametrize("key", ["llama-3.2-1b", "qwen3-30b-a3b", "deepseek-v2-lite", "gemma-3-4b", "gpt-oss-20b"])
def test_cache_types_are_ordered_by_their_bytes(name: str, types: tuple[str, ...], key: str) -> None:
    """In the exact proportion of their blocks, where nothing but a cache is kept."""
    made = catalogue_model(key)
    sizes = [cache_bytes(estimated(name, made, kv_cache_type=kind, kv_cache_type_v=kind)) for kind in types]
    per_element = [ELEMENT_TYPES[kind][1] / ELEMENT_TYPES[kind][0] for kind in types]

    assert sizes == sorted(set(sizes))
    assert [size / sizes[-1] for size in sizes] == pytest.approx([one / per_element[-1] for one in per_element])


@given(engines, st.sampled_from(REPEATED), st.integers(1, 3), contexts, st.integers(1, 8))
def test_twice_the_layers_are_twice_the_cache(name: str, key: str, times: int, context: int, parallel: int) -> None:
    layers = 12 * times
    work: dict[str, Any] = {"context": context, "parallel": parallel}
    single, double = (cache_bytes(estimated(name, sample(key, layers=n), **work)) for n in (layers, 2 * layers))

    # SGLang's pools have fixed proportions, so that a byte of each is rounded.
    assert abs(double - 2 * single) <= (2 if name == "sglang" else 0)
    assert single > 0


@given(
    st.sampled_from(REPEATED),
    st.integers(1, 3),
    st.sampled_from(["fp32", "fp16", "int8", "nf4", "awq", "Q8_0", "Q4_0"]),
)
def test_twice_the_layers_are_twice_the_repeated_weights(key: str, times: int, quant: str) -> None:
    """Embedding, head and towers stay as they are."""
    scheme = find_scheme(quant)
    single, double = (slices(derive(sample(key, layers=n), scheme)) for n in (12 * times, 24 * times))

    assert sum(double.layer_bytes) == 2 * sum(single.layer_bytes)
    assert (double.input_bytes, double.output_bytes, double.other_bytes) == (
        single.input_bytes, single.output_bytes, single.other_bytes,
    )  # fmt: skip


@pytest.mark.parametrize("key", MODELS)
def test_no_scheme_takes_more_than_32_bit_floats(key: str) -> None:
    """Scales, zero points and second copies included, file against file."""
    made = catalogue_model(key)
    whole = derive(made, SCHEMES["fp32"]).file_bytes
    sizes = {scheme.id: derive(made, scheme).file_bytes for scheme in SCHEMES.values()}

    assert {name: size for name, size in sizes.items() if not 0 < size <= whole} == {}


@given(engines, models, contexts, st.integers(1, 8))
def test_parts_make_the_whole_of_each_device(name: str, key: str, context: int, parallel: int) -> None:
    """Four parts sum to the total, and the interval holds it."""
    found = estimated(name, catalogue_model(key), context=context, parallel=parallel)
    for device in (*found.gpus, found.host):
        parts = (device.weights_bytes, device.kv_cache_bytes, device.compute_bytes, device.overhead_bytes)
        assert min(parts) >= 0
        assert device.total_bytes == sum(parts)
        assert device.low_bytes <= device.total_bytes <= device.high_bytes


@given(models, st.integers(2, 4), st.sampled_from(["fp16", "int8", "nf4"]))
def test_transformers_spreads_what_one_card_would_hold(key: str, gpus: int, quant: str) -> None:
    """Layer by layer: weights and cache together are the same on any number of cards."""
    made = catalogue_model(key)
    one, several = (estimated("transformers", made, n, quant) for n in (1, gpus))

    assert cache_bytes(one) == cache_bytes(several)
    assert sum(gpu.weights_bytes for gpu in one.gpus) == sum(gpu.weights_bytes for gpu in several.gpus)


@given(models, st.integers(0, 24), st.integers(1, 3))
def test_llama_cpp_s_cache_is_the_same_wherever_its_layers_are(key: str, on_gpu: int, gpus: int) -> None:
    made = catalogue_model(key)
    whole = cache_bytes(estimated("llama.cpp", made))

    assert whole == cache_bytes(estimated("llama.cpp", made, gpus, gpu_layers=min(on_gpu, made.layer_count)))
