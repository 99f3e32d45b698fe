"""Mixes that names describe: oMLX's by their average, APEX by its recipe, ds4's files by the type of each part."""

from __future__ import annotations

import pytest

from tests.catalogued import catalogue
from vramfit.errors import UnsupportedScheme
from vramfit.quantization import derive, find_scheme
from vramfit.quantization.gguf_parts import run_of
from vramfit.quantization.mlx import most_bytes
from vramfit.units import GIB


def size(model: str, scheme: str) -> float:
    """GiB of a model's file in a scheme."""
    return round(derive(catalogue().model(model), find_scheme(scheme)).file_bytes / GIB, 1)


@pytest.mark.parametrize(
    ("model", "scheme", "gib"),
    [
        # antirez/ds4 at 8d57664: README.md has 81 and gguf-tools/mixed/README.md 153, in GB of 2^30 bytes as it turns out.
        ("deepseek-v4-flash", "IQ2XXS-w2Q2K-AProjQ8-SExpQ8-OutQ8", 80.8),
        ("deepseek-v4-flash", "Q4KExperts-F16HC-F16Compressor-F16Indexer-Q8Attn-Q8Shared-Q8Out", 153.3),
        # mudler/apex-quant README.md at a84d43e: 21.3, 23.6, 16.1, 12.2.
        ("qwen3.5-35b-a3b", "APEX-I-Quality", 21.2),
        ("qwen3.5-35b-a3b", "APEX-Balanced", 23.6),
        ("qwen3.5-35b-a3b", "APEX-I-Compact", 15.4),
        ("qwen3.5-35b-a3b", "APEX-Mini", 12.6),
        ("qwen3.6-35b-a3b", "APEX-I-Nano", 10.8),  # magnus919.com 2026-05: 10.88
        ("gpt-oss-120b", "mlx-mxfp4-q8", 58.9),
    ],
)
def test_sizes_of_published_files(model: str, scheme: str, gib: float) -> None:
    assert size(model, scheme) == gib


@pytest.mark.parametrize(
    ("name", "scheme", "average"),
    [
        ("oQ4", "oq4", 4.6),
        ("oq4e", "oq4", 4.6),
        ("oQ3.5", "oq3.5", 3.8),
        ("oq4-fp16", "oq4", 4.6),
        ("mlx-4.8bit", "mlx-4.8bit", 4.8),
        ("mlx-9bit", "mlx-9bit", 9.0),
    ],
)
def test_mixes_of_mlx_take_their_average(name: str, scheme: str, average: float) -> None:
    found = find_scheme(name)
    checkpoint = derive(catalogue().model("qwen3-8b"), found)
    rows = [row for row in checkpoint.stored if row.type.startswith("affine")]
    bits = 8 * sum([row.total_bytes for row in rows]) / sum([row.elements for row in rows])

    assert (found.id, found.family) == (scheme, "mlx")
    assert bits == pytest.approx(average, abs=0.001)
    assert most_bytes(checkpoint) >= checkpoint.file_bytes


@pytest.mark.parametrize(
    "name", ["oq7", "oqe", "oq4-foo", "mlx-7bit", "mlx-9.5bit", "APEX-I", "APEX-X-Nano", "w2Q2K-OutQ8"]
)
def test_names_of_no_mix(name: str) -> None:
    with pytest.raises(UnsupportedScheme, match="unknown quant"):
        find_scheme(name)


@pytest.mark.parametrize("name", ["qx64-hi", "QX86N-HI", "MXFP6", "JANG-2D", "optiq-4bit", "mixed-2-3-8bit", "mobile"])
def test_mixes_that_no_source_describes_ask_for_their_size(name: str) -> None:
    with pytest.raises(UnsupportedScheme, match="is a mix whose bytes no source states") as caught:
        find_scheme(name)

    assert caught.value.hint == "say what its file weighs: --file-size 20GB, or --bits-per-weight 4.8"


@pytest.mark.parametrize(("name", "scheme"), [("IQ4_KS_R4", "IQ4_KS"), ("Q8_0_R8", "Q8_0"), ("iq4_xs_r8", "IQ4_XS")])
def test_rows_stored_in_turn_take_as_many_bytes(name: str, scheme: str) -> None:
    assert find_scheme(name).id == scheme


@pytest.mark.parametrize(
    ("words", "run"),
    [
        (
            ["a", "iq2xxs", "w2q2k", "aprojq8", "sexpq8", "outq8", "chat"],
            ["iq2xxs", "w2q2k", "aprojq8", "sexpq8", "outq8"],
        ),
        (["iq2xxs", "w2q2k", "chat"], []),
        ([], []),
    ],
)
def test_words_that_state_parts(words: list[str], run: list[str]) -> None:
    assert run_of(words) == run
