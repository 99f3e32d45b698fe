"""``vramfit show MODEL --quants``: what a checkpoint weighs under every scheme."""

from __future__ import annotations

import csv
import io
import json
from functools import cache
from typing import Any

import pytest

from tests.command import report, vramfit
from vramfit.quantization import SCHEMES

LLAVA = "llava-1.6-13b"


@cache
def quants(model: str) -> dict[str, Any]:
    """The rows of a model by scheme, in order."""
    ran = vramfit("show", model, "--quants", "--json")
    assert (ran.code, ran.err) == (0, "")
    document = json.loads(ran.out)
    assert document["id"] == model
    return {row["scheme"]: row for row in document["quants"]}


@pytest.mark.parametrize(
    ("model", "scheme", "size", "bits"),
    [
        # 13,015,864,320 parameters: llama-quantize's own total, tests/quantization/test_gguf.py works it out by hand.
        ("llama-2-13b", "Q4_K_M", 7_865_210_880, 4.8342),
        # 64 rows more of the vocabulary, Q4_K in the embedding and Q6_K in the head: 64 x 5120 x (144 + 210) / 256.
        (LLAVA, "Q4_K_M", 7_865_210_880 + 64 * 5120 * (144 + 210) // 256, 5.1045),
        # 13,351,499,776 parameters of two bytes (llava-hf/llava-v1.6-vicuna-13b-hf).
        (LLAVA, "fp16", 26_702_999_552, 16.0),
        (LLAVA, "fp32", 53_405_999_104, 32.0),
        # 8,030,261,248 parameters (meta-llama/Llama-3.1-8B).
        ("llama-3.1-8b", "bf16", 16_060_522_496, 16.0),
    ],
)
def test_sizes_to_the_byte(model: str, scheme: str, size: int, bits: float) -> None:
    row = quants(model)[scheme]

    assert (row["checkpoint_bytes"], row["bits_per_weight"]) == (size, bits)


def test_every_scheme_once_by_family_then_bits() -> None:
    """Families in the table's order, each from most bits to fewest."""
    rows = list(quants(LLAVA).values())
    families = list(dict.fromkeys(scheme.family for scheme in SCHEMES.values()))
    bits = {family: [row["bits_per_weight"] for row in rows if row["family"] == family] for family in families}

    assert sorted(SCHEMES) == sorted(row["scheme"] for row in rows)
    assert list(dict.fromkeys(row["family"] for row in rows)) == families
    assert all(found == sorted(found, reverse=True) for found in bits.values())


def test_files_together_are_the_bits_per_weight() -> None:
    """A GGUF file holds the language model; the towers' file beside it leaves out CLIP's last layer, which is not read."""
    rows = quants(LLAVA)
    for row in rows.values():
        parameters = 13_351_499_776 - (12_596_224 if row["family"] == "gguf" else 0)
        size = row["checkpoint_bytes"] + (row["towers_file_bytes"] or 0)
        assert row["bits_per_weight"] == pytest.approx(8 * size / parameters, abs=0.0001), row["scheme"]
        assert (row["towers_file_bytes"] is not None) == (row["family"] == "gguf")
    # LLaVA 1.6 13B's mmproj as F16: 290,916,352 parameters of the tower, 31,467,520 of the projector.
    assert 614 * 2**20 < rows["Q4_K_M"]["towers_file_bytes"] < 616 * 2**20
    assert {row["towers_file_bytes"] for row in quants("llama-3.1-8b").values()} == {None}


@pytest.mark.parametrize("scheme", ["fp16", "nf4", "awq", "Q4_K_M", "Q8_0"])
def test_the_figures_are_those_of_a_report(scheme: str) -> None:
    (estimate,) = report("-g", "rtx4090", "-m", LLAVA, "--quant", scheme).estimates
    row = quants(LLAVA)[scheme]

    assert (row["class"], row["checkpoint_bytes"], row["bits_per_weight"]) == (
        estimate["quant"]["class"],
        estimate["quant"]["checkpoint_bytes"],
        estimate["quant"]["bits_per_weight"],
    )


def test_engines_and_importance_matrices() -> None:
    rows = quants(LLAVA)

    assert "transformers" in rows["nf4"]["engines"]
    assert "llama.cpp" not in rows["nf4"]["engines"]
    assert "llama.cpp" in rows["Q4_K_M"]["engines"]
    assert "vllm" not in rows["Q4_K_M"]["engines"]
    assert "comfyui" not in rows["Q4_K_M"]["engines"]
    assert quants("sdxl-base")["fp16"]["engines"] == ["diffusers", "comfyui"]
    assert (rows["IQ2_XXS"]["requires_imatrix"], rows["Q4_K_M"]["requires_imatrix"]) == (True, False)


def test_what_cannot_be_told_is_null_with_its_reason() -> None:
    """Of a diffusion pipeline only parameters are known: two bytes each in fp16, and no telling what NF4 leaves."""
    rows = quants("flux.1-dev")

    assert rows["fp16"]["checkpoint_bytes"] == 2 * json.loads(vramfit("show", "flux.1-dev", "--json").out)["parameters"]
    for scheme in ("nf4", "Q4_K_M", "F16"):
        row = rows[scheme]
        assert (row["checkpoint_bytes"], row["bits_per_weight"]) == (None, None)
        assert row["reason"] == "its tensors are not modelled, only their number is known"
    assert {row["reason"] for row in quants(LLAVA).values()} == {None}


def test_the_table_has_both_units_and_fits_eighty_columns() -> None:
    ran = vramfit("show", LLAVA, "--quants", "--color", "never", terminal=True)
    lines = ran.out.splitlines()

    assert max(map(len, lines)) <= 80
    assert lines[0] == "LLaVA 1.6 13B"
    (fp16,) = [line for line in lines if line.startswith("fp16 ")]
    assert "24.87 GiB  26.70 GB  16.00" in fp16
    assert "second file of 0.60 GiB" in ran.out.replace("\n", " ")
    (matrix,) = [line for line in lines if line.startswith("IQ1_S*")]
    assert "llama.cpp" in matrix


def test_row_formats_have_a_row_per_scheme() -> None:
    plain = vramfit("show", LLAVA, "--quants", "--format", "plain").out.splitlines()
    assert plain[0].split("\t")[:5] == ["scheme", "family", "class", "checkpoint_bytes", "bits_per_weight"]
    assert len(plain) == 1 + len(SCHEMES)
    assert vramfit("show", LLAVA, "--quants", "--format", "plain", "--no-header").out.splitlines() == plain[1:]

    rows = {
        row["scheme"]: row
        for row in csv.DictReader(io.StringIO(vramfit("show", LLAVA, "--quants", "--format", "csv").out))
    }
    assert rows["fp16"]["checkpoint_bytes"] == "26702999552"
    assert rows["nf4"]["engines"].split(",")[0] == "transformers"

    (line,) = vramfit("show", LLAVA, "--quants", "--format", "ndjson").out.splitlines()
    assert len(json.loads(line)["quants"]) == len(SCHEMES)

    markdown = vramfit("show", LLAVA, "--quants", "--format", "markdown").out.splitlines()
    assert markdown[0] == "| scheme | family | class | checkpoint | decimal | bits | loaded by |"
    assert len(markdown) == 2 + len(SCHEMES)


def test_a_gpu_has_none() -> None:
    ran = vramfit("show", "rtx4090", "--quants", "--json")

    assert (ran.code, json.loads(ran.out)["error"]["code"]) == (2, "usage")
    assert ran.err.startswith("error: --quants is for models, and rtx4090 is a GPU\nhint: ")


def test_without_the_flag_nothing_changes() -> None:
    assert "quants" not in json.loads(vramfit("show", LLAVA, "--json").out)
