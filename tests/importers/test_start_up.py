"""What a catalogue model loads of this room, and what a local reference does: nothing, and no network."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.importers.trees import hub_snapshot

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import json, sys
sys.modules["huggingface_hub"] = None
from vramfit.importers.client import Network
from vramfit.importers.grammar import parse_reference
from vramfit.importers.here import models_here
from vramfit.importers.places import locate
place = locate(parse_reference("acme/foo", lambda path: ""), Network())
heavy = {"http", "ssl", "socket", "urllib.request", "threading", "asyncio", "concurrent"} & set(sys.modules)
print(json.dumps([place.file, place.folder.open(place.file).read(0, 4).decode(), len(models_here()), sorted(heavy)]))
"""


def test_a_local_reference_needs_no_library_of_the_network(disk: Path) -> None:
    hub_snapshot(disk / "cache" / "huggingface" / "hub", "acme/foo", {"m-Q4_K_M.gguf": b"GGUF"})
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert ["m-Q4_K_M.gguf", "GGUF", 1, []] == json.loads(run.stdout)


def test_a_model_of_the_catalogue_loads_nothing_of_this_room() -> None:
    program = (
        "import sys, vramfit.__main__ as m; m.main(['check', '--gpu', 'rtx4090', '--model', 'llava-1.6-13b', '--json']);"
        "sys.stderr.write(','.join(n for n in sys.modules if 'importers' in n or n == 'huggingface_hub'))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ("", True) == (run.stderr, run.stdout.startswith("{"))
