"""Names as people write them, each with the model and the quantization that it means."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalogued import catalogue
from vramfit.catalogue.repositories import of_kaggle, published_file
from vramfit.errors import AmbiguousName, UnknownModel

LINES = (Path(__file__).parent / "lists" / "meant.txt").read_text(encoding="utf-8").splitlines()
ROWS = [tuple(line.split("\t")[:3]) for line in LINES if not line.startswith("#")]


@pytest.mark.parametrize(("name", "entry", "quant"), ROWS)
def test_a_name_means_the_model_that_was_written_down(name: str, entry: str, quant: str) -> None:
    asked = published_file(name) or of_kaggle(name) or name
    if entry in ("several", "none"):
        with pytest.raises(AmbiguousName if entry == "several" else UnknownModel):
            catalogue().model(asked)
    else:
        assert (catalogue().model(asked).id, catalogue().stated(asked).get("quant", "")) == (entry, quant)


def test_the_list_is_as_long_as_it_was_gathered() -> None:
    assert len({name for name, _, _ in ROWS}) == len(ROWS) >= 500
