"""The program's own machine in the place of a GPU's name: deployment keys that mean it."""

from __future__ import annotations

import sys

from vramfit.cli.console import tell
from vramfit.importers.machine.chosen import on_this_machine
from vramfit.importers.machine.find import ThisMachine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.catalogue import Catalogue
    from vramfit.importers.machine.record import Machine

_here: list[ThisMachine] = []
"""Machine that was looked at already: the deployments of a file get one answer."""


def resolved(
    keys: Mapping[str, Any], catalogue: Catalogue, output: Mapping[str, Any]
) -> tuple[dict[str, Any], Catalogue, tuple[str, ...]]:
    """Raw keys with this machine's values, the catalogue with its GPUs, and sentences for the report.

    Raises as ``on_this_machine`` does; with ``verbose`` what was asked goes to stderr, a line each.
    """
    here = this_machine()
    try:
        asked = on_this_machine(keys, catalogue, here, free="free" in output)
    finally:
        if "verbose" in output:
            _tell(here.machine)
    return asked.keys, asked.catalogue, asked.notes


def this_machine() -> ThisMachine:
    """The machine that the program runs on."""
    if not _here:
        _here.append(ThisMachine())
    return _here[0]


def _tell(machine: Machine) -> None:
    tell(sys.stderr, [f"{probe.source}: {probe.outcome}" for probe in machine.probes])
