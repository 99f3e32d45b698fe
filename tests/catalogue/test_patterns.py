"""Names and patterns of many GPUs and models."""

from __future__ import annotations

import pytest

from tests.catalogued import catalogue, gpu_ids, model_ids
from vramfit.catalogue.patterns import gpu_names, model_names
from vramfit.errors import UnknownGpu, UnknownModel, UsageError


def test_a_pattern_is_every_id_it_matches_in_the_catalogue_s_order() -> None:
    """Case does not matter, and a name without wild cards is left for the catalogue to understand."""
    found = gpu_names(catalogue(), ["RTX409*"])
    assert found == tuple(name for name in gpu_ids() if name.startswith("rtx409"))
    assert len(found) > 2
    assert ("RTX 4090", "custom:24GiB@1008GB/s") == gpu_names(catalogue(), ["RTX 4090", "custom:24GiB@1008GB/s"])
    assert model_names(catalogue(), ["qwen3-?b"]) == ("qwen3-4b", "qwen3-8b")
    assert model_names(catalogue(), ["*"]) == tuple(model_ids())


def test_a_count_goes_with_every_match() -> None:
    """As in check, before the name; without a pattern it stays part of it."""
    assert {"2xrtx4090", "2xrtx4090d"} <= set(gpu_names(catalogue(), ["2x rtx4090*"]))
    assert ("4xrtx3090",) == gpu_names(catalogue(), ["4xrtx3090"])


def test_each_is_there_once() -> None:
    """In the order in which it was first asked for."""
    assert model_names(catalogue(), ["qwen3-8b", "qwen3-?b"]) == ("qwen3-8b", "qwen3-4b")
    assert gpu_names(catalogue(), ["rtx4090", "rtx4090"]) == ("rtx4090",)


@pytest.mark.parametrize("pattern", ["rtx49*", "[", "*rtx4090-ti*"])
def test_a_pattern_that_matches_no_gpu(pattern: str) -> None:
    """Is an error with a hint, not an empty answer."""
    with pytest.raises(UnknownGpu) as caught:
        gpu_names(catalogue(), [pattern])
    assert pattern in caught.value.message
    assert "vramfit list gpus" in (caught.value.hint or "")


def test_the_hint_names_the_nearest() -> None:
    """By what the pattern says outside its wild cards."""
    with pytest.raises(UnknownGpu) as caught:
        gpu_names(catalogue(), ["rtx49*0"])
    assert "rtx4090" in (caught.value.hint or "")
    with pytest.raises(UnknownModel) as other:
        model_names(catalogue(), ["qwen3-8b*x"])
    assert "qwen3-8b" in (other.value.hint or "")


def test_a_count_that_is_none() -> None:
    """Judged as everywhere."""
    with pytest.raises(UsageError):
        gpu_names(catalogue(), ["0xrtx40*"])
