"""Tags of Ollama's library and names of GGUF files: which entry they mean, and what they state besides."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.command import report
from vramfit.catalogue.repositories import file_reading
from vramfit.catalogue.tags import Tag, known_as, read
from vramfit.errors import AmbiguousName, UnknownModel, UsageError
from vramfit.importers.client import Network
from vramfit.importers.load import Importer
from vramfit.sources import open_catalogue

if TYPE_CHECKING:
    from vramfit.catalogue import Catalogue


@pytest.fixture
def importing() -> Catalogue:
    """A catalogue that reads models of this disk too."""
    return open_catalogue((), lambda: Importer(Network(offline=True)))


@pytest.mark.parametrize(
    ("name", "entry", "quant"),
    [
        ("gemma3:12b", "gemma-3-12b", "Q4_K_M"),
        ("Gemma3:12B", "gemma-3-12b", "Q4_K_M"),
        ("gemma3:12b-it-qat", "gemma-3-12b", "Q4_0"),
        ("gemma3:12b-it-fp16", "gemma-3-12b", "F16"),
        ("llama3.1:8b-instruct-q8_0", "llama-3.1-8b", "Q8_0"),
        ("llama3.1:8b-instruct-q5_K_M", "llama-3.1-8b", "Q5_K_M"),
        ("phi4:latest", "phi-4", "Q4_K_M"),
        ("gpt-oss:20b", "gpt-oss-20b", "MXFP4"),
        ("gpt-oss:120b", "gpt-oss-120b", "MXFP4"),
    ],
)
def test_a_tag_states_the_quantization_of_its_file(catalogue: Catalogue, name: str, entry: str, quant: str) -> None:
    assert catalogue.model(name).id == entry
    assert catalogue.stated(name) == {"library": "ollama", "quant": quant}


def test_what_is_no_file_of_ollama_s_server_states_nothing(catalogue: Catalogue) -> None:
    assert catalogue.model("gemma3:12b-nvfp4").id == "gemma-3-12b"
    assert catalogue.stated("gemma3:12b-nvfp4") == {}


def test_a_file_for_mlx_states_the_engine_alone(catalogue: Catalogue) -> None:
    assert catalogue.model("gemma3:12b-mlx").id == "gemma-3-12b"
    assert catalogue.stated("gemma3:12b-mlx") == {"family": "mlx"}
    found = report("-g", "m5-max-48gb", "-m", "gemma4:31b-mlx", "--images", "0").estimates
    assert [("mlx", "fp16"), ("mlx", "mlx-8bit"), ("mlx", "mlx-4bit")] == [
        (one["engine"], one["quant"]["scheme"]) for one in found
    ]


def test_a_tag_without_a_size_is_one_model_only_where_there_is_one(catalogue: Catalogue) -> None:
    with pytest.raises(AmbiguousName, match="gemma3"):
        catalogue.model("gemma3:latest")


def test_the_size_is_never_left_out(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownModel):
        catalogue.model("gemma3:99b")


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Gemma3:12B-it", Tag("gemma3", ("12b", "it"))),
        ("gemma3:latest", Tag("gemma3", ())),
        ("gemma3", None),
        (":12b", None),
        ("gemma3:", None),
        ("org/gemma3:12b", None),
        ("a:b:c", None),
        ("C:\\gemma", None),
    ],
)
def test_the_form_of_a_tag(text: str, tag: Tag | None) -> None:
    assert read(text) == tag


def test_the_fewest_words_are_left_out() -> None:
    tag = Tag("m", ("8b", "instruct", "q8_0"))

    assert ("m:8b-instruct-q8_0", "m:8b-instruct", "m:8b") == tuple(tag.models())
    assert known_as(tag, {"m:8b", "m:8b-instruct"}.__contains__) == "m:8b-instruct"
    assert known_as(tag, set().__contains__) is None


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("Qwen3-8B-Q4_K_M.gguf", "Qwen3-8B-Q4_K_M-GGUF"),
        ("Qwen3-8B.Q4_K_M.GGUF", "Qwen3-8B-Q4_K_M-GGUF"),
        ("Qwen2.5-7B-Q8_0-00001-of-00003.gguf", "Qwen2.5-7B-Q8_0-GGUF"),
        ("Qwen2.5.gguf", "Qwen2.5-GGUF"),
        ("flux1-dev-fp8.safetensors", "flux1-dev-fp8"),
        ("Qwen3-8B.bin", None),
    ],
)
def test_a_file_s_name_as_that_of_a_repository(file: str, name: str | None) -> None:
    assert file_reading(file) == name


@pytest.mark.parametrize(
    ("file", "entry", "quant"),
    [
        ("Qwen-3-8B-Q4_K_M.gguf", "qwen3-8b", "Q4_K_M"),
        ("llama-2-7b.Q4_0.gguf", "llama-2-7b", "Q4_0"),
        ("models/Qwen3-8B-Q4_K_M.gguf", "qwen3-8b", "Q4_K_M"),
        ("lmstudio-community/Qwen3-8B-GGUF/Qwen3-8B-Q4_K_M.gguf", "qwen3-8b", "Q4_K_M"),
    ],
)
def test_a_file_that_is_not_here_is_taken_by_its_name(importing: Catalogue, file: str, entry: str, quant: str) -> None:
    catalogue = importing

    assert catalogue.model(file).id == entry
    assert catalogue.stated(file) == {"family": "gguf", "quant": quant}


@pytest.mark.parametrize(
    "name",
    ["./Qwen3-8B-Q4_K_M.gguf", "/m/Qwen3-8B-Q4_K_M.gguf", "a/b/c/Qwen3-8B-Q4_K_M.gguf", "unheard-of-Q4_K_M.gguf"],
)
def test_a_path_is_a_file_s_business(importing: Catalogue, name: str) -> None:
    with pytest.raises(UsageError, match="there is no file or directory"):
        importing.model(name)
