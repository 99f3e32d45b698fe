"""Names of fine-tunes: those that a base answers for, with a note, and those that must be answered by nothing."""

from __future__ import annotations

import time

import pytest

from tests.catalogued import catalogue
from tests.command import report
from vramfit.catalogue.derivatives import base_reading, has_words_of_its_own
from vramfit.errors import UnknownGpu, UnknownModel

KNOWN = (
    "qwen3-8b", "qwen3.5-9b", "llama-3.1-8b", "deepseek-v4-flash", "qwen3-30b-a3b", "qwen3-30b-a3b-2507", "llama-8b", "glm-5.3",
    "phi-2", "deepseek-r1-0528", "deepseek-r1-8b", "tune-8b-v",
)  # fmt: skip
"""Names of a small catalogue, for tables of the rules."""


def base(name: str) -> str | None:
    """Name of the base that a name is read as, in the small catalogue; None if it is read as none."""
    found = base_reading(name, lambda run: run in KNOWN)
    return None if found is None else found.model


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("huihui-ai/Huihui-Qwen3.8-27B-abliterated", "qwen3.8-27b"),
        ("Huihui-Qwen3.8-27B-abliterated", "qwen3.8-27b"),
        ("Sao10K/L3.3-70B-Euryale-v2.3", "llama-3.3-70b"),
        ("Steelskull/L3.3-MS-Nevoria-70b", "llama-3.3-70b"),
        ("Qwen3.5-27B-BlueStar-v2-Derestricted-Lite", "qwen3.5-27b"),
        ("bartowski/TheDrummer_Cydonia-24B-v4.3-GGUF", "cydonia-24b"),
        ("Qwen/Qwen3Guard-Gen-8B", "qwen3-8b"),
        ("google/translategemma-27b-it", "gemma-3-27b"),
        ("mlabonne/Qwen3-8B-abliterated", "qwen3-8b"),
        ("cognitivecomputations/Dolphin3.0-Llama3.1-8B", "llama-3.1-8b"),
        ("huihui-ai/Llama-3.3-70B-Instruct-abliterated", "llama-3.3-70b"),
        ("DavidAU/Qwen3-8B-Uncensored", "qwen3-8b"),
        ("Qwen2.5-Coder-32B-Instruct-abliterated", "qwen2.5-coder-32b"),
        ("TheDrummer/Gemmasutra-Gemma-2-9B-v1", "gemma-2-9b"),
        ("allenai/Llama-3.1-Tulu-3-8B", "llama-3.1-8b"),
        ("Goekdeniz-Guelmez/Josiefied-Qwen3-8B-abliterated-v1", "qwen3-8b"),
        ("huihui-ai/gpt-oss-20b-abliterated", "gpt-oss-20b"),
        ("unsloth/Qwen3-14B-Base-MedReason", "qwen3-14b"),
        ("DeepSeek-R1-Distill-Qwen-32B-abliterated", "deepseek-r1-distill-qwen-32b"),
        ("Qwen3.5-9B-DeepSeek-V4-Flash", "qwen3.5-9b"),
        ("Jackrong/Qwen3.5-27B-Claude-4.6-Opus-Reasoning-Distilled-v2", "qwen3.5-27b"),
        ("DavidAU/Qwen3-4B-Thinking-2507-Gemini-2.5-Flash-Lite-Preview-Distill-Heretic-Abliterated", "qwen3-4b-2507"),
        ("DavidAU/Qwen3-30B-A3B-Gemini-Pro-High-Reasoning-2507-ABLITERATED-UNCENSORED", "qwen3-30b-a3b-2507"),
        ("mconcat/Qwen3.5-27B-Claude-4.6-Opus-Reasoning-Distilled-NVFP4", "qwen3.5-27b"),
        ("Blackfrost-AI/GLM-5.3-Flash-Derisked-FP8", "glm-5.3-flash"),
        ("huihui-ai/Huihui-GLM-4.7-Flash-abliterated", "glm-4.7-flash"),
        ("0xSero/deepseek-v4-flash-0731-spark", "deepseek-v4-flash"),
        ("ukisai/Swift1.5-Qwen3.8-Flash-Next", "qwen3.8-flash-next"),
        ("zerofata/Q3.5-BlueStar-27B", "qwen3.5-27b"),  # short forms of series
        ("zerofata/G4-MeroMero-26B-A4B", "gemma-4-26b-a4b"),
        ("zerofata/MS3.2-PaintedFantasy-v4.1-24B", "mistral-small-3.2"),
        ("Steelskull/G2-DA-Nyxora-27b-V2", "gemma-2-27b"),
    ],
)
def test_fine_tunes_that_their_base_answers_for(name: str, expected: str) -> None:
    """Public repositories of fine-tunes without another architecture, size or context than the base's."""
    document = report("-g", "h200", "-m", name, "--quant", "fp16").document
    row = document["estimates"][0]

    assert row["model"]["id"] == expected
    assert any(f"{name} is taken for" in note for note in row["assumptions"])


@pytest.mark.parametrize(
    "name",
    [
        "RedHatAI/Qwen3-8B-speculator.eagle3",  # a drafter of one layer
        "RedHatAI/Qwen3-8B-speculator-eagle3",
        "yuhuili/EAGLE3-LLaMA3.1-Instruct-8B",
        "Qwen3-8B-Reranker-custom",
        "Qwen3-8B-reward",
        "Qwen3-8B-12B-upscaled",  # a second size
        "Qwen3-32B-Pruned-24B",
        "Franken-Llama-3.1-8B-merge",
        "Llama-3.1-8B-lora-adapter",
        "Qwen3-8B-vision",
        "Ultravox-Llama-3.1-8B-audio",
        "Llama-3.1-8B-TTS",
        "Qwen3-0.6B-draft",
        "Qwen3-8B-1M",  # another context
        "Qwen3-8B-mamba-hybrid",
        "Llama-3.1-8B-Qwen3-8B-mix",  # two bases
        "Qwen3-8B-tiny",
        "gemma-3-27b-diffusion",
        "Llama-3.1-8B-Foo-BitNet",
        "Llama-3.1-8B-Foo-AQLM-2Bit-1x16",
        "Qwen3-8B-Thinking-VLM",  # another architecture
        "Bunny-Llama-3-8B-V",
        "ultravox-llama-3.1-8b",
        "Qwen3-8B-RWKV",
        "Qwen3-8B-Embedder",  # another head
        "Llama-3.1-8B-RM",
        "Qwen3-8B-ORM",
        "SAE-Res-Qwen3-8B",  # a part beside a model
        "Qwen3-8B-LoKr",
        "Qwen3-8B-tokenizer",
        "Llama-3-8B-Instruct-Gradient-4194k",  # another context
        "LLaMA-2-7B-32K",
        "Qwen3-8B-12L",  # another number of layers
        "Qwen3-8B-28layers",
        "Qwen3-8B-Layers24",
        "4x-Llama-3.1-8B",  # several models
        "Qwen3-8B-x4",
        "z-lab/Qwen3.8-27B-DFlash2",  # drafts of a few layers
        "alphakek/Qwen3.8-27B-heretic-ara-DFlash2",
        "AngelSlim/Qwen3-8b-dflare",
        "Huang2020/qwen3.6-27B-domino",
        "JLKang/ViSpec-Qwen2.5-VL-3B-Instruct",
        "nvidia/Nemotron-3-Super-120B-A12B-BF16-MTPv2",
        "tiiuae/Falcon-H1-1.5B-Deep-Instruct",  # other numbers of layers
        "bknyaz/Qwen3-Next-80B-A3B-Instruct-REAM",  # fewer experts
        "Kodjaoglanian/Qwen-3.5-4B-Auto-ASVD",  # matrices in two factors
        "AIDC-AI/Ovis1.6-Llama3.2-3B",  # another architecture
        "ByteDance/Sa2VA-Qwen3-VL-4B",
        "zai-org/LongWriter-glm4-9b",  # another context
        "somebody/Llama-3-8B-ProLong-64k-Foo",
        "Qwen3-8B-Claude-Opus-Flash-tiny",
        "togethercomputer/Aurora-Spec-Minimax-M2.5",
        "destr8803/GLM-5.3-224E-FP8-MAN",  # parts of a model
        "cloudyu/DeepSeek-V4-Flash-0731-4Experts",
        "ckoh04/GLM-5.2-NVFP4-active-slice",
        "CosmicRaisins/GLM-5.2-MTP-INT4-15pct",
        "zianglih/GLM-5.1-5layer",
        "0xSero/GLM-5.2-504B-W4A16",
        "EvanOLeary/laguna-xs2-dense-k8-cuda-sft",
        "arefehRajabian/deepseek_r1_finetune_16bit",  # kin of other sizes under the same words
        "kristiannordby/DeepSeek-R1-0528-DSR-SQLCoder",
        "ysuz/Mistral-Nemo-Base-2407-bandgap",
        "dphn/dolphin-2_6-phi-2",
        "sdadas/polish-gpt2-xl",
        "Salesforce/blip2-flan-t5-xl",
        "CISCai/jina-embeddings-v3-passage-distilled",
        "openchat/openchat-3.7-gemma",  # another maker's model
        "my-13b",  # no generation
        "mistral-7b-foo",
        "llama-8b-abliterated",
        "../Qwen3-8B-abliterated",  # a path
        "a/b/Qwen3-8B-abliterated",
        "Qwen3-8B v2 uncensored",
    ],
)
def test_names_that_no_entry_answers_for(name: str) -> None:
    found = catalogue()

    assert base_reading(name, found.knows) is None
    assert not found.knows(name)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Foo-Qwen3-8B", "qwen3-8b"),
        ("Qwen3-8B-Foo", "qwen3-8b"),
        ("Qwen3-8B-Foo@main", "qwen3-8b"),
        ("foo/Qwen3-8B-Bar:Q4_K_M", "qwen3-8b"),
        ("Qwen3-30B-A3B-Foo", "qwen3-30b-a3b"),  # the longer run, its active part included
        ("Qwen3-8B", None),  # nothing of its own
        ("Qwen3-8B-v2.1", None),  # a version may be another model
        ("Qwen3-8B-Foo-v2.1", "qwen3-8b"),
        ("Qwen3-8B-4B-Foo", None),
        ("Qwen3-8B-A1B-Foo", None),
        ("Qwen3-8B-Foo-135m", None),
        ("Qwen3-8B-8x7b-Foo", None),
        ("Qwen3-8B-Foo.moe", None),
        ("Qwen3-8B-Expanded2-Foo", None),
        ("Qwen3.5-9B-DeepSeek-V4-Flash-Foo", "qwen3.5-9b"),  # flash belongs to its teacher
        ("Qwen3.5-9B-Flash-Foo", None),
        ("Llama-3.1-8B-Qwen3-8B", None),
        ("Llama-8B-Foo", None),  # known, without a generation
        ("DeepSeek-V4-Flash-Foo", "deepseek-v4-flash"),  # known, without a size
        ("GLM-5.3-Foo-2e-5", "glm-5.3"),
        ("GLM-5.3-224E-Foo", None),
        ("GLM-5.3-Llama-Foo", None),
        ("Qwen3-8B-Llama-Foo", "qwen3-8b"),
        ("Phi-2-Foo", None),  # known, with kin of other sizes
        ("Foo-DeepSeek-R1-0528", None),
        ("Qwen3-9B-Foo", None),  # not known
        (".Qwen3-8B-Foo", None),
        ("Qwen3-8B-Foo é", None),
        ("Qwen3-8B-Gemini-3-Flash-Foo", "qwen3-8b"),  # grades of hosted teachers
        ("GPT-5-mini-Qwen3-8B-Foo", "qwen3-8b"),
        ("Qwen3-8B-Flash-Gemini-Foo", None),
        ("Qwen3-8B-Foo-mini", None),
        ("Llama-3.1-8B-Foo-2507", "llama-3.1-8b"),
        ("Qwen3-30B-A3B-Foo-2507", "qwen3-30b-a3b-2507"),  # a release of its own
        ("Qwen3-Foo-8B", "qwen3-8b"),  # words between the generation and the size
        ("Foo-8B-Qwen3", "qwen3-8b"),
        ("Qwen3-Foo-30B-A3B", "qwen3-30b-a3b"),
        ("Foo-Bar-8B-Llama-3.1", "llama-3.1-8b"),
        ("Qwen3-Foo-8B-4B", None),  # two sizes
        ("Qwen3-Foo-9B", None),
        ("Qwen3-Mamba2-8B", None),
        ("Qwen3-ForcedAligner-8B", None),
        ("DeepSeek-R1-Foo-8B", None),  # its sizes are of other makers
        ("Sao10K.Qwen3-8B-Foo", "qwen3-8b"),  # an owner before a dot
        ("mtp-Qwen3-8B-Foo", None),  # a part of a model
        ("foo/Qwen3-8B-Foo-GGUF:Qwen3-8B-Foo-Q8_0.gguf", "qwen3-8b"),
        ("foo/Qwen3-8B-Foo-GGUF:latest", "qwen3-8b"),
        ("hf.co/foo/Qwen3-8B-Foo-GGUF:Q8_0", "qwen3-8b"),
        ("https://huggingface.co/foo/Qwen3-8B-Foo", "qwen3-8b"),
        ("Tune-8B-v3", "tune-8b-v"),  # a further version of a series
        ("Tune-8B", "tune-8b-v"),
        ("foo_Tune-8B-v2.1b-GGUF", "tune-8b-v"),
        ("Tune-8B-v3-Foo", None),
        ("Tune-9B-v3", None),
    ],
)
def test_reading_by_words(name: str, expected: str | None) -> None:
    assert base(name) == expected


def test_quantization_in_the_name_becomes_a_key() -> None:
    found = base_reading("foo/Qwen3-8B-Bar-GGUF:Q4_K_M", lambda run: run in KNOWN)

    assert found is not None
    assert (found.model, dict(found.keys)) == ("qwen3-8b", {"quant": "Q4_K_M", "family": "gguf"})


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Qwen/Qwen3-8B", False),
        ("qwen3-8b-GGUF:Q4_K_M", False),
        ("foo/Qwen3-8B-abliterated-Bar", True),
        ("hf:foo/Qwen3-8B-Bar@main", True),
    ],
)
def test_words_of_its_own(name: str, expected: bool) -> None:
    assert has_words_of_its_own(name, ("qwen3-8b", "Qwen/Qwen3-8B")) is expected


@pytest.mark.parametrize(
    "name",
    [
        "qwen3-" + "8b-" * 400,
        "it-it-it-it-" * 500,
        "Qwen/" + "Qwen3-8B" * 1200,
        "llama-3.1-8b-instruct-" * 200,
        "REAP-" * 400 + "qwen3-30b-a3b",
    ],
)
def test_a_name_of_many_words_is_no_name(name: str) -> None:
    """Readings of names are as many as the square of their words: hundreds of words took minutes, and now milliseconds."""
    begun = time.process_time()
    with pytest.raises(UnknownModel):
        catalogue().model(name)
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("name", ["\n" * 1000, " ", "\t \n"])
def test_a_blank_name_is_no_gpu(name: str) -> None:
    with pytest.raises(UnknownGpu):
        catalogue().gpus(name)
