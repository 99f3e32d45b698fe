"""Names of families: which models they can mean, and what is suggested for a name of none."""

from __future__ import annotations

import pytest

from tests.catalogued import catalogue
from vramfit.catalogue.families import begins_alike, is_slip, words_of
from vramfit.errors import AmbiguousName, UnknownModel


@pytest.mark.parametrize(
    ("name", "models"),
    [
        ("medgemma", "medgemma:4b and medgemma:27b"),
        ("Jamba-1.7", "AI21-Jamba-Mini-1.7 and AI21-Jamba-Large-1.7"),
        ("Ornith-1.5", "Ornith-1.5-9B, Ornith-1.5-35B-A3B and Ornith-1.5-397B"),
        ("sd3.5", "sd3.5-medium and sd3.5-large"),
        ("HY V4", "hy4 and hy4-preview"),
        ("skyfall", "skyfall-31b and skyfall-36b"),
        ("flux 2 klein", "flux.2-klein-4b and flux.2-klein-9b"),
    ],
)
def test_a_family_of_several_says_which(name: str, models: str) -> None:
    with pytest.raises(AmbiguousName) as error:
        catalogue().model(name)

    assert error.value.message == f'"{name}" is not one model: {models}'


@pytest.mark.parametrize(
    ("name", "entry", "quant"),
    [
        ("xtts", "xtts-v2", None),
        ("medgemma 27b", "gemma-3-27b", None),
        ("omnicoder", "qwen3.5-9b", None),
        ("granite-4-h-tiny", "granite-4.0-h-tiny", None),  # ``4`` is ``4.0``
        ("omnicoder-Q4_K_M", "qwen3.5-9b", "Q4_K_M"),
    ],
)
def test_a_family_of_one_is_that_model(name: str, entry: str, quant: str | None) -> None:
    assert catalogue().model(name).id == entry
    assert catalogue().stated(name).get("quant") == quant


@pytest.mark.parametrize(
    "name",
    [
        "dio",  # no word of any model
        "coder",  # a word of many families
        "qwen4",  # a generation that there is not; SEA-LION's fine-tunes of Qwen are its fourth
        "claude opus",  # teachers of fine-tunes
        "starcoder:4b",  # a tag of Ollama's is known or not
        "gemma 5",
    ],
)
def test_no_family(name: str) -> None:
    with pytest.raises(UnknownModel):
        catalogue().model(name)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("dio", "see `vramfit list models`"),
        ("Qwen-Image 2.0", "did you mean qwen-image-2.1 or qwen-image?"),
        ("qwn3-8b", "did you mean qwen3-8b,"),
        ("OmniCodr-9B", "did you mean qwen3.5-9b?"),
        ("gpt-5", "it runs on its maker's machines alone"),
        ("claude-sonnet-4.5", "it runs on its maker's machines alone"),
    ],
)
def test_what_is_suggested_is_of_the_same_family(name: str, hint: str) -> None:
    with pytest.raises(UnknownModel) as error:
        catalogue().model(name)

    assert (error.value.hint or "").startswith(hint)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Wan2.2-T2V-A14B", ["wan", "2.2", "t2v", "a14b"]),
        ("HY V4", ["hy", "v4"]),
        ("granite-4.0-h-tiny", ["granite", "4", "h", "tiny"]),
        ("gemma3:27b", ["gemma", "3", "27b"]),
        ("", []),
    ],
)
def test_words_of_a_name(name: str, words: list[str]) -> None:
    assert words_of(name) == words


@pytest.mark.parametrize(
    ("key", "other", "alike"),
    [
        ("qwn3-8b", "qwen3-8b", True),
        ("gpt4omini", "phi4mini", False),
        ("dia", "qwen3-8b", False),
        ("sd3.5", "sd1.5", True),
        ("sd3.5", "sdxlbase", False),
        ("3b", "qwen3-8b", True),  # no letters: nothing to tell by
    ],
)
def test_names_of_one_family_begin_alike(key: str, other: str, alike: bool) -> None:
    assert begins_alike(key, other) is alike


@pytest.mark.parametrize(
    ("key", "other", "slip"),
    [("omnicodr9b", "omnicoder9b", True), ("omni9b", "omnicoder9b", False), ("coder", "icoder", False)],
)
def test_slips_are_few_for_the_length(key: str, other: str, slip: bool) -> None:
    assert is_slip(key, other) is slip


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("Josiefied Qwen3 8B", "Qwen3 8B"),
        ("Gemma 4 Queen 31B", "Gemma 4 31B"),
        ("GLM-4.7 REAP 50", "GLM-4.7 355B-A32B, REAP 184.8B"),  # half of the experts are cut out
    ],
)
def test_fine_tunes_with_blanks(name: str, model: str) -> None:
    assert catalogue().model(name).name == model
