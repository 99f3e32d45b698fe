from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from vramfit.catalogue import Catalogue, files
from vramfit.catalogue.container import BadContainerError, in_memory
from vramfit.curation.packing import pack
from vramfit.errors import AmbiguousName, CannotTell, UnknownGpu, UnknownModel, UsageError
from vramfit.sources import open_catalogue
from vramfit.units import GIB, MIB

if TYPE_CHECKING:
    from pathlib import Path

FORBIDDEN = {"typing", "re", "json", "enum", "dataclasses", "pathlib", "yaml", "pydantic", "functools", "hashlib"}


@pytest.fixture
def cache_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    # A spare one below /tmp stays, and the next run of these tests would find it current.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    return tmp_path


def test_a_card_has_its_readings(catalogue: Catalogue) -> None:
    gpu = catalogue.gpu("RTX 4090")

    assert (gpu.id, gpu.name, gpu.marketed_gb) == ("rtx4090", "NVIDIA GeForce RTX 4090", 24)
    assert (gpu.memory_bytes, gpu.memory_measured) == (24564 * MIB, True)
    assert gpu.usable_readings == {"linux": 24080 * MIB}
    assert gpu.bandwidth_bytes_per_second == 1_008_400_000_000


@pytest.mark.parametrize(
    ("name", "mib", "measured"),
    [
        ("l4", 23034, True),  # ECC on
        ("a40", 46068, True),  # read with ECC on and off: on is usual in a server
        ("rtx6000ada", 49140, True),  # and off in a workstation
        ("gtx1080ti", 11264, True),  # what recent drivers print
        ("rtx5060ti-8gb", 8151, False),  # by class: 0.995
        ("rtx4080super", 16376, False),  # by class: 0.9995
        ("l40", 46080, False),  # by class: ECC
        ("rx7800xt", 16368, False),  # by class: 16 MiB less
        ("h800-sxm", 81551, False),  # by class: Hopper
        ("rtx3070ti", 8192, False),  # by class: whole
        ("m4-max-128gb", 131072, True),
        ("mi250", 65520, True),  # one GCD
    ],
)
def test_reported_memory(catalogue: Catalogue, name: str, mib: int, measured: bool) -> None:
    gpu = catalogue.gpu(name)

    assert (gpu.memory_bytes // MIB, gpu.memory_measured) == (mib, measured)


@pytest.mark.parametrize(
    ("name", "usable"),
    [
        ("t4", {"linux": 14912}),
        ("rtx5090", {"linux": 32102}),  # torch's total; the CUDA total is of Windows
        ("rtx4060", {}),
        ("gb10", {"linux": 124549}),
        ("jetson-orin-nx-16gb", {"linux": 15237}),
        ("jetson-orin-nano-8gb", {"linux": 4959}),  # beside a desktop, of 7,619 that CUDA states
        ("jetson-agx-orin-64gb", {"linux": 62827}),
        ("strix-halo-64gb", {"linux": 32768, "windows": 32768}),
        ("strix-halo-128gb", {"linux": 65536, "windows": 65536}),
        ("m4-max-128gb", {"macos": 110100}),
        ("m3-max-96gb", {"macos": 73728}),
    ],
)
def test_usable_memory(catalogue: Catalogue, name: str, usable: dict[str, int]) -> None:
    readings = catalogue.gpu(name).usable_readings

    assert {platform: size // MIB for platform, size in readings.items()} == usable


def test_an_ambiguous_name_lists_the_ids(catalogue: Catalogue) -> None:
    with pytest.raises(AmbiguousName, match="rtx3060-8gb and rtx3060-12gb"):
        catalogue.gpu("3060")


def test_an_unknown_name_gets_suggestions(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownGpu, match='"rtx4091"') as caught:
        catalogue.gpu("rtx4091")

    assert caught.value.hint
    assert caught.value.hint.startswith("did you mean rtx4090")


def test_a_hopeless_name_gets_none(catalogue: Catalogue) -> None:
    with pytest.raises(UnknownModel) as caught:
        catalogue.model("zzzzzzzz")

    assert caught.value.hint == (
        "see `vramfit list models`; any other model is read where it is: a Hub repository (org/name), an Ollama tag"
        " (ollama:name:tag), a GGUF file, a folder"
    )


def test_an_integrated_gpu_has_no_memory_of_its_own(catalogue: Catalogue) -> None:
    with pytest.raises(CannotTell, match="no memory of its own"):
        catalogue.gpu("radeon 780m")


def test_a_custom_gpu_is_what_it_says(catalogue: Catalogue) -> None:
    gpu = catalogue.gpu("custom:24GiB@1008GB/s")

    assert (gpu.vendor, gpu.memory_bytes, gpu.bandwidth_bytes_per_second) == ("custom", 24 * GIB, 1_008_000_000_000)
    assert gpu.usable_readings == dict.fromkeys(("linux", "windows", "macos"), 24 * GIB)


@pytest.mark.parametrize("name", ["custom:24", "custom:", "custom:0GiB", "custom:24GiB@", "custom:24GiB@0GB/s"])
def test_a_custom_gpu_needs_units_and_memory(catalogue: Catalogue, name: str) -> None:
    with pytest.raises(UsageError):
        catalogue.gpu(name)


def test_drivers_and_pci_ids_lead_back(catalogue: Catalogue) -> None:
    assert catalogue.gpus_of_driver_name("NVIDIA GeForce RTX 3060") == ("rtx3060-8gb", "rtx3060-12gb")
    assert catalogue.gpus_of_pci_id("10DE:2684") == ("rtx4090",)
    assert catalogue.gpus_of_driver_name("Matrox G200") == ()


def test_rows_agree_with_entries(catalogue: Catalogue) -> None:
    rows = catalogue.gpu_rows()

    assert len({row.id for row in rows}) == len(rows) == 560
    for row in rows:
        facts = catalogue.gpu_facts(row.id)
        assert (facts["id"], facts["memory_mib"], facts["vram_gb"]) == (row.id, row.memory_mib, row.vram_gb)
        assert facts["sources"]


def test_prices_are_dated(catalogue: Catalogue) -> None:
    rents = [rent for row in catalogue.gpu_rows() for rent in catalogue.gpu_facts(row.id)["rents"]]

    assert rents
    assert all(rent["as_of"] != "undated" for rent in rents)


def test_offers_are_of_one_gpu_first_and_the_cheapest_first(catalogue: Catalogue) -> None:
    """Each as the entry has it, with memory enough, and dated or said to be undated."""
    offers = list(catalogue.cloud_offers(40 * 2**30))

    assert offers == sorted(offers, key=lambda offer: (offer.gpus > 1, offer.usd_per_hour))
    assert {1, 2, 4, 8} <= {offer.gpus for offer in offers}
    for offer in offers:
        facts = catalogue.gpu_facts(offer.gpu)
        assert offer.memory_mib == offer.gpus * facts["memory_mib"] > 40 * 1024
        keys = ("provider", "instance", "gpus", "usd_per_hour", "as_of")
        assert {key: getattr(offer, key) for key in keys} in [{key: r[key] for key in keys} for r in facts["rents"]]
    assert ("aws", "p4d.24xlarge") in [(offer.provider, offer.instance) for offer in offers]


def test_gpus_for_sale_are_the_cheapest_first(catalogue: Catalogue) -> None:
    """Those with a price and more memory than asked for, and no others."""
    rows = list(catalogue.gpus_for_sale(20 * 2**30))

    assert [row.price_usd for row in rows] == sorted(row.price_usd or 0 for row in rows)
    wanted = [r for r in catalogue.gpu_rows() if r.price_usd is not None and (r.memory_mib or 0) > 20 * 1024]
    assert {row.id for row in rows} == {row.id for row in wanted}


def test_smaller_models_are_of_one_modality(catalogue: Catalogue) -> None:
    """With fewer parameters than given, and all of them."""
    everything = [r for r in catalogue.model_rows() if r.modality == "text" and r.parameters < 8e9]

    assert everything == catalogue.smaller_models("text", 8e9)
    assert [] == catalogue.smaller_models("smell", 8e9)
    near = [row for row in everything if row.id.startswith("llama") or row.family == "gemma-3"]
    assert near == catalogue.smaller_models("text", 8e9, "llama", "gemma-3")
    assert {row.family for row in near} >= {"llama-3.2", "gemma-3"}


def test_models_resolve(catalogue: Catalogue) -> None:
    assert catalogue.model("LLaVA 1.6 13B").id == catalogue.model("llava:13b").id == "llava-1.6-13b"
    assert {row.id for row in catalogue.model_rows()} >= {"llava-1.6-13b", "llama-3.1-8b"}


def test_the_light_path_stays_light(cache_home: Path) -> None:
    script = (
        "import sys; from vramfit.sources import open_catalogue; c = open_catalogue(); c.gpu('rtx4090');"
        "print(*sorted(sys.modules))"
    )
    source = os.path.dirname(os.path.dirname(files.__file__))
    environment = {**os.environ, "PYTHONPATH": os.path.dirname(source)}
    run = [sys.executable, "-S", "-c", "import sys; sys.path[:0] = " + repr(sys.path) + "; " + script]
    subprocess.run(run, env=environment, check=True, capture_output=True)
    second = subprocess.run(run, env=environment, check=True, capture_output=True, text=True)

    assert not FORBIDDEN & set(second.stdout.split())


def test_the_cache_is_written_once_and_rebuilt_when_stale(cache_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_catalogue()
    (written,) = (cache_home / "vramfit").iterdir()
    before = written.stat().st_mtime_ns
    open_catalogue()

    assert written.stat().st_mtime_ns == before

    monkeypatch.setattr("vramfit.__version__", "9.9.9")
    open_catalogue()

    assert written.stat().st_mtime_ns != before


@pytest.mark.parametrize("damage", [b"", b"rubbish", None, "flip"])
def test_a_damaged_cache_counts_as_absent(cache_home: Path, damage: bytes | str | None) -> None:
    open_catalogue()
    (written,) = (cache_home / "vramfit").iterdir()
    whole = written.read_bytes()
    if isinstance(damage, bytes):
        written.write_bytes(damage)
    elif damage is None:
        written.write_bytes(whole[: len(whole) // 2])
    else:
        written.write_bytes(whole[:40] + bytes([whole[40] ^ 1]) + whole[41:])

    assert open_catalogue().gpu("rtx4090").id == "rtx4090"
    assert written.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert open_catalogue().gpu("rtx4090").id == "rtx4090"


def test_a_relative_cache_home_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    path = files.cache_path("/somewhere/data")

    assert path is not None
    assert path.startswith(str(tmp_path / ".cache" / "vramfit"))


def test_containers_notice_damage() -> None:
    data = pack("key", {"a": [1, 2]}, {"t": {"x": 1}}, {"r": [{"n": 1}, {"n": 2}]})
    container = in_memory(data)

    assert (container.key, container.section("a"), container.look_up("t", "x")) == ("key", [1, 2], 1)
    assert (container.record("r", 1), container.table("t")) == ({"n": 2}, {"x": 1})
    whole = _everything(data)
    noticed = 0
    for at in range(len(data)):
        changed = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        try:
            # Empty shards are alike: the place of one is as good as that of another.
            assert _everything(changed) == whole
        except BadContainerError:
            noticed += 1
    assert noticed > 0.99 * len(data)


def _everything(data: bytes) -> tuple[object, ...]:
    container = in_memory(data)
    return container.section("a"), container.table("t"), container.record("r", 0), container.record("r", 1)
