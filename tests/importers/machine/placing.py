"""Machines of ``machines.yaml`` as folders: programs that print what theirs do, files below a root, a ``pynvml``."""

from __future__ import annotations

import os
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import yaml

from vramfit.importers.machine.place import Place

if TYPE_CHECKING:
    import pytest

PYNVML = '''
"""Stand-in for nvidia-ml-py: devices of DATA through the functions that are asked."""
from types import SimpleNamespace as Object

DATA = {data!r}
MIB = 2**20
nvmlMemory_v2 = 0x02000028


class NVMLError(Exception):
    pass


def nvmlInit():
    if DATA.get("fails"):
        raise NVMLError(DATA["fails"])


def nvmlShutdown():
    pass


def nvmlSystemGetDriverVersion():
    return DATA["driver"].encode()


def nvmlDeviceGetCount():
    return len(DATA["devices"])


def nvmlDeviceGetHandleByIndex(index):
    return DATA["devices"][index]


def nvmlDeviceGetName(handle):
    return handle["name"]


def nvmlDeviceGetUUID(handle):
    return "GPU-" + handle["name"]


def nvmlDeviceGetMemoryInfo(handle, version=None):
    if "total_mib" not in handle:
        raise NVMLError("Not Supported")
    return Object(total=handle["total_mib"] * MIB, used=handle["used_mib"] * MIB, free=handle["free_mib"] * MIB)


def nvmlDeviceGetPciInfo(handle):
    return Object(busId=handle["pci"].encode(), pciDeviceId=handle["number"])


def nvmlDeviceGetDisplayActive(handle):
    return handle["display"]


def nvmlDeviceGetCudaComputeCapability(handle):
    return tuple(handle["capability"])


def nvmlDeviceGetMigMode(handle):
    if "mig" not in handle:
        raise NVMLError("Not Supported")
    return [1, 1]


def nvmlDeviceGetMaxMigDeviceCount(handle):
    return 7


def nvmlDeviceGetMigDeviceHandleByIndex(handle, index):
    return handle["mig"][index]
'''


@cache
def machines() -> dict[str, dict[str, Any]]:
    """Every machine by name, those that are like another one with its programs."""
    text = (Path(__file__).parent / "machines.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["machines"]
    return {name: {**found.get(one.get("like", ""), {}), **one} for name, one in found.items()}


def program(folder: Path, name: str, body: str) -> None:
    """Put a shell script under a program's name into a folder of ``PATH``."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)


def answers(folder: Path, name: str, given: list[dict[str, Any]]) -> None:
    """Put a program into a folder that prints the first answer whose ``when`` is part of its arguments."""
    cases = []
    for number, answer in enumerate(given):
        output = folder / f"{name}.{number}"
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_bytes(answer["prints"].encode())
        cases.append(f"*{quoted(answer['when'])}*) /bin/cat {quoted(str(output))}; exit {answer.get('code', 0)};;")
    program(folder, name, 'case "$*" in\n' + "\n".join(cases) + "\nesac\nexit 9")


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def install_nvml(folder: Path, data: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a ``pynvml`` on the path of modules; with None there is none, whatever is installed."""
    monkeypatch.setitem(sys.modules, "pynvml", ModuleType("pynvml"))
    del sys.modules["pynvml"]  # so that none is left behind either
    if data is None:
        monkeypatch.setattr("vramfit.importers.machine.nvml._library", lambda: None)
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pynvml.py").write_text(PYNVML.replace("{data!r}", repr(data)), encoding="utf-8")
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr("vramfit.importers.machine.nvml._library", lambda: import_module("pynvml"))


def place(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Machine ``name`` below ``folder``."""
    one = machines()[name]
    programs = folder / "bin"
    programs.mkdir()
    for program_name, given in one.get("programs", {}).items():
        answers(programs, program_name, given)
    for path, text in one.get("files", {}).items():
        file = folder / "root" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    install_nvml(folder / "modules", one.get("nvml"), monkeypatch)
    variables = {"PATH": os.fspath(programs), **one.get("variables", {})}
    return Place(os.fspath(folder / "root"), one.get("system", "linux"), variables)
