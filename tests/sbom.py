"""The command: ``python -m tests.sbom [--extra hub] [--output FILE]`` writes what is installed as CycloneDX 1.6 JSON.

Its components are the packages that vramfit requires, and those that they require, in the versions of this environment.
Nothing is looked up in the network; the same environment gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

NAME = "vramfit-cli"
SPACE = uuid.UUID("6f1c2a7e-6d3d-5d37-9a44-0b1f5f8d2c10")
"""Name space of serial numbers, which are derived from the contents."""


def required(name: str, extras: frozenset[str]) -> dict[str, frozenset[str]]:
    """Packages that a package requires on this machine, each with the extras that are asked of it."""
    found: dict[str, frozenset[str]] = {}
    for line in metadata.requires(name) or ():
        one = Requirement(line)
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in (extras or {""})):
            key = canonicalize_name(one.name)
            found[key] = found.get(key, frozenset()) | one.extras
    return found


def bill(extras: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Bill of materials of this environment; raises ``PackageNotFoundError`` where a required package is missing."""
    edges: dict[str, list[str]] = {}
    waiting = [(NAME, extras)]
    while waiting:
        name, wanted = waiting.pop()
        needs = required(name, wanted)
        known = edges.setdefault(name, [])
        for other, inner in needs.items():
            if other not in known:
                known.append(other)
            if other not in edges or inner:
                waiting.append((other, inner))
    body = {
        "metadata": {"component": {**component(NAME), "type": "application"}},
        "components": [component(name) for name in sorted(edges) if name != NAME],
        "dependencies": [
            {"ref": purl(name), "dependsOn": sorted(purl(one) for one in edges[name])} for name in sorted(edges)
        ],
    }
    serial = uuid.uuid5(SPACE, json.dumps(body, sort_keys=True))
    return {"bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": serial.urn, "version": 1, **body}


def component(name: str) -> dict[str, Any]:
    """One package with its version and licence."""
    about = metadata.metadata(name)
    found = {"type": "library", "bom-ref": purl(name), "name": name, "version": about["Version"], "purl": purl(name)}
    if about["License-Expression"]:
        return {**found, "licenses": [{"expression": about["License-Expression"]}]}
    licence = (about["License"] or "").strip().partition("\n")[0]
    return {**found, "licenses": [{"license": {"name": licence}}]} if licence else found


def purl(name: str) -> str:
    """Package URL of the installed version."""
    return f"pkg:pypi/{canonicalize_name(name)}@{metadata.version(name)}"


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.sbom", description=__doc__)
    parser.add_argument("--extra", action="append", default=[], help="an extra of vramfit's that is installed too")
    parser.add_argument("--output", type=Path, help="file to write; standard output by default")
    given = parser.parse_args()
    text = json.dumps(bill(frozenset(given.extra)), indent=2) + "\n"
    if given.output is None:
        sys.stdout.write(text)
    else:
        given.output.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
