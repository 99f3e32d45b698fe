"""Machines as their owners showed them: what is found on each, and what a check takes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.importers.machine.placing import machines, place
from vramfit.importers.machine.chosen import on_this_machine
from vramfit.importers.machine.find import ThisMachine, find
from vramfit.importers.machine.listing import machine_object
from vramfit.sources import open_catalogue
from vramfit.units import MIB

if TYPE_CHECKING:
    from pathlib import Path

    from vramfit.importers.machine.record import Device

NAMES = tuple(machines())


def fields(device: Device, expected: dict[str, Any]) -> dict[str, Any]:
    """The fields of a device that are expected, sizes in the unit in which they are."""
    found = {}
    for name in expected:
        if name.endswith("_mib"):
            size = getattr(device, f"{name[:-4]}_bytes")
            found[name] = None if size is None else size // MIB
        else:
            found[name] = getattr(device, name)
    return found


def test_there_are_machines_of_many_kinds() -> None:
    assert len(NAMES) >= 24
    assert all(one["source"] for one in machines().values())


@pytest.mark.parametrize("name", NAMES)
def test_devices(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = machines()[name]["devices"]
    machine = find(place(name, tmp_path, monkeypatch))
    assert expected == [fields(one, wanted) for one, wanted in zip(machine.devices, expected, strict=True)]


@pytest.mark.parametrize("name", NAMES)
def test_keys_of_a_check(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The names that a check gets, and what else is stated of the machine."""
    one = machines()[name]
    asked = on_this_machine({"ram": "auto"} if "ram" in one else {}, open_catalogue(),
                            ThisMachine(place(name, tmp_path, monkeypatch)))  # fmt: skip
    assert one["gpu"] == asked.keys["gpu"]
    for key in ("usable", "platform", "ram"):
        if key in one:
            assert one[key] == asked.keys.get(key)
    gpus = [gpu for name in one["gpu"] for gpu in asked.catalogue.gpus(name)] if "usable" not in one else []
    assert all(gpu.memory_bytes for gpu in gpus)
    missing = [words for words in one.get("notes", ()) if not any(words in note for note in asked.notes)]
    assert missing == []


@pytest.mark.parametrize("name", [name for name, one in machines().items() if "reserve" in one])
def test_what_others_hold(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = on_this_machine({}, open_catalogue(), ThisMachine(place(name, tmp_path, monkeypatch)), free=True)
    assert asked.keys["reserve"] == machines()[name]["reserve"]


@pytest.mark.parametrize("name", [name for name, one in machines().items() if {"driver", "ram_kind"} & one.keys()])
def test_driver_and_kind_of_memory(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = machines()[name]
    told = machine_object(find(place(name, tmp_path, monkeypatch)), open_catalogue())["machine"]
    assert {"driver": one.get("driver", told["driver"]), "ram_kind": one.get("ram_kind", told["ram_kind"])} == {
        "driver": told["driver"],
        "ram_kind": told["ram_kind"],
    }
