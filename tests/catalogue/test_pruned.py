"""Names of mixtures of which experts were cut out, against the configurations of public repositories."""

from __future__ import annotations

import pytest

from tests.catalogued import catalogue
from vramfit.catalogue.pruned import Cut, divided, with_cut
from vramfit.errors import UnknownModel
from vramfit.model.counted import parameters


@pytest.mark.parametrize(
    ("name", "entry", "experts", "billions"),
    [
        ("cerebras/GLM-4.5-Air-REAP-82B-A12B", "glm-4.5-air", 96, 81.93),
        ("cerebras/MiniMax-M2.5-REAP-139B-A10B", "minimax-m2.5", 154, 139.15),
        ("cerebras/GLM-4.7-Flash-REAP-23B-A3B", "glm-4.7-flash", 48, 23.0),
        ("cerebras/Qwen3-Coder-REAP-363B-A35B-FP8", "qwen3-coder-480b-a35b", 120, 363.12),  # the base by what is active
        ("cerebras/DeepSeek-V3.2-REAP-345B-A37B", "deepseek-v3.2", 128, 344.87),
        ("mlx-community/GLM-4.7-REAP-50-mxfp4", "glm-4.7", 80, 184.78),  # a share
        ("Akicou/GLM-4.7-Flash-REAP-19", "glm-4.7-flash", 52, 24.73),
        ("oxfrug/Ornith-1.5-35B-A3B-REAP-20pct", "qwen3.5-35b-a3b", 205, 28.69),
        ("pipenetwork/Qwen3.8-2.4T-A95B-MLX-reap75-4bit", "qwen3.8-2.4t-a95b", 128, 641.4),
        ("mchen04/Ornith-1.5-35B-A3B-REAP192-mxfp4-MLX", "qwen3.5-35b-a3b", 192, 27.05),  # how many are left
        ("puwaer/DeepSeek-V4-Flash-0731-reap-200b", "deepseek-v4-flash", 178, 199.91),
    ],
)
def test_a_cut_mixture_has_the_experts_that_its_name_says(name: str, entry: str, experts: int, billions: float) -> None:
    """Experts are those of each repository's config.json (PyPI llmfit 1.1.17)."""
    found = catalogue().model(name)

    assert (found.id, round(parameters(found) / 10**9, 2)) == (entry, billions)
    assert {group.experts.count for group in found.layers if group.experts is not None} == {experts}
    assert any("by what the name says of those cut out" in sentence for sentence in found.caveats)


@pytest.mark.parametrize(
    ("words", "cut"),
    [
        (["reap", "139b"], Cut(billions=139.0)),
        (["x", "reap50"], Cut(share=0.5)),
        (["x", "reap", "0.30"], Cut(share=0.3)),
        (["x", "reap", "pruned", "ratio", "0.5"], Cut(share=0.5)),
        (["x", "reap", "62"], Cut(share=0.62)),  # ten sixteenths
        (["x", "reap320"], Cut(left=320)),
        (["glm", "5.1", "478b", "a42b", "reap"], Cut(billions=478.0)),
        (["x", "reap", "48"], None),  # experts, or a share
        (["x", "reap"], None),
        (["x", "reaper", "7b"], None),
    ],
)
def test_what_a_name_says_of_a_cut(words: list[str], cut: Cut | None) -> None:
    found = divided(words)

    assert (None if found is None else found.cut) == cut


@pytest.mark.parametrize("cut", [Cut(billions=900.0), Cut(left=300), Cut(left=2), Cut(share=0.99)])
def test_a_cut_that_no_number_of_experts_meets_is_refused(cut: Cut) -> None:
    with pytest.raises(UnknownModel, match="no number of experts makes GLM"):
        with_cut(catalogue().model("glm-4.7-flash"), cut, "x")


def test_a_dense_model_has_no_experts_to_cut() -> None:
    with pytest.raises(UnknownModel, match="no number of experts"):
        with_cut(catalogue().model("qwen3-8b"), Cut(share=0.5), "x")
