"""Finding schemes by id, alias and parametrised name."""

from __future__ import annotations

from importlib import import_module

import pytest

from vramfit.errors import UnsupportedScheme
from vramfit.quantization import SCHEMES, find_scheme
from vramfit.quantization.schemes import ALIASES, aliases
from vramfit.quantization.spelling import FAMILIES, read


@pytest.mark.parametrize("name", SCHEMES)
def test_every_listed_scheme_is_found_and_its_family_exists(name: str) -> None:
    scheme = SCHEMES[name]

    assert find_scheme(name) is scheme
    assert scheme.precision in ("fp16", "int8", "int4")
    assert scheme.summary
    assert callable(import_module(f"vramfit.quantization.{scheme.family}").store)


@pytest.mark.parametrize("name", ALIASES)
def test_aliases_lead_to_listed_schemes_in_any_case(name: str) -> None:
    assert name == name.lower()
    assert find_scheme(name).id == ALIASES[name]
    assert find_scheme(name.title()).id == ALIASES[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("q4_k_m", "Q4_K_M"),
        ("Q4_K", "Q4_K_M"),
        ("iq2_xxs", "IQ2_XXS"),
        ("mxfp4", "MXFP4"),
        ("mxfp4_moe", "MXFP4_MOE"),
        ("LLM.int8", "int8"),
        ("FP8-dynamic", "fp8-channel"),
        ("bf16", "bf16"),
        ("BF16", "BF16"),
        ("f16", "F16"),
        ("gptq", "gptq-int4"),
        ("gptq-int4-g128", "gptq-int4"),
        ("gptq-4bit-32g", "gptq-int4-g32"),
        ("GPTQ_4bit--1g", "gptq-int4-channel"),
        ("gptq-int3", "gptq-int3"),
        ("awq-int4-g64", "awq-g64"),
        ("w4a16-g32", "w4a16-g32"),
        ("w8a16", "w8a16"),
        ("4.65bpw-h8-exl2", "exl2-4.65-h8"),
        ("exl3-3.5", "exl3-3.5"),
        ("exl3-4bpw", "exl3-4.0"),
        ("exl3-4.0-hb6", "exl3-4.0"),
        ("mlx-6bit", "mlx-6bit"),
        ("mlx-4bit-g32", "mlx-4bit-g32"),
        ("hqq-2bit-g16", "hqq-int2-g16"),
        ("torchao-int8", "torchao-int8"),
        ("torchao-int4-g64", "torchao-int4-g64"),
        ("quanto-fp8", "quanto-fp8"),
        ("svdq-int4", "svdq-int4"),
        ("i1-q4_k_m", "i1-Q4_K_M"),
    ],
)
def test_names(name: str, expected: str) -> None:
    assert find_scheme(name).id == expected
    assert find_scheme(expected).id == expected  # what reports write can be typed back


@pytest.mark.parametrize(
    "name",
    [
        "", "-", "foo", "Q4_K_XXL", "gptq-int5", "gptq-g7", "gptq-intx", "gptq-int4-int8", "awq-int8", "awq-g1.5",
        "exl3-44", "exl3-4.0-g32", "exl2-4.0-h17", "mlx-7bit", "mlx-4bit-h6", "mlx-int٤", "i1-awq", "i1-",
        "i1-i1-Q4_0",
    ],
)  # fmt: skip
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(UnsupportedScheme, match="unknown quant") as caught:
        find_scheme(name)

    assert caught.value.hint is not None
    assert "vramfit list quants" in caught.value.hint


def test_near_misses_are_suggested() -> None:
    with pytest.raises(UnsupportedScheme) as caught:
        find_scheme("Q4_K_N")

    assert caught.value.hint is not None
    assert "Q4_K_M" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        (
            "4.65bpw-h8",
            "a bit rate alone may be of several formats: write exl2-4.65-h8 or exl3-4.65-h8, or name the engine",
        ),
        ("1.5bpw", "a bit rate alone may be of several formats: write exl3-1.5, or name the engine"),
        ("33bpw", "see `vramfit list quants`; of a mix that is not there, say what its file weighs: --file-size 20GB"),
    ],
)
def test_a_bare_bit_rate_is_named_with_its_formats(name: str, hint: str) -> None:
    with pytest.raises(UnsupportedScheme) as caught:
        find_scheme(name)

    assert hint == caught.value.hint


@pytest.mark.parametrize("name", [name for name in SCHEMES if name.split("-")[0] in (*FAMILIES, "exl2", "exl3")])
def test_the_table_and_the_grammar_agree(name: str) -> None:
    """What a listed name says when read word by word is the listed scheme (MLX's modes are no bit widths)."""
    assert read(name) is (None if name.endswith(("mxfp4", "nvfp4", "mxfp8")) else SCHEMES[name])


def test_bit_rates_and_head_bits_reach_the_settings() -> None:
    assert find_scheme("exl2-4.65-h8").settings == {"bits": 4.65, "head_bits": 8}
    assert find_scheme("gptq-int3-g64").settings == {"bits": 3, "group": 64}
    assert find_scheme("i1-IQ4_XS").settings == {"type": "IQ4_XS", "imatrix": True}


@pytest.mark.parametrize(
    ("name", "required"),
    [("IQ3_XXS", True), ("IQ1_M", True), ("Q2_K_S", True), ("Q2_K", False), ("IQ4_XS", False), ("awq", False)],
)
def test_what_requires_an_importance_matrix(name: str, required: bool) -> None:
    """llama.cpp ``tensor_requires_imatrix``: tensors of these types, and of Q2_K in a Q2_K_S file."""
    assert find_scheme(name).requires_imatrix is required


def test_aliases_of_a_scheme() -> None:
    assert aliases(find_scheme("w8a8")) == ("w8a8-int8", "int8-w8a8")
    assert aliases(find_scheme("Q6_K")) == ("q6",)
