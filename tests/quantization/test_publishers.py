"""Types of publishers' files against the sizes that they list, and the interval that an unknown mix is given."""

from __future__ import annotations

import pytest

from tests.command import report
from vramfit._record import replace
from vramfit.errors import UnsupportedScheme
from vramfit.quantization import derive, find_scheme
from vramfit.quantization.bare_types import as_published, published, spread_of_publishers
from vramfit.quantization.mixes import spread
from vramfit.quantization.publishers import read
from vramfit.sources import open_catalogue
from vramfit.units import GB, GIB, MIB

CATALOGUE = open_catalogue()

EXACT = [
    # huggingface.co/bartowski, model card of Llama 3.1 70B, as copied on ozeki.chat/p_8590 (2026-11): decimal GB.
    ("llama-3.1-70b", "Q5_K_L", 50.60), ("llama-3.1-70b", "Q4_K_L", 43.30), ("llama-3.1-70b", "Q3_K_XL", 38.06),
    ("llama-3.1-70b", "Q5_K_M", 49.95), ("llama-3.1-70b", "Q4_K_M", 42.52), ("llama-3.1-70b", "Q3_K_L", 37.14),
    ("llama-3.1-70b", "Q6_K", 57.89), ("llama-3.1-70b", "i1-IQ4_XS", 37.90),
]  # fmt: skip

WITHIN = [
    ("qwen3.5-27b", "UD-Q4_K_XL", 17.6 * GB), ("qwen3.5-27b", "UD-Q8_K_XL", 35.5 * GB),
    ("gemma-4-31b", "UD-Q4_K_XL", 17.46 * GIB),  # github.com/ggml-org/llama.cpp issue 22078
    ("qwen3.6-35b-a3b", "UD-Q4_K_XL", 20.8 * GIB), ("qwen3.6-35b-a3b", "UD-Q5_K_XL", 24.8 * GIB),
    ("qwen3.6-35b-a3b", "UD-Q3_K_M", 15.5 * GIB),  # janhq/model-catalog, May 2026
    ("deepseek-v4-flash", "UD-IQ3_XXS", 104 * GB), ("kimi-k2.5", "UD-TQ1_0", 240 * GB),  # unsloth.ai documentation
    ("llama-3.1-8b", "IQ2_KT", 2.41 * GIB),  # github.com/ikawrakow/ik_llama.cpp pull request 511
]  # fmt: skip


OF_MIXES = ("weighs", "(MTP)", " files need ")
"""Words of the sentences on mixes."""


@pytest.mark.parametrize(("model", "scheme", "size_gb"), EXACT)
def test_mixes_that_are_known_are_exact(model: str, scheme: str, size_gb: float) -> None:
    """Within half a percent; IQ4_XS was made with an importance matrix."""
    assert derive(CATALOGUE.model(model), find_scheme(scheme)).file_bytes == pytest.approx(size_gb * GB, rel=0.006)


@pytest.mark.parametrize(("model", "scheme", "size_bytes"), WITHIN)
def test_the_interval_holds_published_sizes(model: str, scheme: str, size_bytes: float) -> None:
    found = find_scheme(scheme)
    unlisted = replace(CATALOGUE.model(model), files=())
    expected = derive(unlisted, found).file_bytes
    less, more = spread(unlisted, found)

    assert expected * (1 - less) <= size_bytes <= expected * (1 + more)


@pytest.mark.parametrize(
    ("name", "id_", "base"),
    [
        ("UD-Q4_K_XL", "UD-Q4_K_XL", "Q4_K_M"),
        ("ud_q4_k_xl", "UD-Q4_K_XL", "Q4_K_M"),
        ("Q8_K_XL", "UD-Q8_K_XL", "Q8_0"),
        ("Q3_K_XL", "Q3_K_XL", "Q3_K_L"),
        ("UD-Q3_K_XL", "UD-Q3_K_XL", "Q3_K_M"),
        ("UD-IQ2_XXS", "UD-IQ2_XXS", "IQ2_XXS"),
        ("q2_k_l", "Q2_K_L", "Q2_K"),
        ("IQ4_KSS", "IQ4_KSS", "IQ4_XS"),
        ("Q6_K_P", "Q6_K_P", "Q6_K"),
    ],
)
def test_names(name: str, id_: str, base: str) -> None:
    found = find_scheme(name)

    assert (id_, base, "gguf") == (found.id, found.settings["type"], found.family)


@pytest.mark.parametrize(
    ("model", "name", "tensors_gb", "sentences"),
    [
        (
            "unsloth/Qwen3.8-27B-GGUF:Q4_K_M", None, 17.09,
            ["unsloth-Q4_K_M weighs what Unsloth published: 17.10 GB of tensors; file_size states what yours weighs",
             "the file has a prediction head (MTP) of 280 MiB, which is not loaded unless it is used"],
        ),
        ("qwen3.8-27b", "UD-Q4_K_XL", 17.55,
            ["UD-Q4_K_XL weighs what Unsloth published: 17.55 GB of tensors; file_size states what yours weighs",
             "the file has a prediction head (MTP) of 286 MiB, which is not loaded unless it is used"]),
        ("qwen3.8-27b", "Q4_K_M", 16.79,
            ["Q4_K_M is taken as what Unsloth publishes under the name: 0.998 times the stock mix, 0.98 to 1.06 in "
             "publishers' files; file_size states what yours weighs",
             "the file has a prediction head (MTP) of 276 MiB, which is not loaded unless it is used"]),
        ("qwen3-8b", "Q4_K_M", 5.02, []),
        ("qwen3-8b", "IQ4_KSS", 4.505,
            ["IQ4_KSS files need ik_llama.cpp: llama.cpp, Ollama and LM Studio do not load them",
             "IQ4_KSS is a publisher's own mix: taken as 0.99 times IQ4_XS, 0.96 to 1.01 in published files; file_size "
             "states what yours weighs"]),
        ("unsloth/Qwen3-14B-GGUF:Q2_K_L", None, 5.93, []),
        ("kimi-k2-thinking", "Q4_X", 583.45, []),
    ],
)  # fmt: skip
def test_what_a_report_says_of_a_mix(model: str, name: str | None, tensors_gb: float, sentences: list[str]) -> None:
    words = [] if name is None else ["--quant", name]
    (found,) = report("-g", "h100-sxm", "-m", model, "--engine", "llama.cpp", *words).estimates

    assert found["quant"]["checkpoint_bytes"] / GB == pytest.approx(tensors_gb, abs=0.01)
    assert [note for note in found["assumptions"] if any(word in note for word in OF_MIXES)] == sentences


@pytest.mark.parametrize("name", ["UD-F16", "UD-Q4_K_XXL", "UD-", "IQ9_K", "XL", "UD-IQ4_KS", "F16_P"])
def test_what_is_no_publisher_s_type(name: str) -> None:
    assert read(name) is None
    with pytest.raises(UnsupportedScheme):
        find_scheme(name)


def test_a_report_widens_its_interval_and_says_why() -> None:
    (wide,) = report("-g", "rtx4090", "-m", "qwen3-8b", "--quant", "UD-Q4_K_XL").estimates
    (stock,) = report("-g", "rtx4090", "-m", "qwen3-8b", "--quant", "Q4_K_M").estimates
    (stated,) = report("-g", "rtx4090", "-m", "qwen3-8b", "--quant", "UD-Q4_K_XL", "--file-size", "5.14GB").estimates
    low, expected, high = (
        wide["required_bytes"]["low"],
        wide["required_bytes"]["expected"],
        wide["required_bytes"]["high"],
    )
    weights = wide["breakdown"]["weights"]

    assert low < expected - 0.02 * weights
    assert high > expected + 0.02 * weights
    assert any("taken as 1.07 times Q4_K_S, 1.04 to 1.09 in published files" in note for note in wide["assumptions"])
    assert stock["required_bytes"]["high"] - stock["required_bytes"]["expected"] < 300 * MIB
    assert stated["required_bytes"]["high"] - stated["required_bytes"]["expected"] < 300 * MIB
    assert stated["quant"]["checkpoint_bytes"] == pytest.approx(5.14 * GB, abs=1000)


@pytest.mark.parametrize(
    ("name", "entry", "quant"),
    [
        ("unsloth/Qwen3.8-27B-GGUF:UD-IQ4_XS", "qwen3.8-27b", "UD-IQ4_XS"),
        ("unsloth/gpt-oss-20b-GGUF:F16", "gpt-oss-20b", "F16"),
        ("unsloth/Qwen3.6-27B-MTP-GGUF:Q6_K", "qwen3.6-27b", "unsloth-Q6_K"),
        ("bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:Q5_K_L", "llama-3.1-8b", "Q5_K_L"),
    ],
)
def test_repositories_state_them(name: str, entry: str, quant: str) -> None:
    assert CATALOGUE.model(name).id == entry
    assert CATALOGUE.stated(name) == {"family": "gguf", "quant": quant}


@pytest.mark.parametrize(
    ("model", "quant", "ratios"),
    [
        # Files of data/models.yaml, less 44 bytes of header an entry of the vocabulary and the head (MTP): Unsloth's plain
        # and UD file, and bartowski's.
        ("qwen3.8-27b", "Q4_K_M", (0.980, 0.998, 1.057)),
        ("qwen3.8-27b", "IQ4_XS", (0.923, 0.970, 1.017)),
        ("qwen3.8-27b", "Q8_0", (1.0, 1.0, 1.0024)),
        # No UD file of the type is listed, so that other models' ratios bound it.
        ("qwen3.6-27b", "IQ4_XS", (0.92, 1.017, 1.04)),
        # Files of before February 2026 are stock; the UD file alone may be meant, where its like is listed.
        ("qwen3-coder-30b-a3b", "IQ3_XXS", (1.0, 1.0, 1.034)),
    ],
)
def test_a_type_without_a_publisher_may_be_any_publishers_file(
    model: str, quant: str, ratios: tuple[float, float, float]
) -> None:
    found = published(CATALOGUE.model(model), find_scheme(quant))
    assert found is not None
    assert (found.low, found.expected, found.high) == pytest.approx(ratios, abs=2e-3)


@pytest.mark.parametrize("quant", ["TQ1_0", "UD-Q4_K_XL", "bf16"])
def test_a_type_that_nobody_publishes_or_one_alone_is_itself(quant: str) -> None:
    checkpoint = derive(CATALOGUE.model("qwen3.8-27b"), find_scheme(quant))
    assert (published(checkpoint.model, checkpoint.scheme), as_published(checkpoint)) == (None, checkpoint)
    assert spread_of_publishers(checkpoint) == (0.0, 0.0)


def test_what_is_not_quantized_stays_as_it_is_in_a_publisher_s_file() -> None:
    stock = derive(CATALOGUE.model("qwen3.6-27b"), find_scheme("Q4_K_M"))
    found, ratio = as_published(stock), published(stock.model, stock.scheme)
    same = {row.type for row, was in zip(found.stored, stock.stored, strict=True) if row.bytes_each == was.bytes_each}
    assert ratio is not None
    assert {"F32", "Q4_K"} & same == {"F32"}
    assert found.file_bytes - found.idle_bytes == pytest.approx(stock.file_bytes * ratio.expected, rel=1e-6)


def test_only_files_that_others_make_are_in_the_interval() -> None:
    """Ollama makes its files itself, and a stated size is what the file weighs."""
    asked = ("-g", "rtx5090", "-m", "qwen3.8-27b", "--quant", "Q4_K_M", "--images", "0", "--context", "8192")

    def margins(*more: str) -> tuple[int, int]:
        (one,) = report(*asked, *more).document["estimates"]
        need = one["required_bytes"]
        return need["expected"] - need["low"], need["high"] - need["expected"]

    stated = margins("--engine", "llama.cpp", "--file-size", "16.54GB")
    any_publisher = margins("--engine", "llama.cpp")
    weights = 15_800 * MIB
    # Above are bartowski's file and the head, which builds before August 2026 load; below is Unsloth's UD file.
    assert any_publisher[1] - stated[1] == pytest.approx((0.0588 + 0.0175) * weights, rel=0.1)
    assert any_publisher[0] - stated[0] == pytest.approx(0.0185 * weights, rel=0.1)
    assert margins("--engine", "ollama")[1] < stated[1] + 100 * MIB


@pytest.mark.parametrize(
    ("model", "words", "scheme", "head_mib"),
    [
        # A repository's owner makes the type that is asked beside its name by a recipe of his own.
        ("unsloth/Qwen3.6-27B-GGUF", ("--quant", "Q6_K"), "unsloth-Q6_K", 0),
        ("bartowski/Qwen3.8-27B-GGUF", ("--quant", "Q6_K"), "bartowski-Q6_K", 358),
        ("unsloth/Qwen3-8B-GGUF", ("--quant", "Q6_K"), "Q6_K", 0),
        # Names with MTP keep the head in the file.
        ("unsloth/Qwen3.6-27B-MTP-GGUF:Q6_K", (), "unsloth-Q6_K", 332),
        ("Qwen3.6-27B-MTP-Q6_K.gguf", (), "Q6_K", 332),
    ],
)
def test_what_a_repository_s_name_says_of_its_files(
    model: str, words: tuple[str, ...], scheme: str, head_mib: int
) -> None:
    asked = ("-g", "h200", "--engine", "llama.cpp", "--images", "0", "-m", model, *words)
    (found,) = report(*asked).estimates
    heads = [note for note in found["assumptions"] if note.startswith("the file has a prediction head (MTP) of ")]

    assert scheme == found["quant"]["scheme"]
    assert [f"the file has a prediction head (MTP) of {head_mib} MiB, which is not loaded unless it is used"][
        : bool(head_mib)
    ] == heads


@pytest.mark.parametrize(
    ("quant", "kind", "of_file"),
    [("UD-Q4_K_XL", "IQ4_NL", True), ("UD-Q2_K_XL", "IQ4_NL", False), ("Q4_K_M", "Q5_0", False), ("UD-Q6_K_XL", "Q8_0", False)],
)  # fmt: skip
def test_a_table_of_ngrams_is_in_four_bits(quant: str, kind: str, of_file: bool) -> None:
    """Qwen3.8-Flash-Next's is 28.8 GB in Unsloth's files of 4 and 2 bits, and the rest of UD-Q4_K_XL 78,056 MiB on a GPU.

    Sources: ggml-org/llama.cpp pull request 27742, Tanguille/cluster pull request 4764. Its rows have 160 elements, which
    K-quants cannot store.
    """
    model = CATALOGUE.model("qwen3.8-flash-next")
    rows = derive(model, find_scheme(quant)).stored
    (table,) = [row for row in rows if row.tensor.name == "per_layer_token_embd.weight"]
    assert kind == table.type
    if kind == "IQ4_NL":
        assert 28.8e9 == pytest.approx(table.total_bytes, rel=0.001)
    if of_file:
        on_gpu = sum([row.total_bytes for row in rows if row.tensor.part == "text"]) - table.total_bytes
        embedding = sum([row.total_bytes for row in rows if row.tensor.name == "token_embd.weight"])
        assert 78_056 * MIB == pytest.approx(on_gpu - embedding, rel=0.002)
