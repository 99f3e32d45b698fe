"""Sizes of 650 published GGUF files (``published_files.yaml``) against the program's answers and its rules."""

from __future__ import annotations

import pytest

from tests.quantization.published import File, files, main, quantile

FILES = files()
STOCK = [file for file in FILES if not file.is_mix]
MIXES = [file for file in FILES if file.is_mix]


def test_the_table_is_wide_enough_to_judge_by() -> None:
    """At least 60 files of 12 models and 4 publishers, as stock types and as publishers' mixes."""
    assert len(STOCK) >= 60
    assert len(MIXES) >= 60
    assert len({file.model.id for file in FILES}) >= 12
    assert len({file.repository.partition("/")[0] for file in FILES}) >= 4


def test_stock_types_are_known_to_half_a_percent() -> None:
    assert quantile([abs(file.error()) for file in STOCK], 0.95) <= 0.005


def test_mixes_are_known_to_three_percent_and_inside_their_interval() -> None:
    assert quantile([abs(file.error()) for file in MIXES], 0.95) <= 0.03
    assert sum([file.is_inside() for file in MIXES]) >= 0.9 * len(MIXES)


def test_mixes_of_models_whose_files_are_not_known_follow_rules() -> None:
    """By the rules alone, as for a model that is in no list: within five percent in 19 cases of 20."""
    assert quantile([abs(file.error(by_rule=True)) for file in MIXES], 0.95) <= 0.05


@pytest.mark.parametrize(
    ("repository", "kind", "tensors_gb"),
    [
        ("unsloth/Qwen3.8-27B-GGUF", "UD-Q4_K_XL", 17.55),
        ("unsloth/Qwen3.8-27B-GGUF", "Q4_K_M", 17.10),
        ("bartowski/Qwen_Qwen3.6-27B-GGUF", "Q4_K_M", 17.49),
        ("bartowski/Qwen_QwQ-32B-GGUF", "IQ3_XXS", 12.83),
        ("unsloth/DeepSeek-V4-Flash-GGUF", "UD-Q8_K_XL", 161.99),
    ],
)
def test_what_a_file_is_answered_with(repository: str, kind: str, tensors_gb: float) -> None:
    (file,) = [one for one in FILES if one.repository == repository and one.type == kind]

    assert file._bytes(by_rule=False) / 1e9 == pytest.approx(tensors_gb, abs=0.006)


def test_rounding_of_the_published_size_is_no_error() -> None:
    known = FILES[0]
    ours = known._bytes(by_rule=False)

    def rounded(published: float, rounding: float) -> float:
        return File(known.repository, known.type, known.model, known.scheme, published, rounding).error()

    assert rounded(ours + 10, 10) == 0
    assert rounded(ours - 30, 10) == pytest.approx(20 / (ours - 30))
    assert rounded(ours + 30, 10) == pytest.approx(-20 / (ours + 30))


def test_the_command_prints_every_file_and_the_totals(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == len(FILES) + 4
    assert lines[-4].startswith(f"stock, answered: {len(STOCK)} files, median ")
    assert lines[-1].startswith(f"mix, by rule: {len(MIXES)} files, median ")
