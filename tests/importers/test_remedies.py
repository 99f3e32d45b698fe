"""Remedies of models that were read from files: checked afresh they give what was promised, under the user's name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.command import vramfit
from tests.importers import models

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WRITERS: dict[str, Callable[[Path], Path]] = {
    "a named scheme": lambda folder: models.gguf().write(folder / "small-Q8_0.gguf"),
    "a mix without a name": lambda folder: models.gguf(down=30).write(folder / "small-UD-Q4_K_XL.gguf"),
    "a folder": lambda folder: models.write_folder(folder / "small"),
    "a quantized folder": lambda folder: models.write_config(
        folder / "small", quantization_config={"quant_method": "awq", "bits": 4, "group_size": 128}
    ),
}
ASKED = ("-g", "custom:700MiB@100GB/s", "--context", "300000")


def flags(changes: dict[str, Any]) -> list[str]:
    """Changes as flags; a repeated one of each value."""
    return [part for name, value in changes.items() for part in (f"--{name.replace('_', '-')}", str(value))]


@pytest.mark.parametrize("kind", WRITERS)
def test_remedies_hold_and_name_the_reference(tmp_path: Path, kind: str) -> None:
    path = str(WRITERS[kind](tmp_path))
    (told, *_) = vramfit("check", "-m", path, *ASKED, "--json").estimates
    remedies = [one for one in told["remedies"] if not {"gpu", "model"} & one["changes"].keys()]
    assert remedies
    for remedy in remedies:
        given = {"engine": told["engine"], "quant": told["quant"]["scheme"], **remedy["changes"]}
        keys = [word for word in ASKED if "context" not in given or word not in ("--context", "300000")]
        (again, *_) = vramfit("check", "-m", path, *keys, *flags(given), "--json").estimates
        assert (remedy["verdict"], remedy["required_bytes"], path) == (
            again["verdict"], again["required_bytes"]["expected"], again["model"]["id"],
        )  # fmt: skip
        assert "small" in remedy["command"]
        assert "Q8_0-Q" not in remedy["command"]
