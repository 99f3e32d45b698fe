"""What the name of a repository states besides its model, and what is no such name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.catalogued import catalogue
from tests.command import vramfit
from vramfit.catalogue.packaging import keys_of
from vramfit.catalogue.repositories import chosen_file, of_kaggle, parted, readings
from vramfit.errors import UnknownModel

if TYPE_CHECKING:
    from vramfit.catalogue import Catalogue

STATED: list[tuple[str, dict[str, str]]] = [
    ("unsloth/Llama-3.2-3B-Instruct", {}),
    ("unsloth/llama-3-8b-Instruct-bnb-4bit", {"quant": "nf4"}),
    ("somebody/llama-3-8b-bnb-8bit", {"quant": "int8"}),
    ("Qwen/Qwen2.5-7B-Instruct-AWQ", {"quant": "awq"}),
    ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4", {"quant": "gptq-int4"}),
    ("Qwen/Qwen2.5-7B-Instruct-GPTQ-Int8", {"quant": "gptq-int8"}),
    ("somebody/Mistral-7B-v0.3-GPTQ-4bit-32g", {"quant": "gptq-int4-g32"}),
    ("RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", {"quant": "w4a16"}),
    ("RedHatAI/Meta-Llama-3.1-8B-Instruct-FP8-dynamic", {"quant": "fp8-channel"}),
    ("nvidia/Llama-3.1-8B-Instruct-NVFP4", {"quant": "nvfp4"}),
    ("somebody/Llama-3.1-8B-Instruct-2.4bpw-h6-exl2", {"quant": "exl2-2.4"}),
    ("mlx-community/Qwen3-4B-4bit", {"quant": "mlx-4bit"}),
    ("mlx-community/Qwen3-4B-mlx", {"quant": "bf16"}),  # converted, not quantized
    ("somebody/Qwen3-4B-MLX-fp16", {"quant": "fp16"}),
    ("somebody/Qwen3-4B-4bit", {"quant": "int4"}),
    ("mlx-community/Qwen3-4B-mxfp4", {"quant": "mlx-mxfp4"}),
    ("mlx-community/Qwen3-4B-mxfp8", {"quant": "mlx-mxfp8"}),
    ("somebody/Qwen3-4B-mlx-nvfp4", {"quant": "mlx-nvfp4"}),
    ("bartowski/Qwen2.5-7B-Instruct-GGUF", {"family": "gguf"}),
    ("hf.co/bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M", {"family": "gguf", "quant": "Q4_K_M"}),
    ("mradermacher/Qwen3-8B-i1-IQ4_XS-GGUF", {"family": "gguf", "quant": "i1-IQ4_XS"}),
    ("google/gemma-3-27b-it-qat-q4_0-gguf", {"family": "gguf", "quant": "Q4_0"}),
    # Owners that quantize with an importance matrix, and their own mixes of recent models.
    ("bartowski/Meta-Llama-3.1-8B-Instruct-GGUF:IQ3_XXS", {"family": "gguf", "quant": "i1-IQ3_XXS"}),
    ("unsloth/Qwen3-14B-GGUF:IQ4_NL", {"family": "gguf", "quant": "i1-IQ4_NL"}),
    ("unsloth/Qwen3-14B-GGUF:Q2_K_L", {"family": "gguf", "quant": "unsloth-Q2_K_L"}),
    ("lmstudio-community/Qwen3-14B-GGUF:IQ4_NL", {"family": "gguf", "quant": "IQ4_NL"}),
    ("bartowski/Qwen_Qwen3.6-27B-GGUF:Q4_K_M", {"family": "gguf", "quant": "bartowski-Q4_K_M"}),
    ("bartowski/Qwen_Qwen3.6-27B-GGUF:Q6_K_L", {"family": "gguf", "quant": "bartowski-Q6_K_L"}),
    ("unsloth/GLM-4.7-Flash-GGUF:Q4_K_M", {"family": "gguf", "quant": "unsloth-Q4_K_M"}),  # a size is known
    ("unsloth/Qwen3.8-27B-GGUF:UD-Q6_K_L", {"family": "gguf", "quant": "UD-Q6_K_L"}),
    ("unsloth/DeepSeek-V4-Flash-0731-GGUF:UD-IQ3_XXS", {"family": "gguf", "quant": "UD-IQ3_XXS"}),
    # Edits of the weights change no shape; a mix that no scheme describes is named, and its size must be stated.
    ("HauhauCS/Qwen3.6-35B-A3B-Uncensored-HauhauCS-Aggressive-GGUF:IQ2_M", {"family": "gguf", "quant": "IQ2_M"}),
    ("huihui-ai/Qwen3-8B-abliterated", {}),
    ("somebody/Qwen3.6-27B-Omnimerge-v4-GGUF:IQ3_M", {"family": "gguf", "quant": "IQ3_M"}),
    ("turboderp/Qwen3.8-27B-exl3:SC_4.00bpw_H5", {"quant": "exl3-4.0-h5"}),
    ("TheDrummer/Cydonia-24B-v4zk-GGUF:Q8_0", {"family": "gguf", "quant": "Q8_0"}),
    ("mudler/Qwen3.6-35B-A3B-APEX-GGUF:APEX-I-Nano", {"family": "gguf", "quant": "APEX-I-NANO"}),
    ("mudler/Qwen3.6-35B-A3B-APEX-GGUF", {"family": "gguf"}),
    ("Llama 2 13B AWQ 4bit g128", {"quant": "awq"}),
    ("Mistral 7B 4-bit", {"quant": "int4"}),
    ("NVIDIA Nemotron Nano 9B v2 bf16", {"quant": "bf16"}),
    ("Jundot/Qwen3.6-27B-oQ4e-mtp", {"quant": "oq4"}),
    ("stamsam/Qwen3.6-35B-A3B-Claude-4.7-Opus-Reasoning-Distilled-MLX-oQ4-MTP", {"quant": "oq4"}),
    ("inferencerlabs/GLM-5-MLX-4.8bit", {"quant": "mlx-4.8bit"}),
    ("mlx-community/gpt-oss-120b-MXFP4-Q8", {"quant": "mlx-mxfp4-q8"}),
    ("turboderp/gemma-3-27b-it-exl3", {"family": "exl3"}),  # a branch for each bit rate
    ("Lorbus/Qwen3.6-27B-int4-AutoRound", {"quant": "gptq-int4"}),
    ("Intel/Qwen3.6-35B-A3B-int4-mixed-AutoRound", {"quant": "gptq-int4"}),
    ("unsloth/Qwen3.6-35B-A3B-NVFP4-Fast", {"quant": "nvfp4"}),  # a word behind the scheme
    ("LilaRest/gemma-4-31B-it-NVFP4-turbo", {"quant": "nvfp4"}),
    ("ubergarm/GLM-5-GGUF:smol-IQ2_KS", {"family": "gguf", "quant": "IQ2_KS"}),
    ("unsloth/Qwen3-VL-4B-Instruct-GGUF:Q4_K", {"family": "gguf", "quant": "Q4_K_M"}),
    ("nightmedia/Qwen3.6-35B-A3B-qx64-hi-mlx", {"family": "mlx", "quant": "QX64-HI"}),
    ("OsaurusAI/Ornith-1.5-9B-JANG_2D", {"family": "mlx", "quant": "JANG-2D"}),
    # What a vendor published itself is written down, since the name says too little.
    ("meta-llama/Llama-3.1-405B-Instruct-FP8", {"quant": "fbgemm_fp8"}),
    ("Qwen/Qwen3-8B-FP8", {"quant": "fp8-block"}),
]

UNKNOWN = (
    "TheBloke/dolphin-2.9-foo-7B-AWQ",  # a fine-tune with a name of its own may be anything
    "somebody/Qwen3-8B-v4",  # a version alone may be anything
    "somebody/Qwen3-8B-frankenmerge-v4",  # layers may be there twice
    "DavidAU/Qwen3-8B-REAP-4B-GGUF:Q4_K_M",  # experts or layers were cut out
    "somebody/Qwen3-8B-Aggressive",  # the grade of an edit alone is none
    "somebody/Qwen3-8B-nano",
    "rhaymison/Llama-portuguese-Tom-cat-8b-instruct",  # a generation that is not stated
    "somebody/Qwen3-8B-Gemma-3-4B",  # two sizes
    "somebody/Llama-3.1-8B-Instruct-EAGLE3",  # a part of a model
    "somebody/Tom-Qwen3-8B-VL",  # another architecture
    "somebody/Qwen-7B-Tom",  # a generation that is not stated
    "llama-3.1-8b (a remark)",
    "/models/llama-3.1-8b",  # a path is a file's business
    "./models/llama-3.1-8b",
    "models/x/llama-3.1-8b",
    "hf:unsloth/Llama-3.2-3B-Instruct",  # and so is a reference
    "unsloth/",
    "awq",
)


@pytest.mark.parametrize(("name", "keys"), STATED)
def test_what_a_name_states(catalogue: Catalogue, name: str, keys: dict[str, str]) -> None:
    catalogue.model(name)

    assert catalogue.stated(name) == keys


@pytest.mark.parametrize("place", [0, 1, -1])
def test_what_repackages_any_entry_is_known(catalogue: Catalogue, place: int) -> None:
    """The catalogue's first entry, whose number is 0, as well as the others: such a name asks no network."""
    entry = catalogue.model_rows()[place].id

    assert catalogue.knows(entry)
    assert catalogue.knows(f"somebody/{entry}-AWQ")
    assert not catalogue.knows("somebody/of-which-nobody-heard-AWQ")


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_no_repackaged_model(catalogue: Catalogue, name: str) -> None:
    with pytest.raises(UnknownModel):
        catalogue.model(name)


def test_a_plain_name_states_nothing(catalogue: Catalogue) -> None:
    assert catalogue.model("llama-3.1-8b").id == "llama-3.1-8b"
    assert catalogue.stated("llama-3.1-8b") == {}
    assert list(readings("llama-3.1-8b")) == []


def scheme_of(*words: str) -> tuple[str, str, list[str]]:
    """Engine, scheme and assumptions of the only estimate of a check on a large card."""
    told = vramfit("check", "-g", "h200", *words, "--json").document
    (estimate,) = told["estimates"]
    return estimate["engine"], estimate["quant"]["scheme"], estimate["assumptions"]


def test_a_check_takes_the_scheme_from_the_name() -> None:
    engine, scheme, assumptions = scheme_of("-m", "Qwen/Qwen2.5-7B-Instruct-AWQ")

    assert (engine, scheme) == ("transformers", "awq")
    assert "Qwen/Qwen2.5-7B-Instruct-AWQ is taken for Qwen2.5 7B by its name" in " ".join(assumptions)


def test_a_report_says_that_weights_were_edited() -> None:
    _, _, assumptions = scheme_of("-m", "huihui-ai/Qwen3-8B-abliterated", "--quant", "bf16")

    assert (
        "huihui-ai/Qwen3-8B-abliterated is taken for Qwen3 8B by its name, with edited weights of the same shapes"
        in assumptions
    )


def test_a_mix_that_no_scheme_describes_needs_its_size() -> None:
    name = "michaelw9999/Qwen3.5-4B-MXFP6-GGUF"
    engine, scheme, assumptions = scheme_of("-m", name, "--file-size", "3.5GB")

    assert (engine, scheme) == ("llama.cpp", "Q6_K")
    assert "the file's mix is taken to be that of Q6_K, every tensor 1.014 times as large" in assumptions
    assert vramfit("check", "-g", "h200", "-m", name).code == 2


@pytest.mark.parametrize(
    ("model", "asked", "scheme"),
    [
        ("meta-llama/Llama-3.1-405B-Instruct-FP8", "fp8", "fbgemm_fp8"),  # one kind of what is asked
        ("Qwen/Qwen2.5-7B-Instruct-AWQ", "int4", "awq"),
        ("Qwen/Qwen2.5-7B-Instruct-AWQ", "bf16", "bf16"),  # something else is asked
        ("unsloth/Qwen3-8B", "fp8", "fp8"),
    ],
)
def test_what_is_asked_counts_unless_the_name_says_it_more_closely(model: str, asked: str, scheme: str) -> None:
    assert scheme_of("-m", model, "--engine", "vllm", "--quant", asked)[1] == scheme


def test_a_repository_of_gguf_files_has_no_other_scheme() -> None:
    """What its name leaves open is which of its files, not the engine that loads them."""
    ran = vramfit("check", "-g", "h200", "-m", "bartowski/Qwen2.5-7B-Instruct-GGUF", "--quant", "nf4")

    assert (ran.code, ran.err.splitlines()[0]) == (2, 'error: llama.cpp cannot load quant "nf4"')


@pytest.mark.parametrize(
    ("name", "scheme", "gigabytes"),
    [
        # The files of sgl-project/DeepSeek-V4-Pro-FP8 take 1,600 GB, those of the release 875 GB, prediction head included.
        ("sgl-project/DeepSeek-V4-Pro-FP8", "fp8", 1576),
        ("sgl-project/deepseek-v4-pro-fp8-dynamic", "fp8-channel", 1576),
        # Its experts were not trained for four bits: EnsueAI's card says 283 GiB of the smaller one's base model.
        ("deepseek-ai/DeepSeek-V4-Pro-Base", "fp8-block", 1576),
        ("deepseek-ai/DeepSeek-V4-Pro", "fp8-block", 851),
        ("mirror/DeepSeek-V4-Pro", "fp8-block", 851),
    ],
)
def test_a_form_in_the_name_is_that_of_all_weights(name: str, scheme: str, gigabytes: int) -> None:
    """Experts of the release are MXFP4 beside other weights in FP8; a name that ends in FP8 has them in FP8 too."""
    estimates = vramfit("check", "-g", "16xh200", "-m", name, "--json").document["estimates"]
    noted = "its experts are taken to be FP8 as its name says" in " ".join(estimates[0]["assumptions"])
    assert (estimates[0]["quant"]["scheme"], noted) == (scheme, gigabytes == 1576)
    assert round(estimates[0]["quant"]["checkpoint_bytes"] / 10**9) == gigabytes


def test_quantized_files_of_an_entry() -> None:
    """Repositories with their scheme, and tags of Ollama's library with their engine."""
    assert catalogue().published("qwen3-8b") == {
        "Qwen/Qwen3-8B-FP8": {"quant": "fp8-block"},
        "qwen3:8b": {"library": "ollama", "quant": "Q4_K_M"},
    }


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("unsloth/Qwen3-8B-GGUF:Qwen3-8B-UD-Q4_K_XL.gguf", "unsloth/Qwen3-8B-UD-Q4_K_XL-GGUF"),
        ("unsloth/Qwen3-8B-GGUF:Q4_K_M", None),
        ("qwen3:8b.gguf", None),
        ("unsloth/Qwen3-8B-GGUF", None),
    ],
)
def test_a_file_behind_a_repository(name: str, file: str | None) -> None:
    assert chosen_file(name) == file


@pytest.mark.parametrize(
    ("path", "variation"),
    [
        ("google/gemma-3/transformers/gemma-3-4b-it", "gemma-3-4b-it"),
        ("google/gemma-3/pyTorch/gemma-3-4b-it/1", "gemma-3-4b-it"),
        ("google/gemma-3/transformers", None),
        ("models/x/y/gemma-3-4b-it", None),  # a path of a disk
        ("google/gemma-3//gemma-3-4b-it", None),
    ],
)
def test_a_path_on_kaggle(path: str, variation: str | None) -> None:
    assert of_kaggle(path) == variation


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("Qwen3-8B-it.Q4_K_M", {"family": "gguf", "quant": "Q4_K_M"}),
        ("Qwen3-8B:q4-k-m", {"family": "gguf", "quant": "Q4_K_M"}),
        ("foo/Qwen3-8B-autoawq", {"quant": "awq"}),
        (
            "foo/Qwen3-8B-NVFP4_MOE-GGUF",
            {"family": "gguf", "quant": "MIXED-NVFP4"},
        ),  # what else is in it no source states
        ("foo/Qwen3-8B_fp8_scaled", {"quant": "fp8"}),
    ],
)
def test_words_of_packaging_further(name: str, keys: dict[str, str]) -> None:
    _, packing, owner = parted(name)

    assert keys_of(packing, owner) == keys
