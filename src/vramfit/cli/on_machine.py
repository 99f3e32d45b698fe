"""Deployment keys that mean this machine, for commands that go through many models or GPUs, and for ``plot``."""

from __future__ import annotations

import sys

from vramfit.cli.check import means_machine
from vramfit.cli.console import tell

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from vramfit.catalogue import Catalogue


def with_machine(
    keys: Mapping[str, Any], catalogue: Catalogue, output: Mapping[str, Any], *, needed: bool = False
) -> tuple[Mapping[str, Any], Catalogue]:
    """Keys with this machine's GPUs in the place of the word for them, and a note of it on stderr.

    Where a GPU is ``needed`` and none is given, this machine is meant too.
    """
    if not means_machine(keys, output) or ("gpu" not in keys and not needed):
        return keys, catalogue
    from vramfit.cli.this_machine import resolved

    keys, catalogue, notes = resolved(keys, catalogue, output)
    if "quiet" not in output:
        tell(sys.stderr, [f"note: {note}" for note in notes])
    return keys, catalogue
