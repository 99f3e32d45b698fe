"""What a user states of a file or a card: its size, its bits per weight, what a program can have of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.command import report
from vramfit.engines.keys import parse_request
from vramfit.engines.resolve import resolve
from vramfit.errors import CannotTell, UnsupportedScheme
from vramfit.hardware import usable_bytes
from vramfit.quantization import bits_per_weight
from vramfit.sources import open_catalogue
from vramfit.units import GB, GIB, MIB

CATALOGUE = open_catalogue()


def resolved(**keys: Any) -> Any:
    """The only deployment of raw keys."""
    (found,) = resolve(parse_request({"gpu": "rtx4090", "model": "qwen3-8b", **keys}), CATALOGUE)
    return found


@pytest.mark.parametrize(
    ("keys", "scheme", "file_bytes"),
    [
        ({"quant": "Q4_K_M", "file_size": "6GB"}, "Q4_K_M", 6 * GB),
        ({"quant": "Q4_K_M", "file_size": "5GiB", "engine": "ollama"}, "Q4_K_M", 5 * GIB),
        ({"engine": "llama.cpp", "file_size": "6GB"}, "Q5_K_M", 6 * GB),
        ({"engine": "llama.cpp", "quant": "APEX-Nano", "file_size": "6GB"}, "Q5_K_M", 6 * GB),
        ({"engine": "llama.cpp", "quant": "MXFP6", "file_size": "6GB"}, "Q5_K_M", 6 * GB),
        ({"engine": "llama.cpp", "quant": "int8", "file_size": "6GB"}, "Q5_K_M", 6 * GB),
        ({"engine": "mlx", "file_size": "5GB", "gpu": "m4-max-128gb"}, "mlx-4bit", 5 * GB),
        ({"quant": "nf4", "file_size": "6GB"}, "nf4", 6 * GB),
    ],
)
def test_a_file_weighs_what_is_stated(keys: dict[str, Any], scheme: str, file_bytes: int) -> None:
    found = resolved(**keys)

    assert found.scheme.id == scheme
    assert found.checkpoint.file_bytes == pytest.approx(file_bytes, abs=1000)


@pytest.mark.parametrize(
    ("keys", "scheme", "bits"),
    [
        ({"engine": "llama.cpp", "bits_per_weight": 4.25}, "Q4_0", 4.25),
        ({"engine": "mlx", "bits_per_weight": 4.6, "gpu": "m4-max-128gb"}, "mlx-4bit", 4.6),
        ({"quant": "Q4_K_M", "bits_per_weight": "5.5"}, "Q4_K_M", 5.5),
    ],
)
def test_weights_take_the_bits_that_are_stated(keys: dict[str, Any], scheme: str, bits: float) -> None:
    found = resolved(**keys)

    assert bits == pytest.approx(bits_per_weight(found.checkpoint.stored), abs=1e-6)
    assert found.scheme.family == ("mlx" if scheme.startswith("mlx") else "gguf")
    assert found.checkpoint.scaled != 1


def test_bits_name_a_scheme_where_a_family_has_one_for_each() -> None:
    found = resolved(engine="exllamav3", bits_per_weight=3.5)

    assert ("exl3-3.5", 1.0) == (found.scheme.id, found.checkpoint.scaled)


def test_a_mix_nobody_knows_is_refused_without_its_size() -> None:
    with pytest.raises(UnsupportedScheme, match="no recipe of APEX is published for Qwen3 8B, which has no experts"):
        resolved(engine="llama.cpp", quant="APEX-Nano")
    with pytest.raises(UnsupportedScheme, match='"qx64-hi" is a mix whose bytes no source states'):
        resolved(engine="mlx", quant="qx64-hi")


def test_a_projector_keeps_its_size() -> None:
    """The mmproj is a second file, so the size of the first says nothing of it."""
    plain, sized = (
        resolved(model="gemma-3-12b", quant="Q4_K_M", **more).checkpoint for more in ({}, {"file_size": "9GB"})
    )
    towers = [
        sum(row.total_bytes for row in one.stored if row.tensor.part in ("vision", "projector"))
        for one in (plain, sized)
    ]

    assert towers[0] == towers[1] > 0
    assert sized.file_bytes == pytest.approx(9 * GB, abs=1000)


@pytest.mark.parametrize(
    ("keys", "usable"),
    [
        ({"usable": "20GiB"}, 20 * GIB),
        ({"usable": "20G"}, 20 * GIB),
        ({"gpu": "Radeon 890M", "usable": "6368MiB"}, 6368 * MIB),
        ({"gpu": "Radeon 890M", "ram": "96GiB"}, 48 * GIB),
    ],
)
def test_what_a_program_can_have(keys: dict[str, Any], usable: int) -> None:
    found = resolved(quant="Q4_K_M", **keys)

    assert {usable} == {usable_bytes(gpu, found.workload.platform) for gpu in found.gpus}


def test_integrated_memory_of_unknown_size_is_not_guessed() -> None:
    with pytest.raises(CannotTell, match="no memory of its own"):
        resolved(gpu="Radeon 890M", quant="Q4_K_M")


def test_the_need_on_a_gpu_of_unknown_memory_is_answered() -> None:
    """The verdict is unknown and the need is that of a machine with enough; what depends on the memory is null."""
    asked = ("-g", "Radeon 890M", "-m", "qwen3-8b", "--quant", "Q4_K_M", "--engine", "llama.cpp")
    found = report(*asked)
    (one,) = found.estimates
    (enough,) = report(*asked, "--ram", "512GiB").estimates

    assert found.code == 3
    assert ("unknown", None, None, []) == (one["verdict"], one["headroom_bytes"], one["limits"], one["remedies"])
    assert (None, None, None) == tuple(one["gpu"][key] for key in ("marketed_gb", "memory_bytes", "usable_bytes"))
    assert [None, None] == [device["usable_bytes"] for device in one["devices"]]
    assert enough["required_bytes"] == one["required_bytes"]
    assert one["assumptions"][0].startswith("AMD Radeon 890M has no memory of its own")


@pytest.mark.parametrize(
    ("raw", "context"),
    [("32k", 32768), ("32K", 32768), ("0.5k", 512), ("32,768", 32768), ("32768", 32768), (32768, 32768), ("max", 40960),
     ("MAX", 40960), ("0", 40960), (0, 40960), ("max/4", 10240), ("max/1", 40960)],
)  # fmt: skip
def test_contexts_as_people_write_them(raw: object, context: int) -> None:
    assert resolved(quant="Q4_K_M", context=raw).workload.context == context


@pytest.mark.parametrize(
    ("keys", "engine", "scheme"),
    [
        ({"engine": "LlamaCpp", "quant": "q4km"}, "llama.cpp", "Q4_K_M"),
        ({"engine": "vLLM", "quant": "FP16"}, "vllm", "fp16"),
        ({"engine": "OLLAMA", "quant": "INT4"}, "ollama", "Q4_K_M"),
        ({"quant": "Iq4-Xs"}, "llama.cpp", "IQ4_XS"),
    ],
)
def test_engines_and_schemes_in_any_spelling(keys: dict[str, Any], engine: str, scheme: str) -> None:
    found = resolved(**keys)

    assert (engine, scheme) == (found.engine, found.scheme.id)


@pytest.mark.parametrize(
    ("raw", "on"),
    [
        ("auto", True),
        ("1", True),
        (1, True),
        ("ON", True),
        ("0", False),
        (0, False),
        ("disabled", False),
        (False, False),
    ],
)
def test_flash_attention_in_llama_cpp_s_words(raw: object, on: bool) -> None:
    assert resolved(quant="Q4_K_M", flash_attention=raw).workload.flash_attention is on


@pytest.mark.parametrize(("raw", "kind"), [("Q8_0", "q8_0"), ("q8", "q8_0"), ("fp16", "f16")])
def test_cache_types_in_any_spelling(raw: str, kind: str) -> None:
    assert resolved(quant="Q4_K_M", kv_cache_type=raw).workload.kv_cache_type == kind


@pytest.mark.parametrize(
    ("scheme", "keys"),
    [
        # The scheme stands where the size of its file alone is stated, and gives way to stated bits.
        ("exl2-3.0", {"quant": "exl2-3.0", "file_size": "6GB"}),
        ("exl2-5.0", {"quant": "exl2-3.0", "bits_per_weight": 5.0}),
        ("exl2-5.0", {"quant": "exl2-3.0", "bits_per_weight": 5.0, "file_size": "6GB"}),
    ],
)
def test_a_scheme_of_so_many_bits(scheme: str, keys: dict[str, Any]) -> None:
    assert scheme == resolved(**keys).scheme.id
