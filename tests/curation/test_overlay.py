"""A user's own files extend and correct the catalogue, and break nothing but themselves."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import pytest

from vramfit.catalogue import files
from vramfit.errors import CatalogueError, UnknownGpu
from vramfit.sources import open_catalogue
from vramfit.units import GIB, MIB

if TYPE_CHECKING:
    from pathlib import Path

CARD = """\
gpus:
  - id: rtx4090-64gb
    name: RTX 4090 64GB
    family: ada-geforce
    vram_gb: 64
    memory: {bus_bits: 384, data_rate_gbps: 21, bandwidth_gb_s: 1008}
"""
MODEL = """\
models:
  - {id: kin-13b, name: Kin 13B, family: llama-2, layers: 40, hidden: 5120, ffn: 13824, heads: 40, vocab: 32000,
     context: 8192}
"""
BROKEN = "gpus:\n  - id: card\n    name: Card\n    vram: 24\n"


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty configuration directory and cache; returns the directory of the user's files."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "config" / "vramfit"
    folder.mkdir(parents=True)
    return folder


def test_own_files_add_entries(own: Path) -> None:
    """With the built-in families and architectures; the names people type follow as for any entry."""
    (own / "gpus.yaml").write_text(CARD)
    (own / "models.yaml").write_text(MODEL)
    catalogue = open_catalogue()

    gpu, model = catalogue.gpu("4090 64gb"), catalogue.model("Kin 13B")
    assert (gpu.id, gpu.marketed_gb, gpu.architecture) == ("rtx4090-64gb", 64, "Ada Lovelace")
    assert (model.context, model.layer_count) == (8192, 40)
    assert catalogue.warnings == ()
    assert catalogue.gpu_facts("rtx4090-64gb")["sources"] == [{"key": "own-1", "name": str(own / "gpus.yaml")}]
    assert catalogue.model_facts("kin-13b")["sources"] == [{"key": "own-2", "name": str(own / "models.yaml")}]
    assert catalogue.gpu("4090").id == "rtx4090"


def test_own_files_change_fields_of_known_entries(own: Path) -> None:
    """Only the fields they give; where a corrected field comes from is the user's file."""
    before = open_catalogue().gpu_facts("rtx3090")
    (own / "gpus.yaml").write_text(
        "gpus: [{id: rtx3090, price_usd: 700, reported: [{mib: 24000, by: nvidia-smi, source: public-logs}]}]"
    )
    (own / "models.yaml").write_text("models: [{id: llama-2-7b, context: 32768}]")
    catalogue = open_catalogue()

    after = catalogue.gpu_facts("RTX 3090")
    assert (after["price_usd"], after["memory_mib"]) == (700, 24000)
    assert (after["bandwidth_gb_s"], after["pci"]) == (before["bandwidth_gb_s"], before["pci"])
    assert "price_usd" not in after["field_sources"]
    assert [source["key"] for source in after["sources"]] == ["own-1", *(s["key"] for s in before["sources"])]
    assert catalogue.model("meta-llama/Llama-2-7b-hf").context == 32768
    assert len(catalogue.gpu_rows()) == len(list(catalogue.gpu_entries()))


def test_the_place_of_a_changed_entry_stays(own: Path) -> None:
    """Lists keep their order; new entries come last."""
    ids = [row.id for row in open_catalogue().gpu_rows()]
    (own / "gpus.yaml").write_text(CARD + "  - {id: gtx1050, price_usd: 99}\n")

    assert [row.id for row in open_catalogue().gpu_rows()] == [*ids, "rtx4090-64gb"]


def test_later_files_lie_over_earlier_ones(own: Path, tmp_path: Path) -> None:
    """The configuration directory first, then the command line in its order."""
    (own / "gpus.yaml").write_text(CARD)
    (tmp_path / "a.yaml").write_text("gpus: [{id: rtx4090-64gb, price_usd: 2000}]")
    (tmp_path / "b.yaml").write_text("gpus: [{id: rtx4090-64gb, price_usd: 3000}]")

    gpu = open_catalogue((str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"))).gpu("rtx4090-64gb")
    assert (gpu.price_usd, gpu.marketed_gb) == (3000, 64)


def test_a_broken_own_file_is_left_out_with_a_warning(own: Path) -> None:
    """The other file and the built-in catalogue answer as if it were not there."""
    (own / "gpus.yaml").write_text(BROKEN)
    (own / "models.yaml").write_text(MODEL)
    catalogue = open_catalogue()

    (warning,) = catalogue.warnings
    assert warning.startswith(f"{own / 'gpus.yaml'}:2:5 gpus[0].vram_gb: is missing")
    assert warning.endswith("the file is left out")
    assert catalogue.gpu("rtx4090").id == "rtx4090"
    assert catalogue.model("kin-13b").id == "kin-13b"
    with pytest.raises(UnknownGpu):
        catalogue.gpu("card")


@pytest.mark.parametrize("content", ["a: 1", "gpus: [", "gpus: 5", b"\xff", "[" * 1000, "gpus: [{id: RTX}]"])
def test_nothing_in_an_own_file_takes_the_catalogue_down(own: Path, content: str | bytes) -> None:
    """One warning, and everything else works."""
    (own / "gpus.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
    catalogue = open_catalogue()

    assert len(catalogue.warnings) == 1
    assert catalogue.gpu("rtx4090").id == "rtx4090"


def test_an_empty_own_file_adds_nothing(own: Path) -> None:
    """It is what an import begins to be appended to, so that it needs no warning."""
    (own / "models.yaml").write_text("")
    catalogue = open_catalogue()

    assert catalogue.warnings == ()
    assert catalogue.model("llama-3.1-8b").id == "llama-3.1-8b"


def test_a_directory_in_place_of_an_own_file_is_a_warning(own: Path) -> None:
    """As is a file that may not be read."""
    (own / "gpus.yaml").mkdir()

    assert open_catalogue().warnings == (f"{own / 'gpus.yaml'} cannot be read; the file is left out",)


def test_a_broken_named_file_is_an_error(own: Path, tmp_path: Path) -> None:
    """With file, line, column and field; nothing is answered from half of what was asked for."""
    path = tmp_path / "mine.yaml"
    path.write_text(BROKEN)

    with pytest.raises(CatalogueError, match=r"mine\.yaml:2:5 gpus\[0\]\.vram_gb: is missing \(and 1 more\)"):
        open_catalogue((str(path),))


def test_a_named_file_that_is_not_there_is_an_error(own: Path) -> None:
    """Exit 4, as for any input."""
    with pytest.raises(CatalogueError, match=r"absent\.yaml cannot be read: No such file") as caught:
        open_catalogue((str(own / "absent.yaml"),))

    assert caught.value.exit_code == 4


def test_overlays_are_compiled_once_and_again_when_they_change(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content decides, not the time stamp."""
    path = own / "gpus.yaml"
    path.write_text(CARD)
    assert open_catalogue().gpu("rtx4090-64gb").marketed_gb == 64
    stamp = os.stat(path)
    monkeypatch.setattr("vramfit.curation.overlay.compile_overlaid", _refuse)
    assert open_catalogue().gpu("rtx4090-64gb").marketed_gb == 64

    monkeypatch.undo()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(own.parent))
    monkeypatch.setenv("XDG_CACHE_HOME", str(own.parent.parent / "cache"))
    path.write_text(CARD.replace("vram_gb: 64", "vram_gb: 40"))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert open_catalogue().gpu("rtx4090-64gb").marketed_gb == 40


def test_a_warning_is_told_again_from_the_cache(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken file costs its compilation once, and is not forgotten."""
    (own / "gpus.yaml").write_text(BROKEN)
    first = open_catalogue().warnings
    monkeypatch.setattr("vramfit.curation.overlay.compile_overlaid", _refuse)

    assert open_catalogue().warnings == first


def test_without_own_files_looking_costs_a_stat_each(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And imports nothing."""
    open_catalogue()
    for name in ("vramfit.curation.overlay", "vramfit.curation.lint"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    asked: list[str] = []
    real = os.stat

    def stat(path: str, *rest: object, **named: object) -> os.stat_result:
        if str(path).startswith(str(own)):
            asked.append(str(path))
        return real(path, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr("vramfit.catalogue.files.os.stat", stat)
    open_catalogue()

    assert asked == [str(own / "gpus.yaml"), str(own / "models.yaml")]
    assert "vramfit.curation.overlay" not in sys.modules


def test_a_relative_configuration_home_is_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As the XDG specification asks."""
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))

    assert files.own_paths()[0] == str(tmp_path / ".config" / "vramfit" / "gpus.yaml")


def test_overridden_memory_reaches_the_estimator(own: Path) -> None:
    """A reading of one's own card wins over the rule for its class."""
    (own / "gpus.yaml").write_text(
        "gpus: [{id: rtx4060, reported: [{mib: 8000, by: cuda, platform: linux, source: public-logs}]}]"
    )
    gpu = open_catalogue().gpu("rtx4060")

    assert gpu.usable_readings == {"linux": 8000 * MIB}
    assert gpu.memory_bytes < 8 * GIB


def _refuse(*_: object) -> bytes:
    raise AssertionError("compiled again")
